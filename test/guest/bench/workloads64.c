/* SPDX-License-Identifier: BSD-2-Clause */
/* The workloads of the 64-bit guest. dr-switch and vga-2d want trap=dr and trap=mmio:0xa0000+0x10000. */
#include "test/guest/bench/bench.h"
#include "test/guest/bench/vga.h"

SITES(cpuid);
SITES(vmcall);
SITES(vmcall_bare);
SITES(msr);
SITES(apic_read);
SITES(apic_write);
SITES(eoi);
SITES(pio_in);
SITES(pio_out);
SITES(lapic_module);
SITES(self_modify);
SITES(cpuid_leaves);
SITES(dr_switch);
SITES(vga_2d);

const struct workload workloads[] = {
    {LOOPS("cpuid", cpuid)},
    {LOOPS("vmcall", vmcall), .where = EXEUNT},
    {LOOPS("vmcall", vmcall_bare), .where = BARE},
    {LOOPS("msr", msr)},
    {LOOPS("apic-read", apic_read)},
    {LOOPS("apic-write", apic_write)},
    {LOOPS("eoi", eoi)},
    {LOOPS("pio-in", pio_in)},
    {LOOPS("pio-out", pio_out)},
    {TABLE("lapic-module", lapic_module, 1, 32)},
    {.name = "serial-console", .rounds = 32, .run = serial_console, .ops_in_round = SERIAL_LINE, .warm_up = 16},
    {.name = "never-hit",
     .rounds = 8,
     .run = never_hit,
     .ops_in_round = NEVER_HIT_SITES,
     .warm_up = 4,
     .prepare = never_hit_prepare},
    {LOOPS("self-modify", self_modify)},
    {LOOPS("cpuid-leaves", cpuid_leaves)},
    {FEWER_LOOPS("dr-switch", dr_switch)},
    {FEWER_LOOPS("vga-2d", vga_2d), .ops_in_pass = VGA_OPS_IN_PASS, .prepare = vga_planar, .restore = vga_restore},
    {},
};
