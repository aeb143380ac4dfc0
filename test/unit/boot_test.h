/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of boot/ share: cmocka, and captured data as arrays. */
#ifndef TEST_BOOT_TEST_H
#define TEST_BOOT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/types.h"

#include <cmocka.h>

/* Declares `name` and `name_end` around the bytes of a file, whose path is seen from the root of the project. */
#define CAPTURED(name, path)                                                                                           \
    __asm__(".pushsection .rodata\n.balign 16\n" #name ":\n.incbin \"" path "\"\n" #name "_end:\n.byte 0\n"            \
            ".popsection\n");                                                                                          \
    extern const u8 name[], name##_end[]

#define CAPTURED_SIZE(name) ((u64)(name##_end - name))

/* A copy on the heap that is exactly `length` bytes long: the sanitizer sees every read beyond it. */
static inline u8 *heap_copy(const void *bytes, u64 length)
{
    u8 *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    return copy;
}

#endif
