/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID, XSETBV, time-stamp counter, HLT, INVD: instructions with little to decide. */
#include "lib/counters.h"
#include "lib/cpu.h"
#include "lib/msr.h"
#include "vmx/answers.h"
#include "vmx/exit.h"
#include "vmx/insn.h"
#include "vmx/machine.h"
#include "vmx/vmcs.h"
#include "vmx/vmcs_fields.h"

/* A 32-bit result goes to a 64-bit register with its upper half cleared. */
static void set_pair(struct vcpu *v, u64 value)
{
    v->gpr[RAX] = (u32)value;
    v->gpr[RDX] = value >> 32;
}

static u64 pair(const struct vcpu *v)
{
    return (u64)(u32)v->gpr[RDX] << 32 | (u32)v->gpr[RAX];
}

/*
 * By the one field that says it, which an outer KVM shadows; vcpu_code_size() would fetch the whole segment and EFER.
 * LMA is what the VM-entry control says (SDM "Checks on Guest Control Registers, Debug Registers, and MSRs").
 */
static bool in_64_bit_mode(const struct cpu *cpu)
{
    return cpu->controls.vm_entry & VM_ENTRY_IA32E_GUEST && vmread(VMCS_GUEST_CS_ACCESS) & ACCESS_L;
}

/* Only what this leaf's answer depends on is looked up; for most leaves that is nothing. */
static struct cpuid_state state_for(struct cpu *cpu, u32 needs)
{
    struct cpuid_state state = {0};
    if (needs & CPUID_NEEDS_CR4)
        state.cr4 = vcpu_cr4(&cpu->vcpu);
    if (needs & CPUID_NEEDS_APIC_BASE)
        state.apic_base = cpu->apic_enabled ? APIC_BASE_ENABLE : 0;
    if (needs & CPUID_NEEDS_XSAVE_SIZES) {
        state.xsave_size = cpu->xsave_size;
        state.xsave_compact_size = cpu->xsave_compact_size;
    }
    if (needs & CPUID_NEEDS_CODE_64)
        state.code_64 = in_64_bit_mode(cpu);
    return state;
}

void exit_cpuid(struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    u32 leaf = (u32)v->gpr[RAX], subleaf = (u32)v->gpr[RCX], out[4];
    statistics_detail(&cpu->statistics, detail_key_of_leaf(leaf));
    u32 needs = cpuid_needs(&cpu->cpuid, leaf, subleaf);
    struct cpuid_state state = state_for(cpu, needs);
    cpuid_answer(&cpu->cpuid, leaf, subleaf, &state, out);
    v->gpr[RAX] = out[0];
    v->gpr[RBX] = out[1];
    v->gpr[RCX] = out[2];
    v->gpr[RDX] = out[3];
    if (cpu->sites && !(needs & CPUID_NEEDS_CODE_64)) {
        bool subleaves = cpuid_has_subleaves(&cpu->cpuid, leaf);
        answer_note(cpu, subleaves ? ANSWER_CPUID_SUBLEAF : ANSWER_CPUID, leaf | (u64)subleaf << 32);
    }
    exit_advance(cpu);
}

void exit_read_xsave_sizes(struct cpu *cpu)
{
    answers_end(cpu);
    if (!(read_cr4() & CR4_OSXSAVE))
        return;
    cpu->xsave_size = cpuid(0xd, 0).ebx;
    cpu->xsave_compact_size = cpuid(0xd, 1).ebx;
}

/* SDM "XSETBV". CR4.OSXSAVE was checked before the exit; the real instruction judges the value. */
void exit_xsetbv(struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    u64 value = pair(v);
    if (vcpu_cpl(v) != 0 || (u32)v->gpr[RCX] != 0 || !cpuid_xcr0_valid(&cpu->cpuid, value) ||
        !vmx_xsetbv_safe(0, value)) {
        vcpu_raise_code(v, VECTOR_GP, 0);
        return;
    }
    exit_read_xsave_sizes(cpu);
    exit_advance(cpu);
}

void exit_rdtsc(struct cpu *cpu)
{
    set_pair(&cpu->vcpu, rdtsc());
    exit_advance(cpu);
}

void exit_rdtscp(struct cpu *cpu)
{
    set_pair(&cpu->vcpu, rdtsc());
    cpu->vcpu.gpr[RCX] = (u32)rdmsr(MSR_TSC_AUX);
    exit_advance(cpu);
}

/* UMWAIT, TPAUSE: exit with trap=tsc. The wait ends at once, not by the time limit (SDM "UMWAIT": CF clear). */
void exit_user_wait(struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    v->rflags = vcpu_rflags(v) & ~(u64)(RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF);
    vcpu_dirty(v, PART_RFLAGS);
    exit_advance(cpu);
}

/* Only with trap=hlt: the CPU sleeps in the guest's place, so that idle time has a row of its own. */
void exit_hlt(struct cpu *cpu)
{
    exit_advance(cpu);
    vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT);
}

/* INVD would drop what Exeunt has written and not yet flushed (SPEC 2.3). */
void exit_invd(struct cpu *cpu)
{
    counters.invd_as_wbinvd++;
    wbinvd();
    exit_advance(cpu);
}

/* VMX, SMX: hidden by CPUID, so the guest gets what a CPU without them gives. */
void exit_undefined(struct cpu *cpu)
{
    counters.vmx_instructions_refused++;
    vcpu_raise(&cpu->vcpu, VECTOR_UD);
}
