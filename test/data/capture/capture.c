/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Multiboot1 guest that prints, on COM1, the CPUID leaves ("C leaf subleaf eax ebx ecx edx") and the VMX capability
 * MSRs ("M msr value") of the processor it runs on. to_c.awk makes test/data/vmx_caps.h and test/data/cpuid_dumps.h of
 * what it printed. Ends Bochs by port 0x8900 and QEMU by port 0xf4.
 *
 *   gcc -m32 -std=gnu11 -O1 -ffreestanding -fno-pie -no-pie -nostdlib -static -fno-stack-protector -mno-sse
 *       -Wl,-T,capture.ld -Wl,--build-id=none capture.c -o capture.elf
 */
typedef unsigned int u32;
typedef unsigned long long u64;

__attribute__((section(".multiboot"), used)) static const u32 multiboot[3] = {0x1badb002, 0, -0x1badb002u};

void capture(void);
__asm__(".section .text\n.globl start\nstart: cli\n mov $0x200000, %esp\n call capture\n");

static void outb(u32 port, u32 value)
{
    __asm__ volatile("outb %b0, %w1" ::"a"(value), "d"(port));
}

static u32 inb(u32 port)
{
    u32 value = 0;
    __asm__ volatile("inb %w1, %b0" : "+a"(value) : "d"(port));
    return value & 0xff;
}

static void put(char c)
{
    while (!(inb(0x3fd) & 0x20))
        ;
    outb(0x3f8, (u32)c);
}

static void text(const char *s)
{
    while (*s)
        put(*s++);
}

static void hex(u64 value, int digits)
{
    while (digits--)
        put("0123456789abcdef"[(value >> (4 * digits)) & 15]);
}

static void cpuid(u32 leaf, u32 subleaf, u32 *r)
{
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(subleaf));
}

static void print_leaf(u32 leaf, u32 subleaf)
{
    u32 r[4];
    cpuid(leaf, subleaf, r);
    text("C ");
    hex(leaf, 8);
    put(' ');
    hex(subleaf, 8);
    for (int i = 0; i < 4; i++) {
        put(' ');
        hex(r[i], 8);
    }
    put('\n');
}

static u64 print_msr(u32 msr)
{
    u64 value;
    __asm__ volatile("rdmsr" : "=A"(value) : "c"(msr));
    text("M ");
    hex(msr, 3);
    put(' ');
    hex(value, 16);
    put('\n');
    return value;
}

/* More sub-leaves than a leaf has do no harm: what is beyond is part of the answer. */
static u32 subleaves(u32 leaf)
{
    switch (leaf) {
    case 0xd:
        return 24;
    case 4:
    case 7:
    case 0xb:
    case 0xf:
    case 0x10:
    case 0x12:
    case 0x14:
    case 0x17:
    case 0x18:
    case 0x1f:
        return 9;
    }
    return 1;
}

static void print_leaves(u32 first)
{
    u32 r[4];
    cpuid(first, 0, r);
    for (u32 leaf = first; leaf <= r[0] && leaf < first + 0x40; leaf++)
        for (u32 subleaf = 0; subleaf < subleaves(leaf); subleaf++)
            print_leaf(leaf, subleaf);
}

static void print_msrs(void)
{
    print_msr(0x3a);
    u64 basic = print_msr(0x480), primary = 0, secondary = 0;
    for (u32 msr = 0x481; msr < 0x48b; msr++) {
        u64 value = print_msr(msr);
        primary = msr == 0x482 ? value : primary;
    }
    if (primary >> 63)
        secondary = print_msr(0x48b);
    if (secondary & (1ull << 33 | 1ull << 37))
        print_msr(0x48c);
    for (u32 msr = 0x48d; (basic >> 55 & 1) && msr < 0x491; msr++)
        print_msr(msr);
}

void capture(void)
{
    u32 r[4];
    outb(0x3f9, 0);
    outb(0x3fb, 3);
    outb(0x3fa, 7);
    text("BEGIN\n");
    print_leaves(0);
    cpuid(1, 0, r);
    if (r[2] >> 31)
        print_leaves(0x40000000);
    print_leaves(0x80000000);
    if (r[2] >> 5 & 1)
        print_msrs();
    text("END\n");
    while ((inb(0x3fd) & 0x60) != 0x60)
        ;
    for (const char *s = "Shutdown"; *s; s++)
        outb(0x8900, (u32)*s);
    outb(0xf4, 0);
    for (;;)
        __asm__ volatile("hlt");
}
