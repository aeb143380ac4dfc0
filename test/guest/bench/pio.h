/* SPDX-License-Identifier: BSD-2-Clause */
/* Of the port workloads (pio_sites.inc): how much one pass of a site is, and what they and C must agree on. */
#ifndef GUEST_BENCH_PIO_H
#define GUEST_BENCH_PIO_H

#define PCI_OPS_IN_PASS 4
#define DELAY_OPS_IN_PASS 4
#define IDE_POLLS 16 /* of one op */

#define IDE_STATUS 0x1f7
#define IDE_BSY 0x80
#define IDE_DRQ 0x08

#endif
