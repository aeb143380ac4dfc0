/* SPDX-License-Identifier: BSD-2-Clause */
/* One JSON document. What the log says stands under "log", as it was printed; all beside that is derived. */
#include "host/advice.h"
#include "host/disassembly.h"
#include "host/json_write.h"
#include "host/names.h"
#include "host/outputs.h"
#include "host/phases.h"

#include <string.h>

static void rows(struct text *out, const struct view *view, bool exits)
{
    json_open_list(out, exits ? "exits" : "times");
    for (u32 i = 0; i < view->report->row_count; i++) {
        const struct row *row = &view->report->rows[i];
        if (row->is_exit != exits || !view_has(view, row->name))
            continue;
        json_element(out);
        json_open_entry(out, row->entry);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void details(struct text *out, const struct view *view)
{
    json_open_list(out, "details");
    for (u32 i = 0; i < view->report->detail_count; i++) {
        const struct detail *detail = &view->report->details[i];
        struct text place = {0};
        if (!view_has(view, detail->row))
            continue;
        detail_place(&place, detail);
        json_element(out);
        json_open_entry(out, detail->entry);
        json_string(out, "place", text_string(&place));
        text_add(out, "}");
        text_free(&place);
    }
    text_add(out, "]");
}

static void instructions(struct text *out, const struct site *site)
{
    static const char *const words[] = {[EXITS_NO] = "no", [EXITS_MAYBE] = "maybe", [EXITS_YES] = "yes"};
    struct disassembly d;
    disassemble(&d, site);
    json_name(out, "instructions");
    text_add(out, "[");
    for (u32 i = 0; i < d.count; i++) {
        const struct instruction *at = &d.at[i];
        text_add(out, i ? ",{" : "{");
        json_number(out, "offset", at->offset);
        json_number(out, "size", at->length);
        if (d.placed) {
            json_name(out, "address");
            text_format(out, "\"0x%lx\"", at->address);
        }
        json_string(out, "text", at->text);
        json_string(out, "exits", words[at->exits]);
        json_bool(out, "entry", at->entry);
        text_add(out, "}");
    }
    text_add(out, "]");
    json_number(out, "instructions_missing", d.missing);
}

static void sites(struct text *out, const struct view *view)
{
    json_open_list(out, "sites");
    for (u32 i = 0; i < view->report->site_count; i++) {
        const struct site *site = &view->report->sites[i];
        struct text place = {0}, advice = {0};
        if (!view_has(view, site->exit))
            continue;
        json_element(out);
        json_open_entry(out, site->entry);
        site_place(&place, site);
        advise(&advice, view->report, site);
        json_string(out, "place", text_string(&place));
        json_string(out, "advice", text_string(&advice));
        instructions(out, site);
        text_add(out, "}");
        text_free(&place);
        text_free(&advice);
    }
    text_add(out, "]");
}

static void entries(struct text *out, const char *name, const struct entry *const *list, u32 count)
{
    json_open_list(out, name);
    for (u32 i = 0; i < count; i++) {
        json_element(out);
        json_open_entry(out, list[i]);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void marks(struct text *out, const struct reports *all)
{
    json_open_list(out, "marks");
    for (u32 i = 0; i < all->mark_count; i++) {
        json_element(out);
        json_open_entry(out, all->marks[i].entry);
        json_number(out, "boot", all->marks[i].boot);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void spent(struct text *out, const struct moment *moment)
{
    json_number(out, "exits", moment->exits);
    json_number(out, "avoided", moment->avoided);
    json_number(out, "tsc_vmm", moment->tsc_vmm);
    json_number(out, "tsc_guest", moment->tsc_guest);
}

/* What a row got in a phase or interval, if anything. */
static void spent_row(struct text *out, const struct view *view, const struct row *row)
{
    if (!view_has(view, row->name) || (!row->count && !row->avoided))
        return;
    text_add(out, out->data[out->used - 1] == '[' ? "{" : ",{");
    json_string(out, "name", row->name);
    json_number(out, "count", row->count);
    if (row->timed)
        json_number(out, "sum", row->sum);
    json_number(out, "avoided", row->avoided);
    json_number(out, "hits", row->hits);
    text_add(out, "}");
}

static void phase_rows(struct text *out, const struct view *view, const struct phase *phase)
{
    json_name(out, "rows");
    text_add(out, "[");
    for (u32 i = 0; i < phase->row_count; i++)
        spent_row(out, view, &phase->rows[i]);
    text_add(out, "]");
}

static void interval_rows(struct text *out, const struct view *view, const struct interval *interval)
{
    json_name(out, "rows");
    text_add(out, "[");
    for (u32 i = 0; i < interval->report->row_count; i++) {
        struct row row = interval_row(interval, &interval->report->rows[i]);
        spent_row(out, view, &row);
    }
    text_add(out, "]");
}

static void phase_list(struct text *out, const struct view *view, const struct phases *all)
{
    json_open_list(out, "phases");
    for (u32 i = 0; i < all->count; i++) {
        json_element(out);
        text_add(out, "{");
        json_string(out, "name", all->phases[i].name);
        json_number(out, "line", all->phases[i].line);
        json_bool(out, "after_reset", all->phases[i].after_reset);
        spent(out, &all->phases[i].spent);
        phase_rows(out, view, &all->phases[i]);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void interval_list(struct text *out, const struct view *view, const struct phases *all)
{
    json_open_list(out, "intervals");
    for (u32 i = 0; i < all->interval_count; i++) {
        const struct interval *interval = &all->intervals[i];
        json_element(out);
        text_add(out, "{");
        json_string(out, "name", interval->name);
        json_number(out, "report", interval->report->number);
        json_number(out, "after_report", interval->before ? interval->before->number : 0);
        spent(out, &interval->spent);
        interval_rows(out, view, interval);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void report_list(struct text *out, const struct reports *all)
{
    json_open_list(out, "reports");
    for (u32 i = 0; i < all->count; i++) {
        const struct report *report = &all->reports[i];
        json_element(out);
        text_add(out, "{");
        json_number(out, "number", report->number);
        json_number(out, "boot", report->boot);
        json_number(out, "first_line", report->first_line);
        json_number(out, "last_line", report->last_line);
        json_string(out, "incomplete", report->incomplete ? report->incomplete : "");
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
    json_string(out, "file", view->all->log->name);
    json_number(out, "report", report->number);
    json_string(out, "incomplete", report->incomplete ? report->incomplete : "");
    report_list(out, view->all);
    json_entry(out, "boot", report->boot_entry);
    json_entry(out, "summary", report->summary);
    rows(out, view, true);
    rows(out, view, false);
    details(out, view);
    json_entry(out, "cache", report->cache);
    sites(out, view);
    entries(out, "refused", report->refused, report->refused_count);
    json_entry(out, "counts", report->counts);
    marks(out, view->all);
    phase_list(out, view, &phases);
    interval_list(out, view, &phases);
    json_entry(out, "end", report->end);
    json_problems(out, view->all->log);
    text_add(out, "}\n");
    phases_free(&phases);
}
