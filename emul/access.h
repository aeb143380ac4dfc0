/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory by segment and offset: segmentation, canonical form, alignment check, paging, then the window or a
 * device. All that can fault is checked before anything is written, so an access happens whole or not at all.
 *
 * Two steps: access_open() checks and translates, access_get()/access_put() then move bytes and cannot fail. A
 * read-modify-write opens once (ACCESS_MODIFY), gets once and puts once, so that a device sees one read and one write.
 */
#ifndef EMUL_ACCESS_H
#define EMUL_ACCESS_H

#include "emul/vm.h"
#include "ept/guest_walk.h"
#include "ept/walk_memo.h"
#include "lib/vcpu.h"

enum access_kind {
    ACCESS_READ = WALK_READ,
    ACCESS_WRITE = WALK_WRITE,
    ACCESS_FETCH = WALK_FETCH,
    ACCESS_MODIFY, /* read now, written next: faults as a write */
};

/* The part of an operand that lies in one page. */
struct access_piece {
    void *ptr; /* where it can be touched; NULL unless RAM or DEVICE */
    gpa_t at;
    u16 size;
    u8 class; /* enum ept_class */
};

/* An operand that was checked and translated: at most 64 bytes, so at most two pages. */
struct access_span {
    u32 count;
    struct access_piece piece[2];
};

/* A page translation that a string instruction uses again for its next element. Begin with page = ACCESS_NO_PAGE. */
#define ACCESS_NO_PAGE 1ull
struct access_cursor {
    u64 page; /* linear address of the page */
    u64 gpa;  /* of the page */
    u8 *ptr;  /* of the page; NULL unless RAM or DEVICE */
    u8 class;
};

/* Machine accesses of one size at any alignment. */
struct access_unaligned16 {
    u16 value;
} __attribute__((packed, may_alias));
struct access_unaligned32 {
    u32 value;
} __attribute__((packed, may_alias));
struct access_unaligned64 {
    u64 value;
} __attribute__((packed, may_alias));

/* One machine access of 1, 2, 4 or 8 bytes. */
static inline u64 access_load(const void *at, u32 size)
{
    switch (size) {
    case 1:
        return *(const volatile u8 *)at;
    case 2:
        return ((const volatile struct access_unaligned16 *)at)->value;
    case 4:
        return ((const volatile struct access_unaligned32 *)at)->value;
    default:
        return ((const volatile struct access_unaligned64 *)at)->value;
    }
}

static inline void access_store(void *at, u32 size, u64 value)
{
    switch (size) {
    case 1:
        *(volatile u8 *)at = (u8)value;
        break;
    case 2:
        ((volatile struct access_unaligned16 *)at)->value = (u16)value;
        break;
    case 4:
        ((volatile struct access_unaligned32 *)at)->value = (u32)value;
        break;
    default:
        ((volatile struct access_unaligned64 *)at)->value = value;
        break;
    }
}

/*
 * What every access asks of the guest's state; after vcpu_need() with it the fields are read as they are. Of CS and SS
 * the access rights are enough in 64-bit code.
 */
#define ACCESS_PARTS (PART_CS_ACCESS | PART_SS_ACCESS | PART_EFER | PART_CR3 | PART_RFLAGS)

/* vcpu_need() for the straight path: no call when all is there. */
static inline __attribute__((always_inline)) void access_need(struct vcpu *v, u32 parts)
{
    if (parts & ~v->have)
        vcpu_need(v, parts);
}

/* 64-bit code runs. ACCESS_PARTS are there. */
static inline __attribute__((always_inline)) bool access_is_64(const struct vcpu *v)
{
    return (v->seg[SEG_CS].access & ACCESS_L) && (v->efer & EFER_LMA);
}

static inline __attribute__((always_inline)) u32 access_cpl(const struct vcpu *v)
{
    return (v->seg[SEG_SS].access & ACCESS_DPL) >> ACCESS_DPL_SHIFT;
}

/* Where a linear address is. False: #PF raised. ACCESS_PARTS are there. */
bool access_translate(struct vcpu *v, gva_t linear, enum access_kind kind, bool implicit, struct access_piece *piece);

static inline enum walk_access walk_access_of(enum access_kind kind)
{
    return kind == ACCESS_MODIFY ? WALK_WRITE : (enum walk_access)kind;
}

/* The same from memory, never implicit; after walk_memo_begin(). False: not there, or no longer true; ask
 * access_translate(). */
static inline __attribute__((always_inline)) bool access_recall(struct vcpu *v, gva_t linear, enum access_kind kind,
                                                                struct access_piece *piece)
{
    const struct walk_memo_line *line = walk_memo_find(v, linear.at, walk_access_of(kind), access_cpl(v));
    if (!line)
        return false;
    u64 within = linear.at & ~PAGE_MASK;
    piece->at = gpa(line->page + within);
    piece->ptr = line->ptr ? line->ptr + within : NULL;
    piece->class = line->class;
    return true;
}

/* Segment and offset to linear address, with limit, type and canonical checks (#GP, or #SS through SS). False: raised.
 */
bool access_linear(struct vcpu *v, enum segment_name segment, u64 offset, u32 size, enum access_kind kind,
                   gva_t *linear);

/* The linear address without any check: for instructions that demand alignment before all else. */
u64 access_linear_unchecked(struct vcpu *v, enum segment_name segment, u64 offset);

/* Checks and translates all of the operand (1 to 64 bytes). False: raised in `v`. */
bool access_open(struct vcpu *v, enum segment_name segment, u64 offset, u32 size, enum access_kind kind,
                 struct access_span *span);
/* The same through a cursor, which one instruction keeps for accesses of one kind. */
bool access_open_next(struct vcpu *v, struct access_cursor *cursor, enum segment_name segment, u64 offset, u32 size,
                      enum access_kind kind, struct access_span *span);
/* From a linear address; `implicit` makes a supervisor access whatever CPL, never alignment-checked. */
bool access_open_linear(struct vcpu *v, gva_t linear, u32 size, enum access_kind kind, bool implicit,
                        struct access_span *span);

/* Moves the bytes of an open span. 1, 2, 4 and 8 bytes within a page are one machine access. */
void access_get(struct vcpu *v, const struct access_span *span, void *value);
void access_put(struct vcpu *v, const struct access_span *span, const void *value);
/* The same for 1, 2, 4 or 8 bytes as a number, zero-extended. */
u64 access_get_value_slow(struct vcpu *v, const struct access_span *span);
static inline u64 access_get_value(struct vcpu *v, const struct access_span *span)
{
    const struct access_piece *piece = &span->piece[0];
    return span->count == 1 && piece->ptr ? access_load(piece->ptr, piece->size) : access_get_value_slow(v, span);
}
void access_put_value(struct vcpu *v, const struct access_span *span, u64 value);

/*
 * A LOCKed write of 1, 2, 4, 8 or 16 bytes: on RAM atomic, and false when memory no longer holds `expected` (nothing is
 * written then). On a device, or across pages that do not lie together, it is a plain write: no bus lock reaches there.
 */
bool access_exchange(struct vcpu *v, const struct access_span *span, const void *expected, const void *desired);

/* Open and move in one. False: the fault is raised in `v` and nothing was written. `size` 1 to 64. */
bool access_read(struct vcpu *v, enum segment_name segment, u64 offset, void *value, u32 size);
bool access_write(struct vcpu *v, enum segment_name segment, u64 offset, const void *value, u32 size);
bool access_linear_read(struct vcpu *v, gva_t linear, void *value, u32 size, bool implicit);
bool access_linear_write(struct vcpu *v, gva_t linear, const void *value, u32 size, bool implicit);

/* Fetches up to 15 bytes at CS:RIP (fewer before a fault that a shorter instruction would not meet). False: raised. */
bool access_fetch(struct vcpu *v, u8 *bytes, u32 *available);
/* In two steps: the bytes at RIP that lie in one page; then, if the instruction needs more, all 15 or what the limit
 * allows. */
bool access_fetch_first(struct vcpu *v, u8 *bytes, u32 *available);
bool access_fetch_more(struct vcpu *v, u8 *bytes, u32 *available);

/* SDM "Canonical Addressing": by CR4.LA57. */
bool access_canonical(struct vcpu *v, u64 linear);

#endif
