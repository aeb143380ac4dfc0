/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports at CPL 3: IOPL, and the I/O permission bit map (SDM "I/O Permission Bit Map"). */
#include "test/guest/lib/guest.h"
#include "test/guest/lib/palette.h"
#include "test/guest/pio/pio.h"

static u8 bytes[16];

static void user_inb(word port)
{
    (void)inb((u16)port);
}
static void user_inw(word port)
{
    (void)inw((u16)port);
}
static void user_outl(word port)
{
    outl((u16)port, 0x80000000);
}
static void user_outb_imm(word unused)
{
    __asm__ volatile("outb %%al, $0x80" : : "a"(0));
}

static void user_insb(word count)
{
    void *at = bytes;
    __asm__ volatile("rep insb" : "+D"(at), "+c"(count) : "d"(PALETTE_DATA) : "memory");
}

static void allow(u16 port, bool allowed)
{
    u8 bit = (u8)(1 << (port & 7));
    task.io_map[port / 8] = (u8)(allowed ? task.io_map[port / 8] & ~bit : task.io_map[port / 8] | bit);
}

static void denied(void)
{
    ATTEMPT(run_user(user_inb, 0xcfc));
    check_fault("pio.user-in-denied", VECTOR_GP, 0);
    ATTEMPT(run_user(user_outl, 0xcf8));
    check_fault("pio.user-out-denied", VECTOR_GP, 0);
    ATTEMPT(run_user(user_outb_imm, 0));
    check_fault("pio.user-out-imm-denied", VECTOR_GP, 0);
    ATTEMPT(run_user(user_insb, 4));
    check_fault("pio.user-ins-denied", VECTOR_GP, 0);
    check("pio.user-ins-denied-cx", fault.cx, 4);
}

static void bitmap(void)
{
    allow(0xcfc, true);
    ATTEMPT(run_user(user_inb, 0xcfc));
    check_no_fault("pio.user-in-allowed");
    ATTEMPT(run_user(user_inw, 0xcfc));
    check_fault("pio.user-in-half-allowed", VECTOR_GP, 0);
    allow(0xcfd, true);
    ATTEMPT(run_user(user_inw, 0xcfc));
    check_no_fault("pio.user-in-both-allowed");
    allow(0xcff, true); /* bits on either side of a byte of the map */
    allow(0xd00, true);
    ATTEMPT(run_user(user_inw, 0xcff));
    check_no_fault("pio.user-in-across-bytes");
    allow(PALETTE_DATA, true);
    palette_fill();
    ATTEMPT(run_user(user_insb, 4));
    check_no_fault("pio.user-ins-allowed");
    check("pio.user-ins-data", bytes[3], palette_pattern(3));
    /* a map that ends too early denies */
    u16 map = LONG_MODE ? task.tss64.io_map : task.tss32.io_map;
    *(LONG_MODE ? &task.tss64.io_map : &task.tss32.io_map) = 0xffff;
    ATTEMPT(run_user(user_inb, 0xcfc));
    check_fault("pio.user-no-map", VECTOR_GP, 0);
    *(LONG_MODE ? &task.tss64.io_map : &task.tss32.io_map) = map;
}

static void iopl(void)
{
    word flags = read_flags();
    write_flags(flags | 0x3000);
    ATTEMPT(run_user(user_inb, 0x80));
    check_no_fault("pio.user-iopl3");
    write_flags((flags & ~0x3000ul) | 0x2000);
    ATTEMPT(run_user(user_inb, 0x80));
    check_fault("pio.user-iopl2", VECTOR_GP, 0);
    write_flags(flags);
}

void pio_user(void)
{
    denied();
    bitmap();
    iopl();
}
