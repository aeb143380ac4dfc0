/* SPDX-License-Identifier: BSD-2-Clause */
#include "test/guest/coherence/coherence.h"

static u8 pool[96 * PAGE_SIZE] __attribute__((aligned(4096)));
static u32 used;

static const u32 registers[] = {OLD, NEW, APIC_LVT_TIMER, APIC_LVT_ERROR};

u8 *code_pages(u32 count)
{
    u8 *first = &pool[used * PAGE_SIZE];
    used += count;
    if (used > sizeof(pool) / PAGE_SIZE) {
        fail("code_pages", "out of pages");
        finish();
    }
    return first;
}

static u32 value_of(u32 reg)
{
    return APIC_MASKED | reg >> 4; /* the vector: never below 16 */
}

void registers_init(void)
{
    apic_enable();
    for (u32 i = 0; i < COUNT_OF(registers); i++)
        apic_write(registers[i], value_of(registers[i]));
}

u32 register_of(u32 value)
{
    for (u32 i = 0; i < COUNT_OF(registers); i++)
        if (value == value_of(registers[i]))
            return registers[i];
    return 0;
}

void site_put(u8 *at, u32 reg)
{
    static const u8 code[SITE_BYTES] = {0x8b, 0x87, 0, 0, 0, 0, 0xc3};
    for (u32 i = 0; i < SITE_BYTES; i++)
        at[i] = code[i];
    for (u32 i = 0; i < 4; i++)
        at[AIM + i] = (u8)(reg >> 8 * i);
}

void site_aim(u8 *at, u32 reg)
{
    *(volatile u8 *)(at + AIM) = (u8)reg;
}

/* A jump makes earlier stores count as instructions (SDM "Self-Modifying Code"); CALL is one. */
static u32 call(const void *at)
{
    word value;
    __asm__ volatile("call *%1" : "=a"(value) : "r"(at), "D"(APIC_BASE) : "memory");
    return (u32)value;
}

u32 site_run(const void *at)
{
    return register_of(call(at));
}

static u32 user_value;

static void user_call(word at)
{
    user_value = call((const void *)at);
}

u32 site_run_user(const void *at)
{
    user_value = 0;
    run_user(user_call, (word)at);
    return register_of(user_value);
}

void site_learn(const void *at)
{
    for (u32 i = 0; i < 4; i++)
        site_run(at);
}

void map(word linear, const void *page)
{
    *page_entry(linear) = (word)page | PAGE_U | PAGE_W | PAGE_P;
    invlpg((void *)linear);
}
