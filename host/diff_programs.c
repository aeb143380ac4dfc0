/* SPDX-License-Identifier: BSD-2-Clause */
/* Two reports beside each other, for programs: JSON and CSV. */
#include "host/csv.h"
#include "host/difference.h"
#include "host/json_write.h"
#include "host/names.h"
#include "host/outputs.h"

/* ---- JSON ---- */

static void json_side(struct text *out, const char *name, bool there, u64 value)
{
    json_name(out, name);
    if (there)
        text_format(out, "%lu", value);
    else
        text_add(out, "null");
}

/* "name":{"before":N,"after":N,"ratio":N}; null where there is no number. */
static void json_figures(struct text *out, const struct figures *figures, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        json_name(out, figures[i].name);
        text_add(out, "{");
        json_side(out, "before", figures[i].has_before, figures[i].before);
        json_side(out, "after", figures[i].has_after, figures[i].after);
        json_name(out, "ratio");
        if (!figures_ratio(out, &figures[i]))
            text_add(out, "null");
        text_add(out, "}");
    }
}

static void json_report(struct text *out, const char *name, const struct view *view)
{
    text_add(out, name);
    text_add(out, "{");
    json_string(out, "file", view->all->log->name);
    json_number(out, "report", view->report->number);
    json_string(out, "incomplete", view->report->incomplete ? view->report->incomplete : "");
    json_entry(out, "boot", view->report->boot_entry);
    json_entry(out, "summary", view->report->summary);
    json_problems(out, view->all->log);
    text_add(out, "}");
}

static void json_rows(struct text *out, const struct difference *d)
{
    json_open_list(out, "rows");
    for (u32 i = 0; i < d->row_count; i++) {
        struct figures figures[ROW_FIGURES];
        row_figures(&d->rows[i], figures);
        json_element(out);
        text_add(out, "{");
        json_string(out, "name", d->rows[i].name);
        json_figures(out, figures, ROW_FIGURES);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void json_phases(struct text *out, const struct difference *d)
{
    json_open_list(out, "phases");
    for (u32 i = 0; i < d->pair_count; i++) {
        struct figures figures[PHASE_FIGURES];
        phase_figures(d, &d->pairs[i], figures);
        json_element(out);
        text_add(out, "{");
        json_string(out, "name", d->pairs[i].name);
        json_figures(out, figures, PHASE_FIGURES);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void json_site(struct text *out, const struct site_pair *pair)
{
    struct figures figures[SITE_FIGURES];
    struct text place = {0};
    site_figures(pair, figures);
    site_place(&place, pair->site);
    json_string(out, "exit", pair->site->exit);
    json_name(out, "where");
    text_format(out, "\"0x%lx\"", pair->site->where);
    json_string(out, "place", text_string(&place));
    json_name(out, "rip");
    text_format(out, "\"0x%lx\"", pair->site->rip);
    json_figures(out, figures, SITE_FIGURES);
    text_free(&place);
}

static void json_sites(struct text *out, const struct difference *d)
{
    json_open_list(out, "sites");
    for (u32 i = 0; i < d->site_count; i++) {
        json_element(out);
        text_add(out, "{");
        json_site(out, &d->sites[i]);
        text_add(out, "}");
    }
    text_add(out, "]");
}

void diff_json(struct text *out, const struct view *before, const struct view *after)
{
    struct difference d;
    struct figures totals[TOTALS];
    difference_read(&d, before, after);
    difference_totals(&d, totals);
    json_report(out, "{\"before\":", before);
    json_report(out, ",\n\"after\":", after);
    text_add(out, ",\n\"totals\":{");
    json_figures(out, totals, TOTALS);
    text_add(out, "}");
    json_rows(out, &d);
    json_phases(out, &d);
    json_sites(out, &d);
    text_add(out, "}\n");
    difference_free(&d);
}

/* ---- CSV: kind,name,field,before,after,ratio ---- */

static void csv_line(struct text *out, const char *kind, const char *name, const char *field, const char *before,
                     const char *after, const char *ratio)
{
    csv_cell(out, kind, ",");
    csv_cell(out, name, ",");
    csv_cell(out, field, ",");
    csv_cell(out, before, ",");
    csv_cell(out, after, ",");
    csv_cell(out, ratio, CSV_LINE_END);
}

static void add_side(struct text *text, bool there, u64 value)
{
    if (there)
        text_format(text, "%lu", value);
}

/* A side that is not known is an empty cell. */
static void csv_figures(struct text *out, const char *kind, const char *name, const struct figures *figures, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        struct text before = {0}, after = {0}, ratio = {0};
        add_side(&before, figures[i].has_before, figures[i].before);
        add_side(&after, figures[i].has_after, figures[i].after);
        figures_ratio(&ratio, &figures[i]);
        if (before.used || after.used)
            csv_line(out, kind, name, figures[i].name, text_string(&before), text_string(&after), text_string(&ratio));
        text_free(&before);
        text_free(&after);
        text_free(&ratio);
    }
}

static void csv_phase(struct text *out, const struct difference *d, u32 index)
{
    struct figures figures[PHASE_FIGURES];
    struct text number = {0};
    const struct phase_pair *pair = &d->pairs[index];
    phase_figures(d, pair, figures);
    text_format(&number, "%u", index + 1);
    csv_line(out, "phase", text_string(&number), "name", pair->before ? pair->name : "", pair->after ? pair->name : "",
             "");
    csv_figures(out, "phase", text_string(&number), figures, PHASE_FIGURES);
    text_free(&number);
}

static void csv_site(struct text *out, const struct site_pair *pair, u32 number)
{
    struct figures figures[SITE_FIGURES];
    struct text name = {0}, access = {0};
    const struct site *site = pair->site;
    site_figures(pair, figures);
    text_format(&name, "%u", number);
    text_format(&access, "%s 0x%lx at 0x%lx", site->exit, site->where, site->rip);
    csv_line(out, "site", text_string(&name), "access", pair->before.listed ? text_string(&access) : "",
             pair->after.listed ? text_string(&access) : "", "");
    csv_figures(out, "site", text_string(&name), figures, SITE_FIGURES);
    text_free(&name);
    text_free(&access);
}

void diff_csv(struct text *out, const struct view *before, const struct view *after)
{
    struct difference d;
    struct figures totals[TOTALS];
    difference_read(&d, before, after);
    difference_totals(&d, totals);
    csv_line(out, "kind", "name", "field", "before", "after", "ratio");
    csv_line(out, "file", "", "", before->all->log->name, after->all->log->name, "");
    csv_figures(out, "total", "", totals, TOTALS);
    for (u32 i = 0; i < d.row_count; i++) {
        struct figures figures[ROW_FIGURES];
        row_figures(&d.rows[i], figures);
        csv_figures(out, "row", d.rows[i].name, figures, ROW_FIGURES);
    }
    for (u32 i = 0; i < d.pair_count; i++)
        csv_phase(out, &d, i);
    for (u32 i = 0; i < d.site_count; i++)
        csv_site(out, &d.sites[i], i + 1);
    difference_free(&d);
}
