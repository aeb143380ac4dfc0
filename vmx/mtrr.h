/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's MTRRs. Under EPT the real ones say nothing about the guest's accesses, only about Exeunt's own (SDM "EPT
 * and Memory Typing"): so they stay as firmware set them, and a guest cannot make Exeunt's memory uncached or
 * write-combining. The guest's copy shapes the memory types in the EPT. Pure.
 */
#ifndef VMX_MTRR_H
#define VMX_MTRR_H

#include "ept/memory_type.h"

bool mtrr_is(u32 msr);

/* The guest's copy of a register; NULL: this CPU has no such MTRR, and an access is #GP(0). */
u64 *mtrr_register(struct mtrrs *mtrrs, u32 msr);

/* False: #GP(0). `physical_bits` is MAXPHYADDR as CPUID says it. */
bool mtrr_value_valid(const struct mtrrs *mtrrs, u32 msr, u64 value, u8 physical_bits);

#endif
