/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of a report: what its parts share. */
#ifndef VMX_PRINTER_H
#define VMX_PRINTER_H

#include "lib/format.h"
#include "lib/json.h"
#include "vmx/report.h"

/* Longest line: the JSON line `boot` with its lists. */
#define LINE_MAX 2048

struct printer {
    report_emit *emit;
    void *context;
    struct json json;
    char line[LINE_MAX];
};

void say(struct printer *p, const char *fmt, ...) FORMAT_LIKE(2, 3);

struct json *open_json(struct printer *p, const char *type);

/* A line that does not fit is replaced by one that says so: the reader sees that something is missing. */
void close_json(struct printer *p, const char *type);

#endif
