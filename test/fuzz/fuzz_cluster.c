/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: translated code against the interpreter (test/fuzz/cluster_scenario.h). The input is the chance of
 * one set of guests; they live until it is used up.
 */
#define _GNU_SOURCE /* register names of ucontext.h */
#include "test/fuzz/cluster_scenario.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define CODES_MAX 40

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
    cluster_code_memory();
    cluster_signals();
    cluster_begin();
    bool right = true;
    for (u32 i = 0; i < CODES_MAX && left && right; i++)
        right = cluster_scenario();
    cluster_finish();
    if (right)
        return 0;
    fprintf(stderr, "fuzz_cluster: %s\n%s", cluster_trouble, cluster_states);
    abort();
}
