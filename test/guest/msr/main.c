/* SPDX-License-Identifier: BSD-2-Clause */
/* RDMSR and WRMSR: values that come back, and #GP where the SDM says so. */
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

#define NON_CANONICAL 0x8000000000001000ull
#define MSR_NOT_THERE 0x12345678
#define MSR_FEATURE_CONTROL 0x3a
#define MSR_MTRR_CAPABILITY 0xfe
#define MSR_MTRR_DEFAULT 0x2ff
#define MSR_MTRR_BASE0 0x200
#define MSR_VMX_BASIC 0x480

static volatile u64 result;

static bool try_read(u32 msr)
{
    return ATTEMPT(result = rdmsr(msr));
}
static bool try_write(u32 msr, u64 value)
{
    return ATTEMPT(wrmsr(msr, value));
}

static void round_trip(const char *name, u32 msr, u64 value)
{
    u64 before = rdmsr(msr);
    if (try_write(msr, value))
        check_no_fault(name);
    else
        check(name, rdmsr(msr), value);
    wrmsr(msr, before);
}

static void refused(const char *name, u32 msr, u64 value)
{
    u64 before = rdmsr(msr);
    try_write(msr, value);
    check_fault(name, VECTOR_GP, 0);
    if (rdmsr(msr) != before)
        fail(name, "changed to 0x%llx", rdmsr(msr));
}

static void system_call_registers(void)
{
    round_trip("msr.sysenter-cs", MSR_SYSENTER_CS, 0x1234);
    round_trip("msr.sysenter-esp", MSR_SYSENTER_ESP, 0x7fff1234);
    round_trip("msr.sysenter-eip", MSR_SYSENTER_EIP, 0x7fff5678);
    if (!(cpuid(0x80000001, 0).edx & 1u << 29)) {
        skip("msr.long-mode-registers", "no long mode");
        return;
    }
    round_trip("msr.star", MSR_STAR, 0x0023001000000000);
    round_trip("msr.lstar", MSR_LSTAR, 0xffff800012345678);
    round_trip("msr.fmask", MSR_FMASK, 0x47700);
    round_trip("msr.kernel-gs-base", MSR_KERNEL_GS_BASE, 0xffff800000001000);
    round_trip("msr.fs-base", MSR_FS_BASE, 0x123456789);
    round_trip("msr.gs-base", MSR_GS_BASE, 0xffffffff80000000);
    refused("msr.lstar-canonical", MSR_LSTAR, NON_CANONICAL);
    refused("msr.kernel-gs-canonical", MSR_KERNEL_GS_BASE, NON_CANONICAL);
    refused("msr.fs-base-canonical", MSR_FS_BASE, NON_CANONICAL);
    refused("msr.gs-base-canonical", MSR_GS_BASE, NON_CANONICAL);
    refused("msr.sysenter-esp-canonical", MSR_SYSENTER_ESP, NON_CANONICAL);
    refused("msr.sysenter-eip-canonical", MSR_SYSENTER_EIP, NON_CANONICAL);
}

static void efer(void)
{
    u64 now = rdmsr(MSR_EFER);
    round_trip("msr.efer-sce", MSR_EFER, now ^ 1);
    round_trip("msr.efer-nxe", MSR_EFER, now ^ 0x800);
    refused("msr.efer-reserved", MSR_EFER, now | 1u << 2);
    refused("msr.efer-reserved-high", MSR_EFER, now | 1ull << 40);
    if (LONG_MODE)
        refused("msr.efer-lme-while-paging", MSR_EFER, now & ~0x100ull);
    else
        round_trip("msr.efer-lme", MSR_EFER, now | 0x100);
    /* LMA follows LME and PG; what is written there does not matter. */
    check("msr.efer-lma", rdmsr(MSR_EFER) >> 10 & 1, LONG_MODE);
}

static void memory_types(void)
{
    round_trip("msr.pat", MSR_PAT, 0x0007040600070106);
    refused("msr.pat-reserved-type", MSR_PAT, 0x0007040600070102);
    refused("msr.pat-reserved-bits", MSR_PAT, 0x0007040600070118);
    refused("msr.mtrr-capability-read-only", MSR_MTRR_CAPABILITY, rdmsr(MSR_MTRR_CAPABILITY));
    u32 last = (u32)(rdmsr(MSR_MTRR_CAPABILITY) & 0xff) - 1;
    round_trip("msr.mtrr-variable", MSR_MTRR_BASE0 + 2 * last, 0x80000006);
    round_trip("msr.mtrr-variable-mask", MSR_MTRR_BASE0 + 2 * last + 1, 0xfe0000000 & 0xfffffffff);
    refused("msr.mtrr-variable-type", MSR_MTRR_BASE0 + 2 * last, 0x80000002);
    refused("msr.mtrr-default-type", MSR_MTRR_DEFAULT, 0xc02);
    round_trip("msr.mtrr-fixed", 0x250, 0x0606060606060606);
    refused("msr.mtrr-fixed-type", 0x250, 0x0606060606060602);
}

static void wrong(void)
{
    try_read(MSR_NOT_THERE);
    check_fault("msr.read-unknown", VECTOR_GP, 0);
    try_write(MSR_NOT_THERE, 0);
    check_fault("msr.write-unknown", VECTOR_GP, 0);
    try_read(0xc0011234);
    check_fault("msr.read-unknown-high", VECTOR_GP, 0);
    refused("msr.apic-base-reserved", MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 1);
    refused("msr.apic-base-beyond", MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 1ull << 60);
    ATTEMPT(__asm__ volatile(".byte 0xf0; rdmsr" : : "c"(MSR_EFER) : "eax", "edx"));
    check_fault("msr.lock", VECTOR_UD, 0);
}

static void user_rdmsr(word msr)
{
    result = rdmsr((u32)msr);
}
static void user_wrmsr(word msr)
{
    wrmsr((u32)msr, 0);
}

static void registers(void)
{
    word a = ~0ul, d = ~0ul, c = MSR_SYSENTER_CS;
    wrmsr(MSR_SYSENTER_CS, 0x5678);
    if (LONG_MODE)
        c |= (word)0xabcd << 16 << 16; /* only ECX counts */
    __asm__ volatile("rdmsr" : "+a"(a), "+d"(d) : "c"(c));
    check("msr.rdmsr-clears-upper-halves", a | d << 16, 0x5678);
    a = 0x9abc;
    d = 0;
    if (LONG_MODE)
        a |= (word)0xffff << 16 << 16;
    __asm__ volatile("wrmsr" : : "a"(a), "d"(d), "c"(c));
    check("msr.wrmsr-ignores-upper-halves", rdmsr(MSR_SYSENTER_CS), 0x9abc);
    wrmsr(MSR_SYSENTER_CS, 0);
}

static void under_hypervisor(void)
{
    if (!under_exeunt())
        return;
    try_read(MSR_VMX_BASIC);
    check_fault("HV msr.vmx-hidden", VECTOR_GP, 0);
    bool faulted = try_read(MSR_FEATURE_CONTROL);
    check_true("HV msr.feature-control-locked-without-vmx", faulted || (result & 5) == 1);
}

void guest_main(void)
{
    registers();
    system_call_registers();
    efer();
    memory_types();
    wrong();
    ATTEMPT(run_user(user_rdmsr, MSR_PAT));
    check_fault("msr.user-read", VECTOR_GP, 0);
    ATTEMPT(run_user(user_wrmsr, MSR_PAT));
    check_fault("msr.user-write", VECTOR_GP, 0);
    under_hypervisor();
}
