/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Count, extremes, sum and spread of a series of times, exact to the last digit that is printed: integers throughout.
 */
#ifndef LIB_STATISTICS_H
#define LIB_STATISTICS_H

#include "lib/types.h"

#define TALLY_BUCKETS 256

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
    u64 *bucket; /* how many values are in each of TALLY_BUCKETS */
};

/* Four buckets for each power of two: by the place of the leading one, and the two bits behind it. vmx/entry.S does the
 * same. */
static inline u64 tally_bucket(u64 value)
{
    u64 some = value | 1, bucket; /* 0 has no leading one */
    asm("bsrq %[some], %[bucket]\n\t"
        "rorq %%cl, %[some]\n\t"
        "shldq $2, %[some], %[bucket]"
        : [bucket] "=&c"(bucket), [some] "+r"(some)
        :
        : "cc");
    return bucket;
}

/* An empty series; its buckets stay its own. */
static inline void tally_reset(struct tally *tally)
{
    *tally = (struct tally){.min = ~0ull, .bucket = tally->bucket};
    for (u32 i = 0; tally->bucket && i < TALLY_BUCKETS; i++)
        tally->bucket[i] = 0;
}

/* One more value, in all but `count` and `sum`, which its owner knows from elsewhere. It has buckets. */
static inline void tally_note(struct tally *tally, u64 value)
{
    tally->squares += (u128)value * value;
    if (value < tally->min)
        tally->min = value;
    if (value > tally->max)
        tally->max = value;
    tally->bucket[tally_bucket(value)]++;
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

/* Whether the buckets have the values, of which there are some: several series may share buckets where memory is short.
 */
bool tally_is_spread(const struct tally *tally);

/*
 * What `percent` of the values do not exceed, at most a quarter (of small values: one) too large: where in its bucket
 * the value is that has so many before it, is not known, so the bucket's end stands for it, or the maximum. 0 where the
 * series is not spread.
 */
u64 tally_percentile(const struct tally *tally, u32 percent);

/*
 * What exits are put down to: one of their row's details (vmx/exit_statistics.h), or a translation
 * (cache/translations.h), which hands it on to its detail.
 */
struct account {
    u64 time; /* TSC ticks (timing=on) */
    u64 count;
    struct tally *tally; /* of the row, which has the time too */
};

/* One who gives up what was put down to him. */
static inline void account_hand_on(struct account *from, struct account *to)
{
    to->time += from->time;
    to->count += from->count;
    from->time = from->count = 0;
}

/* Mean and population standard deviation, rounded half up to four decimals; 0 for an empty series. */
struct decimal tally_average(const struct tally *tally);
struct decimal tally_deviation(const struct tally *tally);

#endif
