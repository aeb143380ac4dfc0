/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/console_machine.h"

#include "lib/cpu.h"

/* Functions with an address: the inline ones of lib/cpu.h have none. */
static u8 real_in8(u16 port)
{
    return in8(port);
}

static void real_out8(u16 port, u8 value)
{
    out8(port, value);
}

static u64 real_time(void)
{
    return rdtsc();
}

struct console_machine console_real_machine(volatile u16 *vga)
{
    return (struct console_machine){.in8 = real_in8, .out8 = real_out8, .time = real_time, .vga = vga};
}
