/* SPDX-License-Identifier: BSD-2-Clause */
#include "ept_fixture.h"

static u64 seed;

static u64 next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* A few addresses on which things meet: borders of RAM, own, MMIO, and the inside of large pages. */
static u64 address(u32 number)
{
    static const u64 bases[] = {
        0,          0x9e000,    MIB,         6 * MIB, GIB,     OWN_START - 4 * MIB, OWN_END - MIB,
        0xfec00000, 0xffe00000, 4 * GIB - 1, 5 * GIB, 6 * GIB, 10 * GIB - 3 * MIB,  (1ull << 40) - MIB,
        OWN_START,  4 * GIB};
    return bases[number % 16] + (number / 16 % 4) * 2 * MIB + (number / 64 % 4) * 0x1234;
}

#define ADDRESSES 256

static u64 random_address(void)
{
    return address(next_random() % ADDRESSES);
}

struct seen {
    u64 entry[ADDRESSES], size[ADDRESSES];
};

static void look(const struct fixture *f, struct seen *seen)
{
    for (u32 i = 0; i < ADDRESSES; i++)
        seen->entry[i] = ept_lookup(&f->ept, gpa(address(i)), &seen->size[i]);
}

/* SDM "Invalidation of Cached Information": what a TLB may still hold and must not use any more. */
static bool needs_flush(const struct seen *before, const struct seen *after)
{
    for (u32 i = 0; i < ADDRESSES; i++) {
        u64 old = before->entry[i], new = after->entry[i];
        if (old && ((old & ~new & 7) || ((old ^ new) & 0x38) || before->size[i] != after->size[i]))
            return true;
    }
    return false;
}

static void random_mtrr(struct fixture *f)
{
    u64 size = PAGE_SIZE << (next_random() % 20);
    u32 i = 1 + next_random() % 3;
    f->mtrrs.variable[i].base = align_down(random_address(), size) | (next_random() & 1 ? MEMORY_UC : MEMORY_WT);
    f->mtrrs.variable[i].mask = next_random() & 1 ? ((1ull << 40) - size) | 0x800 : 0;
}

static void one_random_operation(struct fixture *f)
{
    u64 at = random_address();
    enum ept_permission wanted = (enum ept_permission)(1 + next_random() % 7);
    enum ept_class class = ept_classify(&f->ept, gpa(at));
    bool touchable = class == EPT_CLASS_RAM || class == EPT_CLASS_DEVICE;
    enum ept_status status;
    switch (next_random() % 9) {
    case 0 ... 2:
        status = ept_admit(&f->ept, gpa(at), wanted);
        assert_int_equal(status == EPT_BAD_RANGE, !touchable);
        if (status == EPT_OK)
            assert_int_equal(entry_of(f, at) & wanted, wanted);
        assert_int_equal(status == EPT_PROTECTED,
                         (wanted & EPT_W) && touchable && ept_write_protected(&f->ept, gpa(at)));
        break;
    case 3 ... 4:
        status = ept_write_protect(&f->ept, gpa(at));
        assert_int_equal(status == EPT_BAD_RANGE, !touchable);
        if (status == EPT_OK) /* absent, if a hole was over it meanwhile */
            assert_int_equal(entry_of(f, at) & EPT_W, 0);
        break;
    case 5 ... 6:
        ept_write_allow(&f->ept, gpa(at));
        assert_false(ept_write_protected(&f->ept, gpa(at)));
        break;
    case 7:
        if (f->ept.hole_count > 3)
            ept_remove_hole(&f->ept, f->ept.holes[next_random() % 4]);
        else
            ept_add_hole(&f->ept, (struct range){align_down(at, PAGE_SIZE),
                                                 align_down(at, PAGE_SIZE) + PAGE_SIZE * (1 + next_random() % 2000)});
        break;
    default:
        if (next_random() % 4 == 0)
            random_mtrr(f);
        ept_rebuild(&f->ept);
    }
}

static void random_operations_keep_the_invariants(void **state)
{
    static const u32 pools[] = {6, 9, 14, 25, 60, POOL_MAX};
    seed = 88172645463325252;
    for (u32 round = 0; round < 24; round++) {
        struct fixture *f = fixture(8 * GIB, pools[round % COUNT_OF(pools)]);
        f->config.page_1g = next_random() & 1;
        f->config.large_executable = next_random() & 1;
        f->check.complete = false;
        start(f);
        if (!f->ept.root)
            continue;
        for (u32 i = 0; i < 250; i++) {
            struct seen before, after;
            f->ept.flush = false;
            look(f, &before);
            one_random_operation(f);
            look(f, &after);
            if (needs_flush(&before, &after))
                assert_true(f->ept.flush);
            if (i % 4 == 0)
                verify(f);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_operations_keep_the_invariants)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
