/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/json_read.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8

struct reader {
    struct arena *arena;
    const char *text;
    size_t size, at;
    const char *wrong;
    u32 depth;
};

static struct json_value *read_value(struct reader *r);

static int peek(const struct reader *r)
{
    return r->at < r->size ? (u8)r->text[r->at] : -1;
}

static bool take(struct reader *r, char wanted)
{
    if (peek(r) != wanted)
        return false;
    r->at++;
    return true;
}

static void *fail(struct reader *r, const char *what)
{
    if (!r->wrong)
        r->wrong = r->at >= r->size ? "the line ends in the middle" : what;
    return NULL;
}

static void skip_blanks(struct reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\r' || peek(r) == '\n')
        r->at++;
}

static int digit_of(int character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    if (character >= 'A' && character <= 'F')
        return character - 'A' + 10;
    return -1;
}

static bool is_digit(int character)
{
    return character >= '0' && character <= '9';
}

/* ---- strings ---- */

/* Zero, which would end a C string, and halves of surrogate pairs become the replacement character. */
static void add_utf8(struct text *text, u32 code)
{
    char bytes[4];
    if (!code || (code >= 0xd800 && code < 0xe000))
        code = 0xfffd;
    if (code < 0x80) {
        bytes[0] = (char)code;
        text_bytes(text, bytes, 1);
    } else if (code < 0x800) {
        bytes[0] = (char)(0xc0 | code >> 6);
        bytes[1] = (char)(0x80 | (code & 0x3f));
        text_bytes(text, bytes, 2);
    } else {
        bytes[0] = (char)(0xe0 | code >> 12);
        bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (code & 0x3f));
        text_bytes(text, bytes, 3);
    }
}

static bool read_unicode(struct reader *r, struct text *text)
{
    u32 code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = digit_of(peek(r));
        if (digit < 0)
            return false;
        code = code << 4 | (u32)digit;
        r->at++;
    }
    add_utf8(text, code);
    return true;
}

static bool read_escape(struct reader *r, struct text *text)
{
    static const char plain[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    int character = peek(r);
    const char *found = character > 0 ? strchr(plain, character) : NULL;
    if (take(r, 'u'))
        return read_unicode(r, text);
    if (!found)
        return false;
    r->at++;
    text_bytes(text, means + (found - plain), 1);
    return true;
}

static bool read_characters(struct reader *r, struct text *text)
{
    while (!take(r, '"')) {
        int character = peek(r);
        if (character < 0x20 || character > 0x7e) {
            fail(r, "a byte that no string has");
            return false;
        }
        r->at++;
        if (character == '\\' ? !read_escape(r, text) : (text_bytes(text, &r->text[r->at - 1], 1), false)) {
            fail(r, "an unknown escape");
            return false;
        }
    }
    return true;
}

static const char *read_string(struct reader *r)
{
    struct text text = {0};
    const char *string = NULL;
    if (!take(r, '"'))
        return fail(r, "a string should be here");
    if (read_characters(r, &text))
        string = arena_string(r->arena, text_string(&text), text.used);
    text_free(&text);
    return string;
}

/* ---- numbers ---- */

static bool read_digits(struct reader *r)
{
    size_t begin = r->at;
    while (is_digit(peek(r)))
        r->at++;
    return r->at > begin;
}

static const char *read_number(struct reader *r)
{
    size_t begin = r->at;
    take(r, '-');
    bool good = take(r, '0') || read_digits(r);
    if (good && take(r, '.'))
        good = read_digits(r);
    if (good && (take(r, 'e') || take(r, 'E'))) {
        if (!take(r, '-'))
            take(r, '+');
        good = read_digits(r);
    }
    /* Digits that the line's end cuts off would be another number. */
    if (!good || r->at >= r->size || is_digit(peek(r)))
        return fail(r, "no number");
    return arena_string(r->arena, r->text + begin, r->at - begin);
}

/* ---- arrays and objects ---- */

static bool has_name(const struct json_value *object, const char *name)
{
    return json_member(object, name) != NULL;
}

static struct json_value *read_element(struct reader *r, const struct json_value *parent)
{
    const char *name = NULL;
    skip_blanks(r);
    if (parent->kind == JSON_OBJECT) {
        name = read_string(r);
        if (!name)
            return NULL;
        if (has_name(parent, name))
            return fail(r, "a name that was there before");
        skip_blanks(r);
        if (!take(r, ':'))
            return fail(r, "a colon should be here");
        skip_blanks(r);
    }
    struct json_value *value = read_value(r);
    if (value)
        value->name = name;
    return value;
}

static struct json_value *read_elements(struct reader *r, struct json_value *parent, char closing)
{
    struct json_value **link = &parent->first;
    skip_blanks(r);
    if (take(r, closing))
        return parent;
    do {
        struct json_value *element = read_element(r, parent);
        if (!element)
            return NULL;
        *link = element;
        link = &element->next;
        skip_blanks(r);
    } while (take(r, ','));
    return take(r, closing) ? parent : fail(r, "a comma or the end should be here");
}

static struct json_value *make(struct reader *r, enum json_kind kind)
{
    struct json_value *value = arena_take(r->arena, sizeof(*value));
    value->kind = kind;
    return value;
}

static struct json_value *read_nested(struct reader *r, enum json_kind kind, char closing)
{
    if (r->depth == DEPTH_MAX)
        return fail(r, "too many brackets");
    r->depth++;
    struct json_value *value = read_elements(r, make(r, kind), closing);
    r->depth--;
    return value;
}

static struct json_value *read_word(struct reader *r)
{
    static const char *const words[] = {[JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true"};
    for (u32 kind = JSON_NULL; kind <= JSON_TRUE; kind++) {
        size_t size = strlen(words[kind]);
        if (r->size - r->at >= size && !memcmp(r->text + r->at, words[kind], size)) {
            r->at += size;
            return make(r, (enum json_kind)kind);
        }
    }
    return fail(r, "no value");
}

static struct json_value *read_scalar(struct reader *r)
{
    bool string = peek(r) == '"';
    const char *text = string ? read_string(r) : read_number(r);
    if (!text)
        return NULL;
    struct json_value *value = make(r, string ? JSON_STRING : JSON_NUMBER);
    value->text = text;
    return value;
}

static struct json_value *read_value(struct reader *r)
{
    int character = peek(r);
    if (take(r, '{'))
        return read_nested(r, JSON_OBJECT, '}');
    if (take(r, '['))
        return read_nested(r, JSON_ARRAY, ']');
    if (character == '"' || character == '-' || is_digit(character))
        return read_scalar(r);
    return read_word(r);
}

struct json_value *json_read(struct arena *arena, const char *text, size_t size, struct json_end *end)
{
    struct reader r = {.arena = arena, .text = text, .size = size};
    struct json_value *value = read_value(&r);
    *end = (struct json_end){.at = r.at, .what = r.wrong};
    return value;
}

/* ---- members ---- */

const struct json_value *json_member(const struct json_value *object, const char *name)
{
    const struct json_value *member = object && object->kind == JSON_OBJECT ? object->first : NULL;
    while (member && strcmp(member->name, name) != 0)
        member = member->next;
    return member;
}

static const char *member_text(const struct json_value *object, const char *name, enum json_kind kind)
{
    const struct json_value *member = json_member(object, name);
    return member && member->kind == kind ? member->text : NULL;
}

const char *json_member_string(const struct json_value *object, const char *name)
{
    return member_text(object, name, JSON_STRING);
}

const char *json_member_number(const struct json_value *object, const char *name)
{
    return member_text(object, name, JSON_NUMBER);
}

static bool whole_number(const char *digits, u32 base, u64 *value)
{
    u64 sum = 0;
    if (!*digits)
        return false;
    for (; *digits; digits++) {
        int digit = digit_of(*digits);
        if (digit < 0 || (u32)digit >= base || __builtin_mul_overflow(sum, (u64)base, &sum) ||
            __builtin_add_overflow(sum, (u64)digit, &sum))
            return false;
    }
    *value = sum;
    return true;
}

bool json_member_whole(const struct json_value *object, const char *name, u64 *value)
{
    const char *digits = json_member_number(object, name);
    return digits && whole_number(digits, 10, value);
}

bool json_member_hex(const struct json_value *object, const char *name, u64 *value)
{
    const char *string = json_member_string(object, name);
    return string && !strncmp(string, "0x", 2) && whole_number(string + 2, 16, value);
}

/* ---- the way back ---- */

static void write_elements(struct text *text, const struct json_value *parent)
{
    for (const struct json_value *element = parent->first; element; element = element->next) {
        if (element->name) {
            text_json_string(text, element->name);
            text_add(text, ":");
        }
        json_write(text, element);
        if (element->next)
            text_add(text, ",");
    }
}

void json_write(struct text *text, const struct json_value *value)
{
    static const char *const words[] = {[JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true"};
    switch (value->kind) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        text_add(text, words[value->kind]);
        break;
    case JSON_NUMBER:
        text_add(text, value->text);
        break;
    case JSON_STRING:
        text_json_string(text, value->text);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        text_add(text, value->kind == JSON_ARRAY ? "[" : "{");
        write_elements(text, value);
        text_add(text, value->kind == JSON_ARRAY ? "]" : "}");
        break;
    }
}
