/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/tracker.h"

#include "lib/string.h"

#define ROW_BITS 9
_Static_assert(TRACKER_ROWS == 1 << ROW_BITS, "a row for each value of these bits");

/* Fibonacci hashing, as in cache/tcache.h: the high bits say the row, those below them the tag. */
static u64 hash(u64 rip)
{
    return rip * 0x9e3779b97f4a7c15ull;
}

static struct track *row_of(const struct tracker *tracker, u64 rip)
{
    return (struct track *)tracker->row[hash(rip) >> (64 - ROW_BITS)];
}

static u32 tag_of(u64 rip)
{
    u32 tag = (u32)(hash(rip) >> (32 - ROW_BITS));
    return tag ? tag : 1;
}

static struct track *find(const struct tracker *tracker, u64 rip)
{
    struct track *row = row_of(tracker, rip);
    u32 tag = tag_of(rip);

    for (u32 i = 0; i < TRACKER_WAYS; i++)
        if (row[i].tag == tag)
            return &row[i];
    return NULL;
}

/*
 * The greatest goes first: an empty entry, then the oldest; of equally old ones that with the fewest exits. So with
 * more sites in a row than it has room for, those that are nearest to the threshold stay and get there.
 */
static u32 dispensable(const struct track *track, u16 age)
{
    if (!track->tag)
        return ~0u;
    return (u32)(u16)(age - track->age) << 8 | (track->count < 255 ? 255u - track->count : 0);
}

/* Room for a site that is not known. */
static struct track *replace(struct tracker *tracker, u64 rip, u16 age)
{
    struct track *row = row_of(tracker, rip), *out = row;

    for (u32 i = 1; i < TRACKER_WAYS; i++)
        if (dispensable(&row[i], age) > dispensable(out, age))
            out = &row[i];
    if (out->count && out->count < tracker->threshold && (u16)(age - out->age) < TRACKER_LEAK_AGE) {
        tracker->leaked++;
        tracker->pressure++;
    }
    *out = (struct track){.tag = tag_of(rip)};
    return out;
}

void tracker_init(struct tracker *tracker, u32 threshold, u64 ticks_per_second)
{
    memset(tracker, 0, sizeof(*tracker));
    tracker->threshold = threshold;
    for (u64 ticks = ticks_per_second + ticks_per_second / 2; ticks > 1; ticks >>= 1)
        tracker->age_shift++;
}

/* Each forced translation pays back one entry that was lost. */
static bool forced(struct tracker *tracker, const struct track *track)
{
    if (!tracker->pressure || track->vain)
        return false;
    if (track->count < 2 && (tracker->pressure <= TRACKER_HIGH_PRESSURE || ++tracker->fresh % TRACKER_FRESH_EACH))
        return false;
    tracker->pressure--;
    tracker->forced++;
    return true;
}

enum track_advice tracker_exit(struct tracker *tracker, u64 rip, struct track_cause cause, u64 now)
{
    u16 age = (u16)(now >> tracker->age_shift);
    struct track *track = find(tracker, rip);

    tracker->strangers = track ? 0 : tracker->strangers + 1;
    if (!track)
        track = replace(tracker, rip, age);
    track->age = age;
    track->kind = (u8)cause.kind;
    track->where = cause.where;
    if (track->count < 0xffff)
        track->count++;
    u64 due = min_u64(tracker->threshold << track->vain, 0xffff);
    if (track->count >= due || forced(tracker, track))
        return TRACK_TRANSLATE;
    return track->count + 1u == due ? TRACK_LOOK : TRACK_WAIT;
}

void tracker_look(struct tracker *tracker, u64 rip, u32 code)
{
    struct track *track = find(tracker, rip);

    if (track)
        track->code = code;
}

bool tracker_looks_same(const struct tracker *tracker, u64 rip, u32 code)
{
    const struct track *track = find(tracker, rip);

    return !track || !track->code || track->code == code;
}

void tracker_done(struct tracker *tracker, u64 rip)
{
    struct track *track = find(tracker, rip);

    if (track)
        track->count = track->code = 0;
}

u32 tracker_vain(struct tracker *tracker, u64 rip, bool skipped)
{
    struct track *track = find(tracker, rip);

    if (!track)
        return 0;
    track->vain = track->vain ? (u8)min_u64(track->vain + 1u, TRACKER_VAIN_MAX) : TRACKER_VAIN_FIRST;
    u32 exits = tracker->threshold << track->vain;
    track->count = skipped ? (u16)min_u64(exits - 2, 0xfffd) : 0;
    track->code = 0;
    return exits;
}

struct track_cause tracker_predict(const struct tracker *tracker, u64 rip)
{
    const struct track *track = find(tracker, rip);

    return track ? (struct track_cause){track->kind, track->where} : (struct track_cause){TRACK_NONE, 0};
}
