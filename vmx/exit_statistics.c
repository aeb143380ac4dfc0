/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/exit_statistics.h"

/* Two distributions in a page. */
_Static_assert(2 * TALLY_BUCKETS * sizeof(u64) == PAGE_SIZE, "half of it");

static u64 *take_half(struct exit_statistics *s)
{
    u64 *half = s->half_page;
    s->half_page = NULL;
    if (half || !s->pool)
        return half;
    half = page_pool_take(s->pool);
    s->half_page = half ? half + TALLY_BUCKETS : NULL;
    return half;
}

/* Before something is noted in it, which looks for no buckets. A reset leaves it its own. */
static void give_buckets(struct exit_statistics *s, struct tally *tally)
{
    static u64 nowhere[TALLY_BUCKETS];
    if (tally->bucket)
        return;
    u64 *half = take_half(s);
    tally->bucket = half ? half : nowhere;
}

void statistics_start(struct exit_statistics *s, u64 tsc, bool timed)
{
    for (u32 row = 0; row < ROW_COUNT; row++) {
        tally_reset(&s->rows[row]);
        s->other[row] = (struct account){.tally = &s->rows[row]};
        s->avoided[row] = s->hits[row] = 0;
        if (timed && s->in_row[row])
            give_buckets(s, &s->rows[row]);
    }
    tally_reset(&s->guest);
    for (u32 i = 0; i < s->details; i++) { /* who put something down here will do so again */
        struct account *account = &s->detail[s->in_use[i]].account;
        account->time = account->count = 0;
    }
    s->started = tsc;
    s->accounted = tsc;
    s->timed = timed;
    if (timed)
        give_buckets(s, &s->guest);
    s->key = row_key(ROW_EXEUNT);
    statistics_resolve(s);
    exit_trace(EXIT_TRACE_START, s->rows, (u64)&s->guest);
}

static void take_detail(struct exit_statistics *s, struct detail *at, u64 key)
{
    *at = (struct detail){.account = {.tally = &s->rows[key_row(key)]}, .key = key};
    s->in_use[s->details++] = (u8)(at - s->detail);
    s->in_row[key_row(key)]++;
}

struct account *statistics_account(struct exit_statistics *s, u64 key)
{
    u32 slot = detail_slot(key), row = key_row(key);
    if (s->timed)
        give_buckets(s, &s->rows[row]);
    for (u32 i = 0; i < DETAIL_PROBES; i++) {
        struct detail *at = &s->detail[(slot + i) % DETAILS];
        if (!at->key && s->in_row[row] < DETAILS_MAX_OF_ROW)
            take_detail(s, at, key);
        if (at->key == key)
            return &at->account;
    }
    return &s->other[row];
}

static void add_to_row(const struct account *account)
{
    account->tally->count += account->count;
    account->tally->sum += account->time;
}

void statistics_settle(struct exit_statistics *s)
{
    for (u32 row = 0; row < ROW_COUNT; row++)
        s->rows[row].count = s->rows[row].sum = 0;
    for (u32 row = 0; row < ROW_COUNT; row++)
        add_to_row(&s->other[row]);
    for (u32 i = 0; i < s->details; i++)
        add_to_row(&s->detail[s->in_use[i]].account);

    s->guest.count = 0;
    s->guest.sum = s->timed ? s->accounted - s->started : 0;
    for (u32 row = 0; row < ROW_COUNT; row++) {
        s->guest.count += row != ROW_EXEUNT ? s->rows[row].count : 0;
        s->guest.sum -= s->rows[row].sum;
    }
}

void statistics_close(struct exit_statistics *s, u64 tsc)
{
    statistics_resolve(s);
    if (s->timed)
        statistics_put_down(s, tsc - s->accounted);
    else
        statistics_exit_untimed(s);
    s->accounted = tsc;
    statistics_row(s, ROW_EXEUNT);
    statistics_resolve(s);
}

void statistics_rebase(struct exit_statistics *s, u64 delta)
{
    s->started += delta;
    s->accounted += delta;
}

void statistics_merge(struct exit_statistics *s, const struct exit_statistics *from)
{
    for (u32 row = 0; row < ROW_COUNT; row++) {
        tally_merge(&s->rows[row], &from->rows[row]);
        struct account other = from->other[row];
        account_hand_on(&other, &s->other[row]);
        s->avoided[row] += from->avoided[row];
        s->hits[row] += from->hits[row];
    }
    for (u32 i = 0; i < DETAILS; i++) {
        struct detail more = from->detail[i];
        if (more.key)
            account_hand_on(&more.account, statistics_account(s, more.key));
    }
    tally_merge(&s->guest, &from->guest);
    s->started -= from->accounted - from->started; /* the total is the sum of both spans */
}

/* Whether what goes on is no exit. */
static bool is_own(const struct exit_statistics *s)
{
    return s->key ? s->key == row_key(ROW_EXEUNT) : s->served->tally == &s->rows[ROW_EXEUNT];
}

struct exit_totals statistics_totals(const struct exit_statistics *s, u64 tsc)
{
    struct exit_totals totals = {.exits = !is_own(s)};

    for (u32 row = 0; row < ROW_COUNT; row++) {
        totals.exits += row != ROW_EXEUNT ? s->rows[row].count : 0;
        totals.avoided += s->avoided[row];
        totals.hits += s->hits[row];
    }
    if (s->timed) {
        totals.tsc_total = tsc - s->started;
        totals.tsc_guest = s->guest.sum;
        totals.tsc_exeunt = totals.tsc_total - totals.tsc_guest;
    }
    return totals;
}
