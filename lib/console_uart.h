/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 16450, 16550 or like UART as a console sink (data sheet PC16550D). Polled; every wait is bounded.
 */
#ifndef LIB_CONSOLE_UART_H
#define LIB_CONSOLE_UART_H

#include "lib/console.h"

#define UART_FIFO_SIZE 16

/* Registers by offset from the base port; with LCR.DLAB the first two are the divisor. */
enum uart_register { UART_DATA, UART_IER, UART_IIR, UART_LCR, UART_MCR, UART_LSR, UART_MSR, UART_SCRATCH };

enum uart_bit {
    UART_IIR_FIFO = 0xc0, /* both bits: the FIFOs are on */
    UART_LCR_8N1 = 0x03,
    UART_LCR_DLAB = 0x80,
    UART_MCR_DTR = 0x01,
    UART_MCR_RTS = 0x02,
    UART_MCR_OUT1 = 0x04,
    UART_MCR_OUT2 = 0x08,
    UART_MCR_LOOP = 0x10,
    UART_IER_INPUT = 0x01,
    UART_LSR_DR = 0x01,   /* a byte has come */
    UART_LSR_OE = 0x02,   /* one was lost; reading this clears it */
    UART_LSR_THRE = 0x20, /* room for a byte, or a whole FIFO of them */
    UART_LSR_TEMT = 0x40, /* the last bit is out */
    UART_FCR_ENABLE_AND_CLEAR = 0x07,
};

struct uart {
    struct console_sink sink;
    u8 (*in8)(u16 port);
    void (*out8)(u16 port, u8 value);
    u16 port;
    u16 divisor;
    bool shared; /* with the guest: state is kept across a group */
    bool dead;   /* a wait ran out: written no more */
    u8 room;     /* bytes that fit without asking again */
    u8 burst;    /* bytes that fit when THRE is set: 16 with FIFO, else 1 */
    struct {
        u16 divisor;
        u8 ier, lcr, mcr;
    } kept; /* the guest's, between begin and end */
};

/* Fills *uart and sets the device up: 8N1, FIFO on, interrupts off. False: no UART answers at `port`. */
bool uart_init(struct uart *uart, u16 port, u32 baud, const struct console_machine *machine);

/* The data port is that, and leads to the wire: it is neither the divisor nor looped back now. */
bool uart_is_open(const struct uart *uart);
/* The guest has it interrupt for what comes in. Only while it is open; so is each of the following. */
bool uart_interrupts_for_input(const struct uart *uart);
bool uart_has_input(const struct uart *uart);
/* False: there is none. */
bool uart_take(const struct uart *uart, u8 *byte);

/* Waits until all is sent; what does not come to an end is given up. */
void uart_drain(struct uart *uart);

#endif
