/* SPDX-License-Identifier: BSD-2-Clause */
/* As much of ACPI as powering off needs. */
#ifndef GUEST_LIB_ACPI_H
#define GUEST_LIB_ACPI_H

#include "test/guest/lib/guest.h"

struct acpi_power {
    u32 smi_command, pm1a_control;
    u8 acpi_enable, s5_type;
};

/* False when the tables are not found. */
bool acpi_find_power(struct acpi_power *power);

/* Local APICs in the MADT that are enabled; 0 without one. */
u32 acpi_cpu_count(void);

#endif
