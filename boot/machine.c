/* SPDX-License-Identifier: BSD-2-Clause */
/* What firmware's tables say about this machine: the ports that end the guest, the processors. */
#include "boot/boot.h"
#include "lib/address_space.h"
#include "lib/console.h"
#include "lib/cpu.h"
#include "lib/msr.h"
#include "lib/print.h"

#define CPUS_MAX 256

static void *map(void *context, u64 address, u64 length)
{
    if (address > own_space.direct_end || length > own_space.direct_end - address)
        return NULL;
    if (address < own_space.region.at + own_space.region_size && own_space.region.at < address + length)
        return NULL;
    return direct(hpa(address));
}

static const struct acpi_memory memory = {.map = map};

/* GRUB's copy is what UEFI machines have; on BIOS machines the guest wants the address of the original too. */
static enum acpi_status open_acpi(struct boot *boot, struct acpi_root *root)
{
    u64 at;
    if (acpi_find_rsdp(&memory, &at) == ACPI_OK)
        boot->rsdp = at;
    if (boot->info.rsdp)
        return acpi_open(&memory, boot->info.rsdp, boot->info.rsdp_length, root);
    if (!boot->rsdp)
        return ACPI_NO_RSDP;
    return acpi_open(&memory, direct(hpa(boot->rsdp)), 36, root);
}

static u32 own_apic_id(void)
{
    return cpuid(1, 0).ebx >> 24;
}

/* The guest starts no processor yet: the others are hidden in the MADT and stay as firmware parked them. */
static void read_processors(struct boot *boot, const struct acpi_root *root)
{
    static struct acpi_cpu cpus[CPUS_MAX];
    struct acpi_table madt;
    u32 hidden = 0;
    boot->cpus_present = 1;
    if (acpi_find_table(root, "APIC", 0, &madt) != ACPI_OK)
        return;
    acpi_madt_cpus(&madt, cpus, CPUS_MAX, &boot->cpus_present);
    enum acpi_status status = acpi_madt_keep_one(&madt, own_apic_id(), &hidden);
    if (status != ACPI_OK)
        print("MADT: %s: the guest may see processors that it cannot start\n", acpi_status_text(status));
    else if (hidden)
        print("processors: %u, the guest gets 1; %u hidden in the MADT, INIT and SIPI to them are swallowed\n",
              boot->cpus_present, hidden);
}

static void read_end_guards(struct boot *boot, const struct acpi_root *root)
{
    struct guard_config *config = &boot->facts.guards;
    bool memory_space = false;
    enum acpi_status status = acpi_guard_config(root, config, &memory_space);
    if (status != ACPI_OK)
        print("ACPI: %s: power-off is not seen\n", acpi_status_text(status));
    else if (!config->has_s5)
        print("ACPI: no \\_S5_ found: power-off is not seen\n");
    else if (memory_space)
        print("ACPI: power registers in memory space are not guarded\n");
}

void boot_read_machine(struct boot *boot)
{
    struct acpi_root root;
    boot->cpus_present = 1;
    enum acpi_status status = open_acpi(boot, &root);
    if (status == ACPI_OK) {
        read_end_guards(boot, &root);
        read_processors(boot, &root);
    } else {
        print("ACPI: %s: power-off is not seen\n", acpi_status_text(status));
    }
    boot->facts.report_at_end = boot->options.report.at_end;
    boot->facts.other_cpus = boot->cpus_present > 1;
    boot->facts.x2apic_available = cpuid(1, 0).ecx & BIT(21);
    boot->facts.console_port = console_port();
    boot->facts.apic_base = rdmsr(MSR_APIC_BASE);
}
