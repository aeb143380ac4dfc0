/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory and strings without a C library. The moves are REP string instructions: short code, and fast on every CPU that
 * has VT-x ("Enhanced REP MOVSB/STOSB"). They are also what keeps the compiler from turning a loop in memcpy() into a
 * call of memcpy().
 */
#include "lib/string.h"

#include <stdint.h>

/* Names in parentheses: not the macros of string.h. */

/* Words, then the rest in bytes. */
__attribute__((noinline)) void *(memcpy)(void *to, const void *from, size_t length)
{
    void *at = to;
    size_t words = length / 8, rest = length % 8;
    asm volatile("rep movsq" : "+D"(at), "+S"(from), "+c"(words) : : "memory");
    asm volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(rest) : : "memory");
    return to;
}

/* Backwards the bytes come first: what is left are words. */
__attribute__((noinline)) void *(memmove)(void *to, const void *from, size_t length)
{
    if ((uintptr_t)to - (uintptr_t)from >= length)
        return (memcpy)(to, from, length);
    const char *from_last = (const char *)from + length - 1;
    char *to_last = (char *)to + length - 1;
    size_t words = length / 8, rest = length % 8;
    asm volatile("std; rep movsb; sub $7, %0; sub $7, %1; mov %3, %2; rep movsq; cld"
                 : "+&D"(to_last), "+&S"(from_last), "+&c"(rest)
                 : "r"(words)
                 : "memory", "cc");
    return to;
}

__attribute__((noinline)) void *(memset)(void *to, int byte, size_t length)
{
    void *at = to;
    uint64_t pattern = (uint8_t)byte * 0x0101010101010101ull;
    size_t words = length / 8, rest = length % 8;
    asm volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
    asm volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(pattern) : "memory");
    return to;
}

int(memcmp)(const void *a, const void *b, size_t length)
{
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < length; i++)
        if (x[i] != y[i])
            return x[i] - y[i];
    return 0;
}

void *memchr(const void *in, int byte, size_t length)
{
    const unsigned char *x = in;
    for (size_t i = 0; i < length; i++)
        if (x[i] == (unsigned char)byte)
            return (void *)(uintptr_t)(x + i);
    return NULL;
}

size_t strnlen(const char *text, size_t limit)
{
    size_t length = 0;
    while (length < limit && text[length])
        length++;
    return length;
}

size_t(strlen)(const char *text)
{
    return strnlen(text, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t limit)
{
    for (size_t i = 0; i < limit; i++) {
        if (a[i] != b[i])
            return (unsigned char)a[i] - (unsigned char)b[i];
        if (!a[i])
            break;
    }
    return 0;
}

int(strcmp)(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *text, int character)
{
    for (;; text++) {
        if (*text == (char)character)
            return (char *)(uintptr_t)text;
        if (!*text)
            return NULL;
    }
}
