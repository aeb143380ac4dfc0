/* SPDX-License-Identifier: BSD-2-Clause */
/* The first half of emul_step(), for those that keep what it came to. */
#ifndef EMUL_STEP_H
#define EMUL_STEP_H

#include "emul/emul.h"

/*
 * Fetches and decodes the instruction at CS:RIP; `bytes` has room for INSN_WINDOW. EMUL_DONE: *insn is set. Else what
 * emul_step() returns. EMUL_STEP_PARTS are there, walk_memo_begin() was called.
 */
enum emul_status step_decode(struct vcpu *v, const struct emul_expect *expect, u8 *bytes, struct insn *insn);

#endif
