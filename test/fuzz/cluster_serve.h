/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RUNS at an exit: what emul/site.h has for it is found or made, and runs.
 */
#ifndef TEST_FUZZ_CLUSTER_SERVE_H
#define TEST_FUZZ_CLUSTER_SERVE_H

#include "emul/kept_lines.h"
#include "test/fuzz/cluster_ahead.h"
#include "test/fuzz/cluster_step.h"

/* What a translation took its instructions for, when it was made. */
static struct taken {
    const void *code; /* of the translation: another one in the same place was not noted */
    u32 count;
    bool mixed; /* one instruction is there twice, once to exit and once not to, or at different places */
    u64 rip[CLUSTER_NODES];
    u8 would[CLUSTER_NODES];
} cluster_taken[TRANSLATIONS];

/* Each that serves several places has a table of accounts, as long as there are enough for those that are there. */
static void check_places(const struct translation *made)
{
    u32 there = 0;
    for (u32 i = 0; i < TRANSLATIONS; i++)
        there += translation_is_there(&cluster_sites->tc.table[i]) && cluster_sites->tc.table[i].places->taken;
    if (made->several && !made->places->taken && there < PLACES_TABLES)
        trouble("no table for the places of a translation");
    cluster_seen.several += made->several && made->places->taken;
}

/*
 * What vmx/entry.S goes by: where all of it is as in the run before, the translation goes on with the pages that it was
 * found to be free to write. site_find() forgets them.
 */
static struct proved {
    const void *code;
    u64 value[TC_WALK];
    const volatile u64 *entry[TC_WALK];
    struct tc_word word[TC_WORDS];
    u32 words;
    const u8 *writes[TC_WRITES];
    struct kept_lines kept; /* without the lines, which stay */
} cluster_proved[TRANSLATIONS];

static void note_taken(const struct translation *made)
{
    check_places(made);
    struct taken *taken = &cluster_taken[made - cluster_sites->tc.table];
    const struct cluster *cluster = cluster_sites->one;
    cluster_proved[made - cluster_sites->tc.table].code = NULL;
    taken->code = made->code;
    taken->count = cluster->count;
    taken->mixed = false;
    for (u32 i = 0; i < cluster->count; i++) {
        taken->rip[i] = cluster->at[i].rip;
        taken->would[i] = cluster->at[i].role == ROLE_FILLER ? WOULD_NOT : cluster->at[i].would;
        for (u32 n = 0; n < i; n++)
            taken->mixed |= taken->rip[n] == taken->rip[i] && taken->would[n] != taken->would[i];
    }
    cluster_seen.lengths[min_u64(cluster->count, CLUSTER_MAX)]++;
    cluster_seen.traced += cluster->traced;
    cluster_seen.traced_insns += cluster->traced ? cluster->count : 0;
    cluster_seen.ways += cluster->ways;
    cluster_seen.roaming += made->roams && cluster->traced;
}

static u32 taken_for(const struct taken *taken, u64 rip)
{
    for (u32 i = 0; i < taken->count; i++)
        if (taken->rip[i] == rip)
            return taken->would[i];
    return WOULD_NOT;
}

/* What was made since, if anything: it is not found again here, where the guest may be elsewhere by now. */
static void note_made(u64 made_before, u64 rip, u64 rip_offset)
{
    struct translation *place = &cluster_sites->tc.table[translations_slot(rip)];
    for (u32 i = 0; cluster_sites->tc.counts.made != made_before && i < 2; i++)
        if (place[i].rip_offset == rip_offset && translation_is_there(&place[i]))
            note_taken(&place[i]);
}

/* A slice of what is being made. */
static void make_on(struct vcpu *v)
{
    u64 made = cluster_sites->tc.counts.made, now = host_guest.now;
    const struct recording *r = &cluster_sites->recording;
    cluster_seen.slices += cluster_sites->maker.busy;
    maker_go_on(v, cluster_sites);
    host_guest.now = now;
    note_made(made, r->linear, r->rip);
}

static struct translation *find_or_make(struct vcpu *v, struct site_exit *exit)
{
    make_on(v);
    u64 made = cluster_sites->tc.counts.made;
    struct translation *found = site_find(v, cluster_sites, exit);
    if (!found && site_exited(v, cluster_sites, exit))
        found = site_find(v, cluster_sites, exit);
    const struct recording *r = &cluster_sites->recording;
    if (found && cluster_sites->tc.counts.made != made)
        note_taken(found);
    else
        note_made(made, r->linear, r->rip);
    return found;
}

/* ---- the run ---- */

/* What translated code said of itself. */
struct outcome {
    const struct translation *translation;
    enum cluster_left left;
    u32 side; /* of watched code: at which instruction + 1 it was left */
    u64 avoided[WOULD_END];
};

/* How exits are taken that vmx/entry.S could take. */
static enum { ENTER_EITHER_WAY, ENTER_QUICKLY, ENTER_THE_LONG_WAY } cluster_entering;

static void note_proved(const struct translation *ran)
{
    struct proved *p = &cluster_proved[ran - cluster_sites->tc.table];
    p->code = ran->code;
    memcpy(p->value, ran->value, sizeof(p->value));
    memcpy(p->entry, ran->entry, sizeof(p->entry));
    for (p->words = 0; ran->word[p->words].at; p->words++)
        p->word[p->words] = ran->word[p->words];
    memcpy(p->writes, ran->writes, sizeof(p->writes));
    if (ran->kept)
        p->kept = *ran->kept;
}

static void restore_proved(struct translation *found)
{
    const struct proved *p = &cluster_proved[found - cluster_sites->tc.table];
    if (p->code != found->code || memcmp(p->value, found->value, sizeof(p->value)) ||
        memcmp(p->entry + 1, found->entry + 1, sizeof(p->entry) - sizeof(*p->entry)) ||
        memcmp(p->word, found->word, p->words * sizeof(*p->word)) || found->word[p->words].at)
        return;
    memcpy(found->writes, p->writes, sizeof(p->writes));
    if (found->kept)
        *found->kept = p->kept;
    cluster_seen.proved++;
}

static bool enters_quickly(void)
{
    return cluster_entering == ENTER_EITHER_WAY ? !draw(2) : cluster_entering == ENTER_QUICKLY;
}

/* The exit as vmx/entry.S takes it when it can: nothing is there but the flags, and the frame is as the last run that
 * site_find() was asked for left it: this one. */
static void enter_quickly(struct vcpu *v, struct translation *found)
{
    if (found->walk_index == TC_NO_WALK || found->doubted || !enters_quickly())
        return;
    struct code_frame frame = v->frame;
    *v = guests_truth;
    v->frame = frame;
    cluster_exit(v);
    v->rflags = guests_truth.rflags;
    if (found->uses_rsp)
        v->gpr[RSP] = guests_truth.gpr[RSP];
    restore_proved(found);
    cluster_seen.quick++;
}

static void draw_budget(struct vcpu *v)
{
    cluster_tsc = draw(2) ? 0 : ~0ull - draw(64) - (1ull << 40);
    cluster_tsc_step = 1;
    v->frame.budget = draw(16) ? draw(3) : draw(12);
    v->frame.more_budget = draw(8) ? 0 : draw(12);
}

/* RUNS is at an exit. Returns whether translated code served it. */
static bool serve(const struct insn *insn, struct site_exit *exit, struct outcome *outcome)
{
    use(RUNS);
    struct vcpu *v = &host_guest.v;
    if (!walk_as_processor(v, insn, exit))
        return false;
    cluster_over = walk_has_changed(v, insn);
    cluster_seen.over_itself += cluster_over;
    if (cluster_over)
        return false;
    u64 now = host_guest.now, before[TC_KINDS];
    draw_budget(v);
    cluster_exit(v);
    vcpu_need(v, EMUL_STEP_PARTS);
    ahead_begin();
    struct translation *found = find_or_make(v, exit);
    host_guest.now = now;
    if (!found) {
        cluster_entry(v);
        ahead_end();
        ahead_forgive();
        return false;
    }
    found->quick.count++; /* as vmx/entry.S does */
    memcpy(before, found->avoided, sizeof(before));
    enter_quickly(v, found);
    v->frame.running = found;
    site_aim(v, found, exit->detail);
    if ((u64)found->avoided % 64)
        trouble("a piece that is not aligned");
    v->frame.side = 0;
    const struct kept_lines *kept = found->kept;
    u32 kept_uses = kept ? kept->uses : 0;
    *outcome = (struct outcome){.translation = found, .left = cluster_run(v, found->code)};
    note_proved(found);
    cluster_seen.kept += kept && kept->uses == kept_uses - 1;
    outcome->side = found->watched && outcome->left != LEFT_CARE ? v->frame.side : 0;
    ahead_end();
    for (u32 i = 0; i < WOULD_END; i++)
        outcome->avoided[i] = found->avoided[i] - before[i];
    return true;
}

/* ---- paths ---- */

/*
 * RUNS goes on by itself, to see where the path leads, and makes a translation of it: behind an exit that was handled,
 * or where watched code was left at instruction `side` - 1. Returns how many instructions it performed.
 */
static u32 record(u32 side)
{
    use(RUNS);
    struct vcpu *v = &host_guest.v;
    const struct recording *r = &cluster_sites->recording;
    v->event.valid = false;
    vcpu_need(v, EMUL_STEP_PARTS);
    ahead_begin();
    u64 made = cluster_sites->tc.counts.made, now = host_guest.now;
    bool busy = cluster_sites->maker.busy;
    cluster_seen.slices += busy;
    u32 performed = side ? site_left(v, cluster_sites, side - 1) : site_record(v, cluster_sites);
    if (busy)
        host_guest.now = now;
    ahead_end();
    note_made(made, r->linear, r->rip);
    cluster_seen.recorded += performed;
    cluster_seen.sides += side && performed;
    return performed;
}

#endif
