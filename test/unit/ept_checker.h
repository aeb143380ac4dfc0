/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks all tables of a struct ept by the SDM's formats alone, and asserts what must hold after every operation. It
 * uses nothing of ept/ but the structs.
 */
#ifndef TEST_EPT_CHECKER_H
#define TEST_EPT_CHECKER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ept/ept.h"

struct ept_check {
    const struct ept *ept;
    const struct range *ram; /* as the test knows it: may overlap own */
    u32 ram_count;
    const struct range *holes;
    u32 hole_count;
    bool complete; /* all RAM must be present */
    bool thorough; /* compare the memory type of every page, not of some in each large page */
    u64 turn;
    /* results */
    u32 tables, device_tables, protected_pages;
    u64 ram_mapped, leaves[5];
};

static inline bool check_meets(struct range r, u64 start, u64 end)
{
    return r.start < end && start < r.end;
}

static inline u64 check_ram_bytes(const struct ept_check *c, u64 start, u64 end)
{
    u64 bytes = 0;
    for (u32 i = 0; i < c->ram_count; i++) {
        if (check_meets(c->ram[i], start, end))
            bytes += min_u64(c->ram[i].end, end) - max_u64(c->ram[i].start, start);
    }
    return bytes;
}

static inline void check_leaf(struct ept_check *c, u64 entry, u64 at, int level)
{
    const struct ept_config *config = &c->ept->config;
    u64 size = 1ull << (3 + 9 * level), type = (entry >> 3) & 7;
    bool protected = level == 1 && (entry >> 52 & 1);
    assert_in_range(level, 1, 3);
    assert_int_equal(entry & 0x000ffffffffff000, at); /* GPA = HPA, which also makes the large pages' bits 12.. zero */
    assert_true(at + size <= 1ull << config->physical_bits);
    assert_true(entry & 1);
    assert_int_equal(!(entry & 2), protected);
    assert_false(entry & 0x40); /* IPAT: the guest's PAT counts */
    assert_int_equal(!!(entry & 0x80), level > 1);
    assert_int_equal(!!(entry & 4), level == 1 || config->large_executable);
    assert_int_equal(entry & 0xffe0000000000f00, 0);
    assert_true(level < 2 || config->page_2m);
    assert_true(level < 3 || config->page_1g);
    assert_false(config->own.start < config->own.end && check_meets(config->own, at, at + size));
    for (u32 i = 0; i < c->hole_count; i++)
        assert_false(check_meets(c->holes[i], at, at + size));
    u64 ram = check_ram_bytes(c, at, at + size);
    assert_true(ram == 0 || ram == size);
    assert_true(level < 3 || ram);
    u64 step = c->thorough || level == 1 ? PAGE_SIZE : size / 8;
    for (u64 i = 0; i < size; i += step) {
        u64 inside = (c->turn++ * 0x9e3779b97f4a7c15) % step; /* another place in each round */
        assert_int_equal(memory_type_at(config->mtrrs, hpa(at + i + inside)), type);
    }
    assert_int_equal(memory_type_at(config->mtrrs, hpa(at)), type);
    assert_int_equal(memory_type_at(config->mtrrs, hpa(at + size - 1)), type);
    c->ram_mapped += ram;
    c->leaves[level]++;
}

static inline u32 check_table(struct ept_check *c, const u64 *table, u64 base, int level)
{
    u64 size = 1ull << (3 + 9 * level);
    u32 busy = 0;
    c->tables++;
    c->device_tables += level < 4 && !check_ram_bytes(c, base, base + 512 * size);
    for (u32 i = 0; i < 512; i++) {
        u64 entry = table[i], at = base + i * size;
        if (level == 1 && (entry >> 52 & 1))
            busy++;
        if (!(entry & 7)) {
            assert_int_equal(entry & ~(level == 1 ? 1ull << 52 : 0), 0);
            continue;
        }
        if (level == 1 || (entry & 0x80)) {
            check_leaf(c, entry, at, level);
            continue;
        }
        busy++;
        assert_int_equal(entry & 0xfff, 7);
        assert_int_equal(entry >> 62, 0);
        u64 page = (entry & 0x000ffffffffff000) - c->ept->config.pool->base_hpa.at;
        assert_true(page < c->ept->config.pool->pages * PAGE_SIZE);
        u32 inside = check_table(c, (u64 *)(c->ept->config.pool->base + page), at, level - 1);
        assert_int_equal((entry >> 52) & 0x3ff, inside);
    }
    if (level == 1)
        c->protected_pages += busy;
    return busy;
}

/* Asserts everything; `c` then holds what was found. */
static inline void ept_check(struct ept_check *c)
{
    const struct ept *ept = c->ept;
    c->tables = c->device_tables = c->protected_pages = 0;
    c->ram_mapped = 0;
    memset(c->leaves, 0, sizeof(c->leaves));
    check_table(c, ept->root, 0, 4);
    assert_int_equal(c->tables, ept->config.pool->used); /* none leaked, none used twice */
    assert_int_equal(c->device_tables, ept->device_tables);
    assert_int_equal(c->protected_pages, ept->counts.read_only_pages);
    if (!c->complete)
        return;
    u64 expected = 0;
    for (u32 i = 0; i < ept->clear_count; i++)
        expected += ept->clear[i].end - ept->clear[i].start;
    assert_int_equal(c->ram_mapped, expected);
}

#endif
