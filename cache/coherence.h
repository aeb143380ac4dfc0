/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Coherence of cached work with the guest's code (SPEC 5). The guest-physical pages that hold the code are read-only in
 * the EPT while work depends on them. Each has a generation: work notes it when it is published and counts only as long
 * as it has not changed. Dropping all the work of a page, on every CPU, is one increment; nothing has to be found.
 *
 * A page that is written again and again (code and data mixed) is left writable, and the bytes of each piece of work
 * are compared at each use instead; when it has been calm for long enough it becomes read-only again.
 */
#ifndef CACHE_COHERENCE_H
#define CACHE_COHERENCE_H

#include "ept/ept.h"

#define CODE_PAGE_SLOTS 256 /* a power of two */
#define CODE_PAGE_WAYS 4

/* Writes, each at most WRITE_WINDOW ticks after the one before, after which a page is compared; comparisons without a
 * difference until it is trusted again, doubled each time that it was trusted in vain. */
#define WRITES_BEFORE_COMPARING 3
#define CALM_BEFORE_TRUST 1024
#define WRITE_WINDOW 1000000000ull

enum code_page_state {
    CODE_PAGE_FREE, /* no page */
    CODE_PAGE_OPEN, /* known, nothing depends on it: writable */
    CODE_PAGE_READ_ONLY,
    CODE_PAGE_COMPARED, /* writable: work is compared at each use */
};

struct code_page {
    u64 page;       /* guest-physical address */
    u32 generation; /* of the work that counts; never goes back, so the slot may change its page */
    u32 state;      /* enum code_page_state; with `generation` one word, which vmx/entry.S compares */
    u8 patience;    /* how often CALM_BEFORE_TRUST is doubled */
    u16 writes;     /* WRITES_BEFORE_COMPARING counts them */
    u64 written;    /* the last of them: TSC */
    u32 calm;       /* comparisons that found no difference */
    u32 works;      /* published since the generation began: for the counts */
};

enum coherence_mode {
    COHERE_PROTECT,
    COHERE_COMPARE, /* coherence=bytes, or a device was caught writing code: everything is compared */
};

struct coherence_counts {
    u64 invalidations_write; /* works that a write dropped */
    u64 invalidations_remap; /* works whose address came to mean another page: they stay, for where they are right */
    u64 invalidations_eviction;
    u64 differences;   /* comparisons that found other bytes */
    u64 unannounced;   /* of them on read-only pages: a device writes code */
    u64 pages_demoted; /* to comparison */
    u64 pages_trusted; /* back from it */
};

struct coherence {
    struct ept *ept;
    enum coherence_mode mode;
    /* INVEPT on every CPU that runs the guest; returns when all have done it (SPEC 5.2). */
    void (*flush)(void *context);
    void *context;
    u64 (*time)(void); /* TSC */
    struct coherence_counts counts;
    struct code_page pages[CODE_PAGE_SLOTS];
};

void coherence_init(struct coherence *c, struct ept *ept, enum coherence_mode mode);

/*
 * Work is to be published that depends on the page of `at`: makes the page read-only and flushes, unless it is
 * compared. Only what is fetched after this may be published (SPEC 5.2). NULL: the page cannot be had (no RAM, no
 * memory for the EPT); nothing may be published then.
 */
struct code_page *coherence_hold(struct coherence *c, gpa_t at);

/* The page of `at` is being written, by the guest (EPT violation) or for it: drops its work, makes it writable. */
void coherence_written(struct coherence *c, gpa_t at);

/* Comparing work of this page found the same bytes, or other ones. */
void coherence_same(struct coherence *c, struct code_page *page);
void coherence_different(struct coherence *c, struct code_page *page);

/* Whether work of this page must be compared at each use: whoever may write it does so unseen. */
static inline bool coherence_compares(const struct code_page *page)
{
    return page->state != CODE_PAGE_READ_ONLY;
}

/* Pages that are compared now. */
u32 coherence_pages_compared(const struct coherence *c);

#endif
