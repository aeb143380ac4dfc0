/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RDMSR and WRMSR (SPEC 2.5). The policy (emul/msr_policy.def) says which way each MSR goes; the guarded ones that need
 * more than a check are in vmx/msr_guard.c.
 */
#include "emul/access.h"
#include "emul/device.h"
#include "emul/policy.h"
#include "lib/counters.h"
#include "lib/cpu.h"
#include "lib/msr.h"
#include "vmx/answers.h"
#include "vmx/exit.h"
#include "vmx/insn.h"
#include "vmx/machine.h"
#include "vmx/msr_guard.h"
#include "vmx/vmcs_fields.h"

/* SDM "IA32_DEBUGCTL MSR" */
#define DEBUGCTL_LBR BIT(0)
#define DEBUGCTL_BTF BIT(1)
#define DEBUGCTL_BRANCH_TRACE BITS(8, 6) /* TR, BTS, BTINT */
#define CPUID_DS BIT(21)

/* Registers that entries and exits switch: the guest's value is in the VMCS. 0: not such a one. */
static u32 vmcs_field_of(const struct cpu *cpu, u32 msr)
{
    switch (msr) {
    case MSR_SYSENTER_CS:
        return VMCS_GUEST_SYSENTER_CS;
    case MSR_SYSENTER_ESP:
        return VMCS_GUEST_SYSENTER_ESP;
    case MSR_SYSENTER_EIP:
        return VMCS_GUEST_SYSENTER_EIP;
    case MSR_DEBUGCTL:
        return VMCS_GUEST_DEBUGCTL;
    case MSR_PAT:
        return VMCS_GUEST_PAT;
    case MSR_EFER:
        return VMCS_GUEST_EFER;
    case MSR_FS_BASE:
        return VMCS_GUEST_FS_BASE;
    case MSR_GS_BASE:
        return VMCS_GUEST_GS_BASE;
    case MSR_PERF_GLOBAL_CTRL:
        return cpu->controls.vm_entry & VM_ENTRY_LOAD_PERF_GLOBAL_CTRL ? VMCS_GUEST_PERF_GLOBAL_CTRL : 0;
    default:
        return 0;
    }
}

static bool is_x2apic(u32 msr)
{
    return msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST;
}

static bool forward_read(struct cpu *cpu, u32 msr, u64 *value)
{
    if (is_x2apic(msr))
        return device_x2apic_read(&cpu->vcpu, msr, value);
    u32 field = vmcs_field_of(cpu, msr);
    if (!field)
        return vmx_rdmsr_safe(msr, value);
    *value = vmread(field);
    return true;
}

static bool pat_valid(u64 value)
{
    for (u32 i = 0; i < 64; i += 8) {
        u64 type = value >> i & 0xff;
        if (type == 2 || type == 3 || type > 7)
            return false;
    }
    return true;
}

/*
 * The real register judges reserved bits, without those that would act on root mode at once: a branch trace store would
 * go to linear addresses that the guest chose, which are Exeunt's.
 */
static bool debugctl_valid(u64 value)
{
    if (value & DEBUGCTL_BRANCH_TRACE && !(cpuid(1, 0).edx & CPUID_DS))
        return false;
    return vmx_wrmsr_safe(MSR_DEBUGCTL, value & ~(DEBUGCTL_LBR | DEBUGCTL_BTF | DEBUGCTL_BRANCH_TRACE)) &&
           vmx_wrmsr_safe(MSR_DEBUGCTL, 0);
}

/*
 * An MSR that entries and exits switch goes to the VMCS: an exit path that is only taken with trap=msr. A value that
 * the real WRMSR would refuse must not get there, because VM entry would fail with it.
 */
static bool write_switched(struct cpu *cpu, u32 msr, u32 field, u64 value)
{
    bool valid = true;
    if (msr == MSR_PAT)
        valid = pat_valid(value);
    else if (msr == MSR_DEBUGCTL)
        valid = debugctl_valid(value);
    else if (msr != MSR_SYSENTER_CS)
        valid = access_canonical(&cpu->vcpu, value);
    if (valid)
        vmwrite(field, value);
    return valid;
}

static bool forward_write(struct cpu *cpu, u32 msr, u64 value)
{
    if (is_x2apic(msr))
        return device_x2apic_write(&cpu->vcpu, msr, value);
    u32 field = vmcs_field_of(cpu, msr);
    return field ? write_switched(cpu, msr, field, value) : vmx_wrmsr_safe(msr, value);
}

static bool read_msr(struct cpu *cpu, u32 msr, u64 *value)
{
    switch (policy_msr(&cpu->vm->policy, msr, false)) {
    case DENY:
        counters.msr_reads_denied++;
        return false;
    case GUARD:
        return is_x2apic(msr) ? forward_read(cpu, msr, value) : msr_guard_read(cpu, msr, value);
    default:
        return forward_read(cpu, msr, value);
    }
}

static bool write_msr(struct cpu *cpu, u32 msr, u64 value)
{
    switch (policy_msr(&cpu->vm->policy, msr, true)) {
    case DENY:
        counters.msr_writes_denied++;
        return false;
    case GUARD:
        return is_x2apic(msr) ? forward_write(cpu, msr, value) : msr_guard_write(cpu, msr, value);
    default:
        return forward_write(cpu, msr, value);
    }
}

void exit_rdmsr(struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    u32 msr = (u32)v->gpr[RCX];
    u64 value;
    statistics_detail(&cpu->statistics, detail_key(exit_row_of_msr(msr, false), msr));
    if (!read_msr(cpu, msr, &value)) {
        vcpu_raise_code(v, VECTOR_GP, 0);
        return;
    }
    u64 question = answer_question(v->gpr);
    v->gpr[RAX] = (u32)value;
    v->gpr[RDX] = value >> 32;
    if (cpu->sites && msr_guard_is_constant(msr))
        answer_note(cpu, ANSWER_RDMSR, question);
    exit_advance(cpu);
}

void exit_wrmsr(struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    u32 msr = (u32)v->gpr[RCX];
    statistics_detail(&cpu->statistics, detail_key(exit_row_of_msr(msr, true), msr));
    answers_end(cpu);
    if (write_msr(cpu, msr, (u64)(u32)v->gpr[RDX] << 32 | (u32)v->gpr[RAX]))
        exit_advance(cpu);
    else
        vcpu_raise_code(v, VECTOR_GP, 0);
}
