/* SPDX-License-Identifier: BSD-2-Clause */
/* Result lines on COM1, by polling. */
#include <stdarg.h>

#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

#define COM1 0x3f8
#define LINE_STATUS (COM1 + 5)
#define HOLDING_EMPTY 0x20
#define TRANSMITTER_EMPTY 0x40
#define PATIENCE 1000000 /* polls: a machine without a UART must not hold the guest */

static u32 failures;

void console_init(void);

void console_init(void)
{
    outb(COM1 + 1, 0);
    outb(COM1 + 3, 0x80);
    outb(COM1 + 0, 1); /* 115200 */
    outb(COM1 + 1, 0);
    outb(COM1 + 3, 3); /* 8N1 */
    outb(COM1 + 2, 7); /* FIFOs on and empty */
    outb(COM1 + 4, 3);
}

static void wait_for(u8 status)
{
    for (u32 i = 0; i < PATIENCE && !(inb(LINE_STATUS) & status); i++)
        ;
}

void put_char(char c)
{
    wait_for(HOLDING_EMPTY);
    outb(COM1, (u8)c);
}

void console_drain(void)
{
    wait_for(TRANSMITTER_EMPTY);
}

static void put_string(const char *s)
{
    while (*s)
        put_char(*s++);
}

/* Digits by shifting for base 16 and by 32-bit division for base 10, so that 32-bit images need no libgcc. */
static void put_number(u64 value, bool decimal, u32 width, char pad)
{
    char digits[24];
    u32 n = 0;
    if (decimal) {
        u32 rest = (u32)value;
        do
            digits[n++] = (char)('0' + rest % 10);
        while (rest /= 10);
    } else {
        do
            digits[n++] = "0123456789abcdef"[value & 15];
        while (value >>= 4);
    }
    while (n < width && n < sizeof(digits))
        digits[n++] = pad;
    while (n)
        put_char(digits[--n]);
}

/* What follows one '%'; returns where the text goes on. */
static const char *put_argument(const char *f, va_list *arguments)
{
    char pad = ' ';
    u32 width = 0, longs = 0;
    if (*f == '0')
        pad = *f++;
    for (; *f >= '0' && *f <= '9'; f++)
        width = width * 10 + (u32)(*f - '0');
    for (; *f == 'l'; f++)
        longs++;
    switch (*f) {
    case 's':
        put_string(va_arg(*arguments, const char *));
        break;
    case 'c':
        put_char((char)va_arg(*arguments, int));
        break;
    case 'd':
    case 'u':
    case 'x': {
        u64 value = longs >= 2 ? va_arg(*arguments, u64) : longs ? va_arg(*arguments, word) : va_arg(*arguments, u32);
        put_number(value, *f != 'x', width, pad);
        break;
    }
    default:
        put_char(*f);
    }
    return f + 1;
}

static void print_list(const char *format, va_list *arguments)
{
    while (*format) {
        if (*format == '%')
            format = put_argument(format + 1, arguments);
        else
            put_char(*format++);
    }
}

void print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_list(format, &arguments);
    va_end(arguments);
}

/* "VERDICT name", or "HV VERDICT name" for lines that bare runs do not have. */
static void put_verdict(const char *verdict, const char *name)
{
    if (name[0] == 'H' && name[1] == 'V' && name[2] == ' ') {
        put_string("HV ");
        name += 3;
    }
    print("%s %s", verdict, name);
}

void pass(const char *name)
{
    put_verdict("PASS", name);
    put_char('\n');
}

void fail(const char *name, const char *format, ...)
{
    va_list arguments;
    failures++;
    put_verdict("FAIL", name);
    put_string(": ");
    va_start(arguments, format);
    print_list(format, &arguments);
    va_end(arguments);
    put_char('\n');
}

void skip(const char *name, const char *why)
{
    put_verdict("SKIP", name);
    print(": %s\n", why);
}

void check(const char *name, u64 got, u64 want)
{
    if (got == want)
        pass(name);
    else
        fail(name, "got 0x%llx want 0x%llx", got, want);
}

void check_true(const char *name, bool true_as_it_should_be)
{
    if (true_as_it_should_be)
        pass(name);
    else
        fail(name, "not so");
}

void halt_forever(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

void finish(void)
{
    interrupts_off();
    print("DONE %s\n", guest_name);
    console_drain();
    if (option_is("exit", "f4"))
        outb(0xf4, failures != 0);
    for (const char *s = "Shutdown"; *s; s++)
        outb(0x8900, (u8)*s);
    halt_forever();
}
