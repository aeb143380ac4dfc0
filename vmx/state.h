/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between struct vcpu and the current VMCS: parts are read when somebody asks, and written back once, before entry.
 */
#ifndef VMX_STATE_H
#define VMX_STATE_H

#include "vmx/cpu.h"

/* vcpu.fetch: VMREADs the parts (enum vcpu_part). */
void state_fetch(struct vcpu *v, u32 parts);

/* The same for all that emul_step() asks for, in one straight run. RIP was fetched at the exit. */
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
