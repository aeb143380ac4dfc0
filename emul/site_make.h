/* SPDX-License-Identifier: BSD-2-Clause */
/* From an exit to a translation: what emul/site.c and the files behind it share. */
#ifndef EMUL_SITE_MAKE_H
#define EMUL_SITE_MAKE_H

#include "emul/access.h"
#include "emul/site.h"

static inline u64 site_linear_rip(struct vcpu *v)
{
    if (access_is_64(v))
        return v->rip;
    access_need(v, PART_SEG_CS);
    return (u32)(v->seg[SEG_CS].base + v->rip);
}

/* SDM "I/O Privilege Level": whether the TSS bitmap is not asked. */
static inline bool site_ports_free(struct vcpu *v)
{
    if (!vcpu_protected(v))
        return true;
    return !(v->rflags & RFLAGS_VM) && access_cpl(v) <= (v->rflags & RFLAGS_IOPL) >> RFLAGS_IOPL_SHIFT;
}

/* site_linear_rip() has fetched it. */
static inline u32 site_cs_limit(const struct vcpu *v)
{
    return access_is_64(v) ? 0 : v->seg[SEG_CS].limit;
}

/* 1/256 seconds, about. */
static inline u32 site_time(const struct sites *sites)
{
    return (u32)(sites->tc.coherence->time() << 8 >> sites->tracker.age_shift);
}

/* At any page, or an IN or OUT of a byte, to DX (SDM "Exit Qualification for I/O Instructions"). */
static inline bool site_may_roam(const struct site_exit *exit)
{
    return exit->cause.kind == TRACK_PAGE || !(exit->detail & (BITS(2, 0) | BITS(6, 4)));
}

/*
 * Forms, translates and publishes for the exit of the instruction at CS:RIP; from *path where it is not NULL and is
 * worth it. False: nothing came of it, and `why` says what is in the way. *tried is what it was, or was to be.
 */
bool site_make(struct vcpu *v, struct sites *sites, const struct site_exit *exit, const struct path *path,
               const struct translation **tried, enum cluster_why *why);

/* A number for the instruction at RIP as it stands there now; 0: it cannot be had. */
u32 site_code(struct vcpu *v);

/* What site_make() would say that it tried, of the instruction alone: it is not worth more. */
const struct translation *site_describe(struct vcpu *v, struct sites *sites, const struct site_exit *exit);

/* What a cluster's formation asks about this exit. */
struct cluster_request site_request(struct vcpu *v, struct sites *sites, const struct site_exit *exit);

/* ---- emul/site_try.c ---- */

/* site_make(), and the site is marked as done, or passed over for a while. False: nothing came of it. */
bool site_try(struct vcpu *v, struct sites *sites, const struct site_exit *exit, const struct path *path);

/* What *tried was made for, or was to be, goes on without: the instruction at RIP, linear `rip`. */
void site_in_vain(struct vcpu *v, struct sites *sites, u64 rip, const struct translation *tried, enum cluster_why why);

/* ---- emul/site_record.c ---- */

/*
 * The path from here is recorded once the exit has been handled; of several exits, where one path has proved not to be
 * all. An instruction that has been at several places stays one that may be at any.
 */
void site_record_begin(struct vcpu *v, struct sites *sites, const struct site_exit *exit);

/* The paths that are known from this instruction, linear `rip`, lead elsewhere now. */
void site_forget_path(struct sites *sites, u64 rip);

/* What is being recorded or made is not; the trace that is there stays as it is. */
void site_give_up(struct sites *sites);

/* ---- emul/site_source.c ---- */

/*
 * Fills sites->source with the bytes of the cluster sites->one and where they are, the page of its entry first; CS is
 * at `base`. False: they are too many, or cannot be had.
 */
bool site_note_source(struct vcpu *v, struct sites *sites, u64 base);

/* How the pages are reached, for vmx/entry.S: in *made for the first, in *source for the others. */
void site_note_walks(struct vcpu *v, struct translation *made, struct code_source *source);

/*
 * RIP still leads to the code of *t, and translated_is_there() said so: notes the walks again where other paging
 * entries lead there now, or other flags stand in them, so that vmx/entry.S is content. False: there is no room for it.
 */
bool site_renew_walks(struct vcpu *v, struct translation *t, struct code_source *scratch);

#endif
