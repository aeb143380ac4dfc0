/* SPDX-License-Identifier: BSD-2-Clause */
/* IN, OUT, INS, OUTS in every size and form, against devices that remember: PCI configuration, CMOS, the VGA palette.
 */
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"
#include "test/guest/pio/pio.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define CMOS_FREE 0x5e
#define CMOS_INDEX_TEXT "0x70"
#define CMOS_DATA_TEXT "0x71"

static void pci_sizes(void)
{
    outl(PCI_ADDRESS, 0x80000000);
    check("pio.out-eax-dx", inl(PCI_ADDRESS), 0x80000000);
    u32 id = inl(PCI_DATA);
    print("INFO host bridge %08x\n", id);
    check_true("pio.in-eax-dx", id != 0 && id != ~0u);
    check("pio.in-ax-dx-low", inw(PCI_DATA), id & 0xffff);
    check("pio.in-ax-dx-high", inw(PCI_DATA + 2), id >> 16);
    for (u32 i = 0; i < 4; i++)
        check("pio.in-al-dx", inb((u16)(PCI_DATA + i)), id >> 8 * i & 0xff);
}

/* What is not written of the accumulator stays; EAX written clears the upper half of RAX. */
static void partial_registers(void)
{
    u32 id = inl(PCI_DATA);
    word a = (word)0xfedcba9876543210ull;
    word value = a;
    __asm__ volatile("inb %%dx, %%al" : "+a"(value) : "d"(PCI_DATA));
    check("pio.in-al-keeps-rest", value, (a & ~0xfful) | (id & 0xff));
    value = a;
    __asm__ volatile("inw %%dx, %%ax" : "+a"(value) : "d"(PCI_DATA));
    check("pio.in-ax-keeps-rest", value, (a & ~0xfffful) | (id & 0xffff));
    value = a;
    __asm__ volatile("inl %%dx, %%eax" : "+a"(value) : "d"(PCI_DATA));
    check("pio.in-eax-clears-upper", value, id);
    value = PCI_DATA | 0x7fff0000ul;
    word al = 0;
    __asm__ volatile("inb %%dx, %%al" : "+a"(al) : "d"(value));
    check("pio.only-dx-counts", al, id & 0xff);
}

static void immediate_forms(void)
{
    u8 before;
    __asm__ volatile("outb %%al, $" CMOS_INDEX_TEXT : : "a"(CMOS_FREE));
    __asm__ volatile("inb $" CMOS_DATA_TEXT ", %%al" : "=a"(before));
    __asm__ volatile("outb %%al, $" CMOS_DATA_TEXT : : "a"(0xa5));
    outb(CMOS_INDEX, CMOS_FREE);
    check("pio.out-imm-al", inb(CMOS_DATA), 0xa5);
    outb(CMOS_DATA, 0x5a);
    u8 now;
    __asm__ volatile("inb $" CMOS_DATA_TEXT ", %%al" : "=a"(now));
    check("pio.in-al-imm", now, 0x5a);
    outb(CMOS_DATA, before);
    u16 w;
    u32 d;
    __asm__ volatile("inw $0x80, %%ax" : "=a"(w));
    check("pio.in-ax-imm", w, inw(0x80));
    __asm__ volatile("inl $0x80, %%eax" : "=a"(d));
    check("pio.in-eax-imm", d, inl(0x80));
    ATTEMPT(__asm__ volatile("outw %%ax, $0x80; outl %%eax, $0x80" : : "a"(0x12345678)));
    check_no_fault("pio.out-imm-wide");
}

static void prefixes(void)
{
    u32 id = inl(PCI_DATA);
    word a = 0;
    /* REP, segment and address-size prefixes mean nothing to IN. */
    __asm__ volatile(".byte 0xf3, 0x2e, 0x67; inl %%dx, %%eax" : "+a"(a) : "d"(PCI_DATA));
    check("pio.in-idle-prefixes", a, id);
    a = 0;
    __asm__ volatile(".byte 0x66, 0x66; .byte 0xed" : "+a"(a) : "d"(PCI_DATA));
    check("pio.in-two-66", a, id & 0xffff);
    ATTEMPT(__asm__ volatile(".byte 0xf0; inb %%dx, %%al" : : "d"(PCI_DATA) : "eax"));
    check_fault("pio.in-lock", VECTOR_UD, 0);
    word flags;
    __asm__ volatile("push %2; popf; inb %%dx, %%al; pushf; pop %0"
                     : "=r"(flags)
                     : "d"(PCI_DATA), "r"(0x8d7ul)
                     : "eax", "cc", "memory");
    check("pio.in-flags-untouched", flags & 0xcd5, 0x8d5);
}

void guest_main(void)
{
    pci_sizes();
    partial_registers();
    immediate_forms();
    prefixes();
    pio_strings();
    pio_faults();
    pio_user();
}
