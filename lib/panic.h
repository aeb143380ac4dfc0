/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ends of Exeunt itself. What the guest does never leads to panic() or ASSERT(): they are for our own bugs. A
 * machine or boot that cannot work ends in fatal().
 */
#ifndef LIB_PANIC_H
#define LIB_PANIC_H

#include "lib/format.h"

/* ASSERT stays on in release builds. */
#define panic(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)
#define ASSERT(condition) ((condition) ? (void)0 : panic("assertion failed: %s", #condition))

/* Prints the message with its place on every console and halts this CPU for good. */
_Noreturn void panic_at(const char *file, int line, const char *fmt, ...) FORMAT_LIKE(3, 4);

/*
 * Prints the message (a "\n" is added) on every console and halts. For several lines: fatal_begin(), print() as often
 * as needed, fatal_end().
 */
_Noreturn void fatal(const char *fmt, ...) FORMAT_LIKE(1, 2);
void fatal_begin(void);
_Noreturn void fatal_end(void);

/* Interrupts off, HLT, again after each NMI. */
_Noreturn void halt_forever(void);

#endif
