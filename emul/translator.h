/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the translator share. Only emul/translate*.c include this; functions have the prefix tr_, and are
 * explained where they stand.
 */
#ifndef EMUL_TRANSLATOR_H
#define EMUL_TRANSLATOR_H

#include "emul/emit.h"
#include "emul/kept_lines.h"
#include "emul/translate.h"

#define SLOT(member) ((u32)offsetof(struct vcpu, member))
#define GPR_SLOT(reg) (SLOT(gpr) + 8 * (reg))
#define FLAGS_MASK (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* Places that code jumps to from a place before: some instructions have several, most have one or none. */
#define LATER_MAX (2 * CLUSTER_NODES)

/* Where the guest's status flags are now. Several may be true. */
enum flags_at {
    FLAGS_IN_VCPU = 1,    /* v->rflags */
    FLAGS_IN_SLOT = 2,    /* frame.flags */
    FLAGS_IN_MACHINE = 4, /* RFLAGS */
};

enum later_kind {
    LATER_LEAVE,
    LATER_LEAVE_HERE, /* v->rip says where */
    LATER_REACH,
    LATER_REACH_OR_LEAVE,  /* before the instruction */
    LATER_REACH_AND_LEAVE, /* behind it, wherever it leads: performed by the interpreter */
    LATER_TIME,
    LATER_PERFORM, /* the instruction */
};

/* Code that stands out of the straight way. */
struct later {
    struct fixup32 from;
    u8 kind;
    u8 flags;              /* enum flags_at: at the jump */
    u8 after;              /* LATER_REACH: what is expected when coming back */
    u8 scratch, line;      /* LATER_REACH */
    u16 index;             /* of the instruction */
    bool side;             /* LATER_LEAVE: the guest goes where the cluster does not */
    bool pushes;           /* LATER_REACH: RSP is where the operand will be */
    u8 lent;               /* LATER_LEAVE: the register whose guest value is in frame.save, or NOT_LENT */
    u64 rip;               /* where the guest goes on when it is left */
    const u8 *back, *past; /* where the code comes back to: LATER_REACH, LATER_TIME */
};

struct translator {
    struct emitter e;
    const struct translate_request *request;
    const struct cluster *cluster;
    u32 flags;  /* enum flags_at */
    u32 lent;   /* the register whose guest value is in frame.save, and perhaps nowhere else: RBX, RSI, or NOT_LENT */
    u32 lines;  /* used */
    u32 rounds; /* of a strong loop between two looks at the time */
    u32 performed_count, performed_max, later_count, jump_count;
    bool failed;
    bool loops, weak_loops; /* some instruction closes one */
    bool dirties;           /* some instruction may leave something in v->dirty */
    u64 *avoided;
    struct performed *performed;
    struct code_lines *line_table; /* in the piece */
    struct kept_lines *kept;       /* which has it; NULL: there is no line, or only the one that the exit proves */
    bool writes_rsp;
    const u8 *label[CLUSTER_NODES];
    u16 waiting[CLUSTER_NODES]; /* the last jump to each instruction that waits for its label, plus 1 */
    struct code_line_key {
        u8 base, index, size, kind, segment;
        u64 page; /* without base and index: the only one that it can be in, less the base of the segment */
    } line_key[CODE_LINES];
    u8 line_of[CLUSTER_NODES]; /* LINE_UNKNOWN: not looked up yet */
    /* From here on, by the counts: what is not written is not read. */
    struct {
        struct fixup32 from;
        u32 other;                            /* an earlier one to the same instruction, plus 1 */
    } jump[2 * CLUSTER_NODES + CLUSTER_WAYS]; /* forward, within the cluster */
    struct later later[LATER_MAX];
};

/* How an instruction treats the status flags. */
enum flags_use {
    FLAGS_UNTOUCHED,
    FLAGS_REPLACED, /* all written, none read */
    FLAGS_USED,     /* read, or written in part */
};

/* Offsets of the last opcode byte and of what follows the memory operand, and what stands before. */
struct layout {
    u32 opcode;  /* of the first opcode byte */
    u32 modrm;   /* of the ModRM byte; where there is none: of what follows the opcode */
    u32 rest;    /* of the immediate */
    u8 rex, rep; /* the prefixes, or 0 */
};

#define NO_LINE CODE_LINES
#define NOT_LENT 0xff
#define LINE_UNKNOWN 0xff

/* ---- flags, ways out, counts: emul/translate_state.c ---- */

enum flags_use tr_flags_use(const struct insn *insn);
void tr_flags_save(struct translator *t);
void tr_flags_to_slot(struct translator *t);
void tr_flags_to_machine(struct translator *t);
void tr_flags_before(struct translator *t, const struct insn *insn);
void tr_flags_after(struct translator *t, const struct insn *insn);
void tr_leave_now(struct translator *t, u32 flags, u64 rip);
struct later *tr_later(struct translator *t, enum later_kind kind, struct fixup32 from);
void tr_leave_if(struct translator *t, u32 condition, u64 rip);
u64 tr_rip_after(const struct translator *t, u32 index);
const struct cluster_insn *tr_entry_of(const struct translator *t);
void tr_perform(struct translator *t, u32 index, u32 flags);
void tr_count(struct translator *t, const struct cluster_insn *at, u32 extension);
void tr_count_avoided(struct translator *t, const struct cluster_insn *at);
void tr_leave_here(struct translator *t);
void tr_leave_aside(struct translator *t, u32 index, u32 flags, u64 rip);

/* ---- instructions as they are: emul/translate_copy.c ---- */

struct layout tr_layout_of(const struct insn *insn);
void tr_emit_as_it_is(struct translator *t, const struct insn *insn);
void tr_emit_with_memory(struct translator *t, const struct insn *insn, u32 base, u32 displacement);
u32 tr_registers_of(const struct insn *insn);
u32 tr_memory_size(const struct insn *insn);

/* ---- memory: emul/translate_memory.c ---- */

struct line_use {
    const u8 *back;
    struct later *later;
    u32 scratch;
};
u32 tr_line_for(struct translator *t, const struct cluster_insn *at);
struct line_use tr_line_begin(struct translator *t, u32 index, enum later_kind otherwise);
u32 tr_target_line_for(struct translator *t, const struct cluster_insn *at);
struct line_use tr_target_line_begin(struct translator *t, u32 index, enum later_kind otherwise);
void tr_line_end(struct translator *t, const struct line_use *use);
struct code_reach tr_line_asks(const struct translator *t, u32 line);
void tr_memory_through_line(struct translator *t, u32 index);
void tr_emit_reach(struct translator *t, const struct later *l);
bool tr_register_access(struct translator *t);
void tr_give_back(struct translator *t);
void tr_prime_line(struct translator *t);

/* ---- ports, debug registers: emul/translate_device.c ---- */

void tr_port(struct translator *t, u32 index);
void tr_debug_register(struct translator *t, u32 index);

/* ---- control flow: emul/translate_jump.c ---- */

void tr_jump(struct translator *t, u32 index);
void tr_go(struct translator *t, u32 index, int to, u64 rip);
void tr_go_on(struct translator *t, u32 index);
void tr_jump_ahead(struct translator *t, u32 to);
void tr_label_here(struct translator *t, u32 index);

/* ---- the stack, calls and returns: emul/translate_stack.c ---- */

void tr_stack(struct translator *t, u32 index);
void tr_rsp(struct translator *t, u32 index);
void tr_call(struct translator *t, u32 index);
void tr_return(struct translator *t, u32 index);
void tr_computed(struct translator *t, u32 index);
void tr_performed_flow(struct translator *t, u32 index);
bool tr_flows(const struct cluster_insn *at);

#endif
