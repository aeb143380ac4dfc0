/* SPDX-License-Identifier: BSD-2-Clause */
/* RSDP, RSDT, FADT, the _S5_ object by its bytes, and the MADT's processors. */
#include "test/guest/lib/acpi.h"

static bool same(const u8 *a, const char *b, u32 n)
{
    for (u32 i = 0; i < n; i++)
        if (a[i] != (u8)b[i])
            return false;
    return true;
}

static u32 load32(const u8 *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

static u8 sum(const u8 *p, u32 n)
{
    u8 total = 0;
    while (n--)
        total = (u8)(total + *p++);
    return total;
}

static const u8 *find_rsdp(void)
{
    for (word at = 0xe0000; at < 0x100000; at += 16)
        if (same((const u8 *)at, "RSD PTR ", 8) && !sum((const u8 *)at, 20))
            return (const u8 *)at;
    return NULL;
}

static const u8 *find_table(const char *signature)
{
    const u8 *rsdp = find_rsdp();
    if (!rsdp)
        return NULL;
    const u8 *rsdt = (const u8 *)(word)load32(rsdp + 16);
    for (u32 at = 36; at + 4 <= load32(rsdt + 4); at += 4) {
        const u8 *table = (const u8 *)(word)load32(rsdt + at);
        if (same(table, signature, 4))
            return table;
    }
    return NULL;
}

/* Name(_S5_, Package() {type, ...}): 08 "_S5_" 12 length count [0A] type */
static bool find_s5(const u8 *dsdt, u8 *type)
{
    u32 length = load32(dsdt + 4);
    for (u32 at = 36; at + 8 < length; at++) {
        if (!same(dsdt + at, "_S5_", 4) || dsdt[at + 4] != 0x12)
            continue;
        const u8 *p = dsdt + at + 5;
        p += 1 + (*p >> 6); /* package length */
        p++;                /* element count */
        *type = *p == 0x0a ? p[1] : *p;
        return true;
    }
    return false;
}

bool acpi_find_power(struct acpi_power *power)
{
    const u8 *fadt = find_table("FACP");
    if (!fadt)
        return false;
    power->smi_command = load32(fadt + 48);
    power->acpi_enable = fadt[52];
    power->pm1a_control = load32(fadt + 64);
    return find_s5((const u8 *)(word)load32(fadt + 40), &power->s5_type);
}

u32 acpi_cpu_count(void)
{
    const u8 *madt = find_table("APIC");
    u32 count = 0;
    for (u32 at = 44; madt && at + 8 <= load32(madt + 4) && madt[at + 1]; at += madt[at + 1])
        count += madt[at] == 0 && (madt[at + 4] & 1);
    return count;
}
