/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VGA as planar graphics has it, as far as memory accesses go: four planes at 0xa0000, write mode 0. The mode on
 * the screen stays what it was, and what is drawn lands where text mode shows nothing.
 */
#include "test/guest/bench/bench.h"
#include "test/guest/bench/vga.h"
#include "test/guest/lib/cpu.h"

#define SEQUENCER 0x3c4
#define GRAPHICS 0x3ce

static const struct vga_register {
    u16 port;
    u8 index, planar;
} registers[] = {
    {SEQUENCER, 2, 0x0f}, /* map mask */
    {SEQUENCER, 4, 0x06}, /* no odd/even, no chain 4 */
    {GRAPHICS, 0, 0},     /* set/reset */
    {GRAPHICS, 1, 0},     /* enable set/reset */
    {GRAPHICS, 3, 0},     /* replace, no rotation */
    {GRAPHICS, 4, 0},     /* read map */
    {GRAPHICS, 5, 0},     /* read mode 0, write mode 0 */
    {GRAPHICS, 6, 0x05},  /* 64 KiB at 0xa0000, graphics */
    {GRAPHICS, 7, 0x0f},  /* colour don't care */
    {GRAPHICS, 8, 0xff},  /* bit mask */
};

static u8 before[COUNT_OF(registers)], sequencer_index, graphics_index;

static void write_register(const struct vga_register *r, u8 value)
{
    outb(r->port, r->index);
    outb((u16)(r->port + 1), value);
}

bool vga_planar(void)
{
    sequencer_index = inb(SEQUENCER);
    graphics_index = inb(GRAPHICS);
    for (u32 i = 0; i < COUNT_OF(registers); i++) {
        outb(registers[i].port, registers[i].index);
        before[i] = inb((u16)(registers[i].port + 1));
        write_register(&registers[i], registers[i].planar);
    }
    volatile u8 *byte = (volatile u8 *)VGA_WINDOW;
    *byte = 0x5a;
    bool there = *byte == 0x5a;
    *byte = 0;
    if (there && *byte == 0)
        return true;
    fail("bench.vga-2d", "no planar memory at 0x%x", VGA_WINDOW);
    vga_restore();
    return false;
}

void vga_restore(void)
{
    for (u32 i = 0; i < COUNT_OF(registers); i++)
        write_register(&registers[i], before[i]);
    outb(SEQUENCER, sequencer_index);
    outb(GRAPHICS, graphics_index);
}
