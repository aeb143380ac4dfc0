/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line per instruction that micro-guests use by hand, and the tables they load.
 */
#ifndef GUEST_LIB_CPU_H
#define GUEST_LIB_CPU_H

#include "test/guest/lib/guest.h"

enum vector {
    VECTOR_DE = 0,
    VECTOR_DB = 1,
    VECTOR_NMI = 2,
    VECTOR_BP = 3,
    VECTOR_OF = 4,
    VECTOR_BR = 5,
    VECTOR_UD = 6,
    VECTOR_NM = 7,
    VECTOR_DF = 8,
    VECTOR_TS = 10,
    VECTOR_NP = 11,
    VECTOR_SS = 12,
    VECTOR_GP = 13,
    VECTOR_PF = 14,
    VECTOR_MF = 16,
    VECTOR_AC = 17
};

enum selector {
    SELECTOR_CODE32 = 0x08,
    SELECTOR_DATA = 0x10,
    SELECTOR_CODE64 = 0x18,
    SELECTOR_USER_CODE = 0x20, /* of the image's own size */
    SELECTOR_USER_DATA = 0x28,
    SELECTOR_CODE16 = 0x30,
    SELECTOR_DATA16 = 0x38,
    SELECTOR_TSS = 0x40,  /* two slots in long mode */
    SELECTOR_FREE = 0x50, /* from here on for the micro-guest */
    SELECTOR_END = 0x100
};

/* The code segment that the image runs in. */
#define SELECTOR_CODE (LONG_MODE ? SELECTOR_CODE64 : SELECTOR_CODE32)

struct frame {
    word ax, cx, dx, bx, si, di, bp;
#if defined(__x86_64__)
    word r8, r9, r10, r11, r12, r13, r14, r15;
#endif
    word vector, error, ip, cs, flags;
    word sp, ss; /* in 32 bits only when it came from CPL 3 */
};

/* For the asm statements that move the stack. */
#if defined(__x86_64__)
#define STACK_POINTER "rsp"
#else
#define STACK_POINTER "esp"
#endif

struct table_register {
    u16 limit;
    word base;
} __attribute__((packed));

struct tss32 {
    u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
    u32 es, cs, ss, ds, fs, gs, ldt;
    u16 trap, io_map;
};

struct tss64 {
    u32 reserved0;
    u64 rsp[3], reserved1, ist[7], reserved2;
    u16 reserved3, io_map;
} __attribute__((packed));

#define IO_MAP_BYTES 8193 /* every port, and the byte of ones behind it */

/* The TSS that TR points at, with its I/O permission bitmap; all ports are denied to CPL 3 at start. */
struct task {
    union {
        struct tss32 tss32;
        struct tss64 tss64;
    };
    u8 io_map[IO_MAP_BYTES];
};

extern struct task task;
extern u64 gdt[SELECTOR_END / 8];

/* IDT access for tests that change it: gates are as long as the mode has them. */
extern u8 idt[256 * 16];
void idt_set(u8 vector, word target, u16 selector, u8 type_and_dpl);
void idt_restore(u8 vector);
void idt_load(void);

static inline u64 descriptor(u32 base, u32 limit20, u16 access)
{
    return (limit20 & 0xffffull) | (base & 0xffffffull) << 16 | (u64)(access & 0xf0ff) << 40 |
           (u64)(limit20 >> 16 & 0xf) << 48 | (u64)(base >> 24) << 56;
}

static inline u8 inb(u16 port)
{
    u8 value;
    __asm__ volatile("inb %w1, %b0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline u16 inw(u16 port)
{
    u16 value;
    __asm__ volatile("inw %w1, %w0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline u32 inl(u16 port)
{
    u32 value;
    __asm__ volatile("inl %w1, %k0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void outb(u16 port, u8 value)
{
    __asm__ volatile("outb %b0, %w1" : : "a"(value), "Nd"(port));
}
static inline void outw(u16 port, u16 value)
{
    __asm__ volatile("outw %w0, %w1" : : "a"(value), "Nd"(port));
}
static inline void outl(u16 port, u32 value)
{
    __asm__ volatile("outl %k0, %w1" : : "a"(value), "Nd"(port));
}

static inline u64 rdmsr(u32 msr)
{
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (u64)high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 rdtsc(void)
{
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

struct cpuid {
    u32 eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(u32 leaf, u32 subleaf)
{
    struct cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

#define CONTROL_REGISTER(n)                                                                                            \
    static inline word read_cr##n(void)                                                                                \
    {                                                                                                                  \
        word value;                                                                                                    \
        __asm__ volatile("mov %%cr" #n ", %0" : "=r"(value));                                                          \
        return value;                                                                                                  \
    }                                                                                                                  \
    static inline void write_cr##n(word value)                                                                         \
    {                                                                                                                  \
        __asm__ volatile("mov %0, %%cr" #n : : "r"(value) : "memory");                                                 \
    }

CONTROL_REGISTER(0)
CONTROL_REGISTER(2)
CONTROL_REGISTER(3)
CONTROL_REGISTER(4)

#define DEBUG_REGISTER(n)                                                                                              \
    static inline word read_dr##n(void)                                                                                \
    {                                                                                                                  \
        word value;                                                                                                    \
        __asm__ volatile("mov %%dr" #n ", %0" : "=r"(value));                                                          \
        return value;                                                                                                  \
    }                                                                                                                  \
    static inline void write_dr##n(word value)                                                                         \
    {                                                                                                                  \
        __asm__ volatile("mov %0, %%dr" #n : : "r"(value) : "memory");                                                 \
    }

DEBUG_REGISTER(0)
DEBUG_REGISTER(1)
DEBUG_REGISTER(2)
DEBUG_REGISTER(3)
DEBUG_REGISTER(6)
DEBUG_REGISTER(7)

static inline word read_flags(void)
{
    word value;
    __asm__ volatile("pushf; pop %0" : "=r"(value));
    return value;
}

static inline void write_flags(word value)
{
    __asm__ volatile("push %0; popf" : : "r"(value) : "memory", "cc");
}

static inline void interrupts_on(void)
{
    __asm__ volatile("sti" : : : "memory");
}
static inline void interrupts_off(void)
{
    __asm__ volatile("cli" : : : "memory");
}
static inline void sti_hlt(void)
{
    __asm__ volatile("sti; hlt" : : : "memory");
}
static inline void invlpg(void *address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}
static inline void pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

#define CR0_PE 0x1u
#define CR0_MP 0x2u
#define CR0_EM 0x4u
#define CR0_TS 0x8u
#define CR0_ET 0x10u
#define CR0_NE 0x20u
#define CR0_WP 0x10000u
#define CR0_AM 0x40000u
#define CR0_NW 0x20000000u
#define CR0_CD 0x40000000u
#define CR0_PG 0x80000000u

#define CR4_TSD 0x4u
#define CR4_DE 0x8u
#define CR4_PSE 0x10u
#define CR4_PAE 0x20u
#define CR4_PGE 0x80u
#define CR4_OSFXSR 0x200u
#define CR4_VMXE 0x2000u
#define CR4_PCIDE 0x20000u
#define CR4_OSXSAVE 0x40000u

#define FLAGS_CF 0x1u
#define FLAGS_TF 0x100u
#define FLAGS_IF 0x200u
#define FLAGS_DF 0x400u
#define FLAGS_NT 0x4000u
#define FLAGS_RF 0x10000u
#define FLAGS_AC 0x40000u

#define MSR_APIC_BASE 0x1b
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_PAT 0x277
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_FMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u

#endif
