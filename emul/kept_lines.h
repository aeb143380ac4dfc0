/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines that outlive a run. Most clusters touch the same pages at each use: a stack, a CPU's variables, a device's
 * structure. What their lines (struct code_line) were at the end of one run is kept, and with it the paging entries
 * that say so. The next run compares these entries, each once however many lines hang on it, and begins with all lines
 * as they are, but for those that were filled since: they are put back. Where one entry differs it begins with none, as
 * it would without.
 *
 * That is no more than a TLB does that has been filled ahead: the entries are read again at each entry to the code, and
 * with them their accessed and dirty flags.
 */
#ifndef EMUL_KEPT_LINES_H
#define EMUL_KEPT_LINES_H

#include "lib/code_frame.h"
#include "lib/vcpu.h"

#define KEPT_TOPS 3        /* entries in the table that CR3 names */
#define KEPT_WORDS 16      /* entries in other tables */
#define KEPT_WRITTEN 6     /* pages that are written */
#define KEPT_USES 256      /* then they are learned again: the guest may be in other pages by now */
#define KEPT_PAYS 16       /* so many uses win back what learning takes */
#define KEPT_PATIENCE 1024 /* uses without, at most, before they are learned again */

struct kept_word {
    u64 at; /* where the entry is; of the first level: its offset in the table */
    u64 value;
};

/* Lies in the translation's piece, and is read by emul/kept_lines.S. */
struct kept_lines {
    const void *open; /* called by the code that has these lines, before all else: RDX = this */
    /* Into the rows of emul/kept_lines.S, by how many there are of each; `empty`: to begin with none. */
    const void *apart, *tops, *words, *empty;
    u64 changes; /* ept.generation and ept.protections when they were learned */
    u64 base;    /* of the segment that `based` names */
    struct code_reach based;
    u32 epoch;                 /* the same of struct walk_memo */
    u32 uses;                  /* until they are learned again */
    u32 wait;                  /* while none are kept: uses until they are learned */
    u32 patience;              /* what `wait` was the last time */
    u32 count;                 /* lines */
    u32 to_kept;               /* bytes from a line to what is kept of it */
    u64 written[KEPT_WRITTEN]; /* where they are: none may be the table that CR3 names, by which the code is reached */
    struct kept_word top[KEPT_TOPS], word[KEPT_WORDS];
    /* `count`; then what is kept of each; then what is asked of each: struct code_reach; size 0: it is not kept. */
    struct code_lines lines;
};

/* Bytes for so many lines, a multiple of 8. */
static inline u32 kept_lines_size(u32 count)
{
    u64 each = 2 * sizeof(struct code_line) + sizeof(struct code_reach);
    return count ? (u32)align_up(sizeof(struct kept_lines) + count * each, 8) : 0;
}

/* What is asked of each line. */
static inline struct code_reach *kept_lines_asked(struct kept_lines *kept)
{
    return (struct code_reach *)(kept->lines.line + 2 * kept->count);
}

/* None yet; they are learned at the end of the `wait`-th run, 1 at least. Whoever calls it fills kept_lines_asked(). */
void kept_lines_init(struct kept_lines *kept, u32 count, u32 wait);

/*
 * What runs next is reached by other tables than were noted, which its lines must not write: they are learned anew, but
 * not from that run.
 */
void kept_lines_forget(struct kept_lines *kept);

/* In kept_lines.S: a run for whose lines v->frame.learned was set is over. Calls kept_lines_learn(). */
void kept_lines_end_dirty(void);
void kept_lines_end_care(void);

/* The lines of v->frame.learned are kept for the next runs, as far as the code that ran could fill them so now. */
void kept_lines_learn(struct vcpu *v);

#endif
