/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* FNM_CASEFOLD */
#include "host/report.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define PATTERN_MAX 64

/* What is being read. */
struct reading {
    struct reports *all;
    struct log *log;
    struct report *open; /* the report that entries belong to now, or NULL */
    u32 boot;
};

/* ---- members, with a word where one is missing ---- */

static bool whole(struct reading *r, const struct entry *e, const char *name, u64 *value)
{
    if (json_member_whole(e->object, name, value))
        return true;
    log_problem(r->log, e->line, "`%.20s` without a number `%s`", e->type, name);
    return false;
}

static const char *string(struct reading *r, const struct entry *e, const char *name)
{
    const char *text = json_member_string(e->object, name);
    if (!text)
        log_problem(r->log, e->line, "`%.20s` without `%s`", e->type, name);
    return text;
}

static u64 whole_or_zero(const struct entry *e, const char *name)
{
    u64 value = 0;
    json_member_whole(e->object, name, &value);
    return value;
}

static const char *string_or_empty(const struct entry *e, const char *name)
{
    const char *text = json_member_string(e->object, name);
    return text ? text : "";
}

static bool is_true(const struct entry *e, const char *name)
{
    const struct json_value *member = json_member(e->object, name);
    return member && member->kind == JSON_TRUE;
}

/* ---- one function for each type of line ---- */

static void read_boot(struct reading *r, const struct entry *e)
{
    r->boot++;
    r->open = NULL;
    r->all->boots = array_grow(r->all->boots, r->all->boot_count, sizeof(*r->all->boots));
    r->all->boots[r->all->boot_count++] = e;
}

static void read_summary(struct reading *r, const struct entry *e)
{
    struct reports *all = r->all;
    all->reports = array_grow(all->reports, all->count, sizeof(*all->reports));
    struct report *report = r->open = &all->reports[all->count++];

    *report = (struct report){
        .number = all->count,
        .first_line = e->line,
        .boot = r->boot,
        .boot_entry = all->boot_count ? all->boots[all->boot_count - 1] : NULL,
        .summary = e,
        .timed = is_true(e, "timing"),
        .engine = string_or_empty(e, "engine"),
    };
    whole(r, e, "exits", &report->at.exits);
    whole(r, e, "avoided", &report->at.avoided);
    if (report->timed)
        report->timed = whole(r, e, "tsc_total", &report->tsc_total) && whole(r, e, "tsc_vmm", &report->at.tsc_vmm) &&
                        whole(r, e, "tsc_guest", &report->at.tsc_guest);
}

static void read_row(struct reading *r, const struct entry *e)
{
    struct report *report = r->open;
    struct row row = {.entry = e, .is_exit = !strcmp(e->type, "exit"), .name = string(r, e, "name")};
    if (!row.name || !whole(r, e, "count", &row.count))
        return;
    row.timed = json_member_whole(e->object, "min", &row.min) && json_member_whole(e->object, "max", &row.max) &&
                json_member_whole(e->object, "sum", &row.sum);
    row.p50 = whole_or_zero(e, "p50");
    row.p90 = whole_or_zero(e, "p90");
    row.p99 = whole_or_zero(e, "p99");
    row.avoided = whole_or_zero(e, "avoided");
    row.hits = whole_or_zero(e, "hits");
    if (!row.timed)
        row.min = row.max = row.sum = 0;
    if (report_row(report, row.name))
        log_problem(r->log, e->line, "the row %.40s for the second time in a report", row.name);
    report->rows = array_grow(report->rows, report->row_count, sizeof(row));
    report->rows[report->row_count++] = row;
}

static void read_detail(struct reading *r, const struct entry *e)
{
    struct report *report = r->open;
    struct detail detail = {.entry = e, .row = string(r, e, "row"), .name = string_or_empty(e, "name")};
    if (!detail.row || !whole(r, e, "count", &detail.count))
        return;
    detail.has_where = json_member_hex(e->object, "where", &detail.where);
    detail.size = whole_or_zero(e, "size");
    detail.timed = json_member_whole(e->object, "sum", &detail.sum);
    report->details = array_grow(report->details, report->detail_count, sizeof(detail));
    report->details[report->detail_count++] = detail;
}

static void read_site(struct reading *r, const struct entry *e)
{
    struct report *report = r->open;
    struct site site = {
        .entry = e,
        .exit = string(r, e, "exit"),
        .bytes = string_or_empty(e, "bytes"),
        .why = string_or_empty(e, "why"),
        .stopper = string_or_empty(e, "stopper"),
        .bits = whole_or_zero(e, "bits"),
        .avoided = whole_or_zero(e, "avoided"),
        .exiting = whole_or_zero(e, "exiting"),
        .length = whole_or_zero(e, "length"),
        .sum = whole_or_zero(e, "sum"),
        .translated = is_true(e, "translated"),
    };
    if (!site.exit || !whole(r, e, "count", &site.count))
        return;
    if (!json_member_hex(e->object, "rip", &site.rip) || !json_member_hex(e->object, "where", &site.where)) {
        log_problem(r->log, e->line, "`site` without numbers `rip` and `where`");
        return;
    }
    report->sites = array_grow(report->sites, report->site_count, sizeof(site));
    report->sites[report->site_count++] = site;
}

static void read_refused(struct reading *r, const struct entry *e)
{
    struct report *report = r->open;
    report->refused = array_grow(report->refused, report->refused_count, sizeof(*report->refused));
    report->refused[report->refused_count++] = e;
}

static void read_mark(struct reading *r, const struct entry *e)
{
    struct reports *all = r->all;
    struct mark mark = {.entry = e, .boot = r->boot, .name = string_or_empty(e, "name")};
    if (!whole(r, e, "number", &mark.number) || !whole(r, e, "exits", &mark.at.exits))
        return;
    mark.at.avoided = whole_or_zero(e, "avoided");
    mark.at.tsc_vmm = whole_or_zero(e, "tsc_vmm");
    mark.at.tsc_guest = whole_or_zero(e, "tsc_guest");
    all->marks = array_grow(all->marks, all->mark_count, sizeof(mark));
    all->marks[all->mark_count++] = mark;
}

bool row_is_exit(const char *name)
{
    return strcmp(name, "TIMEINGUEST") != 0 && strcmp(name, "EXEUNT") != 0;
}

/* They stand behind their mark, whose number they repeat. */
static void read_phase_row(struct reading *r, const struct entry *e)
{
    struct reports *all = r->all;
    struct mark *mark = all->mark_count ? &all->marks[all->mark_count - 1] : NULL;
    struct row row = {.entry = e, .name = string(r, e, "name")};
    u64 number;
    if (!row.name || !whole(r, e, "mark", &number) || !whole(r, e, "count", &row.count))
        return;
    if (!mark || mark->boot != r->boot || mark->number != number) {
        log_problem(r->log, e->line, "a row of the phase that mark %lu ends, not behind that mark", number);
        return;
    }
    row.is_exit = row_is_exit(row.name);
    row.timed = json_member_whole(e->object, "sum", &row.sum);
    row.avoided = whole_or_zero(e, "avoided");
    row.hits = whole_or_zero(e, "hits");
    mark->rows = array_grow(mark->rows, mark->row_count, sizeof(row));
    mark->rows[mark->row_count++] = row;
}

/* ---- lines of a report ---- */

static void read_part(struct reading *r, const struct entry *e)
{
    struct report *report = r->open;
    report->last_line = e->line;
    if (!strcmp(e->type, "exit") || !strcmp(e->type, "time"))
        read_row(r, e);
    else if (!strcmp(e->type, "detail"))
        read_detail(r, e);
    else if (!strcmp(e->type, "site"))
        read_site(r, e);
    else if (!strcmp(e->type, "refused"))
        read_refused(r, e);
    else if (!strcmp(e->type, "cache"))
        report->cache = e;
    else if (!strcmp(e->type, "counts"))
        report->counts = e;
    else if (!strcmp(e->type, "end"))
        report->end = e;
}

static bool is_part(const struct entry *e)
{
    static const char *const types[] = {"exit", "time", "detail", "cache", "site", "refused", "counts", "end"};
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (!strcmp(e->type, types[i]))
            return true;
    return false;
}

static void read_entry(struct reading *r, const struct entry *e)
{
    if (!strcmp(e->type, "boot")) {
        read_boot(r, e);
    } else if (!strcmp(e->type, "mark")) {
        read_mark(r, e);
    } else if (!strcmp(e->type, "phase_row")) {
        read_phase_row(r, e);
    } else if (!strcmp(e->type, "summary")) {
        read_summary(r, e);
        r->open->last_line = e->line;
    } else if (is_part(e)) {
        if (r->open)
            read_part(r, e);
        else
            log_problem(r->log, e->line, "`%.20s` outside a report: the `summary` before it is missing", e->type);
    } else {
        log_problem(r->log, e->line, "a line of the unknown type `%.40s`", e->type);
    }
}

/* ---- whether all of it is there ---- */

/* The first row whose details do not add up to it, or NULL. */
static const struct row *wrong_details(const struct report *report)
{
    for (u32 i = 0; i < report->row_count; i++) {
        const struct row *row = &report->rows[i];
        u64 count = 0, sum = 0;
        bool any = false, timed = row->timed;
        for (u32 k = 0; k < report->detail_count; k++) {
            const struct detail *detail = &report->details[k];
            if (strcmp(detail->row, row->name) != 0)
                continue;
            any = true;
            timed = timed && detail->timed;
            count += detail->count;
            sum += detail->sum;
        }
        if (any && (count != row->count || (timed && sum != row->sum)))
            return row;
    }
    return NULL;
}

static const char *incomplete(struct log *log, const struct report *report)
{
    const struct row *wrong;
    u64 exits = 0, ticks = 0;
    for (u32 i = 0; i < report->row_count; i++) {
        exits += report->rows[i].is_exit ? report->rows[i].count : 0;
        ticks += report->rows[i].sum;
    }
    if (!report_row(report, "TIMEINGUEST") || !report->cache || !report->counts)
        return "lines of it are missing";
    if (log_has_problem(log, report->first_line, report->last_line))
        return "lines of it cannot be read";
    if (exits != report->at.exits) {
        log_problem(log, report->first_line, "%lu exits in the summary, %lu in the rows", report->at.exits, exits);
        return "its rows do not add up";
    }
    if (report->timed && ticks != report->tsc_total) {
        log_problem(log, report->first_line, "%lu ticks in the summary, %lu in the rows", report->tsc_total, ticks);
        return "its rows do not add up";
    }
    if ((wrong = wrong_details(report)) != NULL) {
        log_problem(log, wrong->entry->line, "the details of %.40s do not add up to it", wrong->name);
        return "its details do not add up";
    }
    return NULL;
}

void reports_read(struct reports *all, struct log *log)
{
    struct reading r = {.all = all, .log = log};
    *all = (struct reports){.log = log};
    for (u32 i = 0; i < log->entry_count; i++)
        read_entry(&r, &log->entries[i]);
    for (u32 i = 0; i < all->count; i++)
        all->reports[i].incomplete = incomplete(log, &all->reports[i]);
    log_sort_problems(log);
}

void reports_free(struct reports *all)
{
    for (u32 i = 0; i < all->count; i++) {
        free(all->reports[i].rows);
        free(all->reports[i].details);
        free(all->reports[i].sites);
        free(all->reports[i].refused);
    }
    for (u32 i = 0; i < all->mark_count; i++)
        free(all->marks[i].rows);
    free(all->reports);
    free(all->marks);
    free(all->boots);
    *all = (struct reports){0};
}

const struct report *reports_choose(const struct reports *all, u32 number)
{
    if (number)
        return number <= all->count ? &all->reports[number - 1] : NULL;
    for (u32 i = all->count; i > 0; i--)
        if (!all->reports[i - 1].incomplete)
            return &all->reports[i - 1];
    return all->count ? &all->reports[all->count - 1] : NULL;
}

const struct row *report_row(const struct report *report, const char *name)
{
    for (u32 i = 0; i < report->row_count; i++)
        if (!strcmp(report->rows[i].name, name))
            return &report->rows[i];
    return NULL;
}

bool sites_by_time(const struct report *report)
{
    for (u32 i = 0; i < report->site_count; i++)
        if (report->sites[i].sum)
            return true;
    return false;
}

static bool pattern_matches(const char *pattern, size_t size, const char *name)
{
    char copy[PATTERN_MAX];
    if (size >= sizeof(copy))
        return false;
    memcpy(copy, pattern, size);
    copy[size] = '\0';
    return fnmatch(copy, name, FNM_CASEFOLD) == 0;
}

bool view_has(const struct view *view, const char *row_name)
{
    const char *pattern = view->filter;
    while (pattern && *pattern) {
        size_t size = strcspn(pattern, ",");
        if (pattern_matches(pattern, size, row_name))
            return true;
        pattern += size + (pattern[size] == ',');
    }
    return !view->filter;
}
