/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work that is done in slices, so that no exit takes long because of it, and a guest that waits for a device does so
 * meanwhile. Whoever works says now and then where it may be interrupted; whoever owns the slices gives them
 * (emul/maker.h).
 */
#ifndef EMUL_SLICES_H
#define EMUL_SLICES_H

#include "lib/coroutine.h"

struct slices {
    struct coroutine work;
    u64 (*time)(void); /* TSC */
    u64 until;         /* when this slice ends */
};

/* Here the work may pause. NULL: it is done in one. */
static inline void slices_pause(struct slices *slices)
{
    if (slices && slices->time() >= slices->until)
        coroutine_switch(&slices->work);
}

#endif
