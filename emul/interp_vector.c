/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SSE moves, whose registers live in the machine: MOVAPS, MOVUPS, MOVQ, MOVD and their kin with the legacy encoding.
 * VEX forms (they clear what is above) and MMX registers are refused.
 */
#include "emul/interp.h"
#include "lib/string.h"

static bool vector_is_refused(struct interp *in)
{
    const struct machine *machine = in->v->vm->machine;
    if (in->insn->flags & INSN_VEX)
        return true;
    for (u32 i = 0; i < 2; i++)
        if (in->insn->operand[i].kind == OPERAND_MMX)
            return true;
    return !machine->xmm_get || !machine->xmm_set;
}

/* SDM "Exceptions Type 4" and "Effect of Combinations of CR0 and CR4 Bits": #UD before #NM. */
static bool vector_allowed(struct interp *in)
{
    u64 cr0 = vcpu_cr0(in->v);
    if ((cr0 & CR0_EM) || !(vcpu_cr4(in->v) & CR4_OSFXSR)) {
        vcpu_raise(in->v, VECTOR_UD);
        return false;
    }
    if (cr0 & CR0_TS) {
        vcpu_raise(in->v, VECTOR_NM);
        return false;
    }
    return true;
}

static bool vector_open(struct interp *in, const struct operand *operand, enum access_kind kind,
                        struct access_span *span)
{
    enum segment_name segment = in->insn->memory.segment;
    u64 offset = operand_address(in);
    if (in->insn->op == OP_MOVAPS && (access_linear_unchecked(in->v, segment, offset) & 15)) {
        vcpu_raise_code(in->v, VECTOR_GP, 0);
        return false;
    }
    return access_open(in->v, segment, offset, operand->size, kind, span);
}

/* Bytes of operand `n` into value[16], zeros above them. */
static bool vector_read(struct interp *in, u32 n, u32 size, u64 value[2])
{
    const struct operand *operand = &in->insn->operand[n];
    struct access_span span;
    value[0] = value[1] = 0;
    switch (operand->kind) {
    case OPERAND_XMM:
        in->v->vm->machine->xmm_get(operand->reg, value);
        if (size < 16)
            value[1] = 0;
        if (size < 8)
            value[0] = (u32)value[0];
        return true;
    case OPERAND_GPR:
        value[0] = gpr_read(in->v, operand, operand->size);
        return true;
    default:
        if (!vector_open(in, operand, ACCESS_READ, &span))
            return false;
        access_get(in->v, &span, value);
        return true;
    }
}

enum emul_status interp_mov_vector(struct interp *in)
{
    const struct operand *target = &in->insn->operand[0];
    bool to_xmm = target->kind == OPERAND_XMM;
    u32 size = (u32)min_u64(target->size, in->insn->operand[1].size);
    struct access_span span;
    u64 value[2];
    if (vector_is_refused(in))
        return EMUL_UNSUPPORTED;
    if (!vector_allowed(in) || !vector_read(in, 1, size, value))
        return EMUL_EVENT;
    if (to_xmm) {
        in->v->vm->machine->xmm_set(target->reg, value);
    } else if (target->kind == OPERAND_GPR) {
        gpr_write(in->v, target, target->size, value[0]);
    } else {
        if (!vector_open(in, target, ACCESS_WRITE, &span))
            return EMUL_EVENT;
        access_put(in->v, &span, value);
    }
    return EMUL_DONE;
}
