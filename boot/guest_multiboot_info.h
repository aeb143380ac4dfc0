/* SPDX-License-Identifier: BSD-2-Clause */
/* The Multiboot1 information block: between guest_multiboot.c, which places it, and guest_multiboot_info.c. */
#ifndef BOOT_GUEST_MULTIBOOT_INFO_H
#define BOOT_GUEST_MULTIBOOT_INFO_H

#include "boot/guest_multiboot.h"

/* Bytes that multiboot_build() writes for this request. */
u64 multiboot_info_size(const struct guest_request *request);

/* Fills in plan->plan.start: the machine state of the specification, "Machine state". */
void multiboot_info_start(struct multiboot_plan *plan, u32 entry);

#endif
