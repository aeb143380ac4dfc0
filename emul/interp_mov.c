/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MOV, MOVZX, MOVSX: what device registers are mostly read and written with, so apart from the others and fast.
 */
#include "emul/interp.h"
#include "emul/quick.h"

/* Control and debug registers exit by themselves. */
static enum emul_status mov_special(struct interp *in)
{
    const struct operand *operand = in->insn->operand;
    u64 value;
    if (operand[0].kind != OPERAND_SEGMENT)
        return EMUL_UNSUPPORTED;
    return operand_read(in, 1, &value) && segment_load(in, operand[0].reg, (u16)value) ? EMUL_DONE : EMUL_EVENT;
}

static inline bool is_control(const struct operand *operand)
{
    return operand->kind == OPERAND_CR || operand->kind == OPERAND_DR;
}

static __attribute__((noinline)) enum emul_status mov_slow(struct interp *in)
{
    const struct operand *operand = in->insn->operand;
    bool ordinary = operand[0].kind == OPERAND_GPR || operand[0].kind == OPERAND_MEMORY;
    struct place place;
    u64 value;
    if (!ordinary || is_control(&operand[1]))
        return mov_special(in);
    if (!operand_read(in, 1, &value) || !place_open(in, 0, ACCESS_WRITE, &place))
        return EMUL_EVENT;
    place_put(in, &place, value);
    return EMUL_DONE;
}

/* Not from a segment register: those are moved the long way. */
static inline u64 source_value(struct interp *in, const struct operand *operand)
{
    return operand->kind == OPERAND_GPR ? gpr_read_inline(in->v, operand, operand->size) : (u64)in->insn->immediate;
}

enum emul_status interp_mov(struct interp *in)
{
    const struct operand *to = &in->insn->operand[0], *from = &in->insn->operand[1];
    struct access_piece piece;
    if (from->kind == OPERAND_MEMORY && to->kind == OPERAND_GPR && quick_open(in, to->size, ACCESS_READ, &piece)) {
        gpr_write_inline(in->v, to, to->size, quick_get(in, &piece, to->size));
        return EMUL_DONE;
    }
    bool plain = from->kind == OPERAND_GPR || from->kind == OPERAND_IMMEDIATE;
    if (to->kind == OPERAND_MEMORY && plain && quick_open(in, to->size, ACCESS_WRITE, &piece)) {
        quick_put(in, &piece, to->size, source_value(in, from));
        return EMUL_DONE;
    }
    return mov_slow(in);
}

enum emul_status interp_mov_extend(struct interp *in)
{
    const struct operand *target = &in->insn->operand[0];
    u64 value;
    if (!operand_read(in, 1, &value))
        return EMUL_EVENT;
    if (in->insn->op == OP_MOVSX)
        value = sign_extend(value, in->insn->operand[1].size);
    gpr_write_inline(in->v, target, target->size, value);
    return EMUL_DONE;
}
