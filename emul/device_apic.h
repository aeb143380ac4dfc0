/* SPDX-License-Identifier: BSD-2-Clause */
/* The LAPIC's register page, for device_mmio_*() alone. */
#ifndef EMUL_DEVICE_APIC_H
#define EMUL_DEVICE_APIC_H

#include "emul/vm.h"

/* `offset` + `size` lie within the page; what is performed and what is refused: emul/device.h. */
void device_apic_page_read(struct vm *vm, u32 offset, u32 size, void *value);
void device_apic_page_write(struct vm *vm, u32 offset, u32 size, const void *value);

#define DEVICE_APIC_ICR 0x300 /* low half */

/* A register (its low four bytes) that is written just so: no guard looks at the value. */
static inline bool device_apic_is_plain(u32 offset)
{
    return !(offset & 15) && offset != DEVICE_APIC_ICR;
}

#endif
