/* SPDX-License-Identifier: BSD-2-Clause */
/* XSETBV: what XCR0 takes and what is #GP (SDM "XSETBV"). */
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

static volatile u64 result;

static u64 xgetbv(u32 index)
{
    u32 low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
    return (u64)high << 32 | low;
}

static void xsetbv(u32 index, u64 value)
{
    __asm__ volatile("xsetbv" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)));
}

static void refused(const char *name, u32 index, u64 value)
{
    u64 before = xgetbv(0);
    ATTEMPT(xsetbv(index, value));
    check_fault(name, VECTOR_GP, 0);
    if (xgetbv(0) != before)
        fail(name, "changed to 0x%llx", xgetbv(0));
}

static void user_xsetbv(word value)
{
    xsetbv(0, value);
}
static void user_xgetbv(word index)
{
    result = xgetbv((u32)index);
}

void guest_main(void)
{
    if (!(cpuid(1, 0).ecx & 1u << 26)) {
        skip("xsetbv", "no XSAVE");
        return;
    }
    ATTEMPT(xsetbv(0, 1));
    check_fault("xsetbv.without-osxsave", VECTOR_UD, 0);
    write_cr4(read_cr4() | CR4_OSXSAVE);
    u32 supported = cpuid(0xd, 0).eax;
    xsetbv(0, 1);
    check("xsetbv.x87", xgetbv(0), 1);
    xsetbv(0, 3);
    check("xsetbv.sse", xgetbv(0), 3);
    if (supported & 4) {
        xsetbv(0, 7);
        check("xsetbv.avx", xgetbv(0), 7);
        refused("xsetbv.avx-without-sse", 0, 5);
    }
    xsetbv(0, supported);
    check("xsetbv.everything", xgetbv(0), supported);
    refused("xsetbv.without-x87", 0, 2);
    refused("xsetbv.zero", 0, 0);
    refused("xsetbv.reserved", 0, 3 | 1ull << 62);
    refused("xsetbv.lwp", 0, 3 | 1ull << 63);
    refused("xsetbv.index", 1, 3);
    ATTEMPT(run_user(user_xsetbv, 3));
    check_fault("xsetbv.user", VECTOR_GP, 0);
    ATTEMPT(run_user(user_xgetbv, 0));
    check_no_fault("xsetbv.user-xgetbv");
    write_cr4(read_cr4() & ~(word)CR4_OSXSAVE);
    write_cr4(read_cr4() | CR4_OSXSAVE);
    check("xsetbv.kept-over-osxsave", xgetbv(0), supported);
}
