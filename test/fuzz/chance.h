/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * draw() of those who lead by a seed.
 */
#ifndef TEST_FUZZ_CHANCE_H
#define TEST_FUZZ_CHANCE_H

#include "lib/types.h"

static u64 seed = 1;

static u32 draw(u32 n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (u32)((seed * 0x2545f4914f6cdd1dull >> 33) * n >> 31);
}

static void draw_from(u64 first_seed)
{
    seed = first_seed * 0x9e3779b97f4a7c15ull + 1;
}

#endif
