/* SPDX-License-Identifier: BSD-2-Clause */
/* Multiboot1 images made here, so that every field can be wrong; then the plan is carried out on a small memory. */
#include "boot_test.h"

#include "boot/bytes.h"
#include "boot/guest_multiboot.h"
#include "boot/guest_multiboot_format.h"
#include "boot/guest_place.h"

#define MEMORY_SIZE (16 * MIB)
#define IMAGE_AT 0x200000
#define HEADER_AT 0x200

static u8 *memory; /* the machine's first 16 MiB */
static u8 file[0x6000];
static u64 file_length;
static struct multiboot2_info info;
static struct memory_map map;
static struct range keep[GUEST_KEEP_MAX];
static struct guest_request request;
static struct multiboot_plan plan;

static void put_header(u32 at, u32 flags)
{
    store32(file + at, 0x1badb002);
    store32(file + at + 4, flags);
    store32(file + at + 8, (u32) - (0x1badb002 + flags));
}

static u8 *program_header(u32 index)
{
    return file + 52 + 32 * index;
}

static void segment(u32 index, u32 offset, u32 physical, u32 file_size, u32 memory_size)
{
    u8 *at = program_header(index);
    store32(at, 1);
    store32(at + 4, offset);
    store32(at + 8, physical);
    store32(at + 12, physical);
    store32(at + 16, file_size);
    store32(at + 20, memory_size);
    if (index >= load16(file + 44))
        store16(file + 44, (u16)(index + 1));
}

/* An ELF32 with one segment at 4 MiB, like kvm-unit-tests' images. */
static int fresh(void **state)
{
    memset(file, 0, sizeof(file));
    for (u32 i = 0x1000; i < sizeof(file); i++)
        file[i] = (u8)(i * 7 + (i >> 8));
    file_length = sizeof(file);
    memcpy(file, "\177ELF\1\1\1", 7);
    store16(file + 16, 2);
    store16(file + 18, 3);
    store32(file + 24, 0x400010);
    store32(file + 28, 52);
    store16(file + 42, 32);
    segment(0, 0x1000, 0x400000, 0x5000, 0x9000);
    put_header(HEADER_AT, 0);
    memset(&info, 0, sizeof(info));
    info.framebuffer.type = MULTIBOOT2_FRAMEBUFFER_NONE;
    info.module_count = 1;
    info.module[0].string = "kernel arguments";
    map.count = 0;
    memory_map_add(&map, 0, 0x9fc00, 1);
    memory_map_add(&map, 0x9fc00, 0x60400, 2);
    memory_map_add(&map, MIB, MEMORY_SIZE - 3 * MIB, 1);
    memory_map_add(&map, MEMORY_SIZE - 2 * MIB, 2 * MIB, 2); /* Exeunt */
    memset(memory, 0xcc, MEMORY_SIZE);
    request = (struct guest_request){.info = &info, .map = &map, .keep = keep};
    return 0;
}

static enum guest_status run_plan(void)
{
    u8 *copy = heap_copy(file, file_length); /* exactly as long: reads behind it are seen */
    info.module[0].start = info.module[0].start ? info.module[0].start : IMAGE_AT;
    info.module[0].end = info.module[0].start + file_length;
    request.image = copy;
    enum guest_status status = multiboot_plan(&request, &plan);
    free(copy);
    return status;
}

static void refused(enum guest_status expected)
{
    enum guest_status status = run_plan();
    if (status != expected)
        fail_msg("got: %s; expected: %s", guest_status_text(status), guest_status_text(expected));
}

static void add_module(u64 start, u64 length, const char *string)
{
    info.module[info.module_count++] = (struct multiboot2_module){start, start + length, string};
}

/* The bytes of module n, so that a moved one is known again. */
static u8 module_byte(u32 n, u64 at)
{
    return (u8)(n * 31 + at * 3 + (at >> 9));
}

/* Plans, builds and carries out the steps as the shell does (boot/guest.h); checks that all modules arrived whole. */
static void load(void)
{
    info.module[0].start = info.module[0].start ? info.module[0].start : IMAGE_AT;
    memcpy(memory + info.module[0].start, file, file_length);
    for (u32 n = 1; n < info.module_count; n++)
        for (u64 i = info.module[n].start; i < info.module[n].end; i++)
            memory[i] = module_byte(n, i - info.module[n].start);
    enum guest_status status = run_plan();
    if (status != GUEST_OK)
        fail_msg("refused: %s", guest_status_text(status));
    u64 area_size = plan.plan.area.end - plan.plan.area.start;
    assert_true(memory_map_is_ram(&map, plan.plan.area.start, plan.plan.area.end));
    u8 *area = malloc(area_size); /* on the heap first: a write behind it is seen */
    multiboot_build(&request, &plan, area);
    memcpy(memory + plan.plan.area.start, area, area_size);
    for (u32 i = 0; i < plan.plan.step_count; i++) {
        const struct guest_step *step = &plan.plan.step[i];
        assert_true(memory_map_is_ram(&map, step->destination, step->destination + step->length + step->zero_length));
        memmove(memory + step->destination, memory + step->source, step->length);
        memset(memory + step->destination + step->length, 0, step->zero_length);
    }
    assert_memory_equal(memory + plan.plan.area.start, area, area_size); /* nothing was copied over it */
    free(area);
    assert_int_equal(plan.module_count, info.module_count - 1);
    for (u32 n = 1; n < info.module_count; n++)
        for (u64 i = plan.module[n - 1].start; i < plan.module[n - 1].end; i++)
            if (memory[i] != module_byte(n, i - plan.module[n - 1].start))
                fail_msg("module %u differs at %llx", n, (unsigned long long)i);
}

static void check_segment(u32 offset, u32 physical, u32 file_size, u32 memory_size)
{
    assert_memory_equal(memory + physical, file + offset, file_size);
    for (u32 i = file_size; i < memory_size; i++)
        assert_int_equal(memory[physical + i], 0);
}

static const u8 *information(void)
{
    return memory + plan.plan.start.rbx;
}

static void header_search(void **state)
{
    assert_int_equal(multiboot_find_header(file, file_length), HEADER_AT);
    assert_int_equal(guest_recognise(file, file_length), GUEST_MULTIBOOT);
    for (u64 length = 0; length < HEADER_AT + 12; length++) {
        u8 *copy = heap_copy(file, length);
        assert_int_equal(multiboot_find_header(copy, length), -1);
        free(copy);
    }
    file[HEADER_AT + 8]++; /* checksum */
    assert_int_equal(multiboot_find_header(file, file_length), -1);
    assert_int_equal(guest_recognise(file, file_length), GUEST_UNKNOWN);
    put_header(HEADER_AT + 0x102, 0); /* not on a 4-byte boundary */
    assert_int_equal(multiboot_find_header(file, file_length), -1);
    put_header(8192 - 12, 0);
    assert_int_equal(multiboot_find_header(file, file_length), 8192 - 12);
    put_header(8192 - 12, BIT(16)); /* its address fields would be outside */
    assert_int_equal(multiboot_find_header(file, file_length), -1);
    memset(file + 8192 - 12, 0, 12);
    put_header(8192, 0);
    assert_int_equal(multiboot_find_header(file, file_length), -1);
    refused(GUEST_MULTIBOOT_NO_HEADER);
    info.module_count = 0;
    refused(GUEST_BAD_REQUEST);
}

static void one_segment(void **state)
{
    load();
    check_segment(0x1000, 0x400000, 0x5000, 0x9000);
    const struct guest_start *start = &plan.plan.start;
    assert_false(start->long_mode);
    assert_int_equal(start->rip, 0x400010);
    assert_int_equal(start->rax, 0x2badb002);
    assert_int_equal(plan.plan.step_count, 1);
    const u8 *block = information();
    u32 flags = load32(block);
    assert_int_equal(flags, BIT(0) | BIT(2) | BIT(3) | BIT(6) | BIT(9));
    assert_int_equal(load32(block + 4), 639); /* 0x9fc00 */
    assert_int_equal(load32(block + 8), (MEMORY_SIZE - 3 * MIB) / KIB);
    assert_string_equal((char *)memory + load32(block + 16), "kernel arguments");
    assert_int_equal(load32(block + 20), 0);
    assert_string_equal((char *)memory + load32(block + 64), "Exeunt");
    assert_int_equal(load32(block + 44), map.count * 24);
    for (u32 i = 0; i < map.count; i++) {
        const u8 *entry = memory + load32(block + 48) + i * 24;
        assert_int_equal(load32(entry), 20);
        assert_int_equal(load64(entry + 4), map.entry[i].start);
        assert_int_equal(load64(entry + 12), map.entry[i].end - map.entry[i].start);
        assert_int_equal(load32(entry + 20), map.entry[i].kind);
    }
    assert_int_equal(load64(memory + start->gdt_base + start->code_selector), 0x00cf9b000000ffff);
    assert_int_equal(load64(memory + start->gdt_base + start->data_selector), 0x00cf93000000ffff);
}

static void modules_stay(void **state)
{
    add_module(0x300000, 0x1234, "TSC=1");
    add_module(0x302000, 0, "empty");
    put_header(HEADER_AT, 3);
    load();
    const u8 *block = information();
    assert_int_equal(load32(block + 20), 2);
    const u8 *list = memory + load32(block + 24);
    assert_int_equal(load32(list), 0x300000);
    assert_int_equal(load32(list + 4), 0x301234);
    assert_string_equal((char *)memory + load32(list + 8), "TSC=1");
    assert_int_equal(load32(list + 16), load32(list + 20));
    assert_string_equal((char *)memory + load32(list + 24), "empty");
    assert_int_equal(plan.plan.step_count, 1);
}

static void modules_in_the_way(void **state)
{
    add_module(0x3ff000, 0x2000, "over the start");
    add_module(0x405000, 0x1000, "inside the zeros");
    add_module(0x500000, 0x1000, "elsewhere");
    add_module(0x100000, 0x1000, "where the first free memory would be");
    add_module(0x9d000, 0x2000, "where the information block would be");
    load();
    check_segment(0x1000, 0x400000, 0x5000, 0x9000);
    assert_int_equal(plan.plan.step_count, 3);
    assert_int_equal(plan.module[2].start, 0x500000);
    assert_int_equal(plan.module[3].start, 0x100000);
    assert_int_equal(plan.module[4].start, 0x9d000);
}

static void modules_are_aligned_when_asked(void **state)
{
    add_module(0x300010, 0x1000, "odd");
    load();
    assert_int_equal(plan.module[0].start, 0x300010);
    put_header(HEADER_AT, 1);
    load();
    assert_int_equal(plan.module[0].start % PAGE_SIZE, 0);
}

static void module_in_exeunt(void **state)
{
    add_module(MEMORY_SIZE - 2 * MIB - 0x1000, 0x3000, "half in reserved memory");
    load();
    assert_true(plan.module[0].end <= MEMORY_SIZE - 2 * MIB - 0x1000);
}

/* The image lies where its own segments go: one segment is copied over itself, several need a move first. */
static void image_over_itself(void **state)
{
    info.module[0].start = 0x400000 - 0x1000 + 0x10;
    load();
    check_segment(0x1000, 0x400000, 0x5000, 0x9000);
    assert_int_equal(plan.plan.step_count, 1);

    fresh(state);
    info.module[0].start = 0x3ff800;
    segment(0, 0x4000, 0x400000, 0x2000, 0x2000);
    segment(1, 0x1000, 0x402000, 0x3000, 0x4000);
    add_module(0x406000, 0x1000, "right behind");
    load();
    check_segment(0x4000, 0x400000, 0x2000, 0x2000);
    check_segment(0x1000, 0x402000, 0x3000, 0x4000);
    assert_int_equal(plan.plan.step_count, 3);
}

static void linked_low(void **state)
{
    segment(0, 0x1000, 0x100000, 0x5000, 0x9000);
    segment(1, 0x1000, 0x7c00, 0x200, 0x200);
    store32(file + 24, 0x7c10);
    load();
    assert_int_equal(plan.plan.start.rip, 0x7c10);
    check_segment(0x1000, 0x7c00, 0x200, 0x200);
    segment(1, 0x1000, 0x9e000, 0x1000, 0x1000); /* where the information block would have been */
    store32(file + 24, 0x9e000);
    load();
    assert_true(plan.plan.area.end <= 0x9e000);
}

static void entry_is_virtual(void **state)
{
    store32(program_header(0) + 8, 0xc0400000); /* linked high, loaded low */
    store32(file + 24, 0xc0400020);
    load();
    assert_int_equal(plan.plan.start.rip, 0x400020);
    store32(file + 24, 0x400010);
    refused(GUEST_ELF_BAD_ENTRY);
    store32(file + 24, 0xc0409000); /* one behind */
    refused(GUEST_ELF_BAD_ENTRY);
    store32(program_header(0) + 8, 0xfffff000); /* wraps */
    store32(file + 24, 0x10);
    refused(GUEST_ELF_BAD_ENTRY);
}

static void segments_that_do_not_load(void **state)
{
    segment(1, 0, 0x400000, 0, 0); /* empty */
    segment(2, 0xffffffff, 0, 0xffffffff, 1);
    store32(program_header(2), 4); /* a note */
    load();
    assert_int_equal(plan.plan.step_count, 1);
}

static void collisions(void **state)
{
    const u32 bad[] = {0x9f000, 0xa0000, 0xfffff, MEMORY_SIZE - 2 * MIB - 0x1000, MEMORY_SIZE - 2 * MIB, 0x40000000};
    for (u32 i = 0; i < COUNT_OF(bad); i++) {
        segment(0, 0x1000, bad[i], 0x1000, 0x2000);
        store32(file + 24, bad[i]);
        refused(GUEST_COLLIDES);
    }
    segment(0, 0x1000, 0xffffe000, 0x1000, 0x2001);
    store32(file + 24, 0xffffe000);
    refused(GUEST_TOO_LARGE);
    fresh(state);
    keep[0] = (struct range){0x408fff, 0x409000};
    request.keep_count = 1;
    refused(GUEST_COLLIDES);
    keep[0] = (struct range){0x409000, 0x40a000};
    load();
    fresh(state);
    segment(1, 0x1000, 0x408fff, 1, 1);
    refused(GUEST_ELF_OVERLAP);
    segment(1, 0x1000, 0x409000, 1, 1);
    load();
}

static void bad_elf(void **state)
{
    const struct {
        u32 at;
        u8 value;
        enum guest_status status;
    } cases[] = {
        {0, 0, GUEST_MULTIBOOT_NOT_ELF32},  {4, 2, GUEST_MULTIBOOT_NOT_ELF32},   {5, 2, GUEST_MULTIBOOT_NOT_ELF32},
        {16, 3, GUEST_MULTIBOOT_NOT_ELF32}, {18, 62, GUEST_MULTIBOOT_NOT_ELF32}, {42, 31, GUEST_ELF_BAD_HEADER},
        {44, 0, GUEST_ELF_BAD_HEADER},      {45, 2, GUEST_ELF_BAD_HEADER},       {31, 0xff, GUEST_TRUNCATED},
        {30, 1, GUEST_TRUNCATED},
    };
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        fresh(state);
        file[cases[i].at] = cases[i].value;
        refused(cases[i].status);
    }
    fresh(state);
    segment(0, 0x1000, 0x400000, 0x5001, 0x9000); /* one byte is missing in the file */
    refused(GUEST_TRUNCATED);
    segment(0, 0xffffffff, 0x400000, 2, 0x9000);
    refused(GUEST_TRUNCATED);
    segment(0, 0x1000, 0x400000, 0x5000, 0x4fff);
    refused(GUEST_ELF_BAD_HEADER);
    segment(0, 0x1000, 0x400000, 0, 0);
    refused(GUEST_ELF_BAD_ENTRY);
}

static void too_many_segments(void **state)
{
    u32 count = 60;
    memset(file + 52, 0, 0x1000 - 52);
    store16(file + 44, 0);
    for (u32 i = 0; i < count; i++)
        segment(i, 0x2000, 0x400000 + i * 0x1000, 0x10, 0x1000);
    put_header(0x1ffc - 12, 0);
    refused(GUEST_TOO_MANY_STEPS);
    store16(file + 44, GUEST_STEPS_MAX - MULTIBOOT2_MODULES_MAX);
    load();
    /* With every module in the way and the image too, the plan is full and still right. */
    info.module[0].start = 0x400000 - 0x1000;
    for (u32 n = 1; n < MULTIBOOT2_MODULES_MAX; n++)
        add_module(0x405000 + n * 0x100, 0x100, "m");
    load();
    assert_int_equal(plan.plan.step_count, GUEST_STEPS_MAX);
}

static void truncated(void **state)
{
    for (file_length = HEADER_AT + 12; file_length < sizeof(file); file_length += 61)
        refused(GUEST_TRUNCATED);
}

static void features(void **state)
{
    put_header(HEADER_AT, 7);
    load();
    const u32 unsupported[] = {BIT(3), BIT(15) | 1, 0xffff};
    for (u32 i = 0; i < COUNT_OF(unsupported); i++) {
        put_header(HEADER_AT, unsupported[i]);
        refused(GUEST_MULTIBOOT_FEATURE);
        assert_int_equal(plan.unsupported, unsupported[i] & 0xfff8);
    }
    put_header(HEADER_AT, 0xfffe0000); /* optional ones may be ignored */
    load();
}

static void addresses(u32 header, u32 start, u32 load_end, u32 bss_end, u32 entry)
{
    const u32 fields[] = {header, start, load_end, bss_end, entry};
    put_header(HEADER_AT, BIT(16) | 3);
    for (u32 i = 0; i < COUNT_OF(fields); i++)
        store32(file + HEADER_AT + 12 + 4 * i, fields[i]);
}

static void address_fields(void **state)
{
    memset(file, 0, 4); /* no ELF */
    addresses(0x100000 + HEADER_AT, 0x100000, 0x103000, 0x108000, 0x100040);
    load();
    check_segment(0, 0x100000, 0x3000, 0x8000);
    assert_int_equal(plan.plan.start.rip, 0x100040);
    addresses(0x100000, 0x100000, 0, 0, 0x100040); /* begins with the header; all of the file */
    load();
    check_segment(HEADER_AT, 0x100000, sizeof(file) - HEADER_AT, sizeof(file) - HEADER_AT);

    addresses(0x100000, 0x100001, 0, 0, 0x100040);
    refused(GUEST_MULTIBOOT_BAD_ADDRESSES);
    addresses(0x100000 + HEADER_AT + 4, 0x100000, 0, 0, 0x100040); /* before the file */
    refused(GUEST_MULTIBOOT_BAD_ADDRESSES);
    addresses(0x100000, 0x100000, 0xfffff, 0, 0x100040);
    refused(GUEST_MULTIBOOT_BAD_ADDRESSES);
    addresses(0x100000, 0x100000, 0x103000, 0x102fff, 0x100040);
    refused(GUEST_MULTIBOOT_BAD_ADDRESSES);
    addresses(0x100000, 0x100000, 0x103000, 0, 0x103000);
    refused(GUEST_MULTIBOOT_BAD_ADDRESSES);
    addresses(0x100000, 0x100000, 0x103000, 0, 0xfffff);
    refused(GUEST_MULTIBOOT_BAD_ADDRESSES);
    addresses(0x100000, 0x100000, 0x106000, 0, 0x100040); /* more than the file has */
    refused(GUEST_TRUNCATED);
    addresses(0xa0000, 0xa0000, 0, 0, 0xa0000);
    refused(GUEST_COLLIDES);
}

static void framebuffer(void **state)
{
    info.framebuffer = (struct multiboot2_framebuffer){.type = MULTIBOOT2_FRAMEBUFFER_RGB,
                                                       .address = 0x1c0000000,
                                                       .pitch = 4096,
                                                       .width = 1024,
                                                       .height = 768,
                                                       .bits_per_pixel = 32,
                                                       .red_position = 16,
                                                       .red_size = 8};
    load();
    const u8 *block = information();
    assert_true(load32(block) & BIT(12));
    assert_int_equal(load64(block + 88), 0x1c0000000);
    assert_int_equal(load32(block + 96), 4096);
    assert_int_equal(load32(block + 104), 768);
    assert_int_equal(block[108], 32);
    assert_int_equal(block[109], 1);
    assert_int_equal(block[110], 16);
    assert_int_equal(block[111], 8);
}

static void large_information(void **state)
{
    static char line[0x30000];
    memset(line, 'y', sizeof(line) - 1);
    info.module[0].string = line;
    while (map.count < MEMORY_MAP_MAX - 3)
        memory_map_add(&map, 0x100000000 + map.count * 0x2000ull, 0x1000, 2);
    load();
    assert_string_equal((char *)memory + load32(information() + 16), line);
    assert_int_equal(load32(information() + 44), map.count * 24);
}

static void no_memory(void **state)
{
    map.count = 0;
    memory_map_add(&map, 0x400000, 0x9000, 1); /* just the segment */
    info.module[0].start = 0x400000;
    refused(GUEST_NO_MEMORY);
    memory_map_add(&map, 0x40a000, 0x2000, 1);
    load();
    add_module(0x401000, 0x1000, "cannot move");
    info.module[0].start = 0x40c000;
    refused(GUEST_OK);
    add_module(0x402000, 0x1000, "no room for it");
    refused(GUEST_NO_MEMORY);
    request.keep_count = GUEST_KEEP_MAX + 1;
    refused(GUEST_BAD_REQUEST);
}

static void statuses_have_texts(void **state)
{
    for (u32 i = 0; i <= GUEST_ELF_BAD_ENTRY; i++)
        assert_string_not_equal(guest_status_text((enum guest_status)i), "unknown status");
}

static int done(void **state)
{
    keep[0] = (struct range){0, 0};
    return 0;
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
    const struct CMUnitTest tests[] = {
        CASE(header_search),
        CASE(one_segment),
        CASE(modules_stay),
        CASE(modules_in_the_way),
        CASE(modules_are_aligned_when_asked),
        CASE(module_in_exeunt),
        CASE(image_over_itself),
        CASE(linked_low),
        CASE(entry_is_virtual),
        CASE(segments_that_do_not_load),
        CASE(collisions),
        CASE(bad_elf),
        CASE(too_many_segments),
        CASE(truncated),
        CASE(features),
        CASE(address_fields),
        CASE(framebuffer),
        CASE(large_information),
        CASE(no_memory),
        CASE(statuses_have_texts),
    };
    memory = malloc(MEMORY_SIZE);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(memory);
    return failed;
}
