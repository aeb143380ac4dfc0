/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recording the path that the guest takes from an exit on (emul/trace.h): the interpreter goes on behind the
 * instruction that exited, as far as a cluster could, for a bounded number of instructions.
 */
#ifndef EMUL_RECORD_H
#define EMUL_RECORD_H

#include "emul/trace.h"
#include "emul/vm.h"
#include "lib/vcpu.h"

/*
 * The instruction of request->rip has been performed, and nothing is pending. Adds it and those that are performed now
 * to *path; counts the exits that these would have been, by enum would_exit, in `avoided`. Returns how many it
 * performed, the last one perhaps in part or up to a fault, which is v->event then.
 */
u32 record_path(struct vcpu *v, const struct cluster_request *request, struct path *path, u64 *avoided);

/* Whether something pending keeps other than single instructions from being performed: a trap, a shadow, breakpoints.
 */
bool record_needs_care(const struct vcpu *v);

#endif
