/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/phases.h"

#include <stdlib.h>
#include <string.h>

static bool grew(const struct moment *from, const struct moment *to)
{
    return to->exits >= from->exits && to->avoided >= from->avoided && to->tsc_vmm >= from->tsc_vmm &&
           to->tsc_guest >= from->tsc_guest;
}

static struct moment less(const struct moment *to, const struct moment *from)
{
    return (struct moment){
        .exits = to->exits - from->exits,
        .avoided = to->avoided - from->avoided,
        .tsc_vmm = to->tsc_vmm - from->tsc_vmm,
        .tsc_guest = to->tsc_guest - from->tsc_guest,
    };
}

void mark_title(struct text *text, const struct mark *mark)
{
    if (*mark->name)
        text_add(text, mark->name);
    else
        text_format(text, "mark %lu", mark->number);
}

/* ---- phases ---- */

static struct phase *add_phase(struct phases *all, struct phase phase)
{
    all->phases = array_grow(all->phases, all->count, sizeof(phase));
    all->phases[all->count] = phase;
    return &all->phases[all->count++];
}

/* What the phase spent is known now; true if the counters were reset in it. */
static bool end_phase(struct phase *phase, const struct moment *now)
{
    phase->after_reset = !grew(&phase->begin, now);
    if (phase->after_reset)
        phase->begin = (struct moment){0};
    phase->spent = less(now, &phase->begin);
    return phase->after_reset;
}

/* ---- rows of phases ---- */

static bool adds_up(const struct phase *phase)
{
    u64 exits = 0, ticks = 0;
    bool timed = phase->row_count;
    for (u32 i = 0; i < phase->row_count; i++) {
        exits += phase->rows[i].is_exit ? phase->rows[i].count : 0;
        ticks += phase->rows[i].sum;
        timed = timed && phase->rows[i].timed;
    }
    return exits == phase->spent.exits && (!timed || ticks == phase->spent.tsc_vmm + phase->spent.tsc_guest);
}

static void drop_rows(struct phase *phase)
{
    free(phase->rows);
    phase->rows = NULL;
    phase->row_count = 0;
}

static void add_phase_row(struct phase *phase, const struct row *row)
{
    phase->rows = array_grow(phase->rows, phase->row_count, sizeof(*row));
    phase->rows[phase->row_count++] = *row;
}

static void keep_rows(struct phase *phase, const struct row *rows, u32 count)
{
    for (u32 i = 0; i < count; i++)
        add_phase_row(phase, &rows[i]);
    if (!adds_up(phase))
        drop_rows(phase);
}

const struct row *phase_row(const struct phase *phase, const char *name)
{
    for (u32 i = 0; i < phase->row_count; i++)
        if (!strcmp(phase->rows[i].name, name))
            return &phase->rows[i];
    return NULL;
}

/* The report's rows are sorted. */
u32 phase_types(const struct phases *all, const struct view *view, const char *types[PHASE_TYPES])
{
    u32 count = 0, rows = 0;
    for (u32 i = 0; i < all->count; i++)
        rows += all->phases[i].row_count;
    for (u32 i = 0; rows && i < view->report->row_count && count < PHASE_TYPES; i++) {
        const struct row *row = &view->report->rows[i];
        if (row->is_exit && row->count && view_has(view, row->name))
            types[count++] = row->name;
    }
    return count;
}

/* The report's row less those of the phases since the reset; false if these have more. */
static bool rest_of(const struct phases *all, u32 first, const struct row *row, struct row *rest)
{
    *rest = *row;
    for (u32 i = first; i + 1 < all->count; i++) {
        const struct row *spent = phase_row(&all->phases[i], row->name);
        if (!spent)
            continue;
        if (spent->count > rest->count || spent->sum > rest->sum || spent->avoided > rest->avoided ||
            spent->hits > rest->hits)
            return false;
        rest->count -= spent->count;
        rest->sum -= spent->sum;
        rest->avoided -= spent->avoided;
        rest->hits -= spent->hits;
    }
    return true;
}

/* No line has the rows of the last phase. */
static void last_rows(struct phases *all, const struct report *report)
{
    struct phase *last = &all->phases[all->count - 1];
    u32 first = all->count - 1;
    struct row rest;
    for (; first > 0 && !all->phases[first].after_reset; first--)
        if (!all->phases[first - 1].row_count && all->phases[first - 1].spent.exits)
            return;
    for (u32 i = 0; i < report->row_count; i++) {
        if (!rest_of(all, first, &report->rows[i], &rest)) {
            drop_rows(last);
            return;
        }
        if (rest.count || rest.avoided)
            add_phase_row(last, &rest);
    }
    if (!adds_up(last))
        drop_rows(last);
}

/* Marks are printed at the end of the report that follows them: before this line. */
static u32 marks_limit(const struct view *view, const struct report *report)
{
    return report->number < view->all->count ? view->all->reports[report->number].first_line : UINT32_MAX;
}

static const char *keep_title(struct phases *all, const struct mark *mark)
{
    struct text title = {0};
    mark_title(&title, mark);
    const char *kept = arena_string(&all->arena, text_string(&title), title.used);
    text_free(&title);
    return kept;
}

static void read_phases(struct phases *all, const struct view *view)
{
    const struct report *report = view->report;
    struct phase *phase = add_phase(all, (struct phase){.name = "start"});

    for (u32 i = 0; i < view->all->mark_count; i++) {
        const struct mark *mark = &view->all->marks[i];
        if (mark->boot != report->boot)
            continue;
        if (mark->entry->line >= marks_limit(view, report) ||
            (mark->entry->line > report->last_line && !grew(&mark->at, &report->at)))
            break;
        end_phase(phase, &mark->at);
        keep_rows(phase, mark->rows, mark->row_count);
        phase = add_phase(all, (struct phase){
                                   .name = keep_title(all, mark),
                                   .line = mark->entry->line,
                                   .begin = mark->at,
                               });
    }
    end_phase(phase, &report->at);
    if (all->count > 1)
        last_rows(all, report);
}

u32 phase_rank(const struct phases *all, const struct phase *phase)
{
    u32 rank = 0;
    for (const struct phase *at = all->phases; at < phase; at++)
        rank += !strcmp(at->name, phase->name);
    return rank;
}

const struct phase *phases_find(const struct phases *all, const char *name, u32 rank)
{
    for (u32 i = 0; i < all->count; i++)
        if (!strcmp(all->phases[i].name, name) && !rank--)
            return &all->phases[i];
    return NULL;
}

/* ---- intervals ---- */

/* Where on the counters' own axis: ticks, or exits where no times are taken. */
static u64 position(const struct report *report, const struct moment *at)
{
    return report->timed ? at->tsc_vmm + at->tsc_guest : at->exits;
}

static void add_name(struct text *name, const char *more)
{
    if (name->used)
        text_add(name, "+");
    text_add(name, more);
}

/* Whether the mark was made in the interval. Where the counters were reset, only its place in the log tells. */
static bool made_within(const struct interval *interval, const struct mark *mark, u64 begin, u64 at, u64 end)
{
    return at >= begin && at <= end &&
           (mark->entry->line >= interval->report->first_line || (interval->before && at > begin));
}

static void name_interval(struct phases *all, const struct view *view, struct interval *interval)
{
    const struct report *report = interval->report;
    u64 begin = interval->before ? position(report, &interval->before->at) : 0;
    u64 end = position(report, &report->at), from = begin, tenth = (end - begin) / 10;
    const char *current = "start";
    struct text name = {0};

    for (u32 i = 0; i < view->all->mark_count; i++) {
        const struct mark *mark = &view->all->marks[i];
        u64 at = position(report, &mark->at);
        if (mark->boot != report->boot)
            continue;
        if (mark->entry->line >= marks_limit(view, report))
            break;
        if (made_within(interval, mark, from, at, end)) {
            if (at - from > tenth)
                add_name(&name, current);
            from = at;
        }
        current = keep_title(all, mark);
    }
    if (end - from > tenth || !name.used)
        add_name(&name, current);
    interval->name = arena_string(&all->arena, text_string(&name), name.used);
    text_free(&name);
}

/* No counter is smaller than before: there was no reset between the two. */
static bool follows(const struct report *before, const struct report *report)
{
    if (!grew(&before->at, &report->at))
        return false;
    for (u32 i = 0; i < before->row_count; i++) {
        const struct row *old = &before->rows[i], *row = report_row(report, old->name);
        if (!row || old->count > row->count || old->sum > row->sum || old->avoided > row->avoided ||
            old->hits > row->hits)
            return false;
    }
    return true;
}

static void read_intervals(struct phases *all, const struct view *view)
{
    const struct report *before = NULL;
    for (u32 i = 0; i < view->all->count; i++) {
        const struct report *report = &view->all->reports[i];
        static const struct moment zero;
        if (report->boot != view->report->boot || (report->incomplete && report != view->report))
            continue;
        if (before && !follows(before, report))
            before = NULL;
        const struct moment *from = before ? &before->at : &zero;
        all->intervals = array_grow(all->intervals, all->interval_count, sizeof(*all->intervals));
        struct interval *interval = &all->intervals[all->interval_count++];
        *interval = (struct interval){.before = before, .report = report, .spent = less(&report->at, from)};
        interval->ticks = interval->spent.tsc_vmm + interval->spent.tsc_guest;
        name_interval(all, view, interval);
        before = report;
    }
}

void phases_read(struct phases *all, const struct view *view)
{
    *all = (struct phases){0};
    if (!view->report)
        return;
    read_phases(all, view);
    read_intervals(all, view);
}

void phases_free(struct phases *all)
{
    for (u32 i = 0; i < all->count; i++)
        free(all->phases[i].rows);
    free(all->phases);
    free(all->intervals);
    arena_free(&all->arena);
    *all = (struct phases){0};
}

struct row interval_row(const struct interval *interval, const struct row *row)
{
    struct row spent = *row;
    const struct row *old = interval->before ? report_row(interval->before, row->name) : NULL;
    if (!old)
        return spent;
    spent.count -= old->count;
    spent.sum -= old->sum;
    spent.avoided -= old->avoided;
    spent.hits -= old->hits;
    return spent;
}

bool sites_alike(const struct site *a, const struct site *b)
{
    return a->rip == b->rip && a->where == b->where && a->bits == b->bits && !strcmp(a->exit, b->exit) &&
           !strcmp(a->bytes, b->bytes);
}

/* The sites that look alike (they differ in what a report does not say) count as one. */
static u64 total_of(const struct report *report, const struct site *site, bool ticks, u64 *least)
{
    u64 total = 0;
    *least = ~0ull;
    for (u32 i = 0; i < report->site_count; i++) {
        u64 value = ticks ? report->sites[i].sum : report->sites[i].count;
        if (sites_alike(&report->sites[i], site))
            total += value;
        if (value < *least)
            *least = value;
    }
    return total;
}

static u64 at_least(const struct interval *interval, const struct site *site, bool ticks)
{
    u64 least, total = total_of(interval->report, site, ticks, &least);
    if (!interval->before)
        return total;
    u64 old = total_of(interval->before, site, ticks, &least);
    if (!old && interval->before->site_count) {
        /* Not in the list then: it had no more than the last one of it, of what the list is sorted by. */
        if (ticks != sites_by_time(interval->before))
            return 0;
        old = least;
    }
    return total > old ? total - old : 0;
}

u64 interval_site_count(const struct interval *interval, const struct site *site)
{
    return at_least(interval, site, false);
}

u64 interval_site_ticks(const struct interval *interval, const struct site *site)
{
    return at_least(interval, site, true);
}
