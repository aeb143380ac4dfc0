/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Consoles against a fake UART that behaves as the data sheet says (PC16550D): FIFO, divisor latch, shift time, lost
 * bytes. It remembers under which line settings each byte left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/console.h"
#include "lib/console_uart.h"
#include "lib/console_vga.h"
#include "lib/counters.h"
#include "lib/print.h"
#include "lib/string.h"

#include <cmocka.h>

#define BASE 0x3f8
#define BYTE_POLLS 7 /* reads of LSR that one byte takes to leave */

static struct {
    bool input_overran; /* until LSR is read */
    bool absent, stuck, no_scratch, no_loop, no_fifo;
    u8 ier, lcr, mcr, scratch;
    bool fifo;
    u16 divisor;
    u8 queue[16];
    u32 queued, shifting; /* bytes waiting; polls until the one in the shift register is out */
    u8 shift;
    char input[16]; /* typed, and not yet read */
    u32 typed;
    u32 overruns, fifo_clears, transmitter_interrupts, accesses;
    char sent[8192];
    u16 sent_divisor[8192];
    u32 count;
} fake;

static void start_next(void)
{
    if (fake.shifting || !fake.queued || fake.stuck)
        return;
    fake.shift = fake.queue[0];
    memmove(fake.queue, fake.queue + 1, --fake.queued);
    fake.shifting = BYTE_POLLS;
    if (!fake.queued && fake.ier & 2)
        fake.transmitter_interrupts++;
}

static void pass_time(void)
{
    if (fake.shifting && !--fake.shifting) {
        assert_true(fake.count < sizeof(fake.sent));
        fake.sent_divisor[fake.count] = fake.divisor;
        fake.sent[fake.count++] = (char)fake.shift;
    }
    start_next();
}

static u8 fake_lsr(void)
{
    pass_time();
    bool room = !fake.queued && !fake.stuck;
    bool overran = fake.input_overran;
    fake.input_overran = false;
    return (u8)((overran ? UART_LSR_OE : 0) | (fake.typed ? UART_LSR_DR : 0) | (room ? UART_LSR_THRE : 0) |
                (room && !fake.shifting ? UART_LSR_TEMT : 0));
}

static void fake_types(const char *text)
{
    for (; *text && fake.typed < sizeof(fake.input); text++)
        fake.input[fake.typed++] = *text;
}

static u8 fake_read(void)
{
    char byte = fake.input[0];
    if (fake.typed)
        memmove(fake.input, fake.input + 1, --fake.typed);
    return (u8)byte;
}

static u8 fake_msr(void)
{
    if (!(fake.mcr & UART_MCR_LOOP) || fake.no_loop)
        return 0xb0;
    return (u8)((fake.mcr & UART_MCR_RTS) << 3 | (fake.mcr & UART_MCR_DTR) << 5 | (fake.mcr & UART_MCR_OUT1) << 4 |
                (fake.mcr & UART_MCR_OUT2) << 4);
}

static u8 fake_in(u16 port)
{
    assert_in_range(port, BASE, BASE + 7);
    fake.accesses++;
    if (fake.absent)
        return 0xff;
    bool dlab = fake.lcr & UART_LCR_DLAB;
    switch (port - BASE) {
    case UART_DATA:
        return dlab ? (u8)fake.divisor : fake_read();
    case UART_IER:
        return dlab ? (u8)(fake.divisor >> 8) : fake.ier;
    case UART_IIR:
        return fake.fifo ? 0xc1 : 0x01;
    case UART_LCR:
        return fake.lcr;
    case UART_MCR:
        return fake.mcr;
    case UART_LSR:
        return fake_lsr();
    case UART_MSR:
        return fake_msr();
    default:
        return fake.no_scratch ? 0 : fake.scratch;
    }
}

static void fake_send(u8 value)
{
    if (fake.queued >= (fake.fifo ? 16 : 1)) {
        fake.overruns++;
        return;
    }
    fake.queue[fake.queued++] = value;
    start_next();
}

static void fake_out(u16 port, u8 value)
{
    assert_in_range(port, BASE, BASE + 7);
    fake.accesses++;
    bool dlab = fake.lcr & UART_LCR_DLAB;
    switch (port - BASE) {
    case UART_DATA:
        if (dlab)
            fake.divisor = (u16)((fake.divisor & 0xff00) | value);
        else
            fake_send(value);
        break;
    case UART_IER:
        if (dlab) {
            fake.divisor = (u16)((fake.divisor & 0xff) | value << 8);
            break;
        }
        if (value & 2 & ~fake.ier && !fake.queued)
            fake.transmitter_interrupts++;
        fake.ier = value;
        break;
    case UART_IIR: /* FCR */
        fake.fifo = (value & 1) && !fake.no_fifo;
        fake.fifo_clears += value >> 1 & 1;
        if (value & 2)
            fake.typed = 0;
        break;
    case UART_LCR:
        fake.lcr = value;
        break;
    case UART_MCR:
        fake.mcr = value;
        break;
    case UART_SCRATCH:
        fake.scratch = value;
        break;
    default:
        break;
    }
}

static u64 clock_now;

static u64 fake_time(void)
{
    return clock_now += 10;
}

static u16 cells[VGA_ROWS * VGA_COLUMNS + 1];
static const struct console_machine machine = {.in8 = fake_in, .out8 = fake_out, .time = fake_time, .vga = cells};
static const struct console_machine no_screen = {.in8 = fake_in, .out8 = fake_out};
static const struct console_option com = {.kind = CONSOLE_COM, .port = BASE};

static char room[32768];

static int setup(void **state)
{
    memset(&fake, 0, sizeof(fake));
    fake.divisor = 12;
    memset(cells, 0, sizeof(cells));
    print_flush();
    return 0;
}

/* Lets all bytes leave; what was sent since the last call. */
static const char *sent(void)
{
    static char text[sizeof(fake.sent) + 1];
    for (u32 i = 0; i < 40 * BYTE_POLLS; i++)
        pass_time();
    memcpy(text, fake.sent, fake.count);
    text[fake.count] = '\0';
    fake.count = 0;
    return text;
}

static const char *row(u32 number)
{
    static char text[VGA_COLUMNS + 1];
    u32 length = VGA_COLUMNS;
    for (u32 i = 0; i < VGA_COLUMNS; i++)
        text[i] = (char)cells[number * VGA_COLUMNS + i];
    while (length && text[length - 1] == ' ')
        length--;
    text[length] = '\0';
    return text;
}

/* ---- UART: presence and setting up ---- */

static void a_missing_port_does_not_hang(void **state)
{
    fake.absent = true;
    assert_false(console_init(&com, &machine));
    assert_int_equal(console_port(), 0);
    assert_true(fake.accesses < 20);
    print("to the screen\n");
    assert_string_equal(row(0), "exeunt: to the screen");
    assert_false(console_init(&com, &no_screen));
    print("to nowhere\n");
    assert_string_equal(sent(), "");
}

static void an_old_part_without_scratch_is_found(void **state)
{
    fake.no_scratch = true;
    fake.mcr = 0x0b;
    assert_true(console_init(&com, &machine));
    fake.no_loop = true;
    assert_false(console_init(&com, &machine));
    fake.no_scratch = false;
    assert_true(console_init(&com, &machine));
}

static void it_is_set_up(void **state)
{
    static const struct {
        u32 baud;
        u16 divisor;
    } cases[] = {{0, 1}, {115200, 1}, {9600, 12}, {38400, 3}, {1, 0xffff}, {2, 57600}, {4000000, 1}, {50, 2304}};
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        struct console_option option = {.kind = CONSOLE_COM, .port = BASE, .baud = cases[i].baud};
        fake.ier = 0xf;
        fake.lcr = 0x80;
        assert_true(console_init(&option, &machine));
        assert_int_equal(fake.divisor, cases[i].divisor);
        assert_int_equal(fake.lcr, UART_LCR_8N1);
        assert_int_equal(fake.ier, 0);
        assert_true(fake.fifo);
        assert_int_equal(console_port(), BASE);
    }
}

/* ---- sending ---- */

static void every_byte_leaves_in_order(void **state)
{
    for (u32 without_fifo = 0; without_fifo < 2; without_fifo++) {
        char expected[4000] = "";
        fake.no_fifo = without_fifo;
        assert_true(console_init(&com, &machine));
        for (u32 i = 0; i < 50; i++) {
            print("line %u of some length, longer than the FIFO\n", i);
            snprintf(expected + strlen(expected), 100, "exeunt: line %u of some length, longer than the FIFO\r\n", i);
        }
        assert_string_equal(sent(), expected);
        assert_int_equal(fake.overruns, 0);
    }
}

static void a_stuck_transmitter_is_given_up(void **state)
{
    assert_true(console_init(&com, &machine));
    fake.stuck = true;
    for (u32 i = 0; i < 100; i++)
        print("never seen\n");
    assert_true(fake.accesses < 3000000);
    console_guest_runs(false);
    console_begin();
    print("nor this\n");
    console_end();
    assert_true(fake.accesses < 3000000);
}

/* ---- sharing with the guest ---- */

static void guest_sets_up_uart(void)
{
    fake_out(BASE + UART_LCR, 0x80);
    fake_out(BASE + UART_DATA, 0x34);
    fake_out(BASE + UART_IER, 0x02);
    fake_out(BASE + UART_LCR, 0x1a); /* 7E1 */
    fake_out(BASE + UART_IER, 0x0f);
    fake_out(BASE + UART_MCR, 0x1b); /* even in loopback */
    fake.fifo_clears = 0;
}

static void state_is_kept(void **state)
{
    for (u32 dlab = 0; dlab < 2; dlab++) {
        assert_true(console_init(&com, &machine));
        console_guest_runs(false);
        guest_sets_up_uart();
        fake_send('g');
        fake_send('h');
        if (dlab)
            fake_out(BASE + UART_LCR, 0x9a);
        fake.transmitter_interrupts = 0;
        console_begin();
        print("report\n");
        console_end();
        assert_int_equal(fake.queued + fake.shifting, 0); /* the transmitter is empty at the end */
        assert_int_equal(fake.divisor, 0x234);
        assert_int_equal(fake.lcr, dlab ? 0x9a : 0x1a);
        assert_int_equal(fake.ier, 0x0f);
        assert_int_equal(fake.mcr, 0x1b);
        assert_int_equal(fake.fifo_clears, 0);         /* received bytes stay */
        assert_int_equal(fake.sent_divisor[0], 0x234); /* the guest's bytes under the guest's settings */
        assert_int_equal(fake.sent_divisor[1], 0x234);
        for (u32 i = 2; i < fake.count; i++)
            assert_int_equal(fake.sent_divisor[i], 1);
        assert_true(fake.transmitter_interrupts >= 1); /* the guest waits for it */
        assert_string_equal(sent(), "gh\r\nexeunt: report\r\n");
        assert_int_equal(fake.overruns, 0);
    }
}

/* What overruns meanwhile is counted, for the guest cannot see it any more; the other side is asked to wait. */
static void lost_input_is_counted(void **state)
{
    u64 before = counters.serial_overruns;
    assert_true(console_init(&com, &machine));
    fake.input_overran = true;
    print("before the guest runs there is nobody to lose it\n");
    console_guest_runs(true);
    guest_sets_up_uart();
    assert_int_equal(counters.serial_overruns, before);
    fake.input_overran = true;
    console_begin();
    assert_false(fake.mcr & UART_MCR_RTS);
    print("report\n");
    console_end();
    assert_int_equal(counters.serial_overruns, before + 1);
    assert_int_equal(fake.mcr, 0x1b);
}

static void guest_without_fifo_loses_nothing(void **state)
{
    assert_true(console_init(&com, &machine));
    console_guest_runs(true);
    fake_out(BASE + UART_IIR, 0);
    print("more than one byte\n");
    assert_string_equal(sent(), "exeunt: more than one byte\r\n");
    assert_int_equal(fake.overruns, 0);
    assert_false(fake.fifo);
}

static void guest_writes(const char *text)
{
    for (; *text; text++)
        console_guest_port_write(BASE, 1, (u8)*text);
}

static void line_starts_when_tracked(void **state)
{
    assert_true(console_init(&com, &machine));
    console_guest_runs(true);
    print("at the start\n");
    assert_string_equal(sent(), "exeunt: at the start\r\n");
    guest_writes("login:");
    print("a\n");
    print("b\n");
    assert_string_equal(sent(), "\r\nexeunt: a\r\nexeunt: b\r\n");
    guest_writes("done\r\n");
    print("c\n");
    assert_string_equal(sent(), "exeunt: c\r\n");
}

static void line_starts_when_not_tracked(void **state)
{
    assert_true(console_init(&com, &machine));
    print("before the guest\n");
    assert_string_equal(sent(), "exeunt: before the guest\r\n");
    console_guest_runs(false);
    console_begin();
    console_begin();
    print("a\n");
    console_end();
    print("b\n");
    console_end();
    print("c\n");
    assert_string_equal(sent(), "\r\nexeunt: a\r\nexeunt: b\r\n\r\nexeunt: c\r\n");
    console_end(); /* one too many is harmless */
    print("d\n");
    assert_string_equal(sent(), "\r\nexeunt: d\r\n");
}

/* The divisor is no text, other ports are no console, and a word may cover LCR and data both. */
static void only_the_guests_text_counts(void **state)
{
    assert_true(console_init(&com, &machine));
    console_guest_runs(true);
    console_guest_port_write(BASE + UART_LCR, 1, 0x83);
    console_guest_port_write(BASE, 1, 1);
    console_guest_port_write(BASE, 2, 0x0001);
    console_guest_port_write(BASE + UART_LCR, 1, 0x03);
    console_guest_port_write(BASE + UART_IER, 1, 'x');
    console_guest_port_write(BASE + UART_SCRATCH, 1, 'x');
    console_guest_port_write(BASE - 1, 1, 'x');
    console_guest_port_write(0x2f8, 1, 'x');
    console_guest_port_write(0xffff, 4, 0x78787878);
    print("a\n");
    assert_string_equal(sent(), "exeunt: a\r\n");
    console_guest_port_write(BASE - 1, 2, 'x' << 8); /* its second byte is the data port */
    print("b\n");
    assert_string_equal(sent(), "\r\nexeunt: b\r\n");
}

/* ---- keys that ask for a report ---- */

#define LIMIT 1000

static u32 polling_ended;

static void note_polling_ends(void)
{
    polling_ended++;
}

static void watch_keys(bool tracked)
{
    polling_ended = 0;
    clock_now = 0;
    assert_true(console_init(&com, &machine));
    console_guest_runs(tracked);
    console_watch_keys(LIMIT, note_polling_ends);
}

/* How often the keys are complete in what the guest reads, a byte each 10 ticks. */
static u32 guest_reads(const char *text)
{
    u32 times = 0;
    for (; *text; text++)
        times += console_guest_port_read(BASE, 1, (u8)*text);
    return times;
}

static void keys_are_seen_in_what_the_guest_reads(void **state)
{
    watch_keys(true);
    assert_int_equal(guest_reads("hello\r"), 0);
    assert_int_equal(guest_reads("\036\036"), 0);
    assert_int_equal(guest_reads("\036"), 1);
    assert_int_equal(guest_reads("\036\036"), 0); /* all three anew */
    assert_int_equal(guest_reads("\036x"), 1);
    assert_int_equal(guest_reads("\036\036x\036\036"), 0);
    assert_int_equal(guest_reads("\036"), 1);
    assert_int_equal(guest_reads("\036\036\036\036\036\036\036"), 2);
}

static void keys_are_typed_within_two_seconds(void **state)
{
    watch_keys(true);
    assert_int_equal(guest_reads("\036"), 0);
    clock_now += LIMIT / 2;
    assert_int_equal(guest_reads("\036"), 0);
    clock_now += LIMIT / 2;
    assert_int_equal(guest_reads("\036"), 0); /* too late for the first, in time for the second */
    assert_int_equal(guest_reads("\036"), 1);
    assert_int_equal(guest_reads("\036\036"), 0);
    clock_now += LIMIT - 20;
    assert_int_equal(guest_reads("\036"), 1);
}

/* The divisor is not typed; a word has a byte of another register; other ports are no console. */
static void only_what_is_typed_counts(void **state)
{
    watch_keys(true);
    assert_int_equal(guest_reads("\036\036"), 0);
    assert_false(console_guest_port_read(BASE + UART_LCR, 1, 0x1e));
    assert_false(console_guest_port_read(BASE - 1, 1, 0x1e));
    assert_false(console_guest_port_read(0x2f8, 1, 0x1e));
    console_guest_port_write(BASE + UART_LCR, 1, 0x83);
    assert_int_equal(guest_reads("\036"), 0);
    console_guest_port_write(BASE + UART_LCR, 1, 0x03);
    assert_true(console_guest_port_read(BASE - 1, 2, 0x1e05));
    assert_false(console_guest_port_read(BASE, 2, 0x1e05));
    console_watch_keys(0, note_polling_ends);
    assert_int_equal(guest_reads("\036\036\036"), 0);
    watch_keys(false); /* the guest might use it unseen */
    assert_false(console_polls_keys());
    assert_int_equal(guest_reads("\036\036\036"), 0);
}

static u32 polls(u32 times)
{
    u32 seen = 0;
    while (times--)
        seen += console_poll_keys();
    return seen;
}

static void keys_are_looked_for_where_the_guest_does_not(void **state)
{
    watch_keys(true);
    assert_true(console_polls_keys());
    assert_int_equal(polls(3), 0);
    fake_types("ls\036");
    assert_int_equal(polls(1), 0); /* the guest might still read it */
    assert_int_equal(fake.typed, 3);
    assert_int_equal(polls(1), 0);
    assert_int_equal(fake.typed, 0);
    fake_types("\036\036");
    assert_int_equal(polls(2), 1);
    assert_int_equal(polling_ended, 0);
}

static void input_is_left_to_a_guest_that_takes_it(void **state)
{
    watch_keys(true);
    fake_types("abc");
    assert_int_equal(polls(1), 0);
    assert_int_equal(fake_in(BASE), 'a'); /* it has read one: it may read the others */
    assert_false(console_guest_port_read(BASE, 1, 'a'));
    assert_int_equal(polls(1), 0);
    assert_int_equal(fake.typed, 2);
    /* In the middle of setting the UART up it is left alone. */
    u32 accesses = fake.accesses;
    fake_out(BASE + UART_LCR, 0x83);
    assert_int_equal(polls(5), 0);
    fake_out(BASE + UART_LCR, 0x03);
    fake_out(BASE + UART_MCR, 0x10);
    assert_int_equal(polls(5), 0);
    assert_int_equal(fake.accesses, accesses + 3 + 5 + 10); /* LCR; LCR and MCR */
    fake_out(BASE + UART_MCR, 0x03);
    fake_out(BASE + UART_IER, 0x01);
    assert_int_equal(polls(5), 0);
    assert_int_equal(polling_ended, 1);
    fake_out(BASE + UART_IER, 0x00);
    assert_int_equal(polls(5), 0);
    assert_int_equal(fake.typed, 2);

    watch_keys(true);
    fake_types("abc");
    assert_int_equal(polls(1), 0);
    assert_int_equal(console_line.plain, 0); /* translated code lets the first character be seen */
    guest_writes("?");
    assert_int_equal(console_line.plain, 1);
    assert_int_equal(polling_ended, 1);
    assert_false(console_polls_keys());
    assert_int_equal(polls(5), 0);
    guest_writes("!");
    assert_int_equal(polling_ended, 1);
    assert_int_equal(fake.typed, 3);
}

/* ---- lines ---- */

static void lines_come_whole(void **state)
{
    assert_true(console_init(&com, &machine));
    print("one ");
    assert_string_equal(sent(), "");
    print("line\nand\n\nmore");
    assert_string_equal(sent(), "exeunt: one line\r\nexeunt: and\r\nexeunt: \r\n");
    print_raw("exeunt-json: {}\n");
    assert_string_equal(sent(), "exeunt: more\r\nexeunt-json: {}\r\n");
}

static void long_lines_are_broken_not_cut(void **state)
{
    char text[PRINT_LINE_MAX + 11];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_true(console_init(&com, &machine));
    print("%s\n", text);
    const char *lines = sent();
    u32 letters = 0, breaks = 0;
    for (const char *at = lines; *at; at++) {
        letters += *at == 'x';
        breaks += *at == '\n';
    }
    assert_int_equal(letters, sizeof(text) - 1 + 2); /* and one in each "exeunt: " */
    assert_int_equal(breaks, 2);
}

static void a_held_report_goes_out_line_by_line(void **state)
{
    assert_true(console_init(&com, &machine));
    console_guest_runs(true);
    u32 accesses = fake.accesses;
    console_give_room(room, sizeof(room));
    console_hold();
    console_begin();
    print("one\n");
    print("two\n");
    print("three\n");
    console_end();
    console_release();
    assert_int_equal(fake.accesses, accesses); /* nothing was waited for */
    assert_true(console_holds());
    console_send_held();
    assert_string_equal(sent(), "exeunt: one\r\n");
    guest_writes("guest");
    console_send_held();
    assert_string_equal(sent(), "\r\nexeunt: two\r\n");
    print("direct\n"); /* in order */
    assert_string_equal(sent(), "exeunt: three\r\nexeunt: direct\r\n");
    assert_false(console_holds());
    console_send_held();
    assert_string_equal(sent(), "");
}

static void a_long_held_line_stays_whole(void **state)
{
    char text[1000];
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 2] = '\n';
    text[sizeof(text) - 1] = '\0';
    assert_true(console_init(&com, &machine));
    console_guest_runs(false);
    console_give_room(room, sizeof(room));
    console_hold();
    print_raw(text);
    print_raw("next\n");
    console_release();
    console_send_held();
    assert_int_equal(strlen(sent()), 2 + sizeof(text) - 1 + 1); /* line break before, CR within */
    assert_true(console_holds());
}

static void too_much_to_hold_is_said(void **state)
{
    assert_true(console_init(&com, &machine));
    console_guest_runs(true);
    console_give_room(room, sizeof(room));
    console_hold();
    u32 lines = 0;
    for (; lines < 4000; lines++)
        print("a line %04u\n", lines);
    console_release();
    u32 calls = 0;
    const char *last = "";
    for (; console_holds(); calls++) {
        console_send_held();
        last = sent();
    }
    assert_int_equal(calls, sizeof(room) / strlen("exeunt: a line 0000\n"));
    char expected[80];
    snprintf(expected, sizeof(expected), "exeunt: a line %04u\r\nexeunt: %u lines of a report lost\r\n", calls - 1,
             4000 - calls);
    assert_string_equal(last, expected);
}

static void fatal_messages_let_held_lines_go_first(void **state)
{
    assert_true(console_init(&com, &machine));
    console_guest_runs(true);
    console_give_room(room, sizeof(room));
    console_hold();
    print("held\n");
    console_fatal();
    print("end\n");
    assert_string_equal(sent(), "exeunt: held\r\nexeunt: end\r\n");
}

/* ---- the screen ---- */

static void the_screen_scrolls_and_wraps(void **state)
{
    assert_true(console_init(&(struct console_option){.kind = CONSOLE_VGA}, &machine));
    assert_int_equal(fake.accesses, 0);
    for (u32 i = 0; i < 30; i++)
        print("line %u\n", i);
    assert_string_equal(row(0), "exeunt: line 6");
    assert_string_equal(row(23), "exeunt: line 29");
    assert_string_equal(row(24), "");
    print("%0100u\n", 7);
    assert_int_equal(strlen(row(22)), VGA_COLUMNS);
    assert_string_equal(row(23), "0000000000000000000000000007");
    assert_int_equal(cells[VGA_ROWS * VGA_COLUMNS], 0);
}

static void fatal_messages_go_everywhere(void **state)
{
    assert_true(console_init(&com, &machine));
    print("boot log\n");
    assert_string_equal(row(0), "");
    console_fatal();
    print("no VT-x\n");
    assert_string_equal(row(0), "exeunt: no VT-x");
    assert_string_equal(sent(), "exeunt: boot log\r\nexeunt: no VT-x\r\n");
}

static void none_is_silent_but_for_fatal_messages(void **state)
{
    assert_true(console_init(&(struct console_option){.kind = CONSOLE_NONE}, &machine));
    print("silent\n");
    assert_string_equal(row(0), "");
    console_fatal();
    print("no VT-x\n");
    assert_string_equal(row(0), "exeunt: no VT-x");
    assert_int_equal(fake.accesses, 0);
}

static void the_screen_is_the_guests_when_it_runs(void **state)
{
    assert_true(console_init(&(struct console_option){.kind = CONSOLE_VGA}, &machine));
    print("before\n");
    console_guest_runs(false);
    print("during\n");
    assert_string_equal(row(1), "");
    console_fatal();
    print("after\n");
    assert_string_equal(row(1), "exeunt: after");
    assert_false(console_init(&(struct console_option){.kind = CONSOLE_VGA}, &no_screen));
}

static void printing_time_is_known(void **state)
{
    u64 before = console_time();
    assert_true(console_init(&com, &machine));
    console_begin();
    print("a\n");
    print("b\n");
    console_end();
    assert_int_equal(console_time() - before, 10); /* one pair of clock readings */
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_missing_port_does_not_hang),
        TEST(an_old_part_without_scratch_is_found),
        TEST(it_is_set_up),
        TEST(every_byte_leaves_in_order),
        TEST(a_stuck_transmitter_is_given_up),
        TEST(state_is_kept),
        TEST(lost_input_is_counted),
        TEST(guest_without_fifo_loses_nothing),
        TEST(line_starts_when_tracked),
        TEST(line_starts_when_not_tracked),
        TEST(only_the_guests_text_counts),
        TEST(keys_are_seen_in_what_the_guest_reads),
        TEST(keys_are_typed_within_two_seconds),
        TEST(only_what_is_typed_counts),
        TEST(keys_are_looked_for_where_the_guest_does_not),
        TEST(input_is_left_to_a_guest_that_takes_it),
        TEST(lines_come_whole),
        TEST(long_lines_are_broken_not_cut),
        TEST(a_held_report_goes_out_line_by_line),
        TEST(a_long_held_line_stays_whole),
        TEST(too_much_to_hold_is_said),
        TEST(fatal_messages_let_held_lines_go_first),
        TEST(the_screen_scrolls_and_wraps),
        TEST(fatal_messages_go_everywhere),
        TEST(none_is_silent_but_for_fatal_messages),
        TEST(the_screen_is_the_guests_when_it_runs),
        TEST(printing_time_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
