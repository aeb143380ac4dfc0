/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target for the parsers of boot/: the first byte selects one. Beyond what the sanitizers see, each answer is
 * checked: a map is normalised, a plan writes only to free RAM, a message fits its buffer.
 */
#include <stdlib.h>

#include "boot/acpi.h"
#include "boot/bytes.h"
#include "boot/guest_linux.h"
#include "boot/guest_multiboot.h"
#include "boot/guest_place.h"
#include "boot/multiboot2.h"
#include "boot/options.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* ---- options ---- */

static void count_line(void *context, const char *line)
{
    require(strlen(line) < 200);
    ++*(u32 *)context;
}

static void fuzz_options(const u8 *data, size_t size)
{
    struct options options;
    struct options_error error;
    char message[256];
    char *line = malloc(size + 1);
    memcpy(line, data, size);
    line[size] = 0;
    if (options_parse(line, &options, &error) == OPTIONS_OK) {
        u32 lines = 0;
        require(options_settle(&options, count_line, &lines) == lines);
        require(options.threshold >= 1 && options.threshold <= 255);
        require(options.cluster_max >= 2 && options.cluster_max <= 64);
        for (u32 i = 0; i < options.trap.mmio_count; i++)
            require(options.trap.mmio[i].start < options.trap.mmio[i].end &&
                    options.trap.mmio[i].end <= PHYSICAL_LIMIT);
        for (u32 i = 0; i < options.trap.port_count; i++)
            require(options.trap.ports[i].first <= options.trap.ports[i].last);
    } else {
        require(error.word >= line && error.word + error.word_length <= line + size);
        u32 length = options_message(&error, message, sizeof(message));
        require(length == strlen(message) && length > 0);
    }
    free(line);
}

/* ---- Multiboot2 ---- */

static struct multiboot2_info info;

static void check_map(const struct memory_map *map)
{
    for (u32 i = 0; i < map->count; i++) {
        require(map->entry[i].start < map->entry[i].end && map->entry[i].end <= PHYSICAL_LIMIT);
        require(!i || map->entry[i - 1].end <= map->entry[i].start);
        require(!i || map->entry[i - 1].end < map->entry[i].start || map->entry[i - 1].kind != map->entry[i].kind);
    }
}

static void check_string(const u8 *data, size_t size, const char *string)
{
    const u8 *at = (const u8 *)string;
    require(!*string || (at >= data && at + strlen(string) < data + size));
}

static void fuzz_multiboot2(const u8 *data, size_t size)
{
    u32 bad_tag;
    if (multiboot2_read(data, size, &info, &bad_tag) != MULTIBOOT2_OK)
        return;
    check_map(&info.map);
    check_string(data, size, info.command_line);
    check_string(data, size, info.loader_name);
    for (u32 i = 0; i < info.module_count; i++) {
        check_string(data, size, info.module[i].string);
        require(info.module[i].start <= info.module[i].end);
    }
    require(!info.rsdp || (info.rsdp >= data && info.rsdp + info.rsdp_length <= data + size));
    require(!info.efi_map || info.efi_map + info.efi_map_length <= data + size);
    memory_map_reserve(&info.map, 0x1000, 0x200000);
    check_map(&info.map);
}

/* ---- ACPI: the input is memory from TABLES_AT, with the RSDP in front ---- */

#define TABLES_AT 0x10000u
#define RSDP_LENGTH 36

struct tables {
    u8 *bytes;
    u64 length;
};

static void *map_tables(void *context, u64 address, u64 length)
{
    const struct tables *tables = context;
    if (address < TABLES_AT || address - TABLES_AT > tables->length || length > tables->length - (address - TABLES_AT))
        return NULL;
    return tables->bytes + (address - TABLES_AT);
}

/* Checksums would keep the fuzzer out: the RSDP's is made right, and the tables' where a table is where it should be.
 */
static void fix_sum(u8 *bytes, u64 length, u32 at)
{
    u8 sum = 0;
    for (u64 i = 0; i < length; i++)
        sum = (u8)(sum + bytes[i]);
    bytes[at] = (u8)(bytes[at] - sum);
}

static void fix_tables(struct tables *tables)
{
    for (u64 at = 0; at + 36 <= tables->length; at += 16) {
        u32 length = load32(tables->bytes + at + 4);
        if (length >= 36 && length <= tables->length - at)
            fix_sum(tables->bytes + at, length, (u32)9);
    }
}

static void use_tables(struct acpi_root *root)
{
    struct guard_config config;
    struct acpi_table table;
    struct acpi_cpu cpus[8];
    struct acpi_ecam windows[4];
    bool memory_space;
    u32 count, hidden;
    u64 lapic;
    acpi_guard_config(root, &config, &memory_space);
    require(config.s5_type_a < 8 && config.s5_type_b < 8);
    if (acpi_find_table(root, "MCFG", 0, &table) == ACPI_OK)
        acpi_read_mcfg(&table, windows, COUNT_OF(windows), &count);
    if (acpi_find_table(root, "APIC", 0, &table) != ACPI_OK)
        return;
    acpi_madt_lapic(&table, &lapic);
    if (acpi_madt_cpus(&table, cpus, COUNT_OF(cpus), &count) != ACPI_OK || !count)
        return;
    u32 own = cpus[0].apic_id;
    if (acpi_madt_keep_one(&table, own, &hidden) != ACPI_OK)
        return;
    require(acpi_find_table(root, "APIC", 0, &table) == ACPI_OK);
    require(acpi_madt_cpus(&table, cpus, COUNT_OF(cpus), &count) == ACPI_OK);
    for (u32 i = 0; i < count; i++)
        require(cpus[i].apic_id == own);
}

static void fuzz_acpi(const u8 *data, size_t size)
{
    u8 a, b;
    acpi_find_s5(data, (u32)size, &a, &b);
    if (size < RSDP_LENGTH)
        return;
    u8 rsdp[RSDP_LENGTH];
    memcpy(rsdp, data, sizeof(rsdp));
    memcpy(rsdp, "RSD PTR ", 8);
    fix_sum(rsdp, 20, 8);
    fix_sum(rsdp, sizeof(rsdp), 32);
    struct tables tables = {malloc(size - RSDP_LENGTH + 1), size - RSDP_LENGTH};
    memcpy(tables.bytes, data + RSDP_LENGTH, tables.length);
    fix_tables(&tables);
    const struct acpi_memory memory = {map_tables, &tables};
    struct acpi_root root;
    if (acpi_open(&memory, rsdp, sizeof(rsdp), &root) == ACPI_OK)
        use_tables(&root);
    free(tables.bytes);
}

/* ---- guests: a small machine, modules where the input says ---- */

#define MODULES_TOP 0x10000000u

static struct memory_map map;
static struct guest_request request;

/* The first bytes shape the machine; the rest is the image. */
static bool make_request(const u8 **data, size_t *size)
{
    static const struct range keep = {0x7f00000, 0x7f10000};
    if (*size < 16)
        return false;
    const u8 *shape = *data;
    *data += 16;
    *size -= 16;
    memset(&info, 0, sizeof(info));
    info.framebuffer.type = shape[0];
    info.module_count = 1 + shape[1] % 4;
    u64 at = 0x1000ull * load16(shape + 2);
    for (u32 i = 0; i < info.module_count; i++) {
        u64 length = i ? shape[4 + i] * 0x800ull : *size;
        info.module[i] = (struct multiboot2_module){at, at + length, "some words"};
        at = align_up(at + length, PAGE_SIZE) + shape[8 + i] * 0x1000ull;
    }
    map.count = 0;
    memory_map_add(&map, 0, 0x9fc00, MEMORY_KIND_RAM);
    memory_map_add(&map, MIB, MODULES_TOP, MEMORY_KIND_RAM);
    memory_map_reserve(&map, 0x1000ull * load16(shape + 12), 0x1000ull * shape[14]);
    request = (struct guest_request){.info = &info, .map = &map, .keep = &keep, .keep_count = 1, .rsdp_at = shape[15]};
    return true;
}

/* Steps: RAM only, nothing that is kept, no later source destroyed, never the area. */
static void check_plan(const struct guest_plan *plan)
{
    require(memory_map_is_ram(&map, plan->area.start, plan->area.end));
    require(!ranges_touch(plan->area, request.keep[0]));
    for (u32 i = 0; i < info.module_count; i++)
        require(!ranges_touch(plan->area, (struct range){info.module[i].start, info.module[i].end}));
    for (u32 i = 0; i < plan->step_count; i++) {
        const struct guest_step *step = &plan->step[i];
        struct range to = {step->destination, step->destination + step->length + step->zero_length};
        require(memory_map_is_ram(&map, to.start, to.end));
        require(!ranges_touch(to, plan->area) && !ranges_touch(to, request.keep[0]));
        for (u32 n = i + 1; n < plan->step_count; n++)
            require(
                !ranges_touch(to, (struct range){plan->step[n].source, plan->step[n].source + plan->step[n].length}));
    }
}

static void fuzz_linux(const u8 *data, size_t size)
{
    static struct linux_plan plan;
    if (!make_request(&data, &size))
        return;
    request.image = data;
    if (linux_plan(&request, &plan) != GUEST_OK)
        return;
    check_plan(&plan.plan);
    check_map(&plan.map);
    void *area = malloc(plan.plan.area.end - plan.plan.area.start);
    linux_build(&request, &plan, area);
    free(area);
}

static void fuzz_multiboot1(const u8 *data, size_t size)
{
    static struct multiboot_plan plan;
    if (!make_request(&data, &size))
        return;
    request.image = data;
    guest_recognise(data, size);
    if (multiboot_plan(&request, &plan) != GUEST_OK)
        return;
    check_plan(&plan.plan);
    for (u32 i = 0; i < plan.module_count; i++) {
        struct range module = {plan.module[i].start, plan.module[i].end};
        require(!ranges_touch(module, plan.plan.area));
        require(module.end - module.start == info.module[i + 1].end - info.module[i + 1].start);
    }
    void *area = malloc(plan.plan.area.end - plan.plan.area.start);
    multiboot_build(&request, &plan, area);
    free(area);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static void (*const targets[])(const u8 *, size_t) = {fuzz_options, fuzz_multiboot2, fuzz_acpi, fuzz_linux,
                                                          fuzz_multiboot1};
    if (!size)
        return 0;
    u8 *copy = malloc(size > 1 ? size - 1 : 1); /* its own block: a read before or behind it is seen */
    memcpy(copy, data + 1, size - 1);
    targets[data[0] % COUNT_OF(targets)](copy, size - 1);
    free(copy);
    return 0;
}
