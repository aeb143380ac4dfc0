/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's own paging, walked as the CPU would walk it: 4-level, PAE (by the PDPTEs of the VMCS), 32-bit, or none.
 */
#ifndef EPT_GUEST_WALK_H
#define EPT_GUEST_WALK_H

#include "ept/window.h"
#include "lib/vcpu.h"

enum walk_access { WALK_READ, WALK_WRITE, WALK_FETCH };

struct walk_request {
    gva_t linear; /* canonical where that matters: the caller has checked */
    enum walk_access access;
    bool user; /* made with CPL 3 and not implicitly supervisor (descriptor tables, TSS) */
    bool implicit; /* implicit supervisor access: SMAP applies whatever EFLAGS.AC says */
    bool probe; /* look only: no accessed or dirty flag is written */
};

enum walk_status {
    WALK_OK,
    WALK_FAULT, /* #PF: error_code is what the CPU would push, CR2 = linear */
};

struct walk_entry {
    gpa_t at;
    u64 value; /* as it stands after A/D updates */
};

struct walk_result {
    gpa_t gpa;
    u64 page_size; /* bytes mapped by the leaf; 4 KiB when paging is off */
    u32 error_code;
    u32 depth; /* entries that were read from memory */
    struct walk_entry entries[5];
};

/*
 * SDM "Paging": permission by U/S, R/W, CR0.WP, NXE, SMEP, SMAP, protection keys (`pkru` and `pkrs` are the registers'
 * values), reserved bits by MAXPHYADDR, 1 GiB pages only where the guest's CPUID has them; accessed and dirty flags set
 * with a locked compare-exchange, re-walking when it loses a race. Reads CR0, CR3, CR4, EFER, RFLAGS and the PDPTEs of `v`.
 */
enum walk_status guest_walk(struct vcpu *v, const struct window *window, const struct walk_request *request, struct walk_result *result);

#endif
