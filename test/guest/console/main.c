/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The serial line that the guest shares with Exeunt's reports (SPEC 8.5).
 *
 * test=flood: lines of all lengths at full speed by every means, with marks and reports between; test/serial_lines.py
 * holds the log against what was sent.
 * test=echo: shows what is typed, line by line, until a line that begins with `end`.
 * test=quiet (with quiet=1): does not use the line for some seconds, and does nothing else: whoever types then meets
 * Exeunt.
 * test=spin: prints half a line, and does nothing for some seconds; then the other half.
 * test=poll: polls the UART for some seconds, where nothing is typed; a guest that is in translated code nearly always.
 */
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

#define COM1 0x3f8
#define LINE_STATUS (COM1 + 5)
#define DATA_READY 0x01
#define HOLDING_EMPTY 0x20
#define FIFO 16
#define SECOND 100000000ull /* ticks, at Bochs's 100 million instructions a second */

enum function { CALL_REPORT = 0x45580002, CALL_MARK = 0x45580003 };

static void hypercall(u32 function, u32 b)
{
    u32 c = 0, d = 0, status;
    __asm__ volatile("vmcall" : "=a"(status), "+c"(c), "+d"(d) : "a"(function), "b"(b) : "memory");
}

static void wait_until_empty(void)
{
    while (!(inb(LINE_STATUS) & HOLDING_EMPTY))
        ;
}

/* ---- means of sending ---- */

static void by_bytes(const char *text, u32 length)
{
    for (u32 i = 0; i < length; i++) {
        wait_until_empty();
        outb(COM1, (u8)text[i]);
    }
}

static void by_bursts(const char *text, u32 length)
{
    for (u32 i = 0; i < length; i++) {
        if (i % FIFO == 0)
            wait_until_empty();
        outb(COM1, (u8)text[i]);
    }
}

static void by_rep_outsb(const char *text, u32 length)
{
    while (length) {
        word count = length < FIFO ? length : FIFO, n = count;
        wait_until_empty();
        __asm__ volatile("rep outsb" : "+S"(text), "+c"(n) : "d"(COM1) : "memory");
        length -= (u32)count;
    }
}

static void by_outsb(const char *text, u32 length)
{
    for (u32 i = 0; i < length; i++) {
        if (i % FIFO == 0)
            wait_until_empty();
        __asm__ volatile("outsb" : "+S"(text) : "d"(COM1) : "memory");
    }
}

/* Four in a row, without a jump between. */
static void by_fours(const char *text, u32 length)
{
    for (; length >= 4; length -= 4) {
        wait_until_empty();
        __asm__ volatile(
            "lodsb; outb %%al, %%dx; lodsb; outb %%al, %%dx; lodsb; outb %%al, %%dx; lodsb; outb %%al, %%dx"
            : "+S"(text)
            : "d"(COM1)
            : "eax", "memory");
    }
    by_bytes(text, length);
}

/* One accessor for all registers, behind a pointer, as Linux has it. */
static __attribute__((noinline)) u8 read_register(u32 offset)
{
    return inb((u16)(COM1 + offset));
}

static __attribute__((noinline)) void write_register(u32 offset, u8 value)
{
    outb((u16)(COM1 + offset), value);
}

static u8 (*volatile get)(u32 offset) = read_register;
static void (*volatile set)(u32 offset, u8 value) = write_register;

static void by_accessors(const char *text, u32 length)
{
    u8 enabled = get(1);
    set(1, 0);
    for (u32 i = 0; i < length; i++) {
        while (!(get(5) & HOLDING_EMPTY))
            pause();
        set(0, (u8)text[i]);
    }
    set(1, enabled);
}

static void (*const means[])(const char *text, u32 length) = {
    by_bytes, by_bursts, by_rep_outsb, by_outsb, by_fours, by_accessors,
};

/* ---- test=flood ---- */

#define LINES 300
#define LINES_AT_ONCE 5 /* in one piece, so that bursts go on from one line to the next */
#define BODY_MAX 199
#define LINE_MAX (BODY_MAX + 20)

static u32 put_digits(char *to, u32 value, u32 digits)
{
    for (u32 i = digits; i--; value /= 10)
        to[i] = (char)('0' + value % 10);
    return digits;
}

/* `L NUMBER LENGTH BODY`; test/serial_lines.py makes the same. */
static u32 make_line(char *to, u32 number)
{
    u32 length = number * 73 % (BODY_MAX + 1), at = 0;
    to[at++] = 'L';
    to[at++] = ' ';
    at += put_digits(to + at, number, 5);
    to[at++] = ' ';
    at += put_digits(to + at, length, 3);
    to[at++] = ' ';
    for (u32 i = 0; i < length; i++)
        to[at++] = (char)('!' + (number * 31 + i * 7) % 94);
    to[at++] = '\r';
    to[at++] = '\n';
    return at;
}

static void flood(void)
{
    static char text[LINES_AT_ONCE * LINE_MAX];
    for (u32 number = 0; number < LINES;) {
        u32 length = 0, piece = number / LINES_AT_ONCE;
        for (u32 i = 0; i < LINES_AT_ONCE; i++)
            length += make_line(text + length, number++);
        means[piece / 4 % COUNT_OF(means)](text, length);
        if (under_exeunt() && piece % 3 == 0)
            hypercall(CALL_MARK, piece);
        if (under_exeunt() && piece % 30 == 20)
            hypercall(CALL_REPORT, 0);
    }
    print("INFO sent %u lines\n", LINES);
}

/* ---- test=echo ---- */

/* The same from two places: one reads the data port by itself, one through the accessor. */
static u8 typed(u32 turn)
{
    u8 byte;
    do {
        while (!(inb(LINE_STATUS) & DATA_READY))
            ;
        byte = turn & 1 ? get(0) : inb(COM1);
    } while (!byte); /* Bochs's UART sometimes hands over an empty byte */
    return byte;
}

static void echo(void)
{
    static char line[256];
    u32 turn = 0, length;
    print("INFO type now\n");
    do {
        length = 0;
        for (u8 byte; (byte = typed(turn++)) != '\n' && byte != '\r' && length < sizeof(line) - 2;) {
            if (byte < ' ') {
                line[length++] = '^';
                byte += '@';
            }
            line[length++] = (char)byte;
        }
        line[length] = '\0';
        print("INFO typed: %s\n", line);
    } while (line[0] != 'e' || line[1] != 'n' || line[2] != 'd');
}

/* ---- test=quiet, test=spin ---- */

static void spin(u32 seconds)
{
    for (u64 begin = rdtsc(); rdtsc() - begin < seconds * SECOND;)
        pause();
}

static void half_a_line(void)
{
    print("INFO half a line");
    if (under_exeunt())
        hypercall(CALL_REPORT, 0);
    spin(4);
    print(" and the other half\n");
}

static void poll(u32 seconds)
{
    print("INFO polls\n");
    for (u64 begin = rdtsc(); rdtsc() - begin < seconds * SECOND;)
        for (u32 i = 0; i < 1000 && !(inb(LINE_STATUS) & DATA_READY); i++)
            ;
    print("INFO polled\n");
}

void guest_main(void)
{
    if (option_is("test", "flood"))
        flood();
    else if (option_is("test", "echo"))
        echo();
    else if (option_is("test", "quiet"))
        spin(8);
    else if (option_is("test", "spin"))
        half_a_line();
    else if (option_is("test", "poll"))
        poll(4);
    pass("console.done");
}
