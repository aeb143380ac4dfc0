/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/difference.h"

#include <stdlib.h>
#include <string.h>

#define KASLR_MASK ((1ull << 21) - 1)

bool figures_ratio(struct text *text, const struct figures *f)
{
    if (!f->has_before || !f->has_after || !f->before || !f->after)
        return false;
    text_format(text, "%.3f", (double)f->after / (double)f->before);
    return true;
}

void figures_change(struct text *text, const struct figures *f)
{
    struct text ratio = {0};
    if (figures_ratio(&ratio, f))
        text_format(text, "x%s", text_string(&ratio));
    else if (!f->has_before || !f->has_after || f->before == f->after)
        text_add(text, "-");
    else
        text_add(text, f->after ? "new" : "gone");
    text_free(&ratio);
}

/* ---- totals ---- */

void difference_totals(const struct difference *d, struct figures totals[TOTALS])
{
    const struct report *a = d->before->report, *b = d->after->report;
    bool timed = d->timed;
    totals[0] = (struct figures){"exits", "exits", true, true, a->at.exits, b->at.exits};
    totals[1] = (struct figures){"avoided", "avoided", true, true, a->at.avoided, b->at.avoided};
    totals[2] = (struct figures){"tsc_total", "ticks", timed, timed, a->tsc_total, b->tsc_total};
    totals[3] = (struct figures){"tsc_guest", "ticks in the guest", timed, timed, a->at.tsc_guest, b->at.tsc_guest};
    totals[4] = (struct figures){"tsc_vmm", "ticks in Exeunt", timed, timed, a->at.tsc_vmm, b->at.tsc_vmm};
}

/* ---- rows ---- */

static void add_row(struct difference *d, const char *name, const struct row *before, const struct row *after)
{
    d->rows = array_grow(d->rows, d->row_count, sizeof(*d->rows));
    d->rows[d->row_count++] = (struct row_pair){before, after, name};
}

/* In the order of AFTER, then what only BEFORE has. */
static void pair_rows(struct difference *d)
{
    const struct report *a = d->before->report, *b = d->after->report;
    for (u32 i = 0; i < b->row_count; i++)
        if (view_has(d->after, b->rows[i].name))
            add_row(d, b->rows[i].name, report_row(a, b->rows[i].name), &b->rows[i]);
    for (u32 i = 0; i < a->row_count; i++)
        if (view_has(d->before, a->rows[i].name) && !report_row(b, a->rows[i].name))
            add_row(d, a->rows[i].name, &a->rows[i], NULL);
}

void row_figures(const struct row_pair *pair, struct figures figures[ROW_FIGURES])
{
    static const struct row none;
    const struct row *a = pair->before ? pair->before : &none, *b = pair->after ? pair->after : &none;
    bool timed = (!pair->before || a->timed) && (!pair->after || b->timed), exits = a->is_exit || b->is_exit;
    figures[0] = (struct figures){"count", "count", true, true, a->count, b->count};
    figures[1] = (struct figures){"sum", "ticks", timed, timed, a->sum, b->sum};
    figures[2] = (struct figures){"avoided", "avoided", exits, exits, a->avoided, b->avoided};
}

/* ---- phases ---- */

static void add_pair(struct difference *d, const struct phase *before, const struct phase *after)
{
    d->pairs = array_grow(d->pairs, d->pair_count, sizeof(*d->pairs));
    d->pairs[d->pair_count++] = (struct phase_pair){before, after, after ? after->name : before->name};
}

static void pair_phases(struct difference *d)
{
    const struct phases *a = &d->phases_before, *b = &d->phases_after;
    if (a->count < 2 || b->count < 2)
        return;
    for (u32 i = 0; i < b->count; i++)
        add_pair(d, phases_find(a, b->phases[i].name, phase_rank(b, &b->phases[i])), &b->phases[i]);
    for (u32 i = 0; i < a->count; i++)
        if (!phases_find(b, a->phases[i].name, phase_rank(a, &a->phases[i])))
            add_pair(d, &a->phases[i], NULL);
}

void phase_figures(const struct difference *d, const struct phase_pair *pair, struct figures figures[PHASE_FIGURES])
{
    static const struct moment none;
    const struct moment *a = pair->before ? &pair->before->spent : &none,
                        *b = pair->after ? &pair->after->spent : &none;
    bool has_a = pair->before, has_b = pair->after;
    bool timed_a = has_a && d->before->report->timed, timed_b = has_b && d->after->report->timed;
    figures[0] = (struct figures){"exits", "exits", has_a, has_b, a->exits, b->exits};
    figures[1] = (struct figures){"tsc_vmm", "ticks in Exeunt", timed_a, timed_b, a->tsc_vmm, b->tsc_vmm};
    figures[2] = (struct figures){"tsc_guest", "in the guest", timed_a, timed_b, a->tsc_guest, b->tsc_guest};
    figures[3] = (struct figures){"avoided", "avoided", has_a, has_b, a->avoided, b->avoided};
}

/* ---- sites ---- */

/* All sites of a report that agree in row, place and RIP. */
struct group {
    const struct site *site;
    struct site_side side;
    struct group *other; /* in the other report, or NULL */
};

struct groups {
    struct group *at;
    u32 count;
};

/* Of memory the page: a translation may be for all of it. */
static u64 place_of(const struct site *site)
{
    bool memory = !strcmp(site->exit, "APIC_ACCESS") || !strcmp(site->exit, "MMIO");
    return memory ? site->where & ~0xfffull : site->where;
}

static bool same_access(const struct site *a, const struct site *b, u64 mask)
{
    return (a->rip & mask) == (b->rip & mask) && place_of(a) == place_of(b) && !strcmp(a->exit, b->exit);
}

static struct groups group_sites(const struct view *view)
{
    struct groups groups = {0};
    for (u32 i = 0; i < view->report->site_count; i++) {
        const struct site *site = &view->report->sites[i];
        u32 at = 0;
        if (!view_has(view, site->exit))
            continue;
        while (at < groups.count && !same_access(groups.at[at].site, site, ~0ull))
            at++;
        if (at == groups.count) {
            groups.at = array_grow(groups.at, groups.count, sizeof(*groups.at));
            groups.at[groups.count++] = (struct group){.site = site, .side.listed = true};
        }
        groups.at[at].side.count += site->count;
        groups.at[at].side.avoided += site->avoided;
    }
    return groups;
}

/* The only group without a partner that agrees, or NULL. */
static struct group *partner(struct groups *groups, const struct site *site, u64 mask)
{
    struct group *found = NULL;
    for (u32 i = 0; i < groups->count; i++) {
        if (groups->at[i].other || !same_access(groups->at[i].site, site, mask))
            continue;
        if (found)
            return NULL;
        found = &groups->at[i];
    }
    return found;
}

/* Pairs those that agree in the bits of `mask` and have no rival on either side. */
static void pair_groups(struct groups *a, struct groups *b, u64 mask)
{
    for (u32 i = 0; i < b->count; i++) {
        struct group *group = &b->at[i];
        struct group *other = group->other ? NULL : partner(a, group->site, mask);
        if (!other || partner(b, group->site, mask) != group)
            continue;
        group->other = other;
        other->other = group;
    }
}

static struct site_pair *add_site(struct difference *d, const struct site *site)
{
    d->sites = array_grow(d->sites, d->site_count, sizeof(*d->sites));
    d->sites[d->site_count] = (struct site_pair){.site = site};
    return &d->sites[d->site_count++];
}

/* In the order of AFTER, then what only BEFORE lists. */
static void pair_sites(struct difference *d)
{
    struct groups a = group_sites(d->before), b = group_sites(d->after);
    pair_groups(&a, &b, ~0ull);
    pair_groups(&a, &b, KASLR_MASK);
    for (u32 i = 0; i < b.count; i++) {
        struct site_pair *pair = add_site(d, b.at[i].site);
        pair->after = b.at[i].side;
        if (b.at[i].other)
            pair->before = b.at[i].other->side;
    }
    for (u32 i = 0; i < a.count; i++)
        if (!a.at[i].other)
            add_site(d, a.at[i].site)->before = a.at[i].side;
    free(a.at);
    free(b.at);
}

void site_figures(const struct site_pair *pair, struct figures figures[SITE_FIGURES])
{
    const struct site_side *a = &pair->before, *b = &pair->after;
    figures[0] = (struct figures){"count", "exits", a->listed, b->listed, a->count, b->count};
    figures[1] = (struct figures){"avoided", "avoided", a->listed, b->listed, a->avoided, b->avoided};
}

void difference_read(struct difference *d, const struct view *before, const struct view *after)
{
    *d = (struct difference){.before = before, .after = after};
    d->timed = before->report->timed && after->report->timed;
    phases_read(&d->phases_before, before);
    phases_read(&d->phases_after, after);
    pair_rows(d);
    pair_phases(d);
    pair_sites(d);
}

void difference_free(struct difference *d)
{
    phases_free(&d->phases_before);
    phases_free(&d->phases_after);
    free(d->rows);
    free(d->pairs);
    free(d->sites);
    *d = (struct difference){0};
}
