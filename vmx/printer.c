/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/printer.h"

void say(struct printer *p, const char *fmt, ...)
{
    va_list arguments;
    va_start(arguments, fmt);
    vformat(p->line, sizeof(p->line), fmt, arguments);
    va_end(arguments);
    p->emit(p->context, false, p->line);
}

struct json *open_json(struct printer *p, const char *type)
{
    json_begin(&p->json, p->line, sizeof(p->line), type);
    return &p->json;
}

void close_json(struct printer *p, const char *type)
{
    json_end(&p->json, type);
    p->line[p->json.used - 1] = '\0'; /* the line break is the receiver's */
    p->emit(p->context, true, p->line);
}
