/* SPDX-License-Identifier: BSD-2-Clause */
#include "ept_fixture.h"

static void ram_is_mapped_with_the_largest_pages(void **state)
{
    struct fixture *f = fixture(8 * GIB, 100);
    assert_int_equal(start(f), EPT_OK);
    f->check.thorough = true;
    verify(f);
    assert_int_equal(size_of(f, 4 * GIB), GIB);
    assert_int_equal(entry_of(f, 4 * GIB), (4 * GIB) | 0xb7);
    assert_int_equal(size_of(f, 2 * MIB), 2 * MIB); /* 1 GiB at 0 has holes and types */
    assert_int_equal(size_of(f, 0), PAGE_SIZE);
    assert_int_equal(size_of(f, MIB), PAGE_SIZE);
    assert_int_equal(entry_of(f, 0x9e000), 0x9e037);
    assert_int_equal(entry_of(f, 0x9f000), 0); /* half a page of RAM is none */
    assert_int_equal(entry_of(f, OWN_START), 0);
    assert_int_equal(entry_of(f, OWN_START - PAGE_SIZE) & 7, 7);
    assert_int_equal(f->pool.used, 5); /* PML4, PDPT, PD for 0 and 1 GiB, PT for 0 */
    assert_int_equal(f->check.leaves[3], 6);
    assert_int_equal(ept_pointer(&f->ept) & 0xfff, 0x1e);
    assert_false(f->ept.flush);
}

static void smaller_pages_where_the_cpu_has_no_larger(void **state)
{
    struct fixture *f = fixture(8 * GIB, 100);
    f->config.page_1g = false;
    assert_int_equal(start(f), EPT_OK);
    verify(f);
    assert_int_equal(size_of(f, 4 * GIB), 2 * MIB);
    f = fixture(64 * MIB, 100);
    f->config.page_1g = f->config.page_2m = false;
    f->config.own = (struct range){0};
    assert_int_equal(start(f), EPT_OK);
    verify(f);
    assert_int_equal(size_of(f, 32 * MIB), PAGE_SIZE);
    assert_int_equal(f->check.leaves[1], 64 * 256 - 256 + 0x9f);
}

static void few_pages_carry_machines_of_all_sizes(void **state)
{
    static const u64 sizes[] = {512 * MIB, GIB, 2 * GIB, 3 * GIB, 16 * GIB + 5 * MIB, 64 * GIB, 600 * GIB};
    for (u32 i = 0; i < COUNT_OF(sizes); i++) {
        for (u32 features = 0; features < 4; features++) {
            struct fixture *f = fixture(sizes[i], POOL_MAX);
            f->config.page_1g = features & 1;
            f->config.large_executable = features & 2;
            assert_int_equal(start(f), EPT_OK);
            verify(f);
            assert_true(f->pool.used <= 8 + (features & 1 ? 0 : sizes[i] / GIB));
        }
    }
}

static void odd_ram_ranges_are_cut_or_refused(void **state)
{
    struct fixture *f = fixture(2 * GIB, 100);
    f->ram[0] = (struct range){0x123, 0x456}; /* no whole page */
    f->ram[1] = (struct range){0x1fff, MIB};
    f->ram[2] = (struct range){MIB, 8 * MIB};                   /* touches the last: one range */
    f->ram[3] = (struct range){OWN_START - MIB, OWN_END + MIB}; /* own lies inside */
    f->ram[4] = (struct range){1ull << 40, 1ull << 41};         /* beyond */
    f->config.ram_count = 5;
    assert_int_equal(start(f), EPT_OK);
    verify(f);
    assert_int_equal(f->ept.config.ram_count, 3);
    assert_int_equal(entry_of(f, 0x1000), 0);
    assert_int_equal(entry_of(f, 0x2000) & 7, 7);
    assert_int_equal(ept_classify(&f->ept, gpa(OWN_START - 1)), EPT_CLASS_RAM);
    assert_int_equal(ept_classify(&f->ept, gpa(OWN_START)), EPT_CLASS_OWN);
    assert_int_equal(ept_classify(&f->ept, gpa(OWN_END)), EPT_CLASS_RAM);
    assert_int_equal(ept_classify(&f->ept, gpa(1ull << 40)), EPT_CLASS_BEYOND);
    assert_int_equal(ept_classify(&f->ept, gpa(~0ull)), EPT_CLASS_BEYOND);

    f = fixture(2 * GIB, 100);
    f->ram[0] = (struct range){MIB, 3 * MIB}; /* overlaps ram[1] */
    assert_int_equal(start(f), EPT_BAD_RANGE);
    f = fixture(2 * GIB, 100);
    f->ram[0] = (struct range){5, 4};
    assert_int_equal(start(f), EPT_BAD_RANGE);
    f = fixture(2 * GIB, 100);
    f->config.own.start++;
    assert_int_equal(start(f), EPT_BAD_RANGE);
    f = fixture(2 * GIB, 100);
    f->config.physical_bits = 53;
    assert_int_equal(start(f), EPT_BAD_RANGE);
}

static void too_many_ram_ranges_are_said(void **state)
{
    struct fixture *f = fixture(2 * GIB, 100);
    struct range many[EPT_RAM_MAX + 1];
    for (u32 i = 0; i <= EPT_RAM_MAX; i++)
        many[i] = (struct range){i * 2 * MIB, i * 2 * MIB + MIB};
    f->config.ram = many;
    f->config.ram_count = EPT_RAM_MAX + 1;
    assert_int_equal(start(f), EPT_TOO_MANY);
    f->config.ram_count = EPT_RAM_MAX;
    page_pool_init(&f->pool, memory, hpa(OWN_START), 100);
    assert_int_equal(start(f), EPT_OK);
    verify(f);
}

static void mmio_is_mapped_when_touched(void **state)
{
    struct fixture *f = fixture(2 * GIB, 100);
    start(f);
    assert_int_equal(entry_of(f, 0xfee00000), 0);
    assert_int_equal(ept_admit(&f->ept, gpa(0xfee00123), EPT_RW), EPT_OK);
    assert_int_equal(size_of(f, 0xfee00000), 2 * MIB);
    assert_int_equal(entry_of(f, 0xfee00000), 0xfee00087); /* UC */
    assert_false(f->ept.flush);                            /* nothing was there before */
    assert_int_equal(ept_admit(&f->ept, gpa(0xa0000), EPT_W), EPT_OK);
    assert_int_equal(entry_of(f, 0xa0000), 0xa0007);
    assert_int_equal(entry_of(f, 0xf0000), 0xf002f); /* WP; all of the run came at once */
    assert_int_equal(entry_of(f, 0x9f000), 0x9f037);
    assert_int_equal(f->ept.counts.mapped_on_demand, 2);
    assert_int_equal(ept_admit(&f->ept, gpa((1ull << 40) - 1), EPT_R), EPT_OK);
    verify(f);
    assert_int_equal(ept_admit(&f->ept, gpa(OWN_START), EPT_R), EPT_BAD_RANGE);
    assert_int_equal(ept_admit(&f->ept, gpa(OWN_END - 1), EPT_X), EPT_BAD_RANGE);
    assert_int_equal(ept_admit(&f->ept, gpa(1ull << 40), EPT_R), EPT_BAD_RANGE);
    assert_int_equal(f->ept.counts.splits, 0);
    verify(f);
}

static void execution_splits_large_pages_where_it_must(void **state)
{
    struct fixture *f = fixture(8 * GIB, 100);
    f->config.large_executable = false;
    start(f);
    verify(f);
    assert_int_equal(entry_of(f, 5 * GIB) & 7, 3);
    assert_int_equal(ept_admit(&f->ept, gpa(5 * GIB + 0x201234), EPT_X), EPT_OK);
    verify(f);
    assert_true(f->ept.flush);
    assert_int_equal(f->ept.counts.splits, 2);
    assert_int_equal(size_of(f, 5 * GIB + 0x200000), PAGE_SIZE);
    assert_int_equal(entry_of(f, 5 * GIB + 0x3ff000) & 7, 7);
    assert_int_equal(size_of(f, 5 * GIB), 2 * MIB);
    assert_int_equal(ept_admit(&f->ept, gpa(5 * GIB + 0x200000), EPT_RWX), EPT_OK);
    assert_int_equal(f->ept.counts.splits, 2);
    assert_int_equal(f->ept.exec_count, 1);
    /* A ROM is no RAM: its split is not remembered, it can be recycled. */
    assert_int_equal(ept_admit(&f->ept, gpa(0xffe00000), EPT_R), EPT_OK);
    assert_int_equal(size_of(f, 0xffe00000), 2 * MIB);
    assert_int_equal(ept_admit(&f->ept, gpa(0xfffffff0), EPT_X), EPT_OK);
    assert_int_equal(entry_of(f, 0xfffff000) & 7, 7);
    assert_int_equal(f->ept.exec_count, 1);
    verify(f);
}

static void protection_in_a_page_that_is_executed_does_not_join_it(void **state)
{
    struct fixture *f = fixture(8 * GIB, 100);
    f->config.large_executable = false;
    start(f);
    assert_int_equal(ept_admit(&f->ept, gpa(5 * GIB), EPT_X), EPT_OK);
    assert_int_equal(ept_write_protect(&f->ept, gpa(5 * GIB)), EPT_OK);
    assert_int_equal(ept_write_allow(&f->ept, gpa(5 * GIB)), EPT_OK);
    assert_int_equal(size_of(f, 5 * GIB), PAGE_SIZE);
    assert_int_equal(f->ept.counts.joins, 0);
    assert_int_equal(ept_write_protect(&f->ept, gpa(6 * GIB)), EPT_OK); /* not executed: joined as anywhere */
    assert_int_equal(ept_write_allow(&f->ept, gpa(6 * GIB)), EPT_OK);
    assert_int_equal(size_of(f, 6 * GIB), GIB);
    verify(f);
}

static void execution_joins_the_oldest_when_the_pool_is_dry(void **state)
{
    struct fixture *f = fixture(8 * GIB, 12);
    f->config.large_executable = false;
    start(f);
    u32 free = page_pool_free(&f->pool);
    assert_int_equal(free, 7);
    for (u64 i = 0; i < 200; i++) {
        f->ept.flush = false;
        assert_int_equal(ept_admit(&f->ept, gpa(4 * GIB + i * 2 * MIB), EPT_X), EPT_OK);
        assert_true(f->ept.flush);
        assert_int_equal(entry_of(f, 4 * GIB + i * 2 * MIB) & 7, 7);
        verify(f);
        for (u64 back = 1; back <= i; back++)
            assert_int_equal(entry_of(f, 4 * GIB + (i - back) * 2 * MIB) & 7, back < free - 1 ? 7 : 3);
    }
    assert_int_equal(f->ept.counts.recycled, 0);
}

static void more_executable_pages_than_the_list_holds(void **state)
{
    struct fixture *f = fixture(8 * GIB, POOL_MAX);
    f->config.large_executable = false;
    start(f);
    for (u64 i = 0; i < EPT_EXEC_SPLITS_MAX + 20; i++)
        assert_int_equal(ept_admit(&f->ept, gpa(4 * GIB + i * 2 * MIB), EPT_X), EPT_OK);
    assert_int_equal(f->ept.exec_count, EPT_EXEC_SPLITS_MAX);
    assert_int_equal(size_of(f, 4 * GIB + 19 * 2 * MIB), 2 * MIB);
    assert_int_equal(size_of(f, 4 * GIB + 20 * 2 * MIB), PAGE_SIZE);
    verify(f);
}

static void protection_splits_and_joins_exactly(void **state)
{
    struct fixture *f = fixture(8 * GIB, 100);
    start(f);
    u64 a = 5 * GIB + 0x1234567;
    u32 used = f->pool.used;
    assert_int_equal(ept_write_protect(&f->ept, gpa(a)), EPT_OK);
    assert_true(f->ept.flush);
    assert_int_equal(entry_of(f, a), align_down(a, PAGE_SIZE) | 0x35);
    assert_true(ept_write_protected(&f->ept, gpa(a)));
    assert_false(ept_write_protected(&f->ept, gpa(a + PAGE_SIZE)));
    assert_false(ept_write_protected(&f->ept, gpa(~0ull)));
    assert_int_equal(f->ept.counts.splits, 2);
    assert_int_equal(f->pool.used, used + 2);
    verify(f);
    f->ept.flush = false;
    assert_int_equal(ept_write_protect(&f->ept, gpa(a)), EPT_OK); /* once is enough */
    assert_false(f->ept.flush);
    assert_int_equal(f->ept.counts.read_only_pages, 1);
    assert_int_equal(ept_write_protect(&f->ept, gpa(a + PAGE_SIZE)), EPT_OK);
    assert_int_equal(f->ept.counts.read_only_pages, 2);
    assert_int_equal(f->ept.counts.splits, 2);
    assert_int_equal(ept_admit(&f->ept, gpa(a), EPT_W), EPT_PROTECTED);
    assert_int_equal(ept_admit(&f->ept, gpa(a), EPT_RX), EPT_OK);
    verify(f);
    f->ept.flush = false;
    assert_int_equal(ept_write_allow(&f->ept, gpa(a)), EPT_OK);
    assert_false(f->ept.flush); /* more permission, no join: no shoot-down */
    assert_int_equal(f->ept.counts.joins, 0);
    verify(f);
    assert_int_equal(ept_write_allow(&f->ept, gpa(a + PAGE_SIZE)), EPT_OK);
    assert_true(f->ept.flush);
    assert_int_equal(f->ept.counts.joins, 2);
    assert_int_equal(f->ept.counts.read_only_pages, 0);
    assert_int_equal(size_of(f, a), GIB);
    assert_int_equal(f->pool.used, used);
    assert_int_equal(ept_write_allow(&f->ept, gpa(a)), EPT_OK);
    assert_int_equal(f->ept.counts.joins, 2);
    assert_int_equal(ept_write_protect(&f->ept, gpa(OWN_START)), EPT_BAD_RANGE);
    assert_int_equal(ept_write_protect(&f->ept, gpa(1ull << 40)), EPT_BAD_RANGE);
    assert_int_equal(ept_write_allow(&f->ept, gpa(1ull << 40)), EPT_BAD_RANGE);
    verify(f);
}

static void protected_rom_is_not_recycled(void **state)
{
    struct fixture *f = fixture(8 * GIB, 12);
    start(f);
    assert_int_equal(ept_write_protect(&f->ept, gpa(0xfffff000)), EPT_OK);
    for (u64 i = 0; i < 100; i++) {
        assert_int_equal(ept_admit(&f->ept, gpa((100 + i) * GIB), EPT_RW), EPT_OK);
        verify(f);
    }
    assert_true(f->ept.counts.recycled > 5);
    assert_true(ept_write_protected(&f->ept, gpa(0xfffff000)));
    assert_int_equal(entry_of(f, 0xfffff000) & 7, 5);
}

static void holes_open_and_close(void **state)
{
    struct fixture *f = fixture(8 * GIB, 100);
    start(f);
    u32 used = f->pool.used;
    struct range ram = {5 * GIB + 0x3000, 5 * GIB + 0x405000}, apic = {0xfee00000, 0xfee01000};
    assert_int_equal(ept_add_hole(&f->ept, ram), EPT_OK);
    assert_true(f->ept.flush);
    assert_int_equal(ept_classify(&f->ept, gpa(ram.start)), EPT_CLASS_TRAPPED);
    assert_int_equal(ept_classify(&f->ept, gpa(ram.end)), EPT_CLASS_RAM);
    assert_int_equal(ept_admit(&f->ept, gpa(ram.start), EPT_R), EPT_BAD_RANGE);
    assert_int_equal(ept_write_protect(&f->ept, gpa(ram.start)), EPT_BAD_RANGE);
    verify(f);
    assert_int_equal(ept_admit(&f->ept, gpa(0xfee00000), EPT_R), EPT_OK);
    f->ept.flush = false;
    assert_int_equal(ept_add_hole(&f->ept, apic), EPT_OK);
    assert_true(f->ept.flush);
    assert_int_equal(entry_of(f, 0xfee00000), 0);
    verify(f);
    assert_int_equal(ept_admit(&f->ept, gpa(0xfee01000), EPT_R), EPT_OK);
    assert_int_equal(entry_of(f, 0xfee00000), 0);
    assert_int_equal(size_of(f, 0xfee01000), PAGE_SIZE);
    verify(f);
    ept_remove_hole(&f->ept, (struct range){0xfee00000, 0xfee02000}); /* not the same: nothing */
    assert_int_equal(f->ept.hole_count, 2);
    ept_remove_hole(&f->ept, ram);
    verify(f);
    assert_int_equal(size_of(f, ram.start), GIB);
    ept_remove_hole(&f->ept, apic);
    verify(f);
    assert_int_equal(size_of(f, 0xfee00000), 2 * MIB);
    assert_int_equal(f->pool.used, used + 1); /* the PD of the LAPIC's GiB */
}

static void holes_overlap_and_are_refused(void **state)
{
    struct fixture *f = fixture(8 * GIB, 100);
    start(f);
    struct range a = {5 * GIB, 5 * GIB + 4 * MIB}, b = {5 * GIB + 2 * MIB, 5 * GIB + 6 * MIB};
    assert_int_equal(ept_add_hole(&f->ept, a), EPT_OK);
    assert_int_equal(ept_add_hole(&f->ept, b), EPT_OK);
    assert_int_equal(ept_add_hole(&f->ept, a), EPT_OK);
    ept_remove_hole(&f->ept, a);
    verify(f);
    assert_int_equal(ept_classify(&f->ept, gpa(a.start)), EPT_CLASS_TRAPPED);
    ept_remove_hole(&f->ept, a);
    verify(f);
    assert_int_equal(ept_classify(&f->ept, gpa(a.start)), EPT_CLASS_RAM);
    assert_int_equal(ept_classify(&f->ept, gpa(b.start)), EPT_CLASS_TRAPPED);
    ept_remove_hole(&f->ept, b);
    assert_int_equal(size_of(f, 5 * GIB), GIB);
    assert_int_equal(ept_add_hole(&f->ept, (struct range){1, PAGE_SIZE}), EPT_BAD_RANGE);
    assert_int_equal(ept_add_hole(&f->ept, (struct range){PAGE_SIZE, PAGE_SIZE}), EPT_BAD_RANGE);
    assert_int_equal(ept_add_hole(&f->ept, (struct range){2 * PAGE_SIZE, PAGE_SIZE}), EPT_BAD_RANGE);
    assert_int_equal(ept_add_hole(&f->ept, (struct range){0, (1ull << 40) + PAGE_SIZE}), EPT_BAD_RANGE);
    for (u64 i = 0; i < EPT_HOLES_MAX; i++)
        assert_int_equal(ept_add_hole(&f->ept, (struct range){i * 2 * MIB, i * 2 * MIB + PAGE_SIZE}), EPT_OK);
    assert_int_equal(ept_add_hole(&f->ept, a), EPT_TOO_MANY);
    verify(f);
    for (u64 i = 0; i < EPT_HOLES_MAX; i++)
        ept_remove_hole(&f->ept, (struct range){i * 2 * MIB, i * 2 * MIB + PAGE_SIZE});
    assert_int_equal(ept_add_hole(&f->ept, (struct range){0, 1ull << 40}), EPT_OK); /* everything */
    f->check.complete = false;
    verify(f);
    assert_int_equal(f->pool.used, 1);
    ept_remove_hole(&f->ept, (struct range){0, 1ull << 40});
    f->check.complete = true;
    verify(f);
}

static void a_hole_keeps_protection_below_it(void **state)
{
    struct fixture *f = fixture(8 * GIB, 100);
    start(f);
    struct range hole = {5 * GIB, 5 * GIB + 4 * MIB};
    assert_int_equal(ept_write_protect(&f->ept, gpa(5 * GIB + MIB)), EPT_OK);
    assert_int_equal(ept_write_protect(&f->ept, gpa(5 * GIB + 3 * MIB)), EPT_OK);
    assert_int_equal(ept_add_hole(&f->ept, hole), EPT_OK);
    assert_int_equal(entry_of(f, 5 * GIB + MIB), 0);
    assert_int_equal(ept_write_allow(&f->ept, gpa(5 * GIB + 3 * MIB)), EPT_OK);
    assert_int_equal(ept_rebuild(&f->ept), EPT_OK);
    verify(f);
    ept_remove_hole(&f->ept, hole);
    assert_int_equal(entry_of(f, 5 * GIB + MIB) & 7, 5);
    assert_int_equal(entry_of(f, 5 * GIB + 3 * MIB) & 7, 7);
    verify(f);
    assert_int_equal(ept_write_allow(&f->ept, gpa(5 * GIB + MIB)), EPT_OK);
    assert_int_equal(size_of(f, 5 * GIB), GIB);
    verify(f);
}

static void rebuild_follows_the_mtrrs(void **state)
{
    struct fixture *f = fixture(8 * GIB, 100);
    start(f);
    ept_write_protect(&f->ept, gpa(5 * GIB + 0x5000));
    ept_add_hole(&f->ept, (struct range){5 * GIB + 0x400000, 5 * GIB + 0x401000});
    ept_admit(&f->ept, gpa(0xfee00000), EPT_R);
    f->ept.flush = false;
    f->check.thorough = true;
    f->mtrrs.default_type = 0; /* all UC */
    assert_int_equal(ept_rebuild(&f->ept), EPT_OK);
    assert_true(f->ept.flush);
    verify(f);
    assert_int_equal(entry_of(f, 5 * GIB + 0x5000), (5 * GIB + 0x5000) | 5);
    assert_int_equal(entry_of(f, 4 * GIB), (4 * GIB) | 0x87);
    f->mtrrs.default_type = 0xc06;
    f->mtrrs.variable[1].base = (4 * GIB) | MEMORY_WC;
    f->mtrrs.variable[1].mask = ((1ull << 40) - 8 * KIB) | 0x800;
    assert_int_equal(ept_rebuild(&f->ept), EPT_OK);
    verify(f);
    assert_int_equal(entry_of(f, 4 * GIB), (4 * GIB) | 0xf);
    assert_int_equal(entry_of(f, 4 * GIB + 8 * KIB), (4 * GIB + 8 * KIB) | 0x37);
    f->mtrrs.variable[1].mask = 0;
    assert_int_equal(ept_rebuild(&f->ept), EPT_OK);
    assert_int_equal(size_of(f, 4 * GIB), GIB);
    verify(f);
}

/* A guest may write MTRRs that need a page table for every 2 MiB: then RAM comes on demand, and the guest goes on. */
static void mtrrs_too_fine_for_the_pool(void **state)
{
    struct fixture *f = fixture(8 * GIB, 40);
    start(f);
    ept_write_protect(&f->ept, gpa(5 * GIB));
    f->mtrrs.variable[1].base = 0x1000 | MEMORY_UC;
    f->mtrrs.variable[1].mask = 0x1000 | 0x800; /* every second page */
    assert_int_equal(ept_rebuild(&f->ept), EPT_NO_MEMORY);
    f->check.complete = false;
    verify(f);
    for (u64 at = 4 * GIB; at < 6 * GIB; at += 6 * MIB) {
        assert_int_equal(ept_admit(&f->ept, gpa(at + 0x1000), EPT_RWX), EPT_OK);
        assert_int_equal(entry_of(f, at + 0x1000), (at + 0x1000) | 7);
        assert_int_equal(entry_of(f, at + 0x2000) & 0x38, 0x30);
        verify(f);
    }
    assert_true(ept_write_protected(&f->ept, gpa(5 * GIB)));
    f->mtrrs.variable[1].mask = 0;
    assert_int_equal(ept_rebuild(&f->ept), EPT_OK);
    f->check.complete = true;
    verify(f);
}

static void every_pool_size_fails_cleanly(void **state)
{
    for (u32 pages = 0; pages < 40; pages++) {
        struct fixture *f = fixture(8 * GIB, pages);
        f->check.complete = false;
        enum ept_status status = start(f);
        assert_int_equal(status, pages < 5 ? EPT_NO_MEMORY : EPT_OK);
        if (!f->ept.root)
            continue;
        verify(f);
        u32 failed = 0;
        for (u64 i = 0; i < 60; i++) {
            u64 at = 4 * GIB + i * 33 * MIB;
            status = ept_write_protect(&f->ept, gpa(at));
            assert_true(status == EPT_OK || status == EPT_NO_MEMORY);
            assert_int_equal(ept_write_protected(&f->ept, gpa(at)), status == EPT_OK);
            failed += status != EPT_OK;
            status = ept_add_hole(&f->ept, (struct range){at + MIB, at + 5 * MIB});
            if (status == EPT_OK && i % 5)
                ept_remove_hole(&f->ept, (struct range){at + MIB, at + 5 * MIB});
            verify(f);
        }
        assert_true(failed || pages > 40);
        for (u64 i = 0; i < 60; i++)
            assert_int_equal(ept_write_allow(&f->ept, gpa(4 * GIB + i * 33 * MIB)), EPT_OK);
        assert_int_equal(f->ept.counts.read_only_pages, 0);
        verify(f);
    }
}

/* With several CPUs a table that was unlinked may still be walked until all have flushed. */
static void count_reuse(void *context)
{
    struct fixture *f = context;
    assert_true(f->ept.flush);
    f->reused++;
}

static void other_cpus_are_asked_before_a_table_is_used_again(void **state)
{
    struct fixture *f = fixture(8 * GIB, 100);
    f->config.before_reuse = count_reuse;
    f->config.context = f;
    start(f);
    ept_write_protect(&f->ept, gpa(5 * GIB));
    assert_int_equal(f->reused, 0);
    assert_int_equal(ept_write_allow(&f->ept, gpa(5 * GIB)), EPT_OK);
    assert_int_equal(f->reused, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ram_is_mapped_with_the_largest_pages),
        cmocka_unit_test(smaller_pages_where_the_cpu_has_no_larger),
        cmocka_unit_test(few_pages_carry_machines_of_all_sizes),
        cmocka_unit_test(odd_ram_ranges_are_cut_or_refused),
        cmocka_unit_test(too_many_ram_ranges_are_said),
        cmocka_unit_test(mmio_is_mapped_when_touched),
        cmocka_unit_test(execution_splits_large_pages_where_it_must),
        cmocka_unit_test(protection_in_a_page_that_is_executed_does_not_join_it),
        cmocka_unit_test(execution_joins_the_oldest_when_the_pool_is_dry),
        cmocka_unit_test(more_executable_pages_than_the_list_holds),
        cmocka_unit_test(protection_splits_and_joins_exactly),
        cmocka_unit_test(protected_rom_is_not_recycled),
        cmocka_unit_test(holes_open_and_close),
        cmocka_unit_test(holes_overlap_and_are_refused),
        cmocka_unit_test(a_hole_keeps_protection_below_it),
        cmocka_unit_test(rebuild_follows_the_mtrrs),
        cmocka_unit_test(mtrrs_too_fine_for_the_pool),
        cmocka_unit_test(every_pool_size_fails_cleanly),
        cmocka_unit_test(other_cpus_are_asked_before_a_table_is_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
