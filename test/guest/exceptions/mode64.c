/* SPDX-License-Identifier: BSD-2-Clause */
/* Canonical addresses, and instructions that 64-bit mode does not have. */
#include "test/guest/exceptions/exceptions.h"
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

static volatile u32 sink;

void exceptions_of_mode(void)
{
    volatile u32 *nowhere = (volatile u32 *)0x8000000000000000ul;
    ATTEMPT(sink = *nowhere);
    check_fault("exceptions.gp-canonical", VECTOR_GP, 0);
    ATTEMPT(__asm__ volatile("mov %0, %%rbp; mov (%%rbp), %%eax" : : "r"(nowhere) : "rbp", "eax"));
    check_fault("exceptions.ss-canonical", VECTOR_SS, 0);
    ATTEMPT(__asm__ volatile(".byte 0xce"));
    check_fault("exceptions.ud-into", VECTOR_UD, 0);
    ATTEMPT(__asm__ volatile(".byte 0x06"));
    check_fault("exceptions.ud-push-es", VECTOR_UD, 0);
    ATTEMPT(__asm__ volatile(".byte 0xd5, 0x0a"));
    check_fault("exceptions.ud-aad", VECTOR_UD, 0);
}
