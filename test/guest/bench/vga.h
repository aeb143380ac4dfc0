/* SPDX-License-Identifier: BSD-2-Clause */
/* The planar VGA, for vga-2d. */
#ifndef GUEST_BENCH_VGA_H
#define GUEST_BENCH_VGA_H

#define VGA_OPS_IN_PASS 8 /* bytes of the screen that one pass of a site changes */
/* Behind text and font, which stay as they are. */
#define VGA_WINDOW 0xa8000
#define VGA_STRIDE 80
#define VGA_LINES 256 /* of the window */

#ifndef __ASSEMBLER__
#include "test/guest/lib/guest.h"

bool vga_planar(void);
void vga_restore(void);
#endif

#endif
