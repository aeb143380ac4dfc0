/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/console_uart.h"

#include "lib/counters.h"

#define UART_CLOCK 115200 /* baud at divisor 1 */

/*
 * Polls per unit of the divisor that a wait for a full FIFO (16 bytes, 160 bits) may take. 160 bits at 115200 baud are
 * 1.4 ms: 1400 polls of a real port (about 1 us each), 140000 of an emulator that counts 100 million instructions a
 * second.
 */
#define UART_POLLS 1000000

static u8 get(const struct uart *uart, enum uart_register reg)
{
    return uart->in8((u16)(uart->port + reg));
}

static void set(const struct uart *uart, enum uart_register reg, u8 value)
{
    uart->out8((u16)(uart->port + reg), value);
}

/* The guest will not see what reading the line status clears: it is counted. */
static u8 get_status(struct uart *uart)
{
    u8 status = get(uart, UART_LSR);
    if (uart->shared && status & UART_LSR_OE)
        counters.serial_overruns++;
    return status;
}

static bool wait_for(struct uart *uart, u8 bits)
{
    u64 polls = (u64)UART_POLLS * uart->divisor;
    while (!uart->dead && (get_status(uart) & bits) != bits)
        if (!--polls)
            uart->dead = true;
    return !uart->dead;
}

void uart_drain(struct uart *uart)
{
    wait_for(uart, UART_LSR_THRE | UART_LSR_TEMT);
}

static bool scratch_holds(const struct uart *uart, u8 value)
{
    set(uart, UART_SCRATCH, value);
    return get(uart, UART_SCRATCH) == value;
}

/* In loopback mode the modem control outputs are the modem status inputs: RTS -> CTS, OUT2 -> DCD (PC16550D, 8.7). */
static bool loops_back(const struct uart *uart)
{
    u8 mcr = get(uart, UART_MCR);
    set(uart, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
    u8 status = get(uart, UART_MSR) & 0xf0;
    set(uart, UART_MCR, mcr);
    return status == 0x90;
}

/* An absent port reads all ones. Either test alone would reject some real parts: 8250s without scratch, odd modems. */
static bool present(const struct uart *uart)
{
    if (get(uart, UART_LSR) == 0xff)
        return false;
    return (scratch_holds(uart, 0x5a) && scratch_holds(uart, 0xa5)) || loops_back(uart);
}

static u16 get_divisor(const struct uart *uart)
{
    set(uart, UART_LCR, UART_LCR_8N1 | UART_LCR_DLAB);
    u16 divisor = (u16)(get(uart, UART_DATA) | get(uart, UART_IER) << 8);
    set(uart, UART_LCR, UART_LCR_8N1);
    return divisor;
}

static void set_divisor(const struct uart *uart, u16 divisor)
{
    set(uart, UART_LCR, UART_LCR_8N1 | UART_LCR_DLAB);
    set(uart, UART_DATA, (u8)divisor);
    set(uart, UART_IER, (u8)(divisor >> 8));
    set(uart, UART_LCR, UART_LCR_8N1);
}

/*
 * Takes the UART over from the guest, which may stand anywhere, also between two writes to the divisor. FCR cannot be
 * read and is left alone: the guest's received bytes stay in its FIFO. More than it holds would be lost: without RTS
 * the other side waits with them, if it looks at that. Bytes that the guest still sends must leave under its own
 * settings.
 */
static void uart_begin(struct console_sink *sink)
{
    struct uart *uart = CONTAINER_OF(sink, struct uart, sink);

    uart->room = 0;
    if (!uart->shared || uart->dead)
        return;
    uart_drain(uart);
    uart->kept.lcr = get(uart, UART_LCR);
    uart->kept.mcr = get(uart, UART_MCR);
    uart->kept.divisor = get_divisor(uart); /* leaves DLAB clear: the next is IER */
    uart->kept.ier = get(uart, UART_IER);
    set(uart, UART_IER, 0);
    uart->burst = (get(uart, UART_IIR) & UART_IIR_FIFO) == UART_IIR_FIFO ? UART_FIFO_SIZE : 1;
    if (uart->kept.divisor != uart->divisor)
        set_divisor(uart, uart->divisor);
    set(uart, UART_MCR, (uart->kept.mcr & UART_MCR_OUT2) | UART_MCR_DTR);
}

/*
 * Gives it back. A transmitter interrupt that the guest was waiting for is not lost: enabling it again while the
 * transmitter is empty raises it anew (PC16550D, "Interrupt Enable Register").
 */
static void uart_end(struct console_sink *sink)
{
    struct uart *uart = CONTAINER_OF(sink, struct uart, sink);

    if (!uart->shared || uart->dead)
        return;
    uart_drain(uart);
    if (uart->kept.divisor != uart->divisor)
        set_divisor(uart, uart->kept.divisor);
    set(uart, UART_MCR, uart->kept.mcr);
    set(uart, UART_IER, uart->kept.ier);
    set(uart, UART_LCR, uart->kept.lcr);
}

static void send(struct uart *uart, char character)
{
    if (!uart->room) {
        if (!wait_for(uart, UART_LSR_THRE))
            return;
        uart->room = uart->burst;
    }
    set(uart, UART_DATA, (u8)character);
    uart->room--;
}

static void uart_write(struct console_sink *sink, const char *text, size_t length)
{
    struct uart *uart = CONTAINER_OF(sink, struct uart, sink);

    for (size_t i = 0; i < length && !uart->dead; i++) {
        if (text[i] == '\n')
            send(uart, '\r');
        send(uart, text[i]);
    }
}

bool uart_is_open(const struct uart *uart)
{
    return !uart->dead && !(get(uart, UART_LCR) & UART_LCR_DLAB) && !(get(uart, UART_MCR) & UART_MCR_LOOP);
}

bool uart_interrupts_for_input(const struct uart *uart)
{
    return get(uart, UART_IER) & UART_IER_INPUT;
}

bool uart_has_input(const struct uart *uart)
{
    return get(uart, UART_LSR) & UART_LSR_DR;
}

bool uart_take(const struct uart *uart, u8 *byte)
{
    if (!uart_has_input(uart))
        return false;
    *byte = get(uart, UART_DATA);
    return true;
}

bool uart_init(struct uart *uart, u16 port, u32 baud, const struct console_machine *machine)
{
    u32 wanted = baud ? baud : CONSOLE_BAUD;
    u32 divisor = wanted < UART_CLOCK ? (UART_CLOCK + wanted / 2) / wanted : 1;

    *uart = (struct uart){
        .sink = {.begin = uart_begin, .write = uart_write, .end = uart_end},
        .in8 = machine->in8,
        .out8 = machine->out8,
        .port = port,
        .divisor = (u16)min_u64(divisor, 0xffff),
    };
    if (!present(uart))
        return false;
    uart_drain(uart); /* what GRUB still sends */
    uart->dead = false;
    set(uart, UART_LCR, UART_LCR_8N1);
    set(uart, UART_IER, 0);
    set(uart, UART_IIR, UART_FCR_ENABLE_AND_CLEAR);
    set(uart, UART_MCR, UART_MCR_DTR | UART_MCR_RTS);
    set_divisor(uart, uart->divisor);
    uart->burst = (get(uart, UART_IIR) & UART_IIR_FIFO) == UART_IIR_FIFO ? UART_FIFO_SIZE : 1;
    return true;
}
