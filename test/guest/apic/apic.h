/* SPDX-License-Identifier: BSD-2-Clause */
/* The LAPIC page through many instruction forms. */
#ifndef GUEST_APIC_APIC_H
#define GUEST_APIC_APIC_H

void apic_forms(void);

#endif
