/* SPDX-License-Identifier: BSD-2-Clause */
/* The workloads' loops (sites64.S, serial.c), for main.c which measures them. */
#ifndef GUEST_BENCH_H
#define GUEST_BENCH_H

#include "test/guest/lib/guest.h"

/* A site performs its op `count` times, in code and with registers of its own. */
typedef void site(u64 count);

/* Calls each site from first to before end, with `inner`, all of that `rounds` times. Sites may change all registers.
 */
void bench_run(site *const *first, site *const *end, u64 inner, u64 rounds);

#define SITES(name) extern site *const sites_##name[], *const sites_##name##_end[]
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
#undef SITES

/* Writes `lines` lines of SERIAL_LINE characters to COM1 as Linux's 8250 driver writes its console. */
#define SERIAL_LINE 48
void serial_console(u64 lines);

/* Performs NEVER_HIT_SITES loads from the LAPIC, each by an instruction that has never run, in each of `rounds`. */
#define NEVER_HIT_SITES 2048
void never_hit_prepare(void);
void never_hit(u64 rounds);

#endif
