/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The translation cache (SPEC 6.5): machine code for exit sites, found by the linear address of the instruction that
 * exits. Each notes what it was made from: the pages whose bytes it stands for (cache/coherence.h), the paging entries
 * that the walk to them read, and the mode. One per CPU: nothing is locked.
 *
 * The code lies in one ring of TC_CODE bytes, written through one mapping and executed through another (W^X). A new
 * piece takes the oldest place; pieces that were used since the ring came by last are passed over, a bounded number of
 * times. Nothing is made or dropped while translated code runs.
 */
#ifndef CACHE_TRANSLATIONS_H
#define CACHE_TRANSLATIONS_H

#include "cache/coherence.h"
#include "cache/places.h"
#include "lib/statistics.h"

#define TRANSLATIONS_BITS 10
#define TRANSLATIONS (1u << TRANSLATIONS_BITS)
#define TC_CODE (412u << 10)
#define TC_PIECE_MAX (32u << 10)
#define TC_PASS_OVER 8
#define TC_PAGES 8 /* of guest code, for one translation */
#define TC_WALK 4
#define TC_NO_WALK (~0u)
#define TC_WRITES 4

/* What a translation stands for, at most: bytes of guest code, in so many runs. */
#define TC_SOURCE_MAX 1024
#define TC_RUNS 96

/* Supervisor code is compared on every so many uses (SPEC 5.3). */
#define TC_COMPARE_AGAIN 64

/* Guest code that stands in one piece in one page. */
struct tc_run {
    u8 page; /* index into `at` */
    u16 offset, length;
};

/* A page that guest code of a translation is in. */
struct tc_page {
    struct code_page *held;
    u32 generation; /* of *held, when it was made */
    u64 rip;        /* of a byte in it that is code, as the guest's register would have it */
    gpa_t gpa;      /* of that byte */
    const u8 *page; /* where the page is */
};

/* What must be in memory for the translation to be used. */
struct tc_word {
    const volatile u64 *at; /* NULL: the end of a list */
    u64 value;
};
#define TC_WORDS ((TC_PAGES - 1) * TC_WALK + 1)

/* What one is made from: translations_publish() puts it into its piece. */
struct code_source {
    u32 pages, runs, length, words; /* `length` bytes in all */
    struct tc_page at[TC_PAGES];    /* the first: the page of the instruction that exits */
    struct tc_run run[TC_RUNS];
    u8 bytes[TC_SOURCE_MAX]; /* of all runs, one behind the other */
    /* Paging entries by which pages beyond the first are reached, where the walk to the first does not read them. */
    struct tc_word word[TC_WORDS];
};

struct translation {
    /* vmx/entry.S reads these, most within reach of one byte's displacement. */
    struct account quick; /* uses since they were last counted, without `hits`: by way of vmx/entry.S, mostly */
    u64 rip;              /* linear address of the instruction that exits; ~0: nothing here */
    u32 reason;           /* basic exit reason */
    u32 mode;             /* access rights of CS */
    const void *check;    /* the code that proves it there, given by its owner */
    u64 expect; /* what the exit must be about, in the bits of expect_mask: qualification, guest-physical address */
    u64 expect_mask;
    const void *code;
    u32 uses_to_compare;        /* counts down from TC_COMPARE_AGAIN */
    u32 walk_index;             /* see `entry` */
    u32 epoch;                  /* the owner's: of an answer, which stands for no code */
    u32 uses_rsp;               /* v->gpr[RSP] must be there before it runs */
    u32 generation;             /* as in at[0] */
    struct code_page *held;     /* the same */
    struct tc_word *word;       /* the further pages: their walks and generations */
    struct exit_places *places; /* where exits went that are not in `quick`; &places_none: all are in it */
    /*
     * The walk to the first page, as in ept/walk_memo.h; entry 0 by its offset in the table that CR3 names. walk_index
     * TC_NO_WALK: not so, or more is to be checked.
     */
    u64 value[TC_WALK];
    const volatile u64 *entry[TC_WALK]; /* [0] is not used */
    /*
     * Pages that its code may write, with the walks as they were noted: they have nothing of it, and none of the tables
     * that map it (SPEC 5.5), but perhaps the one that CR3 names, which is asked for each time.
     */
    const u8 *writes[TC_WRITES];
    struct kept_lines *kept; /* its owner's, in its piece: lines of earlier runs, or NULL */

    /* What only slow ways and reports need */
    u64 rip_offset;     /* `rip` less the base of CS */
    u32 cs_limit;       /* outside 64-bit code */
    bool ports_free;    /* it has ports beside what exits, whose permission nobody asks for */
    u8 kind;            /* of the exit: below TC_KINDS, for whoever counts */
    u16 count, exiting; /* of the cluster: emul/cluster.h */
    u8 why, stopper;
    u8 code_size; /* enum code_size */
    u8 pages;
    bool traced;    /* formed from a path: emul/trace.h */
    bool watched;   /* its owner waits for the guest to leave its path */
    bool doubted;   /* whether all of its code can be fetched is to be seen again, by the long way */
    bool roams;     /* the instruction is at one register or port now, and at another one then */
    bool several;   /* it serves several ports, or registers of the LAPIC: each has an account of its own in `places` */
    bool by_path;   /* so is what comes in its place */
    u8 remade;      /* how often, because it did not keep its promise */
    u8 patience;    /* of an answer: so many exits may ask something else until it gives way */
    u8 misses;      /* so many have */
    u16 rate;       /* exits avoided by 16 uses, of the last one for the same site that was no trace */
    u16 trace_rate; /* the same of the last trace before it */
    u16 promise;    /* exits for one, with it, as far as its maker saw; 0: not said */
    u16 length;     /* of the instruction that exits */
    u16 behind;     /* bytes of `source` before it */
    u16 runs, source_length;
    u32 checked_at;                   /* when it was last held against its promise, or made: in units of its owner */
    u64 exits;                        /* which of the first 64 instructions in `source` exit: a bit for each */
    u64 inherited;                    /* hits of those that were there for the same site before */
    u64 checked_hits, checked_spared; /* when it was last held against its promise */
    /* In its piece: */
    const struct tc_page *at;
    const struct tc_run *run;
    const u8 *source;
    u64 spared;             /* exits, without those in `avoided` */
    u64 hits;               /* uses, without `quick` */
    u64 uses;               /* hits and quick when the ring came by */
    u64 time;               /* of the exits, without `quick` (timing=on) */
    struct account *detail; /* who gets what is in `quick`; NULL: nobody */
    u32 piece, piece_size;  /* place in the ring */
    u64 *avoided;           /* TC_KINDS counts of exits that its code spared; at the start of its piece */
};

#define TC_KINDS 12

struct translations_counts {
    u64 made, lost_to_ring, lost_to_table, stale;
};

struct translations {
    struct coherence *coherence;
    u8 *code;                /* to write */
    const u8 *executable;    /* the same memory, to execute */
    u32 next;                /* in the ring */
    u32 top;                 /* from here on nothing was ever written */
    struct account **served; /* what the exit in progress is put down to; NULL: nobody counts */
    /* By kind of exit, since whoever reads these cleared them: translation_settle(). */
    u64 quick[TC_KINDS], avoided[TC_KINDS];
    struct translations_counts counts;
    struct exit_places places[PLACES_TABLES];
    struct translation table[TRANSLATIONS];
};

void translations_init(struct translations *t, struct coherence *coherence, void *code, const void *executable);

/* The first of the two places for `rip`. */
#define TRANSLATIONS_HASH 0x9e3779b1u
#define TRANSLATIONS_SHIFT (33 - TRANSLATIONS_BITS)
static inline u32 translations_slot(u64 rip)
{
    return (((u32)rip * TRANSLATIONS_HASH) >> TRANSLATIONS_SHIFT) * 2;
}

/* What stands for the instruction at `rip`, whatever the mode; NULL: nothing. It is still to be checked. */
static inline struct translation *translations_find(struct translations *t, u64 rip)
{
    struct translation *found = &t->table[translations_slot(rip)];
    if (found->rip != rip)
        found++;
    return found->rip == rip ? found : NULL;
}

/* What was there last for this site, and is no more, or is about to be replaced; NULL: nothing. */
struct translation *translations_last(struct translations *t, u64 rip, u64 rip_offset);

#define TC_EMPTY (~0ull)

static inline bool translation_is_there(const struct translation *t)
{
    return t->rip != TC_EMPTY;
}

/* Its walks have been looked at anew. */
static inline void translation_forget_writes(struct translation *t)
{
    for (u32 i = 0; i < TC_WRITES; i++)
        t->writes[i] = NULL;
}

/* Whether all paging entries by which it is reached are those that were noted; `table`: what CR3 names. */
static inline bool translation_is_reached_as_noted(const struct translation *t, const u8 *table)
{
    if (t->walk_index == TC_NO_WALK || *(const volatile u64 *)(table + t->walk_index) != t->value[0])
        return false;
    for (u32 i = 1; i < TC_WALK; i++)
        if (*t->entry[i] != t->value[i])
            return false;
    const struct tc_word *word = t->word;
    while (word->at && *word->at == word->value)
        word++;
    return !word->at;
}

/* Whether the page is known to be one that its code may write. */
static inline bool translation_may_write(const struct translation *t, const u8 *page)
{
    for (u32 i = 0; i < TC_WRITES; i++)
        if (t->writes[i] == page)
            return true;
    return false;
}

/* It is one; the one that was noted first goes. */
void translation_note_write(struct translation *t, const u8 *page);

/* How often it was used. */
static inline u64 translation_uses(const struct translation *t)
{
    return t->hits + t->quick.count + places_count(t->places);
}

/* Whether its pages were not written since it was made. */
static inline bool translation_is_fresh(const struct translation *t)
{
    for (u32 i = 0; i < t->pages; i++)
        if (t->at[i].held->generation != t->at[i].generation)
            return false;
    return true;
}

/* Whether whoever writes its pages does so unseen. */
static inline bool translation_must_compare(const struct translation *t)
{
    for (u32 i = 0; i < t->pages; i++)
        if (coherence_compares(t->at[i].held))
            return true;
    return false;
}

/* Whether the guest's bytes are still those it was made from. */
bool translation_same(const struct translation *translation);

/* The same for one that is about to be used; where not, coherence is told and it is dropped. */
bool translation_compare(struct translations *t, struct translation *translation);

/* Moves what was counted in `translation` to t->quick, t->avoided and its details; `hits`, `spared` and `time` keep it
 * for the site. */
void translation_settle(struct translations *t, struct translation *translation);

void translations_drop(struct translations *t, struct translation *translation);

/*
 * Where a piece of up to TC_PIECE_MAX bytes can be written. The caller then either calls translations_publish() or
 * leaves it.
 */
u8 *translations_room(struct translations *t);

/* Where what is written at `piece` will be executed. */
static inline const void *translations_executable(const struct translations *t, const u8 *piece)
{
    return t->executable + (piece - t->code);
}

/*
 * A place in the table for what is found by `rip` but stands for no code: its owner fills it in. All that is about code
 * says that nothing changed. NULL: the places are in use.
 */
struct translation *translations_place(struct translations *t, u64 rip);

/* Bytes at the start of a piece that translations_publish() fills; a multiple of 16. */
u32 translations_head(const struct code_source *source);

/*
 * Makes the pages read-only, then compares the guest's bytes with *source (SPEC 5.2), and takes it into the table.
 * `made` has all but code, piece and what comes from *source; `size` bytes at translations_room() are its
 * own, with its code `entry` bytes into them, beyond translations_head(). NULL: it cannot be kept.
 */
struct translation *translations_publish(struct translations *t, const struct translation *made,
                                         struct code_source *source, u32 size, u32 entry);

/*
 * The pages are reached as source->word says now, which is as long as what was there, or less. False: longer, and
 * nothing was done.
 */
bool translations_renew_words(struct translation *translation, const struct code_source *source);

#endif
