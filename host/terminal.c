/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/advice.h"
#include "host/columns.h"
#include "host/disassembly.h"
#include "host/names.h"
#include "host/outputs.h"
#include "host/phases.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the exit table ---- */

enum { TYPE, COUNT, MIN, P50, P90, P99, MAX, SUM, AVG, STDDEV, PERCENT, AVOIDED, HITS, EXIT_COLUMNS };

static const struct column exit_columns[EXIT_COLUMNS] = {
    [TYPE] = {"type", true, 255},     [COUNT] = {"count", false, 255}, [MIN] = {"min", false, 20},
    [MAX] = {"max", false, 30},       [SUM] = {"sum", false, 40},      [AVG] = {"avg", false, 60},
    [P50] = {"p50", false, 15},       [P90] = {"p90", false, 12},      [P99] = {"p99", false, 35},
    [STDDEV] = {"stddev", false, 10}, [PERCENT] = {"%", false, 80},    [AVOIDED] = {"avoided", false, 70},
    [HITS] = {"hit%", false, 50},
};

static int sort_column(const char *sort)
{
    if (sort && !strcmp(sort, "time"))
        return SUM;
    for (int i = 0; sort && i < EXIT_COLUMNS; i++)
        if (!strcmp(sort, exit_columns[i].title))
            return i;
    return -1;
}

bool terminal_can_sort(const char *sort)
{
    return sort_column(sort) >= 0;
}

static double decimal(const struct row *row, const char *name)
{
    const char *digits = json_member_number(row->entry->object, name);
    return digits ? strtod(digits, NULL) : 0;
}

static double key_of(const struct row *row, int column)
{
    switch (column) {
    case COUNT:
        return (double)row->count;
    case MIN:
        return (double)row->min;
    case P50:
        return (double)row->p50;
    case P90:
        return (double)row->p90;
    case P99:
        return (double)row->p99;
    case MAX:
        return (double)row->max;
    case AVG:
        return decimal(row, "avg");
    case STDDEV:
        return decimal(row, "stddev");
    case AVOIDED:
        return (double)row->avoided;
    case HITS:
        return row->count ? (double)row->hits / (double)row->count : 0;
    default:
        return (double)row->sum;
    }
}

/* Largest first, names by the alphabet; equal ones stay as they were. */
static bool comes_before(const struct row *a, const struct row *b, int column)
{
    return column == TYPE ? strcmp(a->name, b->name) < 0 : key_of(a, column) > key_of(b, column);
}

/* The rows of the view, sorted; TIMEINGUEST, which is no exit, stays the last. */
static u32 choose_rows(const struct view *view, const char *sort, const struct row ***rows)
{
    const struct report *report = view->report;
    int column = sort_column(sort);
    u32 count = 0;
    *rows = NULL;
    for (u32 i = 0; i < report->row_count; i++) {
        const struct row *row = &report->rows[i];
        if (!view_has(view, row->name))
            continue;
        *rows = array_grow(*rows, count, sizeof(**rows));
        u32 at = count++;
        for (; column >= 0 && strcmp(row->name, "TIMEINGUEST") != 0 && at > 0 &&
               comes_before(row, (*rows)[at - 1], column);
             at--)
            (*rows)[at] = (*rows)[at - 1];
        (*rows)[at] = row;
    }
    return count;
}

static void number_cell(struct columns *table, const struct row *row, const char *name)
{
    const char *digits = json_member_number(row->entry->object, name);
    columns_cell(table, "%s", digits ? digits : "-");
}

static void percent_cell(struct columns *table, u64 part, u64 whole)
{
    struct text text = {0};
    percent(&text, part, whole);
    columns_cell(table, "%s", text_string(&text));
    text_free(&text);
}

static void exit_row(struct columns *table, const struct view *view, const struct row *row)
{
    static const char *const fields[] = {"count", "min", "p50", "p90", "p99", "max", "sum", "avg", "stddev", "pct"};
    bool cached = strcmp(view->report->engine, "interp") != 0;
    columns_cell(table, "%s", row->name);
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
        number_cell(table, row, fields[i]);
    number_cell(table, row, "avoided");
    percent_cell(table, row->hits, row->is_exit && cached ? row->count : 0);
}

static void write_exits(struct text *out, const struct view *view, const struct terminal *terminal)
{
    const struct row **rows;
    u32 count = choose_rows(view, terminal->sort, &rows), shown = view->top && view->top < count ? view->top : count;
    struct columns table;

    if (!count)
        return;
    text_add(out, "\n");
    columns_begin(&table, exit_columns, EXIT_COLUMNS);
    for (u32 i = 0; i < shown; i++)
        exit_row(&table, view, rows[i]);
    columns_end(&table, out, terminal->width);
    if (shown < count)
        text_format(out, "  and %u more rows\n", count - shown);
    free(rows);
}

/* ---- what the exits of a row were about ---- */

static void detail_row(struct columns *table, const struct report *report, const struct detail *detail)
{
    const struct row *row = report_row(report, detail->row);
    struct text place = {0};
    detail_place(&place, detail);
    columns_cell(table, "%s", detail->row);
    columns_cell(table, detail->has_where ? "%lx" : "-", detail->where);
    columns_cell(table, "%s", text_string(&place));
    columns_cell(table, detail->size ? "%lu" : "-", detail->size);
    columns_cell(table, "%lu", detail->count);
    percent_cell(table, detail->count, row ? row->count : 0);
    columns_cell(table, detail->timed ? "%lu" : "-", detail->sum);
    columns_cell(table, detail->timed && detail->count ? "%lu" : "-", detail->count ? detail->sum / detail->count : 0);
    text_free(&place);
}

/* `top` of each row. */
static void write_details(struct text *out, const struct view *view, u32 width)
{
    static const struct column columns[] = {{"type", true, 255},  {"where", true, 200},  {"what", true, 150},
                                            {"bytes", false, 20}, {"count", false, 255}, {"% of type", false, 60},
                                            {"ticks", false, 80}, {"each", false, 70}};
    const struct report *report = view->report;
    struct text lines = {0};
    struct columns table;
    u32 shown = 0;
    columns_begin(&table, columns, 8);
    for (u32 i = 0, rank = 0; i < report->detail_count; i++) {
        const struct detail *detail = &report->details[i];
        rank = i && !strcmp(detail->row, report->details[i - 1].row) ? rank + 1 : 1;
        if (!view_has(view, detail->row) || (view->top && rank > view->top))
            continue;
        shown++;
        detail_row(&table, report, detail);
    }
    columns_end(&table, &lines, width);
    if (shown)
        text_format(out, "\nPorts, registers, causes\n%s", text_string(&lines));
    text_free(&lines);
}

/* ---- words at the top ---- */

static void write_boot(struct text *out, const struct report *report, u32 width)
{
    struct text words = {0}, visible = {0};
    u64 start, console, present, used;
    const struct json_value *boot = report->boot_entry ? report->boot_entry->object : NULL;
    const char *cpu = json_member_string(boot, "cpu");

    describe_boot(&words, report);
    if (cpu)
        text_format(&words, "; %s", cpu);
    if (json_member_whole(boot, "cpus_present", &present) && json_member_whole(boot, "cpus_used", &used))
        text_format(&words, ", %lu of %lu CPUs used", used, present);
    if (json_member_whole(boot, "start_ticks", &start) && json_member_whole(boot, "console_ticks", &console))
        text_format(&words, "; started in %lu ticks, %lu of them in printing", start, console);
    text_visible(&visible, text_string(&words));
    wrapped(out, "Boot  ", 8, width, text_string(&visible));
    text_free(&words);
    text_free(&visible);
}

static void write_summary(struct text *out, const struct report *report, u32 width)
{
    struct text words = {0};
    const struct moment *at = &report->at;
    text_format(&words, "%lu taken, %lu avoided", at->exits, at->avoided);
    if (at->avoided) {
        text_add(&words, " (");
        percent(&words, at->avoided, at->exits + at->avoided);
        text_add(&words, " % of both)");
    }
    wrapped(out, "Exits ", 8, width, text_string(&words));
    text_free(&words);
    if (!report->timed) {
        text_add(out, "  Time  not taken: timing=off\n");
        return;
    }
    text_format(&words, "%lu ticks: %lu in the guest, %lu in Exeunt (", report->tsc_total, at->tsc_guest, at->tsc_vmm);
    percent(&words, at->tsc_vmm, report->tsc_total);
    text_format(&words, " %%; one exit takes %lu)", at->exits ? exit_ticks(report) / at->exits : 0);
    wrapped(out, "Time  ", 8, width, text_string(&words));
    text_free(&words);
}

static void write_title(struct text *out, const struct view *view)
{
    const struct report *report = view->report;
    struct text later = {0};
    const char *cause = report->end ? json_member_string(report->end->object, "cause") : NULL;
    text_visible(out, view->all->log->name);
    text_format(out, ": report %u of %u, from line %u", report->number, view->all->count, report->first_line);
    if (cause) {
        text_add(out, ", at the guest's end: ");
        text_visible(out, cause);
    }
    if (report->incomplete)
        text_format(out, "; NOT COMPLETE: %s", report->incomplete);
    describe_later(&later, view);
    text_format(out, "%s%s\n\n", later.used ? "\nNOTE: " : "", text_string(&later));
    text_free(&later);
}

/* ---- phases and intervals ---- */

static const struct column piece_columns[] = {
    {"phase", true, 255},        {"exits", false, 255},      {"avoided", false, 70}, {"in Exeunt", false, 80},
    {"in the guest", false, 60}, {"% in Exeunt", false, 75}, {"line", false, 10},
};

static void piece_row(struct columns *table, const char *name, const struct moment *spent, u32 line)
{
    columns_cell(table, "%s", name);
    columns_cell(table, "%lu", spent->exits);
    columns_cell(table, "%lu", spent->avoided);
    columns_cell(table, "%lu", spent->tsc_vmm);
    columns_cell(table, "%lu", spent->tsc_guest);
    percent_cell(table, spent->tsc_vmm, spent->tsc_vmm + spent->tsc_guest);
    if (line)
        columns_cell(table, "%u", line);
    else
        columns_cell(table, "-");
}

#define PIECE_COLUMNS (sizeof(piece_columns) / sizeof(*piece_columns))

static void write_phases(struct text *out, const struct phases *all, u32 width)
{
    struct columns table;
    if (all->count < 2)
        return;
    text_add(out, "\nPhases, from mark to mark\n");
    columns_begin(&table, piece_columns, PIECE_COLUMNS);
    for (u32 i = 0; i < all->count; i++)
        piece_row(&table, all->phases[i].name, &all->phases[i].spent, all->phases[i].line);
    columns_end(&table, out, width);
}

/* Phases by the types that took most of the time; a phase without such lines has no numbers. */
static void write_phase_rows(struct text *out, const struct view *view, const struct phases *all, bool ticks, u32 width)
{
    struct column columns[1 + PHASE_TYPES] = {{"phase", true, 255}};
    const char *types[PHASE_TYPES];
    struct columns table;
    u32 count = phase_types(all, view, types);
    if (!count || (ticks && !view->report->timed))
        return;
    for (u32 i = 0; i < count; i++)
        columns[i + 1] = (struct column){types[i], false, (u8)(200 - 10 * i)};
    text_add(out, ticks ? "\nTicks of these exits\n" : "\nExits of each phase by type\n");
    columns_begin(&table, columns, count + 1);
    for (u32 i = 0; i < all->count; i++) {
        columns_cell(&table, "%s", all->phases[i].name);
        for (u32 k = 0; k < count; k++) {
            const struct row *row = phase_row(&all->phases[i], types[k]);
            columns_cell(&table, all->phases[i].row_count ? "%lu" : "-", !row ? 0 : ticks ? row->sum : row->count);
        }
    }
    columns_end(&table, out, width);
}

static void write_intervals(struct text *out, const struct phases *all, u32 width)
{
    struct columns table;
    if (all->interval_count < 2)
        return;
    text_add(out, "\nTimeline, from report to report\n");
    columns_begin(&table, piece_columns, PIECE_COLUMNS);
    for (u32 i = 0; i < all->interval_count; i++)
        piece_row(&table, all->intervals[i].name, &all->intervals[i].spent, all->intervals[i].report->first_line);
    columns_end(&table, out, width);
}

/* ---- sites ---- */

/* The widest bytes and text of the code. */
struct code_width {
    int bytes, text;
};

static void write_instruction(struct text *out, const struct disassembly *d, u32 index, struct code_width width)
{
    static const char *const words[] = {[EXITS_NO] = "", [EXITS_MAYBE] = "may exit", [EXITS_YES] = "exits"};
    const struct instruction *at = &d->at[index];
    const char *border = d->count == 1 ? "[" : index == 0 ? "/" : index + 1 == d->count ? "\\" : "|";
    struct text line = {0};

    if (at->elsewhere)
        text_add(out, "       :\n");
    text_format(&line, "      %c%s ", at->entry ? '>' : ' ', border);
    text_format(&line, d->placed ? "%016lx  " : "+%02lx  ", at->address);
    for (u32 i = 0; i < at->length; i++)
        text_format(&line, "%02x", d->bytes[at->offset + i]);
    text_format(&line, "%*s  %-*s  %s", width.bytes - 2 * at->length, "", width.text, at->text, words[at->exits]);
    if (at->jumps && at->target >= 0)
        text_format(&line, "to line %d", at->target + 1);
    while (line.data[line.used - 1] == ' ')
        line.used--;
    text_bytes(out, line.data, line.used);
    text_add(out, "\n");
    text_free(&line);
}

static void write_code(struct text *out, const struct site *site)
{
    struct disassembly d;
    struct code_width width = {0, 0};
    disassemble(&d, site);
    for (u32 i = 0; i < d.count; i++) {
        int text = (int)strlen(d.at[i].text);
        width.bytes = 2 * d.at[i].length > width.bytes ? 2 * d.at[i].length : width.bytes;
        width.text = text > width.text ? text : width.text;
    }
    for (u32 i = 0; i < d.count; i++)
        write_instruction(out, &d, i, width);
    if (d.missing)
        text_format(out, "       | and %u more, which are not in the report\n", d.missing);
}

static void write_why(struct text *out, const struct report *report, const struct site *site, u32 width)
{
    struct text words = {0}, advice = {0};
    text_visible(&words, site->why);
    if (*site->stopper) {
        text_add(&words, ": ");
        text_visible(&words, site->stopper);
    }
    if (words.used)
        wrapped(out, "why ends: ", 16, width, text_string(&words));
    advise(&advice, report, site);
    if (advice.used)
        wrapped(out, "try: ", 16, width, text_string(&advice));
    text_free(&words);
    text_free(&advice);
}

static void write_site(struct text *out, const struct report *report, const struct site *site, u32 width)
{
    struct text words = {0}, place = {0};
    text_visible(&words, site->exit);
    if (site_has_where(site))
        text_format(&words, " %lx", site->where);
    site_place(&place, site);
    if (place.used)
        text_format(&words, " (%s)", text_string(&place));
    text_format(&words, " at %lx: ", site->rip);
    text_format(&words, "%lu exits (", site->count);
    percent(&words, site->count, report->at.exits);
    text_format(&words, " %%), %lu avoided", site->avoided);
    if (site->sum && site->count)
        text_format(&words, "; %lu ticks, %lu each", site->sum, site->sum / site->count);
    if (site->length)
        text_format(&words, "; %lu of %lu instructions exit", site->exiting, site->length);
    if (!site->translated)
        text_add(&words, "; not translated");
    wrapped(out, "- ", 4, width, text_string(&words));
    write_code(out, site);
    write_why(out, report, site, width);
    text_free(&words);
    text_free(&place);
}

static void write_refused(struct text *out, const struct report *report)
{
    for (u32 i = 0; i < report->refused_count; i++) {
        const struct json_value *object = report->refused[i]->object;
        const char *why = json_member_string(object, "why"), *count = json_member_number(object, "count");
        text_format(out, "  %s times not translated: ", count ? count : "?");
        text_visible(out, why ? why : "?");
        text_add(out, "\n");
    }
}

static void write_sites(struct text *out, const struct view *view, u32 width)
{
    const struct report *report = view->report;
    u32 shown = 0, chosen = 0;
    if (!report->site_count)
        return;
    text_format(
        out, "\nSites: the %u with the most %s; %lu of %lu exits. / | \\ border a cluster, > is where it is entered\n",
        report->site_count, sites_by_time(report) ? "time" : "exits", exits_of_sites(report), report->at.exits);
    for (u32 i = 0; i < report->site_count; i++) {
        if (!view_has(view, report->sites[i].exit))
            continue;
        chosen++;
        if (view->top && shown == view->top)
            continue;
        shown++;
        write_site(out, report, &report->sites[i], width);
    }
    if (shown < chosen)
        text_format(out, "  and %u more sites\n", chosen - shown);
    write_refused(out, report);
}

/* ---- cache, guards, what cannot be read ---- */

static void write_figure(struct text *out, const char *number, const char *words)
{
    text_format(out, "  %12s  ", number);
    text_visible(out, words);
    text_add(out, "\n");
}

static void write_cache(struct text *out, const struct report *report)
{
    if (!report->cache)
        return;
    text_add(out, "\nCache, EPT, memory (what is not zero)\n");
    for (u32 i = 0; i < cache_field_count; i++) {
        const char *number = json_member_number(report->cache->object, cache_fields[i].name);
        if (number && strcmp(number, "0") != 0)
            write_figure(out, number, cache_fields[i].text);
    }
}

static void write_counts(struct text *out, const struct report *report)
{
    bool titled = false;
    const struct json_value *member = report->counts ? report->counts->object->first : NULL;
    for (; member; member = member->next) {
        if (member->kind != JSON_NUMBER)
            continue;
        if (!titled)
            text_add(out, "\nGuards and denials\n");
        titled = true;
        write_figure(out, member->text, name_counter(member->name));
    }
}

void terminal_write(struct text *out, const struct view *view, const struct terminal *terminal)
{
    const struct report *report = view->report;
    struct phases phases;
    phases_read(&phases, view);
    write_title(out, view);
    write_boot(out, report, terminal->width);
    write_summary(out, report, terminal->width);
    write_exits(out, view, terminal);
    write_details(out, view, terminal->width);
    write_phases(out, &phases, terminal->width);
    write_phase_rows(out, view, &phases, false, terminal->width);
    write_phase_rows(out, view, &phases, true, terminal->width);
    write_intervals(out, &phases, terminal->width);
    write_sites(out, view, terminal->width);
    write_cache(out, report);
    write_counts(out, report);
    phases_free(&phases);
}
