/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/phases.h"

#include "lib/string.h"

void phases_reset(struct phases *phases)
{
    memset(phases->before, 0, sizeof(phases->before));
    phases->used = 0;
}

static struct row_figures figures_of(const struct exit_statistics *s, u32 row)
{
    if (row == PHASE_TIMEINGUEST)
        return (struct row_figures){.count = s->guest.count, .sum = s->guest.sum};
    return (struct row_figures){s->rows[row].count, s->rows[row].sum, s->avoided[row], s->hits[row]};
}

static struct row_figures less(struct row_figures a, const struct row_figures *b)
{
    return (struct row_figures){a.count - b->count, a.sum - b->sum, a.avoided - b->avoided, a.hits - b->hits};
}

bool phases_end(struct phases *phases, const struct exit_statistics *s, u32 *first, u32 *count)
{
    u32 used = phases->used;
    for (u32 row = 0; row <= PHASE_TIMEINGUEST; row++) {
        struct row_figures got = less(figures_of(s, row), &phases->before[row]);
        if (!got.count && !got.avoided)
            continue;
        if (used == PHASE_ROWS)
            return false;
        phases->row[used++] = (struct phase_row){row, got};
    }
    for (u32 row = 0; row <= PHASE_TIMEINGUEST; row++)
        phases->before[row] = figures_of(s, row);
    phases->timed = s->timed;
    *first = phases->used;
    *count = used - phases->used;
    phases->used = used;
    return true;
}
