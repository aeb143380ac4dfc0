/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a write to a control register may be (SDM "Control Registers" and "MOV - Move to/from Control Registers"). Pure.
 */
#ifndef VMX_CONTROL_REGISTERS_H
#define VMX_CONTROL_REGISTERS_H

#include "lib/types.h"

struct cr_context {
    u64 cr0, cr3, cr4, efer; /* as the guest sees them, before the write */
    u32 cs_access, tr_access;
    u64 cr4_allowed; /* bits that this CPU and Exeunt allow */
    u8 physical_bits;
};

/*
 * False: #GP(0). *value gets what the register holds afterwards (reserved bits of the lower half are ignored, ET stays
 * set); *efer the value of IA32_EFER, whose LMA follows CR0.PG and LME.
 */
bool cr0_write_check(const struct cr_context *context, u64 *value, u64 *efer);

/* False: #GP(0). */
bool cr4_write_check(const struct cr_context *context, u64 value);

/* False: #GP(0). Cuts *value to what CR3 holds; *keep: bit 63 asked to keep the linear translations (CR4.PCIDE). */
bool cr3_write_check(const struct cr_context *context, u64 *value, bool *keep);

/* No reserved bit set in a present PDPTE (SDM "PDPTE Registers"). */
bool cr_pdptes_valid(const u64 pdpte[4], u8 physical_bits);

#endif
