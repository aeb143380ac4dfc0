/* SPDX-License-Identifier: BSD-2-Clause */
/* The LAPIC's register page, for device_mmio_*() alone. */
#ifndef EMUL_DEVICE_APIC_H
#define EMUL_DEVICE_APIC_H

#include "emul/vm.h"

/* `offset` + `size` lie within the page; what is performed and what is refused: emul/device.h. */
void device_apic_page_read(struct vm *vm, u32 offset, u32 size, void *value);
void device_apic_page_write(struct vm *vm, u32 offset, u32 size, const void *value);

#endif
