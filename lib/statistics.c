/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No libgcc in ring 0, so wide numbers are divided here, bit by bit: reports are rare, exactness is what counts.
 */
#include "lib/statistics.h"

/* 256 bits, least significant word first. */
struct wide {
    u64 word[4];
};

static struct wide wide_multiply(struct wide a, u64 factor)
{
    u128 carry = 0;
    for (int i = 0; i < 4; i++) {
        carry += (u128)a.word[i] * factor;
        a.word[i] = (u64)carry;
        carry >>= 64;
    }
    return a;
}

static struct wide wide_subtract(struct wide a, struct wide b)
{
    u64 borrow = 0;
    for (int i = 0; i < 4; i++) {
        u128 difference = (u128)a.word[i] - b.word[i] - borrow;
        a.word[i] = (u64)difference;
        borrow = (u64)(difference >> 64) & 1;
    }
    return a;
}

static struct wide wide_from(u128 value)
{
    return (struct wide){.word = {(u64)value, (u64)(value >> 64)}};
}

/* The integer square root, digit by digit in base 2. `value` is below 2^250, so that root and rest fit 128 bits. */
static u128 wide_root(struct wide value)
{
    u128 root = 0, rest = 0;
    for (int pair = 127; pair >= 0; pair--) {
        rest = rest << 2 | (value.word[pair / 32] >> (pair % 32 * 2) & 3);
        u128 trial = root << 2 | 1;
        root <<= 1;
        if (rest >= trial) {
            rest -= trial;
            root |= 1;
        }
    }
    return root;
}

/* value / divisor; divisor is not 0. */
static u128 divide(u128 value, u64 divisor, u64 *rest)
{
    u128 quotient = 0, left = 0;
    for (int bit = 127; bit >= 0; bit--) {
        left = left << 1 | (u64)(value >> bit & 1);
        quotient <<= 1;
        if (left >= divisor) {
            left -= divisor;
            quotient |= 1;
        }
    }
    *rest = (u64)left;
    return quotient;
}

static u64 power_of_ten(u32 digits)
{
    u64 power = 1;
    while (digits--)
        power *= 10;
    return power;
}

/* twice / (2 * of) rounded half up, where `twice` is twice the number that is divided, already scaled by 10^digits. */
static struct decimal rounded(u128 twice, u64 of, u32 digits)
{
    u64 rest, fraction;
    u128 scaled = divide(twice + of, of, &rest) >> 1;
    u128 whole = divide(scaled, power_of_ten(digits), &fraction);
    return (struct decimal){.whole = (u64)whole, .fraction = (u32)fraction, .digits = digits};
}

struct decimal decimal_ratio(u64 part, u64 of, u32 digits)
{
    if (!of)
        return (struct decimal){.digits = digits};
    return rounded((u128)part * power_of_ten(digits) * 2, of, digits);
}

struct decimal decimal_percent(u64 part, u64 of)
{
    if (!of)
        return (struct decimal){.digits = 2};
    return rounded((u128)part * 100 * power_of_ten(2) * 2, of, 2);
}

struct decimal tally_average(const struct tally *tally)
{
    return decimal_ratio(tally->sum, tally->count, 4);
}

/*
 * sqrt(squares / n - (sum / n)^2) = sqrt(n * squares - sum^2) / n. The radicand is below 2^192; the root is taken of
 * 4 * 10^8 times it, which gives twice the result with four decimals.
 */
struct decimal tally_deviation(const struct tally *tally)
{
    if (!tally->count)
        return (struct decimal){.digits = 4};
    struct wide radicand = wide_subtract(wide_multiply(wide_from(tally->squares), tally->count),
                                         wide_from((u128)tally->sum * tally->sum));
    u128 twice = wide_root(wide_multiply(radicand, 4 * power_of_ten(8)));
    return rounded(twice, tally->count, 4);
}

/* The largest value in it. */
static u64 bucket_end(u32 bucket)
{
    u32 top = bucket / 4;
    u64 first = 4 + bucket % 4;
    return top < 2 ? first << top >> 2 : ((first + 1) << (top - 2)) - 1;
}

bool tally_is_spread(const struct tally *tally)
{
    u64 all = 0;
    for (u32 i = 0; tally->bucket && i < TALLY_BUCKETS; i++)
        all += tally->bucket[i];
    return all && all == tally->count;
}

u64 tally_percentile(const struct tally *tally, u32 percent)
{
    u64 wanted = tally->count / 100 * percent + (tally->count % 100 * percent + 99) / 100, so_far = 0;
    if (!tally_is_spread(tally))
        return 0;
    for (u32 i = 0; i < TALLY_BUCKETS; i++) {
        so_far += tally->bucket[i];
        if (so_far && so_far >= wanted)
            return min_u64(bucket_end(i), tally->max);
    }
    return 0;
}

void tally_merge(struct tally *tally, const struct tally *more)
{
    tally->count += more->count;
    tally->sum += more->sum;
    tally->squares += more->squares;
    tally->min = min_u64(tally->min, more->min);
    tally->max = max_u64(tally->max, more->max);
    for (u32 i = 0; tally->bucket && more->bucket && i < TALLY_BUCKETS; i++)
        tally->bucket[i] += more->bucket[i];
}
