/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Multiboot1 image as the guest (Multiboot specification 0.6.96): ELF32, or any image whose header has load
 * addresses. Its command line is the first module's string, as it stands; the other modules are its modules. Pure.
 */
#ifndef BOOT_GUEST_MULTIBOOT_H
#define BOOT_GUEST_MULTIBOOT_H

#include "boot/guest.h"
#include "lib/types.h"

struct multiboot_plan {
    struct guest_plan plan;
    u32 header_flags;
    u32 unsupported;  /* header flags that made GUEST_MULTIBOOT_FEATURE */
    u32 module_count; /* of the guest */
    struct {
        u64 start, end;
    } module[MULTIBOOT2_MODULES_MAX]; /* where they are when the guest starts */
};

/* Decides where everything goes. On failure the plan is not to be used, save `unsupported`. */
enum guest_status multiboot_plan(const struct guest_request *request, struct multiboot_plan *plan);

/* Writes the information block, the module list, the memory map and all strings into `area`: the memory at
 * plan->plan.area. */
void multiboot_build(const struct guest_request *request, const struct multiboot_plan *plan, void *area);

/* The offset of a valid Multiboot1 header in the first 8 KiB; -1: none. */
s32 multiboot_find_header(const u8 *bytes, u64 length);

#endif
