/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One instruction from its bytes to its completion.
 */
#include "emul/step.h"

#include "emul/perform.h"

/* Between two elements of a string instruction: RIP stays, and a breakpoint on it must not hit again. */
void emul_leave_partial(struct vcpu *v)
{
    v->rflags |= RFLAGS_RF;
    vcpu_dirty(v, PART_RFLAGS);
}

/* Not performed after all: breakpoints that were met on the way are not. */
static enum emul_status give_up(struct vcpu *v, u64 pending, enum emul_status status)
{
    if (watch_armed(v))
        v->pending_debug = pending;
    return status;
}

__attribute__((noinline)) enum emul_status perform_with_care(struct vcpu *v, const struct insn *insn)
{
    struct interp in = {.v = v, .insn = insn, .next = next_rip(v, insn), .quick = quick_possible(v, insn->code_size)};
    bool stepping = v->rflags & RFLAGS_TF;
    watch_begin(v);
    u64 pending = v->pending_debug;
    enum emul_status status = interp_handlers[insn->op](&in);
    if (status != EMUL_DONE) {
        if (status != EMUL_PARTIAL)
            return give_up(v, pending, status);
        emul_leave_partial(v);
    } else {
        retire_to(v, in.next);
    }
    retire_shadow(v, in.shadow);
    if (stepping)
        retire_step(v);
    return status;
}

__attribute__((noinline)) enum emul_status emul_perform(struct vcpu *v, const struct insn *insn)
{
    access_need(v, EMUL_STEP_PARTS);
    walk_memo_begin(v, &v->vm->window);
    return perform(v, insn);
}

/* Operands in memory without a ModRM byte, and the ops that use memory without naming it. */
bool insn_touches_memory(const struct insn *insn)
{
    for (u32 i = 0; i < COUNT_OF(insn->operand); i++)
        if (insn->operand[i].kind == OPERAND_MEMORY && insn->op != OP_LEA && insn->op != OP_NOP)
            return true;
    switch (insn->op) {
    case OP_OTHER: /* unknown: to be refused as unsupported, not resumed for ever */
    case OP_MOVS ... OP_OUTS:
    case OP_XLAT:
    case OP_PUSH ... OP_LEAVE:
    case OP_CALL:
    case OP_RET:
    case OP_JMP_FAR ... OP_IRET: /* descriptors, stacks, tables */
        return true;
    case OP_MOV: /* a segment register: the descriptor */
        return insn->operand[0].kind == OPERAND_SEGMENT;
    default:
        return false;
    }
}

/* What is no instruction: the guest faults on it, unless something else exited. */
static enum emul_status raise_undecodable(struct vcpu *v, const struct emul_expect *expect, enum decode_status decoded)
{
    if (expect->kind != EXPECT_ANY)
        return EMUL_MISMATCH;
    if (decoded == DECODE_INVALID)
        vcpu_raise(v, VECTOR_UD);
    else
        vcpu_raise_code(v, VECTOR_GP, 0); /* longer than 15 bytes */
    return EMUL_EVENT;
}

__attribute__((noinline)) enum emul_status step_decode(struct vcpu *v, const struct emul_expect *expect, u8 *bytes,
                                                       struct insn *insn)
{
    u32 available = INSN_MAX;
    enum code_size code_size = step_code_size(v);
    insn->length = 0;
    if (!access_fetch_first(v, bytes, &available))
        return EMUL_EVENT;
    enum decode_status decoded = insn_decode_padded(bytes, available, code_size, insn);
    if (__builtin_expect(decoded == DECODE_OK, 1))
        return EMUL_DONE;
    insn->length = 0;
    if (decoded == DECODE_TRUNCATED) {
        if (!access_fetch_more(v, bytes, &available))
            return EMUL_EVENT;
        decoded = insn_decode_padded(bytes, available, code_size, insn);
    }
    if (decoded == DECODE_OK)
        return EMUL_DONE;
    insn->length = 0;
    if (decoded == DECODE_TRUNCATED) { /* the code segment ends inside the instruction */
        vcpu_raise_code(v, VECTOR_GP, 0);
        return EMUL_EVENT;
    }
    return raise_undecodable(v, expect, decoded);
}

/* In the usual case the bytes are there in one piece. */
QUICK bool decode_quickly(struct vcpu *v, u8 *bytes, struct insn *insn)
{
    return access_is_64(v) && quick_fetch(v, bytes) && insn_decode_padded(bytes, INSN_MAX, CODE_64, insn) == DECODE_OK;
}

enum emul_status emul_step(struct vcpu *v, const struct emul_expect *expect, struct insn *insn)
{
    u8 bytes[INSN_WINDOW]; /* what is not fetched has no influence */
    walk_memo_begin(v, &v->vm->window);
    if (__builtin_expect(!decode_quickly(v, bytes, insn), 0)) {
        enum emul_status status = step_decode(v, expect, bytes, insn);
        if (status != EMUL_DONE)
            return status;
    }
    return is_expected(v, expect, insn) ? perform(v, insn) : EMUL_MISMATCH;
}
