/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/msr_guard.h"

#include "emul/policy.h"
#include "lib/counters.h"
#include "lib/cpu.h"
#include "lib/msr.h"
#include "lib/vcpu.h"
#include "vmx/exit.h"
#include "vmx/insn.h"
#include "vmx/machine.h"
#include "vmx/mtrr.h"
#include "vmx/reporting.h"
#include "vmx/state.h"
#include "vmx/vmcs_fields.h"

void msr_read_mtrrs(struct mtrrs *mtrrs, u8 physical_bits)
{
    *mtrrs = (struct mtrrs){.physical_bits = physical_bits};
    if (!(cpuid(1, 0).edx & BIT(12))) /* no MTRRs: everything is WB (SDM "Identification of MTRRs") */
        mtrrs->default_type = MTRR_DEF_TYPE_ENABLE | MEMORY_WB;
    else {
        mtrrs->capabilities = rdmsr(MSR_MTRRCAP);
        mtrrs->default_type = rdmsr(MSR_MTRR_DEF_TYPE);
        for (u32 i = 0; i < (mtrrs->capabilities & MTRRCAP_VARIABLE_COUNT) && i < MTRR_VARIABLE_MAX; i++) {
            mtrrs->variable[i].base = rdmsr(MSR_MTRR_PHYSBASE0 + 2 * i);
            mtrrs->variable[i].mask = rdmsr(MSR_MTRR_PHYSMASK0 + 2 * i);
        }
    }
    if (!(mtrrs->capabilities & MTRRCAP_FIXED))
        return;
    mtrrs->fixed[0] = rdmsr(MSR_MTRR_FIX64K_00000);
    mtrrs->fixed[1] = rdmsr(MSR_MTRR_FIX16K_80000);
    mtrrs->fixed[2] = rdmsr(MSR_MTRR_FIX16K_A0000);
    for (u32 i = 0; i < 8; i++)
        mtrrs->fixed[3 + i] = rdmsr(MSR_MTRR_FIX4K_C0000 + i);
}

static bool read_mtrr(struct cpu *cpu, u32 msr, u64 *value)
{
    const u64 *reg = mtrr_register(&cpu->vm->mtrrs, msr);
    if (reg)
        *value = *reg;
    return reg;
}

static bool write_mtrr(struct cpu *cpu, u32 msr, u64 value)
{
    struct mtrrs *mtrrs = &cpu->vm->mtrrs;
    u64 *reg = mtrr_register(mtrrs, msr);
    if (!reg || !mtrr_value_valid(mtrrs, msr, value, (u8)cpuid(0x80000008, 0).eax))
        return false;
    if (*reg == value)
        return true;
    *reg = value;
    counters.mtrr_rebuilds++;
    ept_rebuild(&cpu->vm->ept); /* what does not fit comes back on demand */
    return true;
}

/* The LAPIC page is a hole where the policy traps it; the hole follows the page. */
static bool write_apic_base(struct cpu *cpu, u64 value)
{
    struct vm *vm = cpu->vm;
    u64 page = value & BITS(51, 12), old = vm->policy.apic_base;
    if ((page >= vm->ept.config.own.start && page < vm->ept.config.own.end) || page >> vm->physical_bits) {
        counters.lapic_relocation_refused++;
        return false;
    }
    if (!vmx_wrmsr_safe(MSR_APIC_BASE, value))
        return false;
    cpu->apic_enabled = value & APIC_BASE_ENABLE;
    if (page == old)
        return true;
    vm->policy.apic_base = page;
    if (vm->policy.apic_page) {
        spaces_forget(&cpu->spaces);
        ept_remove_hole(&vm->ept, (struct range){old, old + PAGE_SIZE});
        if (ept_add_hole(&vm->ept, (struct range){page, page + PAGE_SIZE}) != EPT_OK)
            exit_fatal(cpu, "no memory to move the hole of the LAPIC page");
    }
    return true;
}

/* SDM "IA32_EFER": LMA is the CPU's; LME cannot change while paging is on. */
static bool write_efer(struct cpu *cpu, u64 value)
{
    struct vcpu *v = &cpu->vcpu;
    u64 old = paging_off_efer(cpu, vcpu_efer(v));
    if (value & ~cpu->efer_allowed)
        return false;
    if ((value ^ old) & EFER_LME && vcpu_cr0(v) & CR0_PG)
        return false;
    state_set_efer(cpu, paging_off_real_efer(cpu, (value & ~EFER_LMA) | (old & EFER_LMA)));
    if ((value ^ old) & EFER_NXE)
        exit_flush_linear(cpu);
    return true;
}

/* The report's clock goes on as if the TSC had not been moved. */
static bool write_tsc(struct cpu *cpu, u32 msr, u64 value)
{
    u64 before = rdtsc();
    if (!vmx_wrmsr_safe(msr, value))
        return false;
    u64 delta = rdtsc() - before;
    cpu->exited += delta;
    cpu->entered += delta;
    statistics_rebase(&cpu->statistics, delta);
    cpu->report_due += delta;
    reporting_set_timer(cpu);
    counters.tsc_writes++;
    return true;
}

/* Root mode would take the #AC or #GP of a split or uncacheable lock that it performs for the guest. */
static bool write_test_ctrl(u64 value)
{
    return !(value & (TEST_CTRL_SPLIT_LOCK_FAULT | TEST_CTRL_UC_LOCK_FAULT)) && vmx_wrmsr_safe(MSR_TEST_CTRL, value);
}

static bool read_core_capabilities(u64 *value)
{
    if (!vmx_rdmsr_safe(MSR_CORE_CAPABILITIES, value))
        return false;
    *value &= ~(CORE_CAPABILITIES_UC_LOCK_FAULT | CORE_CAPABILITIES_SPLIT_LOCK_FAULT);
    return true;
}

/* CPUID follows IA32_MISC_ENABLE (MONITOR) and IA32_TSX_CTRL (RTM, HLE). */
static bool write_with_cpuid(struct cpu *cpu, u32 msr, u64 value)
{
    u64 before;
    if (!vmx_rdmsr_safe(msr, &before) || !vmx_wrmsr_safe(msr, value))
        return false;
    if (rdmsr(msr) != before)
        machine_read_cpuid(cpu);
    return true;
}

static bool write_misc_enable(struct cpu *cpu, u64 value)
{
    u64 kept = MISC_ENABLE_XD_DISABLE | MISC_ENABLE_LIMIT_CPUID;
    return write_with_cpuid(cpu, MSR_MISC_ENABLE, (value & ~kept) | (rdmsr(MSR_MISC_ENABLE) & kept));
}

static bool write_xss(struct cpu *cpu, u64 value)
{
    if (value & ~cpu->xss_allowed || !vmx_wrmsr_safe(MSR_XSS, value))
        return false;
    exit_read_xsave_sizes(cpu);
    return true;
}

bool msr_guard_is_constant(u32 msr)
{
    return mtrr_is(msr) || msr == MSR_FEATURE_CONTROL || msr == MSR_EFER || msr == MSR_BIOS_SIGN_ID ||
           msr == MSR_APIC_BASE;
}

bool msr_guard_read(struct cpu *cpu, u32 msr, u64 *value)
{
    if (mtrr_is(msr))
        return read_mtrr(cpu, msr, value);
    switch (msr) {
    case MSR_FEATURE_CONTROL:
        *value = FEATURE_CONTROL_LOCK;
        return true;
    case MSR_EFER:
        *value = paging_off_efer(cpu, vcpu_efer(&cpu->vcpu));
        return true;
    case MSR_BIOS_SIGN_ID:
        *value = cpu->microcode;
        return true;
    case MSR_CORE_CAPABILITIES:
        return read_core_capabilities(value);
    case MSR_PEBS_ENABLE:
        return perf_read_pebs_enable(cpu, value);
    default:
        return vmx_rdmsr_safe(msr, value);
    }
}

bool msr_guard_write(struct cpu *cpu, u32 msr, u64 value)
{
    if (mtrr_is(msr))
        return write_mtrr(cpu, msr, value);
    switch (msr) {
    case MSR_TIME_STAMP_COUNTER:
    case MSR_TSC_ADJUST:
        return write_tsc(cpu, msr, value);
    case MSR_APIC_BASE:
        return write_apic_base(cpu, value);
    case MSR_EFER:
        return write_efer(cpu, value);
    case MSR_BIOS_UPDT_TRIG:
        counters.microcode_refused++;
        return true;
    case MSR_BIOS_SIGN_ID:
        return true;
    case MSR_MISC_ENABLE:
        return write_misc_enable(cpu, value);
    case MSR_TSX_CTRL:
        return write_with_cpuid(cpu, msr, value);
    case MSR_XSS:
        return write_xss(cpu, value);
    case MSR_PERF_GLOBAL_CTRL:
        return perf_write_global_ctrl(cpu, value);
    case MSR_PEBS_ENABLE:
        return perf_write_pebs_enable(cpu, value);
    case MSR_TEST_CTRL:
        return write_test_ctrl(value);
    default:
        return vmx_wrmsr_safe(msr, value);
    }
}
