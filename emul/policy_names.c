/* SPDX-License-Identifier: BSD-2-Clause */
/* Names for reports, from the same tables that make the policy. */
#include "emul/policy.h"

struct name_range {
    u32 first, last;
    const char *name;
};

#define PORTS(first, last, name) {first, last, name},
static const struct name_range port_names[] = {
#include "emul/ports.def"
};
#undef PORTS

#define APIC(offset, name, readable, writable) {offset, (offset) + 15, name},
static const struct name_range apic_names[] = {
#include "emul/apic_registers.def"
};
#undef APIC

#define MSR(first, last, read, write, name) {first, last, name},
static const struct name_range msr_names[] = {
#include "emul/msr_policy.def"
};
#undef MSR

/* `table` is sorted and disjoint. NULL where nothing covers `value`. */
static const char *find(const struct name_range *table, u32 count, u32 value)
{
    u32 low = 0, high = count;

    while (low < high) {
        u32 middle = (low + high) / 2;
        if (table[middle].last < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && table[low].first <= value ? table[low].name : NULL;
}

const char *port_name(u16 port)
{
    const char *name = find(port_names, COUNT_OF(port_names), port);
    return name ? name : "other";
}

/* Whether `port` is one of the `count` ports from `base`; a base of 0 does not exist. */
static bool covers(u16 base, u32 count, u16 port)
{
    return base && port >= base && port - base < (int)count;
}

const char *port_name_here(const struct guard_config *config, u16 port)
{
    if (covers(config->pm1a_control, 2, port) || covers(config->pm1b_control, 2, port))
        return "ACPI PM1_CNT";
    if (covers(config->pm1a_status, 2, port) || covers(config->pm1b_status, 2, port))
        return "ACPI PM1_STS";
    if (covers(config->timer, 4, port))
        return "ACPI timer";
    if (covers(config->sleep_control, 1, port))
        return "ACPI sleep";
    const char *name = find(port_names, COUNT_OF(port_names), port);
    if (!name && covers(config->reset_port, 1, port))
        name = "ACPI reset";
    return name ? name : "other";
}

const char *apic_register_name(u32 offset)
{
    const char *name = find(apic_names, COUNT_OF(apic_names), offset);
    return name ? name : "reserved";
}

const char *msr_name(u32 msr)
{
    return find(msr_names, COUNT_OF(msr_names), msr);
}
