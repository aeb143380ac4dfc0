/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two reports beside each other. Rows go together by name. Sites go together by row, place (of memory the page) and
 * RIP; those that are left over, by row, place and the lower 21 bits of RIP, where that is unambiguous: Linux places
 * itself anew at each boot, by 2 MiB.
 */
#include "host/columns.h"
#include "host/names.h"
#include "host/outputs.h"

#include <stdlib.h>
#include <string.h>

#define KASLR_MASK ((1ull << 21) - 1)

static void ratio_cell(struct columns *table, u64 before, u64 after)
{
    if (!before && !after)
        columns_cell(table, "-");
    else if (!before)
        columns_cell(table, "new");
    else if (!after)
        columns_cell(table, "gone");
    else
        columns_cell(table, "x%.3f", (double)after / (double)before);
}

static void pair_cells(struct columns *table, bool there, u64 before, u64 after)
{
    if (!there) {
        columns_cell(table, "-");
        columns_cell(table, "-");
        columns_cell(table, "-");
        return;
    }
    columns_cell(table, "%lu", before);
    columns_cell(table, "%lu", after);
    ratio_cell(table, before, after);
}

/* ---- totals ---- */

static void total_row(struct columns *table, const char *name, bool there, u64 before, u64 after)
{
    columns_cell(table, "%s", name);
    pair_cells(table, there, before, after);
}

static void write_totals(struct text *out, const struct report *a, const struct report *b, u32 width)
{
    static const struct column columns[] = {
        {"total", true, 255}, {"before", false, 255}, {"after", false, 255}, {"after/before", false, 200}};
    bool timed = a->timed && b->timed;
    struct columns table;
    columns_begin(&table, columns, 4);
    total_row(&table, "exits", true, a->at.exits, b->at.exits);
    total_row(&table, "avoided", true, a->at.avoided, b->at.avoided);
    total_row(&table, "ticks", timed, a->tsc_total, b->tsc_total);
    total_row(&table, "ticks in the guest", timed, a->at.tsc_guest, b->at.tsc_guest);
    total_row(&table, "ticks in Exeunt", timed, a->at.tsc_vmm, b->at.tsc_vmm);
    columns_end(&table, out, width);
}

/* ---- rows ---- */

static void diff_row(struct columns *table, const char *name, const struct row *a, const struct row *b)
{
    static const struct row none;
    bool timed = (!a || a->timed) && (!b || b->timed);
    a = a ? a : &none;
    b = b ? b : &none;
    columns_cell(table, "%s", name);
    pair_cells(table, true, a->count, b->count);
    pair_cells(table, timed, a->sum, b->sum);
    pair_cells(table, a->avoided || b->avoided, a->avoided, b->avoided);
}

/* In the order of AFTER, then what only BEFORE has. */
static void write_rows(struct text *out, const struct view *before, const struct view *after, u32 width)
{
    static const struct column columns[] = {{"type", true, 255},   {"count before", false, 255},  {"after", false, 255},
                                            {"ratio", false, 255}, {"ticks before", false, 80},   {"after", false, 80},
                                            {"ratio", false, 80},  {"avoided before", false, 40}, {"after", false, 40},
                                            {"ratio", false, 40}};
    const struct report *a = before->report, *b = after->report;
    struct columns table;
    text_add(out, "\n");
    columns_begin(&table, columns, 10);
    for (u32 i = 0; i < b->row_count; i++)
        if (view_has(after, b->rows[i].name))
            diff_row(&table, b->rows[i].name, report_row(a, b->rows[i].name), &b->rows[i]);
    for (u32 i = 0; i < a->row_count; i++)
        if (view_has(before, a->rows[i].name) && !report_row(b, a->rows[i].name))
            diff_row(&table, a->rows[i].name, &a->rows[i], NULL);
    columns_end(&table, out, width);
}

/* ---- sites ---- */

/* All sites of a report that agree in row, place and RIP. */
struct group {
    const struct site *site;
    u64 count, avoided;
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
            groups.at[groups.count++] = (struct group){.site = site};
        }
        groups.at[at].count += site->count;
        groups.at[at].avoided += site->avoided;
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
static void pair(struct groups *a, struct groups *b, u64 mask)
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

static void one_side_cells(struct columns *table, u64 value, bool before)
{
    columns_cell(table, before ? "%lu" : "-", value);
    columns_cell(table, before ? "-" : "%lu", value);
    columns_cell(table, "-");
}

static void site_row(struct columns *table, const struct group *group, bool before)
{
    const struct site *site = group->site;
    struct text place = {0};
    name_place(&place, site->exit, site->where);
    columns_cell(table, "%s %lx%s%s", site->exit, site->where, place.used ? " " : "", text_string(&place));
    columns_cell(table, "%lx", site->rip);
    text_free(&place);
    if (group->other) {
        pair_cells(table, true, group->other->count, group->count);
        pair_cells(table, true, group->other->avoided, group->avoided);
    } else {
        one_side_cells(table, group->count, before);
        one_side_cells(table, group->avoided, before);
    }
}

/* In the order of AFTER, then what only BEFORE lists. */
static void site_rows(struct columns *table, const struct groups *a, const struct groups *b)
{
    for (u32 i = 0; i < b->count; i++)
        site_row(table, &b->at[i], false);
    for (u32 i = 0; i < a->count; i++)
        if (!a->at[i].other)
            site_row(table, &a->at[i], true);
}

static void write_sites(struct text *out, const struct view *before, const struct view *after, u32 width)
{
    static const struct column columns[] = {{"site", true, 255},   {"RIP", true, 100},    {"exits before", false, 255},
                                            {"after", false, 255}, {"ratio", false, 255}, {"avoided before", false, 40},
                                            {"after", false, 40},  {"ratio", false, 40}};
    struct groups a = group_sites(before), b = group_sites(after);
    struct columns table;
    if (a.count || b.count) {
        text_add(out, "\nSites (-: not among those that the other report lists)\n");
        pair(&a, &b, ~0ull);
        pair(&a, &b, KASLR_MASK);
        columns_begin(&table, columns, 8);
        site_rows(&table, &a, &b);
        columns_end(&table, out, width);
    }
    free(a.at);
    free(b.at);
}

static void write_side(struct text *out, const char *title, const struct view *view)
{
    struct text words = {0};
    describe_boot(&words, view->report);
    text_format(out, "%s  ", title);
    text_visible(out, view->all->log->name);
    text_format(out, ", report %u of %u: ", view->report->number, view->all->count);
    text_visible(out, text_string(&words));
    text_format(out, "%s%s\n", view->report->incomplete ? "; NOT COMPLETE: " : "",
                view->report->incomplete ? view->report->incomplete : "");
    text_free(&words);
}

void diff_write(struct text *out, const struct view *before, const struct view *after, const struct terminal *terminal)
{
    write_side(out, "before", before);
    write_side(out, "after ", after);
    text_add(out, "\n");
    write_totals(out, before->report, after->report, terminal->width);
    write_rows(out, before, after, terminal->width);
    write_sites(out, before, after, terminal->width);
}
