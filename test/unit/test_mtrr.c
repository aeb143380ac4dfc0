/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's copy of the MTRRs: which there are, and what they take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/msr.h"
#include "vmx/mtrr.h"

#define VARIABLE 8
#define PHYSICAL_BITS 39

static struct mtrrs mtrrs = {.capabilities = VARIABLE | MTRRCAP_FIXED | MTRRCAP_WC};

static bool valid(u32 msr, u64 value)
{
    return mtrr_value_valid(&mtrrs, msr, value, PHYSICAL_BITS);
}

static void test_registers(void **state)
{
    u32 count = 0;
    for (u32 msr = 0; msr < 0x2000; msr++)
        count += mtrr_is(msr) && mtrr_register(&mtrrs, msr);
    assert_int_equal(count, 2 * VARIABLE + MTRR_FIXED_COUNT + 1);
    assert_ptr_equal(mtrr_register(&mtrrs, MSR_MTRR_PHYSBASE0), &mtrrs.variable[0].base);
    assert_ptr_equal(mtrr_register(&mtrrs, MSR_MTRR_PHYSBASE0 + 15), &mtrrs.variable[7].mask);
    assert_null(mtrr_register(&mtrrs, MSR_MTRR_PHYSBASE0 + 16));
    assert_ptr_equal(mtrr_register(&mtrrs, MSR_MTRR_FIX64K_00000), &mtrrs.fixed[0]);
    assert_ptr_equal(mtrr_register(&mtrrs, MSR_MTRR_FIX16K_A0000), &mtrrs.fixed[2]);
    assert_ptr_equal(mtrr_register(&mtrrs, MSR_MTRR_FIX4K_F8000), &mtrrs.fixed[10]);
    assert_ptr_equal(mtrr_register(&mtrrs, MSR_MTRR_DEF_TYPE), &mtrrs.default_type);
}

static void test_registers_that_a_cpu_lacks(void **state)
{
    struct mtrrs few = {.capabilities = 0};
    assert_null(mtrr_register(&few, MSR_MTRR_PHYSBASE0));
    assert_null(mtrr_register(&few, MSR_MTRR_FIX64K_00000));
    assert_non_null(mtrr_register(&few, MSR_MTRR_DEF_TYPE));
    /* More than the architecture has numbers for: nothing beyond the array. */
    struct mtrrs many = {.capabilities = 255};
    assert_non_null(mtrr_register(&many, MSR_MTRR_PHYSBASE0 + 2 * MTRR_VARIABLE_MAX - 1));
    assert_false(mtrr_is(MSR_MTRR_PHYSBASE0 + 2 * MTRR_VARIABLE_MAX));
    assert_false(mtrr_is(MSR_PAT));
    assert_false(mtrr_is(MSR_MTRRCAP));
}

static void test_types(void **state)
{
    for (u64 type = 0; type < 256; type++) {
        bool good = type == 0 || type == 1 || type == 4 || type == 5 || type == 6;
        assert_int_equal(valid(MSR_MTRR_DEF_TYPE, type), good);
        assert_int_equal(valid(MSR_MTRR_PHYSBASE0, 0x80000000 | type), good);
        for (u32 i = 0; i < 64; i += 8)
            assert_int_equal(valid(MSR_MTRR_FIX4K_C0000, type << i), good);
    }
    struct mtrrs no_wc = {.capabilities = VARIABLE | MTRRCAP_FIXED};
    assert_false(mtrr_value_valid(&no_wc, MSR_MTRR_DEF_TYPE, MEMORY_WC, PHYSICAL_BITS));
}

static void test_reserved_bits(void **state)
{
    for (u32 bit = 8; bit < 64; bit++) {
        bool address = bit >= 12 && bit < PHYSICAL_BITS;
        assert_int_equal(valid(MSR_MTRR_DEF_TYPE, BIT(bit)), bit == 10 || bit == 11);
        assert_int_equal(valid(MSR_MTRR_PHYSBASE0 + 2, BIT(bit)), address);
        assert_int_equal(valid(MSR_MTRR_PHYSBASE0 + 3, BIT(bit)), address || bit == 11);
    }
    for (u32 bit = 0; bit < 8; bit++)
        assert_false(valid(MSR_MTRR_PHYSBASE0 + 1, BIT(bit)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_registers_that_a_cpu_lacks),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_reserved_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
