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
 * Access of `size` bytes (1 to 16, within one page) to a page that window_find() calls TRAPPED: the LAPIC or a
 * trap=mmio: page. A trap=mmio: page gets one machine access of that size where such exists (1, 2, 4, 8), else the
 * largest such pieces in ascending order.
 *
 * LAPIC: the ICR is guarded (SPEC 2.6), everything else is forwarded. The architecture defines aligned 32-bit accesses
 * to 16-byte registers only (SDM "Local APIC Status and Location"). Those are performed as such. Of the rest, what
 * processors do in practice: a read inside the low four bytes is cut from a 32-bit read; one of 8 or 16 bytes at a
 * register has the register below and zeros above; a write of 8 or 16 bytes at a register writes its low four bytes.
 * All others read ones, write nothing, and are counted: a device never sees them.
 */
void device_mmio_read(struct vcpu *v, gpa_t at, u32 size, void *value);
void device_mmio_write(struct vcpu *v, gpa_t at, u32 size, const void *value);
/* The same for 1, 2, 4 or 8 bytes as a number, zero-extended. */
u64 device_mmio_load(struct vcpu *v, gpa_t at, u32 size);
void device_mmio_store(struct vcpu *v, gpa_t at, u32 size, u64 value);

/* x2APIC register MSRs 0x800..0x8ff. False: #GP. */
bool device_x2apic_read(struct vcpu *v, u32 msr, u64 *value);
bool device_x2apic_write(struct vcpu *v, u32 msr, u64 value);

enum icr_verdict {
    ICR_PERFORM,
    ICR_SWALLOW,   /* INIT, SIPI, NMI, SMI to other CPUs: swallowed and counted */
    ICR_SELF_ONLY, /* the same, but the sender is among the targets: its part is sent to its own ID, physically */
};

/* Who the sender is. */
struct icr_sender {
    u32 id;       /* APIC ID: 8 bits in xAPIC mode, 32 in x2APIC mode */
    u32 logical;  /* logical ID: LDR bits 31:24 in xAPIC mode, the whole LDR in x2APIC mode */
    bool cluster; /* xAPIC: DFR selects the cluster model */
};

/* Delivery modes of the ICR (SDM "Interrupt Command Register (ICR)"). */
enum icr_mode {
    ICR_FIXED,
    ICR_LOWEST,
    ICR_SMI,
    ICR_RESERVED,
    ICR_NMI,
    ICR_INIT,
    ICR_SIPI,
    ICR_EXTINT,
};

/* Such commands pass whoever gets them; for others the sender must be known. */
static inline bool icr_harmless(u64 icr)
{
    return ((icr >> 8) & 7) <= ICR_LOWEST;
}

/*
 * The guard of the interrupt command register, a pure function. `icr` is the 64-bit command: xAPIC destination in bits
 * 63:56, x2APIC in 63:32.
 */
enum icr_verdict icr_guard(u64 icr, bool x2apic, const struct icr_sender *sender);

#endif
