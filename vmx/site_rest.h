/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest whose exits no translation serves shall not pay for looking one up. After REST_AFTER exits that were passed
 * over (emul/site.h, sites_skip()), with no translation used since, exits go the way of engine=decode for REST_FOR
 * exits, and where its cache hits nothing either, that is asked less often too; then REST_LOOK that are passed over
 * say whether that is still so, and it rests twice as long, up to REST_MAX.
 */
#ifndef VMX_SITE_REST_H
#define VMX_SITE_REST_H

#include "lib/types.h"

#define REST_AFTER 512
#define REST_LOOK 32
#define REST_FOR 8192
#define REST_MAX 65536

struct cpu;

struct site_rest {
    u64 left;    /* exits until one asks for its site: 1 is the next; 0, without sites: none ever does */
    u32 vain;    /* exits that were passed over since a translation was used, as far as that was noticed */
    u32 last;    /* how long it rested, with no translation used since; 0: there was one */
    bool now;    /* it rests */
    u64 uses;    /* of translations, when it was looked last */
    u64 periods; /* how often it has rested */
};

/* Counts an exit; whether it does not ask for its site. */
static inline bool site_rests(struct site_rest *rest)
{
    if (--rest->left)
        return true;
    rest->left = 1;
    return false;
}

/* `vain` has come to REST_AFTER: it rests, or goes on looking. */
void site_rest_turn(struct cpu *cpu);

/* A translation is used, or an answer would have been. */
void site_rest_end(struct cpu *cpu);

#endif
