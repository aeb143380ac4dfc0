/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exeunt's own command line (SPEC 1.3). The table of options is boot/options.def: parser, messages and help come from
 * it.
 *
 * The parser knows every option and value of the SPEC. What this build cannot do yet is marked in the table;
 * options_settle() replaces it by what the build can do, and says so for each.
 */
#ifndef BOOT_OPTIONS_H
#define BOOT_OPTIONS_H

#include "emul/policy.h"
#include "lib/console.h"
#include "lib/types.h"
#include "vmx/hypercall.h"

/* The ladder of SPEC 4, highest rung first. */
enum engine { ENGINE_CLUSTER, ENGINE_TRANSLATE, ENGINE_DECODE, ENGINE_INTERP };

enum flow { FLOW_TRACES, FLOW_LOOPS, FLOW_FORWARD, FLOW_STRAIGHT };

enum coherence_kind { COHERENCE_EPT, COHERENCE_BYTES };

/* One per row of options.def, in its order. */
enum option_id {
#define OPTION(id, name, standard, state, allowed, help) OPTION_##id,
#include "boot/options.def"
    OPTION_COUNT
};

struct options {
    struct console_option console;
    struct trap_request trap;
    const char *trap_text; /* as given (or the default), `trap_length` bytes, for reports */
    u32 trap_length;
    enum engine engine;
    enum flow flow;
    enum coherence_kind coherence;
    u32 threshold;
    u32 cluster_max;
    bool timing;
    u32 exit_delay; /* cycles */
    struct {
        bool at_end;
        u32 period_seconds; /* 0: none */
    } report;
    enum hypercall_access hypercall;
    u32 cpus;            /* 0: all */
    bool help;           /* the word `help` was there: print options_help() and halt */
    u32 given;           /* BIT(enum option_id) for each that the command line named */
    const char *ignored; /* a first word without '=' (SPEC 1.3), in the command line; NULL: none */
    u32 ignored_length;
};

enum options_status {
    OPTIONS_OK,
    OPTIONS_UNKNOWN_NAME,
    OPTIONS_NO_VALUE, /* a word without '=' that is not the first one */
    OPTIONS_BAD_VALUE,
    OPTIONS_TWICE,
};

struct options_error {
    enum options_status status;
    const char *word; /* the offending word, in the command line */
    u32 word_length;
    enum option_id option; /* which one, where the name is known */
};

/* Not report=none. */
static inline bool report_wanted(const struct options *options)
{
    return options->report.at_end || options->report.period_seconds;
}

/* The defaults of SPEC 1.3, taken from options.def. */
void options_defaults(struct options *options);

/*
 * Sets *options to the defaults and then to what `command_line` says (words separated by blanks; NULL counts as empty).
 * On failure *options is not to be used and *error says which word is wrong. The strings stay in the command line.
 */
enum options_status options_parse(const char *command_line, struct options *options, struct options_error *error);

/*
 * Writes the message for a failed parse: it names the word and lists what is allowed. Lines are separated by '\n'; no
 * '\n' at the end. Returns the length; the text is cut at size - 1.
 */
u32 options_message(const struct options_error *error, char *buffer, u32 size);

/* Called with one line of text without '\n'. */
typedef void options_line(void *context, const char *line);

/* Every option with its default, its values, and what this build cannot do yet. */
void options_help(options_line *line, void *context);

/*
 * Replaces what this build cannot do yet by what it does instead, and writes one line for each replacement
 * ("engine=cluster is not built yet: engine=interp is used"). Options that have no effect yet are named only where the
 * command line gives them. Returns the number of lines.
 */
u32 options_settle(struct options *options, options_line *line, void *context);

/* The value's word for reports: "cluster", "translate", ... Never NULL. */
const char *engine_name(enum engine engine);
const char *flow_name(enum flow flow);

#endif
