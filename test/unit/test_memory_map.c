/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot_test.h"

#include "boot/memory_map.h"

static struct memory_map map;

/* Normalised: sorted, disjoint, not empty, neighbours of one kind merged, nothing beyond 52 bits. */
static void check_normal(void)
{
    for (u32 i = 0; i < map.count; i++) {
        assert_true(map.entry[i].start < map.entry[i].end);
        assert_true(map.entry[i].end <= PHYSICAL_LIMIT);
        if (i && map.entry[i - 1].end == map.entry[i].start)
            assert_int_not_equal(map.entry[i - 1].kind, map.entry[i].kind);
        if (i)
            assert_true(map.entry[i - 1].end <= map.entry[i].start);
    }
}

static void add(u64 start, u64 length, u32 kind)
{
    assert_int_equal(memory_map_add(&map, start, length, kind), MEMORY_MAP_OK);
    check_normal();
}

static void expect(u32 index, u64 start, u64 end, u32 kind)
{
    assert_true(index < map.count);
    if (map.entry[index].start != start || map.entry[index].end != end || map.entry[index].kind != kind)
        fail_msg("entry %u: %llx-%llx %u", index, (unsigned long long)map.entry[index].start,
                 (unsigned long long)map.entry[index].end, map.entry[index].kind);
}

/* QEMU 7.2, pc, -m 6G: as its firmware gives it. */
static void big_machine(void)
{
    map.count = 0;
    add(0x100000000, 0xc0000000, 1);
    add(0xfffc0000, 0x40000, 2);
    add(0, 0x9fc00, 1);
    add(0x9fc00, 0x400, 2);
    add(0xf0000, 0x10000, 2);
    add(0x100000, 0xbfee0000, 1);
    add(0xbffe0000, 0x20000, 2);
    add(0xfd00000000, 0x300000000, 2);
}

static void real_map(void **state)
{
    big_machine();
    assert_int_equal(map.count, 8);
    expect(0, 0, 0x9fc00, 1);
    expect(3, 0x100000, 0xbffe0000, 1);
    expect(6, 0x100000000, 0x1c0000000, 1);
    assert_int_equal(memory_map_ram(&map), 0x9fc00 + 0xbfee0000 + 0xc0000000ull);
    assert_int_equal(memory_map_ram_end(&map), 0x1c0000000);
    assert_true(memory_map_is_ram(&map, 0x100000, 0xbffe0000));
    assert_false(memory_map_is_ram(&map, 0x100000, 0xbffe0001));
    assert_false(memory_map_is_ram(&map, 0x9f000, 0xa0000));
    assert_false(memory_map_is_ram(&map, 0x100000, 0x100000));
    assert_false(memory_map_is_ram(&map, 0x200000, 0x100000));
    assert_false(memory_map_is_ram(&map, 0x200000000, 0x200001000));
}

static void strictest_wins(void **state)
{
    map.count = 0;
    add(0x1000, 0x9000, 1);
    add(0x3000, 0x1000, 3);
    expect(1, 0x3000, 0x4000, 3);
    add(0x2000, 0x3000, 2); /* over RAM and ACPI */
    assert_int_equal(map.count, 3);
    expect(1, 0x2000, 0x5000, 2);
    add(0x2000, 0x3000, 1); /* RAM never wins */
    assert_int_equal(map.count, 3);
    add(0, 0x20000, 4); /* around everything; gaps become NVS, reserved stays */
    assert_int_equal(map.count, 3);
    expect(0, 0, 0x2000, 4);
    expect(1, 0x2000, 0x5000, 2);
    expect(2, 0x5000, 0x20000, 4);
    add(0x4000, 0x2000, 5);
    expect(2, 0x4000, 0x6000, 5);
    add(0x5000, 0x1000, 2);
    expect(2, 0x4000, 0x6000, 5);
    add(0, 0x20000, 5);
    assert_int_equal(map.count, 1);
    map.count = 0;
    add(0, 0x4000, 7); /* a kind that is newer than this program */
    add(0x1000, 0x1000, 1);
    assert_int_equal(map.count, 1);
    expect(0, 0, 0x4000, 7);
}

static void merges(void **state)
{
    map.count = 0;
    add(0x2000, 0x1000, 1);
    add(0, 0x1000, 1);
    assert_int_equal(map.count, 2);
    add(0x1000, 0x1000, 1);
    assert_int_equal(map.count, 1);
    expect(0, 0, 0x3000, 1);
    add(0x1800, 0x10, 2); /* in the middle: three */
    assert_int_equal(map.count, 3);
    add(0, 0, 2);
    assert_int_equal(map.count, 3);
}

static void beyond_the_limit(void **state)
{
    map.count = 0;
    add(PHYSICAL_LIMIT, 0x1000, 1);
    add(~0ull, 1, 1);
    assert_int_equal(map.count, 0);
    add(PHYSICAL_LIMIT - 0x1000, ~0ull, 1); /* runs over 2^64 */
    expect(0, PHYSICAL_LIMIT - 0x1000, PHYSICAL_LIMIT, 1);
    add(0, ~0ull, 2);
    assert_int_equal(map.count, 1);
    expect(0, 0, PHYSICAL_LIMIT, 2);
    assert_int_equal(memory_map_ram(&map), 0);
    assert_int_equal(memory_map_ram_end(&map), 0);
}

static void fills_up(void **state)
{
    map.count = 0;
    u32 added = 0;
    while (memory_map_add(&map, (u64)added * 0x2000, 0x1000, 1) == MEMORY_MAP_OK)
        added++;
    check_normal();
    assert_in_range(added, MEMORY_MAP_MAX - 3, MEMORY_MAP_MAX);
    assert_int_equal(map.count, added);
    struct memory_map *before = (struct memory_map *)heap_copy(&map, sizeof(map));
    assert_int_equal(memory_map_add(&map, 0x800, 0x100, 2), MEMORY_MAP_FULL);
    assert_int_equal(memory_map_reserve(&map, 0, PHYSICAL_LIMIT), MEMORY_MAP_FULL);
    assert_memory_equal(before, &map, sizeof(map));
    free(before);
}

/* Each byte's kind, against a plain array that is filled by the same rule. */
static void random_against_model(void **state)
{
    static const u8 rank[8] = {3, 0, 3, 1, 2, 4, 3, 3};
    u32 seed = 12345;
    for (u32 round = 0; round < 300; round++) {
        u8 model[256] = {0}; /* 0: no entry */
        map.count = 0;
        for (u32 i = 0; i < 40; i++) {
            seed = seed * 1103515245 + 12345;
            u32 start = seed >> 8 & 0xff, length = seed >> 16 & 0x3f, kind = 1 + (seed >> 24) % 5;
            add(start, length, kind);
            for (u32 n = start; n < start + length && n < 256; n++)
                if (!model[n] || rank[kind] > rank[model[n]])
                    model[n] = (u8)kind;
        }
        u8 seen[256] = {0};
        for (u32 i = 0; i < map.count; i++)
            for (u64 n = map.entry[i].start; n < map.entry[i].end && n < 256; n++)
                seen[n] = (u8)map.entry[i].kind;
        assert_memory_equal(seen, model, sizeof(model));
    }
}

static void find_high(void **state)
{
    big_machine();
    struct range avoid[] = {{0xbf000000, 0xbffe0000}, {0x5000, 0x5000}, {0xbe000000, 0xbe800000}};
    struct memory_search search = {.size = 8 * MIB, .alignment = 2 * MIB, .ceiling = 4 * GIB};
    u64 start;
    assert_true(memory_map_find_high(&map, &search, &start));
    assert_int_equal(start, 0xbf600000); /* 0xbffe0000 - 8 MiB, down to 2 MiB */
    search.avoid = avoid;
    search.avoid_count = COUNT_OF(avoid);
    assert_true(memory_map_find_high(&map, &search, &start));
    assert_int_equal(start, 0xbe800000);
    search.size = 9 * MIB;
    assert_true(memory_map_find_high(&map, &search, &start));
    assert_int_equal(start, 0xbd600000);
    search.ceiling = PHYSICAL_LIMIT;
    assert_true(memory_map_find_high(&map, &search, &start));
    assert_int_equal(start, 0x1bf600000);
    search.ceiling = 0x100000;
    search.size = 0x1000;
    search.alignment = 0x1000;
    assert_true(memory_map_find_high(&map, &search, &start));
    assert_int_equal(start, 0x9e000);
    search.floor = 0x9f000;
    assert_false(memory_map_find_high(&map, &search, &start));
    search.size = 0;
    search.floor = 0;
    assert_false(memory_map_find_high(&map, &search, &start));
    search.size = ~0ull;
    assert_false(memory_map_find_high(&map, &search, &start));
    search = (struct memory_search){.size = 0x1000, .alignment = BIT(63), .ceiling = ~0ull};
    assert_true(memory_map_find_high(&map, &search, &start)); /* 0 is aligned to anything */
    assert_int_equal(start, 0);
}

static void find_low(void **state)
{
    big_machine();
    struct range avoid[] = {{0x300000, 0x380001}, {0x100000, 0x200000}};
    struct memory_search search = {
        .size = MIB, .alignment = MIB, .floor = MIB, .ceiling = 4 * GIB, .avoid = avoid, .avoid_count = 2};
    u64 start;
    assert_true(memory_map_find_low(&map, &search, &start));
    assert_int_equal(start, 0x200000);
    search.size = 2 * MIB;
    assert_true(memory_map_find_low(&map, &search, &start));
    assert_int_equal(start, 0x400000);
    search.size = 0xbfee0000;
    assert_false(memory_map_find_low(&map, &search, &start));
    search.avoid_count = 0;
    search.alignment = 1;
    assert_true(memory_map_find_low(&map, &search, &start));
    assert_int_equal(start, 0x100000);
    search.size = ~0ull;
    assert_false(memory_map_find_low(&map, &search, &start));
    search.size = 1;
    search.alignment = BIT(63);
    assert_false(memory_map_find_low(&map, &search, &start));
    avoid[0].end = ~0ull;
    search.alignment = PAGE_SIZE;
    search.floor = 0x300000;
    search.avoid_count = 1;
    assert_false(memory_map_find_low(&map, &search, &start));
}

static void everything_avoided(void **state)
{
    big_machine();
    struct range all = {0, PHYSICAL_LIMIT};
    struct memory_search search = {
        .size = 1, .alignment = 1, .ceiling = PHYSICAL_LIMIT, .avoid = &all, .avoid_count = 1};
    u64 start;
    assert_false(memory_map_find_high(&map, &search, &start));
    assert_false(memory_map_find_low(&map, &search, &start));
}

static void reserve_own_region(void **state)
{
    big_machine();
    assert_int_equal(memory_map_reserve(&map, 0xbf600000, 8 * MIB), MEMORY_MAP_OK);
    check_normal();
    assert_int_equal(map.count, 10);
    expect(3, 0x100000, 0xbf600000, 1);
    expect(4, 0xbf600000, 0xbfe00000, 2);
    expect(5, 0xbfe00000, 0xbffe0000, 1);
    struct e820_entry out[13];
    assert_int_equal(memory_map_e820(&map, 0, out, 4), 4);
    assert_int_equal(memory_map_e820(&map, 4, out + 4, 9), 6);
    assert_int_equal(memory_map_e820(&map, 10, out, 9), 0);
    assert_int_equal(out[4].start, 0xbf600000);
    assert_int_equal(out[4].length, 8 * MIB);
    assert_int_equal(out[4].kind, 2);
}

static void dram(void **state)
{
    struct range out[4];
    u32 count;
    big_machine();
    add(0xbff00000, 0x10000, 3);
    assert_int_equal(memory_map_dram(&map, out, 4, &count), MEMORY_MAP_OK);
    assert_int_equal(count, 3);
    assert_int_equal(out[0].start, 0);
    assert_int_equal(out[0].end, 0x9f000); /* whole pages only */
    assert_int_equal(out[1].start, 0x100000);
    assert_int_equal(out[1].end, 0xbffe0000); /* tables are DRAM too */
    assert_int_equal(memory_map_dram(&map, out, 2, &count), MEMORY_MAP_NO_ROOM);
    map.count = 0;
    add(0x1001, 0x1ffe, 1);
    assert_int_equal(memory_map_dram(&map, out, 4, &count), MEMORY_MAP_OK);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_map),           cmocka_unit_test(strictest_wins), cmocka_unit_test(merges),
        cmocka_unit_test(beyond_the_limit),   cmocka_unit_test(fills_up),       cmocka_unit_test(random_against_model),
        cmocka_unit_test(find_high),          cmocka_unit_test(find_low),       cmocka_unit_test(everything_avoided),
        cmocka_unit_test(reserve_own_region), cmocka_unit_test(dram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
