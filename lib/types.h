/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ground of the house: integer names, bits, and the three kinds of address.
 *
 * An address is a struct so that the compiler rejects a guest-physical address where a host-physical one belongs:
 *   gva_t  guest linear address (after segmentation, before the guest's paging)
 *   gpa_t  guest-physical address (before EPT)
 *   hpa_t  host-physical address
 * Exeunt maps GPA = HPA for all that is the guest's, but says so in one place only: ept/window.h.
 */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef unsigned __int128 u128;

typedef struct {
    u64 at;
} gva_t;
typedef struct {
    u64 at;
} gpa_t;
typedef struct {
    u64 at;
} hpa_t;

static inline gva_t gva(u64 at)
{
    return (gva_t){at};
}
static inline gpa_t gpa(u64 at)
{
    return (gpa_t){at};
}
static inline hpa_t hpa(u64 at)
{
    return (hpa_t){at};
}

#define BIT(n) (1ull << (n))
#define BITS(high, low) ((~0ull >> (63 - (high))) & (~0ull << (low)))

#define KIB (1ull << 10)
#define MIB (1ull << 20)
#define GIB (1ull << 30)

#define PAGE_SHIFT 12
#define PAGE_SIZE (1ull << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))

/* `unit` is a power of two. */
static inline u64 align_down(u64 value, u64 unit)
{
    return value & ~(unit - 1);
}
static inline u64 align_up(u64 value, u64 unit)
{
    return (value + unit - 1) & ~(unit - 1);
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline u64 min_u64(u64 a, u64 b)
{
    return a < b ? a : b;
}
static inline u64 max_u64(u64 a, u64 b)
{
    return a > b ? a : b;
}

#endif
