/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MOV, MOVZX, MOVSX: what device registers are mostly read and written with, so apart from the others and fast.
 */
#include "emul/interp.h"
#include "emul/quick_run.h"

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

enum emul_status interp_mov(struct interp *in)
{
    const struct insn *insn = in->insn;
    const struct operand *to = &insn->operand[0], *from = &insn->operand[1];
    bool quick = in->quick && insn->memory.segment != SEG_FS && insn->memory.segment != SEG_GS;
    if (quick && to->kind == OPERAND_GPR && from->kind == OPERAND_MEMORY && quick_load(in->v, insn))
        return EMUL_DONE;
    bool plain = from->kind == OPERAND_GPR || from->kind == OPERAND_IMMEDIATE;
    if (quick && to->kind == OPERAND_MEMORY && plain && quick_store(in->v, insn))
        return EMUL_DONE;
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
