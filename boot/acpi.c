/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding ACPI tables: RSDP, root table, any table by its signature. */
#include "boot/acpi.h"

#include "boot/acpi_format.h"
#include "boot/bytes.h"

#define EBDA_SEGMENT_AT 0x40e /* BIOS data area */
#define EBDA_SEARCH 1024
#define EBDA_LOWEST 0x400
#define ROM_START 0xe0000
#define ROM_SEARCH 0x20000
#define LOW_END 0x100000
#define RSDP_STEP 16

const char *acpi_status_text(enum acpi_status status)
{
    switch (status) {
    case ACPI_OK:
        return "fine";
    case ACPI_NO_RSDP:
        return "there is no valid RSDP";
    case ACPI_UNREADABLE:
        return "a table is where memory cannot be read";
    case ACPI_BAD_CHECKSUM:
        return "a checksum is wrong";
    case ACPI_BAD_TABLE:
        return "a table's lengths contradict each other";
    case ACPI_NOT_FOUND:
        return "not found";
    case ACPI_NO_ROOM:
        return "there are too many entries";
    }
    return "unknown status";
}

u8 acpi_sum(const u8 *bytes, u64 length)
{
    u8 sum = 0;
    for (u64 i = 0; i < length; i++)
        sum = (u8)(sum + bytes[i]);
    return sum;
}

/* A revision 0 RSDP has 20 bytes; later ones have more, and a second checksum over all of them. */
static bool rsdp_is_valid(const u8 *rsdp, u64 available)
{
    if (available < RSDP_SIZE_OLD || memcmp(rsdp, RSDP_SIGNATURE, 8) || acpi_sum(rsdp, RSDP_SIZE_OLD))
        return false;
    return true;
}

static bool rsdp_has_xsdt(const u8 *rsdp, u64 available)
{
    if (rsdp[RSDP_REVISION] < 2 || available < RSDP_SIZE_NEW)
        return false;
    u32 length = load32(rsdp + RSDP_LENGTH);
    return length >= RSDP_SIZE_NEW && length <= available && !acpi_sum(rsdp, length) && load64(rsdp + RSDP_XSDT);
}

static enum acpi_status search_rsdp(const struct acpi_memory *memory, u64 start, u64 length, u64 *address)
{
    const u8 *bytes = memory->map(memory->context, start, length);
    if (!bytes)
        return ACPI_UNREADABLE;
    for (u64 at = 0; at + RSDP_SIZE_OLD <= length; at += RSDP_STEP) {
        if (rsdp_is_valid(bytes + at, length - at)) {
            *address = start + at;
            return ACPI_OK;
        }
    }
    return ACPI_NO_RSDP;
}

enum acpi_status acpi_find_rsdp(const struct acpi_memory *memory, u64 *address)
{
    const u8 *segment = memory->map(memory->context, EBDA_SEGMENT_AT, 2);
    u64 ebda = segment ? (u64)load16(segment) << 4 : 0;
    if (ebda >= EBDA_LOWEST && ebda + EBDA_SEARCH <= LOW_END &&
        search_rsdp(memory, ebda, EBDA_SEARCH, address) == ACPI_OK)
        return ACPI_OK;
    return search_rsdp(memory, ROM_START, ROM_SEARCH, address);
}

/* Maps a whole table: first the header, for the length. */
static enum acpi_status map_table(const struct acpi_memory *memory, u64 address, struct acpi_table *table)
{
    const u8 *header = address ? memory->map(memory->context, address, ACPI_HEADER_SIZE) : NULL;
    if (!header)
        return ACPI_UNREADABLE;
    u32 length = load32(header + ACPI_LENGTH);
    if (length < ACPI_HEADER_SIZE || length > ACPI_TABLE_MAX)
        return ACPI_BAD_TABLE;
    u8 *bytes = memory->map(memory->context, address, length);
    if (!bytes)
        return ACPI_UNREADABLE;
    *table = (struct acpi_table){.address = address, .bytes = bytes, .length = length};
    return ACPI_OK;
}

static enum acpi_status map_checked(const struct acpi_memory *memory, u64 address, struct acpi_table *table)
{
    enum acpi_status status = map_table(memory, address, table);
    if (status == ACPI_OK && acpi_sum(table->bytes, table->length))
        return ACPI_BAD_CHECKSUM;
    return status;
}

static enum acpi_status open_root(u64 address, const char *signature, u32 entry_size, struct acpi_root *root)
{
    struct acpi_table table;
    enum acpi_status status = map_checked(&root->memory, address, &table);
    if (status != ACPI_OK)
        return status;
    if (memcmp(table.bytes, signature, 4))
        return ACPI_BAD_TABLE;
    root->table = address;
    root->entries = table.bytes + ACPI_HEADER_SIZE;
    root->entry_size = entry_size;
    root->count = (table.length - ACPI_HEADER_SIZE) / entry_size;
    return root->count > ACPI_TABLES_MAX ? ACPI_BAD_TABLE : ACPI_OK;
}

enum acpi_status acpi_open(const struct acpi_memory *memory, const u8 *rsdp, u32 length, struct acpi_root *root)
{
    *root = (struct acpi_root){.memory = *memory};
    if (!rsdp || !rsdp_is_valid(rsdp, length))
        return ACPI_NO_RSDP;
    if (rsdp_has_xsdt(rsdp, length) && open_root(load64(rsdp + RSDP_XSDT), "XSDT", 8, root) == ACPI_OK)
        return ACPI_OK;
    return open_root(load32(rsdp + RSDP_RSDT), "RSDT", 4, root);
}

/* A table that cannot be read is passed over: the one that is asked for may still be there. */
enum acpi_status acpi_find_table(const struct acpi_root *root, const char *signature, u32 instance,
                                 struct acpi_table *table)
{
    for (u32 i = 0; i < root->count; i++) {
        const u8 *entry = root->entries + (u64)i * root->entry_size;
        u64 address = root->entry_size == 8 ? load64(entry) : load32(entry);
        if (map_table(&root->memory, address, table) != ACPI_OK || memcmp(table->bytes, signature, 4))
            continue;
        if (instance--)
            continue;
        return acpi_sum(table->bytes, table->length) ? ACPI_BAD_CHECKSUM : ACPI_OK;
    }
    return ACPI_NOT_FOUND;
}

enum acpi_status acpi_read_table_at(const struct acpi_root *root, u64 address, struct acpi_table *table)
{
    return map_checked(&root->memory, address, table);
}
