/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMX instructions are not there: CPUID hides them, and outside VMX operation they are #UD anyway. */
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

static u64 region[512] __attribute__((aligned(4096)));
static u64 pointer;

#define UNDEFINED(name, insn, ...)                                                                                     \
    do {                                                                                                               \
        ATTEMPT(__asm__ volatile(insn : : __VA_ARGS__ : "memory", "cc"));                                              \
        check_fault("vmx-ud." name, VECTOR_UD, 0);                                                                     \
    } while (0)

static void user_vmcall(word function)
{
    __asm__ volatile("vmcall" : : "a"(function) : "memory", "ecx", "edx");
}
static void user_vmread(word field)
{
    __asm__ volatile("vmread %0, %0" : : "r"(field) : "memory", "cc");
}

static void user_vmxon(word unused)
{
    __asm__ volatile("vmxon %0" : : "m"(pointer) : "cc");
}

void guest_main(void)
{
    pointer = (word)region;
    UNDEFINED("vmxon", "vmxon %0", "m"(pointer));
    UNDEFINED("vmclear", "vmclear %0", "m"(pointer));
    UNDEFINED("vmptrld", "vmptrld %0", "m"(pointer));
    UNDEFINED("vmptrst", "vmptrst %0", "m"(pointer));
    UNDEFINED("vmread", "vmread %0, %0", "r"(0x4402ul));
    UNDEFINED("vmwrite", "vmwrite %0, %0", "r"(0x4402ul));
    UNDEFINED("vmlaunch", "vmlaunch", "r"(0));
    UNDEFINED("vmresume", "vmresume", "r"(0));
    UNDEFINED("vmxoff", "vmxoff", "r"(0));
    UNDEFINED("invept", "invept %0, %1", "m"(region), "r"(2ul));
    UNDEFINED("invvpid", "invvpid %0, %1", "m"(region), "r"(2ul));
    UNDEFINED("vmfunc", ".byte 0x0f, 0x01, 0xd4", "a"(0), "c"(0));
    ATTEMPT(run_user(user_vmcall, 0x45580001));
    check_fault("vmx-ud.user-vmcall", VECTOR_UD, 0);
    ATTEMPT(run_user(user_vmread, 0x4402));
    check_fault("vmx-ud.user-vmread", VECTOR_UD, 0);
    ATTEMPT(run_user(user_vmxon, 0));
    check_fault("vmx-ud.user-vmxon", VECTOR_UD, 0);
    if (!under_exeunt()) {
        UNDEFINED("vmcall", "vmcall", "a"(0x12345678));
        return;
    }
    pass("vmx-ud.vmcall"); /* bare it is #UD; here it answers, in the lines below */
    u32 status = 0x12345678;
    ATTEMPT(__asm__ volatile("vmcall" : "+a"(status) : : "ecx", "edx", "memory"));
    check_no_fault("HV vmx-ud.vmcall-unknown");
    check("HV vmx-ud.vmcall-unknown-status", status, 1);
    status = 0x45580004;
    ATTEMPT(__asm__ volatile("vmcall" : "+a"(status) : "b"(99) : "ecx", "edx", "memory"));
    check("HV vmx-ud.vmcall-bad-argument", status, 2);
}
