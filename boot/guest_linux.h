/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Linux bzImage as the guest, by the Linux boot protocol (Documentation/arch/x86/boot.rst and zero-page.rst in
 * Linux). The initrd is the second module; further modules are not used. Pure. (The plan is large: not for the stack.)
 */
#ifndef BOOT_GUEST_LINUX_H
#define BOOT_GUEST_LINUX_H

#include "boot/guest.h"
#include "lib/types.h"

/* What was found and decided, for the boot log. */
struct linux_plan {
    struct guest_plan plan;
    u16 protocol;                 /* 0x020f: 2.15 */
    u64 load_at;                  /* the protected-mode kernel */
    u64 init_size;                /* the memory that it wants there */
    bool relocated;               /* not at its preferred address */
    u64 initrd_at, initrd_length; /* 0: none */
    u64 rsdp_at;                  /* what the guest is told; 0: nothing */
    struct memory_map map;        /* what the guest sees */
};

/* Decides where everything goes. On failure the plan is not to be used. */
enum guest_status linux_plan(const struct guest_request *request, struct linux_plan *plan);

/*
 * Writes zero page, command line, GDT, page tables, and where they are needed a copy of the RSDP, more E820 entries and
 * the EFI memory map, into `area`: the memory at plan->plan.area, all of it. The request is the one that was planned.
 */
void linux_build(const struct guest_request *request, const struct linux_plan *plan, void *area);

#endif
