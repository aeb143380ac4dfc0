/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Count, extremes, sum and spread of a series of times, exact to the last digit that is printed: integers throughout.
 */
#ifndef LIB_STATISTICS_H
#define LIB_STATISTICS_H

#include "lib/types.h"

/*
 * No overflow is checked on the way in. The values are parts of one span of TSC ticks, so `sum` stays below 2^64, and
 * `squares` <= sum * sum stays below 2^128.
 */
struct tally {
    u64 count;
    u64 min; /* ~0 while count is 0 */
    u64 max;
    u64 sum;
    u128 squares;
};

static inline void tally_reset(struct tally *tally)
{
    *tally = (struct tally){.min = ~0ull};
}

static inline void tally_add(struct tally *tally, u64 value)
{
    tally->count++;
    tally->sum += value;
    tally->squares += (u128)value * value;
    if (value < tally->min)
        tally->min = value;
    if (value > tally->max)
        tally->max = value;
}

/* Adds the series in *more to the one in *tally (one of them per CPU). */
void tally_merge(struct tally *tally, const struct tally *more);

/* A number with a fixed count of decimals: print as "%llu.%0*u". */
struct decimal {
    u64 whole;
    u32 fraction; /* below 10^digits */
    u32 digits;
};

#define DECIMAL_DIGITS_MAX 9

/* part / of, rounded half up to `digits` (at most DECIMAL_DIGITS_MAX) decimals; 0 where `of` is 0. */
struct decimal decimal_ratio(u64 part, u64 of, u32 digits);

/* The same times 100, to two decimals. */
struct decimal decimal_percent(u64 part, u64 of);

/* Mean and population standard deviation, rounded half up to four decimals; 0 for an empty series. */
struct decimal tally_average(const struct tally *tally);
struct decimal tally_deviation(const struct tally *tally);

#endif
