/* SPDX-License-Identifier: BSD-2-Clause */
/* One JSON document. What the log says stands under "log", as it was printed; all beside that is derived. */
#include "host/advice.h"
#include "host/disassembly.h"
#include "host/names.h"
#include "host/outputs.h"
#include "host/phases.h"

#include <string.h>

/* A name and its colon, with a comma and a line break before it if something precedes. */
static void member(struct text *out, const char *name)
{
    char last = out->used ? out->data[out->used - 1] : '{';
    if (last != '{' && last != '[')
        text_add(out, ",");
    text_json_string(out, name);
    text_add(out, ":");
}

static void element(struct text *out)
{
    if (out->used && out->data[out->used - 1] != '[')
        text_add(out, ",");
    text_add(out, "\n ");
}

static void string_member(struct text *out, const char *name, const char *string)
{
    member(out, name);
    text_json_string(out, string);
}

static void number_member(struct text *out, const char *name, u64 value)
{
    member(out, name);
    text_format(out, "%lu", value);
}

static void bool_member(struct text *out, const char *name, bool value)
{
    member(out, name);
    text_add(out, value ? "true" : "false");
}

/* {"line":N,"log":{...}, still open: more may follow. */
static void open_entry(struct text *out, const struct entry *entry)
{
    text_add(out, "{");
    number_member(out, "line", entry->line);
    member(out, "log");
    json_write(out, entry->object);
}

static void entry_member(struct text *out, const char *name, const struct entry *entry)
{
    if (!entry)
        return;
    text_add(out, ",\n");
    text_json_string(out, name);
    text_add(out, ":");
    open_entry(out, entry);
    text_add(out, "}");
}

static void open_array(struct text *out, const char *name)
{
    text_add(out, ",\n");
    text_json_string(out, name);
    text_add(out, ":[");
}

static void rows(struct text *out, const struct view *view, bool exits)
{
    open_array(out, exits ? "exits" : "times");
    for (u32 i = 0; i < view->report->row_count; i++) {
        const struct row *row = &view->report->rows[i];
        if (row->is_exit != exits || !view_has(view, row->name))
            continue;
        element(out);
        open_entry(out, row->entry);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void instructions(struct text *out, const struct site *site)
{
    static const char *const words[] = {[EXITS_NO] = "no", [EXITS_MAYBE] = "maybe", [EXITS_YES] = "yes"};
    struct disassembly d;
    disassemble(&d, site);
    member(out, "instructions");
    text_add(out, "[");
    for (u32 i = 0; i < d.count; i++) {
        const struct instruction *at = &d.at[i];
        text_add(out, i ? ",{" : "{");
        number_member(out, "offset", at->offset);
        number_member(out, "size", at->length);
        if (d.placed) {
            member(out, "address");
            text_format(out, "\"0x%lx\"", d.begin + at->offset);
        }
        string_member(out, "text", at->text);
        string_member(out, "exits", words[at->exits]);
        bool_member(out, "entry", at->entry);
        text_add(out, "}");
    }
    text_add(out, "]");
    number_member(out, "instructions_missing", d.missing);
}

static void sites(struct text *out, const struct view *view)
{
    open_array(out, "sites");
    for (u32 i = 0; i < view->report->site_count; i++) {
        const struct site *site = &view->report->sites[i];
        struct text place = {0}, advice = {0};
        if (!view_has(view, site->exit))
            continue;
        element(out);
        open_entry(out, site->entry);
        name_place(&place, site->exit, site->where);
        advise(&advice, view->report, site);
        string_member(out, "place", text_string(&place));
        string_member(out, "advice", text_string(&advice));
        instructions(out, site);
        text_add(out, "}");
        text_free(&place);
        text_free(&advice);
    }
    text_add(out, "]");
}

static void entries(struct text *out, const char *name, const struct entry *const *list, u32 count)
{
    open_array(out, name);
    for (u32 i = 0; i < count; i++) {
        element(out);
        open_entry(out, list[i]);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void marks(struct text *out, const struct reports *all)
{
    open_array(out, "marks");
    for (u32 i = 0; i < all->mark_count; i++) {
        element(out);
        open_entry(out, all->marks[i].entry);
        number_member(out, "boot", all->marks[i].boot);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void spent(struct text *out, const struct moment *moment)
{
    number_member(out, "exits", moment->exits);
    number_member(out, "avoided", moment->avoided);
    number_member(out, "tsc_vmm", moment->tsc_vmm);
    number_member(out, "tsc_guest", moment->tsc_guest);
}

static void phase_list(struct text *out, const struct phases *all)
{
    open_array(out, "phases");
    for (u32 i = 0; i < all->count; i++) {
        element(out);
        text_add(out, "{");
        string_member(out, "name", all->phases[i].name);
        number_member(out, "line", all->phases[i].line);
        bool_member(out, "after_reset", all->phases[i].after_reset);
        spent(out, &all->phases[i].spent);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void interval_rows(struct text *out, const struct view *view, const struct interval *interval)
{
    bool first = true;
    member(out, "rows");
    text_add(out, "[");
    for (u32 i = 0; i < interval->report->row_count; i++) {
        struct row row = interval_row(interval, &interval->report->rows[i]);
        if (!view_has(view, row.name) || (!row.count && !row.avoided))
            continue;
        text_add(out, first ? "{" : ",{");
        first = false;
        string_member(out, "name", row.name);
        number_member(out, "count", row.count);
        if (row.timed)
            number_member(out, "sum", row.sum);
        number_member(out, "avoided", row.avoided);
        number_member(out, "hits", row.hits);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void interval_list(struct text *out, const struct view *view, const struct phases *all)
{
    open_array(out, "intervals");
    for (u32 i = 0; i < all->interval_count; i++) {
        const struct interval *interval = &all->intervals[i];
        element(out);
        text_add(out, "{");
        string_member(out, "name", interval->name);
        number_member(out, "report", interval->report->number);
        number_member(out, "after_report", interval->before ? interval->before->number : 0);
        spent(out, &interval->spent);
        interval_rows(out, view, interval);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void report_list(struct text *out, const struct reports *all)
{
    open_array(out, "reports");
    for (u32 i = 0; i < all->count; i++) {
        const struct report *report = &all->reports[i];
        element(out);
        text_add(out, "{");
        number_member(out, "number", report->number);
        number_member(out, "boot", report->boot);
        number_member(out, "first_line", report->first_line);
        number_member(out, "last_line", report->last_line);
        string_member(out, "incomplete", report->incomplete ? report->incomplete : "");
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void problems(struct text *out, const struct log *log)
{
    open_array(out, "problems");
    for (u32 i = 0; i < log->problem_count; i++) {
        element(out);
        text_add(out, "{");
        number_member(out, "line", log->problems[i].line);
        string_member(out, "text", log->problems[i].text);
        text_add(out, "}");
    }
    text_add(out, "]");
}

void json_document(struct text *out, const struct view *view)
{
    const struct report *report = view->report;
    struct phases phases;

    phases_read(&phases, view);
    text_add(out, "{");
    string_member(out, "file", view->all->log->name);
    number_member(out, "report", report->number);
    string_member(out, "incomplete", report->incomplete ? report->incomplete : "");
    report_list(out, view->all);
    entry_member(out, "boot", report->boot_entry);
    entry_member(out, "summary", report->summary);
    rows(out, view, true);
    rows(out, view, false);
    entry_member(out, "cache", report->cache);
    sites(out, view);
    entries(out, "refused", report->refused, report->refused_count);
    entry_member(out, "counts", report->counts);
    marks(out, view->all);
    phase_list(out, &phases);
    interval_list(out, view, &phases);
    entry_member(out, "end", report->end);
    problems(out, view->all->log);
    text_add(out, "}\n");
    phases_free(&phases);
}
