/* SPDX-License-Identifier: BSD-2-Clause */
#include "ept/memory_type.h"

/* SDM "Memory Type Range Registers (MTRRs)". */
#define MTRRCAP_COUNT BITS(7, 0)
#define MTRRCAP_FIXED BIT(8)
#define DEFAULT_TYPE BITS(7, 0)
#define DEFAULT_FIXED_ENABLE BIT(10)
#define DEFAULT_ENABLE BIT(11)
#define MASK_VALID BIT(11)
#define FIXED_END MIB

/* The five types as a set; anything else that a register may hold is reserved, and counts as UC. */
static u32 type_bit(u64 type)
{
    type &= 0xff;
    if (type == MEMORY_WC || type == MEMORY_WT || type == MEMORY_WP || type == MEMORY_WB)
        return 1u << type;
    return 1u << MEMORY_UC;
}

/* SDM "MTRR Precedences": what a byte gets on which the variable ranges of the types in `set` lie. */
static enum memory_type combine(u32 set, u64 default_type)
{
    if (!set)
        return (enum memory_type)__builtin_ctz(type_bit(default_type));
    if (set == (1u << MEMORY_WT | 1u << MEMORY_WB))
        return MEMORY_WT;
    if (set & (set - 1))
        return MEMORY_UC;
    return (enum memory_type)__builtin_ctz(set);
}

static bool enabled(const struct mtrrs *mtrrs)
{
    return mtrrs->default_type & DEFAULT_ENABLE;
}

static bool fixed_apply(const struct mtrrs *mtrrs, u64 at)
{
    return at < FIXED_END && (mtrrs->capabilities & MTRRCAP_FIXED) && (mtrrs->default_type & DEFAULT_FIXED_ENABLE);
}

/* SDM "Fixed Range MTRRs": one 64 KiB register, two of 16 KiB, eight of 4 KiB, each with eight ranges. */
static enum memory_type fixed_type(const struct mtrrs *mtrrs, u64 at)
{
    u32 number, byte;
    if (at < 0x80000) {
        number = 0;
        byte = (u32)(at >> 16);
    } else if (at < 0xc0000) {
        number = 1 + (u32)((at - 0x80000) >> 17);
        byte = (at >> 14) & 7;
    } else {
        number = 3 + (u32)((at - 0xc0000) >> 15);
        byte = (at >> 12) & 7;
    }
    return (enum memory_type)__builtin_ctz(type_bit(mtrrs->fixed[number] >> (8 * byte)));
}

static u32 variable_count(const struct mtrrs *mtrrs)
{
    return (u32)min_u64(mtrrs->capabilities & MTRRCAP_COUNT, MTRR_VARIABLE_MAX);
}

/*
 * The types of the variable ranges that lie on all of the naturally aligned [at, at+length), and of those that may lie
 * on a part of it. A mask need not be contiguous (SDM "Example Base and Mask Calculations"), so a part can be any
 * subset.
 */
static void variable_types(const struct mtrrs *mtrrs, u64 at, u64 length, u32 *all, u32 *part)
{
    u64 implemented = BITS(mtrrs->physical_bits - 1, PAGE_SHIFT);
    *all = *part = 0;
    for (u32 i = 0; i < variable_count(mtrrs); i++) {
        u64 mask = mtrrs->variable[i].mask, base = mtrrs->variable[i].base;
        if (!(mask & MASK_VALID))
            continue;
        mask &= implemented;
        if ((at ^ base) & mask & ~(length - 1))
            continue;
        *(mask & (length - 1) ? part : all) |= type_bit(base);
    }
}

enum memory_type memory_type_at(const struct mtrrs *mtrrs, hpa_t at)
{
    if (!enabled(mtrrs))
        return MEMORY_UC;
    if (fixed_apply(mtrrs, at.at))
        return fixed_type(mtrrs, at.at);
    u32 all, part;
    variable_types(mtrrs, align_down(at.at, PAGE_SIZE), PAGE_SIZE, &all, &part);
    return combine(all, mtrrs->default_type);
}

/* Whether every combination of the ranges that lie on a part gives the type that none of them gives. */
static bool parts_agree(const struct mtrrs *mtrrs, u32 all, u32 part, enum memory_type type)
{
    for (u32 set = part; set; set = (set - 1) & part) {
        if (combine(all | set, mtrrs->default_type) != type)
            return false;
    }
    return true;
}

/* Eight equal bytes in each register. (Reserved types, which count as UC, do not agree: that costs pages, not truth.)
 */
static bool fixed_agree(const struct mtrrs *mtrrs, enum memory_type type)
{
    for (u32 i = 0; i < MTRR_FIXED_COUNT; i++) {
        if (mtrrs->fixed[i] != type * 0x0101010101010101ull)
            return false;
    }
    return true;
}

bool memory_type_uniform(const struct mtrrs *mtrrs, hpa_t at, u64 length, enum memory_type *type)
{
    if (length <= PAGE_SIZE || !enabled(mtrrs)) {
        *type = memory_type_at(mtrrs, at);
        return true;
    }
    u32 all, part;
    variable_types(mtrrs, at.at, length, &all, &part);
    *type = combine(all, mtrrs->default_type);
    if (!parts_agree(mtrrs, all, part, *type))
        return false;
    return !fixed_apply(mtrrs, at.at) || fixed_agree(mtrrs, *type);
}
