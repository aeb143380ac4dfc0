/* SPDX-License-Identifier: BSD-2-Clause */
/* Somebody writes the code: the guest, or Exeunt for the guest. */
#include "test/guest/coherence/coherence.h"

#define DATA 2048 /* in a code page, what is no code */
#define SITE 64
#define SCRATCH_PORT 0x3ff /* COM1's scratch register: a byte that comes back */
#define PAGE_REGISTER 0x87 /* of the DMA controller, for two channels that nobody uses: the same */
#define PAGE_REGISTER2 0x83

static u8 *new_site(void)
{
    u8 *site = code_pages(1) + SITE;
    site_put(site, OLD);
    return site;
}

static void touch(u8 *site)
{
    ++*(volatile u8 *)(site - SITE + DATA);
}

u32 danger_write(void)
{
    u8 *site = new_site();
    site_learn(site);
    site_aim(site, NEW);
    return site_run(site);
}

/* The second exit makes the page read-only, while the TLB still says that it may be written. */
u32 danger_warm(void)
{
    u8 *site = new_site();
    site_run(site);
    touch(site);
    site_run(site);
    site_aim(site, NEW);
    site_run(site);
    return site_run(site);
}

/* Code and data in one page: it is written so often that it is left writable, and compared. */
static u8 *mixed_site(void)
{
    u8 *site = new_site();
    site_learn(site);
    for (u32 i = 0; i < 8; i++) {
        touch(site);
        site_learn(site);
    }
    return site;
}

u32 danger_mixed(void)
{
    u8 *site = mixed_site();
    site_aim(site, NEW);
    return site_run(site);
}

/* Once it has been calm it is read-only again, and a write is seen again. */
u32 danger_calm(void)
{
    u8 *site = mixed_site();
    for (u32 i = 0; i < 1200; i++)
        site_run(site);
    site_learn(site);
    switch_later();
    site_aim(site, NEW);
    return site_run(site);
}

/* One page at two linear addresses: known by the one, written through the other. */
u32 danger_alias(void)
{
    u8 *page = code_pages(1);
    site_put(page + SITE, OLD);
    map(ALIAS, page);
    map(ALIAS2, page);
    site_learn((u8 *)ALIAS + SITE);
    site_aim((u8 *)ALIAS2 + SITE, NEW);
    return site_run((u8 *)ALIAS + SITE);
}

/* MOV [ESI + AIM], AL, and the instruction that it writes comes next. */
static u32 run_ahead(u8 *code, u32 reg)
{
    word value;
    __asm__ volatile("call *%1" : "=a"(value) : "r"(code), "D"(APIC_BASE), "S"(code + 3), "a"(reg & 0xff) : "memory");
    return register_of((u32)value);
}

u32 danger_ahead(void)
{
    static const u32 aims[] = {OLD, NEW, APIC_LVT_TIMER, APIC_LVT_ERROR};
    u8 *code = code_pages(1) + SITE;
    code[0] = 0x88, code[1] = 0x46, code[2] = AIM;
    site_put(code + 3, OLD);
    for (u32 i = 0; i < 4; i++)
        run_ahead(code, OLD);
    for (u32 i = 0; i < 300; i++) {
        u32 aim = aims[(i * 7 + i / 5) % COUNT_OF(aims)], got = run_ahead(code, aim);
        if (got != aim)
            return got;
    }
    return run_ahead(code, NEW);
}

/* Exeunt performs INS when its port is trapped. */
u32 danger_ins(void)
{
    u8 *site = new_site(), *to = site + AIM;
    outb(SCRATCH_PORT, NEW & 0xff);
    site_learn(site);
    __asm__ volatile("insb" : "+D"(to) : "d"(SCRATCH_PORT) : "memory");
    return site_run(site);
}

/* Exeunt performs MOVS when its source is the APIC's page. */
u32 danger_movs(void)
{
    u8 *site = new_site(), *to = site + AIM;
    const u8 *from = (const u8 *)APIC_BASE + APIC_TIMER_COUNT;
    apic_write(APIC_TIMER_COUNT, NEW);
    site_learn(site);
    __asm__ volatile("movsl" : "+D"(to), "+S"(from) : : "memory");
    apic_write(APIC_TIMER_COUNT, 0);
    return site_run(site);
}

static u8 run_port(const u8 *code)
{
    word value;
    __asm__ volatile("call *%1" : "=a"(value) : "r"(code) : "memory");
    return (u8)value;
}

/* IN AL, port; RET: here the exit itself says what must have been fetched (SPEC 4), so stale work shows by itself. */
u32 danger_port(void)
{
    u8 *code = code_pages(1) + SITE;
    code[0] = 0xe4, code[1] = PAGE_REGISTER, code[2] = 0xc3;
    outb(PAGE_REGISTER, 0x11);
    outb(PAGE_REGISTER2, 0x22);
    for (u32 i = 0; i < 4; i++)
        run_port(code);
    code[1] = PAGE_REGISTER2;
    u8 got = run_port(code);
    return got == 0x22 ? NEW : got == 0x11 ? OLD : 0;
}

u32 danger_user(void)
{
    u8 *site = new_site();
    for (u32 i = 0; i < 4; i++)
        site_run_user(site);
    site_aim(site, NEW);
    return site_run_user(site);
}
