/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ept/memory_type.h"

static u64 seed;

static u64 next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* SDM "MTRR Precedences", said once more in another way: count the matches of each type. */
static enum memory_type reference(const struct mtrrs *m, u64 at)
{
    static const struct {
        u64 start;
        u64 each;
        int first;
    } fixed[] = {{0xc0000, 0x1000, 3}, {0x80000, 0x4000, 1}, {0, 0x10000, 0}};
    u32 hits[256] = {0}, total = 0, last = 0;
    if (!(m->default_type & 0x800))
        return MEMORY_UC;
    if (at < 0x100000 && (m->capabilities & 0x100) && (m->default_type & 0x400)) {
        for (u32 i = 0; i < 3; i++) {
            if (at < fixed[i].start)
                continue;
            u64 number = (at - fixed[i].start) / fixed[i].each;
            return (m->fixed[fixed[i].first + (int)(number / 8)] >> (number % 8 * 8)) & 0xff;
        }
    }
    for (u32 i = 0; i < (m->capabilities & 0xff); i++) {
        u64 mask = m->variable[i].mask & ((1ull << m->physical_bits) - 1) & ~0xfffull;
        if (!(m->variable[i].mask & 0x800) || (at & mask) != (m->variable[i].base & mask))
            continue;
        last = m->variable[i].base & 0xff;
        hits[last]++;
        total++;
    }
    if (!total)
        return m->default_type & 0xff;
    if (hits[last] == total)
        return last;
    if (hits[MEMORY_UC])
        return MEMORY_UC;
    return hits[MEMORY_WT] + hits[MEMORY_WB] == total ? MEMORY_WT : MEMORY_UC;
}

static void set(struct mtrrs *m, u32 number, u64 base, u64 size, enum memory_type type)
{
    m->variable[number].base = base | type;
    m->variable[number].mask = ((1ull << m->physical_bits) - size) | 0x800;
}

/* What Bochs' and QEMU's firmware leave: WB by default, one UC range for the PCI hole, VGA and ROMs by fixed ranges. */
static struct mtrrs emulator(void)
{
    struct mtrrs m = {.capabilities = 0x508, .default_type = 0xc06, .physical_bits = 40};
    m.fixed[0] = m.fixed[1] = 0x0606060606060606;
    m.fixed[2] = 0;
    for (u32 i = 3; i < 11; i++)
        m.fixed[i] = 0x0505050505050505;
    set(&m, 0, 0xc0000000, GIB, MEMORY_UC);
    return m;
}

static void knows_what_firmware_leaves(void **state)
{
    struct mtrrs m = emulator();
    enum memory_type type;
    assert_int_equal(memory_type_at(&m, hpa(0x1000)), MEMORY_WB);
    assert_int_equal(memory_type_at(&m, hpa(0x9ffff)), MEMORY_WB);
    assert_int_equal(memory_type_at(&m, hpa(0xa0000)), MEMORY_UC);
    assert_int_equal(memory_type_at(&m, hpa(0xc0000)), MEMORY_WP);
    assert_int_equal(memory_type_at(&m, hpa(0xfffff)), MEMORY_WP);
    assert_int_equal(memory_type_at(&m, hpa(0x100000)), MEMORY_WB);
    assert_int_equal(memory_type_at(&m, hpa(0xbfffffff)), MEMORY_WB);
    assert_int_equal(memory_type_at(&m, hpa(0xfee00000)), MEMORY_UC);
    assert_int_equal(memory_type_at(&m, hpa(0x100000000)), MEMORY_WB);
    assert_false(memory_type_uniform(&m, hpa(0), 2 * MIB, &type));
    assert_false(memory_type_uniform(&m, hpa(0), GIB, &type));
    assert_true(memory_type_uniform(&m, hpa(2 * MIB), 2 * MIB, &type));
    assert_int_equal(type, MEMORY_WB);
    assert_true(memory_type_uniform(&m, hpa(3 * GIB), GIB, &type));
    assert_int_equal(type, MEMORY_UC);
    assert_true(memory_type_uniform(&m, hpa(0xa0000), PAGE_SIZE, &type));
    assert_int_equal(type, MEMORY_UC);
}

static void off_means_uncached(void **state)
{
    struct mtrrs m = emulator();
    enum memory_type type;
    m.default_type = 0x406;
    assert_int_equal(memory_type_at(&m, hpa(0x1000)), MEMORY_UC);
    assert_true(memory_type_uniform(&m, hpa(0), GIB, &type));
    assert_int_equal(type, MEMORY_UC);
    m.default_type = 0x806; /* fixed ranges off: the variable ones count below 1 MiB too */
    assert_int_equal(memory_type_at(&m, hpa(0xa0000)), MEMORY_WB);
    assert_true(memory_type_uniform(&m, hpa(0), GIB, &type));
    m.default_type = 0xc06;
    m.capabilities = 8; /* no fixed ranges at all */
    assert_int_equal(memory_type_at(&m, hpa(0xa0000)), MEMORY_WB);
}

static void overlaps_follow_the_precedences(void **state)
{
    struct mtrrs m = {.capabilities = 4, .default_type = 0x800, .physical_bits = 36};
    static const struct {
        u8 a, b, result;
    } cases[] = {{6, 6, 6}, {6, 4, 4}, {4, 6, 4}, {6, 0, 0}, {0, 4, 0}, {1, 1, 1}, {6, 1, 0}, {5, 4, 0}, {5, 5, 5}};
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        set(&m, 0, GIB, GIB, cases[i].a);
        set(&m, 1, GIB, 2 * MIB, cases[i].b);
        enum memory_type type;
        assert_int_equal(memory_type_at(&m, hpa(GIB)), cases[i].result);
        assert_int_equal(memory_type_at(&m, hpa(GIB + 2 * MIB)), cases[i].a);
        assert_true(memory_type_uniform(&m, hpa(GIB), 2 * MIB, &type));
        assert_int_equal(type, cases[i].result);
        assert_int_equal(memory_type_uniform(&m, hpa(GIB), GIB, &type), cases[i].result == cases[i].a);
    }
}

static void a_range_that_does_not_count_is_not_seen(void **state)
{
    struct mtrrs m = {.capabilities = 1, .default_type = 0x806, .physical_bits = 36};
    set(&m, 0, GIB, GIB, MEMORY_UC);
    set(&m, 1, 2 * GIB, GIB, MEMORY_UC); /* beyond the count */
    assert_int_equal(memory_type_at(&m, hpa(2 * GIB)), MEMORY_WB);
    assert_int_equal(memory_type_at(&m, hpa(GIB)), MEMORY_UC);
    m.variable[0].mask &= ~0x800ull;
    assert_int_equal(memory_type_at(&m, hpa(GIB)), MEMORY_WB);
    m.capabilities = 0xff; /* more than the struct holds */
    assert_int_equal(memory_type_at(&m, hpa(GIB)), MEMORY_WB);
}

static void reserved_types_count_as_uncached(void **state)
{
    struct mtrrs m = emulator();
    m.fixed[0] = 0xff03020707060504;
    assert_int_equal(memory_type_at(&m, hpa(0x00000)), MEMORY_WT);
    assert_int_equal(memory_type_at(&m, hpa(0x30000)), MEMORY_UC);
    assert_int_equal(memory_type_at(&m, hpa(0x70000)), MEMORY_UC);
    set(&m, 0, GIB, GIB, 0x77);
    assert_int_equal(memory_type_at(&m, hpa(GIB)), MEMORY_UC);
    m.default_type = 0xc02;
    assert_int_equal(memory_type_at(&m, hpa(8 * GIB)), MEMORY_UC);
}

static struct mtrrs random_mtrrs(void)
{
    static const u8 types[] = {0, 1, 4, 5, 6, 6, 6};
    struct mtrrs m = {.capabilities = 0x100 | (1 + next_random() % 6), .physical_bits = 36};
    m.default_type = 0xc00 | types[next_random() % 7];
    if (next_random() % 8 == 0)
        m.default_type ^= 0x400;
    for (u32 i = 0; i < 11; i++) {
        for (u32 j = 0; j < 8; j++)
            m.fixed[i] = m.fixed[i] << 8 | types[next_random() % (next_random() % 4 ? 1 : 7)];
    }
    for (u32 i = 0; i < 6; i++) {
        u64 size = PAGE_SIZE << (next_random() % 21);
        set(&m, i, align_down(next_random() % (8 * GIB), size), size, types[next_random() % 7]);
        if (next_random() % 8 == 0) /* holes in the mask: not contiguous */
            m.variable[i].mask &= next_random() | 0x800;
    }
    return m;
}

static void agrees_with_the_reference(void **state)
{
    seed = 88172645463325252;
    for (u32 i = 0; i < 4000; i++) {
        struct mtrrs m = random_mtrrs();
        for (u32 j = 0; j < 50; j++) {
            u64 at = next_random() % (j & 1 ? 2 * MIB : 16 * GIB);
            assert_int_equal(memory_type_at(&m, hpa(at)), reference(&m, at));
        }
    }
}

static void uniform_is_never_claimed_falsely(void **state)
{
    u32 yes = 0, no = 0;
    seed = 362436069;
    for (u32 i = 0; i < 3000; i++) {
        struct mtrrs m = random_mtrrs();
        u64 size = i % 3 == 0 ? GIB : 2 * MIB;
        u64 at = align_down(i % 4 ? next_random() % (8 * GIB) : 0, size);
        enum memory_type type;
        if (!memory_type_uniform(&m, hpa(at), size, &type)) {
            no++;
            continue;
        }
        yes++;
        for (u64 j = 0; j < 512; j++) {
            assert_int_equal(reference(&m, at + j * size / 512), type);
            assert_int_equal(reference(&m, at + align_down(next_random() % size, PAGE_SIZE)), type);
        }
    }
    assert_true(yes > 500);
    assert_true(no > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_firmware_leaves),       cmocka_unit_test(off_means_uncached),
        cmocka_unit_test(overlaps_follow_the_precedences),  cmocka_unit_test(a_range_that_does_not_count_is_not_seen),
        cmocka_unit_test(reserved_types_count_as_uncached), cmocka_unit_test(agrees_with_the_reference),
        cmocka_unit_test(uniform_is_never_claimed_falsely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
