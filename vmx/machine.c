/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/machine.h"

#include "lib/console.h"
#include "lib/cpu.h"
#include "lib/msr.h"
#include "vmx/cpu.h"
#include "vmx/reporting.h"

static u32 port_in(u16 port, u32 size)
{
    switch (size) {
    case 1:
        return in8(port);
    case 2:
        return in16(port);
    default:
        return in32(port);
    }
}

static void port_out(u16 port, u32 size, u32 value)
{
    switch (size) {
    case 1:
        out8(port, (u8)value);
        break;
    case 2:
        out16(port, (u16)value);
        break;
    default:
        out32(port, value);
        break;
    }
}

static void port_ins(u16 port, u32 size, void *to, u64 count)
{
    switch (size) {
    case 1:
        ins8(port, to, count);
        break;
    case 2:
        ins16(port, to, count);
        break;
    default:
        ins32(port, to, count);
        break;
    }
}

static void port_outs(u16 port, u32 size, const void *from, u64 count)
{
    switch (size) {
    case 1:
        outs8(port, from, count);
        break;
    case 2:
        outs16(port, from, count);
        break;
    default:
        outs32(port, from, count);
        break;
    }
}

/* RDTSCP has it too, and never exits to an outer hypervisor. Whoever asks for IA32_TSC_AUX performs just that. */
static bool msr_read(u32 msr, u64 *value)
{
    if (msr != MSR_TSC_AUX || !host_cpu()->vm->policy.rdtscp)
        return vmx_rdmsr_safe(msr, value);
    u32 low, high, aux;
    asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
    *value = aux;
    return true;
}

static u64 debug_address(u32 index)
{
    switch (index) {
    case 0:
        return read_dr0();
    case 1:
        return read_dr1();
    case 2:
        return read_dr2();
    default:
        return read_dr3();
    }
}

static void read_leaf(void *context, u32 leaf, u32 subleaf, u32 out[4])
{
    struct cpuid_result result = cpuid(leaf, subleaf);
    out[0] = result.eax;
    out[1] = result.ebx;
    out[2] = result.ecx;
    out[3] = result.edx;
}

bool machine_read_cpuid(struct cpu *cpu)
{
    struct cpuid_facts facts = cpuid_facts(&cpu->controls);
    return cpuid_table_build(&cpu->cpuid, read_leaf, NULL, &facts) == CPUID_OK;
}

/* The report itself is printed between two exits. */
static void port_read(u16 port, u32 size, u32 value)
{
    if (console_guest_port_read(port, size, value))
        host_cpu()->chores |= CHORE_REPORT;
}

const struct machine real_machine = {
    .port_in = port_in,
    .port_out = port_out,
    .port_ins = port_ins,
    .port_outs = port_outs,
    .msr_read = msr_read,
    .msr_write = vmx_wrmsr_safe,
    .vector_get = vmx_vector_get,
    .vector_set = vmx_vector_set,
    .debug_address = debug_address,
    .time = rdtsc,
    .guest_ends = reporting_guest_ends,
    .port_read = port_read,
    .port_written = console_guest_port_write,
    .console_line = &console_line,
};
