/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * INIT and start-up IPIs to the other CPUs. Bare they start; under Exeunt, as long as the guest has one CPU, they stay
 * where they are, are counted, and the MADT does not show them (SPEC 2.6).
 */
#include "test/guest/lib/acpi.h"
#include "test/guest/lib/apic.h"
#include "test/guest/lib/guest.h"

#define TRAMPOLINE 0x8000ul
#define ALL_BUT_SELF 0xc0000u
#define IPI_VECTOR 0x62

static volatile u32 ipis;

static void on_ipi(struct frame *frame)
{
    ipis++;
    apic_write(APIC_EOI, 0);
}

static void wait_a_bit(void)
{
    for (volatile u32 i = 0; i < 3000000; i++)
        ;
}

/* lock incl %cs:0x100; 1: hlt; jmp 1b -- in real mode, CS base 0x8000 */
static const u8 trampoline[] = {0xf0, 0x66, 0x2e, 0xff, 0x06, 0x00, 0x01, 0xf4, 0xeb, 0xfd};

void guest_main(void)
{
    volatile u32 *started = (volatile u32 *)(TRAMPOLINE + 0x100);
    for (u32 i = 0; i < sizeof(trampoline); i++)
        ((u8 *)TRAMPOLINE)[i] = trampoline[i];
    *started = 0;
    apic_enable();
    on_vector(IPI_VECTOR, on_ipi);
    u32 cpus = acpi_cpu_count();
    apic_write(APIC_ICR, ALL_BUT_SELF | ICR_ASSERT | ICR_INIT);
    apic_wait_sent();
    wait_a_bit();
    apic_write(APIC_ICR, ALL_BUT_SELF | ICR_ASSERT | ICR_STARTUP | (u32)(TRAMPOLINE >> 12));
    apic_wait_sent();
    wait_a_bit();
    print("INFO CPUs in the MADT: %u, started: %u\n", cpus, *started);
    if (under_exeunt()) {
        check("HV smp.none-started", *started, 0);
        check("HV smp.madt-shows-one", cpus, 1);
    }
    apic_ipi(apic_id() ^ 1, ICR_ASSERT | ICR_INIT);
    apic_ipi(apic_id() ^ 1, ICR_ASSERT | ICR_STARTUP | (u32)(TRAMPOLINE >> 12));
    wait_a_bit();
    if (under_exeunt())
        check("HV smp.none-started-by-id", *started, 0);
    apic_write(APIC_ICR_HIGH, 0);
    apic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | IPI_VECTOR);
    interrupts_on();
    wait_a_bit();
    interrupts_off();
    check("smp.own-ipi-still-works", ipis, 1);
}
