/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a trapped access does: look the verdict up, guard, and perform it on the real device for the guest.
 */
#ifndef EMUL_DEVICE_H
#define EMUL_DEVICE_H

#include "emul/vm.h"
#include "lib/vcpu.h"

/* Port access of 1, 2 or 4 bytes; permission (CPL, IOPL, TSS bitmap) was checked. The read value is zero-extended. */
u32 device_port_read(struct vcpu *v, u16 port, u32 size);
void device_port_write(struct vcpu *v, u16 port, u32 size, u32 value);

/*
 * Access of `size` bytes (1 to 16, within one page) to a page that window_find() calls TRAPPED: the LAPIC or a trap=mmio:
 * page. Performed as one machine access of that size where such exists (1, 2, 4, 8), else in 8-byte pieces.
 * LAPIC: the ICR is guarded (SPEC 2.6), everything else is forwarded.
 */
void device_mmio_read(struct vcpu *v, gpa_t at, u32 size, void *value);
void device_mmio_write(struct vcpu *v, gpa_t at, u32 size, const void *value);

/* x2APIC register MSRs 0x800..0x8ff. False: #GP. */
bool device_x2apic_read(struct vcpu *v, u32 msr, u64 *value);
bool device_x2apic_write(struct vcpu *v, u32 msr, u64 value);

/*
 * The guard of the interrupt command register, a pure function. `icr` is the 64-bit command: xAPIC destination in bits
 * 63:56, x2APIC in 63:32.
 */
enum icr_verdict {
    ICR_PERFORM,
    ICR_SWALLOW, /* INIT, SIPI, NMI, SMI to other CPUs: swallowed and counted */
};
enum icr_verdict icr_guard(u64 icr, bool x2apic, u32 own_id);

#endif
