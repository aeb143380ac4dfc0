/* SPDX-License-Identifier: BSD-2-Clause */
/* Control registers: bits that come back, #GP for what the SDM forbids, CLTS and LMSW, translations that are flushed.
 */
#include "test/guest/cr/cr.h"
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"
#include "test/guest/lib/paging.h"

static void cr0_keeps(const char *name, word toggled)
{
    word before = read_cr0();
    if (ATTEMPT(write_cr0(before ^ toggled)))
        check_no_fault(name);
    else
        check(name, read_cr0(), before ^ toggled);
    write_cr0(before);
}

static void cr0_refuses(const char *name, word value)
{
    word before = read_cr0();
    ATTEMPT(write_cr0(value));
    check_fault(name, VECTOR_GP, 0);
    if (read_cr0() != before)
        fail(name, "changed to 0x%lx", read_cr0());
}

static void cr0(void)
{
    write_cr0(read_cr0() & ~(word)(CR0_CD | CR0_NW)); /* some firmware leaves them as reset does */
    word now = read_cr0();
    cr0_keeps("cr.cr0-mp", CR0_MP);
    cr0_keeps("cr.cr0-em", CR0_EM);
    cr0_keeps("cr.cr0-ts", CR0_TS);
    cr0_keeps("cr.cr0-ne", CR0_NE);
    cr0_keeps("cr.cr0-wp", CR0_WP);
    cr0_keeps("cr.cr0-am", CR0_AM);
    cr0_keeps("cr.cr0-cd", CR0_CD);
    cr0_keeps("cr.cr0-cd-nw", CR0_CD | CR0_NW);
    cr0_refuses("cr.cr0-nw-without-cd", (now & ~(word)CR0_CD) | CR0_NW);
    cr0_refuses("cr.cr0-pg-without-pe", (now | CR0_PG) & ~(word)CR0_PE);
    write_cr0(now & ~(word)CR0_ET);
    check("cr.cr0-et-fixed", read_cr0() & CR0_ET, CR0_ET);
    if (LONG_MODE)
        cr0_refuses("cr.cr0-upper-half", now | (word)1 << 16 << 16);
    write_cr0(now);
}

static void other_registers(void)
{
    word value = read_cr0() | CR0_TS, back;
    __asm__ volatile("mov %1, %%cr0; mov %%cr0, %0" : "=S"(back) : "D"(value));
    check("cr.cr0-by-di-si", back, value);
    value &= ~(word)CR0_TS;
    __asm__ volatile("mov %1, %%cr0; mov %%cr0, %0" : "=b"(back) : "c"(value));
    check("cr.cr0-by-cx-bx", back, value);
    write_cr2((word)0x12345678);
    check("cr.cr2", read_cr2(), 0x12345678);
}

static void clts_lmsw_smsw(void)
{
    word now = read_cr0() & ~(word)(CR0_TS | CR0_EM | CR0_MP);
    word msw;
    u16 memory;
    write_cr0(now | CR0_TS);
    __asm__ volatile("clts");
    check("cr.clts", read_cr0(), now);
    __asm__ volatile("clts");
    check("cr.clts-again", read_cr0(), now);
    __asm__ volatile("lmsw %w0" : : "r"((u32)now | CR0_TS | CR0_MP));
    check("cr.lmsw-sets", read_cr0(), now | CR0_TS | CR0_MP);
    __asm__ volatile("lmsw %w0" : : "r"(CR0_EM)); /* PE cannot be cleared; bits above 3 do not count */
    check("cr.lmsw-keeps-pe", read_cr0(), now | CR0_EM);
    memory = (u16)(CR0_PE | CR0_TS | 0xfff0);
    __asm__ volatile("lmsw %0" : : "m"(memory));
    check("cr.lmsw-memory", read_cr0(), now | CR0_TS);
    __asm__ volatile("smsw %0" : "=r"(msw));
    check("cr.smsw", msw & 0xffff, read_cr0() & 0xffff);
    memory = 0;
    __asm__ volatile("smsw %0" : "=m"(memory));
    check("cr.smsw-memory", memory, read_cr0() & 0xffff);
    write_cr0(now);
}

static void cr4_keeps(const char *name, word bit)
{
    word before = read_cr4();
    if (ATTEMPT(write_cr4(before ^ bit)))
        check_no_fault(name);
    else
        check(name, read_cr4(), before ^ bit);
    write_cr4(before);
}

static void cr4_refuses(const char *name, word value)
{
    word before = read_cr4();
    ATTEMPT(write_cr4(value));
    check_fault(name, VECTOR_GP, 0);
    if (read_cr4() != before)
        fail(name, "changed to 0x%lx", read_cr4());
}

static void cr4(void)
{
    word now = read_cr4();
    cr4_keeps("cr.cr4-tsd", CR4_TSD);
    cr4_keeps("cr.cr4-de", CR4_DE);
    cr4_keeps("cr.cr4-pse", CR4_PSE);
    cr4_keeps("cr.cr4-pge", CR4_PGE);
    cr4_keeps("cr.cr4-osfxsr", CR4_OSFXSR);
    cr4_refuses("cr.cr4-reserved-15", now | 1u << 15);
    cr4_refuses("cr.cr4-reserved-31", now | 1u << 31);
    if (LONG_MODE)
        cr4_refuses("cr.cr4-pae-in-long-mode", now & ~(word)CR4_PAE);
    if (cpuid(1, 0).ecx & 1u << 17) {
        if (LONG_MODE)
            cr4_keeps("cr.cr4-pcide", CR4_PCIDE);
        else
            cr4_refuses("cr.cr4-pcide-outside-long-mode", now | CR4_PCIDE);
    }
    if (under_exeunt())
        cr4_refuses("HV cr.cr4-vmxe", now | CR4_VMXE);
}

static void not_there(void)
{
    ATTEMPT(__asm__ volatile(".byte 0x0f, 0x20, 0xc8" : : : "eax")); /* mov eax, cr1 */
    check_fault("cr.cr1-read", VECTOR_UD, 0);
    ATTEMPT(__asm__ volatile(".byte 0x0f, 0x22, 0xe8" : : : "eax")); /* mov cr5, eax */
    check_fault("cr.cr5-write", VECTOR_UD, 0);
    ATTEMPT(__asm__ volatile(".byte 0xf0; clts"));
    check_fault("cr.clts-lock", VECTOR_UD, 0);
}

static void user_read_cr0(word unused)
{
    (void)read_cr0();
}
static void user_write_cr3(word value)
{
    write_cr3(value);
}
static void user_clts(word unused)
{
    __asm__ volatile("clts");
}
static void user_lmsw(word value)
{
    __asm__ volatile("lmsw %w0" : : "r"((u32)value));
}

static void user(void)
{
    ATTEMPT(run_user(user_read_cr0, 0));
    check_fault("cr.user-read-cr0", VECTOR_GP, 0);
    ATTEMPT(run_user(user_write_cr3, read_cr3()));
    check_fault("cr.user-write-cr3", VECTOR_GP, 0);
    ATTEMPT(run_user(user_clts, 0));
    check_fault("cr.user-clts", VECTOR_GP, 0);
    ATTEMPT(run_user(user_lmsw, 1));
    check_fault("cr.user-lmsw", VECTOR_GP, 0);
}

/* A page that changes its frame is seen after INVLPG, a write to CR3, and (global) a change of CR4.PGE. */
static void flushes(void)
{
    volatile u8 *page = page_take();
    u8 *other = page_take();
    paging_on();
    volatile word *entry = page_entry((word)page);
    word first = *entry, second = (*page_entry((word)other) & ~(word)(PAGE_A | PAGE_D));
    *page = 1;
    *other = 2;
    *entry = second;
    invlpg((void *)(word)page);
    check("cr.invlpg-flushes", *page, 2);
    *entry = first;
    write_cr3(read_cr3());
    check("cr.cr3-flushes", *page, 1);
    write_cr4(read_cr4() | CR4_PGE);
    *entry = second | 0x100;
    invlpg((void *)(word)page);
    check("cr.global-page", *page, 2);
    *entry = first;
    write_cr4(read_cr4() & ~(word)CR4_PGE);
    check("cr.pge-flushes", *page, 1);
    *entry = second;
    write_cr4(read_cr4() ^ CR4_PSE);
    write_cr4(read_cr4() ^ CR4_PSE);
    if (!LONG_MODE) { /* SDM "Operations that Invalidate TLBs": a change of PSE flushes with 32-bit paging */
        check("cr.pse-flushes", *page, 2);
    }
    *entry = first;
    write_cr3(read_cr3());
}

void guest_main(void)
{
    cr0();
    other_registers();
    clts_lmsw_smsw();
    cr4();
    not_there();
    user();
    flushes();
    cr_paging();
}
