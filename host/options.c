/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/options.h"

#include <stdlib.h>
#include <string.h>

const char usage[] =
    "exeunt-report [OPTION...] FILE    what a serial log of Exeunt says, as tables; FILE - is standard input\n"
    "  --json, --csv, --collapsed      the same for programs; collapsed stacks for flame graphs\n"
    "  --html OUT.html                 one page with charts\n"
    "  --diff BEFORE AFTER             two logs, with ratios; with --json, --csv and --html too\n"
    "  --exit-delay LOG LOG...         runs with different exit-delay=: what an exit costs; with --json too\n"
    "  --report N                      the N-th report of the log, not the last complete one\n"
    "  --top N                         at most N rows and N sites\n"
    "  --filter TYPE[,TYPE...]         only these rows and their sites; * and ? stand for anything\n"
    "  --sort COLUMN                   type count min p50 p90 p99 max sum avg stddev % avoided hit%\n"
    "  --width N                       characters per line, 0: no limit; else the terminal's width\n"
    "Exit status: 0 shown; 1 shown, but some of the log cannot be read; 2 nothing to show. docs/REPORTS.md\n";

enum word {
    WORD_JSON,
    WORD_CSV,
    WORD_COLLAPSED,
    WORD_HTML,
    WORD_HELP,
    WORD_DIFF,
    WORD_EXIT_DELAY,
    WORD_REPORT,
    WORD_TOP,
    WORD_FILTER,
    WORD_SORT,
    WORD_WIDTH
};

static const struct {
    const char *name;
    bool has_value;
} known[] = {
    [WORD_JSON] = {"--json", false},
    [WORD_CSV] = {"--csv", false},
    [WORD_COLLAPSED] = {"--collapsed", false},
    [WORD_HTML] = {"--html", true},
    [WORD_HELP] = {"--help", false},
    [WORD_DIFF] = {"--diff", false},
    [WORD_EXIT_DELAY] = {"--exit-delay", false},
    [WORD_REPORT] = {"--report", true},
    [WORD_TOP] = {"--top", true},
    [WORD_FILTER] = {"--filter", true},
    [WORD_SORT] = {"--sort", true},
    [WORD_WIDTH] = {"--width", true},
};
#define KNOWN (sizeof(known) / sizeof(*known))

static bool read_count(const char *digits, u32 least, u32 *value)
{
    char *end;
    if (*digits < '0' || *digits > '9')
        return false;
    unsigned long number = strtoul(digits, &end, 10);
    *value = (u32)number;
    return !*end && number >= least && number <= 1000000;
}

static bool take_value(struct options *o, enum word word, const char *value)
{
    switch (word) {
    case WORD_REPORT:
        return read_count(value, 1, &o->report);
    case WORD_TOP:
        return read_count(value, 1, &o->top);
    case WORD_WIDTH:
        o->has_width = true;
        return read_count(value, 0, &o->terminal.width);
    case WORD_SORT:
        o->terminal.sort = value;
        return terminal_can_sort(value);
    case WORD_FILTER:
        o->filter = value;
        return *value;
    case WORD_HTML:
        o->html = value;
        return *value;
    case WORD_DIFF:
    case WORD_EXIT_DELAY:
        o->subject = word == WORD_DIFF ? SUBJECT_DIFF : SUBJECT_DELAYS;
        return true;
    default:
        return true;
    }
}

/* The words that say what to write are numbered like enum output, less one. */
static bool take_output(struct options *o, enum word word)
{
    enum output output = (enum output)(word + 1);
    if (word > WORD_HELP)
        return true;
    if (o->output != OUTPUT_TERMINAL && o->output != output)
        return false;
    o->output = output;
    return true;
}

static bool take_option(struct options *o, const char *name, const char *value, bool *used_value, struct text *wrong)
{
    for (u32 i = 0; i < KNOWN; i++) {
        if (strcmp(known[i].name, name) != 0)
            continue;
        *used_value = known[i].has_value;
        if (known[i].has_value && !value)
            text_format(wrong, "%s needs a value", name);
        else if (!take_output(o, (enum word)i))
            text_format(wrong, "%s: only one output at a time", name);
        else if (!take_value(o, (enum word)i, value))
            text_format(wrong, "%s %s: not a value for it", name, value);
        return !wrong->used;
    }
    text_format(wrong, "%s: unknown option", name);
    return false;
}

static bool take_file(struct options *o, const char *name, struct text *wrong)
{
    if (o->file_count == FILES_MAX) {
        text_format(wrong, "%s: too many files", name);
        return false;
    }
    o->files[o->file_count++] = name;
    return true;
}

static bool check_together(const struct options *o, struct text *wrong)
{
    static const struct {
        u32 least, most;
        const char *files;
        bool can[OUTPUT_HELP];
    } subjects[] = {
        [SUBJECT_REPORT] = {1, 1, "one file is needed", {true, true, true, true, true}},
        [SUBJECT_DIFF] = {2, 2, "--diff needs two files", {true, true, true, false, true}},
        [SUBJECT_DELAYS] = {2, FILES_MAX, "--exit-delay needs two files or more", {true, true, false, false, false}},
    };
    if (!subjects[o->subject].can[o->output])
        text_format(wrong, "%s: not with %s", known[o->output - 1].name,
                    o->subject == SUBJECT_DIFF ? "--diff" : "--exit-delay");
    else if (o->file_count < subjects[o->subject].least || o->file_count > subjects[o->subject].most)
        text_add(wrong, subjects[o->subject].files);
    return !wrong->used;
}

bool options_read(struct options *o, int count, char **words, struct text *wrong)
{
    *o = (struct options){0};
    for (int i = 1; i < count; i++) {
        bool used_value = false;
        bool option = words[i][0] == '-' && words[i][1] != '\0';
        const char *value = i + 1 < count ? words[i + 1] : NULL;
        if (option ? !take_option(o, words[i], value, &used_value, wrong) : !take_file(o, words[i], wrong))
            return false;
        i += used_value;
    }
    return o->output == OUTPUT_HELP || check_together(o, wrong);
}
