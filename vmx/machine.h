/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real machine behind struct machine (emul/vm.h), and the instructions that may fault (entry.S).
 */
#ifndef VMX_MACHINE_H
#define VMX_MACHINE_H

#include "emul/vm.h"
#include "lib/vmx_ops.h"

extern const struct machine real_machine;

/* RDMSR, WRMSR, XSETBV that survive #GP: false then. */
bool vmx_rdmsr_safe(u32 msr, u64 *value);
bool vmx_wrmsr_safe(u32 msr, u64 value);
#if VMX_OPS_COUNTED
#define vmx_rdmsr_safe(...) (COUNT_VMX_OP(MSR), vmx_rdmsr_safe(__VA_ARGS__))
#define vmx_wrmsr_safe(...) (COUNT_VMX_OP(MSR), vmx_wrmsr_safe(__VA_ARGS__))
#endif
bool vmx_xsetbv_safe(u32 index, u64 value);

/* The guest's XMM registers, which stay in the CPU. `value` is 16 bytes. */
void vmx_vector_get(u32 index, void *value);
void vmx_vector_set(u32 index, const void *value);

struct cpu;

/* The CPUID leaves that the guest sees, from this processor: at the start and after what changes them. False: too many.
 */
bool machine_read_cpuid(struct cpu *cpu);

#endif
