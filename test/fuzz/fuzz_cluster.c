/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: translated code against the interpreter (test/fuzz/cluster_scenario.h). The input is the chance of
 * one set of guests; they live until it is used up.
 */
#define _GNU_SOURCE /* register names of ucontext.h */
#include "test/fuzz/cluster_scenario.h"
#include "test/fuzz/fuzz_input.h"

#define CODES_MAX 40

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    input_begin(data, size);
    cluster_code_memory();
    cluster_signals();
    cluster_begin();
    bool right = true;
    for (u32 i = 0; i < CODES_MAX && left && right && !cluster_over; i++)
        right = cluster_scenario() || cluster_over;
    cluster_finish();
    if (right)
        return 0;
    fprintf(stderr, "fuzz_cluster: %s\n%s", cluster_trouble, cluster_states);
    abort();
}
