/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of instructions that exit, by where their bytes are in guest-physical memory. The caller walks the
 * guest's page tables to the address first (which ept/walk_memo.h makes cheap): so page tables that change under an
 * address, two addresses of one page, and address spaces are no matter here at all. What remains is that the bytes are
 * still the same: cache/coherence.h.
 *
 * One per CPU: nothing is locked. What is kept for an entry is the caller's (`work`).
 */
#ifndef CACHE_TCACHE_H
#define CACHE_TCACHE_H

#include "cache/coherence.h"

#define TC_SETS_BITS 10
#define TC_SETS (1u << TC_SETS_BITS)
#define TC_WAYS 2
#define TC_SEEN_BITS 12
#define TC_SEEN (1u << TC_SEEN_BITS)
#define TC_BYTES 16
#define TC_WORK 96 /* bytes of a caller's work */

/*
 * A guest that never hits must not pay for it. After so many misses in a row the cache rests: it is asked for each
 * TC_REST_EACH-th exit only, until it hits (TC_REST_EACH_LONG-th, if translations rest as well: vmx/site_rest.h); and
 * after as many as it has entries, few new ones are made.
 */
#define TC_REST 256
#define TC_REST_EACH 16 /* powers of two */
#define TC_REST_EACH_LONG 128
#define TC_BARREN (TC_SETS * TC_WAYS)
#define TC_BARREN_EACH 64

/* How often an address is met without being kept after its bytes were found changed. */
#define TC_WAIT_AFTER_CHANGE 64

/* Supervisor code is compared on every so many hits (SPEC 5.3): a power of two. */
#define TC_COMPARE_EACH 64

struct tc_entry {
    u64 gpa;  /* of the first byte; TC_NONE: empty */
    u32 mode; /* whatever else changes the meaning of the bytes */
    u32 hits;
    struct code_page *page[2]; /* [1]: NULL unless the instruction goes on in another page */
    u32 generation[2];
    gpa_t second;       /* that page */
    const u8 *bytes[2]; /* where they can be read: in the first page, in the second */
    u8 length, first;   /* bytes in all, bytes in the first page */
    u8 source[TC_BYTES];
    void *run; /* the caller's too */
    u64 work[TC_WORK / 8];
};

#define TC_NONE (~0ull)

struct tc_counts {
    u64 misses, entries;
    u64 performed; /* hits that took the interpreter all the same */
};

struct tc_seen {
    u32 tag;
    u32 wait; /* so many times more it is not worth an entry */
};

struct tcache {
    struct coherence *coherence;
    struct tc_counts counts;
    u32 fruitless; /* misses since the last hit */
    u32 turn;
    u32 turn_mask; /* TC_REST_EACH - 1, TC_REST_EACH_LONG - 1 */
    /* Addresses that exited once: what exits only once is not worth an entry, nor is what has just changed. */
    struct tc_seen seen[TC_SEEN];
    struct tc_entry entry[TC_SETS][TC_WAYS];
};

void tc_init(struct tcache *tc, struct coherence *coherence);

/* Fibonacci hashing: code is laid out in strides, and their bits must not meet in few sets. */
static inline u64 tc_hash(u64 key, u32 bits)
{
    return key * 0x9e3779b97f4a7c15ull >> (64 - bits);
}

/* The entry for the instruction at `gpa` in `mode`, if there is one whose pages were not written; else NULL. */
static inline struct tc_entry *tc_find(struct tcache *tc, gpa_t gpa, u32 mode)
{
    struct tc_entry *set = tc->entry[tc_hash(gpa.at, TC_SETS_BITS)];
    struct tc_entry *entry = set[0].gpa == gpa.at ? &set[0] : &set[1];
    if (entry->gpa != gpa.at || entry->mode != mode || entry->page[0]->generation != entry->generation[0])
        return NULL;
    return entry;
}

/*
 * Whether a found entry may be used by code of this privilege. `second` is what the caller's walk says of the page in
 * which the instruction goes on (entry->second.at where it does not). False: it is dropped where it must be.
 */
bool tc_check(struct tcache *tc, struct tc_entry *entry, gpa_t second);

/* How many of its bytes are in memory before one differs; entry->length: all. */
u32 tc_same_bytes(const struct tc_entry *entry);

/* Whether tc_check() has anything to look at for this hit. */
static inline bool tc_must_check(const struct tcache *tc, struct tc_entry *entry, bool user)
{
    return ++entry->hits % TC_COMPARE_EACH == 0 || user || entry->page[1] || coherence_compares(entry->page[0]);
}

/* Whether this exit is to be handled as if there were no cache. */
static inline bool tc_rests(struct tcache *tc)
{
    return tc->fruitless > TC_REST && (++tc->turn & tc->turn_mask);
}

/*
 * True when this address is not met for the first time, so an entry may pay. Where entries are made and never hit (code
 * that is written anew each time) most are not made.
 */
bool tc_worth(struct tcache *tc, gpa_t gpa);

/* What the caller knows of an instruction. */
struct tc_source {
    gpa_t gpa, second; /* `second`: of the page in which it goes on; any where it does not */
    u32 mode;
    u32 length; /* at most TC_BYTES */
    const u8 *bytes[2];
};

/*
 * Makes the pages read-only, then reads the bytes and compares them with `bytes`, what the work was made from (SPEC
 * 5.2); returns the entry, whose `work` the caller fills, or NULL when it cannot be kept. The coldest entry of its set
 * goes.
 */
struct tc_entry *tc_publish(struct tcache *tc, const struct tc_source *source, const u8 *bytes);

#endif
