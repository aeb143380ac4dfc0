/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real ports and the real text screen for console_init().
 */
#ifndef LIB_CONSOLE_MACHINE_H
#define LIB_CONSOLE_MACHINE_H

#include "lib/console.h"

#define VGA_TEXT_HPA 0xb8000ull

/* `vga`: where the text screen is mapped, NULL where the machine has none (graphics mode, UEFI). */
struct console_machine console_real_machine(volatile u16 *vga);

#endif
