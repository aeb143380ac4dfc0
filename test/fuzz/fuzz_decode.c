/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target of the decoder: the first byte chooses the code size, the rest is code. What is found must have the
 * properties of decode_properties.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "test/fuzz/decode_properties.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static const enum code_size sizes[] = {CODE_64, CODE_32, CODE_16, CODE_64};
    if (size < 1)
        return 0;
    /* A copy of exact size, so that the address sanitizer sees every read beyond. */
    u8 *bytes = malloc(size - 1);
    if (!bytes && size > 1)
        return 0;
    if (size > 1)
        memcpy(bytes, data + 1, size - 1);
    const char *fault = decode_fault(bytes, (u32)(size - 1), sizes[data[0] & 3]);
    if (fault) {
        fprintf(stderr, "decode: %s\n", fault);
        abort();
    }
    free(bytes);
    return 0;
}
