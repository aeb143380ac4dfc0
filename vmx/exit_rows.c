/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/exit_rows.h"

#include "lib/msr.h"

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

const char *violation_cause_text(enum violation_cause cause)
{
    static const char texts[CAUSE_COUNT][28] = {
        [CAUSE_DEVICE] = "device memory, first touch",
        [CAUSE_RAM] = "RAM, mapped again",
        [CAUSE_EXECUTED] = "large page, executed",
        [CAUSE_ALLOWED] = "allowed meanwhile",
        [CAUSE_BEYOND] = "no such address",
        [CAUSE_READ] = "read",
        [CAUSE_WRITE] = "write",
        [CAUSE_FETCH] = "fetch",
    };
    return cause < CAUSE_COUNT ? texts[cause] : "";
}

/* SDM "Exit Qualification for EPT Violations". */
#define VIOLATION_WRITE BIT(1)
#define VIOLATION_FETCH BIT(2)
#define VIOLATION_PRESENT BITS(5, 3)

static enum violation_cause cause_of(enum ept_class memory, u64 qualification)
{
    if (memory == EPT_CLASS_OWN && qualification & VIOLATION_FETCH)
        return CAUSE_FETCH;
    if (memory == EPT_CLASS_OWN)
        return qualification & VIOLATION_WRITE ? CAUSE_WRITE : CAUSE_READ;
    if (memory == EPT_CLASS_BEYOND)
        return CAUSE_BEYOND;
    if (!(qualification & VIOLATION_PRESENT))
        return memory == EPT_CLASS_DEVICE ? CAUSE_DEVICE : CAUSE_RAM;
    return qualification & VIOLATION_FETCH ? CAUSE_EXECUTED : CAUSE_ALLOWED;
}

u64 detail_key_of_violation(enum ept_class memory, bool lapic, u64 at, u64 qualification)
{
    enum exit_row row = exit_row_of_memory(memory, lapic);
    if (memory != EPT_CLASS_TRAPPED)
        return detail_key(row, cause_of(memory, qualification));
    return lapic ? detail_key_of_register(at) : detail_key_of_page(at);
}

enum exit_row exit_row_of_msr(u32 msr, bool write)
{
    if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST)
        return write ? ROW_X2APIC_WRITE : ROW_X2APIC_READ;
    return write ? (enum exit_row)EXIT_REASON_WRMSR : (enum exit_row)EXIT_REASON_RDMSR;
}
