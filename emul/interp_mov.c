/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MOV, MOVZX, MOVSX, arithmetic: what device registers are mostly read and written with, so apart from the others and
 * fast.
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

/* The quick way may be tried (emul/quick_run.h). */
static inline bool is_quick(const struct interp *in)
{
    const struct insn *insn = in->insn;
    const struct memory_operand *memory = &insn->memory;
    bool stack = memory->base == RSP || insn->operand[0].reg == RSP || insn->operand[1].reg == RSP;
    return in->quick && !stack && memory->segment != SEG_FS && memory->segment != SEG_GS;
}

static inline bool is_plain(const struct operand *operand)
{
    return operand->kind == OPERAND_GPR || operand->kind == OPERAND_IMMEDIATE;
}

enum emul_status interp_mov(struct interp *in)
{
    const struct operand *to = &in->insn->operand[0], *from = &in->insn->operand[1];
    bool quick = is_quick(in);
    if (quick && to->kind == OPERAND_GPR && from->kind == OPERAND_MEMORY &&
        (to->size == 4 ? quick_load_32 : quick_load)(in->v, in->insn))
        return EMUL_DONE;
    if (quick && to->kind == OPERAND_MEMORY && is_plain(from) && quick_store(in->v, in->insn))
        return EMUL_DONE;
    return mov_slow(in);
}

static __attribute__((noinline)) enum emul_status mov_extend_slow(struct interp *in)
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

enum emul_status interp_mov_extend(struct interp *in)
{
    if (is_quick(in) && in->insn->operand[1].kind == OPERAND_MEMORY && quick_load(in->v, in->insn))
        return EMUL_DONE;
    return mov_extend_slow(in);
}

enum emul_status interp_alu(struct interp *in)
{
    const struct operand *to = &in->insn->operand[0], *from = &in->insn->operand[1];
    bool one = (to->kind == OPERAND_MEMORY && is_plain(from)) ||
               (to->kind == OPERAND_GPR && from->kind == OPERAND_MEMORY);
    if (is_quick(in) && one && !(in->insn->flags & INSN_LOCK) && quick_alu(in->v, in->insn))
        return EMUL_DONE;
    return interp_alu_slow(in);
}
