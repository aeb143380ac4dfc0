/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/control_registers.h"

#include "lib/vcpu.h"

#define CR0_DEFINED (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)
#define CR3_PCID BITS(11, 0)
#define CR3_KEEP BIT(63)
#define PDPTE_P BIT(0)

static bool enter_ia32e_allowed(const struct cr_context *c)
{
    return c->cr4 & CR4_PAE && !(c->cs_access & ACCESS_L) && (c->tr_access & ACCESS_TYPE) != 3;
}

static bool paging_change_allowed(const struct cr_context *c, u64 value)
{
    bool was = c->cr0 & CR0_PG, is = value & CR0_PG;
    if (!was && is && c->efer & EFER_LME)
        return enter_ia32e_allowed(c);
    if (was && !is && (c->cr4 & CR4_PCIDE || (c->efer & EFER_LMA && c->cs_access & ACCESS_L)))
        return false;
    return true;
}

bool cr0_write_check(const struct cr_context *c, u64 *value, u64 *efer)
{
    u64 v = *value;
    if (v >> 32 || (v & CR0_PG && !(v & CR0_PE)) || (v & CR0_NW && !(v & CR0_CD)))
        return false;
    if (c->cr4 & CR4_CET && !(v & CR0_WP))
        return false;
    if (!paging_change_allowed(c, v))
        return false;
    *value = (v & CR0_DEFINED) | CR0_ET;
    *efer = v & CR0_PG && c->efer & EFER_LME ? c->efer | EFER_LMA : c->efer & ~EFER_LMA;
    return true;
}

bool cr4_write_check(const struct cr_context *c, u64 value)
{
    if (value & ~c->cr4_allowed)
        return false;
    bool ia32e = c->efer & EFER_LMA;
    if (ia32e && !(value & CR4_PAE))
        return false;
    if (value & CR4_PCIDE && !(c->cr4 & CR4_PCIDE) && (!ia32e || c->cr3 & CR3_PCID))
        return false;
    return !(value & CR4_CET) || c->cr0 & CR0_WP;
}

bool cr3_write_check(const struct cr_context *c, u64 *value, bool *keep)
{
    *keep = c->cr4 & CR4_PCIDE && *value & CR3_KEEP;
    if (c->cr4 & CR4_PCIDE)
        *value &= ~CR3_KEEP;
    if (c->efer & EFER_LMA)
        return !(*value & BITS(63, c->physical_bits));
    *value = (u32)*value;
    return true;
}

bool cr_pdptes_valid(const u64 pdpte[4], u8 physical_bits)
{
    u64 reserved = BITS(63, physical_bits) | BITS(8, 5) | BITS(2, 1);
    for (u32 i = 0; i < 4; i++)
        if (pdpte[i] & PDPTE_P && pdpte[i] & reserved)
            return false;
    return true;
}
