/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/console_vga.h"

#define VGA_GREY_ON_BLACK 0x0700

static void clear_row(struct vga *vga, u32 row)
{
    for (u32 column = 0; column < VGA_COLUMNS; column++)
        vga->cells[row * VGA_COLUMNS + column] = VGA_GREY_ON_BLACK | ' ';
}

static void new_line(struct vga *vga)
{
    vga->column = 0;
    if (++vga->row < VGA_ROWS)
        return;
    vga->row = VGA_ROWS - 1;
    for (u32 cell = 0; cell < VGA_COLUMNS * (VGA_ROWS - 1); cell++)
        vga->cells[cell] = vga->cells[cell + VGA_COLUMNS];
    clear_row(vga, VGA_ROWS - 1);
}

static void vga_write(struct console_sink *sink, const char *text, size_t length)
{
    struct vga *vga = CONTAINER_OF(sink, struct vga, sink);

    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            new_line(vga);
            continue;
        }
        if (vga->column == VGA_COLUMNS)
            new_line(vga);
        vga->cells[vga->row * VGA_COLUMNS + vga->column++] = (u16)(VGA_GREY_ON_BLACK | (u8)text[i]);
    }
}

void vga_init(struct vga *vga, volatile u16 *cells)
{
    *vga = (struct vga){.sink = {.write = vga_write}, .cells = cells};
    for (u32 row = 0; row < VGA_ROWS; row++)
        clear_row(vga, row);
}
