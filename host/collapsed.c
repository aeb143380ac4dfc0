/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `phase;exit type;site N`: the input of flame graphs. N is ticks, or exits where no times are taken. Of a site whose
 * ticks are not known, its share of the row's exits is taken, rounded down; what is left, and what no site names, is in
 * the frame (other), so that the lines of a row add up to it.
 */
#include "host/names.h"
#include "host/outputs.h"
#include "host/phases.h"

#include <string.h>

/* Text from a log in a frame: no semicolon, no line break. */
static void frame(struct text *out, const char *name)
{
    struct text visible = {0};
    text_visible(&visible, *name ? name : "-");
    for (size_t i = 0; i < visible.used; i++)
        if (visible.data[i] == ';')
            visible.data[i] = ',';
    text_add(out, text_string(&visible));
    text_free(&visible);
}

static void line(struct text *out, const struct interval *interval, const struct row *row, const struct text *site,
                 u64 weight)
{
    if (!weight)
        return;
    frame(out, interval->name);
    text_add(out, ";");
    frame(out, row->name);
    text_add(out, ";");
    frame(out, text_string(site));
    text_format(out, " %lu\n", weight);
}

static bool is_repeated(const struct report *report, u32 index)
{
    for (u32 i = 0; i < index; i++)
        if (sites_alike(&report->sites[i], &report->sites[index]))
            return true;
    return false;
}

static void name_site(struct text *name, const struct site *site)
{
    struct text place = {0};
    site_place(&place, site);
    text_format(name, "0x%lx %lx%s%s", site->rip, site->where, place.used ? " " : "", text_string(&place));
    text_free(&place);
}

/* Exits of the row's sites in the interval; more than the row has only if the log is wrong. */
static u64 shared_exits(const struct interval *interval, const struct row *row)
{
    const struct report *report = interval->report;
    u64 sum = 0;
    for (u32 i = 0; i < report->site_count; i++)
        if (!strcmp(report->sites[i].exit, row->name) && !is_repeated(report, i) &&
            __builtin_add_overflow(sum, interval_site_count(interval, &report->sites[i]), &sum))
            return ~0ull;
    return sum;
}

/* What of a row is not yet given to a site. */
struct sharing {
    struct row row;
    u64 weight, rest, exits;
};

static u64 share_of(const struct sharing *s, const struct interval *interval, const struct site *site)
{
    u64 count = interval_site_count(interval, site);
    if (interval->report->timed && site->sum)
        return interval_site_ticks(interval, site);
    return s->exits ? (u64)((u128)s->weight * (count < s->exits ? count : s->exits) / s->exits) : 0;
}

/* Those whose ticks are known, or the others. */
static void write_sites(struct text *out, struct sharing *s, const struct interval *interval, bool known)
{
    const struct report *report = interval->report;
    for (u32 i = 0; i < report->site_count; i++) {
        const struct site *site = &report->sites[i];
        struct text name = {0};
        if (strcmp(site->exit, s->row.name) != 0 || is_repeated(report, i) || (report->timed && site->sum) != known)
            continue;
        u64 share = share_of(s, interval, site);
        share = share < s->rest ? share : s->rest;
        s->rest -= share;
        name_site(&name, site);
        line(out, interval, &s->row, &name, share);
        text_free(&name);
    }
}

static void write_row(struct text *out, const struct interval *interval, const struct row *total)
{
    struct sharing s = {.row = interval_row(interval, total)};
    u64 shared = shared_exits(interval, &s.row);
    struct text name = {0};
    s.weight = s.rest = interval->report->timed ? s.row.sum : s.row.count;
    s.exits = s.row.count > shared ? s.row.count : shared;
    write_sites(out, &s, interval, true);
    write_sites(out, &s, interval, false);
    text_add(&name, "(other)");
    line(out, interval, &s.row, &name, s.rest);
    text_free(&name);
}

/* The intervals that lead to the view's report without a reset between. */
static bool leads_to(const struct phases *phases, u32 index, const struct report *report)
{
    for (u32 i = index; i < phases->interval_count; i++) {
        if (i > index && !phases->intervals[i].before)
            return false;
        if (phases->intervals[i].report == report)
            return true;
    }
    return false;
}

/* TIMEINGUEST is no exit, and would dwarf them: only where it is asked for. */
static bool is_shown(const struct view *view, const struct row *row)
{
    return view->filter ? view_has(view, row->name) : strcmp(row->name, "TIMEINGUEST") != 0;
}

void collapsed_write(struct text *out, const struct view *view)
{
    struct phases phases;
    phases_read(&phases, view);
    for (u32 i = 0; i < phases.interval_count; i++) {
        const struct interval *interval = &phases.intervals[i];
        if (!leads_to(&phases, i, view->report))
            continue;
        for (u32 k = 0; k < interval->report->row_count; k++)
            if (is_shown(view, &interval->report->rows[k]))
                write_row(out, interval, &interval->report->rows[k]);
    }
    phases_free(&phases);
}
