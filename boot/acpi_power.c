/* SPDX-License-Identifier: BSD-2-Clause */
/* How the machine is switched off and reset: FADT, and \_S5_ in the AML of DSDT and SSDTs. */
#include "boot/acpi_format.h"
#include "boot/bytes.h"

/* AML opcodes (ACPI specification, "AML Byte Stream Byte Values"). */
enum aml_op {
    AML_ZERO = 0x00,
    AML_ONE = 0x01,
    AML_NAME = 0x08,
    AML_BYTE = 0x0a,
    AML_WORD = 0x0b,
    AML_DWORD = 0x0c,
    AML_QWORD = 0x0e,
    AML_PACKAGE = 0x12,
    AML_ROOT = 0x5c,
    AML_ONES = 0xff,
};

#define SLP_TYP_MAX 7 /* the field has three bits */

/* A generic address structure inside the table; all zeros when the table ends before it. */
static struct acpi_register read_register(const struct acpi_table *table, u32 at)
{
    struct acpi_register result = {0};
    if (table->length < at + GAS_SIZE)
        return result;
    result.space = table->bytes[at + GAS_SPACE];
    result.bit_width = table->bytes[at + GAS_BIT_WIDTH];
    result.address = load64(table->bytes + at + GAS_ADDRESS);
    return result;
}

/* The X_ field where it is filled in, else the old 32-bit port. */
static struct acpi_register read_block(const struct acpi_table *table, u32 extended_at, u32 old_at, u32 length_at)
{
    struct acpi_register block = read_register(table, extended_at);
    if (!block.address) {
        block.space = ACPI_SPACE_IO;
        block.bit_width = (u8)(table->bytes[length_at] * 8);
        block.address = load32(table->bytes + old_at);
    }
    return block;
}

static u64 read_pointer(const struct acpi_table *table, u32 extended_at, u32 old_at)
{
    u64 extended = table->length >= extended_at + 8 ? load64(table->bytes + extended_at) : 0;
    return extended ? extended : load32(table->bytes + old_at);
}

enum acpi_status acpi_read_fadt(const struct acpi_table *table, struct acpi_fadt *fadt)
{
    *fadt = (struct acpi_fadt){0};
    if (table->length < FADT_SIZE_MIN || memcmp(table->bytes, "FACP", 4))
        return ACPI_BAD_TABLE;
    u32 flags = load32(table->bytes + FADT_FLAGS);
    fadt->hardware_reduced = flags & FADT_HW_REDUCED_ACPI;
    if (!fadt->hardware_reduced) { /* those fields mean nothing on such a machine */
        fadt->pm1a_control = read_block(table, FADT_X_PM1A_CNT_BLK, FADT_PM1A_CNT_BLK, FADT_PM1_CNT_LEN);
        fadt->pm1a_event = read_block(table, FADT_X_PM1A_EVT_BLK, FADT_PM1A_EVT_BLK, FADT_PM1_EVT_LEN);
        fadt->pm1b_control = read_block(table, FADT_X_PM1B_CNT_BLK, FADT_PM1B_CNT_BLK, FADT_PM1_CNT_LEN);
        fadt->pm1b_event = read_block(table, FADT_X_PM1B_EVT_BLK, FADT_PM1B_EVT_BLK, FADT_PM1_EVT_LEN);
        fadt->timer = read_block(table, FADT_X_PM_TMR_BLK, FADT_PM_TMR_BLK, FADT_PM_TMR_LEN);
        fadt->smi_command = load32(table->bytes + FADT_SMI_CMD);
        fadt->acpi_enable = table->bytes[FADT_ACPI_ENABLE];
    }
    fadt->reset = read_register(table, FADT_RESET_REG);
    fadt->reset_supported = (flags & FADT_RESET_REG_SUP) && fadt->reset.address;
    fadt->reset_value = table->length > FADT_RESET_VALUE ? table->bytes[FADT_RESET_VALUE] : 0;
    fadt->sleep_control = read_register(table, FADT_SLEEP_CONTROL_REG);
    fadt->sleep_status = read_register(table, FADT_SLEEP_STATUS_REG);
    fadt->dsdt = read_pointer(table, FADT_X_DSDT, FADT_DSDT);
    fadt->facs = read_pointer(table, FADT_X_FACS, FADT_FACS);
    return ACPI_OK;
}

struct aml {
    const u8 *at, *end;
};

static bool aml_byte(struct aml *aml, u8 *byte)
{
    if (aml->at == aml->end)
        return false;
    *byte = *aml->at++;
    return true;
}

/* "Package Length Encoding": the two high bits of the first byte say how many more there are. The length counts them.
 */
static bool aml_package(struct aml *aml)
{
    const u8 *start = aml->at;
    u8 lead, byte;
    if (!aml_byte(aml, &lead))
        return false;
    u32 more = lead >> 6;
    u64 length = more ? lead & 0xf : lead & 0x3f;
    for (u32 i = 0; i < more; i++) {
        if (!aml_byte(aml, &byte))
            return false;
        length |= (u64)byte << (4 + 8 * i);
    }
    if (length < (u64)(aml->at - start) || length > (u64)(aml->end - start))
        return false;
    aml->end = start + length;
    return true;
}

/* An integer constant in any of its forms. Ones (all bits set) cannot be a sleep type: the caller's limit refuses it.
 */
static bool aml_integer(struct aml *aml, u64 *value)
{
    u8 op, byte;
    u32 bytes;
    *value = 0;
    if (!aml_byte(aml, &op))
        return false;
    switch (op) {
    case AML_ZERO:
    case AML_ONE:
        *value = op;
        return true;
    case AML_ONES:
        *value = ~0ull;
        return true;
    case AML_BYTE:
        bytes = 1;
        break;
    case AML_WORD:
        bytes = 2;
        break;
    case AML_DWORD:
        bytes = 4;
        break;
    case AML_QWORD:
        bytes = 8;
        break;
    default:
        return false;
    }
    for (u32 i = 0; i < bytes; i++) {
        if (!aml_byte(aml, &byte))
            return false;
        *value |= (u64)byte << (8 * i);
    }
    return true;
}

/* PackageOp PkgLength NumElements, then the elements: SLP_TYPa and SLP_TYPb (ACPI specification, "\_Sx"). */
static bool read_s5_package(struct aml aml, u8 *type_a, u8 *type_b)
{
    u8 op, elements;
    u64 a, b = 0;
    if (!aml_byte(&aml, &op) || op != AML_PACKAGE || !aml_package(&aml) || !aml_byte(&aml, &elements) || !elements)
        return false;
    if (!aml_integer(&aml, &a) || (elements > 1 && !aml_integer(&aml, &b)))
        return false;
    if (a > SLP_TYP_MAX || b > SLP_TYP_MAX)
        return false;
    *type_a = (u8)a;
    *type_b = (u8)b;
    return true;
}

/*
 * The scan finds NameOp, an optional root prefix, and the name; no AML is interpreted. The same bytes inside other data
 * would have to be followed by a well-formed package of small numbers to be mistaken for it.
 */
bool acpi_find_s5(const u8 *aml, u32 length, u8 *type_a, u8 *type_b)
{
    for (u32 i = 1; i + 4 <= length; i++) {
        if (aml[i] != '_' || memcmp(aml + i, "_S5_", 4))
            continue;
        bool named = aml[i - 1] == AML_NAME || (i >= 2 && aml[i - 1] == AML_ROOT && aml[i - 2] == AML_NAME);
        if (named && read_s5_package((struct aml){aml + i + 4, aml + length}, type_a, type_b))
            return true;
    }
    return false;
}

static bool find_s5_in(const struct acpi_table *table, struct guard_config *config)
{
    return acpi_find_s5(table->bytes + ACPI_HEADER_SIZE, table->length - ACPI_HEADER_SIZE, &config->s5_type_a,
                        &config->s5_type_b);
}

/* A DSDT with a wrong checksum is used all the same, as other systems do: it is only searched. */
static bool find_s5(const struct acpi_root *root, u64 dsdt, struct guard_config *config)
{
    struct acpi_table table;
    enum acpi_status status = acpi_read_table_at(root, dsdt, &table);
    if ((status == ACPI_OK || status == ACPI_BAD_CHECKSUM) && find_s5_in(&table, config))
        return true;
    for (u32 i = 0; i < ACPI_TABLES_MAX; i++) {
        status = acpi_find_table(root, "SSDT", i, &table);
        if (status == ACPI_NOT_FOUND)
            return false;
        if (find_s5_in(&table, config))
            return true;
    }
    return false;
}

/* The register's port; 0 when there is none. */
static u16 port_of(const struct acpi_register *where, bool *memory_space)
{
    if (!where->address)
        return 0;
    if (where->space == ACPI_SPACE_IO && where->address <= 0xffff)
        return (u16)where->address;
    *memory_space = true;
    return 0;
}

enum acpi_status acpi_guard_config(const struct acpi_root *root, struct guard_config *config, bool *memory_space)
{
    struct acpi_table table;
    struct acpi_fadt fadt;
    bool timer_elsewhere;
    *config = (struct guard_config){0};
    *memory_space = false;
    enum acpi_status status = acpi_find_table(root, "FACP", 0, &table);
    if (status == ACPI_OK)
        status = acpi_read_fadt(&table, &fadt);
    if (status != ACPI_OK)
        return status;
    config->pm1a_control = port_of(&fadt.pm1a_control, memory_space);
    config->pm1a_status = port_of(&fadt.pm1a_event, memory_space);
    config->pm1b_control = port_of(&fadt.pm1b_control, memory_space);
    config->pm1b_status = port_of(&fadt.pm1b_event, memory_space);
    config->timer = port_of(&fadt.timer, &timer_elsewhere);
    if (fadt.hardware_reduced)
        config->sleep_control = port_of(&fadt.sleep_control, memory_space);
    if (fadt.reset_supported) {
        config->reset_port = port_of(&fadt.reset, memory_space);
        config->reset_value = fadt.reset_value;
    }
    config->has_s5 = find_s5(root, fadt.dsdt, config);
    return ACPI_OK;
}
