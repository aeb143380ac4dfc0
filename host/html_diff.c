/* SPDX-License-Identifier: BSD-2-Clause */
/* The page of `exeunt-report --diff --html`: two reports beside each other. */
#include "host/difference.h"
#include "host/html.h"
#include "host/names.h"

/* ---- the top ---- */

static void side(struct text *out, const char *title, const char *class, const struct view *view)
{
    struct text words = {0};
    describe_boot(&words, view->report);
    text_format(out, "<div><dt>");
    html_key(out, class, title);
    text_add(out, "<dd><b>");
    text_html(out, view->all->log->name);
    text_format(out, "</b>, report %u of %u<dd>", view->report->number, view->all->count);
    text_html(out, text_string(&words));
    if (view->report->incomplete)
        text_format(out, "<dd class=warn role=alert>Not complete: %s.", view->report->incomplete);
    if (view->all->log->problem_count)
        text_format(out, "<dd>%u lines of the log could not be read.", view->all->log->problem_count);
    text_add(out, "</div>");
    text_free(&words);
}

static void header(struct text *out, const struct difference *d)
{
    text_add(out, "<header><p class=over>Exeunt<h1>Two reports</h1><dl class=sides>");
    side(out, "before", "before", d->before);
    side(out, "after", "taken", d->after);
    text_add(out, "</dl>");
    html_filter(out, d->after);
    text_add(out, "</header>");
}

static void tile(struct text *out, const struct figures *f)
{
    text_format(out, "<div class=tile><span class=over>%s</span><span class=big>", f->title);
    figures_change(out, f);
    text_add(out, "</span><span class=muted>");
    text_grouped(out, f->before);
    text_add(out, " → ");
    text_grouped(out, f->after);
    text_add(out, "</span></div>");
}

static void totals(struct text *out, const struct difference *d)
{
    struct figures figures[TOTALS];
    difference_totals(d, figures);
    text_add(out, "<section id=overview><div class=tiles>");
    for (u32 i = 0; i < TOTALS; i++)
        if (figures[i].has_before)
            tile(out, &figures[i]);
    text_add(out, "</div></section>");
}

/* ---- charts: for each type one bar above the other ---- */

static void bars_of(struct text *out, const char *name, const struct figures *f, u64 most)
{
    struct text words = {0};
    text_grouped(&words, f->before);
    text_add(&words, " → ");
    text_grouped(&words, f->after);
    text_add(out, "<div class=row><span class=name>");
    text_html(out, name);
    text_add(out, "</span><div class=twin>");
    html_bar(out, &(struct part){"before", f->before}, 1, most, "before");
    html_bar(out, &(struct part){"taken", f->after}, 1, most, "after");
    text_format(out, "</div><span class=value>%s</span></div>", text_string(&words));
    text_free(&words);
}

static bool is_exit(const struct row_pair *pair)
{
    return (pair->after ? pair->after : pair->before)->is_exit;
}

static u64 most_of(const struct difference *d, u32 which)
{
    u64 most = 0;
    for (u32 i = 0; i < d->row_count; i++) {
        struct figures figures[ROW_FIGURES];
        row_figures(&d->rows[i], figures);
        if (!is_exit(&d->rows[i]) || !figures[which].has_before)
            continue;
        most = figures[which].before > most ? figures[which].before : most;
        most = figures[which].after > most ? figures[which].after : most;
    }
    return most;
}

static void chart(struct text *out, const struct difference *d, u32 which, const char *title)
{
    u64 most = most_of(d, which);
    if (!most)
        return;
    text_format(out, "<figure><figcaption><h3>%s</h3><p>", title);
    html_key(out, "before", "before");
    html_key(out, "taken", "after");
    text_add(out, "</figcaption><div class=bars>");
    for (u32 i = 0; i < d->row_count; i++) {
        struct figures figures[ROW_FIGURES];
        row_figures(&d->rows[i], figures);
        if (is_exit(&d->rows[i]) && figures[which].has_before)
            bars_of(out, d->rows[i].name, &figures[which], most);
    }
    text_add(out, "</div></figure>");
}

/* ---- tables ---- */

static void side_cell(struct text *out, bool there, u64 value)
{
    if (there)
        html_number_cell(out, value);
    else
        html_digits_cell(out, NULL);
}

static void figure_cells(struct text *out, const struct figures *figures, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        struct text ratio = {0}, change = {0};
        bool both = figures_ratio(&ratio, &figures[i]);
        figures_change(&change, &figures[i]);
        side_cell(out, figures[i].has_before, figures[i].before);
        side_cell(out, figures[i].has_after, figures[i].after);
        html_digits_cell(out, both ? text_string(&ratio) : text_string(&change));
        text_free(&ratio);
        text_free(&change);
    }
}

static void types(struct text *out, const struct difference *d)
{
    static const char *const titles[] = {"type",   "#count before", "#after",          "#ratio", "#ticks before",
                                         "#after", "#ratio",        "#avoided before", "#after", "#ratio"};
    text_add(out, "<section id=types><h2>Exit types</h2><div class=charts>");
    chart(out, d, 0, "Exits by type");
    chart(out, d, 1, "Time by exit type");
    text_add(out, "</div><h3>The table</h3><p>Ratios are after by before. A click on a title sorts.");
    html_table(out, titles, 10);
    for (u32 i = 0; i < d->row_count; i++) {
        struct figures figures[ROW_FIGURES];
        row_figures(&d->rows[i], figures);
        text_format(out, "<tr%s><td>", is_exit(&d->rows[i]) ? "" : " class=noexit");
        text_html(out, d->rows[i].name);
        figure_cells(out, figures, ROW_FIGURES);
    }
    text_add(out, "</table></div></section>");
}

static void phases(struct text *out, const struct difference *d)
{
    static const char *const titles[] = {
        "phase",  "#exits before",        "#after", "#ratio", "#ticks in Exeunt before", "#after",
        "#ratio", "#in the guest before", "#after", "#ratio", "#avoided before",         "#after",
        "#ratio"};
    if (!d->pair_count)
        return;
    text_add(out, "<section id=phases><h2>Phases</h2><p>They go together by their names.");
    html_table(out, titles, 13);
    for (u32 i = 0; i < d->pair_count; i++) {
        struct figures figures[PHASE_FIGURES];
        phase_figures(d, &d->pairs[i], figures);
        text_add(out, "<tr><td>");
        text_html(out, d->pairs[i].name);
        figure_cells(out, figures, PHASE_FIGURES);
    }
    text_add(out, "</table></div></section>");
}

static void site_row(struct text *out, const struct site_pair *pair)
{
    struct figures figures[SITE_FIGURES];
    struct text place = {0};
    site_figures(pair, figures);
    site_place(&place, pair->site);
    text_add(out, "<tr><td>");
    text_html(out, pair->site->exit);
    text_format(out, " <code>%lx</code> <span class=muted>", pair->site->where);
    text_html(out, text_string(&place));
    text_format(out, "</span><td><code>%lx</code>", pair->site->rip);
    figure_cells(out, figures, SITE_FIGURES);
    text_free(&place);
}

static void sites(struct text *out, const struct difference *d)
{
    static const char *const titles[] = {"site",   "RIP",   "#exits before", "#after", "#ratio", "#avoided before",
                                         "#after", "#ratio"};
    if (!d->site_count)
        return;
    text_add(out, "<section id=sites><h2>Exit sites</h2><p>-: not among those that the other report lists; it may have "
                  "had exits there too.");
    html_table(out, titles, 8);
    for (u32 i = 0; i < d->site_count; i++)
        site_row(out, &d->sites[i]);
    text_add(out, "</table></div></section>");
}

void diff_html(struct text *out, const struct view *before, const struct view *after)
{
    struct difference d;
    difference_read(&d, before, after);
    html_begin(out, "Two exit reports: ", after->all->log->name);
    header(out, &d);
    text_add(out, "<main>");
    totals(out, &d);
    types(out, &d);
    phases(out, &d);
    sites(out, &d);
    text_add(out, "</main>");
    html_end(out, "Every number is one of docs/REPORTS.md, \"Two logs\".");
    difference_free(&d);
}
