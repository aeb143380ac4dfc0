/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A run in pieces. Two ways to cut it, both by subtracting counters that only grow:
 *   phases     between marks: a phase has the name of the mark that begins it, the first is "start"
 *   intervals  between reports, which also have rows and sites
 * Where the guest reset its counters (they are smaller than before), a piece begins at zero.
 */
#ifndef HOST_PHASES_H
#define HOST_PHASES_H

#include "host/report.h"

struct phase {
    const char *name;
    u32 line; /* of the mark that begins it; 0: none */
    bool after_reset;
    struct moment begin, spent;
    struct row *rows; /* what each row got in it; none where the log does not say, or what it says does not add up */
    u32 row_count;
};

struct interval {
    const struct report *before; /* NULL: from the start, or from a reset */
    const struct report *report;
    const char *name; /* of the phases that take a tenth of it or more */
    struct moment spent;
    u64 ticks;
};

struct phases {
    struct phase *phases;
    u32 count;
    struct interval *intervals;
    u32 interval_count;
    struct arena arena;
};

/* Phases up to the view's report; intervals of all reports of its boot. Reports that are not complete are left out. */
void phases_read(struct phases *all, const struct view *view);
void phases_free(struct phases *all);

/* The exit types that took most of the time of all phases, or have most exits: those of the view, largest first. None
 * if no phase has rows. */
#define PHASE_TYPES 7
u32 phase_types(const struct phases *all, const struct view *view, const char *types[PHASE_TYPES]);

/* How many phases before it have its name; the one of that name and rank, or NULL. */
u32 phase_rank(const struct phases *all, const struct phase *phase);
const struct phase *phases_find(const struct phases *all, const char *name, u32 rank);

const struct row *phase_row(const struct phase *phase, const char *name);

/* What of the row happened in the interval. */
struct row interval_row(const struct interval *interval, const struct row *row);

/* They differ only in what a report does not say: one is entered by other ways than the other. */
bool sites_alike(const struct site *a, const struct site *b);

/* At least so often did the site exit in the interval, and those alike, or so many ticks did it take: what a site had
 * before it is in the list may be unknown. */
u64 interval_site_count(const struct interval *interval, const struct site *site);
u64 interval_site_ticks(const struct interval *interval, const struct site *site);

/* "12 idle", or "mark 12" without a name. */
void mark_title(struct text *text, const struct mark *mark);

#endif
