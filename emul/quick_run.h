/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EMUL_QUICK_RUN_H
#define EMUL_QUICK_RUN_H

#include "emul/emul.h"

/*
 * Performs the instruction at RIP, all but moving RIP. False: nothing was done, the long way decides. 64-bit code,
 * after walk_memo_begin(), no breakpoint armed.
 */
typedef bool quick_run(struct vcpu *v, const struct insn *insn);

/* MOV, MOVZX, MOVSX from memory to a register; MOV from a register or an immediate to memory. Not by FS or GS. */
quick_run quick_load, quick_store;

/* Nothing that completing an instruction would have to look at: no single step, no breakpoint, no shadow. */
bool quick_runs(const struct vcpu *v);

/* The one for this instruction; NULL: it has none. */
quick_run *quick_choose(const struct insn *insn);

#endif
