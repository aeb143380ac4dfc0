/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The status flags of integer instructions (SDM "EFLAGS Cross-Reference"). All pure; `size` is 1, 2, 4 or 8 bytes.
 */
#ifndef EMUL_FLAGS_H
#define EMUL_FLAGS_H

#include "lib/vcpu.h"

#define FLAGS_STATUS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static inline u64 size_mask(u32 size)
{
    return ~0ull >> (64 - size * 8);
}

static inline u64 size_sign(u32 size)
{
    return 1ull << (size * 8 - 1);
}

static inline u64 sign_extend(u64 value, u32 size)
{
    u32 spare = 64 - size * 8;
    return (u64)((s64)(value << spare) >> spare);
}

/* SF, ZF and PF of a result that is cut to `size`. */
static inline u64 flags_of_result(u64 result, u32 size)
{
    u32 low = (u8)result;
    low ^= low >> 4;
    u64 flags = (0x9669 >> (low & 15)) & 1 ? RFLAGS_PF : 0;
    if (result == 0)
        flags |= RFLAGS_ZF;
    if (result & size_sign(size))
        flags |= RFLAGS_SF;
    return flags;
}

/* a + b (+ carry) = result, all cut to `size`. */
static inline u64 flags_of_add(u64 a, u64 b, u64 result, u32 size)
{
    u64 sign = size_sign(size);
    u64 flags = flags_of_result(result, size) | ((a ^ b ^ result) & RFLAGS_AF);
    if (((a & b) | ((a | b) & ~result)) & sign)
        flags |= RFLAGS_CF;
    if ((a ^ result) & (b ^ result) & sign)
        flags |= RFLAGS_OF;
    return flags;
}

/* a - b (- borrow) = result. */
static inline u64 flags_of_sub(u64 a, u64 b, u64 result, u32 size)
{
    u64 sign = size_sign(size);
    u64 flags = flags_of_result(result, size) | ((a ^ b ^ result) & RFLAGS_AF);
    if (((~a & b) | ((~a | b) & result)) & sign)
        flags |= RFLAGS_CF;
    if ((a ^ b) & (a ^ result) & sign)
        flags |= RFLAGS_OF;
    return flags;
}

/* Whether condition code `condition` (0 to 15, as Jcc encodes it) holds. */
static inline bool flags_condition(u64 flags, u32 condition)
{
    bool sign_differs = !(flags & RFLAGS_SF) != !(flags & RFLAGS_OF);
    bool holds = false;
    switch (condition >> 1) {
    case 0:
        holds = flags & RFLAGS_OF;
        break;
    case 1:
        holds = flags & RFLAGS_CF;
        break;
    case 2:
        holds = flags & RFLAGS_ZF;
        break;
    case 3:
        holds = flags & (RFLAGS_CF | RFLAGS_ZF);
        break;
    case 4:
        holds = flags & RFLAGS_SF;
        break;
    case 5:
        holds = flags & RFLAGS_PF;
        break;
    case 6:
        holds = sign_differs;
        break;
    default:
        holds = sign_differs || (flags & RFLAGS_ZF);
        break;
    }
    return holds != (condition & 1);
}

#endif
