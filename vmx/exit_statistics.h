/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the exits of one CPU cost (SPEC 8.1). The TSC is read twice per round: at the exit and before the entry. Each
 * tick between the start and now is in exactly one row, or in the guest's, so that the rows add up to the total.
 *
 * The time of an exit is known when the guest has been entered again, so it is added at the next exit:
 *
 *     statistics_start(s, tsc)                 right before VMLAUNCH
 *     statistics_exit(s, entered, exited)      first thing in each exit; then
 *     statistics_row(s, row)                   as soon as the kind of exit is known, and again if it turns out to be
 * another
 *     statistics_detail(s, key)                instead, where more is known
 *     statistics_resolve(s)                    before the entry
 *
 * and with timing=off statistics_exit_untimed(s) instead of statistics_exit().
 */
#ifndef VMX_EXIT_STATISTICS_H
#define VMX_EXIT_STATISTICS_H

#include "lib/page_pool.h"
#include "lib/statistics.h"
#include "lib/types.h"
#include "vmx/exit_rows.h"
#include "vmx/exit_trace.h"

/* What is known of exits, beside their row. */
struct detail {
    struct account account;
    u64 key; /* 0: empty */
};

/* What fits. */
#define DETAILS 256 /* a power of two */
#define DETAIL_PROBES 8
#define DETAILS_MAX_OF_ROW 64 /* so that a guest that asks for all leaves or MSRs leaves room for the other rows */

/* This factor gives slots of their own to what exits most on a PC: its timers, interrupt controllers, COM1, PCI, the
 * first leaves. */
static inline u32 detail_slot(u64 key)
{
    return (u32)(key * 0x31e1786a2cedb5b1ull >> 56);
}

struct exit_statistics {
    struct tally rows[ROW_COUNT];    /* `count` and `sum` by statistics_settle(); with timing=off only `count` */
    struct tally guest;              /* TIMEINGUEST; likewise */
    struct detail detail[DETAILS];   /* who has it is found by the key, and stays where it is */
    u8 in_use[DETAILS];              /* which of them have keys */
    u32 details;                     /* how many */
    u8 in_row[ROW_COUNT];            /* how many of each row */
    struct account other[ROW_COUNT]; /* what did not fit there */
    u64 avoided[ROW_COUNT];          /* instructions of that type executed inside clusters */
    u64 hits[ROW_COUNT];             /* exits that the translation cache served */
    u64 started;                     /* TSC at the start or the last reset */
    u64 accounted;                   /* TSC up to which each tick is in a row */
    u64 key;                         /* what the exit in progress is; 0: `served` has it */
    struct account *served;          /* what it is put down to */
    struct page_pool *pool;          /* for distributions; NULL: there are none */
    u64 *half_page;                  /* one that is free */
    bool timed;
};
_Static_assert(DETAILS == 256, "detail_slot()");

/* Everything zero; the exit in progress, if any, counts as Exeunt's own from now on. `tsc` is any number with timing
 * off. All but `pool` was zero before the first time. */
void statistics_start(struct exit_statistics *s, u64 tsc, bool timed);

static inline void statistics_row(struct exit_statistics *s, u32 row)
{
    s->key = row_key(row);
}

static inline void statistics_detail(struct exit_statistics *s, u64 key)
{
    s->key = key;
}

/* Of the row of the exit in progress. */
static inline u64 *statistics_hits(struct exit_statistics *s)
{
    return &s->hits[key_row(s->key)];
}

/* Who has the exits of this key, perhaps new. */
struct account *statistics_account(struct exit_statistics *s, u64 key);

/* The exit in progress is known for what it is: before the entry that ends it. */
static inline void statistics_resolve(struct exit_statistics *s)
{
    u64 key = s->key;
    struct detail *at = &s->detail[detail_slot(key)];
    if (!key)
        return;
    s->served = __builtin_expect(at->key == key, 1) ? &at->account : statistics_account(s, key);
    s->key = 0;
}

static inline void statistics_put_down(struct exit_statistics *s, u64 time)
{
    struct account *served = s->served;
    served->count++;
    served->time += time;
    tally_note(served->tally, time);
    exit_trace(EXIT_TRACE_TIME, served->tally, time);
}

/* `entered`: TSC before the VM entry that this exit ends, `exited`: TSC at this exit. */
static inline void statistics_exit(struct exit_statistics *s, u64 entered, u64 exited)
{
    statistics_put_down(s, entered - s->accounted);
    tally_note(&s->guest, exited - entered);
    exit_trace(EXIT_TRACE_TIME, &s->guest, exited - entered);
    s->accounted = exited;
}

static inline void statistics_exit_untimed(struct exit_statistics *s)
{
    s->served->count++;
}

/* Exits and their time are counted in their details only: brings the rows and the guest's up to date. */
void statistics_settle(struct exit_statistics *s);

/*
 * In the middle of an exit, before a report: puts the exit in progress into its row with its time up to `tsc`. What
 * follows until the entry is Exeunt's own, so a report does not disturb what it reports.
 */
void statistics_close(struct exit_statistics *s, u64 tsc);

/* The guest (or Exeunt for it) changed this CPU's TSC by `delta`: the report's clock goes on as if it had not. */
void statistics_rebase(struct exit_statistics *s, u64 delta);

/* Adds another CPU's figures, for a report about all of them. `from` and *s were closed at the same moment; *s is to
 * be settled then. */
void statistics_merge(struct exit_statistics *s, const struct exit_statistics *from);

struct exit_totals {
    u64 exits, avoided, hits;
    u64 tsc_total, tsc_guest, tsc_exeunt; /* 0 with timing off; total = guest + exeunt */
};

/* The exit in progress is in it, up to `tsc`. *s is settled. */
struct exit_totals statistics_totals(const struct exit_statistics *s, u64 tsc);

#endif
