/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID: leaves that stay, bits that follow the state of the CPU, and what the instruction leaves alone. */
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

#define LEAF1_ECX_VMX (1u << 5)
#define LEAF1_ECX_XSAVE (1u << 26)
#define LEAF1_ECX_OSXSAVE (1u << 27)
#define LEAF1_EDX_APIC (1u << 9)
#define XCR0_AVX 4u

static bool same(struct cpuid a, struct cpuid b)
{
    return a.eax == b.eax && a.ebx == b.ebx && a.ecx == b.ecx && a.edx == b.edx;
}

/* Every leaf says the same twice, with something else in between. */
static void stable(const char *name, u32 first)
{
    u32 last = cpuid(first, 0).eax, changed = 0;
    for (u32 leaf = first; leaf <= last; leaf++) {
        for (u32 subleaf = 0; subleaf < 4; subleaf++) {
            struct cpuid once = cpuid(leaf, subleaf);
            (void)cpuid(first + (leaf + 1) % 7, subleaf + 1);
            changed += !same(once, cpuid(leaf, subleaf));
        }
        struct cpuid r = cpuid(leaf, 0);
        print("INFO leaf %08x: %08x %08x %08x %08x\n", leaf, r.eax, r.ebx, r.ecx, r.edx);
    }
    check(name, changed, 0);
}

static void follows_osxsave(void)
{
    if (!(cpuid(1, 0).ecx & LEAF1_ECX_XSAVE)) {
        skip("cpuid.osxsave", "no XSAVE");
        return;
    }
    write_cr4(read_cr4() & ~(word)CR4_OSXSAVE);
    check("cpuid.osxsave-clear", cpuid(1, 0).ecx & LEAF1_ECX_OSXSAVE, 0);
    write_cr4(read_cr4() | CR4_OSXSAVE);
    check("cpuid.osxsave-set", cpuid(1, 0).ecx & LEAF1_ECX_OSXSAVE, LEAF1_ECX_OSXSAVE);
}

static void set_xcr0(u32 low)
{
    __asm__ volatile("xsetbv" : : "c"(0), "a"(low), "d"(0));
}

/* SDM "Processor Extended State Enumeration Main Leaf": EBX is the size that XCR0 asks for now. */
static void follows_xcr0(void)
{
    if (!(cpuid(1, 0).ecx & LEAF1_ECX_XSAVE)) {
        skip("cpuid.xsave-size", "no XSAVE");
        return;
    }
    set_xcr0(1);
    check("cpuid.xsave-size-x87", cpuid(0xd, 0).ebx, 576);
    set_xcr0(3);
    check("cpuid.xsave-size-sse", cpuid(0xd, 0).ebx, 576);
    if (cpuid(0xd, 0).eax & XCR0_AVX) {
        set_xcr0(7);
        check("cpuid.xsave-size-avx", cpuid(0xd, 0).ebx, 832);
    }
    set_xcr0(1);
    write_cr4(read_cr4() & ~(word)CR4_OSXSAVE);
}

static void registers(void)
{
    word flags_in = 0x8d5 | 2, flags_out; /* OF SF ZF AF PF CF */
    word a = 1, b, c = 0, d, si = 0x1234567, di = 0x7654321;
    __asm__ volatile("push %6; popf; cpuid; pushf; pop %7"
                     : "+a"(a), "=b"(b), "+c"(c), "=d"(d), "+S"(si), "+D"(di)
                     : "r"(flags_in), "m"(flags_out)
                     : "cc", "memory");
    check("cpuid.flags-untouched", flags_out & 0xcd5, flags_in & 0xcd5);
    check_true("cpuid.others-untouched", si == 0x1234567 && di == 0x7654321);
    a = (word)0xffffffff00000000ull;
    c = a;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : "b"(~0ul), "d"(~0ul));
    check("cpuid.upper-halves-zero", (a | b | c | d) >> 16 >> 16, 0);
}

static volatile u32 user_eax;

static void user_cpuid(word unused)
{
    user_eax = cpuid(0, 0).eax;
}

static void under_hypervisor(void)
{
    if (!under_exeunt())
        return;
    struct cpuid top = cpuid(0x40000000, 0);
    check_true("HV cpuid.hypervisor-leaves", top.eax >= 0x40000000 && top.eax < 0x40000100);
    check("HV cpuid.vmx-hidden", cpuid(1, 0).ecx & LEAF1_ECX_VMX, 0);
    check_true("HV cpuid.no-outer-leaves", !same(cpuid(0x40000100, 0), top));
}

void guest_main(void)
{
    stable("cpuid.basic-stable", 0);
    stable("cpuid.extended-stable", 0x80000000);
    u32 last = cpuid(0, 0).eax;
    struct cpuid beyond = cpuid(last + 1, 0), zero = {0, 0, 0, 0};
    print("INFO beyond the last basic leaf: %s\n", same(beyond, cpuid(last, 0)) ? "the last"
                                                   : same(beyond, zero)         ? "zero"
                                                                                : "?");
    if (last >= 0xb && cpuid(0xb, 0).ebx)
        check("cpuid.apic-id", cpuid(0xb, 0).edx, cpuid(1, 0).ebx >> 24);
    registers();
    follows_osxsave();
    follows_xcr0();
    ATTEMPT(run_user(user_cpuid, 0));
    check_no_fault("cpuid.user");
    check("cpuid.user-same", user_eax, last);
    ATTEMPT(__asm__ volatile(".byte 0xf0; cpuid" : : : "eax", "ebx", "ecx", "edx"));
    check_fault("cpuid.lock", VECTOR_UD, 0);
    under_hypervisor();
    /* Last: Bochs cannot turn the APIC on again. */
    check("cpuid.apic-on", cpuid(1, 0).edx & LEAF1_EDX_APIC, LEAF1_EDX_APIC);
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~0x800ull);
    check("cpuid.apic-off", cpuid(1, 0).edx & LEAF1_EDX_APIC, 0);
}
