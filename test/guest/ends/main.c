/* SPDX-License-Identifier: BSD-2-Clause */
/* Ends the machine in the way that option end= names (SPEC 2.7); Exeunt must print its last report first. */
#include "test/guest/lib/acpi.h"
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

static void triple_fault(void)
{
    struct table_register none = {0, 0};
    __asm__ volatile("lidt %0; int3" : : "m"(none));
}

static void acpi_s5(void)
{
    struct acpi_power power;
    if (!acpi_find_power(&power)) {
        fail("ends.s5", "no FADT or no _S5_");
        finish();
    }
    outb((u16)power.smi_command, power.acpi_enable); /* nothing where ACPI is on already */
    outw((u16)power.pm1a_control, (u16)(power.s5_type << 10 | 1 << 13));
}

static const struct {
    const char *name;
    void (*end)(void);
} other_ends[] = {{"s5", acpi_s5}, {"triple", triple_fault}};

static const struct {
    const char *name;
    u16 port;
    u8 first, second; /* written one after the other */
} port_ends[] = {
    {"cf9", 0xcf9, 0x02, 0x06},
    {"92", 0x92, 0x00, 0x01},
    {"kbc", 0x64, 0xfe, 0xfe},
    {"f4", 0xf4, 0x10, 0x10},
};

void guest_main(void)
{
    print("DONE %s\n", guest_name);
    console_drain();
    for (u32 i = 0; i < COUNT_OF(other_ends); i++)
        if (option_is("end", other_ends[i].name))
            other_ends[i].end();
    for (u32 i = 0; i < COUNT_OF(port_ends); i++)
        if (option_is("end", port_ends[i].name)) {
            outb(port_ends[i].port, port_ends[i].first);
            outb(port_ends[i].port, port_ends[i].second);
        }
    if (option_is("end", "8900"))
        for (const char *s = "Shutdown"; *s; s++)
            outb(0x8900, (u8)*s);
    halt_forever();
}
