/* SPDX-License-Identifier: BSD-2-Clause */
/* String I/O that meets a page which is not there: nothing is lost, nothing is done twice. */
#include "test/guest/lib/guest.h"
#include "test/guest/lib/paging.h"
#include "test/guest/lib/palette.h"
#include "test/guest/pio/pio.h"

#define ERROR_WRITE 2u

static u8 *area; /* two pages; the second one comes and goes */

static void second_page(bool present, bool writable)
{
    volatile word *entry = page_entry((word)area + PAGE_SIZE);
    *entry = (*entry & ~(word)(PAGE_P | PAGE_W)) | (present ? PAGE_P : 0) | (writable ? PAGE_W : 0);
    invlpg(area + PAGE_SIZE);
}

static void rep_insb(word at, word count)
{
    __asm__ volatile("rep insb" : "+D"(at), "+c"(count) : "d"(PALETTE_DATA) : "memory");
}

static void rep_outsb(word at, word count)
{
    __asm__ volatile("rep outsb" : "+S"(at), "+c"(count) : "d"(PALETTE_DATA) : "memory");
}

static void input(void)
{
    word from = (word)area + PAGE_SIZE - 6;
    palette_fill();
    second_page(false, true);
    ATTEMPT(rep_insb(from, 16));
    check_fault("pio.insb-fault", VECTOR_PF, ERROR_WRITE);
    check("pio.insb-fault-cr2", fault.address, (word)area + PAGE_SIZE);
    check("pio.insb-fault-di", fault.di, (word)area + PAGE_SIZE);
    check("pio.insb-fault-cx", fault.cx, 10);
    second_page(true, true);
    rep_insb(fault.di, fault.cx);
    u32 wrong = 0;
    for (u32 i = 0; i < 16; i++)
        wrong += area[PAGE_SIZE - 6 + i] != palette_pattern(i);
    check("pio.insb-fault-resumed", wrong, 0);
}

static void output(void)
{
    word from = (word)area + PAGE_SIZE - 6;
    for (u32 i = 0; i < 16; i++)
        area[PAGE_SIZE - 6 + i] = palette_pattern(i + 20);
    palette_write_from(0);
    second_page(false, true);
    ATTEMPT(rep_outsb(from, 16));
    check_fault("pio.outsb-fault", VECTOR_PF, 0);
    check("pio.outsb-fault-si", fault.si, (word)area + PAGE_SIZE);
    check("pio.outsb-fault-cx", fault.cx, 10);
    second_page(true, true);
    rep_outsb(fault.si, fault.cx);
    palette_read_from(0);
    u32 wrong = 0;
    for (u32 i = 0; i < 16; i++)
        wrong += inb(PALETTE_DATA) != palette_pattern(i + 20);
    check("pio.outsb-fault-resumed", wrong, 0);
}

/* One element on both pages: nothing of it happens. */
static void straddling(void)
{
    word at = (word)area + PAGE_SIZE - 1;
    outl(0xcf8, 0x80000000);
    area[PAGE_SIZE - 1] = 0xee;
    second_page(false, true);
    ATTEMPT(__asm__ volatile("insw" : : "D"(at), "d"(0xcfc) : "memory"));
    check_fault("pio.insw-straddles-fault", VECTOR_PF, ERROR_WRITE);
    check("pio.insw-straddles-cr2", fault.address, (word)area + PAGE_SIZE);
    check("pio.insw-straddles-di", fault.di, at);
    check("pio.insw-straddles-first-byte", area[PAGE_SIZE - 1], 0xee);
    ATTEMPT(__asm__ volatile("rep outsl" : : "S"(at - 2), "c"(2), "d"(0xcfc) : "memory"));
    check_fault("pio.outsl-straddles-fault", VECTOR_PF, 0);
    check("pio.outsl-straddles-cx", fault.cx, 2);
    second_page(true, true);
}

static void read_only(void)
{
    write_cr0(read_cr0() | CR0_WP);
    second_page(true, false);
    palette_read_from(0);
    ATTEMPT(rep_insb((word)area + PAGE_SIZE, 1));
    check_fault("pio.insb-read-only", VECTOR_PF, ERROR_WRITE | 1);
    check("pio.insb-read-only-no-access", inb(PALETTE_DATA), palette_pattern(20));
    write_cr0(read_cr0() & ~(word)CR0_WP);
    rep_insb((word)area + PAGE_SIZE, 1);
    check("pio.insb-read-only-without-wp", area[PAGE_SIZE], palette_pattern(21));
    second_page(true, true);
}

static void accessed_and_dirty(void)
{
    volatile word *entry = page_entry((word)area + PAGE_SIZE);
    *entry &= ~(word)(PAGE_A | PAGE_D);
    invlpg(area + PAGE_SIZE);
    rep_outsb((word)area + PAGE_SIZE, 1);
    check("pio.outsb-sets-accessed", *entry & (PAGE_A | PAGE_D), PAGE_A);
    rep_insb((word)area + PAGE_SIZE, 1);
    check("pio.insb-sets-dirty", *entry & (PAGE_A | PAGE_D), PAGE_A | PAGE_D);
}

void pio_faults(void)
{
    area = page_take();
    (void)page_take();
    paging_on();
    input();
    output();
    straddling();
    read_only();
    accessed_and_dirty();
}
