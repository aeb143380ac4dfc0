/* SPDX-License-Identifier: BSD-2-Clause */
/* 4-level paging: the 2 MiB pages of start64.S, split on demand. */
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/paging.h"

extern word pd[4 * 512];
static u8 pages[48 * PAGE_SIZE] __attribute__((aligned(4096)));
static u32 taken;

void *page_take(void)
{
    if (taken == sizeof(pages) / PAGE_SIZE) {
        fail("page_take", "out of pages");
        finish();
    }
    return &pages[taken++ * PAGE_SIZE];
}

void paging_on(void) {}

volatile word *page_entry(word address)
{
    word *pde = &pd[address >> 21];
    if (*pde & PAGE_PS) {
        word *table = page_take();
        for (word i = 0; i < 512; i++)
            table[i] = (*pde & ~0x1ffffful) | i << 12 | PAGE_U | PAGE_W | PAGE_P;
        *pde = (word)table | PAGE_U | PAGE_W | PAGE_P;
        write_cr3(read_cr3());
    }
    word *table = (word *)(*pde & ~0xffful);
    return &table[address >> 12 & 511];
}

volatile word *directory_entry(word address)
{
    return &pd[address >> 21];
}
