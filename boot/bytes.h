/* SPDX-License-Identifier: BSD-2-Clause */
/* Little-endian numbers in byte arrays of any alignment: firmware and file formats do not align theirs. */
#ifndef BOOT_BYTES_H
#define BOOT_BYTES_H

#include "lib/string.h"
#include "lib/types.h"

static inline u16 load16(const u8 *at)
{
    u16 value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline u32 load32(const u8 *at)
{
    u32 value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline u64 load64(const u8 *at)
{
    u64 value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline void store16(u8 *at, u16 value)
{
    memcpy(at, &value, sizeof(value));
}

static inline void store32(u8 *at, u32 value)
{
    memcpy(at, &value, sizeof(value));
}

static inline void store64(u8 *at, u64 value)
{
    memcpy(at, &value, sizeof(value));
}

#endif
