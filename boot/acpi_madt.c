/* SPDX-License-Identifier: BSD-2-Clause */
/* Processors (MADT) and the PCI Express configuration windows (MCFG). */
#include "boot/acpi_format.h"
#include "boot/bytes.h"

#define UNUSED_APIC_ID 0xff /* firmware's mark for a local APIC entry without a processor */

/* Steps through the MADT's entries. False at the end, with *status saying whether it is a regular one. */
static bool next_entry(const struct acpi_table *madt, u32 *at, u8 **entry, enum acpi_status *status)
{
    *status = ACPI_OK;
    if (*at == madt->length)
        return false;
    *entry = madt->bytes + *at;
    *status = ACPI_BAD_TABLE;
    if (*at > madt->length || madt->length - *at < 2)
        return false;
    u32 length = (*entry)[MADT_ENTRY_LENGTH];
    if (length < 2 || length > madt->length - *at)
        return false;
    *at += length;
    *status = ACPI_OK;
    return true;
}

/* The entry's processor. False when it is of another type or too short. */
static bool read_cpu(const u8 *entry, u32 *flags, struct acpi_cpu *cpu)
{
    u32 length = entry[MADT_ENTRY_LENGTH];
    if (entry[MADT_ENTRY_TYPE] == MADT_LOCAL_APIC && length >= MADT_LOCAL_APIC_SIZE) {
        cpu->apic_id = entry[MADT_LOCAL_APIC_ID];
        cpu->x2apic = false;
        *flags = load32(entry + MADT_LOCAL_APIC_FLAGS);
        if (cpu->apic_id == UNUSED_APIC_ID)
            return false;
    } else if (entry[MADT_ENTRY_TYPE] == MADT_LOCAL_X2APIC && length >= MADT_X2APIC_SIZE) {
        cpu->apic_id = load32(entry + MADT_X2APIC_ID);
        cpu->x2apic = true;
        *flags = load32(entry + MADT_X2APIC_FLAGS);
    } else {
        return false;
    }
    cpu->enabled = *flags & MADT_ENABLED;
    return true;
}

static enum acpi_status check_madt(const struct acpi_table *madt)
{
    return madt->length < MADT_ENTRIES || memcmp(madt->bytes, "APIC", 4) ? ACPI_BAD_TABLE : ACPI_OK;
}

enum acpi_status acpi_madt_cpus(const struct acpi_table *madt, struct acpi_cpu *cpus, u32 room, u32 *count)
{
    *count = 0;
    enum acpi_status status = check_madt(madt);
    if (status != ACPI_OK)
        return status;
    u8 *entry;
    for (u32 at = MADT_ENTRIES; next_entry(madt, &at, &entry, &status);) {
        struct acpi_cpu cpu;
        u32 flags;
        if (!read_cpu(entry, &flags, &cpu) || !(flags & (MADT_ENABLED | MADT_ONLINE_CAPABLE)))
            continue;
        if (*count < room)
            cpus[*count] = cpu;
        (*count)++;
    }
    if (status != ACPI_OK)
        return status;
    return *count > room ? ACPI_NO_ROOM : ACPI_OK;
}

enum acpi_status acpi_madt_lapic(const struct acpi_table *madt, u64 *address)
{
    enum acpi_status status = check_madt(madt);
    if (status != ACPI_OK)
        return status;
    *address = load32(madt->bytes + MADT_LAPIC);
    u8 *entry;
    for (u32 at = MADT_ENTRIES; next_entry(madt, &at, &entry, &status);)
        if (entry[MADT_ENTRY_TYPE] == MADT_LAPIC_OVERRIDE && entry[MADT_ENTRY_LENGTH] >= MADT_OVERRIDE_SIZE)
            *address = load64(entry + MADT_OVERRIDE_ADDRESS);
    return status;
}

/* Walks the whole table before anything is changed: own processor there, and no malformed entry behind it. */
static enum acpi_status check_own(const struct acpi_table *madt, u32 own_apic_id)
{
    enum acpi_status status = check_madt(madt);
    if (status != ACPI_OK)
        return status;
    bool found = false;
    u8 *entry;
    for (u32 at = MADT_ENTRIES; next_entry(madt, &at, &entry, &status);) {
        struct acpi_cpu cpu;
        u32 flags;
        found |= read_cpu(entry, &flags, &cpu) && cpu.enabled && cpu.apic_id == own_apic_id;
    }
    if (status != ACPI_OK)
        return status;
    return found ? ACPI_OK : ACPI_NOT_FOUND;
}

enum acpi_status acpi_madt_keep_one(const struct acpi_table *madt, u32 own_apic_id, u32 *hidden)
{
    *hidden = 0;
    enum acpi_status status = check_own(madt, own_apic_id);
    if (status != ACPI_OK)
        return status;
    u8 *entry;
    for (u32 at = MADT_ENTRIES; next_entry(madt, &at, &entry, &status);) {
        struct acpi_cpu cpu;
        u32 flags;
        if (!read_cpu(entry, &flags, &cpu) || cpu.apic_id == own_apic_id ||
            !(flags & (MADT_ENABLED | MADT_ONLINE_CAPABLE)))
            continue;
        flags &= (u32) ~(MADT_ENABLED | MADT_ONLINE_CAPABLE);
        store32(entry + (cpu.x2apic ? MADT_X2APIC_FLAGS : MADT_LOCAL_APIC_FLAGS), flags);
        (*hidden)++;
    }
    madt->bytes[ACPI_CHECKSUM] = (u8)(madt->bytes[ACPI_CHECKSUM] - acpi_sum(madt->bytes, madt->length));
    return ACPI_OK;
}

enum acpi_status acpi_read_mcfg(const struct acpi_table *mcfg, struct acpi_ecam *windows, u32 room, u32 *count)
{
    *count = 0;
    if (mcfg->length < MCFG_ENTRIES || memcmp(mcfg->bytes, "MCFG", 4))
        return ACPI_BAD_TABLE;
    for (u32 at = MCFG_ENTRIES; mcfg->length - at >= MCFG_ENTRY_SIZE; at += MCFG_ENTRY_SIZE) {
        const u8 *entry = mcfg->bytes + at;
        struct acpi_ecam window = {
            .base = load64(entry),
            .segment = load16(entry + 8),
            .first_bus = entry[10],
            .last_bus = entry[11],
        };
        if (window.last_bus < window.first_bus)
            return ACPI_BAD_TABLE;
        if (*count == room)
            return ACPI_NO_ROOM;
        windows[(*count)++] = window;
    }
    return ACPI_OK;
}
