/* SPDX-License-Identifier: BSD-2-Clause */
/* What translated code calls while it runs, by way of emul/translated.S. */
#ifndef EMUL_TRANSLATED_H
#define EMUL_TRANSLATED_H

#include "emul/translate.h"
#include "ept/walk_memo.h"

/*
 * Sets up v->frame. Of *ends the members `end`, `end_dirty`, `end_care` and `segment_base` count, and `budget`: TSC
 * ticks that a cluster with loops may take.
 */
void translated_init(struct vcpu *v, const struct code_frame *ends);

/* *t, which was looked at, runs next. */
void translated_begin(struct vcpu *v, const struct translation *t);

/*
 * An NMI waits: what runs ends when it looks at the time next, and what is entered before the NMI has been seen to has
 * no more time than where interrupts are on.
 */
static inline void translated_hurry(struct vcpu *v)
{
    v->frame.deadline = v->frame.more_budget = 0;
}

/* It has been seen to. */
void translated_take_time(struct vcpu *v);

/* Whether RIP still leads to the code that `t` was made from. EMUL_STEP_PARTS are there, walk_memo_begin() was called.
 */
bool translated_is_there(struct vcpu *v, const struct translation *t);

/* Fills the line that v->frame.request names, for v->frame.linear beyond where it began. False: that is not for a line.
 */
bool translated_reach(struct vcpu *v);

/*
 * *line becomes what `request` may touch from `linear` on, which *walk, of this moment, leads to; `linear` as it is,
 * though a segment may have a base. False: that is not for a line, and it holds nothing.
 */
bool translated_fill(struct vcpu *v, const struct walk_memo_line *walk, struct code_reach request, u64 linear,
                     struct code_line *line);

/* Performs v->frame.performed; v->frame.left says whether the cluster ends there. */
void translated_perform(struct vcpu *v);

/* In translated.S, for v->frame. */
void translated_end_flags(void);
void translated_call_reach(void);
void translated_reach_read(void);
void translated_reach_read_rsi(void);
void translated_reach_write(void);
void translated_reach_write_rsi(void);
void translated_call_perform(void);

#endif
