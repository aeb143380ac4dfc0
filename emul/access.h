/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory by segment and offset: segmentation, canonical form, alignment check, paging, then the window or a
 * device. All that can fault is checked before anything is written, so an access happens whole or not at all.
 */
#ifndef EMUL_ACCESS_H
#define EMUL_ACCESS_H

#include "emul/vm.h"
#include "ept/guest_walk.h"
#include "lib/vcpu.h"

enum access_kind { ACCESS_READ, ACCESS_WRITE, ACCESS_MODIFY /* read now, written next: faults as a write */, ACCESS_FETCH };

/* Segment and offset to linear address, with limit, type and canonical checks (#GP, or #SS through SS). False: raised. */
bool access_linear(struct vcpu *v, enum segment_name segment, u64 offset, u32 size, enum access_kind kind, gva_t *linear);

/* At the privilege of the running code. False: the fault is raised in `v` and nothing was written. `size` 1..64. */
bool access_read(struct vcpu *v, enum segment_name segment, u64 offset, void *value, u32 size);
bool access_write(struct vcpu *v, enum segment_name segment, u64 offset, const void *value, u32 size);

/* Same for a linear address; `implicit` makes a supervisor access whatever CPL (descriptor tables, TSS). */
bool access_linear_read(struct vcpu *v, gva_t linear, void *value, u32 size, bool implicit);
bool access_linear_write(struct vcpu *v, gva_t linear, const void *value, u32 size, bool implicit);

/* Fetches up to 15 bytes at CS:RIP (fewer before a fault that a shorter instruction would not meet). False: raised. */
bool access_fetch(struct vcpu *v, u8 *bytes, u32 *available);

#endif
