/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target for the guest page walk.
 */
#include "test/fuzz/walk_scenario.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    walk_scenario(data, size);
    return 0;
}
