/* SPDX-License-Identifier: BSD-2-Clause */
/* Long form, RFC 4180: kind,name,field,value. Every member of every line, and what is derived. */
#include "host/csv.h"
#include "host/names.h"
#include "host/outputs.h"
#include "host/phases.h"

#include <string.h>

/* What the lines have in common that follow each other. */
struct csv {
    struct text *out;
    const char *kind, *name;
};

void csv_cell(struct text *out, const char *value, const char *after)
{
    bool quoted = strpbrk(value, ",\"\r\n") != NULL;
    text_add(out, quoted ? "\"" : "");
    for (; *value; value++) {
        text_bytes(out, value, 1);
        if (*value == '"')
            text_add(out, "\"");
    }
    text_add(out, quoted ? "\"" : "");
    text_add(out, after);
}

static void put(const struct csv *csv, const char *field, const char *value)
{
    csv_cell(csv->out, csv->kind, ",");
    csv_cell(csv->out, csv->name, ",");
    csv_cell(csv->out, field, ",");
    csv_cell(csv->out, value, CSV_LINE_END);
}

static void put_number(const struct csv *csv, const char *field, u64 value)
{
    struct text text = {0};
    text_format(&text, "%lu", value);
    put(csv, field, text_string(&text));
    text_free(&text);
}

/* Strings as they are, lists with semicolons, the rest as in JSON. */
static void put_value(const struct csv *csv, const struct json_value *value)
{
    struct text text = {0};
    if (value->kind == JSON_ARRAY) {
        for (const struct json_value *element = value->first; element; element = element->next) {
            if (element->text)
                text_add(&text, element->text);
            text_add(&text, element->next ? "; " : "");
        }
    } else if (value->text) {
        text_add(&text, value->text);
    } else {
        json_write(&text, value);
    }
    put(csv, value->name, text_string(&text));
    text_free(&text);
}

static void put_entry(struct text *out, const char *kind, const char *name, const struct entry *entry)
{
    struct csv csv = {out, kind, name};
    if (!entry)
        return;
    put_number(&csv, "line", entry->line);
    for (const struct json_value *value = entry->object->first; value; value = value->next)
        if (strcmp(value->name, "type") != 0)
            put_value(&csv, value);
}

static void put_numbered(struct text *out, const char *kind, u32 number, const struct entry *entry)
{
    struct text name = {0};
    text_format(&name, "%u", number);
    put_entry(out, kind, text_string(&name), entry);
    text_free(&name);
}

static void put_place(struct text *out, u32 number, const struct site *site)
{
    struct text name = {0}, place = {0};
    struct csv csv = {out, "site", ""};
    text_format(&name, "%u", number);
    site_place(&place, site);
    csv.name = text_string(&name);
    if (place.used)
        put(&csv, "place", text_string(&place));
    text_free(&name);
    text_free(&place);
}

static void put_moment(const struct csv *csv, const struct moment *spent)
{
    put_number(csv, "exits", spent->exits);
    put_number(csv, "avoided", spent->avoided);
    put_number(csv, "tsc_vmm", spent->tsc_vmm);
    put_number(csv, "tsc_guest", spent->tsc_guest);
}

/* Named by the number of the phase and the row. */
static void put_phase_rows(struct text *out, const struct view *view, const struct phase *phase, u32 number)
{
    for (u32 i = 0; i < phase->row_count; i++) {
        const struct row *row = &phase->rows[i];
        struct text name = {0};
        text_format(&name, "%u %s", number, row->name);
        struct csv csv = {out, "phase_row", text_string(&name)};
        if (view_has(view, row->name)) {
            put_number(&csv, "count", row->count);
            if (row->timed)
                put_number(&csv, "sum", row->sum);
            put_number(&csv, "avoided", row->avoided);
            put_number(&csv, "hits", row->hits);
        }
        text_free(&name);
    }
}

static void put_details(struct text *out, const struct view *view)
{
    for (u32 i = 0; i < view->report->detail_count; i++) {
        const struct detail *detail = &view->report->details[i];
        struct text name = {0}, place = {0};
        if (!view_has(view, detail->row))
            continue;
        text_format(&name, "%u", i + 1);
        detail_place(&place, detail);
        struct csv csv = {out, "detail", text_string(&name)};
        put_entry(out, "detail", text_string(&name), detail->entry);
        put(&csv, "place", text_string(&place));
        text_free(&name);
        text_free(&place);
    }
}

static void put_phases(struct text *out, const struct view *view)
{
    struct phases phases;
    struct text name = {0};
    phases_read(&phases, view);
    for (u32 i = 0; i < phases.count; i++) {
        text_format(&name, "%u", i + 1);
        struct csv csv = {out, "phase", text_string(&name)};
        put(&csv, "name", phases.phases[i].name);
        put_moment(&csv, &phases.phases[i].spent);
        put_phase_rows(out, view, &phases.phases[i], i + 1);
        text_free(&name);
    }
    for (u32 i = 0; i < phases.interval_count; i++) {
        text_format(&name, "%u", phases.intervals[i].report->number);
        struct csv csv = {out, "interval", text_string(&name)};
        put(&csv, "name", phases.intervals[i].name);
        put_moment(&csv, &phases.intervals[i].spent);
        text_free(&name);
    }
    phases_free(&phases);
}

static void put_problems(struct text *out, const struct log *log)
{
    for (u32 i = 0; i < log->problem_count; i++) {
        struct text name = {0};
        text_format(&name, "%u", i + 1);
        struct csv csv = {out, "problem", text_string(&name)};
        put_number(&csv, "line", log->problems[i].line);
        put(&csv, "text", log->problems[i].text);
        text_free(&name);
    }
}

void csv_write(struct text *out, const struct view *view)
{
    const struct report *report = view->report;

    text_add(out, "kind,name,field,value" CSV_LINE_END);
    put_entry(out, "boot", "", report->boot_entry);
    put_entry(out, "summary", "", report->summary);
    for (u32 i = 0; i < report->row_count; i++)
        if (view_has(view, report->rows[i].name))
            put_entry(out, report->rows[i].is_exit ? "exit" : "time", report->rows[i].name, report->rows[i].entry);
    put_details(out, view);
    put_entry(out, "cache", "", report->cache);
    for (u32 i = 0; i < report->site_count; i++) {
        if (!view_has(view, report->sites[i].exit))
            continue;
        put_numbered(out, "site", i + 1, report->sites[i].entry);
        put_place(out, i + 1, &report->sites[i]);
    }
    for (u32 i = 0; i < report->refused_count; i++)
        put_numbered(out, "refused", i + 1, report->refused[i]);
    put_entry(out, "counts", "", report->counts);
    for (u32 i = 0; i < view->all->mark_count; i++)
        put_numbered(out, "mark", i + 1, view->all->marks[i].entry);
    put_phases(out, view);
    put_entry(out, "end", "", report->end);
    put_problems(out, view->all->log);
}
