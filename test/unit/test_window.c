/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ept/window.h"

/* 4 MiB of machine: RAM with Exeunt in it, a device page above, one trapped page of each. */
#define RAM_END (3 * MIB)
#define OWN_START (1 * MIB)
#define OWN_END (1 * MIB + 64 * KIB)
#define TRAPPED_RAM 0x200000ull
#define TRAPPED_DEVICE 0x310000ull
#define DEVICE 0x300000ull
#define MACHINE_END (4 * MIB)
#define PHYSICAL_BITS 36

static _Alignas(4096) char machine[MACHINE_END];
static struct mtrrs mtrrs = {.default_type = 0x806, .physical_bits = PHYSICAL_BITS};
static struct page_pool pool;
static struct ept ept;
static struct window window;
static u32 calls;

static void *map(void *context, hpa_t at)
{
    assert_ptr_equal(context, machine);
    assert_true(at.at < MACHINE_END);
    assert_false(at.at >= OWN_START && at.at < OWN_END); /* nobody may even ask */
    calls++;
    return machine + at.at;
}

static int set_up(void **state)
{
    static struct range ram[] = {{0, RAM_END}};
    struct ept_config config = {
        .pool = &pool,
        .mtrrs = &mtrrs,
        .own = {OWN_START, OWN_END},
        .ram = ram,
        .ram_count = 1,
        .physical_bits = PHYSICAL_BITS,
        .page_2m = true,
        .large_executable = true,
    };
    memset(machine, 0x11, sizeof(machine));
    page_pool_init(&pool, machine + OWN_START, hpa(OWN_START), 16);
    assert_int_equal(ept_init(&ept, &config), EPT_OK);
    assert_int_equal(ept_add_hole(&ept, (struct range){TRAPPED_RAM, TRAPPED_RAM + PAGE_SIZE}), EPT_OK);
    assert_int_equal(ept_add_hole(&ept, (struct range){TRAPPED_DEVICE, TRAPPED_DEVICE + PAGE_SIZE}), EPT_OK);
    window = (struct window){.ept = &ept, .physmap = {.map = map, .context = machine}};
    return 0;
}

static void each_class_is_found(void **state)
{
    static const struct {
        u64 at;
        enum ept_class class;
    } cases[] = {
        {0, EPT_CLASS_RAM},
        {OWN_START - 1, EPT_CLASS_RAM},
        {OWN_START, EPT_CLASS_OWN},
        {OWN_END - 1, EPT_CLASS_OWN},
        {OWN_END, EPT_CLASS_RAM},
        {TRAPPED_RAM, EPT_CLASS_TRAPPED},
        {TRAPPED_RAM + 4095, EPT_CLASS_TRAPPED},
        {TRAPPED_RAM + 4096, EPT_CLASS_RAM},
        {RAM_END - 1, EPT_CLASS_RAM},
        {DEVICE, EPT_CLASS_DEVICE},
        {TRAPPED_DEVICE, EPT_CLASS_TRAPPED},
        {BIT(PHYSICAL_BITS), EPT_CLASS_BEYOND},
        {~0ull, EPT_CLASS_BEYOND},
    };
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        void *ptr = &ptr;
        assert_int_equal(window_find(&window, gpa(cases[i].at), &ptr), cases[i].class);
        bool memory = cases[i].class == EPT_CLASS_RAM || cases[i].class == EPT_CLASS_DEVICE;
        assert_ptr_equal(ptr, memory ? machine + cases[i].at : NULL);
    }
}

static void all_lengths_are_copied(void **state)
{
    static const u64 places[] = {0x1000, 0x1ffd, DEVICE + 0x10, DEVICE + 0xffb};
    char buffer[64], back[64];
    for (u32 place = 0; place < COUNT_OF(places); place++) {
        for (u32 length = 0; length <= 64; length++) {
            for (u32 i = 0; i < 64; i++)
                buffer[i] = (char)(i + length);
            memset(machine, 0x11, MIB);
            memset(machine + DEVICE, 0x11, 2 * PAGE_SIZE);
            memset(back, 0x22, sizeof(back));
            assert_true(window_write(&window, gpa(places[place]), buffer, length));
            assert_true(window_read(&window, gpa(places[place]), back, length));
            assert_memory_equal(back, buffer, length);
            assert_memory_equal(machine + places[place], buffer, length);
            assert_int_equal(machine[places[place] + length], 0x11);
            assert_true(length == 64 || back[length] == 0x22);
        }
    }
}

static void own_reads_ones_and_swallows_writes(void **state)
{
    static char before[OWN_END - OWN_START];
    char buffer[16], ones[16];
    memset(ones, 0xff, sizeof(ones));
    memcpy(before, machine + OWN_START, sizeof(before));
    assert_false(window_read(&window, gpa(OWN_START + 5), buffer, 16));
    assert_memory_equal(buffer, ones, 16);
    assert_false(window_write(&window, gpa(OWN_END - 16), machine, 16));
    assert_false(window_compare_exchange(&window, gpa(OWN_START), 8, ~0ull, 0));
    assert_false(window_compare_exchange(&window, gpa(OWN_START), 8, 0, 1));
    assert_int_equal(ept.counts.own_reads, 1);
    assert_int_equal(ept.counts.own_writes, 3);
    /* Across the border the guest's half is the guest's. */
    assert_false(window_read(&window, gpa(OWN_START - 8), buffer, 16));
    assert_int_equal(buffer[7], 0x11);
    assert_memory_equal(buffer + 8, ones, 8);
    memset(buffer, 0x33, sizeof(buffer));
    assert_false(window_write(&window, gpa(OWN_END - 8), buffer, 16));
    assert_int_equal(machine[OWN_END], 0x33);
    assert_int_equal(machine[OWN_END + 7], 0x33);
    assert_memory_equal(before, machine + OWN_START, sizeof(before));
}

static void trapped_and_beyond_are_no_memory(void **state)
{
    static const u64 places[] = {TRAPPED_RAM, TRAPPED_DEVICE, BIT(PHYSICAL_BITS), ~0ull - 7, ~0ull - 3};
    for (u32 i = 0; i < COUNT_OF(places); i++) {
        u64 value = 0;
        assert_false(window_read(&window, gpa(places[i]), &value, 8));
        assert_true(value == ~0ull);
        assert_false(window_write(&window, gpa(places[i]), &value, 8));
    }
    assert_int_equal(machine[TRAPPED_RAM], 0x11);
    assert_int_equal(machine[TRAPPED_DEVICE], 0x11);
    assert_int_equal(machine[0], 0x11); /* 2^64 does not wrap to 0 */
    assert_int_equal(ept.counts.own_reads + ept.counts.own_writes, 0);
}

static void compare_exchange_is_exact(void **state)
{
    u64 *at = (u64 *)(machine + 0x3000);
    *at = 0x1122334455667788;
    assert_false(window_compare_exchange(&window, gpa(0x3000), 8, 0x1122334455667789, 0));
    assert_int_equal(*at, 0x1122334455667788);
    assert_true(window_compare_exchange(&window, gpa(0x3000), 8, 0x1122334455667788, 5));
    assert_int_equal(*at, 5);
    *at = 0xaaaaaaaabbbbbbbb;
    assert_true(window_compare_exchange(&window, gpa(0x3000), 4, 0xbbbbbbbb, 7));
    assert_int_equal(*at, 0xaaaaaaaa00000007);
    assert_true(window_compare_exchange(&window, gpa(0x3004), 4, 0xaaaaaaaa, 8));
    assert_int_equal(*at, 0x800000007);
}

static u64 written_page;
static u32 written_count;

static void written(void *context, gpa_t page)
{
    assert_ptr_equal(context, &window);
    written_page = page.at;
    written_count++;
    assert_int_equal(ept_write_allow(&ept, page), EPT_OK);
}

static void writes_to_cached_code_are_told(void **state)
{
    u64 value = 1;
    written_count = 0;
    window.written = written;
    window.written_context = &window;
    window_write(&window, gpa(0x5000), &value, 8);
    assert_int_equal(written_count, 0);
    assert_int_equal(ept_write_protect(&ept, gpa(0x5000)), EPT_OK);
    window_write(&window, gpa(0x4ffc), &value, 4);
    window_read(&window, gpa(0x5000), &value, 8);
    assert_int_equal(written_count, 0);
    window_write(&window, gpa(0x4ffc), &value, 8);
    assert_int_equal(written_count, 1);
    assert_int_equal(written_page, 0x5000);
    assert_int_equal(ept_write_protect(&ept, gpa(0x5000)), EPT_OK);
    *(u64 *)(machine + 0x5008) = 3;
    assert_false(window_compare_exchange(&window, gpa(0x5008), 8, 4, 5)); /* nothing was written */
    assert_int_equal(written_count, 1);
    assert_true(window_compare_exchange(&window, gpa(0x5008), 8, 3, 5));
    assert_int_equal(written_count, 2);
    assert_int_equal(ept_write_protect(&ept, gpa(0x5000)), EPT_OK);
    window.written = NULL;
    assert_true(window_write(&window, gpa(0x5000), &value, 8));
}

static void the_direct_map_needs_no_call(void **state)
{
    u64 value;
    window.physmap.direct = machine;
    window.physmap.direct_end = 2 * MIB;
    calls = 0;
    assert_true(window_read(&window, gpa(0x1000), &value, 8));
    assert_int_equal(calls, 0);
    assert_false(window_read(&window, gpa(OWN_START), &value, 8)); /* direct or not */
    assert_true(window_read(&window, gpa(2 * MIB + PAGE_SIZE), &value, 8));
    assert_int_equal(calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_class_is_found, set_up),
        cmocka_unit_test_setup(all_lengths_are_copied, set_up),
        cmocka_unit_test_setup(own_reads_ones_and_swallows_writes, set_up),
        cmocka_unit_test_setup(trapped_and_beyond_are_no_memory, set_up),
        cmocka_unit_test_setup(compare_exchange_is_exact, set_up),
        cmocka_unit_test_setup(writes_to_cached_code_are_told, set_up),
        cmocka_unit_test_setup(the_direct_map_needs_no_call, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
