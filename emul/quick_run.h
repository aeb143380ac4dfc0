/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EMUL_QUICK_RUN_H
#define EMUL_QUICK_RUN_H

#include "emul/emul.h"
#include "emul/watch.h"

#define DR7_GENERAL_DETECT BIT(13) /* MOV DR is #DB */

/* Performs and completes the remembered instruction at RIP, as cached_perform() would. For quick_supervisor(),
 * walk_memo_holds() and quick_runs(). */
typedef void quick_run(struct vcpu *v, const struct insn *known, emul_undone *undone);

/* By the interpreter (emul/cached.c): what a quick_run leaves to it. */
quick_run cached_perform;

/* The one for this instruction; NULL: it has none. */
quick_run *quick_choose(const struct insn *insn);

/*
 * For the interpreter, all but moving RIP: MOV, MOVZX, MOVSX from memory to a register; MOV from a register or an
 * immediate to memory; arithmetic and comparisons of these with memory, without LOCK. Not by FS or GS, nothing of RSP;
 * in 64-bit code, after walk_memo_begin(), no breakpoint armed. False: nothing was done, the long way decides.
 */
bool quick_load(struct vcpu *v, const struct insn *insn);
bool quick_load_32(struct vcpu *v, const struct insn *insn); /* MOV of 32 bits */
bool quick_store(struct vcpu *v, const struct insn *insn);
bool quick_alu(struct vcpu *v, const struct insn *insn);

/* 64-bit code of the guest's kernel. EMUL_STEP_PARTS are there. */
static inline __attribute__((always_inline)) bool quick_supervisor(const struct vcpu *v)
{
    return access_is_64(v) && !(v->seg[SEG_SS].access & ACCESS_DPL);
}

/* Nothing that completing an instruction would have to look at: no single step, no breakpoint, no shadow. */
static inline __attribute__((always_inline)) bool quick_runs(const struct vcpu *v)
{
    u64 flags = v->rflags & (RFLAGS_AC | RFLAGS_RF | RFLAGS_TF);
    u64 armed = v->dr7 & (WATCH_ENABLES | DR7_GENERAL_DETECT);
    return !(flags | armed | (v->interruptibility & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS)));
}

#endif
