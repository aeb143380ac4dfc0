/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The usual case of fetching and of reaching an operand, inline and without a fault in it: 64-bit code, one page, a
 * walk that is remembered (ept/walk_memo.h), no alignment check, no breakpoint. Each function that says no has done
 * nothing, and the long way decides.
 */
#ifndef EMUL_QUICK_H
#define EMUL_QUICK_H

#include "emul/interp.h"
#include "emul/watch.h"

#define QUICK static inline __attribute__((always_inline))

/* What must hold for the whole instruction. EMUL_STEP_PARTS are there, walk_memo_begin() was called. */
QUICK bool quick_possible(const struct vcpu *v, enum code_size code_size)
{
    return code_size == CODE_64 && !(v->rflags & RFLAGS_AC) && !watch_armed(v);
}

/* INSN_MAX bytes, by two loads that overlap in one byte. */
QUICK void quick_copy(u8 *to, const u8 *from)
{
    u64 low = access_load(from, 8), high = access_load(from + INSN_MAX - 8, 8);
    access_store(to, 8, low);
    access_store(to + INSN_MAX - 8, 8, high);
}

/* INSN_MAX bytes at RIP. */
QUICK bool quick_fetch(struct vcpu *v, u8 *bytes)
{
    struct access_piece piece;
    if ((v->rip & ~PAGE_MASK) > PAGE_SIZE - INSN_MAX || !access_recall(v, gva(v->rip), ACCESS_FETCH, &piece))
        return false;
    if (piece.class != EPT_CLASS_RAM)
        return false;
    quick_copy(bytes, piece.ptr);
    return true;
}

/* Whether they are those of *insn, INSN_MAX of which can be read as well. */
QUICK bool quick_same(const u8 *bytes, const struct insn *insn)
{
    u64 low = access_load(bytes, 8) ^ access_load(insn->bytes, 8);
    if (insn->length <= 8)
        return !(low << (64 - 8 * insn->length));
    u64 high = access_load(bytes + INSN_MAX - 8, 8) ^ access_load(insn->bytes + INSN_MAX - 8, 8);
    return !low && !(high << 8 * (INSN_MAX - insn->length));
}

/* The instruction's memory operand, of `size` bytes (1, 2, 4, 8): RAM, passed-through or trapped. */
QUICK bool quick_open(struct interp *in, u32 size, enum access_kind kind, struct access_piece *piece)
{
    u32 segment = in->insn->memory.segment;
    if (!in->quick || segment == SEG_FS || segment == SEG_GS)
        return false;
    u64 linear = operand_address_of(in);
    if ((linear & ~PAGE_MASK) + size > PAGE_SIZE || !access_recall(in->v, gva(linear), kind, piece))
        return false;
    return piece->ptr || piece->class == EPT_CLASS_TRAPPED;
}

#endif
