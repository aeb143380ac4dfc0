/* SPDX-License-Identifier: BSD-2-Clause */
/* What an exit was: its row in the report (SPEC 8.1), and what of that row. */
#ifndef VMX_EXIT_ROWS_H
#define VMX_EXIT_ROWS_H

#include "ept/ept.h"
#include "lib/types.h"
#include "vmx/exit_reasons.h"

/*
 * One row per basic exit reason, under its number, and the rows into which some are split: IO_INSTRUCTION into IO_IN
 * and IO_OUT; EPT_VIOLATION into itself (the page was mapped), APIC_ACCESS (the LAPIC page; VT-x's own exit of that
 * name is the same event), MMIO (trap=mmio:), OWN_REGION, and CODE_WRITE (a page with cached code); RDMSR and WRMSR
 * into themselves and X2APIC_READ, X2APIC_WRITE.
 */
enum exit_row {
    ROW_IO_OUT = EXIT_REASON_LIMIT,
    ROW_IO_IN,
    ROW_MMIO,
    ROW_OWN_REGION,
    ROW_X2APIC_READ,
    ROW_X2APIC_WRITE,
    ROW_CODE_WRITE,
    ROW_UNKNOWN, /* an exit reason that the SDM does not have */
    ROW_EXEUNT,  /* no exit: Exeunt's own time for launch, reports and resets */
    ROW_COUNT
};

/*
 * The key of a row's detail, never 0. Bits 2:0: the size of a port access less 1; 10:3: enum exit_row; 11; 12: more is
 * known than the row; 63:16: where. I/O instructions have bits 31:16 and 3:0 as in their exit qualification.
 */
#define KEY_IS_KEY BIT(11)
#define KEY_IS_DETAIL BIT(12)
#define KEY_ROW_SHIFT 3
#define KEY_WHERE_SHIFT 16
#define DETAIL_SEVERAL BITS(47, 0) /* `where`: code that reaches several places was translated for all of them */
_Static_assert(ROW_COUNT <= 256, "bits 10:3");

/* Of a row as a whole. */
static inline u64 row_key(u32 row)
{
    return KEY_IS_KEY | row << KEY_ROW_SHIFT;
}

static inline u64 detail_key(u32 row, u64 where)
{
    return where << KEY_WHERE_SHIFT | KEY_IS_DETAIL | row_key(row);
}

static inline enum exit_row key_row(u64 key)
{
    return (enum exit_row)(u8)(key >> KEY_ROW_SHIFT);
}

static inline u64 key_where(u64 key)
{
    return key >> KEY_WHERE_SHIFT;
}

static inline bool key_is_io(u64 key)
{
    return key_row(key) == ROW_IO_IN || key_row(key) == ROW_IO_OUT;
}

/* Whether `where` is an enum violation_cause. */
static inline bool key_is_caused(u64 key)
{
    return (u32)key_row(key) == EXIT_REASON_EPT_VIOLATION || key_row(key) == ROW_OWN_REGION;
}

/* 0 where it is no port access. */
static inline u32 key_size(u64 key)
{
    return key_is_io(key) ? (u32)(key & 7) + 1 : 0;
}

/* By SDM "Exit Qualification for I/O Instructions", where bit 3 is the direction, 1 = IN. */
static inline u64 detail_key_of_io(u64 qualification)
{
    return (qualification & (BITS(31, 16) | BITS(3, 0))) | detail_key(ROW_IO_OUT, 0);
}
_Static_assert(ROW_IO_OUT % 2 == 0 && ROW_IO_IN == ROW_IO_OUT + 1, "bit 3 says which");

/* The LAPIC register at a guest-physical address. */
static inline u64 detail_key_of_register(u64 at)
{
    return detail_key(EXIT_REASON_APIC_ACCESS, at & BITS(11, 4));
}

/* Its page: `where` has no room for all bits of an address, and is its number. */
static inline u64 detail_key_of_page(u64 at)
{
    return detail_key(ROW_MMIO, at >> 12);
}

/* By SDM "Exit Qualification for Control-Register Accesses": the register, and in bits 5:4 how. */
static inline u64 detail_key_of_cr(u64 qualification)
{
    return detail_key(EXIT_REASON_CR_ACCESS, qualification & BITS(5, 0));
}

/* SDM "CPUID - CPU Identification": no processor has leaves 40000000H to 4FFFFFFFH; guests look at many for
 * hypervisors. */
static inline u64 detail_key_of_leaf(u32 leaf)
{
    return detail_key(EXIT_REASON_CPUID, leaf >> 28 == 4 ? 0x40000000 : leaf);
}

/* By SDM "Exit Qualification for MOV DR". */
static inline u64 detail_key_of_dr(u64 qualification)
{
    return detail_key(EXIT_REASON_MOV_DR, qualification & 7);
}

/* The first row for an exit: `reason` is the exit-reason field; the qualification matters for IO_INSTRUCTION only. */
enum exit_row exit_row_of(u32 reason, u64 qualification);

/* Refinements: an EPT violation by what its address is (`lapic`: it is the LAPIC page), RDMSR or WRMSR by its MSR. */
enum exit_row exit_row_of_memory(enum ept_class memory, bool lapic);
enum exit_row exit_row_of_msr(u32 msr, bool write);

/* EPT violations that are no device's have a cause in the place of an address. */
enum violation_cause {
    CAUSE_DEVICE,   /* device memory, touched for the first time */
    CAUSE_RAM,      /* RAM whose tables were given back */
    CAUSE_EXECUTED, /* a large page, split to be executed */
    CAUSE_ALLOWED,  /* nothing was missing any more */
    CAUSE_BEYOND,   /* beyond what this CPU or the EPT addresses */
    CAUSE_READ,     /* Exeunt's own memory */
    CAUSE_WRITE,
    CAUSE_FETCH,
    CAUSE_COUNT
};
const char *violation_cause_text(enum violation_cause cause);

/* What an EPT violation on `at` was about. */
u64 detail_key_of_violation(enum ept_class memory, bool lapic, u64 at, u64 qualification);

/* "IO_IN", "CPUID"...; never NULL. Stable: scripts know them. */
const char *exit_row_name(enum exit_row row);

#endif
