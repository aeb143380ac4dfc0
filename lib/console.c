/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/console.h"

#include "lib/console_keys.h"
#include "lib/console_uart.h"
#include "lib/console_vga.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/text_queue.h"

#define SINKS_MAX 3 /* UART, text screen, and room for a framebuffer */

static struct {
    struct console_machine machine;
    struct console_sink *sinks[SINKS_MAX];
    u32 sink_count;
    struct uart uart;
    struct vga vga;
    u32 depth; /* of console_begin() */
    bool fatal;
    bool guest_runs;
    bool tracked;
    bool guest_dlab;  /* the guest's LCR.DLAB: its data port is the divisor now */
    bool guest_uses;  /* the guest wrote text, or takes input by interrupts */
    bool input_waits; /* the last console_poll_keys() saw it, and the guest has read nothing since */
    struct console_keys keys;
    void (*polling_ends)(void);
    u64 began;
    u64 spent;
    bool holding; /* between console_hold() and console_release() */
    struct text_queue held;
} console;

struct console_line console_line;

static bool at_line_start(void)
{
    return console_line.last == '\n';
}

/* The first character is to be seen: from there on the input is the guest's. */
static void set_plain(void)
{
    console_line.plain = console.guest_uses && !console.guest_dlab && text_queue_empty(&console.held);
}

static void add_sink(struct console_sink *sink, bool chosen)
{
    sink->chosen = chosen;
    console.sinks[console.sink_count++] = sink;
}

bool console_init(const struct console_option *option, const struct console_machine *machine)
{
    u64 spent = console.spent;

    memset(&console, 0, sizeof(console));
    console.machine = *machine;
    console.spent = spent;
    console_line = (struct console_line){.last = '\n'};

    bool uart = option->kind == CONSOLE_COM && uart_init(&console.uart, option->port, option->baud, machine);
    if (uart)
        add_sink(&console.uart.sink, true);
    if (machine->vga) {
        vga_init(&console.vga, machine->vga);
        add_sink(&console.vga.sink, option->kind != CONSOLE_NONE && !uart);
    }
    return option->kind == CONSOLE_NONE || (option->kind == CONSOLE_COM ? uart : machine->vga != NULL);
}

u16 console_port(void)
{
    return console.uart.sink.chosen ? console.uart.port : 0;
}

/* Before the guest runs the UART is ours and needs neither waiting nor restoring, so that the start is not slowed down.
 */
void console_guest_runs(bool tracked)
{
    if (console_port()) {
        uart_drain(&console.uart);
        console.uart.shared = true;
    }
    console.guest_runs = true;
    console.tracked = tracked;
    console.vga.sink.chosen = false;
}

static void note_use(void)
{
    if (console.guest_uses)
        return;
    console.guest_uses = true;
    if (console.keys.limit)
        console.polling_ends();
}

static void guest_uart_write(u32 reg, u8 value)
{
    if (reg == UART_LCR)
        console.guest_dlab = value & UART_LCR_DLAB;
    else if (reg == UART_DATA && !console.guest_dlab) {
        console_line.last = value;
        note_use();
    }
    set_plain();
}

/* Out of line: writes to other ports are more frequent. `reg`: of the first byte, which may lie before the UART. */
static __attribute__((noinline)) void guest_uart_writes(u32 reg, u32 size, u32 value)
{
    for (u32 i = 0; i < size; i++)
        if (reg + i <= UART_SCRATCH)
            guest_uart_write(reg + i, (u8)(value >> 8 * i));
}

void console_guest_port_write(u16 port, u32 size, u32 value)
{
    const struct uart *uart = &console.uart;
    u32 reg = (u32)port - uart->port;
    if (uart->sink.chosen && reg + size - 1 < UART_SCRATCH + size)
        guest_uart_writes(reg, size, value);
}

void console_watch_keys(u64 ticks, void (*polling_ends)(void))
{
    console.polling_ends = polling_ends;
    console.keys.limit = console.tracked ? ticks : 0;
}

static bool see_key(u8 byte)
{
    return console_keys_see(&console.keys, byte, console.machine.time());
}

bool console_guest_port_read(u16 port, u32 size, u32 value)
{
    u32 at = (u32)console_port() - port; /* of the data port among the bytes */
    if (!console.keys.limit || console.guest_dlab || at >= size)
        return false;
    console.input_waits = false;
    return see_key((u8)(value >> 8 * at));
}

bool console_polls_keys(void)
{
    return console.keys.limit && !console.guest_uses;
}

bool console_poll_keys(void)
{
    bool waited = console.input_waits, seen = false;
    u8 byte;
    if (!console_polls_keys() || !uart_is_open(&console.uart))
        return false;
    if (uart_interrupts_for_input(&console.uart)) {
        note_use();
        return false;
    }
    for (u32 i = 0; waited && i < UART_FIFO_SIZE && uart_take(&console.uart, &byte); i++)
        seen |= see_key(byte);
    console.input_waits = uart_has_input(&console.uart);
    return seen;
}

static bool active(const struct console_sink *sink)
{
    return sink->chosen || console.fatal;
}

bool console_is_seen(void)
{
    bool seen = false;
    for (u32 i = 0; i < console.sink_count; i++)
        seen |= active(console.sinks[i]);
    return seen;
}

static void write_all(const char *text, size_t length)
{
    for (u32 i = 0; i < console.sink_count; i++)
        if (active(console.sinks[i]))
            console.sinks[i]->write(console.sinks[i], text, length);
}

void console_begin(void)
{
    if (console.holding || console.depth++)
        return;
    if (console.machine.time)
        console.began = console.machine.time();
    for (u32 i = 0; i < console.sink_count; i++)
        if (active(console.sinks[i]) && console.sinks[i]->begin)
            console.sinks[i]->begin(console.sinks[i]);
    if (console.guest_runs && (!console.tracked || !at_line_start()) && console_port())
        console.uart.sink.write(&console.uart.sink, "\n", 1);
}

void console_end(void)
{
    if (console.holding || !console.depth || --console.depth)
        return;
    for (u32 i = 0; i < console.sink_count; i++)
        if (active(console.sinks[i]) && console.sinks[i]->end)
            console.sinks[i]->end(console.sinks[i]);
    if (console.machine.time)
        console.spent += console.machine.time() - console.began;
}

static void send_line(const char *text, size_t length)
{
    write_all(text, length);
    console_line.last = (u8)text[length - 1];
}

/* Within a group. Says so when the queue was too small. */
static void send_held_line(void)
{
    char line[256]; /* a longer line goes out in pieces */
    size_t length = text_queue_take_line(&console.held, line, sizeof(line));
    if (length)
        send_line(line, length);
    if (console.held.lost && text_queue_empty(&console.held)) {
        send_line(line, (size_t)format(line, sizeof(line), "exeunt: %u lines of a report lost\n", console.held.lost));
        console.held.lost = 0;
    }
}

void console_give_room(char *room, u32 size)
{
    console.held = (struct text_queue){.text = room, .size = size};
}

void console_hold(void)
{
    console.holding = true;
}

void console_release(void)
{
    console.holding = false;
}

bool console_holds(void)
{
    return !text_queue_empty(&console.held);
}

bool console_in_guest_line(void)
{
    return console.tracked && !at_line_start();
}

void console_send_held(void)
{
    console_begin();
    do
        send_held_line();
    while (!at_line_start() && console_holds());
    set_plain();
    console_end();
}

void console_write(const char *text, size_t length)
{
    if (!length)
        return;
    if (console.holding) {
        text_queue_put(&console.held, text, length);
        set_plain();
        return;
    }
    console_begin();
    while (console_holds())
        send_held_line();
    send_line(text, length);
    set_plain();
    console_end();
}

void console_fatal(void)
{
    console.holding = false;
    console.fatal = true;
}

u64 console_time(void)
{
    return console.spent;
}
