/* SPDX-License-Identifier: BSD-2-Clause */
/* When: intervals between reports as charts over time. */
#include "host/html.h"

#include <string.h>

struct series {
    const char *name[HTML_SERIES];
    u32 count;
};

/* Exit types of the last report, which are sorted by time. */
static struct series find_series(const struct view *view, const struct phases *phases)
{
    const struct report *last = phases->intervals[phases->interval_count - 1].report;
    struct series series = {.count = 0};
    for (u32 i = 0; i < last->row_count && series.count < HTML_SERIES; i++)
        if (last->rows[i].is_exit && view_has(view, last->rows[i].name))
            series.name[series.count++] = last->rows[i].name;
    return series;
}

static u32 series_of(const struct series *series, const char *name)
{
    for (u32 i = 0; i < series->count; i++)
        if (!strcmp(series->name[i], name))
            return i;
    return HTML_SERIES;
}

/* What one interval has of each series: ticks, or exits where no times are taken. */
struct stack {
    u64 value[HTML_SERIES + 1], sum;
};

static struct stack stack_of(const struct view *view, const struct interval *interval, const struct series *series,
                             bool timed)
{
    struct stack stack = {0};
    for (u32 i = 0; i < interval->report->row_count; i++) {
        struct row row = interval_row(interval, &interval->report->rows[i]);
        u64 value = timed ? row.sum : row.count;
        if (!row.is_exit || !view_has(view, row.name))
            continue;
        stack.value[series_of(series, row.name)] += value;
        stack.sum += value;
    }
    return stack;
}

/* The interval's length on the axis of time. Without times all are equally long. */
static u64 length_of(const struct interval *interval, bool timed)
{
    return timed ? interval->ticks : 1;
}

struct plot {
    const struct view *view;
    const struct phases *phases;
    struct series series;
    bool in_ticks; /* heights */
    bool timed;
    double highest;
};

static double height_of(const struct plot *plot, const struct interval *interval, u64 value)
{
    u64 length = length_of(interval, plot->timed);
    return length ? (double)value / (double)length : 0;
}

static void find_highest(struct plot *plot)
{
    plot->highest = 0;
    for (u32 i = 0; i < plot->phases->interval_count; i++) {
        const struct interval *interval = &plot->phases->intervals[i];
        struct stack stack = stack_of(plot->view, interval, &plot->series, plot->in_ticks);
        double height = height_of(plot, interval, stack.sum);
        plot->highest = height > plot->highest ? height : plot->highest;
    }
}

static void plot_interval(struct text *out, const struct plot *plot, u32 index, double x, double width)
{
    const struct interval *interval = &plot->phases->intervals[index];
    struct stack stack = stack_of(plot->view, interval, &plot->series, plot->in_ticks);
    double top = 100;
    text_format(out, "<g><title>%u ", index + 1);
    text_html(out, interval->name);
    text_add(out, ": ");
    text_grouped(out, stack.sum);
    text_format(out, plot->in_ticks ? " ticks in exits</title>" : " exits</title>");
    for (u32 i = 0; i <= HTML_SERIES; i++) {
        double height = plot->highest > 0 ? 100 * height_of(plot, interval, stack.value[i]) / plot->highest : 0;
        if (height <= 0)
            continue;
        top -= height;
        text_format(out, "<rect class=%s x=\"%.3f%%\" y=\"%.3f%%\" width=\"%.3f%%\" height=\"%.3f%%\"/>",
                    html_series[i], x, top < 0 ? 0 : top, width, height);
    }
    text_format(out, "<line class=grid x1=\"%.3f%%\" x2=\"%.3f%%\" y2=\"100%%\"/></g>", x, x);
}

/* Numbers below the intervals that have room for one. */
static void interval_numbers(struct text *out, const struct plot *plot, u64 total)
{
    u64 before = 0;
    text_add(out, "<div class=ticks aria-hidden=true>");
    for (u32 i = 0; i < plot->phases->interval_count; i++) {
        u64 length = length_of(&plot->phases->intervals[i], plot->timed);
        if (length > total / 55)
            text_format(out, "<span style=\"left:%.3f%%\">%u</span>",
                        100 * ((double)before + (double)length / 2) / (double)total, i + 1);
        before += length;
    }
    text_add(out, "</div>");
}

static void plot_all(struct text *out, const struct plot *plot, const char *label)
{
    u64 total = 0, before = 0;
    for (u32 i = 0; i < plot->phases->interval_count; i++)
        total += length_of(&plot->phases->intervals[i], plot->timed);
    text_format(out, "<svg class=plot role=img aria-label=\"%s\">", label);
    for (u32 i = 0; i < plot->phases->interval_count && total; i++) {
        u64 length = length_of(&plot->phases->intervals[i], plot->timed);
        plot_interval(out, plot, i, 100 * (double)before / (double)total, 100 * (double)length / (double)total);
        before += length;
    }
    text_add(out, "</svg>");
    interval_numbers(out, plot, total);
}

static void legend(struct text *out, const struct series *series)
{
    text_add(out, "<p>");
    for (u32 i = 0; i < series->count; i++)
        html_key(out, html_series[i], series->name[i]);
    html_key(out, html_series[HTML_SERIES], "other types");
}

/* Heights are shown times `scale`, in `unit`. */
static void chart(struct text *out, struct plot *plot, const char *title, double scale, const char *unit)
{
    find_highest(plot);
    text_format(out, "<figure><figcaption><h3>%s</h3>", title);
    legend(out, &plot->series);
    text_format(out, "</figcaption><div class=top>%.*f %s</div>", plot->highest * scale < 10 ? 3 : 1,
                plot->highest * scale, unit);
    plot_all(out, plot, title);
    text_add(out, "</figure>");
}

static void interval_table(struct text *out, const struct phases *phases)
{
    static const char *const titles[] = {"#interval",        "in phase",      "#exits",       "#avoided",
                                         "#ticks in Exeunt", "#in the guest", "#% in Exeunt", "#log line"};
    html_table(out, titles, 8);
    for (u32 i = 0; i < phases->interval_count; i++) {
        const struct interval *interval = &phases->intervals[i];
        text_add(out, "<tr>");
        html_number_cell(out, i + 1);
        text_add(out, "<td>");
        text_html(out, interval->name);
        if (!interval->before && i)
            text_add(out, " (since a reset)");
        html_moment_cells(out, &interval->spent);
        html_number_cell(out, interval->report->first_line);
    }
    text_add(out, "</table></div>");
}

static void timeline(struct text *out, const struct view *view, const struct phases *phases)
{
    bool timed = view->report->timed;
    for (u32 i = 0; i < phases->interval_count; i++)
        timed = timed && phases->intervals[i].report->timed;
    struct plot plot = {.view = view, .phases = phases, .series = find_series(view, phases), .timed = timed};
    text_add(
        out,
        "<section id=timeline><h2>Timeline</h2><p>From report to report. The numbers below the charts are those of the "
        "table; a wider interval took longer.<div class=charts>");
    if (timed) {
        plot.in_ticks = true;
        chart(out, &plot, "Time in exits", 100, "% of the time");
        plot.in_ticks = false;
        chart(out, &plot, "Rate of exits", 1e6, "exits in a million ticks");
    } else {
        chart(out, &plot, "Exits", 1, "exits");
    }
    text_add(out, "</div>");
    interval_table(out, phases);
    text_add(out, "</section>");
}

void html_timeline(struct text *out, const struct view *view, const struct phases *phases)
{
    if (phases->interval_count > 1)
        timeline(out, view, phases);
}
