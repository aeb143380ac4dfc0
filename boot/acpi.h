/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firmware's ACPI tables, as far as Exeunt needs them: the ports that end the guest, the CPUs, the PCI configuration
 * window. Pure: memory is reached through a callback, and every length that a table claims is checked.
 */
#ifndef BOOT_ACPI_H
#define BOOT_ACPI_H

#include "emul/guards.h"
#include "ept/ept.h"
#include "lib/types.h"

/* How physical memory is read. map() returns where [address, address + length) is, or NULL when it cannot be reached.
 */
struct acpi_memory {
    void *(*map)(void *context, u64 address, u64 length);
    void *context;
};

/* Larger tables are not believed. */
#define ACPI_TABLE_MAX (4u << 20)
#define ACPI_TABLES_MAX 256

enum acpi_status {
    ACPI_OK,
    ACPI_NO_RSDP,    /* no signature with a right checksum */
    ACPI_UNREADABLE, /* an address that map() refuses */
    ACPI_BAD_CHECKSUM,
    ACPI_BAD_TABLE, /* lengths that contradict each other, or a signature that is not what it should be */
    ACPI_NOT_FOUND,
    ACPI_NO_ROOM, /* the caller's array is too small */
};

const char *acpi_status_text(enum acpi_status status);

struct acpi_root {
    struct acpi_memory memory;
    u64 table; /* physical address of the XSDT or RSDT */
    const u8 *entries;
    u32 entry_size; /* 8: XSDT, 4: RSDT */
    u32 count;
};

struct acpi_table {
    u64 address;
    u8 *bytes; /* all of it, header included */
    u32 length;
};

/* Looks in the EBDA's first KiB and in 0xe0000 to 0xfffff (ACPI specification "Finding the RSDP on IA-PC Systems"). */
enum acpi_status acpi_find_rsdp(const struct acpi_memory *memory, u64 *address);

/* `rsdp`: `length` bytes of an RSDP (in place or a copy). Falls back on the RSDT where the XSDT is unusable. */
enum acpi_status acpi_open(const struct acpi_memory *memory, const u8 *rsdp, u32 length, struct acpi_root *root);

/* The table with `signature` (4 characters), the `instance`th (from 0) of that name. Its checksum is right. */
enum acpi_status acpi_find_table(const struct acpi_root *root, const char *signature, u32 instance,
                                 struct acpi_table *table);

#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO 1

/* ACPI specification, "Generic Address Structure". address 0: not there. */
struct acpi_register {
    u8 space;
    u8 bit_width;
    u64 address;
};

struct acpi_fadt {
    bool hardware_reduced;
    bool reset_supported;                        /* RESET_REG_SUP */
    struct acpi_register pm1a_event, pm1b_event; /* the status register comes first */
    struct acpi_register timer;
    struct acpi_register pm1a_control, pm1b_control, reset, sleep_control, sleep_status;
    u8 reset_value;
    u32 smi_command; /* port; 0: none */
    u8 acpi_enable;  /* the value that SMI_CMD takes for it */
    u64 dsdt, facs;
};

enum acpi_status acpi_read_fadt(const struct acpi_table *table, struct acpi_fadt *fadt);

/* Looks for the package \_S5_ in `aml` (a table's bytes behind its header): the first two elements. */
bool acpi_find_s5(const u8 *aml, u32 length, u8 *type_a, u8 *type_b);

/*
 * What the end guards need (SPEC 2.7): from the FADT, and \_S5_ from DSDT or SSDTs. Registers in memory space are left
 * out (*memory_space is then true). ACPI_NOT_FOUND without a FADT; a missing \_S5_ only leaves has_s5 false.
 */
enum acpi_status acpi_guard_config(const struct acpi_root *root, struct guard_config *config, bool *memory_space);

/* One processor of the MADT that is enabled or can be brought online. */
struct acpi_cpu {
    u32 apic_id;
    bool x2apic;  /* from a local x2APIC entry */
    bool enabled; /* else online-capable only */
};

/* Writes the processors to `cpus`; *count is their number also when there are more than `room` (ACPI_NO_ROOM). */
enum acpi_status acpi_madt_cpus(const struct acpi_table *madt, struct acpi_cpu *cpus, u32 room, u32 *count);

/* The LAPIC's address (the 64-bit override where there is one). */
enum acpi_status acpi_madt_lapic(const struct acpi_table *madt, u64 *address);

/*
 * Leaves only the processor with `own_apic_id` in the table: the flags "enabled" and "online capable" of the others are
 * cleared in place and the checksum is corrected. *hidden: how many were changed. ACPI_NOT_FOUND, and nothing changed,
 * when no enabled processor has that ID.
 */
enum acpi_status acpi_madt_keep_one(const struct acpi_table *madt, u32 own_apic_id, u32 *hidden);

struct acpi_ecam {
    u64 base; /* of bus 0 of the segment: bus n's window is at base + (n << 20) */
    u16 segment;
    u8 first_bus, last_bus;
};

/* The PCI Express configuration windows of an MCFG table. */
enum acpi_status acpi_read_mcfg(const struct acpi_table *mcfg, struct acpi_ecam *windows, u32 room, u32 *count);

#endif
