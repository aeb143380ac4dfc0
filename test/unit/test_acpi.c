/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of real firmware (QEMU 7.2: pc and q35 under SeaBIOS, q35 under OVMF; Bochs 2.7), and bad ones. */
#include "boot_test.h"

#include "boot/acpi.h"
#include "boot/bytes.h"

CAPTURED(pc_bytes, "test/data/acpi/qemu-pc.bin");
CAPTURED(q35_bytes, "test/data/acpi/qemu-q35.bin");
CAPTURED(ovmf_bytes, "test/data/acpi/ovmf.bin");
CAPTURED(bochs_bytes, "test/data/acpi/bochs.bin");

/* A piece of memory, as captured, and the RSDP that leads there. */
struct machine {
    const char *name;
    const u8 *bytes, *end;
    u64 base;
    u8 rsdp[36];
    u32 rsdp_length;
    u32 entry_size, tables;
    u32 cpus, enabled;
    bool has_mcfg;
    u16 pm1a, reset_port;
    u8 reset_value, s5;
};

#define RSDP_START 'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '

static const struct machine machines[] = {
    {.name = "QEMU pc",
     .bytes = pc_bytes,
     .end = pc_bytes_end,
     .base = 0xbffe0040,
     .rsdp = {RSDP_START, 0x8b, 'B', 'O', 'C', 'H', 'S', ' ', 0, 0xef, 0x1b, 0xfe, 0xbf},
     .rsdp_length = 20,
     .entry_size = 4,
     .tables = 4,
     .cpus = 4,
     .enabled = 4,
     .pm1a = 0x604,
     .s5 = 0},
    {.name = "QEMU q35",
     .bytes = q35_bytes,
     .end = q35_bytes_end,
     .base = 0x7ffe0040,
     .rsdp = {RSDP_START, 0xba, 'B', 'O', 'C', 'H', 'S', ' ', 0, 0xf8, 0x23, 0xfe, 0x7f},
     .rsdp_length = 20,
     .entry_size = 4,
     .tables = 5,
     .cpus = 4,
     .enabled = 2,
     .has_mcfg = true,
     .pm1a = 0x604,
     .reset_port = 0xcf9,
     .reset_value = 0x0f,
     .s5 = 0},
    {.name = "OVMF",
     .bytes = ovmf_bytes,
     .end = ovmf_bytes_end,
     .base = 0x3f774000,
     .rsdp = {RSDP_START, 0x56, 'B', 'O', 'C',  'H',  'S',  ' ',  2, 0x74, 0xd0, 0x77, 0x3f,
              0x24,       0,    0,   0,   0xe8, 0xd0, 0x77, 0x3f, 0, 0,    0,    0,    0x6e},
     .rsdp_length = 36,
     .entry_size = 8,
     .tables = 6,
     .cpus = 2,
     .enabled = 2,
     .has_mcfg = true,
     .pm1a = 0x604,
     .reset_port = 0xcf9,
     .reset_value = 0x0f,
     .s5 = 0},
    {.name = "Bochs",
     .bytes = bochs_bytes,
     .end = bochs_bytes_end,
     .base = 0x1fff0000,
     .rsdp = {RSDP_START, 0x34, 'B', 'O', 'C', 'H', 'S', ' ', 0, 0, 0, 0xff, 0x1f},
     .rsdp_length = 20,
     .entry_size = 4,
     .tables = 4,
     .cpus = 2,
     .enabled = 2,
     .pm1a = 0xb004,
     .s5 = 0},
};

/* Memory that can be written: a copy of the capture. */
struct arena {
    u8 *bytes;
    u64 base, length;
};

static void *map(void *context, u64 address, u64 length)
{
    struct arena *arena = context;
    if (address < arena->base || address - arena->base > arena->length ||
        length > arena->length - (address - arena->base))
        return NULL;
    return arena->bytes + (address - arena->base);
}

static struct arena arena;
static struct acpi_memory memory = {map, &arena};
static struct acpi_root root;

static void load(const struct machine *machine)
{
    free(arena.bytes);
    arena.length = (u64)(machine->end - machine->bytes);
    arena.bytes = heap_copy(machine->bytes, arena.length);
    arena.base = machine->base;
    assert_int_equal(acpi_open(&memory, machine->rsdp, machine->rsdp_length, &root), ACPI_OK);
}

static void real_roots(void **state)
{
    for (u32 i = 0; i < COUNT_OF(machines); i++) {
        const struct machine *machine = &machines[i];
        load(machine);
        assert_int_equal(root.entry_size, machine->entry_size);
        assert_int_equal(root.count, machine->tables);
        struct acpi_table table;
        assert_int_equal(acpi_find_table(&root, "HPET", 0, &table), ACPI_OK);
        assert_int_equal(table.length, 56);
        assert_int_equal(acpi_find_table(&root, "HPET", 1, &table), ACPI_NOT_FOUND);
        assert_int_equal(acpi_find_table(&root, "XXXX", 0, &table), ACPI_NOT_FOUND);
    }
}

static void real_power(void **state)
{
    for (u32 i = 0; i < COUNT_OF(machines); i++) {
        const struct machine *machine = &machines[i];
        struct guard_config config;
        bool memory_space;
        load(machine);
        assert_int_equal(acpi_guard_config(&root, &config, &memory_space), ACPI_OK);
        assert_false(memory_space);
        assert_int_equal(config.pm1a_control, machine->pm1a);
        assert_int_equal(config.pm1a_status, machine->pm1a - 4); /* one block on each of these machines */
        assert_int_equal(config.pm1b_control, 0);
        assert_true(config.has_s5);
        assert_int_equal(config.s5_type_a, machine->s5);
        assert_int_equal(config.s5_type_b, machine->s5);
        assert_int_equal(config.reset_port, machine->reset_port);
        assert_int_equal(config.reset_value, machine->reset_value);
        assert_int_equal(config.sleep_control, 0);
    }
}

static void real_processors(void **state)
{
    for (u32 i = 0; i < COUNT_OF(machines); i++) {
        const struct machine *machine = &machines[i];
        struct acpi_table madt;
        struct acpi_cpu cpus[8];
        u32 count, hidden;
        u64 lapic;
        load(machine);
        assert_int_equal(acpi_find_table(&root, "APIC", 0, &madt), ACPI_OK);
        assert_int_equal(acpi_madt_cpus(&madt, cpus, 8, &count), ACPI_OK);
        assert_in_range(count, machine->enabled, machine->cpus);
        u32 enabled = 0;
        for (u32 n = 0; n < count; n++)
            enabled += cpus[n].enabled;
        assert_int_equal(enabled, machine->enabled);
        assert_int_equal(acpi_madt_lapic(&madt, &lapic), ACPI_OK);
        assert_int_equal(lapic, 0xfee00000);

        assert_int_equal(acpi_madt_keep_one(&madt, 77, &hidden), ACPI_NOT_FOUND);
        assert_int_equal(acpi_madt_keep_one(&madt, 0, &hidden), ACPI_OK);
        assert_int_equal(hidden, count - 1);
        assert_int_equal(acpi_find_table(&root, "APIC", 0, &madt), ACPI_OK); /* the checksum is right again */
        assert_int_equal(acpi_madt_cpus(&madt, cpus, 8, &count), ACPI_OK);
        assert_int_equal(count, 1);
        assert_int_equal(cpus[0].apic_id, 0);
        assert_true(cpus[0].enabled);
        assert_int_equal(acpi_madt_keep_one(&madt, 0, &hidden), ACPI_OK);
        assert_int_equal(hidden, 0);
    }
}

static void real_ecam(void **state)
{
    for (u32 i = 0; i < COUNT_OF(machines); i++) {
        struct acpi_table mcfg;
        struct acpi_ecam windows[2];
        u32 count;
        load(&machines[i]);
        enum acpi_status status = acpi_find_table(&root, "MCFG", 0, &mcfg);
        assert_int_equal(status, machines[i].has_mcfg ? ACPI_OK : ACPI_NOT_FOUND);
        if (status != ACPI_OK)
            continue;
        assert_int_equal(acpi_read_mcfg(&mcfg, windows, 2, &count), ACPI_OK);
        assert_int_equal(count, 1);
        assert_int_equal(windows[0].base, 0xb0000000);
        assert_int_equal(windows[0].segment, 0);
        assert_int_equal(windows[0].last_bus, 255);
        assert_int_equal(acpi_read_mcfg(&mcfg, windows, 0, &count), ACPI_NO_ROOM);
    }
}

/* ---- where the RSDP is ---- */

static u8 low[0x100000];

static void put_rsdp(u32 at)
{
    memcpy(low + at, machines[0].rsdp, 20);
}

static void *map_low(void *context, u64 address, u64 length)
{
    return address + length <= sizeof(low) ? low + address : NULL;
}

static void find_rsdp(void **state)
{
    const struct acpi_memory low_memory = {map_low, NULL};
    u64 at = 0;
    memset(low, 0, sizeof(low));
    assert_int_equal(acpi_find_rsdp(&low_memory, &at), ACPI_NO_RSDP);
    put_rsdp(0xf59b0);
    assert_int_equal(acpi_find_rsdp(&low_memory, &at), ACPI_OK);
    assert_int_equal(at, 0xf59b0);
    put_rsdp(0xe0000);
    low[0xe0008]++;    /* bad checksum: passed over */
    put_rsdp(0xe0018); /* not on a 16-byte boundary */
    assert_int_equal(acpi_find_rsdp(&low_memory, &at), ACPI_OK);
    assert_int_equal(at, 0xf59b0);
    put_rsdp(0x9fc10);
    store16(low + 0x40e, 0x9fc0);
    assert_int_equal(acpi_find_rsdp(&low_memory, &at), ACPI_OK);
    assert_int_equal(at, 0x9fc10);
    const u16 wild[] = {0, 0x10, 0xffff, 0xffc1};
    for (u32 i = 0; i < COUNT_OF(wild); i++) {
        store16(low + 0x40e, wild[i]);
        assert_int_equal(acpi_find_rsdp(&low_memory, &at), ACPI_OK);
        assert_int_equal(at, 0xf59b0);
    }
    memset(low, 0, sizeof(low));
    memcpy(low + 0xffff0, machines[0].rsdp, 16); /* the rest does not fit */
    assert_int_equal(acpi_find_rsdp(&low_memory, &at), ACPI_NO_RSDP);
    assert_int_equal(acpi_find_rsdp(&memory, &at), ACPI_UNREADABLE);
}

static void bad_rsdp(void **state)
{
    u8 rsdp[36];
    load(&machines[2]);
    memcpy(rsdp, machines[2].rsdp, 36);
    assert_int_equal(acpi_open(&memory, NULL, 36, &root), ACPI_NO_RSDP);
    for (u32 length = 0; length < 20; length++) {
        u8 *copy = heap_copy(rsdp, length);
        assert_int_equal(acpi_open(&memory, copy, length, &root), ACPI_NO_RSDP);
        free(copy);
    }
    /* With fewer bytes than the new RSDP has, or a bad second checksum, the RSDT serves. */
    for (u32 length = 20; length < 36; length++) {
        u8 *copy = heap_copy(rsdp, length);
        assert_int_equal(acpi_open(&memory, copy, length, &root), ACPI_OK);
        assert_int_equal(root.entry_size, 4);
        free(copy);
    }
    rsdp[35]++;
    assert_int_equal(acpi_open(&memory, rsdp, 36, &root), ACPI_OK);
    assert_int_equal(root.entry_size, 4);
    rsdp[3] = 'x';
    assert_int_equal(acpi_open(&memory, rsdp, 36, &root), ACPI_NO_RSDP);
}

/* ---- a machine made of parts: tables at ARENA, RSDT first ---- */

#define ARENA 0x70000000u
#define RSDT_AT ARENA

static u32 next_at;
static u32 rsdt_count;
static u8 made_rsdp[20];

static void fix_checksum(u8 *table)
{
    u32 length = load32(table + 4);
    u8 sum = 0;
    table[9] = 0;
    for (u32 i = 0; i < length; i++)
        sum = (u8)(sum + table[i]);
    table[9] = (u8)-sum;
}

static u8 *at(u32 address)
{
    return arena.bytes + (address - ARENA);
}

static u32 table_alone(const char *signature, const u8 *body, u32 length)
{
    u32 address = next_at;
    memcpy(at(address), signature, 4);
    store32(at(address) + 4, 36 + length);
    if (length)
        memcpy(at(address) + 36, body, length);
    fix_checksum(at(address));
    next_at += (u32)align_up(36 + length, 16);
    return address;
}

static u8 *table(const char *signature, const u8 *body, u32 length)
{
    u32 address = table_alone(signature, body, length);
    store32(at(RSDT_AT) + 36 + 4 * rsdt_count++, address);
    store32(at(RSDT_AT) + 4, 36 + 4 * rsdt_count);
    fix_checksum(at(RSDT_AT));
    return at(address);
}

static void machine_begin(void)
{
    free(arena.bytes);
    arena = (struct arena){calloc(1, 0x4000), ARENA, 0x4000};
    rsdt_count = 0;
    next_at = ARENA + 0x800;
    memcpy(at(RSDT_AT), "RSDT", 4);
    store32(at(RSDT_AT) + 4, 36);
    fix_checksum(at(RSDT_AT));
    memset(made_rsdp, 0, sizeof(made_rsdp));
    memcpy(made_rsdp, "RSD PTR ", 8);
    store32(made_rsdp + 16, RSDT_AT);
    u8 sum = 0;
    for (u32 i = 0; i < 20; i++)
        sum = (u8)(sum + made_rsdp[i]);
    made_rsdp[8] = (u8)-sum;
}

static enum acpi_status machine_open(void)
{
    return acpi_open(&memory, made_rsdp, 20, &root);
}

static void bad_tables(void **state)
{
    struct acpi_table found;
    machine_begin();
    table("AAAA", NULL, 0);
    table("BBBB", (const u8 *)"12", 2);
    table("AAAA", (const u8 *)"3", 1);
    assert_int_equal(machine_open(), ACPI_OK);
    assert_int_equal(acpi_find_table(&root, "AAAA", 1, &found), ACPI_OK);
    assert_int_equal(found.length, 37);

    u8 *second = at(load32(at(RSDT_AT) + 40));
    second[37]++; /* "BBBB": checksum */
    assert_int_equal(acpi_find_table(&root, "BBBB", 0, &found), ACPI_BAD_CHECKSUM);
    const u32 lengths[] = {0, 35, ACPI_TABLE_MAX + 1, 0xffffffff, 0x3000000};
    for (u32 i = 0; i < COUNT_OF(lengths); i++) {
        store32(second + 4, lengths[i]);
        assert_int_equal(acpi_find_table(&root, "BBBB", 0, &found), ACPI_NOT_FOUND);
        assert_int_equal(acpi_find_table(&root, "AAAA", 1, &found), ACPI_OK); /* behind it */
    }
    const u32 addresses[] = {0, 1, ARENA - 1, ARENA + 0x4000, ARENA + 0x4000 - 35, 0xffffffff};
    for (u32 i = 0; i < COUNT_OF(addresses); i++) {
        store32(at(RSDT_AT) + 40, addresses[i]);
        assert_int_equal(acpi_find_table(&root, "AAAA", 1, &found), ACPI_OK);
    }
    store32(at(RSDT_AT) + 40, RSDT_AT); /* a root that lists itself does not loop */
    assert_int_equal(acpi_find_table(&root, "BBBB", 0, &found), ACPI_NOT_FOUND);
}

static void *map_everything(void *context, u64 address, u64 length)
{
    static u8 header[36] = {'R', 'S', 'D', 'T'};
    store32(header + 4, *(u32 *)context);
    if (length > ACPI_TABLE_MAX)
        fail_msg("%llx bytes were asked for", (unsigned long long)length);
    return length > sizeof(header) ? NULL : header;
}

static void huge_tables(void **state)
{
    u32 length = ACPI_TABLE_MAX;
    const struct acpi_memory everything = {map_everything, &length};
    machine_begin();
    assert_int_equal(acpi_open(&everything, made_rsdp, 20, &root), ACPI_UNREADABLE);
    length++;
    assert_int_equal(acpi_open(&everything, made_rsdp, 20, &root), ACPI_BAD_TABLE);
    length = ~0u;
    assert_int_equal(acpi_open(&everything, made_rsdp, 20, &root), ACPI_BAD_TABLE);
}

static void bad_roots(void **state)
{
    machine_begin();
    at(RSDT_AT)[20]++;
    assert_int_equal(machine_open(), ACPI_BAD_CHECKSUM);
    machine_begin();
    store32(at(RSDT_AT) + 4, 36 + 4 * (ACPI_TABLES_MAX + 1));
    fix_checksum(at(RSDT_AT));
    assert_int_equal(machine_open(), ACPI_BAD_TABLE);
    store32(at(RSDT_AT) + 4, 20);
    assert_int_equal(machine_open(), ACPI_BAD_TABLE);
    store32(at(RSDT_AT) + 4, 0x5000);
    assert_int_equal(machine_open(), ACPI_UNREADABLE);
    machine_begin();
    memcpy(at(RSDT_AT), "XSDT", 4);
    fix_checksum(at(RSDT_AT));
    assert_int_equal(machine_open(), ACPI_BAD_TABLE);
    machine_begin();
    store32(at(RSDT_AT) + 4, 36 + 3); /* a piece of an entry is none */
    fix_checksum(at(RSDT_AT));
    assert_int_equal(machine_open(), ACPI_OK);
    assert_int_equal(root.count, 0);
}

/* ---- FADT ---- */

static u8 fadt_body[240];

static void gas(u32 offset, u8 space, u64 address)
{
    fadt_body[offset - 36] = space;
    fadt_body[offset - 36 + 1] = 8;
    store64(fadt_body + offset - 36 + 4, address);
}

static void field(u32 offset, u32 value)
{
    store32(fadt_body + offset - 36, value);
}

static enum acpi_status guards(u32 fadt_length, struct guard_config *config, bool *memory_space)
{
    table("FACP", fadt_body, fadt_length - 36);
    assert_int_equal(machine_open(), ACPI_OK);
    return acpi_guard_config(&root, config, memory_space);
}

static const u8 s5_plain[] = {0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 0x05, 0x0a, 0x07, 0x00, 0x00};

static void fadt_forms(void **state)
{
    struct guard_config config;
    bool memory_space;
    machine_begin();
    memset(fadt_body, 0, sizeof(fadt_body));
    field(40, table_alone("DSDT", s5_plain, sizeof(s5_plain)));
    field(56, 0x1000);
    field(60, 0x1010);
    field(64, 0x1004);
    field(68, 0x1008);
    assert_int_equal(guards(116, &config, &memory_space), ACPI_OK); /* ACPI 1.0 */
    assert_int_equal(config.pm1a_control, 0x1004);
    assert_int_equal(config.pm1b_control, 0x1008);
    assert_int_equal(config.pm1a_status, 0x1000);
    assert_int_equal(config.pm1b_status, 0x1010);
    assert_int_equal(config.reset_port, 0);
    assert_true(config.has_s5);
    assert_int_equal(config.s5_type_a, 5);
    assert_int_equal(config.s5_type_b, 7);

    machine_begin(); /* X_ fields win, and the new pointer to the DSDT */
    field(40, 0xdead0000);
    store64(fadt_body + 140 - 36, table_alone("DSDT", s5_plain, sizeof(s5_plain)));
    gas(172, ACPI_SPACE_IO, 0x2004);
    gas(116, ACPI_SPACE_IO, 0xb2);
    field(112, BIT(10));
    fadt_body[128 - 36] = 0x73;
    assert_int_equal(guards(244, &config, &memory_space), ACPI_OK);
    assert_int_equal(config.pm1a_control, 0x2004);
    assert_int_equal(config.pm1b_control, 0x1008);
    assert_int_equal(config.reset_port, 0xb2);
    assert_int_equal(config.reset_value, 0x73);
    assert_true(config.has_s5);
    assert_false(memory_space);

    machine_begin(); /* the reset register without its flag; registers in memory */
    field(112, 0);
    gas(172, ACPI_SPACE_MEMORY, 0xfed00000);
    assert_int_equal(guards(244, &config, &memory_space), ACPI_OK);
    assert_int_equal(config.reset_port, 0);
    assert_int_equal(config.pm1a_control, 0);
    assert_true(memory_space);
}

static void hardware_reduced(void **state)
{
    struct guard_config config;
    bool memory_space;
    machine_begin();
    memset(fadt_body, 0, sizeof(fadt_body));
    field(64, 0x1004); /* to be ignored */
    field(112, BIT(20) | BIT(10));
    gas(244, ACPI_SPACE_IO, 0x3000);
    fadt_body[256 - 36] = 0;
    gas(116, ACPI_SPACE_IO, 0x10000);
    table("SSDT", (const u8 *)"nothing", 7);
    table("SSDT", s5_plain, sizeof(s5_plain)); /* no DSDT: found here */
    assert_int_equal(guards(268, &config, &memory_space), ACPI_OK);
    assert_int_equal(config.pm1a_control, 0);
    assert_int_equal(config.sleep_control, 0x3000);
    assert_int_equal(config.reset_port, 0); /* no such port */
    assert_true(memory_space);
    assert_true(config.has_s5);
    assert_int_equal(config.s5_type_a, 5);
}

static void bad_fadt(void **state)
{
    struct guard_config config;
    bool memory_space;
    machine_begin();
    assert_int_equal(machine_open(), ACPI_OK);
    assert_int_equal(acpi_guard_config(&root, &config, &memory_space), ACPI_NOT_FOUND);
    memset(fadt_body, 0, sizeof(fadt_body));
    assert_int_equal(guards(115, &config, &memory_space), ACPI_BAD_TABLE);
    machine_begin();
    field(40, 0x12345678);
    assert_int_equal(guards(116, &config, &memory_space), ACPI_OK);
    assert_false(config.has_s5);
}

/* ---- \_S5_ ---- */

static bool s5(const u8 *aml, u32 length, u8 *a, u8 *b)
{
    u8 *copy = heap_copy(aml, length);
    *a = *b = 0xee;
    bool found = acpi_find_s5(copy, length, a, b);
    free(copy);
    return found;
}

#define S5(a, b, ...)                                                                                                  \
    do {                                                                                                               \
        const u8 aml[] = {__VA_ARGS__};                                                                                \
        u8 got_a, got_b;                                                                                               \
        assert_true(s5(aml, sizeof(aml), &got_a, &got_b));                                                             \
        assert_int_equal(got_a, a);                                                                                    \
        assert_int_equal(got_b, b);                                                                                    \
    } while (0)

#define NO_S5(...)                                                                                                     \
    do {                                                                                                               \
        const u8 aml[] = {__VA_ARGS__};                                                                                \
        u8 got_a, got_b;                                                                                               \
        assert_false(s5(aml, sizeof(aml), &got_a, &got_b));                                                            \
    } while (0)

#define NAME 0x08, '_', 'S', '5', '_'

static void s5_forms(void **state)
{
    S5(0, 0, NAME, 0x12, 0x06, 0x04, 0x00, 0x00, 0x00, 0x00);                     /* ZeroOp */
    S5(1, 0, NAME, 0x12, 0x04, 0x02, 0x01, 0x00);                                 /* OneOp */
    S5(7, 5, NAME, 0x12, 0x06, 0x02, 0x0a, 0x07, 0x0a, 0x05);                     /* bytes */
    S5(5, 5, NAME, 0x12, 0x08, 0x02, 0x0b, 0x05, 0x00, 0x0b, 0x05, 0x00);         /* words */
    S5(3, 2, NAME, 0x12, 0x0c, 0x02, 0x0c, 3, 0, 0, 0, 0x0c, 2, 0, 0, 0);         /* double words */
    S5(3, 1, NAME, 0x12, 0x0c, 0x02, 0x0e, 3, 0, 0, 0, 0, 0, 0, 0, 0x01);         /* quad word */
    S5(4, 0, NAME, 0x12, 0x04, 0x01, 0x0a, 0x04);                                 /* one element */
    S5(6, 6, 0x08, '\\', '_', 'S', '5', '_', 0x12, 0x06, 0x02, 0x0a, 6, 0x0a, 6); /* with a root prefix */
    S5(5, 0, NAME, 0x12, 0x46, 0x00, 0x02, 0x0a, 0x05, 0x00);                     /* package length in two bytes */
    S5(5, 0, NAME, 0x12, 0x87, 0x00, 0x00, 0x02, 0x0a, 0x05, 0x00);               /* three */
    S5(5, 0, NAME, 0x12, 0xc8, 0x00, 0x00, 0x00, 0x02, 0x0a, 0x05, 0x00);         /* four */
    S5(5, 0, NAME, 0x12, 0x47, 0x01, 0x02, 0x0a, 0x05, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
       0); /* 23 */
    /* A reference or a wrong object first; the real one behind it. */
    S5(5, 0, '_', 'S', '5', '_', NAME, 0x0a, 0x05, NAME, 0x12, 0x05, 0x02, 0x0a, 0x05, 0x00);
}

static void s5_malformed(void **state)
{
    NO_S5(0);
    NO_S5('_', 'S', '5', '_');
    NO_S5('_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x00, 0x00); /* no NameOp */
    NO_S5(NAME);
    NO_S5(NAME, 0x12);
    NO_S5(NAME, 0x12, 0x06);
    NO_S5(NAME, 0x12, 0x06, 0x02, 0x0a, 0x05, 0x0a); /* shorter than it says */
    NO_S5(NAME, 0x12, 0x00, 0x02, 0x00, 0x00);       /* a length less than its own bytes */
    NO_S5(NAME, 0x12, 0xc1);
    NO_S5(NAME, 0x12, 0xff, 0xff, 0xff, 0xff, 0x02, 0x00, 0x00);
    NO_S5(NAME, 0x12, 0x47, 0x01, 0x02, 0x0a, 0x05, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
          0);                                        /* 22 of 23 */
    NO_S5(NAME, 0x12, 0x03, 0x00, 0x00, 0x00);       /* no elements */
    NO_S5(NAME, 0x12, 0x03, 0x02, 0x00, 0x00);       /* the second element is behind the package */
    NO_S5(NAME, 0x12, 0x04, 0x02, 0xff, 0x00);       /* Ones */
    NO_S5(NAME, 0x12, 0x05, 0x02, 0x0a, 0x08, 0x00); /* four bits */
    NO_S5(NAME, 0x12, 0x05, 0x02, 0x0d, 0x41, 0x00); /* a string */
    NO_S5(NAME, 0x11, 0x05, 0x02, 0x0a, 0x05, 0x00); /* a buffer */
}

static void s5_in_real_dsdt_cut_anywhere(void **state)
{
    struct acpi_table dsdt = {0};
    load(&machines[1]);
    dsdt.bytes = map(&arena, 0x7ffe0040, 8600);
    u8 a, b;
    u32 found_from = 0;
    for (u32 length = 0; length <= 8600 - 36; length++) {
        bool found = s5(dsdt.bytes + 36, length, &a, &b);
        if (found && !found_from)
            found_from = length;
        assert_true(found == (found_from != 0));
    }
    assert_true(found_from > 0);
}

/* ---- MADT ---- */

static void madt_x2apic(void **state)
{
    const u8 body[] = {
        0, 0,  0xe0, 0xfe, 1,    0, 0,    0,                            /* LAPIC address, flags */
        0, 8,  0,    0,    1,    0, 0,    0,                            /* APIC 0, enabled */
        0, 8,  1,    0xff, 1,    0, 0,    0,                            /* no processor */
        0, 8,  2,    2,    0,    0, 0,    0,                            /* not enabled, not capable */
        0, 8,  3,    3,    2,    0, 0,    0,                            /* online capable */
        9, 16, 0,    0,    0x00, 1, 0,    0,    1, 0, 0, 0, 4, 0, 0, 0, /* x2APIC 256, enabled */
        9, 16, 0,    0,    0x01, 1, 0,    0,    3, 0, 0, 0, 5, 0, 0, 0, /* x2APIC 257, both flags */
        1, 12, 0,    0,    0,    0, 0xc0, 0xfe, 0, 0, 0, 0,             /* I/O APIC */
        5, 12, 0,    0,    0,    0, 0,    0,    1, 0, 0, 0,             /* LAPIC at 4 GiB */
        4, 6,  0xff, 5,    0,    1,                                     /* NMI */
    };
    struct acpi_table madt;
    struct acpi_cpu cpus[4];
    u32 count, hidden;
    u64 lapic;
    machine_begin();
    table("APIC", body, sizeof(body));
    assert_int_equal(machine_open(), ACPI_OK);
    assert_int_equal(acpi_find_table(&root, "APIC", 0, &madt), ACPI_OK);
    assert_int_equal(acpi_madt_cpus(&madt, cpus, 3, &count), ACPI_NO_ROOM);
    assert_int_equal(count, 4);
    assert_int_equal(acpi_madt_cpus(&madt, cpus, 4, &count), ACPI_OK);
    assert_int_equal(cpus[1].apic_id, 3);
    assert_false(cpus[1].enabled);
    assert_int_equal(cpus[3].apic_id, 257);
    assert_true(cpus[3].x2apic);
    assert_int_equal(acpi_madt_lapic(&madt, &lapic), ACPI_OK);
    assert_int_equal(lapic, 0x100000000);

    assert_int_equal(acpi_madt_keep_one(&madt, 3, &hidden), ACPI_NOT_FOUND); /* only online capable */
    assert_int_equal(acpi_madt_keep_one(&madt, 255, &hidden), ACPI_NOT_FOUND);
    assert_int_equal(acpi_madt_keep_one(&madt, 257, &hidden), ACPI_OK);
    assert_int_equal(hidden, 3);
    assert_int_equal(acpi_find_table(&root, "APIC", 0, &madt), ACPI_OK);
    assert_int_equal(acpi_madt_cpus(&madt, cpus, 4, &count), ACPI_OK);
    assert_int_equal(count, 1);
    assert_int_equal(cpus[0].apic_id, 257);
    assert_int_equal(load32(madt.bytes + 36 + 64), 3); /* its own flags are as they were */
}

static void bad_madt(void **state)
{
    const u8 lengths[] = {0, 1, 9, 255};
    struct acpi_table madt;
    struct acpi_cpu cpus[4];
    u32 count, hidden;
    u64 lapic;
    for (u32 i = 0; i < COUNT_OF(lengths); i++) {
        u8 body[] = {0, 0, 0xe0, 0xfe, 1, 0, 0, 0, 0, 8, 0, 0, 1, 0, 0, 0, 0, lengths[i], 1, 1, 1, 0, 0, 0};
        machine_begin();
        table("APIC", body, sizeof(body));
        assert_int_equal(machine_open(), ACPI_OK);
        assert_int_equal(acpi_find_table(&root, "APIC", 0, &madt), ACPI_OK);
        assert_int_equal(acpi_madt_cpus(&madt, cpus, 4, &count), ACPI_BAD_TABLE);
        assert_int_equal(acpi_madt_lapic(&madt, &lapic), ACPI_BAD_TABLE);
        assert_int_equal(acpi_madt_keep_one(&madt, 0, &hidden), ACPI_BAD_TABLE);
        assert_int_equal(madt.bytes[36 + 8 + 8 + 4], 1); /* nothing was changed */
    }
    const u8 piece[] = {0, 0, 0xe0, 0xfe, 1, 0, 0, 0, 0};
    machine_begin();
    table("APIC", piece, 9);
    table("APIC", piece, 7);
    assert_int_equal(machine_open(), ACPI_OK);
    assert_int_equal(acpi_find_table(&root, "APIC", 0, &madt), ACPI_OK);
    assert_int_equal(acpi_madt_cpus(&madt, cpus, 4, &count), ACPI_BAD_TABLE);
    assert_int_equal(acpi_find_table(&root, "APIC", 1, &madt), ACPI_OK);
    assert_int_equal(acpi_madt_cpus(&madt, cpus, 4, &count), ACPI_BAD_TABLE);
    const u8 short_entry[] = {0, 0, 0xe0, 0xfe, 1, 0, 0, 0, 0, 7, 0, 0, 1, 0, 0}; /* a LAPIC entry of seven bytes */
    machine_begin();
    table("APIC", short_entry, sizeof(short_entry));
    assert_int_equal(machine_open(), ACPI_OK);
    assert_int_equal(acpi_find_table(&root, "APIC", 0, &madt), ACPI_OK);
    assert_int_equal(acpi_madt_cpus(&madt, cpus, 4, &count), ACPI_OK);
    assert_int_equal(count, 0);
}

static void bad_mcfg(void **state)
{
    u8 body[8 + 16 + 15] = {0};
    struct acpi_table mcfg;
    struct acpi_ecam windows[4];
    u32 count;
    machine_begin();
    store64(body + 8, 0xe0000000);
    body[8 + 11] = 0x3f;
    table("MCFG", body, sizeof(body));
    assert_int_equal(machine_open(), ACPI_OK);
    assert_int_equal(acpi_find_table(&root, "MCFG", 0, &mcfg), ACPI_OK);
    assert_int_equal(acpi_read_mcfg(&mcfg, windows, 4, &count), ACPI_OK);
    assert_int_equal(count, 1);
    assert_int_equal(windows[0].last_bus, 0x3f);
    mcfg.bytes[36 + 8 + 10] = 0x40; /* first bus behind the last */
    assert_int_equal(acpi_read_mcfg(&mcfg, windows, 4, &count), ACPI_BAD_TABLE);
    mcfg.length = 43;
    assert_int_equal(acpi_read_mcfg(&mcfg, windows, 4, &count), ACPI_BAD_TABLE);
}

static void statuses_have_texts(void **state)
{
    for (u32 i = 0; i <= ACPI_NO_ROOM; i++)
        assert_string_not_equal(acpi_status_text((enum acpi_status)i), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_roots),
        cmocka_unit_test(real_power),
        cmocka_unit_test(real_processors),
        cmocka_unit_test(real_ecam),
        cmocka_unit_test(find_rsdp),
        cmocka_unit_test(bad_rsdp),
        cmocka_unit_test(bad_tables),
        cmocka_unit_test(huge_tables),
        cmocka_unit_test(bad_roots),
        cmocka_unit_test(fadt_forms),
        cmocka_unit_test(hardware_reduced),
        cmocka_unit_test(bad_fadt),
        cmocka_unit_test(s5_forms),
        cmocka_unit_test(s5_malformed),
        cmocka_unit_test(s5_in_real_dsdt_cut_anywhere),
        cmocka_unit_test(madt_x2apic),
        cmocka_unit_test(bad_madt),
        cmocka_unit_test(bad_mcfg),
        cmocka_unit_test(statuses_have_texts),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(arena.bytes);
    return failed;
}
