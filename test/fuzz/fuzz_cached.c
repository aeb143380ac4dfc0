/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: emul_step_cached() against emul_step() (test/fuzz/cached_scenario.h). The input is the chance of
 * one set of guests; they live until it is used up.
 */
#include "test/fuzz/cached_scenario.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define STEPS_MAX 400

static const u8 *input;
static size_t left;

static u32 draw(u32 n)
{
    u32 value = 0;
    for (u32 range = 1; range < n && left; range <<= 8, left--)
        value = value << 8 | *input++;
    return value % n;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    input = data;
    left = size;
    scenario_begin();
    for (u32 i = 0; i < STEPS_MAX && left; i++)
        if (!scenario_step()) {
            fprintf(stderr, "fuzz_cached: %s\n", scenario_trouble);
            abort();
        }
    scenario_end();
    return 0;
}
