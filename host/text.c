/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
    if (memory)
        return memory;
    fputs("exeunt-report: out of memory\n", stderr);
    exit(2);
}

static void text_room(struct text *text, size_t more)
{
    size_t need = text->used + more + 1;
    if (need <= text->room)
        return;
    text->room = need > 2 * text->room ? need + 256 : 2 * text->room;
    text->data = must(realloc(text->data, text->room));
}

void text_bytes(struct text *text, const char *bytes, size_t size)
{
    text_room(text, size);
    if (size)
        memcpy(text->data + text->used, bytes, size);
    text->used += size;
    text->data[text->used] = '\0';
}

void text_add(struct text *text, const char *string)
{
    text_bytes(text, string, strlen(string));
}

void text_format(struct text *text, const char *fmt, ...)
{
    char small[256];
    va_list arguments, again;
    va_start(arguments, fmt);
    va_copy(again, arguments);
    int size = vsnprintf(small, sizeof(small), fmt, arguments);
    va_end(arguments);
    if (size >= 0 && (size_t)size < sizeof(small)) {
        text_bytes(text, small, (size_t)size);
    } else if (size > 0) {
        text_room(text, (size_t)size);
        vsnprintf(text->data + text->used, (size_t)size + 1, fmt, again);
        text->used += (size_t)size;
    }
    va_end(again);
}

const char *text_string(const struct text *text)
{
    return text->data ? text->data : "";
}

void text_free(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

/* C0, DEL, and C1 as it is in UTF-8: the size of the control character here, or 0. */
static size_t control_size(const char *at)
{
    u8 byte = (u8)at[0];
    if (byte < 0x20 || byte == 0x7f)
        return 1;
    return byte == 0xc2 && (u8)at[1] >= 0x80 && (u8)at[1] < 0xa0 ? 2 : 0;
}

static u32 control_code(const char *at, size_t size)
{
    return (u8)at[size - 1];
}

void text_visible(struct text *text, const char *string)
{
    for (; *string; string++) {
        size_t control = control_size(string);
        if (control)
            text_format(text, "\\u%04x", control_code(string, control));
        else
            text_bytes(text, string, 1);
        string += control > 1;
    }
}

void text_html(struct text *text, const char *string)
{
    for (; *string; string++) {
        size_t control = control_size(string);
        if (control)
            text_format(text, "\\u%04x", control_code(string, control));
        else if (strchr("<>&\"'", *string))
            text_format(text, "&#%d;", *string);
        else
            text_bytes(text, string, 1);
        string += control > 1;
    }
}

void text_json_string(struct text *text, const char *string)
{
    text_add(text, "\"");
    for (; *string; string++) {
        size_t control = control_size(string);
        if (control)
            text_format(text, "\\u%04x", control_code(string, control));
        else if (*string == '"' || *string == '\\')
            text_format(text, "\\%c", *string);
        else
            text_bytes(text, string, 1);
        string += control > 1;
    }
    text_add(text, "\"");
}

void text_grouped(struct text *text, u64 value)
{
    char digits[24];
    int size = snprintf(digits, sizeof(digits), "%lu", value);
    for (int i = 0; i < size; i++) {
        if (i && (size - i) % 3 == 0)
            text_add(text, ",");
        text_bytes(text, digits + i, 1);
    }
}

/* Room is doubled at 0, 1, 2, 4, 8... elements, so that it follows from the count. */
void *array_grow(void *array, u32 count, size_t size)
{
    if (count & (count - 1))
        return array;
    return must(realloc(array, (count ? 2 * (size_t)count : 1) * size));
}

/* Each piece has its own block: sanitizers see what goes beyond it. */
struct arena_block {
    struct arena_block *before;
    max_align_t bytes[];
};

void *arena_take(struct arena *arena, size_t size)
{
    struct arena_block *block = must(calloc(1, sizeof(*block) + size));
    block->before = arena->last;
    arena->last = block;
    return block->bytes;
}

char *arena_string(struct arena *arena, const char *bytes, size_t size)
{
    char *string = arena_take(arena, size + 1);
    if (size)
        memcpy(string, bytes, size);
    return string;
}

void arena_free(struct arena *arena)
{
    while (arena->last) {
        struct arena_block *block = arena->last;
        arena->last = block->before;
        free(block);
    }
}
