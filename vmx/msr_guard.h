/* SPDX-License-Identifier: BSD-2-Clause */
/* MSRs whose verdict is GUARD: Exeunt has them as state, or looks at the value first. */
#ifndef VMX_MSR_GUARD_H
#define VMX_MSR_GUARD_H

#include "vmx/cpu.h"

/* False: #GP(0) for the guest. */
/* Its value, as the guest reads it, changes by exits of this CPU only. */
bool msr_guard_is_constant(u32 msr);

bool msr_guard_read(struct cpu *cpu, u32 msr, u64 *value);
bool msr_guard_write(struct cpu *cpu, u32 msr, u64 value);

/* Reads this CPU's MTRRs. */
void msr_read_mtrrs(struct mtrrs *mtrrs, u8 physical_bits);

#endif
