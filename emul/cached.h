/* SPDX-License-Identifier: BSD-2-Clause */
/* emul_step() with a memory: the `decode` rung of the ladder (SPEC 4). */
#ifndef EMUL_CACHED_H
#define EMUL_CACHED_H

#include "emul/emul.h"

/*
 * Does what emul_step() does, to the last bit, by what v->tcache remembers. *hits is counted up when the work was
 * found. EMUL_STEP_PARTS are there.
 */
void emul_step_cached(struct vcpu *v, const struct emul_expect *expect, emul_undone *undone, u64 *hits);

#endif
