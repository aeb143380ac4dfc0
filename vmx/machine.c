/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/machine.h"

#include "lib/console.h"
#include "lib/cpu.h"
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

const struct machine real_machine = {
    .port_in = port_in,
    .port_out = port_out,
    .msr_read = vmx_rdmsr_safe,
    .msr_write = vmx_wrmsr_safe,
    .xmm_get = vmx_xmm_get,
    .xmm_set = vmx_xmm_set,
    .debug_address = debug_address,
    .time = rdtsc,
    .guest_ends = reporting_guest_ends,
    .port_written = console_guest_port_write,
};
