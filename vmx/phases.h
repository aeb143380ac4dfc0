/* SPDX-License-Identifier: BSD-2-Clause */
/* Marks (SPEC 9) cut a run into phases: what each row got in each of them. */
#ifndef VMX_PHASES_H
#define VMX_PHASES_H

#include "vmx/exit_statistics.h"

#define PHASE_ROWS 128 /* of all phases that have not been printed */
#define PHASE_TIMEINGUEST ROW_COUNT
_Static_assert(PHASE_ROWS > PHASE_TIMEINGUEST, "one phase fits, whatever it has");

struct row_figures {
    u64 count, sum, avoided, hits;
};

struct phase_row {
    u32 row; /* enum exit_row, or PHASE_TIMEINGUEST */
    struct row_figures got;
};

struct phases {
    struct row_figures before[PHASE_TIMEINGUEST + 1]; /* as the last phase ended */
    bool timed;                                       /* `sum` is one */
    u32 used;
    struct phase_row row[PHASE_ROWS];
};

/* The statistics count from zero now. */
void phases_reset(struct phases *phases);

/*
 * A phase ends: its rows are *count from row[*first] on, without those that got nothing. *s is closed and settled.
 * False: no room for them until `used` is set back, and nothing has changed.
 */
bool phases_end(struct phases *phases, const struct exit_statistics *s, u32 *first, u32 *count);

#endif
