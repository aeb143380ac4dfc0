/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exeunt's own linear addresses (root mode). Nothing is at 0: a null pointer faults. The image is below 2 GiB, so that
 * its addresses are constants of 32 bits, whose instructions are shorter than those of sign-extended ones.
 *
 *   DIRECT_MAP + hpa    RAM and MMIO, not executable; Exeunt's own region is left out
 *   EXEUNT_BASE + n     byte n of Exeunt's region: the image (text RX, read-only data R, data RW), then the page pool
 *   CODE_MAP + n        the memory for translated code again, to execute it (where it is in the image it is RW)
 *   MAP_SLOTS + n*4096  MAP_SLOTS_PER_CPU pages for each CPU, for addresses that the direct map does not reach
 *
 * Numbers only: the assembler reads this file too.
 */
#ifndef LIB_LAYOUT_H
#define LIB_LAYOUT_H

#define DIRECT_MAP 0xffff800000000000
#define EXEUNT_BASE 0x40000000
#define CODE_MAP 0x50000000
#define MAP_SLOTS 0x60000000
#define MAP_SLOTS_PER_CPU 8

#endif
