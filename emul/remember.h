/* SPDX-License-Identifier: BSD-2-Clause */
/* The long half of emul/cached.c: what is looked up in vain, what must be looked at closely. */
#ifndef EMUL_REMEMBER_H
#define EMUL_REMEMBER_H

#include "cache/tcache.h"
#include "emul/emul.h"
#include "ept/walk_memo.h"

/* What walking to a byte of the instruction came to. */
struct place_of_code {
    gpa_t at;
    const u8 *ptr;
};

static inline bool place_from(const struct access_piece *piece, struct place_of_code *place)
{
    place->at = piece->at;
    place->ptr = piece->ptr;
    return piece->class == EPT_CLASS_RAM;
}

/* An entry was found by it. */
static inline struct place_of_code place_of_entry(const struct tc_entry *entry)
{
    return (struct place_of_code){gpa(entry->gpa), entry->bytes[0]};
}

/* Walks to the byte `ahead` of RIP. False: not RAM, or it faults; v->event is as it was. */
bool remember_walk(struct vcpu *v, enum code_size code_size, u32 ahead, struct place_of_code *place);

/*
 * The remembered walk to the byte of code at `rip` as the guest's register would have it; walks where there is none.
 * NULL: it is of no kind that is kept. It holds until the next walk. walk_memo_begin() was called.
 */
const struct walk_memo_line *remember_line(struct vcpu *v, u64 rip);

/* Whether a found entry may be used: tc_check() with all that it wants to know. */
bool remember_check(struct vcpu *v, struct tc_entry *entry);

/*
 * Does what emul_step() does. An instruction that comes for the second time is kept; `place` is where it is, with `ptr`
 * NULL if that is nowhere.
 */
void remember_step(struct vcpu *v, const struct emul_expect *expect, struct place_of_code place, emul_undone *undone);

#endif
