/* SPDX-License-Identifier: BSD-2-Clause */
/* What is different in 32 and in 64 bits. */
#ifndef GUEST_CR_CR_H
#define GUEST_CR_CR_H

void cr_paging(void);

#endif
