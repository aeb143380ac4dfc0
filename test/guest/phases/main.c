/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bursts of one exiting instruction each, between marks on port 80H that an outer hypervisor can see: 4EH before a
 * burst, 80H plus the burst's number after it. For counting what one exit costs there (tools/nested-count).
 */
#include "test/guest/lib/apic.h"
#include "test/guest/lib/guest.h"

#define MARK_PORT 0x80
#define MARK_BEGIN 0x4e
#define MARK_END 0x80
#define TIMES 256u

static void op_nothing(void)
{
    pause();
}

static void op_cpuid(void)
{
    (void)cpuid(0, 0);
}

static void op_cpuid_features(void)
{
    (void)cpuid(1, 0);
}

static void op_cpuid_extended(void)
{
    (void)cpuid(0x80000001, 0);
}

static void op_out(void)
{
    outb(0xed, 0);
}

static void op_in(void)
{
    (void)inb(0xed);
}

static void op_apic_read(void)
{
    (void)apic_read(APIC_VERSION);
}

static void op_apic_write(void)
{
    apic_write(APIC_TPR, 0);
}

static void op_rdmsr(void)
{
    (void)rdmsr(MSR_APIC_BASE);
}

/* Read a counter: SPEC 9. Bare, and under hypervisors without it, #UD or another answer. */
static void op_vmcall(void)
{
    u32 a = 0x45580004, c = 0, d = 0;
    __asm__ volatile("vmcall" : "+a"(a), "+c"(c), "+d"(d) : "b"(0) : "memory");
}

static void (*const bursts[])(void) = {op_nothing, op_cpuid,     op_cpuid_features, op_cpuid_extended, op_out,
                                       op_in,      op_apic_read, op_apic_write,     op_rdmsr,          op_vmcall};
static const char *const names[COUNT_OF(bursts)] = {"nothing", "cpuid",     "cpuid-1",    "cpuid-80000001", "out",
                                                    "in",      "apic-read", "apic-write", "rdmsr",          "vmcall"};

static void burst(u32 i)
{
    print("INFO burst %u: %u times %s\n", i, TIMES, names[i]);
    console_drain();
    bursts[i](); /* once before, so that nothing happens for the first time inside */
    outb(MARK_PORT, MARK_BEGIN);
    for (u32 n = 0; n < TIMES; n++)
        bursts[i]();
    outb(MARK_PORT, (u8)(MARK_END + i));
}

void guest_main(void)
{
    u32 last = under_exeunt() ? COUNT_OF(bursts) : COUNT_OF(bursts) - 1;
    for (u32 i = 0; i < last; i++)
        burst(i);
    pass("phases.done");
}
