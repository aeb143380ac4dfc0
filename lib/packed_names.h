/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of names without a pointer of eight bytes for each: the strings are the members of one struct that begins with
 * a byte of its own, and what a table keeps is the offset of each, 0 where there is none.
 */
#ifndef LIB_PACKED_NAMES_H
#define LIB_PACKED_NAMES_H

#include "lib/types.h"

/* The name of `n` among `count`; NULL if it has none. */
static inline const char *packed_name(const void *strings, const u16 *offsets, u32 count, u32 n)
{
    return n < count && offsets[n] ? (const char *)strings + offsets[n] : NULL;
}

#endif
