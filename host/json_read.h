/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads one JSON value (RFC 8259) at the start of untrusted text. Of numbers it keeps the digits, so that what a report
 * says is shown as it was printed, 64-bit counters and four decimals alike. Strings are printable ASCII, as lib/json.c
 * writes them: another byte in one is damage on the line.
 */
#ifndef HOST_JSON_READ_H
#define HOST_JSON_READ_H

#include "host/text.h"

enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_value {
    enum json_kind kind;
    const char *name;         /* in an object, else NULL */
    const char *text;         /* a string in UTF-8; a number as it stands; else NULL */
    struct json_value *first; /* of an array or object */
    struct json_value *next;  /* beside this one */
};

struct json_end {
    size_t at;        /* behind the value, or where it cannot be one */
    const char *what; /* what is wrong there, or NULL */
};

/* NULL, with the reason in `end`, if there is none. */
struct json_value *json_read(struct arena *arena, const char *text, size_t size, struct json_end *end);

/* NULL if there is none of that name. */
const struct json_value *json_member(const struct json_value *object, const char *name);
const char *json_member_string(const struct json_value *object, const char *name);
const char *json_member_number(const struct json_value *object, const char *name);

/* The member is a whole number of at most 64 bits. */
bool json_member_whole(const struct json_value *object, const char *name, u64 *value);

/* The member is a string with a hexadecimal number, as "0x3f8". */
bool json_member_hex(const struct json_value *object, const char *name, u64 *value);

void json_write(struct text *text, const struct json_value *value);

#endif
