/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target for the guest page walk:
 *   clang -g -O1 -I. -DEXEUNT_HOST -fsanitize=fuzzer,address,undefined test/fuzz/fuzz_walk.c ept/x.c... lib/page_pool.c
 */
#include "test/fuzz/walk_scenario.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    walk_scenario(data, size);
    return 0;
}
