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
enum emul_status emul_give_up(struct vcpu *v, u64 pending, enum emul_status status)
{
    if (watch_armed(v))
        v->pending_debug = pending;
    return status;
}

__attribute__((noinline)) enum emul_status emul_perform(struct vcpu *v, const struct insn *insn)
{
    access_need(v, EMUL_STEP_PARTS);
    walk_memo_begin(v, &v->vm->ept);
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

/* The next bytes; in one piece, where that is the usual case. */
static inline bool fetch(struct vcpu *v, enum code_size code_size, u8 *bytes, u32 *available)
{
    *available = INSN_MAX;
    return (code_size == CODE_64 && quick_fetch(v, bytes)) || access_fetch_first(v, bytes, available);
}

static inline __attribute__((always_inline)) enum emul_status
decode_at_rip(struct vcpu *v, const struct emul_expect *expect, enum code_size code_size, u8 *bytes, struct insn *insn)
{
    u32 available;
    insn->length = 0;
    if (!fetch(v, code_size, bytes, &available))
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

enum emul_status step_decode(struct vcpu *v, const struct emul_expect *expect, u8 *bytes, struct insn *insn)
{
    return decode_at_rip(v, expect, step_code_size(v), bytes, insn);
}

enum emul_status emul_step(struct vcpu *v, const struct emul_expect *expect, struct insn *insn)
{
    u8 bytes[INSN_WINDOW]; /* what is not fetched has no influence */
    access_need(v, EMUL_STEP_PARTS);
    walk_memo_begin(v, &v->vm->ept);
    enum emul_status status = decode_at_rip(v, expect, step_code_size(v), bytes, insn);
    if (__builtin_expect(status != EMUL_DONE, 0))
        return status;
    return is_expected(v, expect, insn) ? perform(v, insn) : EMUL_MISMATCH;
}
