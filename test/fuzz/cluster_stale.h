/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A processor may go on with a translation from its TLB when the entry that it came from has changed, until it is told
 * (INVLPG). So may translated code, to the end of a run, with its lines (emul/translated.c); the interpreter looks at
 * the entries each time. Where guests differ after a turn in which entries changed that do not map the code that
 * ran, nothing is said, and they end.
 */
#ifndef TEST_FUZZ_CLUSTER_STALE_H
#define TEST_FUZZ_CLUSTER_STALE_H

#include "test/fuzz/cluster_guests.h"

#define STALE_SIZE (APIC_AT - TABLES)

static u8 stale_before[STALE_SIZE]; /* the tables when the turn began */

static void stale_begin(void)
{
    memcpy(stale_before, host_guests[STEPS].ram + TABLES, STALE_SIZE);
}

/* Entry `at` is on the way to the code at `linear`. */
static bool maps_code(const struct vcpu *v, u64 at, u64 linear)
{
    struct walk_request request = {.linear = gva(linear), .access = WALK_FETCH, .user = cluster_user, .probe = true};
    struct walk_result result;
    __real_guest_walk((struct vcpu *)v, &v->vm->window, &request, &result);
    for (u32 i = 0; i < result.depth; i++)
        if (result.entries[i].at.at == at)
            return true;
    return false;
}

/* Whether that may be all there is to a difference after the translation has run. */
static bool stale_explains(const struct translation *ran)
{
    const struct vcpu *v = &host_guests[STEPS].v;
    const u8 *now = host_guests[STEPS].ram + TABLES;
    u64 cs_base = ran->rip - ran->rip_offset;
    u32 size = v->cr4 & CR4_PAE ? 8 : 4, changed = 0;
    for (u32 at = 0; v->cr0 & CR0_PG && at < STALE_SIZE; at += size) {
        u64 difference = 0;
        for (u32 i = 0; i < size; i++)
            difference |= (u64)(now[at + i] ^ stale_before[at + i]) << (8 * i);
        if (!(difference & ~(BIT(5) | BIT(6))))
            continue;
        for (u32 i = 0; i < ran->pages; i++)
            if (maps_code(v, TABLES + at, cs_base + ran->at[i].rip))
                return false;
        changed++;
    }
    return changed > 0;
}

#endif
