/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the last page walks of a guest CPU found. A line holds the entries that a walk read, where they stand, and what
 * it came to. It counts only while each of those entries, read again now, has the same value, and the registers that
 * rule paging are the same: then a walk would come to the same end, so nothing has to be invalidated and nothing can be
 * stale (SPEC 5.3). It saves the checks, not the reading. The first entry is read in the table that CR3 names now: what
 * all address spaces share, as kernels do with their own half, is remembered for all of them.
 *
 * Kept are walks of four levels through RAM, to a permission that has no ifs: neither RFLAGS.AC nor PKRU had a say.
 */
#ifndef EPT_WALK_MEMO_H
#define EPT_WALK_MEMO_H

#include "ept/guest_walk.h"
#include "lib/test_switch.h"

#define WALK_MEMO_LINES 128 /* half of them for fetches, so that code and what it reaches never collide */
#define WALK_MEMO_ENTRIES 4

struct walk_memo_line {
    u64 key;                                      /* walk_memo_key(), never 0 in a line that holds something */
    u64 top;                                      /* offset of the first entry in its table */
    u64 value[WALK_MEMO_ENTRIES];                 /* a walk that ends at a 2 MiB page has its last entry twice */
    const volatile u64 *entry[WALK_MEMO_ENTRIES]; /* [0] is not used */
    u64 page;                                     /* guest-physical address of the 4 KiB page */
    u8 *ptr;                                      /* where it can be touched; NULL unless RAM or DEVICE */
    /*
     * Where Exeunt itself can touch it, also when it is trapped: for those that know what the access does there. NULL
     * for what is nobody's.
     */
    u8 *touch;
    u8 class; /* enum ept_class */
    bool lapic;
    u32 generation;        /* ept.generation when it was learned */
    u32 write_protections; /* ept.protections when the page was found not to be read-only */
} __attribute__((aligned(128)));
_Static_assert(sizeof(struct walk_memo_line) == 128, "emul/translated.S shifts by 7");

struct walk_memo {
    /* What all lines were learned under. */
    u64 cr0, cr4, efer;
    u32 generation; /* ept.generation: `ptr` and `class` hold as long as no hole comes or goes */
    u32 epoch;      /* counts how often they were forgotten */
    /* The address space that walks are in now. */
    u64 cr3;
    const u8 *table; /* that CR3 names; walk_memo_no_table: it is not in RAM */
    struct walk_memo_line line[WALK_MEMO_LINES];
};

/* Nothing is present in it, and nobody writes it. */
extern u8 walk_memo_no_table[PAGE_SIZE];

/* Takes the registers as they are now, and forgets all lines where more than CR3 has changed. */
void walk_memo_restart(struct vcpu *v, const struct window *window);

/* Whether the lines were learned under what is so now. */
static inline __attribute__((always_inline)) bool walk_memo_holds(const struct vcpu *v, const struct window *window)
{
    const struct walk_memo *memo = v->walks;
    return memo->cr0 == v->cr0 && memo->cr4 == v->cr4 && memo->efer == v->efer && memo->cr3 == v->cr3 &&
           memo->generation == window->ept->generation;
}

/*
 * To be called when an instruction begins, before walk_memo_find() and walk_memo_learn(), and when it has changed CR3:
 * what it asks of CR0, CR3, CR4 and EFER, which are there, holds to its end.
 */
static inline __attribute__((always_inline)) void walk_memo_begin(struct vcpu *v, const struct window *window)
{
    if (__builtin_expect(!walk_memo_holds(v, window), 0))
        walk_memo_restart(v, window);
}

/* The 4 KiB page of `linear`, and what is done there by whom. Bit 4 keeps it from being 0. */
static inline u64 walk_memo_key(u64 linear, enum walk_access access, u32 cpl)
{
    return (linear & PAGE_MASK) | BIT(4) | cpl << 2 | (u32)access;
}

/* By its offset, which is bits of the address where they stand nearly right: fewer instructions than by an index. */
static inline struct walk_memo_line *walk_memo_slot(struct walk_memo *memo, u64 linear, enum walk_access access)
{
    u32 half = WALK_MEMO_LINES / 2, size = sizeof(struct walk_memo_line);
    u64 apart = access == WALK_FETCH ? 0 : 5 * (u64)access << PAGE_SHIFT;
    u64 offset = (linear + apart) / (PAGE_SIZE / size) & (half - 1) * size;
    return (struct walk_memo_line *)((u8 *)&memo->line[access == WALK_FETCH ? half : 0] + offset);
}

/* The line for this access if it still holds, else NULL. */
static inline __attribute__((always_inline)) const struct walk_memo_line *
walk_memo_find(const struct vcpu *v, u64 linear, enum walk_access access, u32 cpl)
{
    const struct walk_memo_line *line = walk_memo_slot(v->walks, linear, access);
    if (line->key != walk_memo_key(linear, access, cpl))
        return NULL;
    if (access == WALK_FETCH && test_switch(TEST_NO_WALK))
        return line;
    if (*(const volatile u64 *)(v->walks->table + line->top) != line->value[0])
        return NULL;
    if (*line->entry[1] != line->value[1] || *line->entry[2] != line->value[2])
        return NULL;
    return *line->entry[3] == line->value[3] ? line : NULL;
}

/* `line` was found, and its page is not read-only. */
static inline void walk_memo_note_write(struct vcpu *v, const struct ept *ept, const struct walk_memo_line *line)
{
    v->walks->line[line - v->walks->line].write_protections = ept->protections;
}

/* What else there is to say of the byte that was walked to. */
struct walk_memo_page {
    u32 cpl;              /* who walked (the request's `user` says less) */
    enum ept_class class; /* window_find() */
    void *ptr;            /* the same */
    bool lapic;           /* the page is the LAPIC's */
};

/* guest_walk() came to `result`: remembers it if it is of the kind that is kept. */
void walk_memo_learn(struct vcpu *v, const struct window *window, const struct walk_request *request,
                     const struct walk_result *result, const struct walk_memo_page *page);

#endif
