/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which instructions exit, how often, and on what: the memory that clusters are formed from (SPEC 6.3). Fixed in size;
 * an address that falls out of it before its time asks for translation, so that a guest with more exit sites than there
 * is room for is translated nevertheless ("leakage"). One per CPU: nothing is locked.
 */
#ifndef CACHE_TRACKER_H
#define CACHE_TRACKER_H

#include "lib/types.h"

/* What an exit was about. */
enum track_kind {
    TRACK_NONE,
    TRACK_PORT,  /* `where`: the port */
    TRACK_PAGE,  /* `where`: the guest-physical page, trapped */
    TRACK_OTHER, /* `where`: the exit reason */
};

struct track_cause {
    u32 kind; /* enum track_kind */
    u64 where;
};

enum track_advice {
    TRACK_WAIT,      /* not yet: interpret */
    TRACK_LOOK,      /* at the next exit, if the same code stands there: tracker_look() notes what stands there now */
    TRACK_TRANSLATE, /* the threshold is reached, or leakage forces it */
};

#define TRACKER_ROWS 512 /* a power of two */
#define TRACKER_WAYS 8
#define TRACKER_LEAK_AGE 10 /* units: what falls out younger than this has leaked */
#define TRACKER_HIGH_PRESSURE                                                                                          \
    64 /* above it, of sites that exit for the first time one in TRACKER_FRESH_EACH is too                             \
        */
#define TRACKER_FRESH_EACH                                                                                             \
    1024 /* a power of two: where no site ever comes again, translating must cost next to nothing */

/*
 * A guest that never exits twice at one place must not pay for it: after so many strangers in a row only each
 * TRACKER_REST_EACH-th exit is looked at, until there is one that is known.
 */
#define TRACKER_REST 256
#define TRACKER_REST_EACH 256 /* a power of two */

/* A translation in vain makes the threshold so many times as high, the next ones each twice as high, up to the limit.
 */
#define TRACKER_VAIN_FIRST 7 /* as powers of two */
#define TRACKER_VAIN_MAX 12

struct track {
    u32 tag;   /* of the linear RIP; 0: empty */
    u16 count; /* exits, up to 65535; 0: translated since */
    u8 kind;   /* enum track_kind of the last exit */
    u8 vain;   /* the threshold is this power of two times as high */
    u16 age;   /* when it was last seen, in units of 2^age_shift ticks, wrapping */
    u32 code;  /* tracker_look(); 0: nothing is noted */
    u64 where; /* of the last exit */
};

struct tracker {
    u32 threshold; /* `threshold=`: 1 to 255 */
    u32 age_shift; /* TSC ticks >> age_shift is an age unit: set so that a unit is about a second */
    u64 leaked;    /* entries that fell out untranslated and younger than TRACKER_LEAK_AGE units */
    u64 forced;    /* translations that leakage forced */
    u32 pressure;  /* leaked and not yet paid back by a forced translation */
    u32 strangers; /* exits in a row at places that were not known */
    u32 turn;
    u32 fresh; /* sites that exited for the first time under high pressure */
    struct track row[TRACKER_ROWS][TRACKER_WAYS];
};

/* `ticks_per_second` of the TSC. Sets all of *tracker. */
void tracker_init(struct tracker *tracker, u32 threshold, u64 ticks_per_second);

/* Whether this exit is not worth looking at. */
static inline bool tracker_rests(struct tracker *tracker)
{
    return tracker->strangers > TRACKER_REST && ++tracker->turn % TRACKER_REST_EACH;
}

/* The instruction at linear address `rip` exited at TSC `now`, because of `cause`. */
enum track_advice tracker_exit(struct tracker *tracker, u64 rip, struct track_cause cause, u64 now);

/*
 * A number for the instruction at `rip`, where it should not change from one exit to the next: code that does is not
 * worth a translation, and a number that differs says so before one is made.
 */
void tracker_look(struct tracker *tracker, u64 rip, u32 code);

/* Whether `code` is what was noted; true also where nothing was. */
bool tracker_looks_same(const struct tracker *tracker, u64 rip, u32 code);

/* It was translated: it counts anew, from 0, so that a lost translation is made again. */
void tracker_done(struct tracker *tracker, u64 rip);

/*
 * It cannot be translated, or the translation was of no use because the code changed: the threshold rises. Returns it,
 * 0 where the site is not known. `skipped`: the caller passes over so many exits itself, so it is to be looked at by
 * the next one.
 */
u32 tracker_vain(struct tracker *tracker, u64 rip, bool skipped);

/* What the instruction at `rip` exited on when it did; kind TRACK_NONE: it is not known to exit. */
struct track_cause tracker_predict(const struct tracker *tracker, u64 rip);

#endif
