/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/site.h"

#include "emul/device_apic.h"
#include "emul/quick_run.h"
#include "emul/remember.h"
#include "emul/step.h"
#include "emul/translated.h"
#include "lib/string.h"

void sites_init(struct sites *sites, struct coherence *coherence, void *code, const void *executable)
{
    translations_init(&sites->tc, coherence, code, executable);
}

static u64 linear_rip(struct vcpu *v)
{
    if (access_is_64(v))
        return v->rip;
    access_need(v, PART_SEG_CS);
    return (u32)(v->seg[SEG_CS].base + v->rip);
}

/* SDM "I/O Privilege Level": whether the TSS bitmap is not asked. */
static bool ports_are_free(struct vcpu *v)
{
    if (!vcpu_protected(v))
        return true;
    return !(v->rflags & RFLAGS_VM) && access_cpl(v) <= (v->rflags & RFLAGS_IOPL) >> RFLAGS_IOPL_SHIFT;
}

/* linear_rip() has fetched it. */
static u32 cs_limit(const struct vcpu *v)
{
    return access_is_64(v) ? 0 : v->seg[SEG_CS].limit;
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
    skip->site.rip = rip;
    skip->site.why = (u8)why;
}

/* Where code changes all the time, another translation soon would be no better. */
static void forget(struct vcpu *v, struct sites *sites, struct translation *found, u64 rip)
{
    bool useful = found->hits + found->quick > TC_COMPARE_AGAIN;
    translations_drop(&sites->tc, found);
    if (!useful)
        in_vain(v, sites, rip, found, WHY_CHANGES);
}

const struct translation *site_find(struct vcpu *v, struct sites *sites, const struct site_exit *exit)
{
    u64 rip = linear_rip(v);
    struct translation *found = translations_find(&sites->tc, rip);
    if (!found || found->reason != exit->reason || found->mode != v->seg[SEG_CS].access ||
        found->rip_offset != v->rip || ((found->expect ^ exit->detail) & found->expect_mask) || !quick_runs(v))
        return NULL;
    if (found->cs_limit != cs_limit(v) || (found->ports_free && !ports_are_free(v)))
        return NULL;
    walk_memo_begin(v, &v->vm->ept);
    enum code_state state = state_of(v, &sites->tc, found);
    if (state == CODE_CHANGED)
        forget(v, sites, found, rip);
    if (state != CODE_SAME)
        return NULL;
    if (found->needs_rsp)
        access_need(v, PART_RSP);
    found->hits++;
    v->frame.running = found;
    return found;
}

/* ---- making ---- */

/* The instruction at `rip`, as a fetch by the guest would find it. A fault that it meets is not the guest's. */
static bool fetch_ahead(void *context, u64 rip, struct insn *insn)
{
    static const struct emul_expect nothing = {.kind = EXPECT_OP, .op = OP_COUNT};
    struct vcpu *v = context;
    u8 bytes[INSN_WINDOW];
    u64 here = v->rip, cr2 = v->cr2;
    struct event event = v->event;
    v->rip = rip;
    enum emul_status status = step_decode(v, &nothing, bytes, insn);
    v->rip = here;
    v->event = event;
    v->cr2 = cr2;
    return status == EMUL_DONE;
}

static void form(struct vcpu *v, struct sites *sites, const struct site_exit *exit, u32 max)
{
    struct cluster_request request = {
        .rip = v->rip,
        .code_size = vcpu_code_size(v),
        .max = max,
        .flow = sites->flow,
        .user = access_cpl(v) != 0,
        .ports_free = ports_are_free(v),
        .policy = &v->vm->policy,
        .tracker = &sites->tracker,
        .cause = exit->cause,
        .fetch = fetch_ahead,
        .context = v,
        .cs_base = linear_rip(v) - v->rip,
        .cs_limit = cs_limit(v),
        .guards = &v->vm->guards.config,
    };
    cluster_form(&request, &sites->cluster);
}

static u32 length_of(const struct cluster *cluster)
{
    const struct cluster_insn *last = &cluster->at[cluster->count - 1];
    return (u32)(last->rip + last->insn.length - cluster->at[0].rip);
}

/*
 * The LAPIC register that the exit was about, where the instruction's access to it is no more than that: 32 bits
 * of a plain register, or a part of such that is only read.
 */
static void *register_of(const struct vcpu *v, const struct cluster *cluster, const struct site_exit *exit)
{
    const struct cluster_insn *at = &cluster->at[cluster->entry];
    const struct operand *operand = &at->insn.operand[at->insn.operand[0].kind != OPERAND_MEMORY];
    u32 within = exit->detail & ~PAGE_MASK;
    if (at->carry != CARRY_MEMORY || operand->kind != OPERAND_MEMORY || !policy_is_apic(&v->vm->policy, exit->detail))
        return NULL;
    bool plain = operand->size == 4 && device_apic_is_plain(within) && within; /* at 0 it may have begun before */
    bool part = !translate_writes_memory(&at->insn) && (within & 15) + operand->size <= 4 && within;
    bool direct = exit->detail < v->vm->window.physmap.direct_end;
    return (plain || part) && direct ? v->vm->window.physmap.direct + exit->detail : NULL;
}

/* The bytes and where they are. False: they cannot be had in at most two pages. */
static bool note_source(struct vcpu *v, const struct cluster *cluster, struct translation *made)
{
    struct place_of_code place, second = {.at = gpa(0)};
    enum code_size code_size = cluster->code_size;
    u32 length = length_of(cluster);
    u64 rip = v->rip, start = v->rip = cluster->at[0].rip;
    bool there = length <= TC_SOURCE_MAX && remember_walk(v, code_size, 0, &place);
    u32 first = there ? (u32)min_u64(length, PAGE_SIZE - (place.at.at & ~PAGE_MASK)) : 0;
    there = there && (first == length || remember_walk(v, code_size, first, &second));
    v->rip = rip;
    if (!there)
        return false;
    for (u32 i = 0; i < cluster->count; i++)
        memcpy(made->source + (cluster->at[i].rip - start), cluster->at[i].insn.bytes, cluster->at[i].insn.length);
    made->gpa[0] = place.at;
    made->gpa[1] = second.at;
    made->bytes[0] = place.ptr;
    made->bytes[1] = second.ptr;
    made->behind = (u8)(rip - start);
    made->length = (u16)length;
    made->first = (u16)first;
    return true;
}

static bool uses_rsp(const struct cluster *cluster)
{
    for (u32 i = 0; i < cluster->count; i++)
        if (cluster->at[i].carry == CARRY_MEMORY && cluster->at[i].insn.memory.base == RSP)
            return true;
    return false;
}

/* Alone there is no other use of the registers that the exit took, nor a line. */
static bool is_alone(const struct cluster *cluster, const void *register_at)
{
    return cluster->count == 1 && (cluster->at[0].carry == CARRY_PORT || register_at);
}

static void note_walk(struct vcpu *v, struct translation *made)
{
    const struct walk_memo_line *line = NULL;
    if (access_is_64(v))
        line = walk_memo_find(v, v->rip, WALK_FETCH, access_cpl(v));
    made->walk_index = line && !made->needs_rsp && made->first == made->length && access_cpl(v) == 0
                           ? (u32)(v->rip >> 39 & 511) * 8
                           : TC_NO_WALK;
    for (u32 i = 0; line && i < TC_WALK; i++) {
        made->entry[i] = line->entry[i];
        made->value[i] = line->value[i];
    }
}

static struct translation made; /* one CPU makes one at a time */

static bool publish(struct vcpu *v, struct sites *sites, const struct site_exit *exit)
{
    const struct cluster *cluster = &sites->cluster;
    struct translate_request request = {.cluster = cluster};
    u32 entry;
    if (!sites->roams)
        request.register_at = register_of(v, cluster, exit);
    if (!sites->roams && exit->cause.kind == TRACK_PAGE && !policy_is_apic(&v->vm->policy, exit->detail) &&
        exit->detail < v->vm->window.physmap.direct_end)
        request.page_at = v->vm->window.physmap.direct + (exit->detail & PAGE_MASK);
    request.alone = is_alone(cluster, request.register_at);
    u8 carry = cluster->at[cluster->entry].carry;
    bool worth = carry != CARRY_NOT && (request.alone || cluster->exiting > 1 || carry != CARRY_PERFORM);
    made = (struct translation){
        .rip = linear_rip(v),
        .rip_offset = v->rip,
        .cs_limit = cs_limit(v),
        .expect = exit->detail,
        .expect_mask = exit->cause.kind == TRACK_PAGE && !request.register_at ? PAGE_MASK : ~0ull,
        .reason = exit->reason,
        .mode = v->seg[SEG_CS].access,
        .needs_rsp = uses_rsp(cluster),
        .ports_free = cluster->count > 1 && ports_are_free(v),
        .count = (u8)cluster->count,
        .exiting = (u8)cluster->exiting,
        .why = (u8)cluster->why,
        .stopper = (u8)cluster->stopper,
        .code_size = (u8)cluster->code_size,
        .length = cluster->at[cluster->entry].insn.length,
        .kind = cluster->at[cluster->entry].would,
    };
    memcpy(made.source, cluster->at[cluster->entry].insn.bytes, INSN_MAX);
    if (!worth || !note_source(v, cluster, &made))
        return false;
    note_walk(v, &made);
    u8 *room = translations_room(&sites->tc);
    u32 size = translate(&request, room, &entry);
    if (sites->choose_check)
        sites->choose_check(&made, request.alone);
    return size && translations_publish(&sites->tc, &made, size, entry);
}

/* Why the last attempt made nothing. */
static enum cluster_why refusal(const struct cluster *cluster)
{
    if (cluster->at[0].carry == CARRY_NOT)
        return cluster->why;
    return cluster->at[0].carry == CARRY_PERFORM ? WHY_ALONE : WHY_CODE;
}

/* Shorter and shorter, where it is too long in bytes. */
static bool make(struct vcpu *v, struct sites *sites, const struct site_exit *exit)
{
    for (u32 max = sites->cluster_max; max; max /= 2) {
        form(v, sites, exit, max);
        if (publish(v, sites, exit))
            return true;
        if (sites->cluster.at[0].carry == CARRY_NOT)
            break;
    }
    in_vain(v, sites, made.rip, &made, refusal(&sites->cluster));
    return false;
}

/* In a conforming segment the access rights of CS, by which translations are told apart, do not say the privilege. */
static bool is_conforming(const struct vcpu *v)
{
    const u32 conforming = ACCESS_TYPE_CODE | ACCESS_TYPE_EXPAND_DOWN;
    return (v->seg[SEG_CS].access & conforming) == conforming;
}

/*
 * There is a translation for this instruction, but for another register or port: one function that reaches them all.
 * With memory one translation can serve the page; a port is part of the code.
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
    if (exit->cause.kind == TRACK_PAGE)
        return true;
    in_vain(v, sites, rip, old, WHY_GUARD);
    return false;
}

bool site_exited(struct vcpu *v, struct sites *sites, const struct site_exit *exit)
{
    u64 rip = linear_rip(v);
    struct site_skip *skip = site_skip_of(sites, v->rip);
    skip->exits += skip->rip == v->rip;
    if (tracker_exit(&sites->tracker, rip, exit->cause, v->vm->machine->time()) != TRACK_TRANSLATE)
        return false;
    if (!quick_runs(v) || is_conforming(v))
        return false;
    walk_memo_begin(v, &v->vm->ept);
    sites->roams = roams(v, sites, rip, exit);
    if (sites->roams && !may_roam(v, sites, rip, exit))
        return false;
    bool done = make(v, sites, exit);
    if (done)
        tracker_done(&sites->tracker, rip);
    return done;
}
