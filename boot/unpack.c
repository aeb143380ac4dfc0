/* SPDX-License-Identifier: BSD-2-Clause */
/* It runs before all else is there to be called (linker.ld). */
#include "boot/unpack.h"

#define PACKED_SUM_FACTOR 0x9e3779b97f4a7c15 /* odd: each word counts, in each place differently */

/* Byte by byte: a copy may be longer than its distance. */
static inline void move(u8 **to, const u8 **from, u64 count)
{
    asm volatile("rep movsb" : "+D"(*to), "+S"(*from), "+c"(count) : : "memory");
}

static inline u64 take_count(const u8 **from, u32 count)
{
    u64 all = count;
    if (count == STEP_COUNT_ALL) {
        u32 more;
        do {
            more = *(*from)++;
            all += more;
        } while (more == 255);
    }
    return all;
}

static inline u32 take_distance(const u8 **from, u32 step)
{
    u32 low = *(*from)++, high = step & STEP_DISTANCE_HIGH;
    if (step & STEP_FAR)
        high = high << 8 | *(*from)++;
    return (high << 8 | low) + 1;
}

u64 packed_sum(const struct packed *packed)
{
    u64 sum = packed->words;
    for (u64 i = 0; i < packed->words; i++)
        sum = (sum ^ packed->word[i]) * PACKED_SUM_FACTOR;
    return sum;
}

bool unpack(u8 *to, const u8 *end, const struct packed *packed)
{
    if (packed->words > UNPACKED_MAX / 8 || packed_sum(packed) != packed->sum)
        return false;
    for (const u8 *from = (const u8 *)packed->word;;) {
        u32 step = *from++;
        move(&to, &from, take_count(&from, step >> STEP_TAKEN_SHIFT));
        if (to >= end)
            return true;
        u64 length = take_count(&from, step >> STEP_LENGTH_SHIFT & STEP_COUNT_ALL) + COPY_MIN;
        const u8 *before = to - take_distance(&from, step);
        move(&to, &before, length);
    }
}
