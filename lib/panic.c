/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/panic.h"

#include "lib/console.h"
#include "lib/cpu.h"
#include "lib/print.h"

void halt_forever(void)
{
    cli();
    for (;;)
        hlt();
}

void fatal_begin(void)
{
    print_flush();
    console_fatal();
    console_begin();
}

void fatal_end(void)
{
    print_flush();
    console_end();
    halt_forever();
}

void fatal(const char *fmt, ...)
{
    va_list arguments;

    fatal_begin();
    va_start(arguments, fmt);
    vprint(fmt, arguments);
    va_end(arguments);
    fatal_end();
}

/* A fault while panicking (the console's own memory may be what is broken) must not print again and again. */
void panic_at(const char *file, int line, const char *fmt, ...)
{
    static int panicking;
    va_list arguments;

    if (__atomic_exchange_n(&panicking, 1, __ATOMIC_SEQ_CST))
        halt_forever();
    fatal_begin();
    print("panic at %s:%d: ", file, line);
    va_start(arguments, fmt);
    vprint(fmt, arguments);
    va_end(arguments);
    fatal_end();
}
