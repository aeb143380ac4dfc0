/* SPDX-License-Identifier: BSD-2-Clause */
/* Offsets in ACPI tables (ACPI specification 6.4, chapter 5 "ACPI Software Programming Model"). For boot/acpi*.c only.
 */
#ifndef BOOT_ACPI_FORMAT_H
#define BOOT_ACPI_FORMAT_H

#include "boot/acpi.h"

#define RSDP_SIGNATURE "RSD PTR "

enum rsdp_offset {
    RSDP_REVISION = 15,
    RSDP_RSDT = 16,
    RSDP_SIZE_OLD = 20,
    RSDP_LENGTH = 20,
    RSDP_XSDT = 24,
    RSDP_SIZE_NEW = 36,
};

enum acpi_header_offset { ACPI_LENGTH = 4, ACPI_CHECKSUM = 9, ACPI_HEADER_SIZE = 36 };

enum fadt_offset {
    FADT_FACS = 36,
    FADT_DSDT = 40,
    FADT_SMI_CMD = 48,
    FADT_ACPI_ENABLE = 52,
    FADT_PM1A_EVT_BLK = 56,
    FADT_PM1B_EVT_BLK = 60,
    FADT_PM1A_CNT_BLK = 64,
    FADT_PM1B_CNT_BLK = 68,
    FADT_PM_TMR_BLK = 76,
    FADT_PM1_EVT_LEN = 88,
    FADT_PM1_CNT_LEN = 89,
    FADT_PM_TMR_LEN = 91,
    FADT_FLAGS = 112,
    FADT_RESET_REG = 116,
    FADT_SIZE_MIN = 116, /* ACPI 1.0 */
    FADT_RESET_VALUE = 128,
    FADT_X_FACS = 132,
    FADT_X_DSDT = 140,
    FADT_X_PM1A_EVT_BLK = 148,
    FADT_X_PM1B_EVT_BLK = 160,
    FADT_X_PM1A_CNT_BLK = 172,
    FADT_X_PM1B_CNT_BLK = 184,
    FADT_X_PM_TMR_BLK = 208,
    FADT_SLEEP_CONTROL_REG = 244,
    FADT_SLEEP_STATUS_REG = 256,
};

#define FADT_RESET_REG_SUP BIT(10)
#define FADT_HW_REDUCED_ACPI BIT(20)

enum gas_offset { GAS_SPACE = 0, GAS_BIT_WIDTH = 1, GAS_ADDRESS = 4, GAS_SIZE = 12 };

enum madt_offset { MADT_LAPIC = 36, MADT_ENTRIES = 44 };

enum madt_type { MADT_LOCAL_APIC = 0, MADT_LAPIC_OVERRIDE = 5, MADT_LOCAL_X2APIC = 9 };

/* In entries, from their start. */
enum madt_entry_offset {
    MADT_ENTRY_TYPE = 0,
    MADT_ENTRY_LENGTH = 1,
    MADT_LOCAL_APIC_ID = 3,
    MADT_LOCAL_APIC_FLAGS = 4,
    MADT_LOCAL_APIC_SIZE = 8,
    MADT_OVERRIDE_ADDRESS = 4,
    MADT_OVERRIDE_SIZE = 12,
    MADT_X2APIC_ID = 4,
    MADT_X2APIC_FLAGS = 8,
    MADT_X2APIC_SIZE = 16,
};

#define MADT_ENABLED BIT(0)
#define MADT_ONLINE_CAPABLE BIT(1)

enum mcfg_offset { MCFG_ENTRIES = 44, MCFG_ENTRY_SIZE = 16 };

/* The sum of the bytes, modulo 256: 0 over a whole table. */
u8 acpi_sum(const u8 *bytes, u64 length);

/* The table at a physical address that another table gives (the DSDT). */
enum acpi_status acpi_read_table_at(const struct acpi_root *root, u64 address, struct acpi_table *table);

#endif
