/* SPDX-License-Identifier: BSD-2-Clause */
/* Phases between marks: their figures, and where the log says it, what their exits were. */
#include "host/html.h"

#include <string.h>

static void phase_cells(struct text *out, const struct phase *phase, u64 whole)
{
    struct part parts[] = {{"taken", phase->spent.exits}, {"avoided", phase->spent.avoided}};
    text_add(out, "<tr><td>");
    text_html(out, phase->name);
    if (phase->after_reset)
        text_add(out, " (since a reset)");
    text_add(out, "<td class=wide>");
    html_bar(out, parts, 2, whole, "exits and avoided");
    html_moment_cells(out, &phase->spent);
    if (phase->line)
        html_number_cell(out, phase->line);
    else
        html_digits_cell(out, NULL);
}

static void phase_table(struct text *out, const struct phases *phases)
{
    static const char *const titles[] = {"phase",        "exits and avoided", "#exits",
                                         "#avoided",     "#ticks in Exeunt",  "#in the guest",
                                         "#% in Exeunt", "#log line"};
    u64 whole = 0;
    for (u32 i = 0; i < phases->count; i++) {
        u64 both = phases->phases[i].spent.exits + phases->phases[i].spent.avoided;
        whole = both > whole ? both : whole;
    }
    text_add(
        out,
        "<section id=phases><h2>Phases</h2><p>From mark to mark; a phase has the name of the mark that begins it.");
    html_table(out, titles, 8);
    for (u32 i = 0; i < phases->count; i++)
        phase_cells(out, &phases->phases[i], whole);
    text_add(out, "</table></div>");
}

/* ---- exits by type ---- */

/* Of the types with a colour, then of all others: ticks or exits. */
struct shares {
    u64 value[HTML_SERIES + 1], sum;
};

static struct shares shares_of(const struct view *view, const struct phase *phase, const char *const *types, u32 count,
                               bool ticks)
{
    struct shares shares = {0};
    for (u32 i = 0; i < phase->row_count; i++) {
        const struct row *row = &phase->rows[i];
        u64 value = ticks ? row->sum : row->count;
        u32 at = 0;
        if (!row->is_exit || !view_has(view, row->name))
            continue;
        while (at < count && strcmp(types[at], row->name) != 0)
            at++;
        shares.value[at < count ? at : HTML_SERIES] += value;
        shares.sum += value;
    }
    return shares;
}

static void share_bar(struct text *out, const struct phase *phase, const struct shares *shares)
{
    struct part parts[HTML_SERIES + 1];
    struct text figures = {0};
    for (u32 i = 0; i <= HTML_SERIES; i++)
        parts[i] = (struct part){html_series[i], shares->value[i]};
    if (phase->row_count)
        text_grouped(&figures, shares->sum);
    else
        text_add(&figures, "not known");
    html_bar_row(out, phase->name, parts, HTML_SERIES + 1, shares->sum, text_string(&figures));
    text_free(&figures);
}

/* Each bar is all of its phase: the numbers behind it say how much that is. */
static void share_chart(struct text *out, const struct view *view, const struct phases *phases,
                        const char *const *types, u32 count, bool ticks)
{
    text_format(out, "<figure><figcaption><h3>%s</h3><p>Each bar is the whole of its phase.<p>",
                ticks ? "Ticks in exits, by type" : "Exits, by type");
    for (u32 i = 0; i < count; i++)
        html_key(out, html_series[i], types[i]);
    html_key(out, html_series[HTML_SERIES], "other types");
    text_add(out, "</figcaption><div class=bars>");
    for (u32 i = 0; i < phases->count; i++) {
        struct shares shares = shares_of(view, &phases->phases[i], types, count, ticks);
        share_bar(out, &phases->phases[i], &shares);
    }
    text_add(out, "</div></figure>");
}

static void type_cells(struct text *out, const struct phase *phase, const char *const *types, u32 count)
{
    for (u32 i = 0; i < 2 * count; i++) {
        const struct row *row = phase_row(phase, types[i % count]);
        if (!phase->row_count || (i >= count && row && !row->timed))
            html_digits_cell(out, NULL);
        else
            html_number_cell(out, !row ? 0 : i < count ? row->count : row->sum);
    }
}

static void type_table(struct text *out, const struct phases *phases, const char *const *types, u32 count)
{
    struct text titles[2 * PHASE_TYPES] = {0};
    const char *strings[1 + 2 * PHASE_TYPES] = {"phase"};
    for (u32 i = 0; i < 2 * count; i++) {
        text_add(&titles[i], i < count ? "#" : "#ticks of ");
        text_html(&titles[i], types[i % count]);
        strings[i + 1] = text_string(&titles[i]);
    }
    text_add(out, "<h3>Exits of each type, and their ticks</h3>");
    html_table(out, strings, 1 + 2 * count);
    for (u32 i = 0; i < phases->count; i++) {
        text_add(out, "<tr><td>");
        text_html(out, phases->phases[i].name);
        type_cells(out, &phases->phases[i], types, count);
    }
    text_add(out, "</table></div>");
    for (u32 i = 0; i < 2 * count; i++)
        text_free(&titles[i]);
}

static void by_type(struct text *out, const struct view *view, const struct phases *phases)
{
    const char *types[PHASE_TYPES];
    u32 count = phase_types(phases, view, types), coloured = count < HTML_SERIES ? count : HTML_SERIES;
    if (!count)
        return;
    text_add(out, "<div class=charts>");
    if (view->report->timed)
        share_chart(out, view, phases, types, coloured, true);
    share_chart(out, view, phases, types, coloured, false);
    text_add(out, "</div>");
    type_table(out, phases, types, count);
}

void html_phases(struct text *out, const struct view *view, const struct phases *phases)
{
    if (phases->count < 2)
        return;
    phase_table(out, phases);
    by_type(out, view, phases);
    text_add(out, "</section>");
}
