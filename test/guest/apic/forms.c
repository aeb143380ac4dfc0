/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every access is one aligned 32-bit load or store, as the SDM wants; the instructions around it differ. The task
 * priority keeps eight bits, the divide configuration four.
 */
#include "test/guest/apic/apic.h"
#include "test/guest/lib/apic.h"
#include "test/guest/lib/guest.h"

#define TPR (APIC_BASE + APIC_TPR)

static void set(u32 value)
{
    *(volatile u32 *)TPR = value;
}
static u32 get(void)
{
    return *(volatile u32 *)TPR;
}

#define READS(name, insn, ...)                                                                                         \
    do {                                                                                                               \
        word got_ = 0;                                                                                                 \
        set(0x5a);                                                                                                     \
        __asm__ volatile(insn : "+r"(got_) : "r"(TPR), ##__VA_ARGS__ : "memory", "cc");                                \
        check("apic.read-" name, got_, 0x5a);                                                                          \
    } while (0)

#define LEAVES(name, before, after, insn, ...)                                                                         \
    do {                                                                                                               \
        set(before);                                                                                                   \
        __asm__ volatile(insn : : "r"(TPR), ##__VA_ARGS__ : "memory", "cc");                                           \
        check("apic.write-" name, get(), after);                                                                       \
    } while (0)

static void loads(void)
{
    READS("mov", "movl (%1), %k0");
    READS("mov-disp8", "movl -16(%2), %k0", "r"(TPR + 16));
    READS("mov-disp32", "movl -0x1000(%2), %k0", "r"(TPR + 0x1000));
    READS("mov-index", "movl (%1,%2,4), %k0", "r"(0ul));
    READS("mov-scaled", "movl -0x40(%1,%2,8), %k0", "r"(8ul));
    READS("add", "addl (%1), %k0");
    READS("or", "orl (%1), %k0");
    READS("xor", "xorl (%1), %k0");
    READS("sub", "subl (%1), %k0; negl %k0");
    READS("and", "movl $0xffffffff, %k0; andl (%1), %k0");
    READS("adc", "clc; adcl (%1), %k0");
    READS("cmp-equal", "movl $0x5a, %k0; cmpl %k0, (%1); je 1f; movl $1, %k0; 1:");
    READS("cmp-imm", "cmpl $0x5a, (%1); jne 1f; movl $0x5a, %k0; 1:");
    READS("test-imm", "testl $0xa5, (%1); jnz 1f; movl $0x5a, %k0; 1:");
    READS("test-reg", "movl $0x10, %k0; testl %k0, (%1); movl $0, %k0; jz 1f; movl $0x5a, %k0; 1:");
    READS("cmov", "testl %k0, %k0; cmovzl (%1), %k0");
    READS("bt", "btl $3, (%1); jnc 1f; movl $0x5a, %k0; 1:");
    READS("imul", "imull $1, (%1), %k0");
    set(0x5a);
    word a = 0;
    /* A1 with an address as long as the mode's (movabs in 64 bits) */
    __asm__ volatile(".byte 0xa1; .long 0xfee00080; .rept %c1 - 4; .byte 0; .endr" : "=a"(a) : "i"(sizeof(word)));
    check("apic.read-mov-eax-absolute", a, 0x5a);
}

static void strings(void)
{
    static u32 words[4];
    word si = TPR, di = (word)words, count = 1, a = 0;
    set(0x3c);
    __asm__ volatile("movsl" : "+S"(si), "+D"(di) : : "memory");
    check_true("apic.read-movs", words[0] == 0x3c && si == TPR + 4 && di == (word)words + 4);
    si = TPR;
    di = (word)words + 4;
    __asm__ volatile("rep movsl" : "+S"(si), "+D"(di), "+c"(count) : : "memory");
    check_true("apic.read-rep-movs", words[1] == 0x3c && count == 0);
    si = TPR;
    __asm__ volatile("lodsl" : "+S"(si), "+a"(a));
    check_true("apic.read-lods", (u32)a == 0x3c && si == TPR + 4);
    words[2] = 0x7e;
    si = (word)&words[2];
    di = TPR;
    __asm__ volatile("movsl" : "+S"(si), "+D"(di) : : "memory");
    check("apic.write-movs", get(), 0x7e);
    di = TPR;
    __asm__ volatile("stosl" : "+D"(di) : "a"(0x21) : "memory");
    check_true("apic.write-stos", get() == 0x21 && di == TPR + 4);
    di = TPR;
    bool equal;
    __asm__ volatile("scasl; sete %1" : "+D"(di), "=q"(equal) : "a"(0x21) : "cc", "memory");
    check_true("apic.read-scas", equal);
    words[3] = 0x21;
    si = (word)&words[3];
    di = TPR;
    __asm__ volatile("cmpsl; sete %2" : "+S"(si), "+D"(di), "=q"(equal) : : "cc", "memory");
    check_true("apic.read-cmps", equal);
}

static void stores(void)
{
    LEAVES("mov", 0, 0x44, "movl %k1, (%0)", "r"(0x44));
    LEAVES("mov-imm", 0, 0x55, "movl $0x55, (%0)");
    LEAVES("mov-index", 0, 0x66, "movl %k1, (%0,%2,2)", "r"(0x66), "r"(0ul));
    LEAVES("or", 0x41, 0x4b, "orl $0x0a, (%0)");
    LEAVES("and", 0x4f, 0x43, "andl %k1, (%0)", "r"(0xf3));
    LEAVES("xor", 0x4f, 0xb0, "xorl $0xff, (%0)");
    LEAVES("add", 0x40, 0x45, "addl %k1, (%0)", "r"(5));
    LEAVES("sub", 0x45, 0x40, "subl $5, (%0)");
    LEAVES("inc", 0x45, 0x46, "incl (%0)");
    LEAVES("dec", 0x45, 0x44, "decl (%0)");
    LEAVES("not", 0x0f, 0xf0, "notl (%0)");
    LEAVES("neg", 0x01, 0xff, "negl (%0)");
    LEAVES("shl", 0x11, 0x22, "shll (%0)");
    LEAVES("shr", 0x22, 0x11, "shrl $1, (%0)");
    LEAVES("bts", 0x01, 0x11, "btsl $4, (%0)");
    LEAVES("btr", 0x11, 0x01, "btrl $4, (%0)");
    LEAVES("lock-or", 0x01, 0x11, "lock orl $0x10, (%0)");
}

static void exchanges(void)
{
    word value = 0x31, result;
    set(0x13);
    __asm__ volatile("xchgl %k0, (%1)" : "+r"(value) : "r"(TPR) : "memory");
    check_true("apic.xchg", value == 0x13 && get() == 0x31);
    value = 0x01;
    __asm__ volatile("xaddl %k0, (%1)" : "+r"(value) : "r"(TPR) : "memory", "cc");
    check_true("apic.xadd", value == 0x31 && get() == 0x32);
    bool equal;
    result = 0x32;
    __asm__ volatile("cmpxchgl %k3, (%2); sete %1" : "+a"(result), "=q"(equal) : "r"(TPR), "r"(0x45) : "memory", "cc");
    check_true("apic.cmpxchg-equal", equal && get() == 0x45);
    __asm__ volatile("cmpxchgl %k3, (%2); sete %1" : "+a"(result), "=q"(equal) : "r"(TPR), "r"(0x46) : "memory", "cc");
    check_true("apic.cmpxchg-different", !equal && result == 0x45 && get() == 0x45);
}

void apic_forms(void)
{
    loads();
    strings();
    stores();
    exchanges();
    set(0);
}
