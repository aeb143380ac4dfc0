/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VGA palette as a device that remembers bytes in order: what is written to one port comes back from it, and each
 * access moves on by one, so that a lost or doubled access shows.
 */
#ifndef GUEST_LIB_PALETTE_H
#define GUEST_LIB_PALETTE_H

#include "test/guest/lib/cpu.h"

#define PALETTE_DATA 0x3c9
#define PALETTE_BYTES 768u

static inline void palette_write_from(u8 colour)
{
    outb(0x3c8, colour);
}
static inline void palette_read_from(u8 colour)
{
    outb(0x3c7, colour);
}
static inline u8 palette_pattern(u32 i)
{
    return (u8)((i * 7 + 3) & 0x3f);
} /* six bits are kept */

static inline void palette_fill(void)
{
    palette_write_from(0);
    for (u32 i = 0; i < PALETTE_BYTES; i++)
        outb(PALETTE_DATA, palette_pattern(i));
    palette_read_from(0);
}

#endif
