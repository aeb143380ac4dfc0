/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What translated guest code works with, beside the guest's registers: a part of struct vcpu, which RSP points at while
 * such code runs (Exeunt's stack is right below it). Who may enter such code, and how it leaves: emul/translate.h.
 */
#ifndef LIB_CODE_FRAME_H
#define LIB_CODE_FRAME_H

#include "lib/types.h"

#define CODE_LINES 16

/*
 * A page that the running code may touch: the walk was made once, by translated_reach(), and holds to the end of the
 * cluster as it would in a TLB. `limit` 0: holds nothing.
 */
struct code_line {
    u64 linear; /* of the first byte that may be touched; less the base of FS or GS, for what is reached by these */
    u64 limit;  /* so many addresses from there, for the size that the line is for */
    u64 host;   /* where `linear` is */
};

/* Those of one translation: in its piece, at an address of 32 bits. */
struct code_lines {
    u64 filled; /* BIT(n): line n was filled, or emptied, since that was last 0 */
    struct code_line line[];
};

/* What a memory operand asks of translated_reach(). */
struct code_reach {
    u8 line;
    u8 size;
    u8 segment; /* enum segment_name: FS and GS have a base */
    /* REACH_WRITE: also what reads and writes; REACH_TRAPPED: only a trapped page will do, else all but one; REACH_RAM:
     * only memory, which may be read twice */
    u8 kind;
};
/* REACH_BY_RSI: the scratch register is RSI, not RBX. */
enum code_reach_kind { REACH_TRAPPED = 1, REACH_WRITE = 2, REACH_RAM = 4, REACH_BY_RSI = 8 };

/* Of what is asked for eight bytes that are no device's, by a segment without a base: most. */
enum reach_plain { REACH_PLAIN_READ, REACH_PLAIN_READ_RSI, REACH_PLAIN_WRITE, REACH_PLAIN_WRITE_RSI, REACH_PLAIN_WAYS };

struct code_frame {
    const void *end;       /* leave: RAX = guest RIP */
    const void *end_dirty; /* the same where v->dirty may say that more is to be written back */
    const void *end_flags; /* the same with the status flags in `flags` */
    const void *end_care;  /* leave after translated_perform() said so: v->rip and all else are in struct vcpu */
    const void *reach, *perform;
    const void *reach_plain[REACH_PLAIN_WAYS]; /* the same as reach, by enum reach_plain */
    const void *segment_base;                  /* see emul/translated.S */
    const u8
        *table; /* that CR3 names, for walks of 64-bit code at CPL 0; one with nothing in it: reach asks C at once */
    u64 save, save2; /* guest registers that are lent */
    u64 flags;       /* the guest's status flags, while they are not in the machine's */
    u64 linear;      /* for reach: the address, less that of the line */
    u64 budget;      /* TSC ticks that a cluster may take (SPEC 6.4) */
    u64 more_budget; /* in addition, where the guest takes no interrupts: until an NMI comes, which sets it to 0 */
    u64 deadline;    /* TSC; an NMI sets it to 0 */
    u32 rounds, weak_rounds;
    u32 side; /* of code that is watched: at which instruction + 1 of its cluster it was left; 0: for another reason */
    u32 left; /* perform: the cluster must be left */
    struct code_reach request;                /* for reach */
    struct code_lines *lines;                 /* the same: one of these */
    const void *performed;                    /* for perform: struct performed */
    const u8 *plain_ports;                    /* as in struct policy */
    void *console_line;                       /* struct console_line; NULL: nobody follows the console */
    const void *running;                      /* struct translation: whose code runs */
    void *learned;                            /* struct kept_lines (emul/kept_lines.h): of the lines of this run, */
    const void *learned_dirty, *learned_care; /* at the end of which these are `end_dirty` and `end_care` again */
    u64 bounce;                               /* what was read from a device 32 bits wide */
    u64 exit_host;  /* where the LAPIC's register is that the exit was about; 0: it is no simple access */
    u64 exit_limit; /* 1; 0: the same */
};

#endif
