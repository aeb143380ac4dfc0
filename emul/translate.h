/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A cluster (emul/cluster.h) as machine code (SPEC 6.5).
 *
 * Translated code runs in root mode with
 *   RSP             the struct vcpu; Exeunt's stack lies right below it
 *   RAX, RCX, RDX   anything: the guest's are in v->gpr
 *   all others      the guest's
 *   v->rflags       the guest's, fetched; v->frame set up by translated_begin()
 * and leaves by a jump to v->frame.end (or end_flags, end_care) with the same, RAX being the guest's RIP. Wherever it
 * leaves, the guest is exactly between two instructions (SPEC 6.6).
 *
 * Who enters it has seen to it that: the instruction that it is entered at is what exited, at the port or the address
 * that the translation is for; the page or pages have the bytes it was made from; no event, trap flag, armed breakpoint
 * or interrupt shadow asks for more than the instructions do.
 */
#ifndef EMUL_TRANSLATE_H
#define EMUL_TRANSLATE_H

#include "cache/translations.h"
#include "emul/cluster.h"
#include "lib/vcpu.h"

/* An instruction that translated code has the interpreter perform: lies before the code that uses it. */
struct performed {
    struct insn insn;
    u64 rip;
    u8 would;           /* enum would_exit: counted as avoided */
    bool flags_in_slot; /* the status flags are in frame.flags, not in v->rflags */
};

struct translate_request {
    const struct cluster *cluster;
    /*
     * The instruction that exited reaches the LAPIC register at this host address (aligned, plain: nothing guards it),
     * which the exit itself proves (its guest-physical address). NULL: it is no such access, or not a simple one.
     */
    void *register_at;
    void *page_at;         /* the same for any place in a page of trap=mmio:, where the page is */
    bool any_register;     /* frame.exit_host says where that register is, if it is such an access: 32 bits wide */
    u16 console_data;      /* as in struct policy */
    bool console_followed; /* characters for it need no more than struct console_line asks */
    bool any_port;  /* the instruction that exited is at one port now, and at another one then: IN or OUT of a byte */
    u16 usual_port; /* of these, one that no guard looks at, to be asked for first; 0: none */
    bool alone;     /* engine=translate */
    bool watch;     /* where the guest leaves the path, frame.side says at which instruction */
    struct slices *slices; /* where to pause; NULL: nowhere */
    u32 keep_after;        /* runs, until the lines of one are kept (emul/kept_lines.h) */
    u32 head;              /* bytes at the start of the room that are not the translator's; a multiple of 16 */
};

/* Whether the instruction's memory operand is written. */
bool translate_writes_memory(const struct insn *insn);

/* Whether translated code has the instruction use v->gpr[RSP]. */
bool translate_uses_rsp(const struct cluster_insn *at);

/* Loops look at the time after so many exiting instructions. */
#define TRANSLATE_TIME_EVERY 8

struct kept_lines;

/*
 * Writes the translation to `room` (TC_PIECE_MAX bytes, 16-aligned, at an address below 2 GiB). Returns its size, and
 * where in it the code begins, and its lines are kept, or NULL; 0: it does not fit, or cannot be translated.
 */
u32 translate(const struct translate_request *request, u8 *room, u32 *entry, struct kept_lines **kept);

#endif
