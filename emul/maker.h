/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making a trace takes as long as hundreds of exits: it is done in slices, one at each exit that sites are asked about,
 * as long as the guest is in the same world as when it began. Meanwhile nothing else is made. Code that is seen to
 * change ends it; code that changes unseen does not match when the trace is published.
 */
#ifndef EMUL_MAKER_H
#define EMUL_MAKER_H

#include "emul/slices.h"
#include "lib/vcpu.h"

struct sites;

/* What code means, and where it is: as long as this is the same, RIP says it all. */
struct maker_world {
    u64 cr0, cr3, cr4, efer, cs_base;
    u32 cs_access, cs_limit;
    u32 cpl;
    bool ports_free;
};

#ifdef EXEUNT_HOST
#define MAKER_STACK (64u << 10) /* with what sanitizers add */
#else
#define MAKER_STACK (4u << 10) /* 1.4 KiB were used in a boot */
#endif

typedef void maker_work(struct vcpu *v, struct sites *sites);

struct maker {
    bool busy;
    u32 ticks;    /* of a slice, TSC; 0: all is done at once */
    u32 patience; /* exits in other worlds, until it gives up */
    u64 rip;      /* what the guest's register is while it works */
    struct maker_world world;
    struct vcpu *v;
    maker_work *work;
    struct slices slices;
    u8 stack[MAKER_STACK] __attribute__((aligned(16)));
};
#define MAKER_TICKS 1000
#define MAKER_PATIENCE 256

/* `work` is done at once, or from the next exit on, in the world of now; with `rip` in the guest's register. */
void maker_begin(struct vcpu *v, struct sites *sites, u64 rip, maker_work *work);

/* A slice of it, if any work is there. At an exit: EMUL_STEP_PARTS are there. */
void maker_go_on(struct vcpu *v, struct sites *sites);

/* For whoever works: where to pause; NULL: nowhere. */
struct slices *maker_slices(struct sites *sites);

#endif
