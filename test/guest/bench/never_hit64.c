/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads from the LAPIC that are executed once each, one behind the other: every exit comes from a RIP that was never
 * seen. The code is written before anything is measured.
 */
#include "test/guest/bench/bench.h"
#include "test/guest/lib/apic.h"

#define RUNS 12 /* that can be had: a page between two keeps them apart */
#define LOAD_BYTES 6
#define RUN_BYTES (NEVER_HIT_SITES * LOAD_BYTES + 4096)

static u8 code[RUNS][RUN_BYTES] __attribute__((aligned(4096)));
static u32 used;

/* MOV r32, disp32(%rax) */
static void write_load(u8 *at, u32 n)
{
    static const u8 registers[] = {1, 2, 3, 6, 7};
    static const u16 offsets[] = {APIC_ID, APIC_VERSION, APIC_TPR, APIC_LDR, APIC_SPURIOUS, APIC_LVT_TIMER, APIC_ICR};
    u16 offset = offsets[n % COUNT_OF(offsets)];
    at[0] = 0x8b;
    at[1] = (u8)(0x80 | registers[n % COUNT_OF(registers)] << 3);
    at[2] = (u8)offset;
    at[3] = (u8)(offset >> 8);
    at[4] = at[5] = 0;
}

bool never_hit_prepare(void)
{
    for (u32 run = 0; run < RUNS; run++) {
        for (u32 i = 0; i < NEVER_HIT_SITES; i++)
            write_load(&code[run][i * LOAD_BYTES], i + run);
        code[run][NEVER_HIT_SITES * LOAD_BYTES] = 0xc3;
    }
    return true;
}

void never_hit(word rounds)
{
    for (; rounds; rounds--) {
        if (used == RUNS) {
            fail("bench.never-hit", "no code left");
            return;
        }
        __asm__ volatile("call *%1"
                         :
                         : "a"(APIC_BASE), "r"(code[used++])
                         : "rcx", "rdx", "rbx", "rsi", "rdi", "memory");
    }
}
