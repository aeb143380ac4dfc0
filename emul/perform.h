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
#include "emul/retire.h"
#include "emul/watch.h"

/* The rare ends: a string instruction between two elements; an instruction that was not performed after all. */
void emul_leave_partial(struct vcpu *v);
enum emul_status emul_give_up(struct vcpu *v, u64 pending, enum emul_status status);

/* Whether the instruction reaches memory in any way. */
bool insn_touches_memory(const struct insn *insn);

/* Where RIP goes without a jump. Outside 64-bit code EIP has 32 bits, in 16-bit code too. */
static inline __attribute__((always_inline)) u64 next_rip(const struct vcpu *v, const struct insn *insn)
{
    u64 next = v->rip + insn->length;
    return insn->code_size == CODE_64 ? next : (u32)next;
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
            return emul_give_up(v, pending, status);
        emul_leave_partial(v);
    } else {
        retire_to(v, in.next);
    }
    retire_shadow(v, in.shadow);
    if (__builtin_expect(stepping, 0))
        retire_step(v);
    return status;
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
