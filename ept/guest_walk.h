/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's own paging, walked as the CPU would walk it: 4-level, PAE (by the PDPTEs of the VMCS), 32-bit, or none.
 * 5-level paging is hidden from the guest: with CR4.LA57 set, which cannot be, every walk faults as not present.
 */
#ifndef EPT_GUEST_WALK_H
#define EPT_GUEST_WALK_H

#include "ept/window.h"
#include "lib/vcpu.h"

enum walk_access { WALK_READ, WALK_WRITE, WALK_FETCH };

struct walk_request {
    gva_t
        linear; /* canonical where that matters: the caller has checked. Outside 64-bit paging its low 32 bits count */
    enum walk_access access;
    bool user;     /* made with CPL 3 and not implicitly supervisor (descriptor tables, TSS) */
    bool implicit; /* implicit supervisor access: SMAP applies whatever EFLAGS.AC says */
    bool probe;    /* look only: no accessed or dirty flag is written */
};

enum walk_status {
    WALK_OK,
    WALK_FAULT, /* #PF: error_code is what the CPU would push, CR2 = linear */
};

struct walk_entry {
    gpa_t at;
    u64 value; /* as it stands after A/D updates */
};

/* SDM "Page-Fault Exceptions": the error code. */
enum walk_error {
    WALK_ERROR_P = 1 << 0,
    WALK_ERROR_W = 1 << 1,
    WALK_ERROR_U = 1 << 2,
    WALK_ERROR_RSVD = 1 << 3,
    WALK_ERROR_I = 1 << 4,
    WALK_ERROR_PK = 1 << 5,
};

struct walk_result {
    gpa_t gpa;
    u64 page_size; /* bytes mapped by the leaf; 4 KiB when paging is off */
    u32 error_code;
    u32 depth; /* entries that were read from memory */
    struct walk_entry entries[5];
};

/*
 * SDM "Paging": permission by U/S, R/W, CR0.WP, NXE, SMEP, SMAP, protection keys (of user pages: CR4.PKS is hidden from
 * the guest), reserved bits by MAXPHYADDR, 1 GiB pages only where the guest's CPUID has them; accessed and dirty flags
 * set with a locked compare-exchange, re-walking when it loses a race. All are set, and only, if the access is
 * permitted. Reads CR0, CR3, CR4, EFER, and where they matter RFLAGS, PKRU and the PDPTEs of `v`.
 */
enum walk_status guest_walk(struct vcpu *v, const struct window *window, const struct walk_request *request,
                            struct walk_result *result);

#endif
