/* SPDX-License-Identifier: BSD-2-Clause */
/* INTO, BOUND, segment limits: gone in 64-bit mode. */
#include "test/guest/exceptions/exceptions.h"
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

static volatile u32 sink;

void exceptions_of_mode(void)
{
    static const u32 bounds[2] = {5, 9};
    ATTEMPT(__asm__ volatile("movb $0x7f, %%al; addb $1, %%al; into" : : : "eax", "cc"));
    check_fault("exceptions.of", VECTOR_OF, 0);
    ATTEMPT(__asm__ volatile("boundl %0, %1" : : "r"(10), "m"(bounds)));
    check_fault("exceptions.br", VECTOR_BR, 0);
    ATTEMPT(__asm__ volatile("boundl %0, %1" : : "r"(7), "m"(bounds)));
    check_no_fault("exceptions.bound-inside");
    gdt[SELECTOR_FREE / 8] = descriptor(0, 0xfff, 0x4093);
    __asm__ volatile("mov %0, %%fs" : : "r"(SELECTOR_FREE));
    ATTEMPT(__asm__ volatile("movl %%fs:0xffd, %0" : "=r"(sink)));
    check_fault("exceptions.gp-limit", VECTOR_GP, 0);
    ATTEMPT(__asm__ volatile("movl %%fs:0xffc, %0" : "=r"(sink)));
    check_no_fault("exceptions.limit-inside");
    ATTEMPT(__asm__ volatile("movl %0, %%fs" : : "r"(0)); __asm__ volatile("movl %%fs:0, %0" : "=r"(sink)));
    check_fault("exceptions.gp-null-segment", VECTOR_GP, 0);
    struct table_register idtr = {0x40 * 8 - 1, (word)idt};
    __asm__ volatile("lidt %0" : : "m"(idtr));
    ATTEMPT(__asm__ volatile("int $0x50"));
    idt_load();
    check_fault("exceptions.gp-idt-limit", VECTOR_GP, 0x50 * 8 + 2);
}
