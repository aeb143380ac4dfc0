/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * String instructions: one element at a time (interp_string.c), or a run of them within one page of RAM (interp_run.c).
 */
#ifndef EMUL_INTERP_STRING_H
#define EMUL_INTERP_STRING_H

#include "emul/interp.h"
#include "lib/console.h"

struct string {
    struct interp *in;
    u32 size; /* of an element */
    u32 address_size;
    u64 step;
    u64 start; /* time_is_up() */
    u64 moved; /* elements since then, where a run counts them */
    bool ends; /* REPE, REPNE: the last comparison ends the repetition */
    struct access_cursor source, target;
    const struct console_line *line; /* of what is written to the console; else NULL */
};

/* Lines of a report wait for the end of the guest's (SPEC 8.5): here it is, and string output stops, to let them in. */
static inline bool string_lets_report_in(const struct string *s)
{
    return s->line && !s->line->plain && s->line->last == '\n';
}

/* Performs one element and moves rSI and rDI. False: fault raised. */
typedef bool string_element(struct string *s);

/* Performs some of `count` elements, moves rSI and rDI, and says how many. 0: do one by itself (it may fault). */
typedef u64 string_run(struct string *s, u64 count);

/* Nothing can come between two elements, and they go upwards: no DF, TF, alignment check or breakpoint. */
bool string_may_run(struct string *s);

string_run run_movs, run_stos, run_ins, run_outs;

#endif
