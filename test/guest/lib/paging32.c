/* SPDX-License-Identifier: BSD-2-Clause */
/* 32-bit paging: 4 MiB pages that are split on demand. */
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/paging.h"

static u8 pages[48 * PAGE_SIZE] __attribute__((aligned(4096)));
static word directory[1024] __attribute__((aligned(4096)));
static u32 taken;

void *page_take(void)
{
    if (taken == sizeof(pages) / PAGE_SIZE) {
        fail("page_take", "out of pages");
        finish();
    }
    return &pages[taken++ * PAGE_SIZE];
}

void paging_on(void)
{
    if (!directory[0])
        for (u32 i = 0; i < 1024; i++)
            directory[i] = i << 22 | PAGE_PS | PAGE_U | PAGE_W | PAGE_P;
    write_cr4(read_cr4() | CR4_PSE);
    write_cr3((word)directory);
    write_cr0(read_cr0() | CR0_PG);
}

void paging_off(void)
{
    write_cr0(read_cr0() & ~(word)CR0_PG);
}

volatile word *page_entry(word address)
{
    word *pde = &directory[address >> 22];
    if (*pde & PAGE_PS) {
        word *table = page_take();
        for (u32 i = 0; i < 1024; i++)
            table[i] = (*pde & 0xffc00000u) | i << 12 | PAGE_U | PAGE_W | PAGE_P;
        *pde = (word)table | PAGE_U | PAGE_W | PAGE_P;
        write_cr3(read_cr3());
    }
    word *table = (word *)(*pde & ~0xfffu);
    return &table[address >> 12 & 1023];
}

volatile word *directory_entry(word address)
{
    return &directory[address >> 22];
}
