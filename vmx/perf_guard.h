/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Performance monitoring that the guest may use and that must not run on in root mode (SPEC 2.3): a PEBS record is
 * stored at a linear address that the guest chose, and in root mode linear addresses are Exeunt's.
 */
#ifndef VMX_PERF_GUARD_H
#define VMX_PERF_GUARD_H

#include "lib/types.h"

struct cpu;

/* SDM "VM-Exit MSR-Load Address", "VM-Entry MSR-Load Address": an area of one entry. */
struct msr_area {
    u32 msr, reserved;
    u64 value;
} __attribute__((aligned(16)));
_Static_assert(sizeof(struct msr_area) == 16, "SDM: format of an MSR entry");

struct perf_guard {
    struct msr_area pebs_guest, pebs_root; /* IA32_PEBS_ENABLE: what entries load, and 0 for exits */
};

/* IA32_PERF_GLOBAL_CTRL. False: #GP. */
bool perf_write_global_ctrl(struct cpu *cpu, u64 value);

/* IA32_PEBS_ENABLE. False: #GP. */
bool perf_read_pebs_enable(struct cpu *cpu, u64 *value);
bool perf_write_pebs_enable(struct cpu *cpu, u64 value);

#endif
