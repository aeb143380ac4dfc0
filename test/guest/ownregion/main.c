/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exeunt's region through every access that it performs for the guest, and by the CPU's own: reads give ones, writes
 * nothing, and nothing of it harms Exeunt (issue 2, points 5 and 15). Option test= picks the attempts that end the
 * guest.
 */
#include "test/guest/lib/apic.h"
#include "test/guest/lib/guest.h"
#include "test/guest/lib/paging.h"
#include "test/guest/lib/palette.h"

#define MIB 0x100000u
#define ONES ((word)-1)

static word base, size;
static u8 buffer[4096] __attribute__((aligned(4096)));

/* The reserved range of a size that firmware does not use: 1 to 8 MiB, above 16 MiB, below the LAPIC. */
static void find(void)
{
    word end = boot_info->mmap_addr + boot_info->mmap_length;
    for (word at = boot_info->mmap_addr; at < end;) {
        const struct multiboot_mmap *m = (const struct multiboot_mmap *)at;
        print("INFO memory %llx + %llx type %u\n", m->base, m->length, m->type);
        if (m->type == 2 && m->base >= 16 * MIB && m->base < 0xe0000000u && m->length >= MIB && m->length <= 8 * MIB) {
            base = (word)m->base;
            size = (word)m->length;
        }
        at += m->size + 4;
    }
}

static void loads_and_stores(void)
{
    static const word offsets[] = {0, 0x1000, 0x12340, 0x20ff8, 0x100000, 0x1ffff8};
    u32 wrong = 0;
    for (u32 i = 0; i < COUNT_OF(offsets); i++) {
        word at = base + offsets[i] % size;
        wrong += *(volatile u8 *)at != 0xff;
        wrong += *(volatile u16 *)at != 0xffff;
        wrong += *(volatile u32 *)at != 0xffffffff;
        wrong += *(volatile word *)at != ONES;
        *(volatile u8 *)at = 0x55;
        *(volatile u32 *)at = 0x12345678;
        *(volatile word *)at = 0;
        wrong += *(volatile word *)at != ONES;
    }
    check("HV ownregion.loads-stores", wrong, 0);
    check("HV ownregion.last-byte", *(volatile u8 *)(base + size - 1), 0xff);
    volatile u32 *p = (volatile u32 *)(base + 64);
    __asm__ volatile("lock addl $1, %0; xorl $5, %0; incl %0; negl %0" : "+m"(*p) : : "cc");
    u32 old = 0;
    __asm__ volatile("lock xchgl %0, %1" : "+r"(old), "+m"(*p));
    check("HV ownregion.exchange", old, 0xffffffff);
    check("HV ownregion.still-ones", *p, 0xffffffff);
}

static void strings(void)
{
    word si = base + 0x3000, di = (word)buffer, count = sizeof(buffer) / 4;
    __asm__ volatile("rep movsl" : "+S"(si), "+D"(di), "+c"(count) : : "memory");
    u32 wrong = 0;
    for (u32 i = 0; i < sizeof(buffer); i++)
        wrong += buffer[i] != 0xff;
    check("HV ownregion.rep-movs-from", wrong, 0);
    for (u32 i = 0; i < sizeof(buffer); i++)
        buffer[i] = 0;
    si = (word)buffer;
    di = base + 0x3000;
    count = sizeof(buffer) / 4;
    __asm__ volatile("rep movsl" : "+S"(si), "+D"(di), "+c"(count) : : "memory");
    di = base + 0x4000;
    count = 512;
    __asm__ volatile("rep stosl" : "+D"(di), "+c"(count) : "a"(0) : "memory");
    check("HV ownregion.rep-movs-to", *(volatile u32 *)(base + 0x3000), 0xffffffff);
    check("HV ownregion.rep-stos", *(volatile u32 *)(base + 0x4000), 0xffffffff);
    check("HV ownregion.rep-movs-count", count, 0);
}

static void port_strings(void)
{
    word at = base + 0x5000, count = 16;
    palette_fill();
    __asm__ volatile("rep insb" : "+D"(at), "+c"(count) : "d"(PALETTE_DATA) : "memory");
    check("HV ownregion.ins", count, 0);
    check("HV ownregion.ins-wrote-nothing", *(volatile u32 *)(base + 0x5000), 0xffffffff);
    palette_write_from(0);
    at = base;
    count = 3;
    __asm__ volatile("rep outsb" : "+S"(at), "+c"(count) : "d"(PALETTE_DATA) : "memory");
    palette_read_from(0);
    check("HV ownregion.outs", inb(PALETTE_DATA) & 0x3f, 0x3f);
    /* a LAPIC register moved into it and out of it */
    word si = APIC_BASE + APIC_VERSION, di = base + 0x6000;
    __asm__ volatile("movsl" : "+S"(si), "+D"(di) : : "memory");
    si = base + 0x6000;
    di = APIC_BASE + APIC_LDR;
    __asm__ volatile("movsl" : "+S"(si), "+D"(di) : : "memory");
    check("HV ownregion.movs-to-apic", apic_read(APIC_LDR), 0xff000000);
}

static void execute(void)
{
    ATTEMPT(((void (*)(void))base)());
    check_true("HV ownregion.execute-faults", fault.happened);
    ATTEMPT(((void (*)(void))(base + 0x1000))());
    check_true("HV ownregion.execute-faults-again", fault.happened);
}

/* A descriptor table: what is read there is ones. */
static void local_table(void)
{
    gdt[SELECTOR_FREE / 8] = descriptor((u32)base, 0xffff, 0x82);
    ATTEMPT(__asm__ volatile("lldt %w0" : : "r"(SELECTOR_FREE)));
    ATTEMPT(__asm__ volatile("mov %0, %%fs" : : "r"(0x14)); __asm__ volatile("mov %0, %%fs" : : "r"(SELECTOR_DATA)));
    __asm__ volatile("lldt %w0" : : "r"(0));
    pass("HV ownregion.ldt");
}

/* A page table there: its entries are ones. What that means depends on the paging mode; Exeunt must live through it. */
static void page_table(void)
{
    word unused = 0x70000000;
    volatile u8 got;
    paging_on();
    volatile word *entry = page_entry(unused); /* so that there is a table, which is then exchanged */
    word table = (word)entry & ~0xffful;
    volatile word *directory = directory_entry(unused);
    *directory = base | PAGE_U | PAGE_W | PAGE_P;
    write_cr3(read_cr3());
    ATTEMPT(got = *(volatile u8 *)(unused + 8); (void)got);
    ATTEMPT(*(volatile u8 *)(unused + 0x1000) = 1);
    ATTEMPT(*(volatile u8 *)(unused + 0x1000) = inb(0x80));
    word di = unused, count = 4;
    ATTEMPT(__asm__ volatile("rep insb" : "+D"(di), "+c"(count) : "d"(0x80) : "memory"));
    ATTEMPT(__asm__ volatile("movl %0, %%esi; outsb" : : "r"((u32)unused), "d"(0x80) : "esi", "memory"));
    *directory = table | PAGE_U | PAGE_W | PAGE_P;
    write_cr3(read_cr3());
    pass("HV ownregion.page-table");
    /* data there through a page of its own: port input and LAPIC accesses to it */
    *entry = base | PAGE_U | PAGE_W | PAGE_P;
    invlpg((void *)unused);
    di = unused;
    count = 16;
    __asm__ volatile("rep insb" : "+D"(di), "+c"(count) : "d"(0x80) : "memory");
    check("HV ownregion.ins-through-page", *(volatile u32 *)unused, 0xffffffff);
    pass("HV ownregion.page");
}

static void msrs(void)
{
    u64 now = rdmsr(MSR_APIC_BASE);
    ATTEMPT(wrmsr(MSR_APIC_BASE, base | (now & 0xfff)));
    print("INFO LAPIC moved onto it: %s\n", fault.happened ? "#GP" : "ignored");
    check("HV ownregion.lapic-stays", rdmsr(MSR_APIC_BASE), now);
    check("HV ownregion.lapic-answers", apic_read(APIC_VERSION) & 0xf0, 0x10);
    check("HV ownregion.lapic-not-there", *(volatile u32 *)(base + APIC_VERSION), 0xffffffff);
}

/* Each of these is the guest's end, not Exeunt's: the test looks for the last report. */
static void deadly(void)
{
    struct table_register own = {0xfff, base};
    if (option_is("test", "cr3")) {
        paging_on();
        print("DONE %s\n", guest_name);
        console_drain();
        write_cr3(base);
        *(volatile u32 *)0x12345678 = 1;
    }
    if (option_is("test", "gdt")) {
        print("DONE %s\n", guest_name);
        console_drain();
        __asm__ volatile("lgdt %0; verr %w1; mov %w1, %%fs; int3" : : "m"(own), "r"(0x50) : "cc");
    }
    if (option_is("test", "idt")) {
        print("DONE %s\n", guest_name);
        console_drain();
        __asm__ volatile("lidt %0; int3" : : "m"(own));
    }
    if (option_is("test", "stack")) {
        print("DONE %s\n", guest_name);
        console_drain();
        __asm__ volatile("mov %0, %%" STACK_POINTER "; ud2" : : "r"(base + 0x8000));
    }
    if (option_is("test", "tss")) {
        gdt[SELECTOR_FREE / 8] = descriptor((u32)base, 0xfff, 0x89);
        print("DONE %s\n", guest_name);
        console_drain();
        __asm__ volatile("ljmp *%0"
                         :
                         : "m"(((struct {
                             u32 offset;
                             u16 selector;
                         } __attribute__((packed))){0, SELECTOR_FREE})));
    }
}

void guest_main(void)
{
    find();
    if (!base) {
        print("INFO no region of Exeunt here\n");
        return;
    }
    print("INFO Exeunt's region: %lx, %lx bytes\n", base, size);
    check_true("HV ownregion.size", size <= 8 * MIB);
    if (option("test"))
        deadly();
    apic_enable();
    loads_and_stores();
    strings();
    port_strings();
    execute();
    local_table();
    msrs();
    page_table();
    interrupts_off();
}
