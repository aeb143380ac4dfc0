/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/print.h"

#include "lib/console.h"
#include "lib/string.h"

#define PREFIX "exeunt: "

static char line[sizeof(PREFIX) + PRINT_LINE_MAX];
static size_t used;

static void put(void *context, char character)
{
    (void)context;
    if (!used) {
        memcpy(line, PREFIX, sizeof(PREFIX) - 1);
        used = sizeof(PREFIX) - 1;
    }
    if (character != '\n' && used < sizeof(line) - 1) {
        line[used++] = character;
        return;
    }
    print_flush();
    if (character != '\n')
        put(context, character);
}

void print_flush(void)
{
    if (!used)
        return;
    line[used++] = '\n';
    console_write(line, used);
    used = 0;
}

void vprint(const char *fmt, va_list arguments)
{
    format_to(put, NULL, fmt, arguments);
}

void print(const char *fmt, ...)
{
    va_list arguments;
    va_start(arguments, fmt);
    vprint(fmt, arguments);
    va_end(arguments);
}

void print_raw(const char *text)
{
    print_flush();
    console_write(text, strlen(text));
}
