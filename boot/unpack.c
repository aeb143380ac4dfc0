/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/unpack.h"

struct reader {
    const u8 *at;
    u32 bits; /* those that are left of a byte, below a bit 1 */
};

static u32 take_bit(struct reader *r)
{
    if (r->bits == 1)
        r->bits = *r->at++ | 0x100;
    u32 bit = r->bits & 1;
    r->bits >>= 1;
    return bit;
}

static u32 take_number(struct reader *r)
{
    u32 number = 1;
    while (take_bit(r))
        number = number << 1 | take_bit(r);
    return number;
}

void unpack(u8 *to, const u8 *end, const u8 *packed)
{
    struct reader r = {.at = packed, .bits = 1};
    while (to < end) {
        if (!take_bit(&r)) {
            *to++ = *r.at++;
            continue;
        }
        u32 distance = (take_number(&r) - 1) << 8;
        distance += *r.at++ + 1;
        for (u32 length = take_number(&r) + 1; length; length--, to++)
            *to = *(to - distance);
    }
}
