/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where Exeunt prints (SPEC 1.3 `console=`, 1.4, 8.5).
 *
 * A console is a table of sinks: UARTs, the VGA text screen, later a framebuffer. The chosen one gets all output; fatal
 * messages go to every sink there is. The UART may be the guest's at the same time: each group of lines between
 * console_begin() and console_end() takes it over whole and gives it back as it was, and starts on a fresh line.
 *
 * Nothing here executes an instruction of its own: ports and the screen come in by struct console_machine, so the host
 * tests drive a fake UART. Real ones: lib/console_machine.h.
 *
 * Not reentrant: one CPU prints at a time.
 */
#ifndef LIB_CONSOLE_H
#define LIB_CONSOLE_H

#include "lib/types.h"

enum console_kind { CONSOLE_COM, CONSOLE_VGA, CONSOLE_NONE };

#define CONSOLE_COM1 0x3f8
#define CONSOLE_COM2 0x2f8
#define CONSOLE_BAUD 115200

/* What `console=` asked for. */
struct console_option {
    enum console_kind kind;
    u16 port; /* of the UART */
    u32 baud; /* 0: CONSOLE_BAUD */
};

struct console_machine {
    u8 (*in8)(u16 port);
    void (*out8)(u16 port, u8 value);
    u64 (*time)(void); /* TSC, for console_time(); may be NULL */
    volatile u16 *vga; /* 80x25 text cells, or NULL where there is no text screen */
};

/* One device that shows text. `begin` and `end` stand around each group of writes; a sink without need has NULL there.
 */
struct console_sink {
    bool chosen; /* gets all output, not only fatal messages */
    void (*begin)(struct console_sink *sink);
    void (*write)(struct console_sink *sink, const char *text, size_t length);
    void (*end)(struct console_sink *sink);
};

/*
 * Starts over with the sinks that `option` and `machine` give. A UART that does not answer is left out; the screen is
 * chosen in its place. Both structs are copied. Returns false when the wanted device is not there.
 */
bool console_init(const struct console_option *option, const struct console_machine *machine);

/* Port of the UART that is printed on; 0: none. */
u16 console_port(void);

/* Whether what is written now is seen anywhere. */
bool console_is_seen(void);

/*
 * The guest runs from now on, and the UART is its own between two groups. `tracked`: every write of the guest to the
 * UART will be shown to console_guest_port_write(), so it is known whether the guest stands at a line's start, and each
 * read of its data port to console_guest_port_read().
 * Otherwise each group begins with a line break. The screen is no longer written, except by fatal messages.
 */
void console_guest_runs(bool tracked);

/* The guest wrote `size` bytes to `port` (any port; calls are cheap). */
void console_guest_port_write(u16 port, u32 size, u32 value);

/*
 * Keys that ask for a report (lib/console_keys.h), `ticks` of the TSC being the time that they may take. Only where the
 * port is watched. console_guest_port_read(): the guest read `size` bytes from `port`; it has them, whatever they are.
 * True: these were the last of the keys. It is enough to be called for the data port.
 *
 * console_poll_keys(), now and then, takes what was typed on a UART that the guest does not use, so that the keys are
 * seen there too. The guest uses it from the first character that it writes, or from when it has the UART interrupt it
 * for input; from then on input is the guest's: console_polls_keys() is false, and polling_ends() was called. What the
 * guest may still read by polling is left to it from one call to the next.
 */
void console_watch_keys(u64 ticks, void (*polling_ends)(void));
bool console_guest_port_read(u16 port, u32 size, u32 value);
bool console_polls_keys(void);
bool console_poll_keys(void);

/*
 * For translated code, which need not call that for each character: while `plain` is 1, a byte to the data port is text
 * and nobody waits for the line to end; it is enough that `last` becomes what was written.
 */
struct console_line {
    u8 plain;
    u8 last; /* on the UART, as far as known */
};
extern struct console_line console_line;

/* Around lines that belong together; nests. Text written outside of a group is a group by itself. */
void console_begin(void);
void console_end(void);

/* `text` should end in a line break; "\n" is sent as CR LF. */
void console_write(const char *text, size_t length);

/*
 * A report while the guest runs (SPEC 8.5): between console_hold() and console_release() text is put aside instead of
 * sent, so that a snapshot takes no time. Then console_send_held() sends one line at each call: 5 to 65 ms of a 115200
 * baud line, never a second. Text that is written directly lets what is held go first. Outside of a group only.
 */
void console_hold(void);
void console_give_room(char *room,
                       u32 size); /* where it waits; `size` is a power of two. What does not fit is counted */
void console_release(void);

/* Whether lines wait for console_send_held(). */
bool console_holds(void);
void console_send_held(void);
/* Whether the guest is in the middle of a line, as far as its port is watched. */
bool console_in_guest_line(void);

/* From now on all sinks get all output. There is no way back: for messages after which Exeunt halts. */
void console_fatal(void);

/* TSC ticks spent in printing so far, so that start-up can be measured apart from a slow serial line. */
u64 console_time(void);

#endif
