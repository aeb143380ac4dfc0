/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operands for handlers that are compiled for size: registers and memory places out of line.
 */
#include "emul/interp.h"

u64 reg_read(struct vcpu *v, u32 reg, u32 size)
{
    return reg_read_inline(v, reg, size);
}

void reg_write(struct vcpu *v, u32 reg, u32 size, u64 value)
{
    reg_write_inline(v, reg, size, value);
}

u64 gpr_read(struct vcpu *v, const struct operand *operand, u32 size)
{
    return gpr_read_inline(v, operand, size);
}

void gpr_write(struct vcpu *v, const struct operand *operand, u32 size, u64 value)
{
    gpr_write_inline(v, operand, size, value);
}

bool operand_read(struct interp *in, u32 n, u64 *value)
{
    const struct operand *operand = &in->insn->operand[n];
    if (operand->kind != OPERAND_GPR)
        return operand_read_other(in, operand, value);
    *value = gpr_read(in->v, operand, operand->size);
    return true;
}

bool place_open(struct interp *in, u32 n, enum access_kind kind, struct place *place)
{
    place->operand = &in->insn->operand[n];
    return place->operand->kind != OPERAND_MEMORY || memory_open(in, place->operand, kind, &place->span);
}

u64 place_get(struct interp *in, const struct place *place)
{
    if (place->operand->kind == OPERAND_MEMORY)
        return access_get_value(in->v, &place->span);
    return gpr_read(in->v, place->operand, place->operand->size);
}

void place_put(struct interp *in, const struct place *place, u64 value)
{
    if (place->operand->kind == OPERAND_MEMORY)
        access_put_value(in->v, &place->span, value);
    else
        gpr_write(in->v, place->operand, place->operand->size, value);
}
