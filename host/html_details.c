/* SPDX-License-Identifier: BSD-2-Clause */
/* What the exits of a row were about: ports, registers, causes. */
#include "host/html.h"

#include <string.h>

/* Bars of one row; the table has the rest. */
#define BARS_MAX 8

static u64 weight_of(const struct detail *detail)
{
    return detail->timed ? detail->sum : detail->count;
}

static void name_of(struct text *name, const struct detail *detail)
{
    struct text place = {0};
    detail_place(&place, detail);
    if (detail->has_where && strcmp(detail->row, "CPUID") != 0) /* "leaf 4" says it */
        text_format(name, "%lx%s", detail->where, place.used ? " " : "");
    text_add(name, text_string(&place));
    if (detail->size)
        text_format(name, ", %lu byte%s", detail->size, detail->size == 1 ? "" : "s");
    text_free(&place);
}

static void detail_bar(struct text *out, const struct row *row, const struct detail *detail, u64 most)
{
    struct text name = {0}, figures = {0};
    name_of(&name, detail);
    text_grouped(&figures, detail->count);
    text_add(&figures, " · ");
    percent(&figures, weight_of(detail), detail->timed ? row->sum : row->count);
    text_add(&figures, " %");
    html_bar_row(out, text_string(&name), &(struct part){"taken", weight_of(detail)}, 1, most, text_string(&figures));
    text_free(&name);
    text_free(&figures);
}

/* Those of one row stand together, most time first. */
static void row_chart(struct text *out, const struct report *report, const struct row *row)
{
    u64 most = 0;
    u32 shown = 0;
    for (u32 i = 0; i < report->detail_count; i++)
        if (!strcmp(report->details[i].row, row->name) && weight_of(&report->details[i]) > most)
            most = weight_of(&report->details[i]);
    text_add(out, "<figure><figcaption><h3>");
    text_html(out, row->name);
    text_add(out, "</h3></figcaption><div class=bars>");
    for (u32 i = 0; i < report->detail_count; i++)
        if (!strcmp(report->details[i].row, row->name) && shown++ < BARS_MAX)
            detail_bar(out, row, &report->details[i], most);
    text_add(out, "</div></figure>");
}

/* More than one thing to choose from. */
static bool has_chart(const struct report *report, const struct row *row)
{
    u32 count = 0;
    for (u32 i = 0; i < report->detail_count; i++)
        count += !strcmp(report->details[i].row, row->name);
    return count > 1;
}

static void detail_cells(struct text *out, const struct report *report, const struct detail *detail)
{
    const struct row *row = report_row(report, detail->row);
    struct text place = {0};
    detail_place(&place, detail);
    text_add(out, "<tr><td>");
    text_html(out, detail->row);
    text_format(out, detail->has_where ? "<td><code>%lx</code><td>" : "<td>-<td>", detail->where);
    text_html(out, text_string(&place));
    text_free(&place);
    if (detail->size)
        html_number_cell(out, detail->size);
    else
        html_digits_cell(out, NULL);
    html_number_cell(out, detail->count);
    html_percent_cell(out, detail->count, row ? row->count : 0);
    html_digits_cell(out, json_member_number(detail->entry->object, "sum"));
    if (detail->timed && detail->count)
        html_number_cell(out, detail->sum / detail->count);
    else
        html_digits_cell(out, NULL);
    html_number_cell(out, detail->entry->line);
}

void html_details(struct text *out, const struct view *view)
{
    static const char *const titles[] = {"type",       "where",  "what",  "#bytes",   "#count",
                                         "#% of type", "#ticks", "#each", "#log line"};
    const struct report *report = view->report;
    if (!report->detail_count)
        return;
    text_add(out,
             "<section id=details><h2>Ports, registers, causes</h2><p>What the exits of a type were about: how many, "
             "and the share of the type's time.<div class=charts>");
    for (u32 i = 0; i < report->row_count; i++)
        if (view_has(view, report->rows[i].name) && has_chart(report, &report->rows[i]))
            row_chart(out, report, &report->rows[i]);
    text_add(out, "</div><h3>All of them</h3>");
    html_table(out, titles, 9);
    for (u32 i = 0; i < report->detail_count; i++)
        if (view_has(view, report->details[i].row))
            detail_cells(out, report, &report->details[i]);
    text_add(out, "</table></div></section>");
}
