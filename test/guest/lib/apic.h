/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC, the 8259s and the 8254, as tests use them. */
#ifndef GUEST_LIB_APIC_H
#define GUEST_LIB_APIC_H

#include "test/guest/lib/cpu.h"

#define APIC_BASE 0xfee00000ul

enum apic_register {
    APIC_ID = 0x20,
    APIC_VERSION = 0x30,
    APIC_TPR = 0x80,
    APIC_PPR = 0xa0,
    APIC_EOI = 0xb0,
    APIC_LDR = 0xd0,
    APIC_DFR = 0xe0,
    APIC_SPURIOUS = 0xf0,
    APIC_ISR = 0x100,
    APIC_IRR = 0x200,
    APIC_ESR = 0x280,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_COUNT = 0x380,
    APIC_TIMER_NOW = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0
};

#define APIC_MASKED 0x10000u
#define APIC_PERIODIC 0x20000u
#define ICR_NMI 0x400u
#define ICR_INIT 0x500u
#define ICR_STARTUP 0x600u
#define ICR_ASSERT 0x4000u
#define ICR_PENDING 0x1000u
#define ICR_SELF 0x40000u

static inline u32 apic_read(u32 reg)
{
    return *(volatile u32 *)(APIC_BASE + reg);
}
static inline void apic_write(u32 reg, u32 value)
{
    *(volatile u32 *)(APIC_BASE + reg) = value;
}

static inline void apic_wait_sent(void)
{
    for (u32 i = 0; i < 100000 && (apic_read(APIC_ICR) & ICR_PENDING); i++)
        pause();
}

static inline void apic_ipi(u8 destination, u32 command)
{
    apic_write(APIC_ICR_HIGH, (u32)destination << 24);
    apic_write(APIC_ICR, command);
    apic_wait_sent();
}

static inline u8 apic_id(void)
{
    return (u8)(apic_read(APIC_ID) >> 24);
}

/* A virtual-wire machine as the firmware leaves it, with every source masked; spurious vector 0xff. */
static inline void apic_enable(void)
{
    apic_write(APIC_SPURIOUS, 0x1ff);
    apic_write(APIC_LVT_TIMER, APIC_MASKED);
    apic_write(APIC_TPR, 0);
}

#define IRQ_VECTOR 0x20 /* where pic_init() puts IRQ 0 */

static inline void pic_init(void)
{
    outb(0x20, 0x11);
    outb(0xa0, 0x11);
    outb(0x21, IRQ_VECTOR);
    outb(0xa1, IRQ_VECTOR + 8);
    outb(0x21, 4);
    outb(0xa1, 2);
    outb(0x21, 1);
    outb(0xa1, 1);
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

static inline void pic_mask(u16 mask)
{
    outb(0x21, (u8)mask);
    outb(0xa1, (u8)(mask >> 8));
}

static inline void pic_eoi(void)
{
    outb(0x20, 0x20);
}

/* An edge at this pin of the I/O APIC becomes this message for this CPU: vector and delivery mode as in the ICR. */
#define IOAPIC_BASE 0xfec00000ul
#define IOAPIC_DATA 0x10
#define IOAPIC_ROUTES 0x10 /* two registers each */
#define IOAPIC_PIT 2       /* where the 8254 is */

static inline void ioapic_write(u32 reg, u32 value)
{
    *(volatile u32 *)IOAPIC_BASE = reg;
    *(volatile u32 *)(IOAPIC_BASE + IOAPIC_DATA) = value;
}

static inline void ioapic_route(u32 pin, u32 message)
{
    ioapic_write(IOAPIC_ROUTES + 2 * pin + 1, (u32)apic_id() << 24);
    ioapic_write(IOAPIC_ROUTES + 2 * pin, message);
}

/* Runs out once, after so many of 1.193182 million ticks a second. */
static inline void pit_once(u16 count)
{
    outb(0x43, 0x30);
    outb(0x40, (u8)count);
    outb(0x40, (u8)(count >> 8));
}

/* What was begun does not run out. */
static inline void pit_stop(void)
{
    outb(0x43, 0x30);
}

/* 1.193182 MHz divided by `divisor`, periodic. */
static inline void pit_start(u16 divisor)
{
    outb(0x43, 0x34);
    outb(0x40, (u8)divisor);
    outb(0x40, (u8)(divisor >> 8));
}

#endif
