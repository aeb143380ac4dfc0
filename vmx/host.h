/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exeunt's own descriptor tables and what happens on an exception or NMI in root mode. One set for each CPU.
 */
#ifndef VMX_HOST_H
#define VMX_HOST_H

#include "lib/types.h"

enum host_selector { HOST_CS = 0x08, HOST_SS = 0x10, HOST_TR = 0x18 };

#define HOST_IST_STACK 4096

/* SDM "Task Management in 64-bit Mode": 64-bit TSS. */
struct host_tss {
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 ist[7];
    u64 reserved2;
    u16 reserved3, io_map_base;
} __attribute__((packed));
_Static_assert(sizeof(struct host_tss) == 104, "SDM: 64-bit TSS format");

struct host_tables {
    u64 gdt[5]; /* null, code, data, TSS (two) */
    struct host_tss tss;
    char nmi_stack[HOST_IST_STACK] __attribute__((aligned(16)));
    char machine_check_stack[HOST_IST_STACK] __attribute__((aligned(16)));
    char fault_stack[HOST_IST_STACK] __attribute__((aligned(16))); /* everything else: our own bugs and fix-ups */
};

/* What host_entry.S pushes: registers in the order of their encoding, then what the CPU pushed. */
struct host_frame {
    u64 gpr[16];
    u64 vector, error_code;
    u64 rip, cs, rflags, rsp, ss;
};

struct cpu;

/* Loads GDT, TSS and IDT for this CPU and points GS at `cpu`. */
void host_load(struct cpu *cpu);

/* The CPU that executes this (by GS base). */
struct cpu *host_cpu(void);

/* The IDT's linear address, for the VMCS. */
u64 host_idt_base(void);

void host_exception(struct host_frame *frame);

#endif
