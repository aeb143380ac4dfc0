/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all CPUs of the guest share: its memory, the policy, the machine's devices.
 */
#ifndef EMUL_VM_H
#define EMUL_VM_H

#include "cache/coherence.h"
#include "emul/guards.h"
#include "emul/policy.h"
#include "ept/ept.h"
#include "ept/window.h"
#include "lib/types.h"

/* What is moved between a vector register and memory, and what becomes of the rest of the register. */
enum vector_register {
    VECTOR_XMM = 0,  /* 16 bytes; what is above stays */
    VECTOR_YMM = 16, /* 32 bytes; what is above is cleared */
    VECTOR_MMX = 32, /* 8 bytes; the x87 unit goes to MMX state */
    VECTOR_END = 40,
};

struct console_line;

/* The real devices, behind a few functions so that host tests can stand a fake machine in their place. */
struct machine {
    u32 (*port_in)(u16 port, u32 size); /* size 1, 2, 4 */
    void (*port_out)(u16 port, u32 size, u32 value);
    void (*port_ins)(u16 port, u32 size, void *to, u64 count); /* `count` elements, upwards */
    void (*port_outs)(u16 port, u32 size, const void *from, u64 count);
    bool (*msr_read)(u32 msr, u64 *value); /* false: #GP */
    bool (*msr_write)(u32 msr, u64 value);
    /* Vector registers of the guest, which live in the machine: `index` is one of enum vector_register. */
    void (*vector_get)(u32 index, void *value);
    void (*vector_set)(u32 index, const void *value);
    u64 (*debug_address)(u32 index); /* DR0 to DR3 of the guest; NULL: accesses are not held against breakpoints */
    u64 (*time)(void);               /* TSC: bounds string I/O (SPEC 6.4) */
    void (*guest_ends)(enum end_cause cause); /* before the access that ends it takes effect: prints the last report */
    /* After each port write that was performed, for whoever follows the console's line starts. May be NULL. */
    void (*port_written)(u16 port, u32 size, u32 value);
    /* After each read of the console's data port (policy.console_data), for whoever follows its input. May be NULL. */
    void (*port_read)(u16 port, u32 size, u32 value);
    struct console_line *console_line; /* for writes to policy.console_data without port_written(); may be NULL */
};

/* What was not done as the guest asked: each is a line of the report. */
struct device_counts {
    u64 swallowed_init, swallowed_sipi, swallowed_nmi, swallowed_smi, swallowed_other_ipi; /* SPEC 2.6 */
    u64 denied_port_reads, denied_port_writes;
    u64 refused_sleeps;                          /* S1 to S4 */
    u64 refused_apic_reads, refused_apic_writes; /* of a form that the architecture leaves undefined */
};

/* Small members first, for they are addressed with short displacements then. */
struct vm {
    const struct machine *machine;
    struct window window;
    u8 physical_bits;          /* MAXPHYADDR */
    u8 linear_bits;            /* 48 or 57 */
    bool smp;                  /* other CPUs exist: IPIs to them are guarded */
    u64 string_deadline_ticks; /* REP instructions stop after so much TSC time (SPEC 6.4: 20 microseconds); 0: never */
    struct guards guards;
    struct device_counts device_counts;
    struct ept ept;
    struct policy policy;
    struct mtrrs mtrrs; /* as the machine has them; the EPT's memory types follow */
    struct coherence coherence;
};

#endif
