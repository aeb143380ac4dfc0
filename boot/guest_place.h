/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guest planners share: steps, and where things may not go. */
#ifndef BOOT_GUEST_PLACE_H
#define BOOT_GUEST_PLACE_H

#include "boot/guest.h"

#define LOW_MEMORY_END 0xa0000
#define GUEST_MEMORY_END (4 * GIB) /* guests are placed below: 32-bit pointers reach everything */

/* Room for what the shell keeps, the modules before and after they moved, and the segments of an ELF image. */
#define AVOID_MAX (GUEST_KEEP_MAX + 2 * MULTIBOOT2_MODULES_MAX + GUEST_STEPS_MAX)

struct avoid_list {
    u32 count;
    struct range range[AVOID_MAX];
};

/* False: the plan is full. */
bool guest_add_step(struct guest_plan *plan, struct guest_step step);

bool ranges_touch(struct range a, struct range b);

/* Adds [start, end) unless it is empty. */
void avoid_add(struct avoid_list *list, u64 start, u64 end);

/* Starts the list with the ranges that the shell keeps. */
void avoid_request(struct avoid_list *list, const struct guest_request *request);

/* Adds all modules (the image among them) where the boot loader put them. */
void avoid_modules(struct avoid_list *list, const struct guest_request *request);

bool avoid_touches(const struct avoid_list *list, struct range range);

/* `size` bytes, rounded up to pages, below 640 KiB or else as high as possible below 4 GiB. */
bool guest_find_area(const struct guest_request *request, const struct avoid_list *avoid, u64 size, struct range *area);

#endif
