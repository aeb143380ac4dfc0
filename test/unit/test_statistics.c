/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/statistics.h"
#include "lib/string.h"

#include <cmocka.h>

static void assert_decimal(struct decimal value, const char *expected)
{
    char text[48];
    snprintf(text, sizeof(text), "%lu.%0*u", value.whole, (int)value.digits, value.fraction);
    assert_string_equal(text, expected);
}

static void tally_add(struct tally *t, u64 value)
{
    t->count++;
    t->sum += value;
    tally_note(t, value);
}

static struct tally tally_in(u64 bucket[TALLY_BUCKETS], const u64 *values, u32 count)
{
    struct tally t = {.bucket = bucket};
    tally_reset(&t);
    for (u32 i = 0; i < count; i++)
        tally_add(&t, values[i]);
    return t;
}

static struct tally tally_of(const u64 *values, u32 count)
{
    static u64 bucket[TALLY_BUCKETS];
    return tally_in(bucket, values, count);
}

static void an_empty_series(void **state)
{
    struct tally t = {.bucket = NULL};
    tally_reset(&t);
    assert_false(tally_is_spread(&t));
    assert_int_equal(tally_percentile(&t, 50), 0);
    assert_decimal(tally_average(&t), "0.0000");
    assert_decimal(tally_deviation(&t), "0.0000");
    assert_decimal(decimal_percent(7, 0), "0.00");
    assert_decimal(decimal_ratio(7, 0, 3), "0.000");
}

/* Two rows of the published PowerPC tables whose samples are known from their extremes: count 2, and count 1. */
static void rows_of_the_powerpc_tables(void **state)
{
    const u64 signal[] = {291, 1214}, extint[] = {77, 451}, single[] = {1812};
    struct tally t = tally_of(signal, 2);
    assert_decimal(tally_average(&t), "752.5000");
    assert_decimal(tally_deviation(&t), "461.5000");
    t = tally_of(extint, 2);
    assert_decimal(tally_average(&t), "264.0000");
    assert_decimal(tally_deviation(&t), "187.0000");
    t = tally_of(single, 1);
    assert_decimal(tally_average(&t), "1812.0000");
    assert_decimal(tally_deviation(&t), "0.0000");
    assert_decimal(decimal_percent(18911484, 21576367), "87.65");
    assert_decimal(decimal_percent(1694, 8309940), "0.02");
}

static void known_spreads(void **state)
{
    const u64 values[] = {2, 4, 4, 4, 5, 5, 7, 9};
    struct tally t = tally_of(values, 8);
    assert_int_equal(t.min, 2);
    assert_int_equal(t.max, 9);
    assert_int_equal(t.sum, 40);
    assert_decimal(tally_average(&t), "5.0000");
    assert_decimal(tally_deviation(&t), "2.0000");
    const u64 thirds[] = {0, 0, 1}; /* sqrt(2) / 3 = 0.47140 */
    t = tally_of(thirds, 3);
    assert_decimal(tally_average(&t), "0.3333");
    assert_decimal(tally_deviation(&t), "0.4714");
    const u64 two_thirds[] = {1, 1, 0};
    t = tally_of(two_thirds, 3);
    assert_decimal(tally_average(&t), "0.6667");
}

static void rounds_half_up(void **state)
{
    assert_decimal(decimal_ratio(1, 8, 2), "0.13");
    assert_decimal(decimal_ratio(1, 2, 0), "1.0"); /* "%0*u" prints one digit for width 0 */
    assert_decimal(decimal_ratio(999999, 1000000, 4), "1.0000");
    assert_decimal(decimal_ratio(1, 3, 9), "0.333333333");
    assert_decimal(decimal_ratio(~0ull, 1, 9), "18446744073709551615.000000000");
    assert_decimal(decimal_ratio(~0ull, ~0ull, 9), "1.000000000");
    assert_decimal(decimal_percent(~0ull, ~0ull), "100.00");
    assert_decimal(decimal_percent(1, 20000), "0.01");
    assert_decimal(decimal_percent(1, 20001), "0.00");
}

/* Values near the end of 64 bits: (2^63 - 1) and 1 have mean 2^62 and deviation 2^62 - 1. */
static void huge_values(void **state)
{
    const u64 values[] = {(1ull << 63) - 1, 1};
    struct tally t = tally_of(values, 2);
    assert_decimal(tally_average(&t), "4611686018427387904.0000");
    assert_decimal(tally_deviation(&t), "4611686018427387903.0000");
    const u64 one[] = {~0ull};
    t = tally_of(one, 1);
    assert_decimal(tally_average(&t), "18446744073709551615.0000");
    assert_decimal(tally_deviation(&t), "0.0000");

    /* 2^32 zeros and as many values of 2^31: squares and count multiply to 2^127 */
    t = (struct tally){.count = 1ull << 33, .min = 0, .max = 1ull << 31, .sum = 1ull << 63, .squares = (u128)1 << 94};
    assert_decimal(tally_average(&t), "1073741824.0000");
    assert_decimal(tally_deviation(&t), "1073741824.0000");
}

/* Newton's iteration: no libm needed. */
static long double root_of(long double value)
{
    long double root = value > 1 ? value : 1;
    for (int i = 0; i < 200; i++)
        root = (root + value / root) / 2;
    return root;
}

static bool near(long double a, long double b)
{
    return a - b <= 0.000051L && b - a <= 0.000051L;
}

static void agrees_with_floating_point(void **state)
{
    u64 random = 88172645463325252ull;
    for (u32 round = 0; round < 300; round++) {
        u64 values[50];
        u32 count = 1 + round % 50;
        long double sum = 0, squares = 0;
        for (u32 i = 0; i < count; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            values[i] = random >> (34 + round % 20);
            sum += values[i];
        }
        for (u32 i = 0; i < count; i++)
            squares += (values[i] - sum / count) * (values[i] - sum / count);
        struct tally t = tally_of(values, count);
        struct decimal average = tally_average(&t), deviation = tally_deviation(&t);
        long double a = average.whole + average.fraction / 10000.0L;
        long double d = deviation.whole + deviation.fraction / 10000.0L;
        assert_true(near(a, sum / count));
        assert_true(near(d, root_of(squares / count)));
    }
}

static void merging_is_adding_all(void **state)
{
    const u64 values[] = {5, 1, 9, 12, 3, 3};
    static u64 bucket[4][TALLY_BUCKETS];
    struct tally whole = tally_in(bucket[0], values, 6), left = tally_in(bucket[1], values, 2),
                 right = tally_in(bucket[2], values + 2, 4), empty = tally_in(bucket[3], NULL, 0);
    tally_merge(&left, &right);
    tally_merge(&left, &empty);
    assert_memory_equal(&left, &whole, offsetof(struct tally, bucket));
    assert_memory_equal(bucket[1], bucket[0], sizeof(bucket[0]));
    tally_merge(&empty, &whole);
    assert_memory_equal(&empty, &whole, offsetof(struct tally, bucket));
    assert_memory_equal(bucket[3], bucket[0], sizeof(bucket[0]));
    struct tally without = {.min = ~0ull};
    tally_merge(&without, &whole);
    assert_false(tally_is_spread(&without));
    assert_int_equal(without.count, 6);
}

/* ---- distributions ---- */

/* What docs/REPORT.md promises of each value that stands for a percentile. */
static bool is_near_enough(u64 true_one, u64 printed)
{
    return printed >= true_one && (printed - true_one <= true_one / 4 || printed == true_one + 1);
}

static void each_value_has_a_bucket_that_is_narrow(void **state)
{
    u32 before = 0;
    for (u32 top = 0; top < 64; top++)
        for (u64 at = 0; at < 64; at++) {
            u64 value = (1ull << top) + (top > 6 ? at << (top - 6) : at % (1ull << top));
            if (top < 6 && at >= 1ull << top)
                continue;
            u64 two[] = {value, ~0ull};
            struct tally t = tally_of(two, 2);
            assert_true(tally_bucket(value) >= before && tally_bucket(value) < TALLY_BUCKETS);
            assert_true(is_near_enough(value, tally_percentile(&t, 50)));
            before = tally_bucket(value);
        }
    assert_int_equal(tally_bucket(0), tally_bucket(1));
    assert_int_equal(tally_bucket(~0ull), TALLY_BUCKETS - 1);
}

static int by_size(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return x < y ? -1 : x > y;
}

/* The nearest rank among the sorted values, computed without buckets. */
static void percentiles_are_those_of_the_sorted_values(void **state)
{
    static u64 values[5000];
    u64 random = 0x2545f4914f6cdd1dull;
    for (u32 round = 0; round < 400; round++) {
        u32 count = 1 + (u32)(random % (round < 200 ? 20 : 5000));
        for (u32 i = 0; i < count; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            values[i] = random >> (random % 64 > 40 ? 20 + round % 44 : 63 - round % 60);
        }
        struct tally t = tally_of(values, count);
        qsort(values, count, sizeof(values[0]), by_size);
        assert_true(tally_is_spread(&t));
        for (u32 percent = 1; percent <= 100; percent++) {
            u64 printed = tally_percentile(&t, percent), wanted = values[(count * percent + 99) / 100 - 1];
            assert_true(is_near_enough(wanted, printed) && printed <= values[count - 1]);
        }
    }
}

static void shared_buckets_say_nothing(void **state)
{
    static u64 bucket[TALLY_BUCKETS];
    const u64 values[] = {1, 2, 3};
    struct tally one = tally_in(bucket, values, 3), other = {.bucket = bucket};
    tally_add(&other, 5);
    assert_false(tally_is_spread(&one) || tally_is_spread(&other));
    assert_int_equal(tally_percentile(&one, 50), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_series),
        cmocka_unit_test(rows_of_the_powerpc_tables),
        cmocka_unit_test(known_spreads),
        cmocka_unit_test(rounds_half_up),
        cmocka_unit_test(huge_values),
        cmocka_unit_test(agrees_with_floating_point),
        cmocka_unit_test(merging_is_adding_all),
        cmocka_unit_test(each_value_has_a_bucket_that_is_narrow),
        cmocka_unit_test(percentiles_are_those_of_the_sorted_values),
        cmocka_unit_test(shared_buckets_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
