/* SPDX-License-Identifier: BSD-2-Clause */
/* Every way in which exeunt-report shows a log. What each prints is described in docs/REPORTS.md. */
#ifndef HOST_OUTPUTS_H
#define HOST_OUTPUTS_H

#include "host/delays.h"
#include "host/report.h"

struct terminal {
    u32 width;        /* characters per line, 0: no limit */
    const char *sort; /* a column's title in small letters, NULL: as printed */
};

/* False if there is no such column. */
bool terminal_can_sort(const char *sort);

void terminal_write(struct text *out, const struct view *view, const struct terminal *terminal);
void json_document(struct text *out, const struct view *view);
void csv_write(struct text *out, const struct view *view);
void collapsed_write(struct text *out, const struct view *view);
void html_write(struct text *out, const struct view *view);

/* Two reports. */
void diff_write(struct text *out, const struct view *before, const struct view *after, const struct terminal *terminal);
void diff_json(struct text *out, const struct view *before, const struct view *after);
void diff_csv(struct text *out, const struct view *before, const struct view *after);
void diff_html(struct text *out, const struct view *before, const struct view *after);

/* Runs with different exit-delay=. */
void delays_write(struct text *out, const struct delays *delays, const struct terminal *terminal);
void delays_json(struct text *out, const struct delays *delays);

/* Words broken at blanks, each line behind `indent` blanks, the first behind `first`. */
void wrapped(struct text *out, const char *first, int indent, u32 width, const char *words);

/* Words at the top of each: "0.1, linux guest, engine=cluster, hypercall=user". */
void describe_boot(struct text *text, const struct report *report);

/* "123 of 4567 (2.69 %)" and the like, in hundredths, rounded; "-" where there is nothing to divide by. */
void percent(struct text *text, u64 part, u64 whole);

/* "report 4, which came later, is not complete: ..." for the last such one; nothing if there is none. */
void describe_later(struct text *text, const struct view *view);

/* Ticks in the rows that are exits: without EXEUNT. */
u64 exit_ticks(const struct report *report);

/* What people call the port, register or cause; nothing where there is no name for it. */
bool site_has_where(const struct site *site); /* one port, register or address */
void site_place(struct text *text, const struct site *site);
void detail_place(struct text *text, const struct detail *detail);

bool has_percentiles(const struct report *report);

u64 exits_of_sites(const struct report *report);

#endif
