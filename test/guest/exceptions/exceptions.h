/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the exception guest. */
#ifndef GUEST_EXCEPTIONS_EXCEPTIONS_H
#define GUEST_EXCEPTIONS_EXCEPTIONS_H

void exceptions_of_mode(void);  /* what only 32 or only 64 bits have */
void exceptions_delivery(void); /* exits in the middle of event delivery */

#endif
