/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a decoded instruction to its completion, inline: for emul/step.c, which has just decoded it, and for
 * emul/cached.c, which remembers it.
 */
#ifndef EMUL_PERFORM_H
#define EMUL_PERFORM_H

#include "emul/emul.h"
#include "emul/interp.h"
#include "emul/interp_io.h"
#include "emul/quick.h"
#include "emul/quick_run.h"
#include "emul/retire.h"
#include "emul/watch.h"

/* A rare end: a string instruction between two elements. */
void emul_leave_partial(struct vcpu *v);

/* Whether the instruction reaches memory in any way. */
bool insn_touches_memory(const struct insn *insn);

/* Where RIP goes without a jump. Outside 64-bit code EIP has 32 bits, in 16-bit code too. */
static inline __attribute__((always_inline)) u64 next_rip(const struct vcpu *v, const struct insn *insn)
{
    u64 next = v->rip + insn->length;
    return insn->code_size == CODE_64 ? next : (u32)next;
}

/* Any instruction, whatever there is to look at when it is over. */
enum emul_status perform_with_care(struct vcpu *v, const struct insn *insn);

static inline __attribute__((always_inline)) enum emul_status perform(struct vcpu *v, const struct insn *insn)
{
    struct interp in = {.v = v, .insn = insn, .next = next_rip(v, insn), .quick = true};
    if (__builtin_expect(insn->code_size != CODE_64 || !quick_runs(v), 0))
        return perform_with_care(v, insn);
    enum emul_status status = interp_handlers[insn->op](&in);
    if (__builtin_expect(status != EMUL_DONE, 0)) {
        if (status == EMUL_PARTIAL)
            emul_leave_partial(v);
        return status;
    }
    retire_to(v, in.next);
    if (__builtin_expect(in.shadow, 0))
        retire_shadow(v, in.shadow);
    return EMUL_DONE;
}

static inline bool has_memory_operand(const struct insn *insn)
{
    if (!(insn->flags & INSN_MODRM) || insn->modrm >= 0xc0)
        return false;
    if ((u32)(insn->op - OP_ADD) < OP_LEA - OP_ADD) /* arithmetic, MOV, MOVZX, MOVSX: most by far */
        return true;
    return insn->op != OP_LEA && insn->op != OP_NOP && insn->op != OP_OTHER;
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
        return has_memory_operand(insn) || insn_touches_memory(insn);
    case EXPECT_OP:
        return insn->op == expect->op;
    default:
        return true;
    }
}

static inline enum code_size step_code_size(const struct vcpu *v)
{
    if (access_is_64(v))
        return CODE_64;
    return v->seg[SEG_CS].access & ACCESS_DB ? CODE_32 : CODE_16;
}

#endif
