/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said about options: messages, help, and what this build cannot do yet. */
#include "boot/options_table.h"
#include "lib/format.h"
#include "lib/string.h"

#define WORD_SHOWN 60u /* characters of a bad word in a message */
#define LINE_MAX 200

struct text_buffer {
    char *at;
    u32 size, length;
};

static void append(struct text_buffer *buffer, const char *fmt, ...) FORMAT_LIKE(2, 3);

static void append(struct text_buffer *buffer, const char *fmt, ...)
{
    va_list arguments;
    va_start(arguments, fmt);
    u32 room = buffer->size - buffer->length;
    int wanted = vformat(buffer->at + buffer->length, room, fmt, arguments);
    va_end(arguments);
    if (wanted > 0)
        buffer->length += (u32)min_u64((u64)wanted, room - 1);
}

static void append_names(struct text_buffer *buffer)
{
    for (u32 i = 0; i < OPTION_COUNT; i++)
        append(buffer, "%s=, ", option_rows[i].name);
    append(buffer, "help");
}

u32 options_message(const struct options_error *error, char *buffer, u32 size)
{
    struct text_buffer text = {buffer, size, 0};
    if (!size)
        return 0;
    buffer[0] = '\0';
    int shown = (int)min_u64(error->word_length, WORD_SHOWN);
    const char *word = error->word ? error->word : "";
    const char *cut = error->word_length > WORD_SHOWN ? "..." : "";
    switch (error->status) {
    case OPTIONS_OK:
        break;
    case OPTIONS_UNKNOWN_NAME:
        append(&text, "unknown option '%.*s%s'\nthe options are: ", shown, word, cut);
        append_names(&text);
        break;
    case OPTIONS_NO_VALUE:
        append(&text, "'%.*s%s' is no option: options are name=value words\nthe options are: ", shown, word, cut);
        append_names(&text);
        break;
    case OPTIONS_BAD_VALUE:
        append(&text, "bad value in '%.*s%s'\n%s= takes: %s", shown, word, cut, option_rows[error->option].name,
               option_rows[error->option].allowed);
        break;
    case OPTIONS_TWICE:
        append(&text, "'%.*s%s': %s= is given twice\n%s= takes, once: %s", shown, word, cut,
               option_rows[error->option].name, option_rows[error->option].name, option_rows[error->option].allowed);
        break;
    }
    return text.length;
}

/* Of an option with choices: which of them work, when not all do. */
static void help_choices(enum option_id id, options_line *line, void *context)
{
    char buffer[LINE_MAX];
    struct text_buffer text = {buffer, sizeof(buffer), 0};
    bool some_later = false;
    append(&text, "    not built yet:");
    for (u32 i = 0; i < option_choice_count; i++) {
        if (option_choices[i].id == id && option_choices[i].state == LATER) {
            append(&text, " %s", option_choices[i].word);
            some_later = true;
        }
    }
    if (some_later)
        line(context, buffer);
}

static void help_abilities(enum option_id id, options_line *line, void *context)
{
    if (id == OPTION_CPUS && option_abilities[ABILITY_SEVERAL_CPUS] == LATER)
        line(context, "    not built yet: more than one; the others stay parked");
}

void options_help(options_line *line, void *context)
{
    char buffer[LINE_MAX];
    line(context, "options are name=value words separated by blanks:");
    for (u32 i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_rows[i];
        format(buffer, sizeof(buffer), "  %s=  %s (default %s)%s", row->name, row->help, row->standard,
               row->state == LATER ? "; no effect yet" : "");
        line(context, buffer);
        format(buffer, sizeof(buffer), "    %s", row->allowed);
        line(context, buffer);
        help_choices((enum option_id)i, line, context);
        help_abilities((enum option_id)i, line, context);
    }
    line(context, "  help  prints this list and halts");
}

static u32 find_choice(const struct options *options, enum option_id id)
{
    u32 i = 0;
    while (i < option_choice_count &&
           (option_choices[i].id != id || option_choices[i].value != option_get(options, id)))
        i++;
    return i;
}

/* The next lower choice that works; tables list a ladder from its top. */
static u32 settle_choice(struct options *options, enum option_id id, options_line *line, void *context)
{
    char buffer[LINE_MAX];
    u32 asked = find_choice(options, id);
    if (asked == option_choice_count || option_choices[asked].state == READY)
        return 0;
    u32 used = asked;
    while (used < option_choice_count && option_choices[used].id == id && option_choices[used].state == LATER)
        used++;
    if (used == option_choice_count || option_choices[used].id != id)
        return 0;
    option_set(options, id, option_choices[used].value);
    const char *name = option_rows[id].name;
    format(buffer, sizeof(buffer), "%s=%s%s is not built yet: %s=%s is used", name, option_choices[asked].word,
           options->given & BIT(id) ? "" : " (the default)", name, option_choices[used].word);
    line(context, buffer);
    return 1;
}

static u32 settle_abilities(struct options *options, options_line *line, void *context)
{
    u32 lines = 0;
    if (options->cpus != 1 && option_abilities[ABILITY_SEVERAL_CPUS] == LATER) {
        options->cpus = 1;
        if (options->given & BIT(OPTION_CPUS)) {
            line(context, "a guest with more than one CPU is not built yet: cpus=1 is used");
            lines++;
        }
    }
    return lines;
}

u32 options_settle(struct options *options, options_line *line, void *context)
{
    char buffer[LINE_MAX];
    u32 lines = 0;
    for (u32 i = 0; i < OPTION_COUNT; i++) {
        lines += settle_choice(options, (enum option_id)i, line, context);
        if (option_rows[i].state == LATER && (options->given & BIT(i))) {
            format(buffer, sizeof(buffer), "%s= has no effect yet", option_rows[i].name);
            line(context, buffer);
            lines++;
        }
    }
    return lines + settle_abilities(options, line, context);
}

static const char *choice_word(enum option_id id, u32 value)
{
    for (u32 i = 0; i < option_choice_count; i++)
        if (option_choices[i].id == id && (u32)option_choices[i].value == value)
            return option_choices[i].word;
    return "unknown";
}

const char *engine_name(enum engine engine)
{
    return choice_word(OPTION_ENGINE, engine);
}

const char *flow_name(enum flow flow)
{
    return choice_word(OPTION_FLOW, flow);
}
