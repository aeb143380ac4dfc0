/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events whose delivery touches memory that nobody touched before: under Exeunt the frame buffer of the VGA card is
 * mapped on demand, so that pushing the frame, or reading the IDT, exits in the middle of the delivery and the event
 * has to be delivered again (SDM "Information for VM Exits That Occur During Event Delivery").
 */
#include "test/guest/exceptions/exceptions.h"
#include "test/guest/lib/apic.h"
#include "test/guest/lib/guest.h"

#define IPI_VECTOR 0x62
#define FIRST_STACK 0x200000ul /* each in its own 2 MiB: larger pages may be mapped at once */

static volatile u32 events;
static word stack_next;

/* Base of the display's first memory BAR, or 0. */
static word frame_buffer(void)
{
    for (u32 device = 0; device < 32; device++) {
        outl(0xcf8, 0x80000008 | device << 11);
        if (inl(0xcfc) >> 16 != 0x0300)
            continue;
        outl(0xcf8, 0x80000010 | device << 11);
        u32 bar = inl(0xcfc);
        if (bar && !(bar & 1))
            return bar & ~0xfu;
    }
    return 0;
}

static void vbe_set(u16 index, u16 value)
{
    outw(0x1ce, index);
    outw(0x1cf, value);
}

/* The Bochs and QEMU display answers at its frame buffer only in a graphics mode: 640 x 480, 8 bits, linear. */
static void graphics_mode(void)
{
    vbe_set(1, 640);
    vbe_set(2, 480);
    vbe_set(3, 8);
    vbe_set(4, 0x41);
}

static bool is_memory(word at)
{
    volatile u32 *p = (volatile u32 *)at;
    *p = 0x12345678;
    return *p == 0x12345678;
}

static void on_event(struct frame *frame)
{
    events++;
}

static void on_ipi(struct frame *frame)
{
    events++;
    apic_write(APIC_EOI, 0);
}

/* `insn` with the stack at a place that is new; the handler returns. */
#define ON_NEW_STACK(insn)                                                                                             \
    do {                                                                                                               \
        word sp_ = stack_next;                                                                                         \
        stack_next += FIRST_STACK;                                                                                     \
        __asm__ volatile("xchg %0, %%" STACK_POINTER "; " insn "; xchg %0, %%" STACK_POINTER                           \
                         : "+r"(sp_)                                                                                   \
                         :                                                                                             \
                         : "memory", "cc");                                                                            \
    } while (0)

void exceptions_delivery(void)
{
    word base = frame_buffer();
    if (base)
        graphics_mode();
    if (!base || !is_memory(base)) {
        skip("exceptions.delivery", "no frame buffer");
        return;
    }
    stack_next = base + FIRST_STACK - 64;
    on_vector(0x50, on_event);
    ON_NEW_STACK("int $0x50");
    check("exceptions.delivery-int", events, 1);
    on_vector(VECTOR_BP, on_event);
    ON_NEW_STACK("int3");
    check("exceptions.delivery-int3", events, 2);
    apic_enable();
    on_vector(IPI_VECTOR, on_ipi);
    apic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | IPI_VECTOR);
    apic_wait_sent();
    ON_NEW_STACK("sti; nop; nop; cli");
    check("exceptions.delivery-interrupt", events, 3);
    on_vector(VECTOR_DB, on_event);
    ON_NEW_STACK(".byte 0xf1");
    check("exceptions.delivery-icebp", events, 4);
    on_vector(VECTOR_BP, NULL);
    on_vector(VECTOR_DB, NULL);
}
