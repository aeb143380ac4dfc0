/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an exit costs a workload: runs of it that differ in nothing but exit-delay=, and a straight line through their
 * times. Its slope, in ticks of the run by ticks of delay, is the number of exits whose time is felt; the others pass
 * while the guest waits anyway (docs/REPORTS.md, "What an exit costs").
 */
#ifndef HOST_DELAYS_H
#define HOST_DELAYS_H

#include "host/phases.h"

#define DELAY_RUNS_MAX 8

struct delay_run {
    const struct view *view;
    u64 delay;
    struct phases phases;
};

/* The whole run, or a phase that all runs have. */
struct delay_line {
    const char *name;
    struct moment at[DELAY_RUNS_MAX];
    double felt; /* exits */
    double off;  /* ticks that the run farthest from the line is off it */
};

struct delays {
    struct delay_run runs[DELAY_RUNS_MAX]; /* by their delay */
    u32 run_count;
    struct delay_line *lines; /* the whole first */
    u32 line_count;
};

/* False, with a message in `wrong`, if they cannot be compared. */
bool delays_read(struct delays *d, const struct view *const *views, u32 count, struct text *wrong);
void delays_free(struct delays *d);

/* The mean of the runs. */
double delays_exits(const struct delays *d, const struct delay_line *line);

/* How much longer the run with the least delay would be, in percent, if each exit took 1000 ticks more. */
double delays_per_1000(const struct delay_line *line);

/* The time in Exeunt of that run, without the delay, as far as it is felt: ticks. */
double delays_cost(const struct delays *d, const struct delay_line *line);

u64 moment_ticks(const struct moment *at);

#endif
