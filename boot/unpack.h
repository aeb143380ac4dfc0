/* SPDX-License-Identifier: BSD-2-Clause */
/* What tools/pack-image.c packed after the link: Exeunt's code and data. */
#ifndef BOOT_UNPACK_H
#define BOOT_UNPACK_H

#include "lib/types.h"

/*
 * The words are bytes, of steps; each takes bytes over, then copies some of what was unpacked before. A step is
 *   1 byte     bits 7:5 the number of bytes taken over, bits 4:2 the length of the copy - COPY_MIN,
 *              bit 1 set if its distance has two bytes below, bit 0 the highest bit of distance - 1
 *   if bits 7:5 are all set: bytes to be added to that number, up to the first that is not 255
 *   the bytes taken over; the last step ends here
 *   if bits 4:2 are all set: bytes to be added to the length, in the same way
 *   1 or 2 bytes, the lowest first: the other bits of distance - 1
 * Behind the last step bytes of 0 fill its word.
 */
struct packed {
    u64 sum;
    u64 words;
    u64 word[];
};

#define COPY_MIN 3
#define STEP_COUNT_ALL 7 /* bits 7:5 or 4:2 all set */
#define STEP_TAKEN_SHIFT 5
#define STEP_LENGTH_SHIFT 2
#define STEP_FAR BIT(1)
#define STEP_DISTANCE_HIGH BIT(0)

#define UNPACKED_MAX (1 << 20)

u64 packed_sum(const struct packed *packed);

/*
 * Fills `to` up to `end`, which is what tools/pack-image.c was given. False, with nothing written, if the packed words
 * are not those that it wrote.
 */
bool unpack(u8 *to, const u8 *end, const struct packed *packed);

#endif
