/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What start-up carries from one step to the next. The story is boot/main.c; each step has its file.
 */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include "boot/acpi.h"
#include "boot/guest.h"
#include "boot/memory_map.h"
#include "boot/multiboot2.h"
#include "boot/options.h"
#include "emul/vm.h"
#include "lib/page_pool.h"
#include "vmx/caps.h"
#include "vmx/cpu.h"
#include "vmx/vmcs.h"

struct boot {
    u64 started;        /* TSC at boot_main() */
    struct range image; /* where GRUB put Exeunt */
    struct multiboot2_info info;
    struct options options;
    struct memory_map map; /* the guest's: Exeunt's region is reserved */
    u64 rsdp;              /* physical address of the RSDP, 0: only the copy in `info` */

    struct vmx_caps caps;
    struct caps_report caps_report;
    struct policy_facts facts;
    bool unrestricted;     /* the CPU has unrestricted guest */
    hpa_t identity_tables; /* without it: PAGING_OFF_PAGES for vmx/paging_off.c */
    u32 cpus_present;
    u64 ticks_per_ms; /* of the TSC */
    struct page_pool pool;
    struct vm vm;
    struct vmcs_bitmaps bitmaps;
    enum guest_kind guest_kind;
    struct guest_start guest;
};

/* boot/own_memory.c: chooses Exeunt's region, moves there, and takes it out of the guest's memory map. */
void boot_own_memory(struct boot *boot);

/* boot/machine.c: reads ACPI and fills boot->facts; hides from the guest the processors that it may not use. */
void boot_read_machine(struct boot *boot);

/* boot/virtualize.c: checks VT-x and says all that is missing; then builds EPT, policy and CPUID for this CPU. */
void boot_check_vmx(struct boot *boot, struct cpu *cpu);
void boot_build_vm(struct boot *boot, struct cpu *cpu);

/* boot/load_guest.c: recognises the first module, and puts the guest in place. */
void boot_recognise_guest(struct boot *boot);
void boot_load_guest(struct boot *boot);

#endif
