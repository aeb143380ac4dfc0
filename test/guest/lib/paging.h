/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The identity map of the first 4 GiB, and pages of it that a test can change. In 32 bits paging is off until
 * paging_on(); in long mode it is on from the start.
 */
#ifndef GUEST_LIB_PAGING_H
#define GUEST_LIB_PAGING_H

#include "test/guest/lib/guest.h"

#define PAGE_P 0x1u
#define PAGE_W 0x2u
#define PAGE_U 0x4u
#define PAGE_A 0x20u
#define PAGE_D 0x40u
#define PAGE_PS 0x80u

#define PAGE_SIZE 4096u

void paging_on(void);
void paging_off(void); /* 32 bits only */

/* The entry that maps the 4 KiB page at `address`; splits the large page around it. Flush with invlpg(). */
volatile word *page_entry(word address);

/* The entry above it: of the page directory that maps the 2 or 4 MiB around `address`. */
volatile word *directory_entry(word address);

/* Fresh, page-aligned, zeroed memory inside the image (a few dozen pages in all). */
void *page_take(void);

#endif
