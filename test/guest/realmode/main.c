/* SPDX-License-Identifier: BSD-2-Clause */
/* Into real mode, BIOS calls and 8254 ticks there, and back; twice, with work in between. */
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"
#include "test/guest/lib/palette.h"

#define REAL_CODE 0x8000ul /* realmode32.S is copied here */

/* What the 16-bit code takes and leaves; at the start of its image. */
struct real_call {
    u16 function; /* enum real_function */
    u16 pad;
    u32 eax, ebx, ecx, edx, esi, edi, eflags;
};

enum real_function { REAL_INT10, REAL_INT15, REAL_TICKS, REAL_REP_INSB, REAL_CPUID, REAL_FLAT, REAL_GP };

extern const u8 real_image[], real_image_end[];
void real_enter(void);

static struct real_call *const call = (struct real_call *)REAL_CODE;

static void real(enum real_function function)
{
    call->function = function;
    real_enter();
}

static void video(void)
{
    call->eax = 0x0f00; /* which mode */
    real(REAL_INT10);
    print("INFO video mode %x\n", call->eax & 0xff);
    check_true("realmode.int10-mode", (call->eax >> 8 & 0xff) >= 40);
    call->eax = 0x0200; /* set cursor */
    call->ebx = 0;
    call->edx = 0x0307;
    real(REAL_INT10);
    call->eax = 0x0300; /* where is it */
    call->ebx = 0;
    real(REAL_INT10);
    check("realmode.int10-cursor", call->edx & 0xffff, 0x0307);
}

static void memory_map(void)
{
    u32 entries = 0, ram = 0, next = 0;
    do {
        call->eax = 0xe820;
        call->ebx = next;
        call->ecx = 24;
        call->edx = 0x534d4150;
        call->edi = 0x9000;
        real(REAL_INT15);
        if ((call->eflags & FLAGS_CF) || call->eax != 0x534d4150)
            break;
        const u32 *entry = (const u32 *)0x9000ul;
        print("INFO e820 %08x%08x %08x%08x type %u\n", entry[1], entry[0], entry[3], entry[2], entry[4]);
        entries++;
        ram += entry[4] == 1;
        next = call->ebx;
    } while (next && entries < 64);
    check_true("realmode.int15-e820", entries >= 3 && ram >= 2);
    call->eax = 0x8800;
    real(REAL_INT15);
    check_true("realmode.int15-88", (call->eax & 0xffff) >= 0x3c00 - 1024);
    call->eax = 0xe801;
    call->ebx = call->ecx = call->edx = 0;
    real(REAL_INT15);
    check_true("realmode.int15-e801", !(call->eflags & FLAGS_CF));
}

static void instructions(void)
{
    palette_fill();
    call->ecx = 20;
    call->edx = PALETTE_DATA;
    call->edi = 0x9100;
    real(REAL_REP_INSB);
    u32 wrong = 0;
    for (u32 i = 0; i < 20; i++)
        wrong += ((const u8 *)0x9100ul)[i] != palette_pattern(i);
    check("realmode.rep-insb", wrong, 0);
    check("realmode.rep-insb-di", call->edi & 0xffff, 0x9100 + 20);
    struct cpuid here = cpuid(0, 0);
    call->eax = call->ecx = 0;
    real(REAL_CPUID);
    check_true("realmode.cpuid", call->eax == here.eax && call->ebx == here.ebx && call->ecx == here.ecx);
    /* segments that keep a 4 GiB limit from protected mode */
    static volatile u32 high = 0xfeedf00d;
    call->esi = (u32)(word)&high;
    real(REAL_FLAT);
    check("realmode.unreal", call->eax, 0xfeedf00d);
    /* IP, CS, FLAGS: real mode has no error codes */
    call->ecx = 0x2ff; /* IA32_MTRR_DEF_TYPE, a reserved bit */
    call->eax = 0x100;
    call->edx = 0;
    real(REAL_GP);
    check("realmode.gp-frame", call->eax, 6);
}

void guest_main(void)
{
    u8 *to = (u8 *)REAL_CODE;
    for (u32 i = 0; i < (u32)(real_image_end - real_image); i++)
        to[i] = real_image[i];
    video();
    memory_map();
    instructions();
    call->ecx = 3;
    outb(0x21, 0xfe); /* IRQ 0 at the vector that the BIOS gave it */
    real(REAL_TICKS);
    outb(0x21, 0xff);
    check_true("realmode.ticks", call->eax >= 3);
    video();
}
