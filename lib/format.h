/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * printf's formatting, as much of it as Exeunt uses:
 *
 *   conversions  %c %s %d %i %u %x %X %p %%
 *   lengths      l, ll, z
 *   flags        '-' (left), '0' (zeros for numbers)
 *   width        a number or '*'
 *   precision    .N or .* for %s: at most so many characters; the string then needs no terminator
 *
 * What is not in this list is copied as it stands, so that a mistake is seen and nothing is read from the wrong place.
 */
#ifndef LIB_FORMAT_H
#define LIB_FORMAT_H

#include "lib/types.h"

#include <stdarg.h>

#define FORMAT_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

/*
 * Writes at most `size` bytes with the terminating zero (always there, if size > 0). Returns the length that the whole
 * text has, without the zero: a result >= size means that it was cut.
 */
int format(char *buffer, size_t size, const char *fmt, ...) FORMAT_LIKE(3, 4);
int vformat(char *buffer, size_t size, const char *fmt, va_list arguments) FORMAT_LIKE(3, 0);

/* The same, character by character, to `put`: for output that must not be cut. */
typedef void format_put(void *context, char character);
int format_to(format_put *put, void *context, const char *fmt, va_list arguments) FORMAT_LIKE(3, 0);

#endif
