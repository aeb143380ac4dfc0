/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An exit site: the instruction that exits, and what is kept for it (SPEC 4, `translate` and `cluster`). Between the
 * exit and the translated code: counting, forming, translating, publishing; and looking up with all the checks that
 * SPEC 5.1 to 5.3 ask. vmx/entry.S has a shorter way to the same end for what exits most.
 */
#ifndef EMUL_SITE_H
#define EMUL_SITE_H

#include "cache/tracker.h"
#include "cache/translations.h"
#include "emul/cluster.h"
#include "emul/emul.h"
#include "emul/maker.h"
#include "emul/trace.h"
#include "emul/translate.h"

/* Instructions that were translated in vain: for so many exits more they are not looked at. */
#define SITE_SKIPS 64 /* a power of two */
struct site_skip {
    u64 rip; /* as the guest's register has it */
    u32 left;
    u64 exits;               /* since, with those that are left */
    struct translation site; /* for the report: hits by sites_settle() */
    u8 source[INSN_MAX];     /* its */
};

/* Exits by what they are, for counting: those of enum would_exit, and of those that are only answered (vmx/answers.h).
 */
enum site_kind { SITE_CPUID = WOULD_END, SITE_RDMSR, SITE_VMCALL, SITE_KINDS };
_Static_assert((u32)SITE_KINDS <= (u32)TC_KINDS, "a count for each");

/* The exit, as far as a translation depends on it. */
struct site_exit {
    u32 reason; /* basic exit reason: only compared */
    u64 detail; /* I/O: the exit qualification; else the guest-physical address; else 0 */
    struct track_cause cause;
};

/*
 * How a trace comes about, for one exit at a time: the path is recorded from the exit on, by the interpreter, so slowly
 * that devices look quicker than they are; the trace is made, and watched; where the guest leaves it, that path is
 * recorded as well, if it does so often; where it leaves it there again, it is made again, from all of them.
 */
struct recording {
    struct site_exit exit;
    u64 rip;                   /* as the guest's register has it */
    u64 linear;                /* the same as a linear address */
    u32 left;                  /* exits from which a path is still to be recorded */
    u32 sides;                 /* the same for ways out of the trace; with 0 it is not watched (any more) */
    u32 patience;              /* exits of other sites, until it is given up */
    u64 avoided;               /* exits, by recording, that no site has been given yet */
    bool roams;                /* as in struct sites */
    bool news;                 /* something has been recorded since it was made */
    bool now;                  /* as soon as the exit has been handled */
    u32 known;                 /* how often it was left where that is recorded, since it was made */
    u8 left_at[CLUSTER_NODES]; /* how often it was left at this instruction, until the path was recorded */
};
#define RECORD_AGAIN 2       /* exits, for a translation that is made again */
#define RECORD_SIDES 6       /* ways out of a trace that are recorded */
#define RECORD_ENOUGH 16     /* exits that it avoids at each use: then it is not watched any more */
#define RECORD_SIDE_WORTH 8  /* times that it is left at an instruction, before the path from there is recorded */
#define RECORD_MAKE_WORTH 16 /* times that it is left where that is recorded, before it is made again */
#define RECORD_PATIENCE 256  /* exits of other sites */
#define RECORD_IN_VAIN 1024  /* exits of a site that has no translation */
#define GOOD_ENOUGH 4        /* exits that a cluster avoids at each use: then no path is looked at */
#define WATCHED_USES 128     /* then it has been watched for long enough */
#define KEEP_AFTER 8         /* to learn lines takes as long as some ten runs */
#define CLUSTER_CHECK 256    /* uses, until it is asked how much it avoids; after a trace that was in vain more */
#define TRACE_CHECK 1024     /* the same for a trace */
#define CLUSTER_HOT 64       /* 1/256 seconds: if these uses took longer, a path would not pay */
#define REMADE_MAX 6         /* then it is not asked any more */

/* What a guest CPU has for it. */
struct sites {
    struct translations tc;
    struct tracker tracker;
    struct site_skip skip[SITE_SKIPS];
    enum cluster_flow flow;
    u32 cluster_max;           /* 1: engine=translate */
    u32 keep_after;            /* runs of a translation, until its lines are kept: KEEP_AFTER */
    bool paths_at_once;        /* do not wait until a cluster has proved to avoid little, to look at the path */
    struct cluster cluster;    /* while one is made, and until the next */
    struct cluster trace;      /* the same, of what is watched, */
    u64 trace_of;              /* for the instruction at this RIP, as the guest's register has it, */
    u64 trace_at;              /* and for an exit about this place (struct track_cause) */
    const struct cluster *one; /* of the two, what is made, or was made last */
    u32 without;               /* while one is made: exits for one without the path */
    u32 promise;               /* the same, as the path had it */
    u32 grown;                 /* the same: exits of `trace`, which has grown; 0: it is to be formed */
    bool watch;                /* the same: it is watched */
    struct code_source source; /* while one is made, or its walks are noted anew */
    struct recording recording;
    struct maker maker;
    struct path path;
    bool roams; /* it is for a whole page: the instruction reaches several places there */
    /* Sets made->check; NULL where nobody asks for it. `pages` of code; `alone`: it stands for one instruction. */
    void (*choose_check)(struct translation *made, u32 pages, bool alone);
    u32 refused[WHY_END]; /* how often a site was not translated, by reason */
};

static inline struct site_skip *site_skip_of(struct sites *sites, u64 rip)
{
    return &sites->skip[(rip ^ rip >> 6) % SITE_SKIPS];
}

/* Whether this exit is not worth looking at. */
static inline bool sites_skip(struct sites *sites, u64 rip)
{
    struct site_skip *skip = site_skip_of(sites, rip);
    if (skip->rip != rip || !skip->left)
        return tracker_rests(&sites->tracker);
    skip->left--;
    return true;
}

/*
 * What rules fetching has changed (CR0, CR4, EFER): an exit proves that its own instruction can be fetched, but not
 * those in other pages, and vmx/entry.S compares only where pages are. Translations over several pages, and traces,
 * take the long way to their next use, where site_find() walks to all their pages by the new rules.
 */
void sites_doubt_far(struct sites *sites);

/* The same where what they were made for is no more: the mode, or calls that are for clusters (CET). They are dropped.
 */
void sites_forget_far(struct sites *sites);

/* Brings skip[].site.hits up to date. */
void sites_settle(struct sites *sites);

void sites_init(struct sites *sites, struct coherence *coherence, void *code, const void *executable);

/*
 * The translation to run for this exit at CS:RIP, checked; NULL: there is none, or the state asks for the long way.
 * v->frame is ready for it. EMUL_STEP_PARTS are there.
 */
struct translation *site_find(struct vcpu *v, struct sites *sites, const struct site_exit *exit);

/*
 * *found, which runs next, is told by v->frame.exit_host which register of the LAPIC the exit was about, where it is
 * for several. `where`: what exit->detail was.
 */
void site_aim(struct vcpu *v, const struct translation *found, u64 where);

/*
 * Counts the exit; at the threshold a translation is made. True: site_find() is worth asking again. With traces it is
 * made later: sites->recording.now asks for site_record().
 */
bool site_exited(struct vcpu *v, struct sites *sites, const struct site_exit *exit);

/*
 * The instruction that exited has been performed: goes on performing, to see where the guest goes, and makes the
 * translation. Returns how many instructions were performed, the last one perhaps not to its end (emul/record.h).
 */
u32 site_record(struct vcpu *v, struct sites *sites);

/*
 * Translated code that is watched was left at instruction `side` of its cluster; v->rip and all else are in *v. Goes on
 * as site_record() does, or with what is being made.
 */
u32 site_left(struct vcpu *v, struct sites *sites, u32 side);

/* False: it avoided far fewer exits than were seen on its path, and was dropped, to be made again. */
bool site_keeps_promise(struct sites *sites, struct translation *translation);

#endif
