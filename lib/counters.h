/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters of guards, denials and rare events (SPEC 2.2, 2.6, 2.7, 3), by name. Add one in lib/counters.def, count it
 * with `counters.name++`, and the report prints it.
 */
#ifndef LIB_COUNTERS_H
#define LIB_COUNTERS_H

#include "lib/types.h"

struct counters {
#define COUNTER(name, text) u64 name;
#include "lib/counters.def"
#undef COUNTER
};

enum counter_index {
#define COUNTER(name, text) COUNTER_##name,
#include "lib/counters.def"
#undef COUNTER
    COUNTER_COUNT
};
_Static_assert(sizeof(struct counters) == COUNTER_COUNT * sizeof(u64), "one word each");

/* Of the whole machine. Rare events only: when several CPUs run the guest, increments may be lost, not torn. */
extern struct counters counters;

/* For reports: name and text by index, value by index in *from. */
const char *counter_name(enum counter_index index);
const char *counter_text(enum counter_index index);
u64 counter_value(const struct counters *from, enum counter_index index);

#endif
