/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between struct vcpu and the current VMCS: parts are read when somebody asks, and written back once, before entry.
 */
#ifndef VMX_STATE_H
#define VMX_STATE_H

#include "emul/emul.h"
#include "vmx/cpu.h"
#include "vmx/insn.h"
#include "vmx/vmcs_fields.h"

/* vcpu.fetch: VMREADs the parts (enum vcpu_part). */
void state_fetch(struct vcpu *v, u32 parts);

/* CR3 as the guest believes in it. */
static inline u64 state_fetch_cr3(const struct cpu *cpu)
{
    return cpu->paging_off.active ? cpu->paging_off.cr3 : vmread_sure(VMCS_GUEST_CR3);
}

/* All that emul_step() asks for, in one straight run; RIP and RFLAGS where `parts` has them. Nothing else is there. */
static inline __attribute__((always_inline)) void state_fetch_step_parts(struct cpu *cpu, u32 parts)
{
    struct vcpu *v = &cpu->vcpu;
    if (parts & PART_RIP)
        v->rip = vmread_sure(VMCS_GUEST_RIP);
    if (parts & PART_RFLAGS)
        v->rflags = vmread_sure(VMCS_GUEST_RFLAGS);
    v->interruptibility = (u32)vmread_sure(VMCS_GUEST_INTERRUPTIBILITY);
    v->seg[SEG_CS].access = (u32)vmread_sure(VMCS_GUEST_CS_ACCESS);
    v->seg[SEG_SS].access = (u32)vmread_sure(VMCS_GUEST_SS_ACCESS);
    v->dr7 = vmread_sure(VMCS_GUEST_DR7);
    v->cr3 = state_fetch_cr3(cpu);
    v->have = EMUL_STEP_PARTS;
}

/* The same, whatever is there. RIP was fetched at the exit. */
void state_fetch_for_step(struct cpu *cpu);

/* VMWRITEs what is dirty and forgets what was fetched. */
void state_write_back(struct cpu *cpu);

/* GUEST_CR0 and CR0_READ_SHADOW for the value that the guest believes in; same for CR4. */
void state_set_cr0(struct cpu *cpu, u64 value);
void state_set_cr4(struct cpu *cpu, u64 value);

/* The entry controls' "IA-32e mode guest" follows EFER.LMA. */
void state_set_efer(struct cpu *cpu, u64 value);

/* Sets or clears bits of the primary processor-based controls; the VMCS is written only when they change. */
void state_set_primary(struct cpu *cpu, u32 bits);
void state_clear_primary(struct cpu *cpu, u32 bits);

/* Activates the VMX-preemption timer, which then goes on from one entry to the next, or stops it. */
void state_set_timer(struct cpu *cpu, bool on);

#endif
