/* SPDX-License-Identifier: BSD-2-Clause */
/* Every fault that instructions can provoke, with its error code. */
#include "test/guest/exceptions/exceptions.h"
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"
#include "test/guest/lib/paging.h"

#define ERROR_P 1u
#define ERROR_W 2u
#define ERROR_U 4u

static volatile u32 sink;

static void arithmetic_and_traps(void)
{
    ATTEMPT(__asm__ volatile("xorl %%ecx, %%ecx; xorl %%edx, %%edx; movl $1, %%eax; divl %%ecx"
                             :
                             :
                             : "eax", "ecx", "edx"));
    check_fault("exceptions.de", VECTOR_DE, 0);
    ATTEMPT(__asm__ volatile("int3"));
    check_fault("exceptions.bp", VECTOR_BP, 0);
    ATTEMPT(__asm__ volatile(".byte 0xf1"));
    check_fault("exceptions.icebp", VECTOR_DB, 0);
    ATTEMPT(__asm__ volatile("ud2"));
    check_fault("exceptions.ud2", VECTOR_UD, 0);
    ATTEMPT(__asm__ volatile(".byte 0x0f, 0xff, 0xc0"));
    check_fault("exceptions.ud0", VECTOR_UD, 0);
    ATTEMPT(__asm__ volatile("int $0x33"));
    check_fault("exceptions.int", 0x33, 0);
    ATTEMPT(__asm__ volatile("movw $0, %%ax; .rept 16; .byte 0x66; .endr; nop" : : : "eax"));
    check_fault("exceptions.too-long", VECTOR_GP, 0);
}

static void fpu(void)
{
    word cr0 = read_cr0();
    write_cr0(cr0 | CR0_TS);
    ATTEMPT(__asm__ volatile("fldz"));
    check_fault("exceptions.nm-ts", VECTOR_NM, 0);
    write_cr0((cr0 & ~(word)CR0_TS) | CR0_EM);
    ATTEMPT(__asm__ volatile("fldz"));
    check_fault("exceptions.nm-em", VECTOR_NM, 0);
    write_cr0((cr0 & ~(word)(CR0_TS | CR0_EM)) | CR0_NE | CR0_MP);
    u16 control = 0x037b; /* division by zero unmasked */
    ATTEMPT(__asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" : : "m"(control)));
    check_fault("exceptions.mf", VECTOR_MF, 0);
    __asm__ volatile("fninit");
    write_cr0(cr0);
}

static void selectors(void)
{
    ATTEMPT(__asm__ volatile("mov %0, %%ds" : : "r"(SELECTOR_END + 0x10)));
    check_fault("exceptions.gp-selector", VECTOR_GP, SELECTOR_END + 0x10);
    gdt[SELECTOR_FREE / 8] = descriptor(0, 0xfffff, 0xc013); /* not present */
    ATTEMPT(__asm__ volatile("mov %0, %%ds" : : "r"(SELECTOR_FREE)));
    check_fault("exceptions.np", VECTOR_NP, SELECTOR_FREE);
    ATTEMPT(__asm__ volatile("mov %0, %%ss" : : "r"(SELECTOR_FREE)));
    check_fault("exceptions.ss-not-present", VECTOR_SS, SELECTOR_FREE);
    ATTEMPT(__asm__ volatile("mov %0, %%ss" : : "r"(SELECTOR_CODE)));
    check_fault("exceptions.gp-ss-code", VECTOR_GP, SELECTOR_CODE);
    ATTEMPT(__asm__ volatile("lldt %w0" : : "r"(SELECTOR_DATA)));
    check_fault("exceptions.gp-lldt", VECTOR_GP, SELECTOR_DATA);
    ATTEMPT(__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS))); /* busy */
    check_fault("exceptions.gp-ltr-busy", VECTOR_GP, SELECTOR_TSS);
}

static void user_privileged(word unused)
{
    __asm__ volatile("hlt");
}
static void user_int(word unused)
{
    __asm__ volatile("int $0x44");
}
static void user_cli(word unused)
{
    __asm__ volatile("cli");
}
static void user_unaligned(word address)
{
    sink = *(volatile u32 *)(address + 1);
}
static void user_read(word address)
{
    sink = *(volatile u8 *)address;
}

static void privilege(void)
{
    ATTEMPT(run_user(user_privileged, 0));
    check_fault("exceptions.user-hlt", VECTOR_GP, 0);
    ATTEMPT(run_user(user_cli, 0));
    check_fault("exceptions.user-cli", VECTOR_GP, 0);
    ATTEMPT(run_user(user_int, 0));
    check_fault("exceptions.user-int", VECTOR_GP, 0x44 * 8 + 2);
    word cr0 = read_cr0(), flags = read_flags();
    write_cr0(cr0 | CR0_AM);
    write_flags(flags | FLAGS_AC);
    ATTEMPT(run_user(user_unaligned, (word)&gdt));
    check_fault("exceptions.ac", VECTOR_AC, 0);
    write_flags(flags & ~(word)FLAGS_AC);
    write_cr0(cr0);
}

static void page_faults(void)
{
    volatile u8 *page = page_take();
    paging_on();
    volatile word *entry = page_entry((word)page);
    word open = *entry;
    *entry = open & ~(word)PAGE_P;
    invlpg((void *)(word)page);
    ATTEMPT(sink = page[5]);
    check_fault("exceptions.pf-read", VECTOR_PF, 0);
    check("exceptions.pf-cr2", fault.address, (word)page + 5);
    ATTEMPT(page[7] = 1);
    check_fault("exceptions.pf-write", VECTOR_PF, ERROR_W);
    ATTEMPT(run_user(user_read, (word)page));
    check_fault("exceptions.pf-user", VECTOR_PF, ERROR_U);
    *entry = open & ~(word)PAGE_U;
    invlpg((void *)(word)page);
    ATTEMPT(run_user(user_read, (word)page));
    check_fault("exceptions.pf-user-supervisor-page", VECTOR_PF, ERROR_U | ERROR_P);
    *entry = open & ~(word)PAGE_W;
    invlpg((void *)(word)page);
    write_cr0(read_cr0() | CR0_WP);
    ATTEMPT(page[0] = 1);
    check_fault("exceptions.pf-write-protected", VECTOR_PF, ERROR_W | ERROR_P);
    write_cr0(read_cr0() & ~(word)CR0_WP);
    *entry = open & ~(word)PAGE_P;
    invlpg((void *)(word)page);
    ATTEMPT(((void (*)(void))(word)page)());
    check("exceptions.pf-fetch", fault.vector << 8 | (fault.error & ~0x10u), VECTOR_PF << 8);
    *entry = open;
    invlpg((void *)(word)page);
}

/* The gate of #GP is not present: #NP on top of #GP, both contributory, makes #DF (SDM "Interrupt 8"). */
static void double_fault(void)
{
    idt_set(VECTOR_GP, 0, SELECTOR_CODE, 0x0e);
    ATTEMPT(__asm__ volatile("mov %0, %%ds" : : "r"(SELECTOR_END + 0x10)));
    idt_restore(VECTOR_GP);
    check_fault("exceptions.df", VECTOR_DF, 0);
    idt_set(0x45, 0, SELECTOR_CODE, 0x0e);
    ATTEMPT(__asm__ volatile("int $0x45"));
    idt_restore(0x45);
    check_fault("exceptions.np-gate", VECTOR_NP, 0x45 * 8 + 2);
}

void guest_main(void)
{
    arithmetic_and_traps();
    fpu();
    selectors();
    privilege();
    page_faults();
    double_fault();
    exceptions_of_mode();
    exceptions_delivery();
}
