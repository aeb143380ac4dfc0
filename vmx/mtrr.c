/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/mtrr.h"

#include "lib/msr.h"

#define VARIABLE_LAST (MSR_MTRR_PHYSBASE0 + 2 * MTRR_VARIABLE_MAX - 1)

bool mtrr_is(u32 msr)
{
    return (msr >= MSR_MTRR_PHYSBASE0 && msr <= VARIABLE_LAST) || msr == MSR_MTRR_DEF_TYPE ||
           msr == MSR_MTRR_FIX64K_00000 || msr == MSR_MTRR_FIX16K_80000 || msr == MSR_MTRR_FIX16K_A0000 ||
           (msr >= MSR_MTRR_FIX4K_C0000 && msr <= MSR_MTRR_FIX4K_F8000);
}

static u64 *variable_register(struct mtrrs *mtrrs, u32 msr)
{
    u32 index = (msr - MSR_MTRR_PHYSBASE0) / 2;
    if (index >= (mtrrs->capabilities & MTRRCAP_VARIABLE_COUNT) || index >= MTRR_VARIABLE_MAX)
        return NULL;
    return msr & 1 ? &mtrrs->variable[index].mask : &mtrrs->variable[index].base;
}

static u64 *fixed_register(struct mtrrs *mtrrs, u32 msr)
{
    if (!(mtrrs->capabilities & MTRRCAP_FIXED))
        return NULL;
    switch (msr) {
    case MSR_MTRR_FIX64K_00000:
        return &mtrrs->fixed[0];
    case MSR_MTRR_FIX16K_80000:
        return &mtrrs->fixed[1];
    case MSR_MTRR_FIX16K_A0000:
        return &mtrrs->fixed[2];
    default:
        return &mtrrs->fixed[3 + (msr - MSR_MTRR_FIX4K_C0000)];
    }
}

u64 *mtrr_register(struct mtrrs *mtrrs, u32 msr)
{
    if (msr >= MSR_MTRR_PHYSBASE0 && msr <= VARIABLE_LAST)
        return variable_register(mtrrs, msr);
    return msr == MSR_MTRR_DEF_TYPE ? &mtrrs->default_type : fixed_register(mtrrs, msr);
}

/* SDM "Memory Types That Can Be Encoded With MTRRs"; WC only where IA32_MTRRCAP has it. */
static bool type_valid(const struct mtrrs *mtrrs, u64 type)
{
    if (type == MEMORY_WC)
        return mtrrs->capabilities & MTRRCAP_WC;
    return type == MEMORY_UC || type == MEMORY_WT || type == MEMORY_WP || type == MEMORY_WB;
}

bool mtrr_value_valid(const struct mtrrs *mtrrs, u32 msr, u64 value, u8 physical_bits)
{
    u64 address = BITS(physical_bits - 1, 12);
    if (msr == MSR_MTRR_DEF_TYPE)
        return type_valid(mtrrs, value & 0xff) &&
               !(value & ~(0xff | MTRR_DEF_TYPE_ENABLE | MTRR_DEF_TYPE_FIXED_ENABLE));
    if (msr >= MSR_MTRR_PHYSBASE0 && msr <= VARIABLE_LAST) {
        if (msr & 1)
            return !(value & ~(address | MTRR_PHYSMASK_VALID));
        return type_valid(mtrrs, value & 0xff) && !(value & ~(address | 0xff));
    }
    for (u32 i = 0; i < 64; i += 8)
        if (!type_valid(mtrrs, value >> i & 0xff))
            return false;
    return true;
}
