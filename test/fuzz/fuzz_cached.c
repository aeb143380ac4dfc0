/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: emul_step_cached() against emul_step() (test/fuzz/cached_scenario.h). The input is the chance of
 * one set of guests; they live until it is used up.
 */
#include "test/fuzz/cached_scenario.h"
#include "test/fuzz/fuzz_input.h"

#define STEPS_MAX 400

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    input_begin(data, size);
    scenario_begin();
    for (u32 i = 0; i < STEPS_MAX && left; i++)
        if (!scenario_step()) {
            fprintf(stderr, "fuzz_cached: %s\n", scenario_trouble);
            abort();
        }
    scenario_end();
    return 0;
}
