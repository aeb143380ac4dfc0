/* SPDX-License-Identifier: BSD-2-Clause */
/* The last 16 exits of a CPU, for dumps. */
#ifndef VMX_HISTORY_H
#define VMX_HISTORY_H

#include "lib/types.h"

#define HISTORY_LENGTH 16

struct history_entry {
    u64 rip;
    u32 reason;
    u32 detail; /* low half of the qualification where the handler read it, else 0 */
};

struct history {
    u32 next; /* counts all exits; the slot is its low bits */
    struct history_entry entry[HISTORY_LENGTH];
};

#endif
