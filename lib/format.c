/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/format.h"

#include "lib/string.h"

struct output {
    format_put *put;
    void *context;
    int length;
};

/* One conversion: what stands between '%' and its letter. */
struct conversion {
    bool left;
    bool zeros;
    int width;
    int precision; /* -1: none */
    int longs;     /* 0: int, 1: long and size_t, 2: long long */
};

static void put(struct output *out, char character)
{
    out->put(out->context, character);
    out->length++;
}

static void put_many(struct output *out, char character, int count)
{
    while (count-- > 0)
        put(out, character);
}

static void put_text(struct output *out, const struct conversion *how, const char *text)
{
    if (!text)
        text = "(null)";
    size_t length = how->precision < 0 ? strlen(text) : strnlen(text, (size_t)how->precision);
    int padding = how->width - (int)length;
    if (!how->left)
        put_many(out, ' ', padding);
    for (size_t i = 0; i < length; i++)
        put(out, text[i]);
    if (how->left)
        put_many(out, ' ', padding);
}

/* `sign` is what stands before the digits: "", "-" or "0x". */
static void put_number(struct output *out, const struct conversion *how, const char *sign, u64 value, unsigned base,
                       const char *digits)
{
    char text[24];
    int length = 0;
    do {
        text[length++] = digits[value % base];
        value /= base;
    } while (value);

    int padding = how->width - length - (int)strlen(sign);
    bool zeros = how->zeros && !how->left;
    if (!how->left && !zeros)
        put_many(out, ' ', padding);
    for (; *sign; sign++)
        put(out, *sign);
    if (zeros)
        put_many(out, '0', padding);
    while (length > 0)
        put(out, text[--length]);
    if (how->left)
        put_many(out, ' ', padding);
}

static u64 take_unsigned(const struct conversion *how, va_list *arguments)
{
    if (how->longs == 0)
        return va_arg(*arguments, unsigned);
    return how->longs == 1 ? va_arg(*arguments, unsigned long) : va_arg(*arguments, unsigned long long);
}

static s64 take_signed(const struct conversion *how, va_list *arguments)
{
    if (how->longs == 0)
        return va_arg(*arguments, int);
    return how->longs == 1 ? va_arg(*arguments, long) : va_arg(*arguments, long long);
}

static int parse_number(const char **at, va_list *arguments)
{
    if (**at == '*') {
        (*at)++;
        return va_arg(*arguments, int);
    }
    int value = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++)
        value = value < 100000 ? value * 10 + (**at - '0') : value;
    return value;
}

/* `at` stands behind '%'; returns where the letter stands. */
static const char *parse(struct conversion *how, const char *at, va_list *arguments)
{
    *how = (struct conversion){.precision = -1};
    for (; *at == '-' || *at == '0'; at++) {
        how->left |= *at == '-';
        how->zeros |= *at == '0';
    }
    how->width = parse_number(&at, arguments);
    if (how->width < 0) {
        how->left = true;
        how->width = how->width < -100000 ? 100000 : -how->width;
    }
    if (*at == '.') {
        at++;
        how->precision = parse_number(&at, arguments);
    }
    for (; *at == 'l' || *at == 'z'; at++)
        how->longs += how->longs < 2;
    return at;
}

static void put_signed(struct output *out, const struct conversion *how, s64 value)
{
    put_number(out, how, value < 0 ? "-" : "", value < 0 ? -(u64)value : (u64)value, 10, "0123456789");
}

/* Returns false when the letter is none that we know; nothing was taken from `arguments` then. */
static bool convert(struct output *out, const struct conversion *how, char letter, va_list *arguments)
{
    char character[1];
    switch (letter) {
    case 'c':
        character[0] = (char)va_arg(*arguments, int);
        put_text(out, &(struct conversion){.left = how->left, .width = how->width, .precision = 1}, character);
        return true;
    case 's':
        put_text(out, how, va_arg(*arguments, const char *));
        return true;
    case 'd':
    case 'i':
        put_signed(out, how, take_signed(how, arguments));
        return true;
    case 'u':
        put_number(out, how, "", take_unsigned(how, arguments), 10, "0123456789");
        return true;
    case 'x':
        put_number(out, how, "", take_unsigned(how, arguments), 16, "0123456789abcdef");
        return true;
    case 'X':
        put_number(out, how, "", take_unsigned(how, arguments), 16, "0123456789ABCDEF");
        return true;
    case 'p':
        put_number(out, how, "0x", (uintptr_t)va_arg(*arguments, void *), 16, "0123456789abcdef");
        return true;
    case '%':
        put(out, '%');
        return true;
    default:
        return false;
    }
}

int format_to(format_put *put_character, void *context, const char *fmt, va_list arguments)
{
    struct output out = {.put = put_character, .context = context};
    struct conversion how;
    va_list rest;

    va_copy(rest, arguments); /* an array type: only a copy can be passed on by address */
    for (const char *at = fmt; *at; at++) {
        if (*at != '%') {
            put(&out, *at);
            continue;
        }
        const char *letter = parse(&how, at + 1, &rest);
        if (*letter && convert(&out, &how, *letter, &rest))
            at = letter;
        else
            put(&out, '%');
    }
    va_end(rest);
    return out.length;
}

struct bounded {
    char *buffer;
    size_t size;
    size_t used;
};

static void put_bounded(void *context, char character)
{
    struct bounded *to = context;
    if (to->used + 1 < to->size)
        to->buffer[to->used++] = character;
}

int vformat(char *buffer, size_t size, const char *fmt, va_list arguments)
{
    struct bounded to = {.buffer = buffer, .size = size};
    int length = format_to(put_bounded, &to, fmt, arguments);
    if (size)
        buffer[to.used] = '\0';
    return length;
}

int format(char *buffer, size_t size, const char *fmt, ...)
{
    va_list arguments;
    va_start(arguments, fmt);
    int length = vformat(buffer, size, fmt, arguments);
    va_end(arguments);
    return length;
}
