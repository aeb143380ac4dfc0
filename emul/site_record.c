/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a trace comes about (emul/site.h, struct recording): the path from an exit is recorded, and the trace made of it;
 * while it is watched, the ways out of it are recorded as well, and it is made again.
 */
#include "emul/quick_run.h"
#include "emul/record.h"
#include "emul/site_make.h"
#include "lib/string.h"

/* ---- making ---- */

static struct cluster_request request_at(struct vcpu *v, struct sites *sites, u64 rip)
{
    u64 here = v->rip;
    access_need(v, EMUL_STEP_PARTS);
    v->rip = rip;
    struct cluster_request request = site_request(v, sites, &sites->recording.exit);
    request.path = &sites->path;
    v->rip = here;
    return request;
}

/* Whether sites->trace is about the same as the exit that was recorded last; or any port, when the code asks which. */
static bool is_same_place(const struct sites *sites)
{
    const struct recording *r = &sites->recording;
    return (r->roams && r->exit.cause.kind == TRACK_PORT) || r->exit.cause.where == sites->trace_at;
}

/* sites->trace takes in what it does not have of the paths. False: there is nothing. */
static bool grow(struct vcpu *v, struct sites *sites)
{
    struct recording *r = &sites->recording;
    struct cluster_request request = request_at(v, sites, r->rip);
    if (!is_same_place(sites) || !trace_can_grow(&request, &sites->trace))
        return true;
    u32 edges = trace_edges(&sites->trace);
    sites->grown = trace_grow(&request, &sites->trace);
    return trace_edges(&sites->trace) > edges;
}

/* Makes the translation from what was recorded. */
static bool make_recorded(struct vcpu *v, struct sites *sites, bool watch)
{
    struct recording *r = &sites->recording;
    sites->roams = r->roams;
    sites->watch = watch;
    walk_memo_begin(v, &v->vm->window);
    bool done = site_try(v, sites, &r->exit, &sites->path);
    sites->grown = 0;
    return done;
}

/* ---- recording ---- */

void site_forget_path(struct sites *sites, u64 rip)
{
    if (sites->recording.linear != rip)
        return;
    if (sites->maker.busy)
        site_give_up(sites);
    sites->path.count = sites->trace.count = 0;
}

/* The trace stays as it is: another site is to be recorded, or there is nothing that it does not have. */
static void stop(struct sites *sites)
{
    struct recording *r = &sites->recording;
    struct translation *found = translations_find(&sites->tc, r->linear);
    r->left = r->sides = 0;
    if (found && found->watched)
        found->watched = false;
}

void site_give_up(struct sites *sites)
{
    if (!sites->maker.busy)
        return;
    sites->maker.busy = false;
    sites->grown = sites->trace.count = 0; /* it may have grown in part */
    stop(sites);
}

/* The first of the exits of a site, from which a path is recorded. */
static void begin_anew(struct vcpu *v, struct sites *sites, u64 rip)
{
    struct recording *r = &sites->recording;
    struct translation *before = translations_last(&sites->tc, rip, v->rip);
    /* It has been lost, or reaches one more place: the paths still hold. */
    bool goes_on = r->linear == rip && r->rip == v->rip && sites->path.count && sites->path.count < PATH_MAX / 2;
    *r = (struct recording){
        .rip = v->rip,
        .linear = rip,
        .left = before && !goes_on ? RECORD_AGAIN : 1,
        .roams = sites->roams || (before && before->roams),
        .patience = RECORD_PATIENCE,
    };
    if (!goes_on)
        sites->path.count = sites->trace.count = 0;
    if (sites->roams && before && translation_is_there(before))
        translations_drop(&sites->tc, before);
}

void site_record_begin(struct vcpu *v, struct sites *sites, const struct site_exit *exit)
{
    struct recording *r = &sites->recording;
    u64 rip = site_linear_rip(v);
    bool other = (r->left || r->sides) && r->rip != v->rip;
    if (other && r->patience) {
        r->patience--;
        return;
    }
    if (other)
        stop(sites);
    if (!r->left)
        begin_anew(v, sites, rip);
    r->exit = *exit;
    r->now = true;
}

static u64 total_of(const u64 *avoided)
{
    u64 total = 0;
    for (u32 kind = 0; kind < TC_KINDS; kind++)
        total += avoided[kind];
    return total;
}

static u32 record_on(struct vcpu *v, struct sites *sites)
{
    struct cluster_request request = request_at(v, sites, sites->recording.rip);
    u64 before = total_of(sites->tc.avoided);
    u32 performed = record_path(v, &request, &sites->path, sites->tc.avoided);
    sites->recording.avoided += total_of(sites->tc.avoided) - before;
    return performed;
}

/* What recording avoided is the site's, but says nothing of what its translation will. */
static void credit(struct sites *sites)
{
    struct recording *r = &sites->recording;
    struct translation *made = translations_find(&sites->tc, r->linear);
    struct site_skip *skip = site_skip_of(sites, r->rip);
    if (!made)
        made = translations_last(&sites->tc, r->linear, r->rip);
    if (made) {
        made->spared += r->avoided;
        made->checked_spared += r->avoided;
    } else if (skip->rip == r->rip) {
        skip->site.spared += r->avoided;
    } else {
        return; /* there is none yet */
    }
    r->avoided = 0;
}

/* Of all paths that are known. */
static void make_and_watch(struct vcpu *v, struct sites *sites)
{
    struct recording *r = &sites->recording;
    r->sides = RECORD_SIDES;
    r->news = false;
    grow(v, sites);
    if (!make_recorded(v, sites, true) || !sites->one->traced)
        r->sides = 0;
    credit(sites);
    struct translation *found = translations_find(&sites->tc, r->linear);
    if (found && !found->traced) /* the path had no more to offer */
        found->remade = (u8)min_u64(found->remade + 2u, REMADE_MAX);
}

u32 site_record(struct vcpu *v, struct sites *sites)
{
    struct recording *r = &sites->recording;
    struct path *path = &sites->path;
    r->now = false;
    if (record_needs_care(v) || !quick_runs(v) || path->count == PATH_MAX)
        return 0;
    path->step[path->count++] = (struct path_step){.rip = r->rip, .port = (u16)r->exit.cause.where, .begins = true};
    u64 before = r->avoided;
    u32 performed = record_on(v, sites);
    bool alone = r->avoided == before; /* nothing else exited */
    credit(sites);
    if (--r->left && path->count < PATH_MAX && !alone)
        return performed;
    r->left = 0;
    maker_begin(v, sites, r->rip, make_and_watch);
    return performed;
}

/* ---- watching ---- */

/* What it leaves to the guest is so little that another making would not pay. */
static bool serves_well(struct sites *sites)
{
    struct translation *t = translations_find(&sites->tc, sites->recording.linear);
    if (!t)
        return false;
    translation_settle(&sites->tc, t);
    u64 uses = t->hits - t->checked_hits, avoided = t->spared - t->checked_spared;
    return uses > 1 && avoided >= RECORD_ENOUGH * uses;
}

/*
 * The guest leaves the trace by a way that has been recorded: it is made again, to see what is behind. One that has not
 * grown by it is as long as it can be.
 */
static void take_in(struct vcpu *v, struct sites *sites)
{
    struct recording *r = &sites->recording;
    u32 before = sites->trace.count;
    bool last = !r->sides || sites->path.count == PATH_MAX;
    r->news = false;
    r->known = 0;
    memset(r->left_at, 0, sizeof(r->left_at));
    if (!grow(v, sites)) {
        sites->grown = 0;
        stop(sites);
        return;
    }
    bool made = make_recorded(v, sites, !last) && sites->one->traced;
    if (!made || last)
        r->sides = 0;
    else if (sites->trace.count == before)
        stop(sites);
}

static bool is_worth(const struct sites *sites, u32 times, u32 worth)
{
    return times >= (sites->paths_at_once ? 1 : worth);
}

u32 site_left(struct vcpu *v, struct sites *sites, u32 side)
{
    struct recording *r = &sites->recording;
    const struct translation *running = v->frame.running;
    u32 performed = 0;
    if (sites->maker.busy) {
        maker_go_on(v, sites);
        return 0;
    }
    if (!r->sides || !running->watched || running->rip_offset != r->rip || sites->trace_of != r->rip ||
        side >= CLUSTER_NODES)
        return 0;
    if (record_needs_care(v) || !quick_runs(v))
        return 0;
    if (serves_well(sites)) {
        stop(sites);
        return 0;
    }
    if (is_worth(sites, r->left_at[side], RECORD_SIDE_WORTH)) {
        if (r->news && is_worth(sites, ++r->known, RECORD_MAKE_WORTH))
            maker_begin(v, sites, r->rip, take_in);
        return 0;
    }
    if (!is_worth(sites, ++r->left_at[side], RECORD_SIDE_WORTH))
        return 0;
    r->news = true;
    if (trace_path_to(&sites->trace, side, &sites->path))
        performed = record_on(v, sites);
    if (!--r->sides || sites->path.count == PATH_MAX)
        maker_begin(v, sites, r->rip, take_in);
    credit(sites);
    return performed;
}
