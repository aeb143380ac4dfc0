/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two reports beside each other. Rows go together by name, phases by name and how many of that name came before. Sites
 * go together by row, place (of memory the page) and RIP; those that are left over, by row, place and the lower 21 bits
 * of RIP, where that is unambiguous: Linux places itself anew at each boot, by 2 MiB.
 */
#ifndef HOST_DIFFERENCE_H
#define HOST_DIFFERENCE_H

#include "host/phases.h"

/* One figure of each. */
struct figures {
    const char *name; /* as in JSON */
    const char *title;
    bool has_before, has_after; /* else it is not known */
    u64 before, after;
};

#define TOTALS 5
#define ROW_FIGURES 3
#define PHASE_FIGURES 4
#define SITE_FIGURES 2

struct row_pair {
    const struct row *before, *after; /* NULL: it has none, which is a count of 0 */
    const char *name;
};

struct phase_pair {
    const struct phase *before, *after; /* one may be NULL */
    const char *name;
};

/* What one report says of a site; not `listed`: it may have had some exits all the same. */
struct site_side {
    bool listed;
    u64 count, avoided;
};

struct site_pair {
    const struct site *site; /* of AFTER, where it is there */
    struct site_side before, after;
};

struct difference {
    const struct view *before, *after;
    bool timed; /* both are */
    struct row_pair *rows;
    u32 row_count;
    struct phase_pair *pairs;
    u32 pair_count; /* 0 where one has no phases */
    struct site_pair *sites;
    u32 site_count;
    struct phases phases_before, phases_after;
};

void difference_read(struct difference *d, const struct view *before, const struct view *after);
void difference_free(struct difference *d);

void difference_totals(const struct difference *d, struct figures totals[TOTALS]);
void row_figures(const struct row_pair *pair, struct figures figures[ROW_FIGURES]);
void phase_figures(const struct difference *d, const struct phase_pair *pair, struct figures figures[PHASE_FIGURES]);
void site_figures(const struct site_pair *pair, struct figures figures[SITE_FIGURES]);

/* AFTER by BEFORE, three decimals; false, and nothing, where one is zero or not known. */
bool figures_ratio(struct text *text, const struct figures *figures);

/* "x0.114", "new", "gone", "-". */
void figures_change(struct text *text, const struct figures *figures);

#endif
