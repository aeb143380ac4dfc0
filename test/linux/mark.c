/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mark NAME: prints `NAME tsc=N exits=N avoided=N vmm=N hits=N misses=N invalidations=N` (bare only the TSC) and ends.
 * For the initramfs of tools/bench, whose workloads run bare too and are measured by the TSC. To read a counter takes
 * tens of thousands of ticks: where NAME ends with -begin the TSC is read behind them, else before.
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

static const struct {
    const char *name;
    enum hypercall_counter index;
} counters[] = {{" exits=", HYPERCALL_EXITS},      {" avoided=", HYPERCALL_AVOIDED},
                {" vmm=", HYPERCALL_TSC_EXEUNT},   {" hits=", HYPERCALL_TC_HITS},
                {" misses=", HYPERCALL_TC_MISSES}, {" invalidations=", HYPERCALL_INVALIDATIONS}};
#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

static bool begins(const char *name)
{
    static const char end[] = "-begin";
    u32 length = 0, at = 0;
    while (name[length])
        length++;
    if (length < sizeof(end) - 1)
        return false;
    for (name += length - (sizeof(end) - 1); end[at] && name[at] == end[at]; at++)
        continue;
    return !end[at];
}

static int program(int count, char **words)
{
    const char *name = count > 1 ? words[1] : "mark";
    u32 read = under_exeunt() ? COUNTERS : 0;
    u64 tsc = rdtsc(), value[COUNTERS];
    struct line line = {0};
    for (u32 i = 0; i < read; i++)
        value[i] = counter(counters[i].index);
    if (begins(name))
        tsc = rdtsc();
    line_text(&line, name);
    line_text(&line, " tsc=");
    line_number(&line, tsc);
    for (u32 i = 0; i < read; i++) {
        line_text(&line, counters[i].name);
        line_number(&line, value[i]);
    }
    line_text(&line, "\n");
    line_write(&line, STANDARD_OUTPUT);
    return 0;
}
