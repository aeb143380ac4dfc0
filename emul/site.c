/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/site.h"

#include "emul/device_apic.h"
#include "emul/quick_run.h"
#include "emul/record.h"
#include "emul/site_make.h"
#include "emul/translated.h"
#include "lib/string.h"

void sites_init(struct sites *sites, struct coherence *coherence, void *code, const void *executable)
{
    translations_init(&sites->tc, coherence, code, executable);
}

/* ---- looking up ---- */

enum code_state {
    CODE_SAME,
    CODE_ELSEWHERE, /* RIP leads to other code now: the translation stays, for where it is right */
    CODE_CHANGED,
};

static enum code_state state_of(struct vcpu *v, struct translations *t, struct translation *found)
{
    if (!translation_is_fresh(found))
        return CODE_CHANGED;
    if (!translated_is_there(v, found))
        return CODE_ELSEWHERE;
    bool compare = translation_must_compare(found) || access_cpl(v) == 3 || found->uses_to_compare <= 1;
    found->uses_to_compare = compare ? TC_COMPARE_AGAIN : found->uses_to_compare - 1;
    return !compare || translation_compare(t, found) ? CODE_SAME : CODE_CHANGED;
}

void sites_forget_far(struct sites *sites)
{
    for (u32 i = 0; i < TRANSLATIONS; i++) {
        struct translation *one = &sites->tc.table[i];
        if (translation_is_there(one) && (one->pages > 1 || one->traced))
            translations_drop(&sites->tc, one);
    }
}

void sites_settle(struct sites *sites)
{
    for (u32 i = 0; i < SITE_SKIPS; i++)
        sites->skip[i].site.hits = sites->skip[i].exits - sites->skip[i].left;
}

/* What *tried was made for, or was to be, goes on without: the instruction at RIP, linear `rip`. */
static void in_vain(struct vcpu *v, struct sites *sites, u64 rip, const struct translation *tried, enum cluster_why why)
{
    struct site_skip *skip = site_skip_of(sites, v->rip);
    bool taken = skip->rip != v->rip && skip->left;
    u32 exits = tracker_vain(&sites->tracker, rip, !taken);
    sites->refused[why]++;
    if (taken) {
        skip->left /= 4; /* it may never exit again */
        return;
    }
    if (skip->rip != v->rip)
        skip->exits = 1;
    skip->rip = v->rip;
    skip->left = exits;
    skip->exits += skip->left;
    skip->site = *tried;
    skip->site.source_length = (u16)min_u64(tried->source_length, INSN_MAX);
    memcpy(skip->source, tried->source, skip->site.source_length);
    skip->site.source = skip->source;
    skip->site.rip = rip;
    skip->site.why = (u8)why;
}

/* The paths that are known from this instruction lead elsewhere now. */
static void forget_path(struct sites *sites, u64 rip)
{
    if (sites->recording.linear == rip)
        sites->path.count = sites->trace.count = 0;
}

/* Where code changes all the time, another translation soon would be no better. */
static void forget(struct vcpu *v, struct sites *sites, struct translation *found, u64 rip)
{
    bool useful = translation_uses(found) - found->inherited > TC_COMPARE_AGAIN;
    forget_path(sites, rip);
    translations_drop(&sites->tc, found);
    if (!useful)
        in_vain(v, sites, rip, found, WHY_CHANGES);
}

/* False: it was made anew, and avoids hardly more than before; to make it again would not pay. */
static bool may_grow(struct translation *t, u32 rate)
{
    u32 before = t->rate;
    t->rate = rate;
    if (!t->traced || rate > before + before / 4)
        return true;
    t->remade = REMADE_MAX;
    return false;
}

/* Uses after which it is asked how much it avoids: of a cluster that no path has bettered ever more, for paths are
 * dear.
 */
static u64 uses_to_check(const struct translation *t)
{
    if (t->traced)
        return TRACE_CHECK;
    return t->remade ? (u64)CLUSTER_CHECK << (2 * t->remade + 2) : CLUSTER_CHECK;
}

/* It avoids no more than the cluster did that was there before it, and was shorter. */
static bool is_no_better(const struct translation *t, u32 rate)
{
    return t->traced && rate <= t->rate + 1;
}

/*
 * Whether it avoids about as many exits as were seen on its path; one that was made without looking at a path, as many
 * as make a path not worth it. Or it is as good as it can be. Where it is not kept, by_path says how the next is made.
 */
static bool is_kept(struct sites *sites, struct translation *t)
{
    if (sites->flow != CLUSTER_TRACES || sites->cluster_max == 1 || !t->piece_size || t->watched)
        return true;
    if (translation_uses(t) - t->checked_hits < uses_to_check(t) || t->remade >= REMADE_MAX)
        return true;
    translation_settle(&sites->tc, t);
    u64 uses = t->hits - t->checked_hits, avoided = t->spared - t->checked_spared;
    t->checked_hits = t->hits;
    t->checked_spared = t->spared;
    u32 rate = (u32)(16 * avoided / uses);
    if (is_no_better(t, rate)) {
        t->by_path = false;
        return false;
    }
    bool kept = t->promise > 1 && avoided * 2 >= uses * (t->promise - 1u);
    if (!t->promise)
        kept = avoided >= GOOD_ENOUGH * uses;
    t->by_path |= !kept;
    return kept || !may_grow(t, rate);
}

bool site_keeps_promise(struct sites *sites, struct translation *t)
{
    if (is_kept(sites, t))
        return true;
    t->remade = (u8)min_u64(t->remade + 1u, REMADE_MAX);
    forget_path(sites, t->rip);
    translations_drop(&sites->tc, t);
    return false;
}

/* Asked when the bytes have been compared. */
static bool keeps_promise(struct sites *sites, struct translation *t)
{
    return t->uses_to_compare != TC_COMPARE_AGAIN || site_keeps_promise(sites, t);
}

static struct translation *find(struct vcpu *v, struct sites *sites, const struct site_exit *exit)
{
    u64 rip = site_linear_rip(v);
    struct translation *found = translations_find(&sites->tc, rip);
    if (!found || found->reason != exit->reason || found->mode != v->seg[SEG_CS].access ||
        found->rip_offset != v->rip || ((found->expect ^ exit->detail) & found->expect_mask) || !quick_runs(v))
        return NULL;
    if (found->cs_limit != site_cs_limit(v) || (found->ports_free && !site_ports_free(v)))
        return NULL;
    walk_memo_begin(v, &v->vm->window);
    enum code_state state = state_of(v, &sites->tc, found);
    if (state == CODE_CHANGED)
        forget(v, sites, found, rip);
    return state == CODE_SAME && keeps_promise(sites, found) ? found : NULL;
}

static bool is_watched_enough(const struct vcpu *v, const struct sites *sites, const struct translation *found)
{
    return found->watched && translation_uses(found) - found->inherited > WATCHED_USES &&
           v->rip == sites->recording.rip;
}

/* It stays as it is. */
static void unwatch(struct sites *sites, struct translation *found)
{
    found->watched = false;
    if (sites->choose_check)
        sites->choose_check(found, found->pages, false);
}

/* 32 bits of it may simply be touched. At 0 an access may have begun in the page before. */
static bool is_simple_register(const struct vcpu *v, const struct translation *found, u64 where)
{
    u32 within = where & ~PAGE_MASK;
    return found->several && found->kind == WOULD_APIC && within && device_apic_is_plain(within) &&
           where < v->vm->window.physmap.direct_end;
}

void site_aim(struct vcpu *v, const struct translation *found, u64 where)
{
    bool simple = is_simple_register(v, found, where);
    v->frame.exit_host = simple ? (u64)(v->vm->window.physmap.direct + where) : 0;
    v->frame.exit_limit = simple;
}

struct translation *site_find(struct vcpu *v, struct sites *sites, const struct site_exit *exit)
{
    struct translation *found = find(v, sites, exit);
    if (found && is_watched_enough(v, sites, found)) {
        sites->recording.sides = 0;
        unwatch(sites, found);
    }
    if (!found)
        return NULL;
    if (!site_renew_walks(v, found, &sites->source)) {
        translations_drop(&sites->tc, found);
        return NULL;
    }
    if (found->uses_rsp)
        access_need(v, PART_RSP);
    translation_forget_writes(found);
    translated_begin(v, found);
    return found;
}

/* ---- counting, and making ---- */

/* In a conforming segment the access rights of CS, by which translations are told apart, do not say the privilege. */
static bool is_conforming(const struct vcpu *v)
{
    const u32 conforming = ACCESS_TYPE_CODE | ACCESS_TYPE_EXPAND_DOWN;
    return (v->seg[SEG_CS].access & conforming) == conforming;
}

/*
 * There is a translation for this instruction, but for another register or port: one function that reaches them all.
 * One translation can serve a page, and bytes at all plain ports.
 */
static bool roams(struct vcpu *v, struct sites *sites, u64 rip, const struct site_exit *exit)
{
    const struct translation *old = translations_find(&sites->tc, rip);
    if (old && exit->cause.kind == TRACK_PAGE && (old->expect ^ exit->detail) & PAGE_MASK)
        return false; /* another page: made anew */
    return old && old->reason == exit->reason && old->mode == v->seg[SEG_CS].access && translation_is_fresh(old) &&
           (old->expect ^ exit->detail) & old->expect_mask;
}

/* False: it is not another place that the same code reaches, but other code; or a port, which is part of the code. */
static bool may_roam(struct vcpu *v, struct sites *sites, u64 rip, const struct site_exit *exit)
{
    struct translation *old = translations_find(&sites->tc, rip);
    if (!translation_same(old)) {
        forget(v, sites, old, rip);
        return false;
    }
    if (site_may_roam(exit))
        return true;
    in_vain(v, sites, rip, old, WHY_GUARD);
    return false;
}

/* Calls and returns have shadow stacks beside them: then they are not for clusters. */
static bool may_trace(struct vcpu *v, const struct sites *sites)
{
    return sites->flow == CLUSTER_TRACES && sites->cluster_max > 1 && !(vcpu_cr4(v) & CR4_CET);
}

static bool make(struct vcpu *v, struct sites *sites, const struct site_exit *exit, const struct path *path)
{
    const struct translation *tried;
    enum cluster_why why;
    u64 rip = site_linear_rip(v);
    bool done = site_make(v, sites, exit, path, &tried, &why);
    if (done)
        tracker_done(&sites->tracker, rip);
    else
        in_vain(v, sites, rip, tried, why);
    return done;
}

/* What was there last for this site, and is no more, or is about to be replaced; NULL: nothing. */
static struct translation *made_before(struct sites *sites, u64 rip, u64 rip_offset)
{
    struct translation *place = &sites->tc.table[translations_slot(rip)], *last = NULL;
    for (u32 i = 0; i < 2; i++)
        if (place[i].rip_offset == rip_offset && translation_uses(&place[i]) > (last ? translation_uses(last) : 0))
            last = &place[i];
    return last;
}

/* Makes the translation from what was recorded; CS:RIP may be elsewhere by now. */
static bool make_recorded(struct vcpu *v, struct sites *sites, bool watch)
{
    struct recording *r = &sites->recording;
    u64 here = v->rip;
    v->rip = r->rip;
    sites->roams = r->roams;
    sites->watch = watch;
    walk_memo_begin(v, &v->vm->window);
    bool done = make(v, sites, &r->exit, &sites->path);
    sites->grown = 0;
    v->rip = here;
    return done;
}

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

/* The trace stays as it is: another site is to be recorded, or there is nothing that it does not have. */
static void give_up(struct sites *sites)
{
    struct recording *r = &sites->recording;
    struct translation *found = translations_find(&sites->tc, r->linear);
    r->left = r->sides = 0;
    if (found && found->watched)
        unwatch(sites, found);
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
        give_up(sites);
        return;
    }
    bool made = make_recorded(v, sites, !last) && sites->one->traced;
    if (!made || last)
        r->sides = 0;
    else if (sites->trace.count == before)
        give_up(sites);
}

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
 * The path from here is recorded once the exit has been handled; of several exits, where one path has proved not to be
 * all. An instruction that has been at several places stays one that may be at any.
 */
static void begin_recording(struct vcpu *v, struct sites *sites, const struct site_exit *exit)
{
    struct recording *r = &sites->recording;
    u64 rip = site_linear_rip(v);
    bool other = (r->left || r->sides) && r->rip != v->rip;
    if (other && r->patience) {
        r->patience--;
        return;
    }
    bool roams = sites->roams;
    if (other)
        give_up(sites);
    if (!r->left) {
        struct translation *before = made_before(sites, rip, v->rip);
        /* It has been lost, or reaches one more place: the paths still hold. */
        bool goes_on = r->linear == rip && r->rip == v->rip && sites->path.count && sites->path.count < PATH_MAX / 2;
        *r = (struct recording){.rip = v->rip,
                                .linear = rip,
                                .left = before && !goes_on ? RECORD_AGAIN : 1,
                                .roams = roams || (before && before->roams)};
        r->patience = RECORD_PATIENCE;
        if (!goes_on)
            sites->path.count = sites->trace.count = 0;
        if (roams && before && translation_is_there(before))
            translations_drop(&sites->tc, before);
    }
    r->exit = *exit;
    r->now = true;
}

/* It was translated and avoided too little, or could not be translated, and comes again and again. */
static bool is_hot(struct vcpu *v, struct sites *sites, u64 rip)
{
    const struct translation *before = made_before(sites, rip, v->rip);
    const struct site_skip *skip = site_skip_of(sites, v->rip);
    return before ? before->by_path : skip->rip == v->rip && skip->exits > RECORD_IN_VAIN;
}

/* False: from one exit to the next other code came there, and will again. */
static bool is_steady(struct vcpu *v, struct sites *sites, const struct site_exit *exit, enum track_advice advice)
{
    u64 rip = site_linear_rip(v);
    u32 code = site_code(v);
    if (advice == TRACK_LOOK)
        tracker_look(&sites->tracker, rip, code);
    if (tracker_looks_same(&sites->tracker, rip, code))
        return true;
    in_vain(v, sites, rip, site_describe(v, sites, exit), WHY_CHANGES);
    return false;
}

bool site_exited(struct vcpu *v, struct sites *sites, const struct site_exit *exit)
{
    u64 rip = site_linear_rip(v);
    struct site_skip *skip = site_skip_of(sites, v->rip);
    skip->exits += skip->rip == v->rip;
    enum track_advice advice = tracker_exit(&sites->tracker, rip, exit->cause, v->vm->machine->time());
    if (advice == TRACK_WAIT || !quick_runs(v) || is_conforming(v))
        return false;
    walk_memo_begin(v, &v->vm->window);
    if (!is_steady(v, sites, exit, advice) || advice == TRACK_LOOK)
        return false;
    sites->roams = roams(v, sites, rip, exit);
    if (sites->roams && !may_roam(v, sites, rip, exit))
        return false;
    sites->watch = false;
    if (!may_trace(v, sites) || !(sites->paths_at_once || is_hot(v, sites, rip)))
        return make(v, sites, exit, NULL);
    begin_recording(v, sites, exit);
    return false;
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
        made = made_before(sites, r->linear, r->rip);
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
    r->sides = RECORD_SIDES;
    r->news = false;
    grow(v, sites);
    if (!make_recorded(v, sites, true) || !sites->one->traced)
        r->sides = 0;
    credit(sites);
    struct translation *found = translations_find(&sites->tc, r->linear);
    if (found && !found->traced) /* the path had no more to offer */
        found->remade = (u8)min_u64(found->remade + 2u, REMADE_MAX);
    return performed;
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
    if (!r->sides || !running->watched || running->rip_offset != r->rip || sites->trace_of != r->rip ||
        side >= CLUSTER_NODES)
        return 0;
    if (record_needs_care(v) || !quick_runs(v))
        return 0;
    if (serves_well(sites)) {
        give_up(sites);
        return 0;
    }
    if (is_worth(sites, r->left_at[side], RECORD_SIDE_WORTH)) {
        if (r->news && is_worth(sites, ++r->known, RECORD_MAKE_WORTH))
            take_in(v, sites);
        return 0;
    }
    if (!is_worth(sites, ++r->left_at[side], RECORD_SIDE_WORTH))
        return 0;
    r->news = true;
    if (trace_path_to(&sites->trace, side, &sites->path))
        performed = record_on(v, sites);
    if (!--r->sides || sites->path.count == PATH_MAX)
        take_in(v, sites);
    credit(sites);
    return performed;
}
