/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ends of a guest that Exeunt itself carries out: shutdown, reset, and what it cannot handle. Each says why, dumps
 * the guest, and prints the last report.
 */
#include "lib/console.h"
#include "lib/counters.h"
#include "lib/cpu.h"
#include "lib/panic.h"
#include "lib/print.h"
#include "vmx/dump.h"
#include "vmx/exit.h"
#include "vmx/exit_reasons.h"
#include "vmx/insn.h"
#include "vmx/reporting.h"
#include "vmx/vmcs_fields.h"

/*
 * What a shutdown does to a real machine: the chipset resets it. By 0xCF9, then the keyboard controller, then a
 * shutdown of this CPU. The waits are port reads, which take about a microsecond.
 */
static _Noreturn void reset_machine(void)
{
    static const struct pseudo_descriptor no_idt;
    vmxoff(); /* INIT, which the keyboard controller or a shutdown may mean, is blocked in VMX operation */
    out8(0xcf9, 0x02);
    out8(0xcf9, 0x06);
    for (u32 i = 0; i < 1000; i++)
        in8(0x80);
    out8(0x64, 0xfe);
    for (u32 i = 0; i < 1000; i++)
        in8(0x80);
    lidt(&no_idt);
    for (;;)
        asm volatile("int3");
}

void exit_reset(struct cpu *cpu, enum end_cause cause)
{
    reporting_guest_ends(cause);
    reset_machine();
}

void exit_shutdown(struct cpu *cpu)
{
    console_begin();
    print("the guest is in shutdown (triple fault)\n");
    dump_guest(cpu);
    console_end();
    exit_reset(cpu, END_TRIPLE_FAULT);
}

void exit_fatal(struct cpu *cpu, const char *fmt, ...)
{
    va_list arguments;
    fatal_begin();
    va_start(arguments, fmt);
    vprint(fmt, arguments);
    va_end(arguments);
    print("\n");
    dump_guest(cpu);
    reporting_guest_ends(END_FATAL);
    fatal_end();
}

void entry_failed(struct cpu *cpu, u64 rflags)
{
    u32 error = rflags & RFLAGS_ZF ? (u32)vmread(VMCS_INSTRUCTION_ERROR) : 0;
    exit_fatal(cpu, "VMLAUNCH or VMRESUME failed: %s",
               rflags & RFLAGS_ZF ? instruction_error_name(error) : "VMfailInvalid, no current VMCS");
}

/* Without the checks of vmread(): it must not come back here. */
static u64 instruction_error(void)
{
    u64 error = 0;
    asm volatile("vmread %1, %0" : "+r"(error) : "r"((u64)VMCS_INSTRUCTION_ERROR));
    return error;
}

void vmx_instruction_failed(const char *name, u64 operand, enum vmx_result result)
{
    if (result == VMX_FAIL_INVALID)
        panic("%s of %lx: VMfailInvalid, no current VMCS", name, operand);
    panic("%s of %lx: %s", name, operand, instruction_error_name((u32)instruction_error()));
}

void vmread_failed(u32 field)
{
    panic("VMREAD of field %x: %s", field, instruction_error_name((u32)instruction_error()));
}

void vmwrite_failed(u32 field)
{
    panic("VMWRITE of field %x: %s", field, instruction_error_name((u32)instruction_error()));
}
