/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the port I/O guest. */
#ifndef GUEST_PIO_PIO_H
#define GUEST_PIO_PIO_H

void pio_strings(void); /* INS and OUTS that complete */
void pio_faults(void);  /* INS and OUTS that meet a page fault on the way */
void pio_user(void);    /* permission at CPL 3 */

#endif
