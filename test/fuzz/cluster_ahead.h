/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking ahead fetches code that the guest may never come to, or not yet, and sets accessed flags, as processors do
 * that fetch ahead; so does reading a return address before it turns out that the return is left to the guest. Those
 * that fetches and reads set in RUNS while an exit is served are noted here, and no other difference in memory is
 * forgiven. The linker puts this around guest_walk() (-Wl,--wrap).
 */
#ifndef TEST_FUZZ_CLUSTER_AHEAD_H
#define TEST_FUZZ_CLUSTER_AHEAD_H

#include "ept/guest_walk.h"
#include "test/fuzz/cluster_machine.h"

#define AHEAD_MAX 256

static bool cluster_serving;
static struct {
    u32 count, size; /* of an entry */
    u64 at[AHEAD_MAX];
} cluster_ahead;

static void ahead_begin(void)
{
    cluster_ahead.count = 0;
    cluster_serving = true;
}

static void ahead_end(void)
{
    cluster_serving = false;
}

static void ahead_note(const struct walk_result *before, const struct walk_result *after)
{
    for (u32 i = 0; i < before->depth; i++) {
        u64 at = before->entries[i].at.at;
        if (before->entries[i].value == after->entries[i].value || at >= RAM_SIZE)
            continue;
        if (cluster_ahead.count == AHEAD_MAX)
            abort();
        cluster_ahead.at[cluster_ahead.count++] = at;
    }
}

typedef enum walk_status walk_function(struct vcpu *v, const struct window *window, const struct walk_request *request,
                                       struct walk_result *result);
walk_function __real_guest_walk, __wrap_guest_walk;

enum walk_status __wrap_guest_walk(struct vcpu *v, const struct window *window, const struct walk_request *request,
                                   struct walk_result *result)
{
    struct walk_request probe = *request;
    struct walk_result before;
    probe.probe = true;
    bool ahead = cluster_serving && request->access != WALK_WRITE &&
                 __real_guest_walk(v, window, &probe, &before) == WALK_OK;
    enum walk_status status = __real_guest_walk(v, window, request, result);
    cluster_ahead.size = v->cr4 & CR4_PAE ? 8 : 4;
    if (ahead && status == WALK_OK)
        ahead_note(&before, result);
    return status;
}

/* STEPS gets the flags that it is going to set by fetching, or that RUNS need not have set. */
static void ahead_forgive(void)
{
    for (u32 i = 0; i < cluster_ahead.count; i++) {
        u64 runs = 0, steps = 0, at = cluster_ahead.at[i];
        memcpy(&runs, host_guests[RUNS].ram + at, cluster_ahead.size);
        memcpy(&steps, host_guests[STEPS].ram + at, cluster_ahead.size);
        if ((runs ^ steps) == BIT(5) && runs & BIT(5))
            memcpy(host_guests[STEPS].ram + at, &runs, cluster_ahead.size);
    }
}

#endif
