/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the page that `exeunt-report --html` writes. Whatever comes from a log goes through text_html(). */
#ifndef HOST_HTML_H
#define HOST_HTML_H

#include "host/outputs.h"
#include "host/phases.h"

extern const char html_style[], html_script[], html_script_hash[];

void html_charts(struct text *out, const struct view *view);
void html_details(struct text *out, const struct view *view);
void html_phases(struct text *out, const struct view *view, const struct phases *phases);
void html_timeline(struct text *out, const struct view *view, const struct phases *phases);
void html_sites(struct text *out, const struct view *view);

/* ---- pieces ---- */

/* A page from its first byte to its body, and from the end of that; the name in the title is from a log. */
void html_begin(struct text *out, const char *title, const char *name);
void html_end(struct text *out, const char *words);

/* Says that not all is shown, where that is so. */
void html_filter(struct text *out, const struct view *view);

/* A part of a bar: `class` is its colour, in the style. */
struct part {
    const char *class;
    u64 value;
};

/* A bar as wide as `whole`; values of which none is larger than that. `label` is for those who do not see it. */
void html_bar(struct text *out, const struct part *parts, u32 count, u64 whole, const char *label);

/* A bar with its name before it and its figures behind it, in <div class=bars>. */
void html_bar_row(struct text *out, const char *name, const struct part *parts, u32 count, u64 whole,
                  const char *figures);

/* Exit types with colours of their own; the rest share the last one. */
#define HTML_SERIES 5
extern const char *const html_series[HTML_SERIES + 1];

/* A coloured square with words beside it. */
void html_key(struct text *out, const char *class, const char *words);

/* A cell with a number, which a click on the column's title sorts by. */
void html_number_cell(struct text *out, u64 value);
void html_digits_cell(struct text *out, const char *digits);          /* as printed in the log; NULL: "-" */
void html_moment_cells(struct text *out, const struct moment *spent); /* exits, avoided, ticks in Exeunt and guest, % */
void html_percent_cell(struct text *out, u64 part, u64 whole);

/* Opens a table; a title that begins with # is that of numbers. */
void html_table(struct text *out, const char *const *titles, u32 count);

#endif
