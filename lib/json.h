/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes one line `exeunt-json: {...}` (SPEC 8.4) into a buffer. An error sticks and is asked for once, at the end.
 */
#ifndef LIB_JSON_H
#define LIB_JSON_H

#include "lib/statistics.h"
#include "lib/types.h"

#define JSON_PREFIX "exeunt-json: "

struct json {
    char *buffer;
    size_t size;
    size_t used;
    bool comma; /* the next value needs one before it */
    bool truncated;
};

/* Opens the object with its "type". `buffer` has `size` bytes, at least 64. */
void json_begin(struct json *json, char *buffer, size_t size, const char *type);

/* Names are ours and need no escaping. A string may hold any bytes: what is not printable ASCII becomes \u00XX. */
void json_u64(struct json *json, const char *name, u64 value);
void json_bool(struct json *json, const char *name, bool value);
void json_decimal(struct json *json, const char *name, struct decimal value);
void json_string(struct json *json, const char *name, const char *value);

/* "name": ["a", "b"] */
void json_strings(struct json *json, const char *name, const char *const *values, u32 count);

/* `text` is JSON already. */
void json_value(struct json *json, const char *name, const char *text);

/*
 * Closes the object and the line ("}\n" and a zero). Returns false when it did not fit: the buffer then holds a whole
 * line that says so, {"type":...,"error":"truncated"}, as far as that fits.
 */
bool json_end(struct json *json, const char *type);

#endif
