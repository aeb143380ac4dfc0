/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/site.h"

#include "emul/device_apic.h"
#include "emul/kept_lines.h"
#include "emul/quick_run.h"
#include "emul/site_make.h"
#include "emul/translated.h"

void sites_init(struct sites *sites, struct coherence *coherence, void *code, const void *executable)
{
    translations_init(&sites->tc, coherence, code, executable);
    sites->keep_after = KEEP_AFTER;
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

static bool is_far(const struct translation *one)
{
    return translation_is_there(one) && (one->pages > 1 || one->traced);
}

static void doubt(struct sites *sites, struct translation *one, bool doubted)
{
    one->doubted = doubted;
    if (sites->choose_check)
        sites->choose_check(one, one->pages, false);
}

void sites_doubt_far(struct sites *sites)
{
    for (u32 i = 0; i < TRANSLATIONS; i++)
        if (is_far(&sites->tc.table[i]))
            doubt(sites, &sites->tc.table[i], true);
}

void sites_forget_far(struct sites *sites)
{
    for (u32 i = 0; i < TRANSLATIONS; i++)
        if (is_far(&sites->tc.table[i]))
            translations_drop(&sites->tc, &sites->tc.table[i]);
}

/* Where code changes all the time, another translation soon would be no better. */
static void forget(struct vcpu *v, struct sites *sites, struct translation *found, u64 rip)
{
    bool useful = translation_uses(found) - found->inherited > TC_COMPARE_AGAIN;
    site_forget_path(sites, rip);
    translations_drop(&sites->tc, found);
    if (!useful)
        site_in_vain(v, sites, rip, found, WHY_CHANGES);
}

/* False: it was made anew, and avoids hardly more than before; to make it again would not pay. */
static bool may_grow(struct translation *t, u32 rate)
{
    u16 *last = t->traced ? &t->trace_rate : &t->rate;
    u32 before = *last;
    *last = (u16)rate;
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
    return t->traced && rate <= t->rate + 1u;
}

/*
 * Whether it avoids about as many exits as were seen on its path: half of them, at least one for two uses. One that was
 * made without looking at a path: as many as make a path not worth it.
 */
static bool is_enough(const struct translation *t, u64 uses, u64 avoided)
{
    if (!t->promise)
        return avoided >= GOOD_ENOUGH * uses;
    if (t->promise == 1)
        return t->traced && avoided * 2 >= uses;
    return avoided * 2 >= uses * (t->promise - 1u);
}

/* The exits of a cluster come so seldom that to look at their path would not pay. */
static bool is_cold(const struct translation *t, u32 now)
{
    return !t->traced && now - t->checked_at > CLUSTER_HOT;
}

/* Whether it avoids enough, or is as good as it can be. Where it is not kept, by_path says how the next is made. */
static bool is_kept(struct sites *sites, struct translation *t, u32 now)
{
    if (sites->flow != CLUSTER_TRACES || sites->cluster_max == 1 || !t->piece_size || t->watched)
        return true;
    if (translation_uses(t) - t->checked_hits < uses_to_check(t) || t->remade >= REMADE_MAX)
        return true;
    translation_settle(&sites->tc, t);
    u64 uses = t->hits - t->checked_hits, avoided = t->spared - t->checked_spared;
    t->checked_hits = t->hits;
    t->checked_spared = t->spared;
    bool cold = is_cold(t, now);
    t->checked_at = now;
    if (cold)
        return true;
    u32 rate = (u32)min_u64(16 * avoided / uses, 0xffff);
    if (is_no_better(t, rate)) {
        t->by_path = false;
        return false;
    }
    bool kept = is_enough(t, uses, avoided);
    t->by_path |= !kept;
    return kept || !may_grow(t, rate);
}

bool site_keeps_promise(struct sites *sites, struct translation *t)
{
    if (is_kept(sites, t, site_time(sites)))
        return true;
    t->remade = (u8)min_u64(t->remade + 1u, REMADE_MAX);
    site_forget_path(sites, t->rip);
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

static bool is_watched_enough(const struct vcpu *v, const struct sites *sites, const struct translation *found)
{
    return found->watched && !sites->maker.busy && translation_uses(found) - found->inherited > WATCHED_USES &&
           v->rip == sites->recording.rip;
}

struct translation *site_find(struct vcpu *v, struct sites *sites, const struct site_exit *exit)
{
    struct translation *found = find(v, sites, exit);
    if (found && is_watched_enough(v, sites, found)) {
        sites->recording.sides = 0;
        found->watched = false;
    }
    if (!found)
        return NULL;
    if (found->kept && !translation_is_reached_as_noted(found, v->walks->table))
        kept_lines_forget(found->kept);
    if (!sites->maker.busy && !site_renew_walks(v, found, &sites->source)) {
        translations_drop(&sites->tc, found);
        return NULL;
    }
    if (found->doubted) /* find() has walked to it */
        doubt(sites, found, false);
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
    site_in_vain(v, sites, rip, old, WHY_GUARD);
    return false;
}

/* Calls and returns have shadow stacks beside them: then they are not for clusters. */
static bool may_trace(struct vcpu *v, const struct sites *sites)
{
    return sites->flow == CLUSTER_TRACES && sites->cluster_max > 1 && !(vcpu_cr4(v) & CR4_CET);
}

/* It was translated and avoided too little, or could not be translated, and comes again and again. */
static bool is_hot(struct vcpu *v, struct sites *sites, u64 rip)
{
    const struct translation *before = translations_last(&sites->tc, rip, v->rip);
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
    site_in_vain(v, sites, rip, site_describe(v, sites, exit), WHY_CHANGES);
    return false;
}

bool site_exited(struct vcpu *v, struct sites *sites, const struct site_exit *exit)
{
    u64 rip = site_linear_rip(v);
    struct site_skip *skip = site_skip_of(sites, v->rip);
    skip->exits += skip->rip == v->rip;
    enum track_advice advice = tracker_exit(&sites->tracker, rip, exit->cause, v->vm->machine->time());
    if (advice == TRACK_WAIT || sites->maker.busy || !quick_runs(v) || is_conforming(v))
        return false;
    walk_memo_begin(v, &v->vm->window);
    if (!is_steady(v, sites, exit, advice) || advice == TRACK_LOOK)
        return false;
    sites->roams = roams(v, sites, rip, exit);
    if (sites->roams && !may_roam(v, sites, rip, exit))
        return false;
    sites->watch = false;
    if (!may_trace(v, sites) || !(sites->paths_at_once || is_hot(v, sites, rip)))
        return site_try(v, sites, exit, NULL);
    site_record_begin(v, sites, exit);
    return false;
}
