/* SPDX-License-Identifier: BSD-2-Clause */
/* Two reports beside each other, as tables. */
#include "host/columns.h"
#include "host/difference.h"
#include "host/names.h"
#include "host/outputs.h"

static void side_cell(struct columns *table, bool there, u64 value)
{
    if (there)
        columns_cell(table, "%lu", value);
    else
        columns_cell(table, "-");
}

static void figure_cells(struct columns *table, const struct figures *figures, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        struct text change = {0};
        figures_change(&change, &figures[i]);
        side_cell(table, figures[i].has_before, figures[i].before);
        side_cell(table, figures[i].has_after, figures[i].after);
        columns_cell(table, "%s", text_string(&change));
        text_free(&change);
    }
}

static void write_totals(struct text *out, const struct difference *d, u32 width)
{
    static const struct column columns[] = {
        {"total", true, 255}, {"before", false, 255}, {"after", false, 255}, {"after/before", false, 200}};
    struct figures totals[TOTALS];
    struct columns table;
    difference_totals(d, totals);
    columns_begin(&table, columns, 4);
    for (u32 i = 0; i < TOTALS; i++) {
        columns_cell(&table, "%s", totals[i].title);
        figure_cells(&table, &totals[i], 1);
    }
    columns_end(&table, out, width);
}

static void write_rows(struct text *out, const struct difference *d, u32 width)
{
    static const struct column columns[] = {{"type", true, 255},   {"count before", false, 255},  {"after", false, 255},
                                            {"ratio", false, 255}, {"ticks before", false, 80},   {"after", false, 80},
                                            {"ratio", false, 80},  {"avoided before", false, 40}, {"after", false, 40},
                                            {"ratio", false, 40}};
    struct columns table;
    text_add(out, "\n");
    columns_begin(&table, columns, 10);
    for (u32 i = 0; i < d->row_count; i++) {
        struct figures figures[ROW_FIGURES];
        row_figures(&d->rows[i], figures);
        columns_cell(&table, "%s", d->rows[i].name);
        figure_cells(&table, figures, ROW_FIGURES);
    }
    columns_end(&table, out, width);
}

static void write_phases(struct text *out, const struct difference *d, u32 width)
{
    static const struct column columns[] = {
        {"phase", true, 255},  {"exits before", false, 255},       {"after", false, 255},
        {"ratio", false, 255}, {"in Exeunt before", false, 80},    {"after", false, 80},
        {"ratio", false, 80},  {"in the guest before", false, 60}, {"after", false, 60},
        {"ratio", false, 60},  {"avoided before", false, 40},      {"after", false, 40},
        {"ratio", false, 40}};
    struct columns table;
    if (!d->pair_count)
        return;
    text_add(out, "\nPhases\n");
    columns_begin(&table, columns, 13);
    for (u32 i = 0; i < d->pair_count; i++) {
        struct figures figures[PHASE_FIGURES];
        phase_figures(d, &d->pairs[i], figures);
        columns_cell(&table, "%s", d->pairs[i].name);
        figure_cells(&table, figures, PHASE_FIGURES);
    }
    columns_end(&table, out, width);
}

static void site_row(struct columns *table, const struct site_pair *pair)
{
    const struct site *site = pair->site;
    struct figures figures[SITE_FIGURES];
    struct text place = {0};
    site_figures(pair, figures);
    site_place(&place, site);
    if (site_has_where(site))
        columns_cell(table, "%s %lx%s%s", site->exit, site->where, place.used ? " " : "", text_string(&place));
    else
        columns_cell(table, "%s %s", site->exit, text_string(&place));
    columns_cell(table, "%lx", site->rip);
    figure_cells(table, figures, SITE_FIGURES);
    text_free(&place);
}

static void write_sites(struct text *out, const struct difference *d, u32 width)
{
    static const struct column columns[] = {{"site", true, 255},   {"RIP", true, 100},    {"exits before", false, 255},
                                            {"after", false, 255}, {"ratio", false, 255}, {"avoided before", false, 40},
                                            {"after", false, 40},  {"ratio", false, 40}};
    struct columns table;
    if (!d->site_count)
        return;
    text_add(out, "\nSites (-: not among those that the other report lists)\n");
    columns_begin(&table, columns, 8);
    for (u32 i = 0; i < d->site_count; i++)
        site_row(&table, &d->sites[i]);
    columns_end(&table, out, width);
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
    struct difference d;
    difference_read(&d, before, after);
    write_side(out, "before", before);
    write_side(out, "after ", after);
    text_add(out, "\n");
    write_totals(out, &d, terminal->width);
    write_rows(out, &d, terminal->width);
    write_phases(out, &d, terminal->width);
    write_sites(out, &d, terminal->width);
    difference_free(&d);
}
