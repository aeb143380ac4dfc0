/* SPDX-License-Identifier: BSD-2-Clause */
/* The charts of exit types: time, counts, avoided against taken, the spread of one exit's time. */
#include "host/html.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The rows that are exits, as the view wants them. */
static bool charted(const struct view *view, const struct row *row)
{
    return row->is_exit && view_has(view, row->name);
}

static void open_chart(struct text *out, const char *title, const char *words)
{
    text_format(out, "<figure><figcaption><h3>%s</h3><p>%s</figcaption><div class=bars>", title, words);
}

static void close_chart(struct text *out)
{
    text_add(out, "</div></figure>");
}

static u64 most(const struct view *view, u64 (*value)(const struct row *row))
{
    u64 largest = 0;
    for (u32 i = 0; i < view->report->row_count; i++) {
        const struct row *row = &view->report->rows[i];
        if (charted(view, row) && value(row) > largest)
            largest = value(row);
    }
    return largest;
}

static u64 time_of(const struct row *row)
{
    return row->sum;
}

static u64 both_of(const struct row *row)
{
    return row->count + row->avoided < row->count ? ~0ull : row->count + row->avoided;
}

static void chart_time(struct text *out, const struct view *view)
{
    u64 whole = most(view, time_of);
    if (!whole)
        return;
    open_chart(out, "Time by exit type",
               "Ticks in Exeunt from a VM exit to the entry that ends it, and their share of those of all exits.");
    for (u32 i = 0; i < view->report->row_count; i++) {
        const struct row *row = &view->report->rows[i];
        struct text figures = {0};
        if (!charted(view, row) || !row->sum)
            continue;
        text_grouped(&figures, row->sum);
        text_add(&figures, " · ");
        percent(&figures, row->sum, exit_ticks(view->report));
        text_add(&figures, " %");
        html_bar_row(out, row->name, &(struct part){"taken", row->sum}, 1, whole, text_string(&figures));
        text_free(&figures);
    }
    close_chart(out);
}

static void keys(struct text *out)
{
    text_add(out, "<div class=key>");
    html_key(out, "taken", "taken");
    html_key(out, "avoided", "avoided");
    text_add(out, "</div>");
}

static void chart_counts(struct text *out, const struct view *view)
{
    u64 whole = most(view, both_of);
    if (!whole)
        return;
    open_chart(out, "Exits by type", "How often the guest left, and how often clusters spared it that.");
    keys(out);
    for (u32 i = 0; i < view->report->row_count; i++) {
        const struct row *row = &view->report->rows[i];
        struct part parts[] = {{"taken", row->count}, {"avoided", row->avoided}};
        struct text figures = {0};
        if (!charted(view, row))
            continue;
        text_grouped(&figures, row->count);
        if (row->avoided) {
            text_add(&figures, " + ");
            text_grouped(&figures, row->avoided);
        }
        html_bar_row(out, row->name, parts, 2, whole, text_string(&figures));
        text_free(&figures);
    }
    close_chart(out);
}

static void avoided_row(struct text *out, const char *name, u64 taken, u64 avoided)
{
    struct part parts[] = {{"taken", taken}, {"avoided", avoided}};
    struct text figures = {0};
    percent(&figures, avoided, taken + avoided);
    text_add(&figures, " % avoided");
    html_bar_row(out, name, parts, 2, taken + avoided, text_string(&figures));
    text_free(&figures);
}

static void chart_avoided(struct text *out, const struct view *view)
{
    const struct report *report = view->report;
    open_chart(out, "Avoided against taken",
               report->at.avoided
                   ? "Of the exits that the hardware would have made, the part that clusters performed in one go."
                   : "No exit was avoided: clusters are formed with engine=cluster, where exits follow each other.");
    if (report->at.avoided) {
        keys(out);
        avoided_row(out, "all", report->at.exits, report->at.avoided);
    }
    for (u32 i = 0; i < report->row_count; i++)
        if (charted(view, &report->rows[i]) && report->rows[i].avoided)
            avoided_row(out, report->rows[i].name, report->rows[i].count, report->rows[i].avoided);
    close_chart(out);
}

/* ---- the spread: a line from the least to the most on a logarithmic scale, a dot at the mean ---- */

struct decades {
    int first, last;
};

static double position(const struct decades *scale, double value)
{
    double at = (log10(value < 1 ? 1 : value) - scale->first) / (scale->last - scale->first);
    return 100 * (at < 0 ? 0 : at > 1 ? 1 : at);
}

static struct decades find_decades(const struct view *view)
{
    struct decades scale = {20, 0};
    for (u32 i = 0; i < view->report->row_count; i++) {
        const struct row *row = &view->report->rows[i];
        if (!charted(view, row) || !row->timed)
            continue;
        int low = (int)floor(log10((double)(row->min | 1))), high = (int)ceil(log10((double)row->max + 1));
        scale.first = low < scale.first ? low : scale.first;
        scale.last = high > scale.last ? high : scale.last;
    }
    if (scale.last <= scale.first)
        scale.last = scale.first + 1;
    return scale;
}

static void grid(struct text *out, const struct decades *scale)
{
    for (int decade = scale->first; decade <= scale->last; decade++)
        text_format(out, "<line class=grid x1=\"%.3f%%\" x2=\"%.3f%%\" y2=\"100%%\"/>",
                    position(scale, pow(10, decade)), position(scale, pow(10, decade)));
}

/* Where the dot is and what the figures are: the median and what 99 of 100 take at most, or the mean. */
static double middle_of(const struct row *row)
{
    const char *digits = json_member_number(row->entry->object, "avg");
    if (row->p99)
        return (double)row->p50;
    return digits ? strtod(digits, NULL) : (double)row->sum / (double)row->count;
}

static void spread_figures(struct text *figures, const struct row *row, double middle)
{
    text_grouped(figures, row->min);
    text_add(figures, " – ");
    text_grouped(figures, (u64)(middle < 0 ? 0 : middle < 1e18 ? middle + 0.5 : 1e18));
    text_add(figures, " – ");
    if (row->p99) {
        text_grouped(figures, row->p99);
        text_add(figures, " – ");
    }
    text_grouped(figures, row->max);
}

static void spread_row(struct text *out, const struct decades *scale, const struct row *row)
{
    double middle = middle_of(row);
    struct text figures = {0};
    spread_figures(&figures, row, middle);
    text_add(out, "<div class=row><span class=name>");
    text_html(out, row->name);
    text_add(out, "</span><svg class=bar role=img aria-label=\"");
    text_html(out, row->name);
    text_format(out, ": %s\">", text_string(&figures));
    grid(out, scale);
    text_format(out, "<line class=spread x1=\"%.3f%%\" x2=\"%.3f%%\" y1=\"50%%\" y2=\"50%%\"/>",
                position(scale, (double)row->min), position(scale, (double)row->max));
    if (row->p99)
        text_format(out, "<line class=most x1=\"%.3f%%\" x2=\"%.3f%%\" y1=\"50%%\" y2=\"50%%\"/>",
                    position(scale, (double)row->min), position(scale, (double)row->p99));
    text_format(out, "<circle class=mean cx=\"%.3f%%\" cy=\"50%%\" r=5 /></svg><span class=value>%s</span></div>",
                position(scale, middle), text_string(&figures));
    text_free(&figures);
}

static void axis(struct text *out, const struct decades *scale)
{
    text_add(out, "<div class=row><span class=name></span><div class=axis>");
    for (int decade = scale->first; decade <= scale->last; decade++)
        if ((decade - scale->first) % 2 == 0 || scale->last - scale->first < 5)
            text_format(out, "<span style=\"left:%.3f%%\">10<sup>%d</sup></span>", position(scale, pow(10, decade)),
                        decade);
    text_add(out, "</div><span class=value></span></div>");
}

static void chart_spread(struct text *out, const struct view *view)
{
    struct decades scale = find_decades(view);
    if (!most(view, time_of))
        return;
    open_chart(
        out, "Ticks of one exit",
        has_percentiles(view->report)
            ? "Least, median (the dot), what 99 of 100 take at most (the thick line), and most, on a logarithmic "
              "scale: each line is ten times the one before."
            : "Least, mean (the dot) and most, on a logarithmic scale: each line is ten times the one before.");
    for (u32 i = 0; i < view->report->row_count; i++)
        if (charted(view, &view->report->rows[i]) && view->report->rows[i].timed && view->report->rows[i].count)
            spread_row(out, &scale, &view->report->rows[i]);
    axis(out, &scale);
    close_chart(out);
}

void html_charts(struct text *out, const struct view *view)
{
    text_add(out, "<div class=charts>");
    chart_time(out, view);
    chart_counts(out, view);
    chart_avoided(out, view);
    chart_spread(out, view);
    text_add(out, "</div>");
}
