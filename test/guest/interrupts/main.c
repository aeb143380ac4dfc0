/* SPDX-License-Identifier: BSD-2-Clause */
/* 8254 ticks through the 8259, HLT, interrupt shadows over exiting instructions, and NMIs. */
#include "test/guest/lib/apic.h"
#include "test/guest/lib/guest.h"

#define IPI_VECTOR 0x62
#define PIT_100HZ 11932

static volatile u32 ticks, ipis, nmis;
static volatile word interrupted_at;

static void on_tick(struct frame *frame)
{
    ticks++;
    pic_eoi();
}

static void on_ipi(struct frame *frame)
{
    ipis++;
    interrupted_at = frame->ip;
    apic_write(APIC_EOI, 0);
}

static void ticks_arrive(void)
{
    pic_init();
    on_vector(IRQ_VECTOR, on_tick);
    pit_start(PIT_100HZ);
    pic_mask(0xfffe);
    interrupts_on();
    u64 begin = rdtsc();
    for (u32 i = 0; i < 100000000 && ticks < 5; i++)
        pause();
    check_true("interrupts.pit-ticks", ticks >= 5);
    print("INFO cycles for five ticks: %llu\n", rdtsc() - begin);
    u32 now = ticks;
    for (u32 i = 0; i < 5; i++)
        __asm__ volatile("hlt");
    check_true("interrupts.hlt-wakes", ticks >= now + 5);
    interrupts_off();
    for (volatile u32 i = 0; i < 3000000; i++)
        ;
    now = ticks;
    __asm__ volatile("sti; nop; nop; cli");
    check("interrupts.one-was-waiting", ticks, now + 1);
    for (u32 i = 0; i < 3; i++)
        __asm__ volatile("sti; hlt; cli");
    check_true("interrupts.sti-hlt", ticks >= now + 4);
    pic_mask(0xffff);
}

/*
 * An interrupt waits. STI holds it back for one instruction, also when that instruction exits; it must come right
 * behind it.
 */
#define SHADOW(name, shadowed, a, c, d)                                                                                \
    do {                                                                                                               \
        word expected_, a_ = (a), c_ = (c), d_ = (d);                                                                  \
        u32 before_ = ipis;                                                                                            \
        interrupts_off();                                                                                              \
        apic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | IPI_VECTOR);                                                      \
        apic_wait_sent();                                                                                              \
        __asm__ volatile("mov $1f, %k0; sti; " shadowed "; 1: nop; nop; cli"                                           \
                         : "=&S"(expected_), "+a"(a_), "+c"(c_), "+d"(d_)                                              \
                         :                                                                                             \
                         : "ebx", "memory", "cc");                                                                     \
        check("interrupts.shadow-" name, interrupted_at - expected_, 0);                                               \
        check("interrupts.shadow-count-" name, ipis, before_ + 1);                                                     \
    } while (0)

static void shadows(void)
{
    on_vector(IPI_VECTOR, on_ipi);
    SHADOW("nop", "nop", 0, 0, 0);
    SHADOW("in", "inb %%dx, %%al", 0, 0, 0x80);
    SHADOW("out", "outb %%al, %%dx", 0, 0, 0x80);
    SHADOW("cpuid", "cpuid", 0, 0, 0);
    SHADOW("rdmsr", "rdmsr", 0, MSR_PAT, 0);
    SHADOW("mov-cr0", "mov %1, %%cr0", read_cr0(), 0, 0);
    SHADOW("wbinvd", "wbinvd", 0, 0, 0);
    SHADOW("apic-read", "movl (%1), %k1", APIC_BASE + APIC_TPR, 0, 0);
    SHADOW("apic-write", "movl %k2, (%1)", APIC_BASE + APIC_LVT_TIMER, APIC_MASKED, 0);
}

static void user_nothing(word unused) {}

static void held_back(void)
{
    u32 before = ipis;
    interrupts_off();
    apic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | IPI_VECTOR);
    apic_wait_sent();
    __asm__ volatile("sti; cli");
    check("interrupts.sti-cli", ipis, before);
    for (u32 i = 0; i < 50; i++)
        (void)inb(0x80);
    (void)cpuid(0, 0);
    check("interrupts.held-through-exits", ipis, before);
    word flags = read_flags() | FLAGS_IF;
    __asm__ volatile("push %0; popf; nop; cli" : : "r"(flags) : "memory", "cc");
    check("interrupts.popf", ipis, before + 1);
    ATTEMPT(run_user(user_nothing, 0));
    check_no_fault("interrupts.user-afterwards");
}

static volatile u32 nested, in_handler;

static void on_nmi(struct frame *frame)
{
    nmis++;
    nested += in_handler;
    if (nmis == 2) {
        /* A second one is held until IRET, also across instructions that exit. */
        in_handler = 1;
        apic_ipi(apic_id(), ICR_NMI);
        (void)cpuid(0, 0);
        (void)inb(0x80);
        for (volatile u32 i = 0; i < 1000; i++)
            ;
        in_handler = 0;
    }
}

static bool nmis_are(u32 count)
{
    for (u32 i = 0; i < 1000000 && nmis < count; i++)
        pause();
    return nmis == count;
}

static void nmi(void)
{
    on_vector(VECTOR_NMI, on_nmi);
    apic_ipi(apic_id(), ICR_NMI);
    check_true("interrupts.nmi", nmis_are(1));
    apic_ipi(apic_id(), ICR_NMI);
    check_true("interrupts.nmi-after-iret", nmis_are(3));
    check("interrupts.nmi-not-nested", nested, 0);
    for (u32 i = 0; i < 50; i++) {
        apic_ipi(apic_id(), ICR_NMI);
        (void)cpuid(0, 0);
        (void)inb(0x80);
        if (!nmis_are(4 + i))
            break;
    }
    check("interrupts.nmi-many", nmis, 53);
}

void guest_main(void)
{
    apic_enable();
    ticks_arrive();
    shadows();
    held_back();
    nmi();
}
