/* SPDX-License-Identifier: BSD-2-Clause */
/* Paging on and off, PAE with its PDPTEs, and long mode from a compatibility-mode segment. */
#include "test/guest/cr/cr.h"
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"
#include "test/guest/lib/paging.h"

static u64 pae_directories[4][512] __attribute__((aligned(4096)));
static u64 pae_pointers[512] __attribute__((aligned(4096))); /* as PDPT of long mode it has 512 entries */
static u64 level4[512] __attribute__((aligned(4096)));

static void on_and_off(void)
{
    volatile u8 *page = page_take();
    u8 *other = page_take();
    *page = 1;
    *other = 2;
    paging_on();
    volatile word *entry = page_entry((word)page);
    word first = *entry;
    *entry = *page_entry((word)other);
    write_cr3(read_cr3());
    check("cr.paging-on", *page, 2);
    paging_off();
    check("cr.paging-off", *page, 1);
    paging_on();
    check("cr.paging-on-again", *page, 2);
    *entry = first;
    paging_off();
    paging_on();
    check("cr.paging-off-flushes", *page, 1);
    for (u32 i = 0; i < 100; i++) {
        paging_off();
        paging_on();
    }
    check("cr.paging-often", read_cr0() & CR0_PG, CR0_PG);
    paging_off();
}

static void pae_tables(void)
{
    for (u32 i = 0; i < 4; i++) {
        for (u32 j = 0; j < 512; j++)
            pae_directories[i][j] = ((u64)i << 30 | j << 21) | PAGE_PS | PAGE_U | PAGE_W | PAGE_P;
        pae_pointers[i] = (word)pae_directories[i] | PAGE_P;
    }
}

static void pae(void)
{
    pae_tables();
    write_cr4(read_cr4() | CR4_PAE);
    write_cr3((word)pae_pointers);
    write_cr0(read_cr0() | CR0_PG);
    check("cr.pae-on", read_cr0() & CR0_PG, CR0_PG);
    volatile u32 *somewhere = page_take();
    *somewhere = 77;
    /* The PDPTEs are read when CR3 is written, not when memory is. */
    pae_pointers[3] = 0;
    ATTEMPT((void)*(volatile u32 *)0xfffffff0u);
    check_no_fault("cr.pdpte-cached");
    write_cr3((word)pae_pointers);
    ATTEMPT((void)*(volatile u32 *)0xfffffff0u);
    check_fault("cr.pdpte-reloaded", VECTOR_PF, 0);
    pae_pointers[2] |= 2; /* reserved */
    ATTEMPT(write_cr3((word)pae_pointers));
    check_fault("cr.pdpte-reserved", VECTOR_GP, 0);
    pae_pointers[2] &= ~2ull;
    pae_tables();
    write_cr3((word)pae_pointers);
    check("cr.pae-memory", *somewhere, 77);
    paging_off();
    pae_pointers[1] |= 4; /* reserved: also checked when paging comes on */
    ATTEMPT(write_cr0(read_cr0() | CR0_PG));
    check_fault("cr.pdpte-reserved-at-pg", VECTOR_GP, 0);
    check("cr.pg-stays-off", read_cr0() & CR0_PG, 0);
    pae_tables();
    write_cr4(read_cr4() & ~(word)CR4_PAE);
}

static void long_mode(void)
{
    if (!(cpuid(0x80000001, 0).edx & 1u << 29)) {
        skip("cr.long-mode", "no long mode");
        return;
    }
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 0x100);
    ATTEMPT(write_cr0(read_cr0() | CR0_PG)); /* without PAE */
    check_fault("cr.long-mode-without-pae", VECTOR_GP, 0);
    for (u32 i = 0; i < 4; i++)
        pae_pointers[i] |= PAGE_W | PAGE_U;
    level4[0] = (word)pae_pointers | PAGE_W | PAGE_U | PAGE_P;
    write_cr4(read_cr4() | CR4_PAE);
    write_cr3((word)level4);
    bool right = true;
    for (u32 i = 0; i < 20; i++) {
        write_cr0(read_cr0() | CR0_PG);
        right &= (rdmsr(MSR_EFER) & 0x500) == 0x500;
        write_cr0(read_cr0() & ~(word)CR0_PG);
        right &= (rdmsr(MSR_EFER) & 0x500) == 0x100;
    }
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~0x100ull);
    write_cr4(read_cr4() & ~(word)CR4_PAE);
    check_true("cr.long-mode-on-off", right);
}

void cr_paging(void)
{
    paging_off();
    on_and_off();
    pae();
    long_mode();
}
