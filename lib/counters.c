/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/counters.h"

struct counters counters;

static const struct {
    const char *name, *text;
} table[COUNTER_COUNT] = {
#define COUNTER(name, text) {#name, text},
#include "lib/counters.def"
#undef COUNTER
};

const char *counter_name(enum counter_index index)
{
    return table[index].name;
}

const char *counter_text(enum counter_index index)
{
    return table[index].text;
}

u64 counter_value(const struct counters *from, enum counter_index index)
{
    return ((const u64 *)from)[index]; /* one word each, in this order */
}
