/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mark NAME: prints `NAME tsc=N exits=N avoided=N vmm=N hits=N misses=N invalidations=N` (bare only the TSC) and ends.
 * For the initramfs of tools/bench, whose workloads run bare too and are measured by the TSC.
 */
#include "tools/linux_program.h"
#include "vmx/hypercall.h"

static u64 rdtsc(void)
{
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

static u64 counter(enum hypercall_counter index)
{
    struct registers r = hypercall((struct registers){.eax = HYPERCALL_COUNTER, .ebx = index});
    return r.eax ? 0 : (u64)r.edx << 32 | r.ecx;
}

static int program(int count, char **words)
{
    u64 tsc = rdtsc();
    struct line line = {0};
    static const struct {
        const char *name;
        enum hypercall_counter index;
    } counters[] = {{" exits=", HYPERCALL_EXITS},      {" avoided=", HYPERCALL_AVOIDED},
                    {" vmm=", HYPERCALL_TSC_EXEUNT},   {" hits=", HYPERCALL_TC_HITS},
                    {" misses=", HYPERCALL_TC_MISSES}, {" invalidations=", HYPERCALL_INVALIDATIONS}};

    line_text(&line, count > 1 ? words[1] : "mark");
    line_text(&line, " tsc=");
    line_number(&line, tsc);
    for (u32 i = 0; i < sizeof(counters) / sizeof(counters[0]) && under_exeunt(); i++) {
        line_text(&line, counters[i].name);
        line_number(&line, counter(counters[i].index));
    }
    line_text(&line, "\n");
    line_write(&line, STANDARD_OUTPUT);
    return 0;
}
