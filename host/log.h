/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A serial log: Exeunt's JSON lines among whatever the guest printed, and what cannot be read of them. The text is
 * untrusted: cut, damaged, interleaved, or made up.
 */
#ifndef HOST_LOG_H
#define HOST_LOG_H

#include "host/json_read.h"

/* One JSON object, on line `line` of the log. */
struct entry {
    u32 line;
    const char *type; /* its member "type" */
    const struct json_value *object;
};

struct problem {
    u32 line, order; /* `order`: in which they were found */
    const char *text;
};

struct log {
    const char *name;
    struct arena arena;
    struct entry *entries;
    u32 entry_count, line_count;
    struct problem *problems;
    u32 problem_count;
};

void log_read(struct log *log, const char *name, const char *text, size_t size);
void log_free(struct log *log);

void __attribute__((format(printf, 3, 4))) log_problem(struct log *log, u32 line, const char *fmt, ...);

/* By their lines. */
void log_sort_problems(struct log *log);

/* A problem on one of these lines? */
bool log_has_problem(const struct log *log, u32 first, u32 last);

#endif
