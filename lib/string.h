/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory and string functions that ring 0 needs (the compiler calls the first four by itself). On the host these
 * are the C library's.
 */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#ifdef EXEUNT_HOST
#include <string.h>
#else

#include "lib/types.h"

void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);
void *memchr(const void *in, int byte, size_t length);
size_t strlen(const char *text);
size_t strnlen(const char *text, size_t limit);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t limit);
char *strchr(const char *text, int character);

/* So that the compiler, which takes none for the C library's here, makes moves of those whose length it knows. */
#define memcpy(to, from, length) __builtin_memcpy(to, from, length)
#define memmove(to, from, length) __builtin_memmove(to, from, length)
#define memset(to, byte, length) __builtin_memset(to, byte, length)
#define memcmp(a, b, length) __builtin_memcmp(a, b, length)
#define strlen(text) __builtin_strlen(text)
#define strcmp(a, b) __builtin_strcmp(a, b)

#endif
#endif
