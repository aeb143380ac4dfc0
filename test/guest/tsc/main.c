/* SPDX-License-Identifier: BSD-2-Clause */
/* RDTSC and RDTSCP, CR4.TSD, and writes of the TSC. */
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

#define MSR_TSC 0x10
#define MSR_TSC_ADJUST 0x3b
#define MSR_TSC_AUX 0xc0000103u
#define FAR 0x100000000000ull

static volatile u64 result;

static void user_rdtsc(word unused)
{
    result = rdtsc();
}

static u64 rdtscp(u32 *aux)
{
    u32 low, high;
    __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(*aux));
    return (u64)high << 32 | low;
}

static void advances(void)
{
    u64 last = rdtsc();
    bool up = true;
    for (u32 i = 0; i < 1000; i++) {
        u64 now = rdtsc();
        up &= now > last;
        last = now;
    }
    check_true("tsc.advances", up);
    u64 before = rdtsc(), msr = rdmsr(MSR_TSC), after = rdtsc();
    check_true("tsc.msr-is-tsc", before < msr && msr < after);
}

static void writes(void)
{
    u64 now = rdtsc();
    wrmsr(MSR_TSC, now + FAR);
    u64 moved = rdtsc() - now;
    check_true("tsc.write-forward", moved >= FAR && moved < FAR + 10000000);
    wrmsr(MSR_TSC, rdtsc() - FAR);
    check_true("tsc.write-back", rdtsc() - now < 10000000);
    if (cpuid(0, 0).eax < 7 || !(cpuid(7, 0).ebx & 2)) {
        skip("tsc.adjust", "no TSC_ADJUST");
        return;
    }
    u64 adjust = rdmsr(MSR_TSC_ADJUST);
    now = rdtsc();
    wrmsr(MSR_TSC_ADJUST, adjust + FAR);
    moved = rdtsc() - now;
    check_true("tsc.adjust-forward", moved >= FAR && moved < FAR + 10000000);
    wrmsr(MSR_TSC_ADJUST, adjust);
    check_true("tsc.adjust-back", rdtsc() - now < 10000000);
    wrmsr(MSR_TSC, rdtsc() + FAR);
    check_true("tsc.adjust-follows-write", rdmsr(MSR_TSC_ADJUST) - adjust > FAR - 10000000);
    wrmsr(MSR_TSC_ADJUST, adjust);
}

void guest_main(void)
{
    advances();
    writes();
    ATTEMPT(run_user(user_rdtsc, 0));
    check_no_fault("tsc.user");
    write_cr4(read_cr4() | CR4_TSD);
    ATTEMPT(run_user(user_rdtsc, 0));
    check_fault("tsc.user-tsd", VECTOR_GP, 0);
    ATTEMPT(result = rdtsc());
    check_no_fault("tsc.kernel-tsd");
    write_cr4(read_cr4() & ~(word)CR4_TSD);
    if (!(cpuid(0x80000001, 0).edx & 1u << 27)) {
        skip("tsc.rdtscp", "no RDTSCP");
        return;
    }
    u32 aux = 0;
    wrmsr(MSR_TSC_AUX, 0x1234);
    u64 before = rdtsc();
    u64 now = rdtscp(&aux);
    check("tsc.rdtscp-aux", aux, 0x1234);
    check_true("tsc.rdtscp", now > before);
    /* Bits 63:32 are reserved, which Bochs does not know. */
    ATTEMPT(wrmsr(MSR_TSC_AUX, 1ull << 32));
    print("INFO a reserved bit of IA32_TSC_AUX: %s\n", fault.happened ? "#GP" : "taken");
}
