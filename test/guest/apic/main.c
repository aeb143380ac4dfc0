/* SPDX-License-Identifier: BSD-2-Clause */
/* The xAPIC page by many instructions, its timer, its priorities, and IPIs to itself. */
#include "test/guest/apic/apic.h"
#include "test/guest/lib/apic.h"
#include "test/guest/lib/guest.h"

#define TIMER_VECTOR 0x51
#define IPI_VECTOR 0x62

static volatile u32 ticks, ipis, in_service;

static void on_timer(struct frame *frame)
{
    ticks++;
    in_service = apic_read(APIC_ISR + TIMER_VECTOR / 32 * 16) >> TIMER_VECTOR % 32 & 1;
    apic_write(APIC_EOI, 0);
}

static void on_ipi(struct frame *frame)
{
    ipis++;
    apic_write(APIC_EOI, 0);
}

static bool wait_until(volatile u32 *counter, u32 value)
{
    for (u32 i = 0; i < 3000000 && *counter < value; i++)
        pause();
    return *counter >= value;
}

static void registers(void)
{
    check("apic.version", apic_read(APIC_VERSION) & 0xf0, 0x10);
    check("apic.id", apic_read(APIC_ID) >> 24, cpuid(1, 0).ebx >> 24);
    apic_write(APIC_VERSION, 0);
    check("apic.version-read-only", apic_read(APIC_VERSION) & 0xf0, 0x10);
    apic_write(APIC_LDR, 0x12345678);
    check("apic.ldr-bits", apic_read(APIC_LDR), 0x12000000);
    apic_write(APIC_ICR_HIGH, 0xabcdef01);
    check("apic.icr-high", apic_read(APIC_ICR_HIGH) & 0xff000000, 0xab000000);
    apic_write(APIC_ICR_HIGH, 0);
}

static void timer(void)
{
    on_vector(TIMER_VECTOR, on_timer);
    apic_write(APIC_TIMER_DIVIDE, 0xb); /* by 1 */
    apic_write(APIC_LVT_TIMER, TIMER_VECTOR);
    apic_write(APIC_TIMER_COUNT, 20000);
    u32 now = apic_read(APIC_TIMER_NOW);
    check_true("apic.timer-counts-down", now > 0 && now <= 20000);
    interrupts_on();
    check_true("apic.timer-one-shot", wait_until(&ticks, 1));
    check("apic.timer-in-service", in_service, 1);
    check("apic.timer-eoi", apic_read(APIC_ISR + TIMER_VECTOR / 32 * 16), 0);
    apic_write(APIC_LVT_TIMER, TIMER_VECTOR | APIC_PERIODIC);
    apic_write(APIC_TIMER_COUNT, 30000);
    check_true("apic.timer-periodic", wait_until(&ticks, 6));
    apic_write(APIC_LVT_TIMER, APIC_MASKED);
    apic_write(APIC_TIMER_COUNT, 0);
    ticks = 0;
    apic_write(APIC_LVT_TIMER, TIMER_VECTOR);
    apic_write(APIC_TIMER_COUNT, 20000);
    while (!ticks)
        __asm__ volatile("sti; hlt; cli");
    pass("apic.timer-wakes-hlt");
}

static void priorities(void)
{
    ticks = 0;
    interrupts_on();
    apic_write(APIC_TPR, 0x60);
    check("apic.ppr", apic_read(APIC_PPR), 0x60);
    apic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | TIMER_VECTOR);
    for (volatile u32 i = 0; i < 2000; i++)
        ;
    check("apic.tpr-holds-back", ticks, 0);
    check("apic.irr", apic_read(APIC_IRR + TIMER_VECTOR / 32 * 16) >> TIMER_VECTOR % 32 & 1, 1);
    apic_write(APIC_TPR, 0);
    check_true("apic.tpr-lets-through", wait_until(&ticks, 1));
    interrupts_off();
    apic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | TIMER_VECTOR);
    for (volatile u32 i = 0; i < 2000; i++)
        ;
    check("apic.if-holds-back", ticks, 1);
    interrupts_on();
    check_true("apic.if-lets-through", wait_until(&ticks, 2));
}

static void self_ipi(void)
{
    on_vector(IPI_VECTOR, on_ipi);
    apic_ipi(apic_id(), ICR_ASSERT | IPI_VECTOR);
    check_true("apic.ipi-physical", wait_until(&ipis, 1));
    apic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | IPI_VECTOR);
    check_true("apic.ipi-self", wait_until(&ipis, 2));
    for (u32 i = 0; i < 100; i++)
        apic_ipi(apic_id(), ICR_ASSERT | IPI_VECTOR);
    check_true("apic.ipi-many", wait_until(&ipis, 102));
    check("apic.ipi-count", ipis, 102);
}

void guest_main(void)
{
    apic_enable();
    registers();
    apic_forms();
    timer();
    priorities();
    self_ipi();
    interrupts_off();
}
