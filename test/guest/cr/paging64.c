/* SPDX-License-Identifier: BSD-2-Clause */
/* CR8, reserved bits of CR3, PCIDs. */
#include "test/guest/cr/cr.h"
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

static word read_cr8(void)
{
    word value;
    __asm__ volatile("mov %%cr8, %0" : "=r"(value));
    return value;
}

static void write_cr8(word value)
{
    __asm__ volatile("mov %0, %%cr8" : : "r"(value));
}

static void high_registers(void)
{
    word value = read_cr0() | CR0_TS, back;
    __asm__ volatile("mov %1, %%r15; mov %%r15, %%cr0; mov %%cr0, %%r8; mov %%r8, %0"
                     : "=r"(back)
                     : "r"(value)
                     : "r8", "r15");
    check("cr.cr0-by-r15-r8", back, value);
    write_cr0(value & ~(word)CR0_TS);
}

static void pcid(void)
{
    word cr3 = read_cr3();
    if (!(cpuid(1, 0).ecx & 1u << 17)) {
        skip("cr.pcid", "no PCIDs");
        return;
    }
    write_cr3(cr3 | 0x18); /* PCD and PWT: bits 11:0 are not zero */
    ATTEMPT(write_cr4(read_cr4() | CR4_PCIDE));
    check_fault("cr.pcide-with-cr3-bits", VECTOR_GP, 0);
    write_cr3(cr3);
    write_cr4(read_cr4() | CR4_PCIDE);
    write_cr3(cr3 | 5);
    write_cr3(cr3 | 6 | 1ull << 63);
    check("cr.pcid-no-flush-bit-not-kept", read_cr3(), cr3 | 6);
    ATTEMPT(write_cr4(read_cr4() & ~(word)CR4_PCIDE));
    check_no_fault("cr.pcide-off");
    write_cr3(cr3);
}

void cr_paging(void)
{
    word cr3 = read_cr3();
    high_registers();
    write_cr8(5);
    check("cr.cr8", read_cr8(), 5);
    ATTEMPT(write_cr8(16));
    check_fault("cr.cr8-reserved", VECTOR_GP, 0);
    write_cr8(0);
    ATTEMPT(write_cr3(cr3 | 1ull << (cpuid(0x80000008, 0).eax & 0xff)));
    check_fault("cr.cr3-beyond-maxphyaddr", VECTOR_GP, 0);
    ATTEMPT(write_cr3(cr3 | 1ull << 63));
    check_fault("cr.cr3-bit-63-without-pcide", VECTOR_GP, 0);
    pcid();
}
