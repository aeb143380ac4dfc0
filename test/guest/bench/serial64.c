/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * COM1 written as Linux's serial8250_console_write() does it: ports behind accessor functions that are called through
 * pointers, the interrupt enable register saved and restored around each line, before each character the line status
 * polled with a delay by the TSC between two looks.
 */
#include "test/guest/bench/bench.h"
#include "test/guest/lib/cpu.h"

#define COM1 0x3f8
#define UART_TX 0
#define UART_IER 1
#define UART_LSR 5
#define LSR_THRE 0x20
#define LSR_BOTH_EMPTY 0x60
#define MICROSECOND 100 /* ticks, at Bochs's 100 million instructions a second */

struct port {
    u8 (*in)(const struct port *port, u32 offset);
    void (*out)(const struct port *port, u32 offset, u8 value);
    u16 base;
    u8 shift;
};

/* Aligned: an IN or OUT at a page's end would take longer to fetch. */
static __attribute__((noinline, aligned(64))) u8 io_in(const struct port *port, u32 offset)
{
    return inb((u16)(port->base + (offset << port->shift)));
}

static __attribute__((noinline, aligned(64))) void io_out(const struct port *port, u32 offset, u8 value)
{
    outb((u16)(port->base + (offset << port->shift)), value);
}

/* Volatile: the compiler must not see through the pointers. */
static struct port *volatile console = &(struct port){io_in, io_out, COM1, 0};

static __attribute__((noinline)) void delay(u64 ticks)
{
    u64 begin = rdtsc();
    while (rdtsc() - begin < ticks)
        pause();
}

static __attribute__((noinline)) void wait_for(const struct port *port, u8 bits)
{
    for (u32 tries = 10000; tries; tries--) {
        if ((port->in(port, UART_LSR) & bits) == bits)
            return;
        delay(MICROSECOND);
    }
}

static __attribute__((noinline)) void put(const struct port *port, char c)
{
    wait_for(port, LSR_THRE);
    port->out(port, UART_TX, (u8)c);
}

static __attribute__((noinline)) void write_line(const struct port *port, const char *text)
{
    u8 enabled = port->in(port, UART_IER);
    port->out(port, UART_IER, 0);
    for (; *text; text++)
        put(port, *text);
    wait_for(port, LSR_BOTH_EMPTY);
    port->out(port, UART_IER, enabled);
}

void serial_console(word lines)
{
    char text[SERIAL_LINE + 1];
    for (word line = 0; line < lines; line++) {
        for (u32 i = 0; i < SERIAL_LINE; i++)
            text[i] = (char)('a' + (line * 7 + i * 5) % 26);
        text[SERIAL_LINE - 2] = '\r';
        text[SERIAL_LINE - 1] = '\n';
        text[SERIAL_LINE] = '\0';
        write_line(console, text);
    }
}
