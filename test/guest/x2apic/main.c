/* SPDX-License-Identifier: BSD-2-Clause */
/* The switch to x2APIC mode, its MSRs, its timer and self IPI. */
#include "test/guest/lib/apic.h"
#include "test/guest/lib/guest.h"

#define X2APIC(reg) (0x800u + (reg) / 16)
#define X2APIC_SELF_IPI 0x83f
#define VECTOR_TEST 0x51
#define BASE_ENABLE 0x800u
#define BASE_EXTENDED 0x400u

static volatile u32 count;
static volatile u64 result;

static void on_test(struct frame *frame)
{
    count++;
    wrmsr(X2APIC(APIC_EOI), 0);
}

static bool arrives(u32 value)
{
    for (u32 i = 0; i < 3000000 && count < value; i++)
        pause();
    return count == value;
}

static void refused(const char *name, u32 msr, u64 value)
{
    ATTEMPT(wrmsr(msr, value));
    check_fault(name, VECTOR_GP, 0);
}

static void registers(u32 id)
{
    check("x2apic.id", rdmsr(X2APIC(APIC_ID)), id);
    check("x2apic.version", rdmsr(X2APIC(APIC_VERSION)) & 0xf0, 0x10);
    wrmsr(X2APIC(APIC_TPR), 0x20);
    check("x2apic.tpr", rdmsr(X2APIC(APIC_TPR)), 0x20);
    wrmsr(X2APIC(APIC_TPR), 0);
    refused("x2apic.id-read-only", X2APIC(APIC_ID), 0);
    refused("x2apic.version-read-only", X2APIC(APIC_VERSION), 0);
    refused("x2apic.eoi-not-zero", X2APIC(APIC_EOI), 1);
    refused("x2apic.tpr-reserved", X2APIC(APIC_TPR), 0x100);
    refused("x2apic.svr-upper", X2APIC(APIC_SPURIOUS), 1ull << 32);
    ATTEMPT(result = rdmsr(X2APIC(APIC_EOI)));
    check_fault("x2apic.eoi-write-only", VECTOR_GP, 0);
    ATTEMPT(result = rdmsr(X2APIC(APIC_DFR)));
    check_fault("x2apic.no-dfr", VECTOR_GP, 0);
    ATTEMPT(result = rdmsr(X2APIC(APIC_ICR_HIGH)));
    check_fault("x2apic.no-icr-high", VECTOR_GP, 0);
    ATTEMPT(result = rdmsr(0x8ff));
    check_fault("x2apic.beyond", VECTOR_GP, 0);
}

static void interrupts(u32 id)
{
    on_vector(VECTOR_TEST, on_test);
    interrupts_on();
    wrmsr(X2APIC_SELF_IPI, VECTOR_TEST);
    check_true("x2apic.self-ipi", arrives(1));
    wrmsr(X2APIC(APIC_ICR), (u64)id << 32 | ICR_ASSERT | VECTOR_TEST);
    check_true("x2apic.icr-physical", arrives(2));
    wrmsr(X2APIC(APIC_ICR), ICR_SELF | ICR_ASSERT | VECTOR_TEST);
    check_true("x2apic.icr-self", arrives(3));
    wrmsr(X2APIC(APIC_TIMER_DIVIDE), 0xb);
    wrmsr(X2APIC(APIC_LVT_TIMER), VECTOR_TEST);
    wrmsr(X2APIC(APIC_TIMER_COUNT), 20000);
    check_true("x2apic.timer", arrives(4));
    interrupts_off();
}

void guest_main(void)
{
    if (!(cpuid(1, 0).ecx & 1u << 21)) {
        skip("x2apic", "no x2APIC");
        return;
    }
    ATTEMPT(result = rdmsr(X2APIC(APIC_ID)));
    check_fault("x2apic.msrs-off", VECTOR_GP, 0);
    u32 id = apic_id();
    u64 base = rdmsr(MSR_APIC_BASE);
    refused("x2apic.extended-without-enable", MSR_APIC_BASE, (base & ~(u64)BASE_ENABLE) | BASE_EXTENDED);
    apic_enable();
    wrmsr(MSR_APIC_BASE, base | BASE_EXTENDED);
    check("x2apic.on", rdmsr(MSR_APIC_BASE) & (BASE_ENABLE | BASE_EXTENDED), BASE_ENABLE | BASE_EXTENDED);
    registers(id);
    interrupts(id);
    refused("x2apic.back-to-xapic", MSR_APIC_BASE, base);
}
