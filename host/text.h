/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ground of the host programs: text that grows, arrays that grow, memory that is given back at once. A host program
 * that gets no memory says so and ends.
 */
#ifndef HOST_TEXT_H
#define HOST_TEXT_H

#include "lib/types.h"

/* Always with a zero behind it once something was added; text_string() gives "" before that. */
struct text {
    char *data;
    size_t used, room;
};

void text_bytes(struct text *text, const char *bytes, size_t size);
void text_add(struct text *text, const char *string);
void __attribute__((format(printf, 2, 3))) text_format(struct text *text, const char *fmt, ...);
const char *text_string(const struct text *text);
void text_free(struct text *text);

/* What came from a log may hold anything: a terminal gets it with control characters written out, a page with <&>
 * escaped. */
void text_visible(struct text *text, const char *string);
void text_html(struct text *text, const char *string);
void text_json_string(struct text *text, const char *string);

/* 1234567 as 1,234,567. */
void text_grouped(struct text *text, u64 value);

/* `array` with room for one more element behind `count`. */
void *array_grow(void *array, u32 count, size_t size);

struct arena {
    struct arena_block *last;
};

void *arena_take(struct arena *arena, size_t size); /* zeroed */
char *arena_string(struct arena *arena, const char *bytes, size_t size);
void arena_free(struct arena *arena);

#endif
