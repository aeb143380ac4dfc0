/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * draw() of a libFuzzer target: the input is the chance.
 */
#ifndef TEST_FUZZ_FUZZ_INPUT_H
#define TEST_FUZZ_FUZZ_INPUT_H

#include "lib/types.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static const u8 *input;
static size_t left;

static u32 draw(u32 n)
{
    u32 value = 0;
    for (u32 range = 1; range < n && left; range <<= 8, left--)
        value = value << 8 | *input++;
    return value % n;
}

static void input_begin(const u8 *data, size_t size)
{
    input = data;
    left = size;
}

#endif
