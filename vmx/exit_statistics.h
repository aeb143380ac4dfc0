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
 *
 * and with timing=off statistics_exit_untimed(s) instead of statistics_exit().
 */
#ifndef VMX_EXIT_STATISTICS_H
#define VMX_EXIT_STATISTICS_H

#include "ept/ept.h"
#include "lib/statistics.h"
#include "lib/types.h"
#include "vmx/exit_reasons.h"

/*
 * One row per basic exit reason, under its number, and the rows into which some are split: IO_INSTRUCTION into IO_IN
 * and IO_OUT; EPT_VIOLATION into itself (the page was mapped), APIC_ACCESS (the LAPIC page; VT-x's own exit of that
 * name is the same event), MMIO (trap=mmio:), OWN_REGION, and CODE_WRITE (a page with cached code); RDMSR and WRMSR
 * into themselves and X2APIC_READ, X2APIC_WRITE.
 */
enum exit_row {
    ROW_IO_IN = EXIT_REASON_LIMIT,
    ROW_IO_OUT,
    ROW_MMIO,
    ROW_OWN_REGION,
    ROW_X2APIC_READ,
    ROW_X2APIC_WRITE,
    ROW_CODE_WRITE,
    ROW_UNKNOWN, /* an exit reason that the SDM does not have */
    ROW_EXEUNT,  /* no exit: Exeunt's own time for launch, reports and resets */
    ROW_COUNT
};

struct exit_statistics {
    struct tally rows[ROW_COUNT];
    struct tally guest;     /* TIMEINGUEST */
    u64 avoided[ROW_COUNT]; /* instructions of that type executed inside clusters */
    u64 hits[ROW_COUNT];    /* exits that the translation cache served */
    u64 started;            /* TSC at the start or the last reset */
    u64 accounted;          /* TSC up to which each tick is in a row */
    u32 row;                /* enum exit_row: what the exit in progress is */
    bool timed;
};

/* Everything zero; the exit in progress, if any, counts as Exeunt's own from now on. `tsc` is any number with timing
 * off. */
void statistics_start(struct exit_statistics *s, u64 tsc, bool timed);

static inline void statistics_row(struct exit_statistics *s, enum exit_row row)
{
    s->row = row;
}

/* `entered`: TSC before the VM entry that this exit ends, `exited`: TSC at this exit. */
static inline void statistics_exit(struct exit_statistics *s, u64 entered, u64 exited)
{
    tally_add(&s->rows[s->row], entered - s->accounted);
    tally_add(&s->guest, exited - entered);
    s->accounted = exited;
}

static inline void statistics_exit_untimed(struct exit_statistics *s)
{
    s->rows[s->row].count++;
    s->guest.count++;
}

/*
 * In the middle of an exit, before a report: puts the exit in progress into its row with its time up to `tsc`. What
 * follows until the entry is Exeunt's own, so a report does not disturb what it reports.
 */
void statistics_close(struct exit_statistics *s, u64 tsc);

/* The guest (or Exeunt for it) changed this CPU's TSC by `delta`: the report's clock goes on as if it had not. */
void statistics_rebase(struct exit_statistics *s, u64 delta);

/* Adds another CPU's figures, for a report about all of them. `from` was closed at the same moment. */
void statistics_merge(struct exit_statistics *s, const struct exit_statistics *from);

struct exit_totals {
    u64 exits, avoided, hits;
    u64 tsc_total, tsc_guest, tsc_exeunt; /* 0 with timing off; total = guest + exeunt */
};

/* The exit in progress is in it, up to `tsc`. */
struct exit_totals statistics_totals(const struct exit_statistics *s, u64 tsc);

/* The first row for an exit: `reason` is the exit-reason field; the qualification matters for IO_INSTRUCTION only. */
enum exit_row exit_row_of(u32 reason, u64 qualification);

/* Refinements: an EPT violation by what its address is (`lapic`: it is the LAPIC page), RDMSR or WRMSR by its MSR. */
enum exit_row exit_row_of_memory(enum ept_class memory, bool lapic);
enum exit_row exit_row_of_msr(u32 msr, bool write);

/* "IO_IN", "CPUID"...; never NULL. Stable: scripts know them. */
const char *exit_row_name(enum exit_row row);

#endif
