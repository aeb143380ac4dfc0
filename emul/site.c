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
    skip->site.source_length = (u16)min_u64(tried->source_length, INSN_MAX);
    memcpy(skip->source, tried->source, skip->site.source_length);
    skip->site.source = skip->source;
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
    if (found->uses_rsp)
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

static struct code_source source; /* as `made` */

/* The page that has the byte at `rip`, with CS at `base`: noted when it is new. NULL: it cannot be had. */
static struct tc_page *page_of(struct vcpu *v, u64 base, enum code_size code_size, u64 rip)
{
    struct place_of_code place;
    u64 here = v->rip;
    for (u32 i = 0; i < source.pages; i++)
        if (!(((base + source.at[i].rip) ^ (base + rip)) & PAGE_MASK))
            return &source.at[i];
    if (source.pages == TC_PAGES)
        return NULL;
    v->rip = rip;
    bool there = remember_walk(v, code_size, 0, &place);
    v->rip = here;
    if (!there)
        return NULL;
    struct tc_page *page = &source.at[source.pages++];
    *page = (struct tc_page){.rip = rip, .gpa = place.at, .page = place.ptr - (place.at.at & ~PAGE_MASK)};
    return page;
}

/* Where the byte at `rip` is in it. */
static u32 offset_in(const struct tc_page *page, u64 rip)
{
    return (u32)(page->gpa.at + (rip - page->rip)) & ~(u32)PAGE_MASK;
}

/* More of the run before, or a new one. */
static bool add_run(const struct tc_page *page, u32 offset, u32 length)
{
    struct tc_run *last = source.runs ? &source.run[source.runs - 1] : NULL;
    u8 index = (u8)(page - source.at);
    if (last && last->page == index && last->offset + last->length == offset) {
        last->length = (u16)(last->length + length);
        return true;
    }
    if (source.runs == TC_RUNS)
        return false;
    source.run[source.runs++] = (struct tc_run){.page = index, .offset = (u16)offset, .length = (u16)length};
    return true;
}

static bool add_insn(struct vcpu *v, u64 base, enum code_size code_size, const struct cluster_insn *at)
{
    for (u32 done = 0; done < at->insn.length;) {
        const struct tc_page *page = page_of(v, base, code_size, at->rip + done);
        if (!page)
            return false;
        u32 offset = offset_in(page, at->rip + done);
        u32 length = (u32)min_u64(at->insn.length - done, PAGE_SIZE - offset);
        if (source.length + length > TC_SOURCE_MAX || !add_run(page, offset, length))
            return false;
        memcpy(source.bytes + source.length, at->insn.bytes + done, length);
        source.length += length;
        done += length;
    }
    return true;
}

/* The bytes and where they are; the entry's page is the first. False: they are too many, or cannot be had. */
static bool note_source(struct vcpu *v, const struct cluster *cluster, u64 base)
{
    source.pages = source.runs = source.length = source.words = 0;
    if (!page_of(v, base, cluster->code_size, cluster->at[cluster->entry].rip))
        return false;
    for (u32 i = 0; i < cluster->count; i++)
        if (!add_insn(v, base, cluster->code_size, &cluster->at[i]))
            return false;
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

static u32 walk_index_of(u64 rip)
{
    return (u32)(rip >> 39 & 511) * 8;
}

static bool is_noted(const struct translation *one, const volatile u64 *entry)
{
    for (u32 i = 1; i < TC_WALK; i++)
        if (one->entry[i] == entry)
            return true;
    for (u32 i = 0; i < source.words; i++)
        if (source.word[i].at == entry)
            return true;
    return false;
}

/* The walk to a page but the first: what the walk to the first does not read. */
static bool note_words(struct vcpu *v, struct translation *one, u64 rip)
{
    const struct walk_memo_line *line = walk_memo_find(v, rip, WALK_FETCH, access_cpl(v));
    if (!line || walk_index_of(rip) != one->walk_index)
        return false;
    for (u32 i = 1; i < TC_WALK; i++)
        if (!is_noted(one, line->entry[i]))
            source.word[source.words++] = (struct tc_word){line->entry[i], line->value[i]};
    return true;
}

/* How the pages are reached, for vmx/entry.S: 64-bit code at CPL 0. */
static void note_walk(struct vcpu *v, struct translation *one)
{
    const struct walk_memo_line *line = NULL;
    one->walk_index = TC_NO_WALK;
    if (access_is_64(v) && access_cpl(v) == 0)
        line = walk_memo_find(v, v->rip, WALK_FETCH, 0);
    if (!line)
        return;
    for (u32 i = 0; i < TC_WALK; i++) {
        one->entry[i] = line->entry[i];
        one->value[i] = line->value[i];
    }
    one->walk_index = walk_index_of(v->rip);
    for (u32 i = 1; i < source.pages; i++)
        if (!note_words(v, one, source.at[i].rip))
            one->walk_index = TC_NO_WALK;
}

static struct translation made; /* one CPU makes one at a time */
static u8 made_source[INSN_MAX];

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
        .uses_rsp = uses_rsp(cluster),
        .ports_free = cluster->count > 1 && ports_are_free(v),
        .count = (u8)cluster->count,
        .exiting = (u8)cluster->exiting,
        .why = (u8)cluster->why,
        .stopper = (u8)cluster->stopper,
        .code_size = (u8)cluster->code_size,
        .length = cluster->at[cluster->entry].insn.length,
        .kind = cluster->at[cluster->entry].would,
    };
    memcpy(made_source, cluster->at[cluster->entry].insn.bytes, INSN_MAX);
    made.source = made_source;
    made.source_length = made.length;
    if (!worth || !note_source(v, cluster, made.rip - made.rip_offset))
        return false;
    note_walk(v, &made);
    request.head = translations_head(&source);
    u8 *room = translations_room(&sites->tc);
    u32 size = translate(&request, room, &entry);
    if (sites->choose_check)
        sites->choose_check(&made, source.pages, request.alone);
    return size && translations_publish(&sites->tc, &made, &source, size, entry);
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
