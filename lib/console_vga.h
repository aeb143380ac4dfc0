/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 80x25 VGA text screen as a console sink. It is the guest's from its start on; only fatal messages go there then.
 */
#ifndef LIB_CONSOLE_VGA_H
#define LIB_CONSOLE_VGA_H

#include "lib/console.h"

enum { VGA_COLUMNS = 80, VGA_ROWS = 25 };

struct vga {
    struct console_sink sink;
    volatile u16 *cells; /* VGA_ROWS * VGA_COLUMNS: character in the low byte, attribute in the high one */
    u32 row, column;
};

/* Clears the screen. */
void vga_init(struct vga *vga, volatile u16 *cells);

#endif
