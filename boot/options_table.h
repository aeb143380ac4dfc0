/* SPDX-License-Identifier: BSD-2-Clause */
/* options.def as arrays: shared by the parser and the texts, nobody else's business. */
#ifndef BOOT_OPTIONS_TABLE_H
#define BOOT_OPTIONS_TABLE_H

#include "boot/memory_map.h"
#include "boot/options.h"

enum option_state { READY, LATER };

struct option_row {
    const char *name;
    const char *standard; /* the default, as it would be written */
    enum option_state state;
    const char *allowed;
    const char *help;
};

/* Of the options that are a number. */
struct option_limits {
    u64 least, most;
};

struct option_choice {
    enum option_id id;
    const char *word;
    u32 value;
    enum option_state state;
};

enum option_ability {
#define ABILITY(name, state) ABILITY_##name,
#include "boot/options.def"
    ABILITY_COUNT
};

extern const struct option_row option_rows[OPTION_COUNT];
extern const struct option_limits option_limits[OPTION_COUNT];
extern const struct option_choice option_choices[];
extern const u32 option_choice_count;
extern const enum option_state option_abilities[ABILITY_COUNT];

/* The member of an option that is one of a few words. */
void option_set(struct options *options, enum option_id id, u32 value);
u32 option_get(const struct options *options, enum option_id id);

#endif
