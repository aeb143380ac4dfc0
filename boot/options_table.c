/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/options_table.h"

const struct option_row option_rows[OPTION_COUNT] = {
#define OPTION(id, word, value, when, values, text)                                                                    \
    [OPTION_##id] = {.name = word, .standard = value, .state = when, .allowed = values, .help = text},
#include "boot/options.def"
};

const struct option_limits option_limits[OPTION_COUNT] = {
#define NUMBER(id, smallest, largest) [OPTION_##id] = {smallest, largest},
#include "boot/options.def"
};

const struct option_choice option_choices[] = {
#define CHOICE(id, word, value, state) {OPTION_##id, word, value, state},
#include "boot/options.def"
};

const u32 option_choice_count = COUNT_OF(option_choices);

const enum option_state option_abilities[ABILITY_COUNT] = {
#define ABILITY(name, state) [ABILITY_##name] = state,
#include "boot/options.def"
};

void option_set(struct options *options, enum option_id id, u32 value)
{
    if (id == OPTION_ENGINE)
        options->engine = (enum engine)value;
    else if (id == OPTION_FLOW)
        options->flow = (enum flow)value;
    else if (id == OPTION_COHERENCE)
        options->coherence = (enum coherence_kind)value;
    else if (id == OPTION_HYPERCALL)
        options->hypercall = (enum hypercall_access)value;
    else if (id == OPTION_TIMING)
        options->timing = value;
}

u32 option_get(const struct options *options, enum option_id id)
{
    switch (id) {
    case OPTION_ENGINE:
        return options->engine;
    case OPTION_FLOW:
        return options->flow;
    case OPTION_COHERENCE:
        return options->coherence;
    case OPTION_HYPERCALL:
        return options->hypercall;
    default:
        return options->timing;
    }
}
