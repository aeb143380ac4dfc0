/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forming a cluster (SPEC 6): from an instruction that exited, which instructions downstream are taken along, so that
 * those of them that would exit do not. Pure: decoded instructions, the policy and what the tracker saw go in, a
 * description comes out that emul/translate.h turns into machine code and that a person can read (docs/CLUSTERS.md).
 */
#ifndef EMUL_CLUSTER_H
#define EMUL_CLUSTER_H

#include "cache/tracker.h"
#include "emul/insn.h"
#include "emul/policy.h"
#include "emul/slices.h"

#define CLUSTER_MAX 64       /* instructions looked at: the upper limit of cluster-max= */
#define CLUSTER_NODES 192    /* the upper limit of those in a cluster: of a trace */
#define CLUSTER_GAP_MEMORY 4 /* accesses of gap fillers between two exiting instructions (SPEC 6.1) */
/* How far before the instruction that exited the head of a loop may be (SPEC 6.7). */
#define CLUSTER_BEFORE_BYTES 96
#define CLUSTER_BEFORE 24
/* Pages of code that a trace is in. */
#define CLUSTER_TRACE_PAGES 8
#define CLUSTER_OUT (-1) /* a jump's target outside the cluster */

/* What an instruction is to a cluster (SPEC 6.1). */
enum cluster_role {
    ROLE_FILLER, /* does not exit */
    ROLE_WEAK,   /* its memory operand is predicted to be in a trapped page */
    ROLE_STRONG, /* exits always under the policy */
};

/* How an instruction is carried: what the translator does with it. */
enum carry {
    CARRY_NOT,       /* ends the cluster before it */
    CARRY_REGISTERS, /* registers, immediates and flags only, and no fault: its own bytes, re-encoded */
    CARRY_MEMORY,    /* one memory operand named by ModRM, else as before: RAM or a device, through a line */
    CARRY_JUMP,      /* direct JMP, Jcc, LOOP*, JCXZ */
    CARRY_PORT,      /* IN, OUT */
    CARRY_DEBUG,     /* MOV to and from DR */
    CARRY_RSP,       /* an ALU operation or MOV on RSP, MOV or LEA from it: 64-bit code */
    CARRY_STACK,     /* PUSH and POP of a register, or of an immediate: 64-bit code */
    CARRY_CALL,      /* near CALL, direct or by a register; RET; JMP by a register: 64-bit code */
    CARRY_RET,
    CARRY_COMPUTED,
    CARRY_PERFORM, /* performed by the interpreter between two pieces of machine code: exact, not fast */
};

/* Which kind of exit an instruction of ROLE_STRONG or ROLE_WEAK would be. */
enum would_exit { WOULD_NOT, WOULD_IO_IN, WOULD_IO_OUT, WOULD_APIC, WOULD_MMIO, WOULD_DR, WOULD_END };

struct cluster_insn {
    struct insn insn;
    u64 rip;
    u64 page;   /* ROLE_WEAK: the guest-physical page that is predicted; WOULD_IO_*: the port, given or predicted */
    u8 role;    /* enum cluster_role */
    u8 carry;   /* enum carry */
    u8 would;   /* enum would_exit */
    s16 next;   /* index of the instruction that follows where no jump is taken, or CLUSTER_OUT */
    s16 target; /* of a jump or direct call: index of the one it leads to when taken, or CLUSTER_OUT */
    u16 way;    /* of RET and what is computed: index into cluster.way, CLUSTER_NO_WAY: none is followed */
    bool loops; /* `target` is an enabled backedge: the time is checked there, and the rounds if `weak` */
    bool weak;  /* of such: nothing in the loop exits strongly, so it is left after CLUSTER_WEAK_ROUNDS */
    bool joins; /* some jump of the cluster leads here, or it is entered here with instructions before it */
};

/* Where an instruction that computes its target went. */
struct cluster_way {
    u64 rip;
    s16 to;    /* index of the instruction there */
    u16 other; /* another such, or CLUSTER_NO_WAY */
};
#define CLUSTER_WAYS 64
#define CLUSTER_NO_WAY CLUSTER_WAYS

/* Of WOULD_IO_*, carried by CARRY_PERFORM: DX at an instruction that was not seen to exit, where all ports are trapped.
 */
#define CLUSTER_PORT_UNKNOWN 0x10000

#define CLUSTER_WEAK_ROUNDS 10 /* SPEC 6.4 */

/* Why a cluster is not longer, or why there is none (then count is 1): words in the report, cluster_why_text(). */
enum cluster_why {
    WHY_COMPLETE,    /* the last exiting instruction within the limit; nothing downstream would exit */
    WHY_LIMIT,       /* cluster-max= */
    WHY_JUMP,        /* control flow that `flow=` does not follow */
    WHY_CALL,        /* CALL, RET, computed jump: traces (SPEC 6.7) */
    WHY_INSTRUCTION, /* one that cannot be carried: `stopper` */
    WHY_MEMORY,      /* more than CLUSTER_GAP_MEMORY accesses between two exiting instructions */
    WHY_FETCH,       /* the code goes on where it cannot be read */
    WHY_PAGES,       /* more than two code pages */
    WHY_GUARD,       /* a port or register whose value must be looked at first */
    WHY_ALONE,       /* emul/site.c: one instruction, of CARRY_PERFORM */
    WHY_CODE,        /* emul/site.c: emul/translate.h refused */
    WHY_CHANGES,     /* emul/site.c: its translations are lost before they pay */
    WHY_ANSWERED,    /* vmx/answers.h */
    WHY_PATH,        /* emul/trace.h: the path that was recorded ends */
    WHY_END
};

struct cluster {
    u32 count;   /* instructions up to the last exiting one, or to the last enabled backedge; at least 1 */
    u32 exiting; /* of them ROLE_STRONG or ROLE_WEAK */
    enum code_size code_size;
    enum cluster_why why;
    u16 stopper; /* enum op: WHY_INSTRUCTION */
    bool traced; /* by emul/trace.h: `next` is not the one behind it, and the same instruction may be there twice */
    u32 ways;
    struct cluster_insn at[CLUSTER_NODES];
    struct cluster_way way[CLUSTER_WAYS];
    u32 entry; /* the one that exited; those before it are reached by an enabled backedge */
};

/* SPEC 6.4: `flow=`. FLOW of a later rung includes the earlier ones. */
enum cluster_flow { CLUSTER_STRAIGHT, CLUSTER_FORWARD, CLUSTER_LOOPS, CLUSTER_TRACES, CLUSTER_FLOW_END };

struct path;

struct cluster_request {
    u64 rip; /* of the instruction that exited */
    enum code_size code_size;
    /* Instructions looked at downstream of each that exits, in all CLUSTER_MAX: 1 (engine=translate) to CLUSTER_MAX */
    u32 max;
    enum cluster_flow flow;
    bool user;       /* CPL is not 0 */
    bool ports_free; /* CPL <= IOPL and not virtual-8086 mode, or real mode: the TSS bitmap is not asked */
    const struct policy *policy;
    const struct tracker *tracker; /* predicts which memory operands are in a trapped page; NULL: none is */
    struct track_cause cause;      /* what the exit was about: predicts the instruction at `rip` */
    /* The instruction at `rip`, decoded for code_size. False: it cannot be read or decoded. */
    bool (*fetch)(void *context, u64 rip, struct insn *insn);
    void *context;
    struct slices *slices;   /* emul/trace.h: where to pause; NULL: nowhere */
    u32 cs_limit;            /* outside 64-bit code: where jumps may lead; 0: anywhere */
    const struct path *path; /* emul/trace.h; NULL: calls, returns and computed jumps end the cluster */
    u64 cs_base;             /* what is added to `rip` for the tracker and for counting pages; 0 in 64-bit code */
    bool console;            /* characters written to policy->console_data need no more than struct console_line asks */
    /* Where reads are looked at among the ports of verdict GUARD; NULL: everywhere. */
    const struct guard_config *guards;
};

/*
 * Fills *cluster. The instruction that exited is always in it; it is the only one, with CARRY_NOT, when it cannot be
 * translated at all (`why` says the reason). Reads each instruction once, more often where a jump leads before `rip`.
 */
void cluster_form(const struct cluster_request *request, struct cluster *cluster);

/* How the instruction is carried, whatever its role. */
enum carry cluster_carry(const struct insn *insn);

/*
 * Accesses to memory that performing it makes, as the gap limit counts them: reading and writing one operand is one,
 * repeated string instructions make CLUSTER_ACCESSES_MANY.
 */
u32 cluster_accesses(const struct insn *insn);
#define CLUSTER_ACCESSES_MANY 255

/* "nothing downstream exits", "jump out of the cluster"...: never NULL. */
const char *cluster_why_text(enum cluster_why why);

#endif
