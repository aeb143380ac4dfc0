/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/exit_statistics.h"

#include "lib/msr.h"
#include "lib/string.h"

/* SDM table "Exit Qualification for I/O Instructions": direction, 1 = IN. */
#define IO_QUALIFICATION_IN BIT(3)

/* Of the rows that are no exit reason of VT-x's. */
static const char own_names[][14] = {
    [ROW_IO_IN - EXIT_REASON_LIMIT] = "IO_IN",
    [ROW_IO_OUT - EXIT_REASON_LIMIT] = "IO_OUT",
    [ROW_MMIO - EXIT_REASON_LIMIT] = "MMIO",
    [ROW_OWN_REGION - EXIT_REASON_LIMIT] = "OWN_REGION",
    [ROW_X2APIC_READ - EXIT_REASON_LIMIT] = "X2APIC_READ",
    [ROW_X2APIC_WRITE - EXIT_REASON_LIMIT] = "X2APIC_WRITE",
    [ROW_CODE_WRITE - EXIT_REASON_LIMIT] = "CODE_WRITE",
    [ROW_UNKNOWN - EXIT_REASON_LIMIT] = "UNKNOWN",
    [ROW_EXEUNT - EXIT_REASON_LIMIT] = "EXEUNT",
};

const char *exit_row_name(enum exit_row row)
{
    if ((u32)row < EXIT_REASON_LIMIT)
        return exit_reason_name(row);
    return row < ROW_COUNT ? own_names[row - EXIT_REASON_LIMIT] : "UNKNOWN";
}

enum exit_row exit_row_of(u32 reason, u64 qualification)
{
    u32 basic = reason & EXIT_REASON_BASIC;
    if (basic == EXIT_REASON_IO_INSTRUCTION)
        return qualification & IO_QUALIFICATION_IN ? ROW_IO_IN : ROW_IO_OUT;
    return exit_reason_is_known(basic) ? (enum exit_row)basic : ROW_UNKNOWN;
}

enum exit_row exit_row_of_memory(enum ept_class memory, bool lapic)
{
    if (memory == EPT_CLASS_TRAPPED)
        return lapic ? (enum exit_row)EXIT_REASON_APIC_ACCESS : ROW_MMIO;
    return memory == EPT_CLASS_OWN ? ROW_OWN_REGION : (enum exit_row)EXIT_REASON_EPT_VIOLATION;
}

enum exit_row exit_row_of_msr(u32 msr, bool write)
{
    if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST)
        return write ? ROW_X2APIC_WRITE : ROW_X2APIC_READ;
    return write ? (enum exit_row)EXIT_REASON_WRMSR : (enum exit_row)EXIT_REASON_RDMSR;
}

void statistics_start(struct exit_statistics *s, u64 tsc, bool timed)
{
    memset(s, 0, sizeof(*s));
    for (u32 row = 0; row < ROW_COUNT; row++)
        tally_reset(&s->rows[row]);
    tally_reset(&s->guest);
    s->started = tsc;
    s->accounted = tsc;
    s->row = ROW_EXEUNT;
    s->timed = timed;
}

void statistics_close(struct exit_statistics *s, u64 tsc)
{
    if (s->timed)
        tally_add(&s->rows[s->row], tsc - s->accounted);
    else
        s->rows[s->row].count++;
    s->accounted = tsc;
    s->row = ROW_EXEUNT;
}

void statistics_rebase(struct exit_statistics *s, u64 delta)
{
    s->started += delta;
    s->accounted += delta;
}

void statistics_merge(struct exit_statistics *s, const struct exit_statistics *from)
{
    for (u32 row = 0; row < ROW_COUNT; row++) {
        tally_merge(&s->rows[row], &from->rows[row]);
        s->avoided[row] += from->avoided[row];
        s->hits[row] += from->hits[row];
    }
    tally_merge(&s->guest, &from->guest);
    s->started -= from->accounted - from->started; /* the total is the sum of both spans */
}

struct exit_totals statistics_totals(const struct exit_statistics *s, u64 tsc)
{
    struct exit_totals totals = {.exits = s->row != ROW_EXEUNT};

    for (u32 row = 0; row < ROW_COUNT; row++) {
        totals.exits += row != ROW_EXEUNT ? s->rows[row].count : 0;
        totals.avoided += s->avoided[row];
        totals.hits += s->hits[row];
    }
    if (s->timed) {
        totals.tsc_total = tsc - s->started;
        totals.tsc_guest = s->guest.sum;
        totals.tsc_exeunt = totals.tsc_total - totals.tsc_guest;
    }
    return totals;
}
