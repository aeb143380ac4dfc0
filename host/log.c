/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* memmem() */
#include "host/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "exeunt-json: "
/* Exeunt's longest line has 2 KiB. */
#define OBJECT_MAX 16384
#define PROBLEM_MAX 200

/* A piece of one line of the log. */
struct span {
    const char *text;
    size_t size;
};

static const char *find(struct span where, const char *what)
{
    return where.size ? memmem(where.text, where.size, what, strlen(what)) : NULL;
}

static struct span behind(struct span span, const char *at)
{
    return (struct span){at, span.size - (size_t)(at - span.text)};
}

void log_problem(struct log *log, u32 line, const char *fmt, ...)
{
    char text[PROBLEM_MAX];
    va_list arguments;
    va_start(arguments, fmt);
    vsnprintf(text, sizeof(text), fmt, arguments);
    va_end(arguments);

    log->problems = array_grow(log->problems, log->problem_count, sizeof(*log->problems));
    log->problems[log->problem_count] = (struct problem){line, log->problem_count,
                                                         arena_string(&log->arena, text, strlen(text))};
    log->problem_count++;
}

static int compare_problems(const void *left, const void *right)
{
    const struct problem *a = left, *b = right;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

void log_sort_problems(struct log *log)
{
    if (log->problem_count)
        qsort(log->problems, log->problem_count, sizeof(*log->problems), compare_problems);
}

bool log_has_problem(const struct log *log, u32 first, u32 last)
{
    for (u32 i = 0; i < log->problem_count; i++)
        if (log->problems[i].line >= first && log->problems[i].line <= last)
            return true;
    return false;
}

static void add_entry(struct log *log, u32 line, const struct json_value *object, const char *type)
{
    const char *error = json_member_string(object, "error");
    if (error) {
        log_problem(log, line, "Exeunt left this line out: %s", error);
        return;
    }
    log->entries = array_grow(log->entries, log->entry_count, sizeof(*log->entries));
    log->entries[log->entry_count++] = (struct entry){line, type, object};
}

/* An object at the start of `rest`: how much of it that was, 0 if it cannot be read. `column` is for the message. */
static size_t read_object(struct log *log, u32 line, struct span rest, size_t column)
{
    struct json_end end;
    size_t size = rest.size < OBJECT_MAX ? rest.size : OBJECT_MAX;
    const struct json_value *object = json_read(&log->arena, rest.text, size, &end);
    const char *type = json_member_string(object, "type");

    if (!object)
        log_problem(log, line, "damaged at column %zu: %s", column + end.at, end.what);
    else if (!type)
        log_problem(log, line, "no JSON object with a type");
    else
        add_entry(log, line, object, type);
    return object ? end.at : 0;
}

/* A report's line whose beginning something else was printed over. */
static bool looks_like_object(struct span text)
{
    static const char *const types[] = {"boot",    "summary", "exit", "time", "cache",  "site",
                                        "refused", "counts",  "mark", "end",  "detail", "phase_row"};
    char pattern[32];
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        snprintf(pattern, sizeof(pattern), "\"type\":\"%s\"", types[i]);
        if (find(text, pattern))
            return true;
    }
    return false;
}

static void read_line(struct log *log, u32 line, struct span text)
{
    struct span rest = text;
    const char *at = find(rest, PREFIX);

    if (find(text, "exeunt: ") && find(text, " lines of a report lost"))
        log_problem(log, line, "lines of a report are lost: there was no room for them while they waited");
    if (looks_like_object((struct span){text.text, at ? (size_t)(at - text.text) : text.size}))
        log_problem(log, line, "a JSON line without its beginning");
    for (; at; at = find(rest, PREFIX)) {
        rest = behind(rest, at + strlen(PREFIX));
        size_t used = read_object(log, line, rest, (size_t)(rest.text - text.text) + 1);
        rest = behind(rest, rest.text + used);
    }
}

void log_read(struct log *log, const char *name, const char *text, size_t size)
{
    struct span rest = {text, size};
    *log = (struct log){.name = name};
    while (rest.size) {
        const char *stop = memchr(rest.text, '\n', rest.size);
        const char *end = stop ? stop : rest.text + rest.size;
        read_line(log, ++log->line_count, (struct span){rest.text, (size_t)(end - rest.text)});
        rest = behind(rest, stop ? stop + 1 : end);
    }
}

void log_free(struct log *log)
{
    free(log->entries);
    free(log->problems);
    arena_free(&log->arena);
    *log = (struct log){0};
}
