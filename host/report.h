/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What docs/REPORT.md says a report has, taken from the objects of a log. A log may hold several boots, each with
 * several reports; counters go on from one report to the next until the guest resets them.
 */
#ifndef HOST_REPORT_H
#define HOST_REPORT_H

#include "host/log.h"

/* A row of the exit table, `exit` or `time`. */
struct row {
    const struct entry *entry;
    const char *name;
    bool is_exit, timed;
    u64 count, min, max, sum; /* the last three if `timed` */
    u64 p50, p90, p99;        /* if not all are 0 */
    u64 avoided, hits;
};

/* What exits of a row were about: `where` they went, or only a name. */
struct detail {
    const struct entry *entry;
    const char *row, *name;
    bool has_where, timed;
    u64 where, size, count, sum;
};

struct site {
    const struct entry *entry;
    u64 count, avoided, exiting, length, rip, where, bits;
    u64 sum;                                  /* ticks, 0: not known */
    const char *exit, *bytes, *why, *stopper; /* never NULL */
    bool translated;
};

/* Counters at one moment, since the last reset. */
struct moment {
    u64 exits, avoided, tsc_vmm, tsc_guest;
};

struct mark {
    const struct entry *entry;
    u32 boot; /* which boot of the log, from 1; 0 before the first */
    u64 number;
    const char *name;
    struct moment at;
    struct row *rows; /* of the phase that it ends; none in logs before there were such lines */
    u32 row_count;
};

struct report {
    u32 number; /* from 1, as --report takes it */
    u32 first_line, last_line;
    u32 boot;
    const struct entry *boot_entry, *summary, *cache, *counts, *end; /* NULL if not there */
    struct moment at;
    u64 tsc_total;
    bool timed;
    const char *engine; /* never NULL */
    struct row *rows;   /* as printed: by time, TIMEINGUEST last */
    u32 row_count;
    struct detail *details;
    u32 detail_count;
    struct site *sites;
    u32 site_count;
    const struct entry **refused;
    u32 refused_count;
    const char *incomplete; /* why, or NULL */
};

struct reports {
    struct log *log;
    struct report *reports;
    u32 count;
    struct mark *marks;
    u32 mark_count;
    const struct entry **boots; /* those of which a `boot` line could be read */
    u32 boot_count;
};

/* Adds to the log's problems what the objects lack and where their numbers contradict each other. */
void reports_read(struct reports *all, struct log *log);
void reports_free(struct reports *all);

/* Report `number`; with 0 the last complete one, else the last one. NULL if there is none. */
const struct report *reports_choose(const struct reports *all, u32 number);

const struct row *report_row(const struct report *report, const char *name);

/* The listed sites are those with the most time; without times, and in older logs, with the most exits. */
bool sites_by_time(const struct report *report);

/* Its name is not that of time outside of exits. */
bool row_is_exit(const char *name);

/* One report and what it was chosen from: what every output starts from. */
struct view {
    const struct reports *all;
    const struct report *report;
    const char *filter; /* patterns of row names, separated by commas; NULL: all */
    u32 top;            /* so many rows and sites; 0: all */
};

bool view_has(const struct view *view, const char *row_name);

#endif
