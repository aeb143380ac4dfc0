/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One instruction of a cluster: how it is carried, whether and at what it would exit. For those that form clusters
 * (emul/cluster.c, emul/trace.c) and for who records paths (emul/record.c).
 */
#ifndef EMUL_ASSESS_H
#define EMUL_ASSESS_H

#include "emul/cluster.h"

#define ASSESS_NO_PORT (~0u)

/* Sets all of *at to the instruction at `rip`, not assessed. Returns WHY_END, or WHY_FETCH. */
enum cluster_why assess_fetch(const struct cluster_request *request, struct cluster_insn *at, u64 rip);

/*
 * Sets role, carry, would and page of what assess_fetch() fetched. `entry`: it is the one that exited; `port`: in DX
 * when it was last performed, or ASSESS_NO_PORT. Returns WHY_END, or why it cannot be carried.
 */
enum cluster_why assess(const struct cluster_request *request, struct cluster_insn *at, bool entry, u32 port);

/* Whether the instruction at `rip` is predicted to reach a trapped page by now. */
bool assess_predicted(const struct cluster_request *request, u64 rip);

/* Where the byte at `rip` is. */
u64 assess_linear(const struct cluster_request *request, u64 rip);

/* Where a direct jump or call leads. */
u64 assess_target(const struct cluster_insn *at);

/* Of jumps: whether it is one with a condition. Of jumps and calls: whether the target is in the instruction. */
bool assess_conditional(const struct cluster_insn *at);
bool assess_direct(const struct cluster_insn *at);

/*
 * Whether the cluster cannot come back to its entry: the entry's port permission the processor has checked, once; and
 * one that the interpreter performs may not complete the first time, when it counts as the exit.
 */
bool assess_comes_once(const struct cluster_request *request, const struct cluster_insn *entry);

#endif
