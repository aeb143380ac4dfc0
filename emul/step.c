/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One instruction from its bytes to its completion.
 */
#include "emul/interp.h"
#include "emul/interp_io.h"
#include "emul/quick.h"
#include "emul/retire.h"
#include "emul/watch.h"

/* Where RIP goes without a jump. Outside 64-bit code EIP has 32 bits, in 16-bit code too. */
static inline __attribute__((always_inline)) u64 next_rip(const struct vcpu *v, const struct insn *insn)
{
    u64 next = v->rip + insn->length;
    return insn->code_size == CODE_64 ? next : (u32)next;
}

/* Between two elements of a string instruction: RIP stays, and a breakpoint on it must not hit again. */
static void leave_partial(struct vcpu *v)
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

static inline __attribute__((always_inline)) enum emul_status perform(struct vcpu *v, const struct insn *insn)
{
    struct interp in = {.v = v, .insn = insn, .next = next_rip(v, insn), .quick = quick_possible(v, insn->code_size)};
    bool stepping = v->rflags & RFLAGS_TF;
    watch_begin(v);
    u64 pending = v->pending_debug;
    enum emul_status status = interp_handlers[insn->op](&in);
    if (__builtin_expect(status != EMUL_DONE, 0)) {
        if (status != EMUL_PARTIAL)
            return give_up(v, pending, status);
        leave_partial(v);
    } else {
        retire_to(v, in.next);
    }
    retire_shadow(v, in.shadow);
    if (__builtin_expect(stepping, 0))
        retire_step(v);
    return status;
}

enum emul_status emul_perform(struct vcpu *v, const struct insn *insn)
{
    access_need(v, EMUL_STEP_PARTS);
    walk_memo_begin(v, &v->vm->ept);
    return perform(v, insn);
}

/* Operands in memory without a ModRM byte, and the ops that use memory without naming it. */
static __attribute__((noinline)) bool touches_memory(const struct insn *insn)
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

static inline bool has_memory_operand(const struct insn *insn)
{
    return (insn->flags & INSN_MODRM) && insn->modrm < 0xc0 && insn->op != OP_LEA && insn->op != OP_NOP &&
           insn->op != OP_OTHER;
}

/* SPEC 4: what was fetched must be what exited. */
static inline bool is_expected(struct vcpu *v, const struct emul_expect *expect, const struct insn *insn)
{
    static const u8 port_ops[] = {
        [EXPECT_IN] = OP_IN, [EXPECT_OUT] = OP_OUT, [EXPECT_INS] = OP_INS, [EXPECT_OUTS] = OP_OUTS};
    switch (expect->kind) {
    case EXPECT_IN:
    case EXPECT_OUT:
    case EXPECT_INS:
    case EXPECT_OUTS:
        return insn->op == port_ops[expect->kind] && io_size(insn) == expect->size && io_port(v, insn) == expect->port;
    case EXPECT_MEMORY:
        return has_memory_operand(insn) || touches_memory(insn);
    case EXPECT_OP:
        return insn->op == expect->op;
    default:
        return true;
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

static inline enum code_size code_size_of(const struct vcpu *v)
{
    if (access_is_64(v))
        return CODE_64;
    return v->seg[SEG_CS].access & ACCESS_DB ? CODE_32 : CODE_16;
}

enum emul_status emul_step(struct vcpu *v, const struct emul_expect *expect, struct insn *insn)
{
    u8 bytes[INSN_WINDOW]; /* the rest stays as it is: insn_decode_padded() does not mind */
    u32 available;
    insn->length = 0;
    access_need(v, EMUL_STEP_PARTS);
    walk_memo_begin(v, &v->vm->ept);
    enum code_size code_size = code_size_of(v);
    if (code_size == CODE_64 && quick_fetch(v, bytes))
        available = INSN_MAX;
    else if (!access_fetch_first(v, bytes, &available))
        return EMUL_EVENT;
    enum decode_status decoded = insn_decode_padded(bytes, available, code_size, insn);
    if (decoded == DECODE_TRUNCATED) {
        insn->length = 0;
        if (!access_fetch_more(v, bytes, &available))
            return EMUL_EVENT;
        decoded = insn_decode_padded(bytes, available, code_size, insn);
    }
    if (decoded == DECODE_TRUNCATED) { /* the code segment ends inside the instruction */
        vcpu_raise_code(v, VECTOR_GP, 0);
        return EMUL_EVENT;
    }
    if (decoded != DECODE_OK) {
        insn->length = 0;
        return raise_undecodable(v, expect, decoded);
    }
    return is_expected(v, expect, insn) ? perform(v, insn) : EMUL_MISMATCH;
}
