/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that C cannot say, one function each. VMX instructions stand in vmx/insn.h; RDMSR and WRMSR of MSRs that
 * may not exist need the fault-catching forms of the room that owns the exception handlers.
 */
#ifndef LIB_CPU_H
#define LIB_CPU_H

#include "lib/types.h"
#include "lib/vmx_ops.h"

static inline u8 in8(u16 port)
{
    u8 value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline u16 in16(u16 port)
{
    u16 value;
    asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline u32 in32(u16 port)
{
    u32 value;
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline void out8(u16 port, u8 value)
{
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void out16(u16 port, u16 value)
{
    asm volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void out32(u16 port, u32 value)
{
    asm volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

/* `count` elements from a port to memory, upwards; bit 10 of RFLAGS is clear in C. */
static inline void ins8(u16 port, void *to, u64 count)
{
    asm volatile("rep insb" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}

static inline void ins16(u16 port, void *to, u64 count)
{
    asm volatile("rep insw" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}

static inline void ins32(u16 port, void *to, u64 count)
{
    asm volatile("rep insl" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}

static inline void outs8(u16 port, const void *from, u64 count)
{
    asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(port) : "memory");
}

static inline void outs16(u16 port, const void *from, u64 count)
{
    asm volatile("rep outsw" : "+S"(from), "+c"(count) : "d"(port) : "memory");
}

static inline void outs32(u16 port, const void *from, u64 count)
{
    asm volatile("rep outsl" : "+S"(from), "+c"(count) : "d"(port) : "memory");
}

static inline u64 rdmsr(u32 msr)
{
    u32 low, high;
    COUNT_VMX_OP(MSR);
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (u64)high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 value)
{
    COUNT_VMX_OP(MSR);
    asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

struct cpuid_result {
    u32 eax, ebx, ecx, edx;
};

static inline struct cpuid_result cpuid(u32 leaf, u32 subleaf)
{
    struct cpuid_result r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

/* Not ordered against other instructions, and need not be: it times whole exits. */
static inline u64 rdtsc(void)
{
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

#define CPU_REGISTER(name)                                                                                             \
    static inline u64 read_##name(void)                                                                                \
    {                                                                                                                  \
        u64 value;                                                                                                     \
        asm volatile("mov %%" #name ", %0" : "=r"(value) : : "memory");                                                \
        return value;                                                                                                  \
    }                                                                                                                  \
    static inline void write_##name(u64 value)                                                                         \
    {                                                                                                                  \
        asm volatile("mov %0, %%" #name : : "r"(value) : "memory");                                                    \
    }

CPU_REGISTER(cr0)
CPU_REGISTER(cr2)
CPU_REGISTER(cr3)
CPU_REGISTER(cr4)
CPU_REGISTER(cr8)
CPU_REGISTER(dr0)
CPU_REGISTER(dr1)
CPU_REGISTER(dr2)
CPU_REGISTER(dr3)
CPU_REGISTER(dr6)
CPU_REGISTER(dr7)
#undef CPU_REGISTER

#define CPU_SELECTOR(name)                                                                                             \
    static inline u16 read_##name(void)                                                                                \
    {                                                                                                                  \
        u16 value;                                                                                                     \
        asm volatile("mov %%" #name ", %0" : "=rm"(value));                                                            \
        return value;                                                                                                  \
    }

CPU_SELECTOR(cs)
CPU_SELECTOR(ds)
CPU_SELECTOR(es)
CPU_SELECTOR(fs)
CPU_SELECTOR(gs)
CPU_SELECTOR(ss)
#undef CPU_SELECTOR

/* The operand of LGDT, LIDT, SGDT and SIDT (SDM "Pseudo-Descriptor Formats"). */
struct pseudo_descriptor {
    u16 limit;
    u64 base;
} __attribute__((packed));
_Static_assert(sizeof(struct pseudo_descriptor) == 10, "SDM: 16-bit limit, 64-bit base");

static inline void lgdt(const struct pseudo_descriptor *table)
{
    asm volatile("lgdt %0" : : "m"(*table) : "memory");
}

static inline void lidt(const struct pseudo_descriptor *table)
{
    asm volatile("lidt %0" : : "m"(*table) : "memory");
}

static inline struct pseudo_descriptor sgdt(void)
{
    struct pseudo_descriptor table;
    asm volatile("sgdt %0" : "=m"(table));
    return table;
}

static inline struct pseudo_descriptor sidt(void)
{
    struct pseudo_descriptor table;
    asm volatile("sidt %0" : "=m"(table));
    return table;
}

static inline void ltr(u16 selector)
{
    asm volatile("ltr %0" : : "rm"(selector) : "memory");
}

static inline u16 read_tr(void)
{
    u16 selector;
    asm volatile("str %0" : "=rm"(selector));
    return selector;
}

static inline void lldt(u16 selector)
{
    asm volatile("lldt %0" : : "rm"(selector) : "memory");
}

static inline u64 xgetbv(u32 index)
{
    u32 low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
    return (u64)high << 32 | low;
}

static inline void xsetbv(u32 index, u64 value)
{
    asm volatile("xsetbv" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline void invlpg(const void *linear)
{
    asm volatile("invlpg (%0)" : : "r"(linear) : "memory");
}

static inline void wbinvd(void)
{
    asm volatile("wbinvd" : : : "memory");
}

static inline void cpu_pause(void)
{
    asm volatile("pause" : : : "memory");
}

static inline void hlt(void)
{
    asm volatile("hlt" : : : "memory");
}

static inline void cli(void)
{
    asm volatile("cli" : : : "memory");
}

#endif
