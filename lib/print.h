/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exeunt's lines, for people (each begins with "exeunt: ") and for machines.
 */
#ifndef LIB_PRINT_H
#define LIB_PRINT_H

#include "lib/format.h"

/*
 * Lines may come in pieces: a line goes out when its "\n" comes, whole. One longer than PRINT_LINE_MAX goes on in a
 * line of its own. Lines that belong together stand between console_begin() and console_end().
 */
void print(const char *fmt, ...) FORMAT_LIKE(1, 2);
void vprint(const char *fmt, va_list arguments) FORMAT_LIKE(1, 0);

/* Goes out as it stands, at once, without prefix (JSON lines). `text` ends in "\n". */
void print_raw(const char *text);

/* Sends what a line without "\n" has so far, and ends it. */
void print_flush(void);

#define PRINT_LINE_MAX 240

#endif
