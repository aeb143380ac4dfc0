/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory types as the MTRRs give them. Pure: the MTRRs' values come in as numbers.
 */
#ifndef EPT_MEMORY_TYPE_H
#define EPT_MEMORY_TYPE_H

#include "lib/types.h"

/* SDM "Memory Types That Can Be Encoded With MTRRs"; EPT entries use the same numbers. */
enum memory_type { MEMORY_UC = 0, MEMORY_WC = 1, MEMORY_WT = 4, MEMORY_WP = 5, MEMORY_WB = 6 };

#define MTRR_VARIABLE_MAX 32
#define MTRR_FIXED_COUNT 11

struct mtrrs {
    u64 capabilities;            /* IA32_MTRRCAP */
    u64 default_type;            /* IA32_MTRR_DEF_TYPE */
    u64 fixed[MTRR_FIXED_COUNT]; /* FIX64K_00000, FIX16K_80000, FIX16K_A0000, FIX4K_C0000 .. FIX4K_F8000 */
    struct {
        u64 base; /* IA32_MTRR_PHYSBASEn */
        u64 mask; /* IA32_MTRR_PHYSMASKn */
    } variable[MTRR_VARIABLE_MAX];
    u8 physical_bits; /* MAXPHYADDR */
};

/* The type of the byte at `at`. Overlaps by SDM "MTRR Precedences" (undefined combinations count as UC). */
enum memory_type memory_type_at(const struct mtrrs *mtrrs, hpa_t at);

/*
 * Whether all of [at, at+length) has one type, which goes to *type. `length` is 4 KiB, 2 MiB or 1 GiB, `at` aligned to
 * it. (A page smaller than 4 KiB does not exist: fixed ranges are whole pages.)
 */
bool memory_type_uniform(const struct mtrrs *mtrrs, hpa_t at, u64 length, enum memory_type *type);

#endif
