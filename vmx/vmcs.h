/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMXON and the VMCS of one CPU, from nothing to the moment before VMLAUNCH.
 */
#ifndef VMX_VMCS_H
#define VMX_VMCS_H

#include "vmx/cpu.h"

#define GUEST_VPID 1

/* SDM "Activity State" */
enum activity { ACTIVITY_ACTIVE, ACTIVITY_HLT, ACTIVITY_SHUTDOWN, ACTIVITY_WAIT_FOR_SIPI };

/* The bitmaps that the policy generates; one set for all CPUs. */
struct vmcs_bitmaps {
    u8 io[8192] __attribute__((aligned(PAGE_SIZE)));
    u8 msr[4096] __attribute__((aligned(PAGE_SIZE)));
};

/* The first state of the guest. Flat segments; interrupts off. */
struct vmcs_start {
    bool long_mode; /* 64-bit code with paging on cr3; else 32-bit protected mode without paging */
    u64 rip, rsp, cr3;
    u64 gdt_base;
    u32 gdt_limit;
    u16 code_selector, data_selector;
};

/* Sets CR0, CR4 and enters VMX operation. Returns false when VMXON fails (the message is the caller's). */
bool vmcs_vmxon(struct cpu *cpu, const struct vmx_caps *caps);

/* Makes the VMCS current and writes all of it. cpu->controls, masks, eptp, vm and host tables are set. */
void vmcs_build(struct cpu *cpu, const struct vmx_caps *caps, const struct vmcs_bitmaps *bitmaps,
                const struct vmcs_start *start);

/* Whether exits look for a translation first, vmx/entry.S's quick way, from the next entry on. cpu's VMCS is current.
 */
void vmcs_exit_to(const struct cpu *cpu, bool quick);

/*
 * Reads each field that is read without a check from then on, by vmread_sure() and in vmx/entry.S: a field that the CPU
 * does not have is fatal here. cpu's VMCS is current.
 */
void vmcs_check_fields(void);

/* First entry. Does not return. */
_Noreturn void vmx_launch(struct cpu *cpu);

#endif
