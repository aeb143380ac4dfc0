/* SPDX-License-Identifier: BSD-2-Clause */
/* engine=translate and engine=cluster: from an exit to translated code, and back into the guest. */
#ifndef VMX_EXIT_SITE_H
#define VMX_EXIT_SITE_H

#include "emul/site.h"
#include "vmx/cpu.h"

struct site_options {
    enum cluster_flow flow;
    u32 threshold, cluster_max;   /* cluster_max 1: engine=translate */
    u64 ticks_per_second, budget; /* of the TSC; budget: SPEC 6.4 */
};

/* Before the guest starts, after code_cache_init(): this CPU translates. */
void exit_site_init(struct cpu *cpu, const struct site_options *options);

/*
 * The exit that is being handled, by an instruction and about `where` (emul/site.h has the meaning of `detail`). True:
 * cpu->run is the code to be run instead of an entry; the handler is done.
 */
bool exit_by_site(struct cpu *cpu, u64 detail, struct track_cause cause);

/* Translated code has left, while a trace is watched (emul/site.h). */
void exit_site_left(struct cpu *cpu);

/* CHORE_RECORD: the exit has been handled. */
void exit_site_record(struct cpu *cpu);

/* Whether it is to be called for this exit. */
static inline bool exit_has_site(struct cpu *cpu)
{
    if (__builtin_expect(site_rests(&cpu->rest), 0))
        return false;
    if (!sites_skip(cpu->sites, cpu->vcpu.rip))
        return true;
    if (++cpu->rest.vain >= REST_AFTER)
        site_rest_turn(cpu);
    return false;
}

/* Where translated code is, for lib/address_space.h: written at `code`, executed at CODE_MAP. */
extern char translated_code[TC_CODE];

/* Called by entry.S at every TC_COMPARE_AGAIN-th use. False: the bytes are other ones, and it is dropped. */
bool exit_site_compare(struct cpu *cpu, struct translation *translation);

/* Where the exits of *made are put down; its reason, kind and expectation are there. */
void exit_site_account(struct cpu *cpu, struct translation *made);

/* Adds what translated code has counted to the statistics. */
void exit_site_fold(struct cpu *cpu);

/* The sites count from now on, as the statistics do. */
void exit_site_reset(struct cpu *cpu);

#endif
