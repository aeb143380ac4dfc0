/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/json.h"

#include "lib/format.h"
#include "lib/string.h"

#define CLOSING "}\n"

/* Room for the closing and its zero is kept all the time. */
static void append_character(struct json *json, char character)
{
    if (json->used + sizeof(CLOSING) < json->size)
        json->buffer[json->used++] = character;
    else
        json->truncated = true;
}

static void append(struct json *json, const char *text)
{
    for (; *text; text++)
        append_character(json, *text);
}

static void append_quoted(struct json *json, const char *text)
{
    append_character(json, '"');
    for (; *text; text++) {
        u8 byte = (u8)*text;
        if (byte == '"' || byte == '\\') {
            append_character(json, '\\');
            append_character(json, *text);
        } else if (byte < 0x20 || byte >= 0x7f) {
            char escape[8];
            format(escape, sizeof(escape), "\\u00%02x", byte);
            append(json, escape);
        } else {
            append_character(json, *text);
        }
    }
    append_character(json, '"');
}

static void append_name(struct json *json, const char *name)
{
    if (json->comma)
        append_character(json, ',');
    json->comma = true;
    append_quoted(json, name);
    append_character(json, ':');
}

void json_begin(struct json *json, char *buffer, size_t size, const char *type)
{
    *json = (struct json){.buffer = buffer, .size = size};
    append(json, JSON_PREFIX "{");
    json_string(json, "type", type);
}

void json_u64(struct json *json, const char *name, u64 value)
{
    char text[24];
    append_name(json, name);
    format(text, sizeof(text), "%lu", value);
    append(json, text);
}

void json_bool(struct json *json, const char *name, bool value)
{
    append_name(json, name);
    append(json, value ? "true" : "false");
}

void json_decimal(struct json *json, const char *name, struct decimal value)
{
    char text[40];
    append_name(json, name);
    format(text, sizeof(text), "%lu.%0*u", value.whole, (int)value.digits, value.fraction);
    append(json, text);
}

void json_string(struct json *json, const char *name, const char *value)
{
    append_name(json, name);
    append_quoted(json, value);
}

void json_strings(struct json *json, const char *name, const char *const *values, u32 count)
{
    append_name(json, name);
    append_character(json, '[');
    for (u32 i = 0; i < count; i++) {
        if (i)
            append_character(json, ',');
        append_quoted(json, values[i]);
    }
    append_character(json, ']');
}

void json_value(struct json *json, const char *name, const char *text)
{
    append_name(json, name);
    append(json, text);
}

bool json_end(struct json *json, const char *type)
{
    bool whole = !json->truncated;
    if (!whole) {
        json_begin(json, json->buffer, json->size, type);
        json_string(json, "error", "truncated");
    }
    memcpy(json->buffer + json->used, CLOSING, sizeof(CLOSING));
    json->used += sizeof(CLOSING) - 1;
    return whole;
}
