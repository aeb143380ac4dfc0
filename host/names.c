/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/names.h"

#include <string.h>

struct range {
    u64 first, last;
    const char *name;
};

/* The fixed ports of a PC; narrower ranges first. */
static const struct range ports[] = {
    {0x00, 0x1f, "DMA controller 1"},
    {0x20, 0x20, "PIC 1 command"},
    {0x21, 0x21, "PIC 1 mask"},
    {0x40, 0x42, "PIT counter"},
    {0x43, 0x43, "PIT mode"},
    {0x60, 0x60, "keyboard controller data"},
    {0x61, 0x61, "port B (speaker, PIT gate)"},
    {0x64, 0x64, "keyboard controller status and command"},
    {0x70, 0x70, "RTC index"},
    {0x71, 0x71, "RTC data"},
    {0x80, 0x80, "POST code (a delay)"},
    {0x81, 0x8f, "DMA page"},
    {0x92, 0x92, "system control A (A20, reset)"},
    {0xa0, 0xa0, "PIC 2 command"},
    {0xa1, 0xa1, "PIC 2 mask"},
    {0xb2, 0xb3, "APM (SMI)"},
    {0xc0, 0xdf, "DMA controller 2"},
    {0xed, 0xed, "delay"},
    {0xf0, 0xf1, "coprocessor error"},
    {0x170, 0x177, "IDE channel 2"},
    {0x1f0, 0x1f7, "IDE channel 1"},
    {0x278, 0x27a, "LPT2"},
    {0x2e8, 0x2ef, "COM4"},
    {0x2f8, 0x2ff, "COM2"},
    {0x376, 0x376, "IDE channel 2 control"},
    {0x378, 0x37a, "LPT1"},
    {0x3b0, 0x3bf, "VGA (monochrome)"},
    {0x3c0, 0x3df, "VGA"},
    {0x3e8, 0x3ef, "COM3"},
    {0x3f0, 0x3f5, "floppy controller"},
    {0x3f6, 0x3f6, "IDE channel 1 control"},
    {0x3f7, 0x3f7, "floppy controller"},
    {0x3f8, 0x3ff, "COM1"},
    {0x4d0, 0x4d1, "PIC edge/level"},
    {0x510, 0x511, "QEMU fw_cfg"},
    {0xcf8, 0xcf8, "PCI configuration address"},
    {0xcf9, 0xcf9, "reset control"},
    {0xcfa, 0xcfb, "PCI configuration address"},
    {0xcfc, 0xcff, "PCI configuration data"},
};

/* The registers of a 16550 UART. */
static const char *const uart_registers[8] = {"data",          "interrupt enable", "interrupt id", "line control",
                                              "modem control", "line status",      "modem status", "scratch"};

/* SDM vol. 3A, table 11-1 "Local APIC Register Address Map"; as MSR 800H + offset / 16 (table 11-6). */
static const struct range apic_registers[] = {
    {0x000, 0x000, "page"}, /* what is known of a translation for all of it */
    {0x020, 0x020, "ID"},
    {0x030, 0x030, "version"},
    {0x080, 0x080, "TPR"},
    {0x090, 0x090, "APR"},
    {0x0a0, 0x0a0, "PPR"},
    {0x0b0, 0x0b0, "EOI"},
    {0x0c0, 0x0c0, "RRD"},
    {0x0d0, 0x0d0, "LDR"},
    {0x0e0, 0x0e0, "DFR"},
    {0x0f0, 0x0f0, "SVR"},
    {0x100, 0x170, "ISR"},
    {0x180, 0x1f0, "TMR"},
    {0x200, 0x270, "IRR"},
    {0x280, 0x280, "ESR"},
    {0x2f0, 0x2f0, "LVT CMCI"},
    {0x300, 0x300, "ICR low"},
    {0x310, 0x310, "ICR high"},
    {0x320, 0x320, "LVT timer"},
    {0x330, 0x330, "LVT thermal"},
    {0x340, 0x340, "LVT performance counters"},
    {0x350, 0x350, "LVT LINT0"},
    {0x360, 0x360, "LVT LINT1"},
    {0x370, 0x370, "LVT error"},
    {0x380, 0x380, "timer initial count"},
    {0x390, 0x390, "timer current count"},
    {0x3e0, 0x3e0, "timer divide"},
    {0x3f0, 0x3f0, "self IPI"},
};

/* SDM vol. 4. */
static const struct range msrs[] = {
    {0x010, 0x010, "IA32_TIME_STAMP_COUNTER"},
    {0x01b, 0x01b, "IA32_APIC_BASE"},
    {0x03a, 0x03a, "IA32_FEATURE_CONTROL"},
    {0x03b, 0x03b, "IA32_TSC_ADJUST"},
    {0x048, 0x048, "IA32_SPEC_CTRL"},
    {0x049, 0x049, "IA32_PRED_CMD"},
    {0x079, 0x079, "IA32_BIOS_UPDT_TRIG"},
    {0x08b, 0x08b, "IA32_BIOS_SIGN_ID"},
    {0x0fe, 0x0fe, "IA32_MTRRCAP"},
    {0x10a, 0x10a, "IA32_ARCH_CAPABILITIES"},
    {0x10b, 0x10b, "IA32_FLUSH_CMD"},
    {0x174, 0x176, "IA32_SYSENTER_*"},
    {0x179, 0x17b, "IA32_MCG_*"},
    {0x1a0, 0x1a0, "IA32_MISC_ENABLE"},
    {0x1b0, 0x1b0, "IA32_ENERGY_PERF_BIAS"},
    {0x1d9, 0x1d9, "IA32_DEBUGCTL"},
    {0x200, 0x21f, "variable-range MTRR"},
    {0x250, 0x26f, "fixed-range MTRR"},
    {0x277, 0x277, "IA32_PAT"},
    {0x2ff, 0x2ff, "IA32_MTRR_DEF_TYPE"},
    {0x400, 0x47f, "machine-check bank"},
    {0x480, 0x491, "VMX capability"},
    {0x6e0, 0x6e0, "IA32_TSC_DEADLINE"},
    {0xda0, 0xda0, "IA32_XSS"},
    {0xc0000080, 0xc0000080, "IA32_EFER"},
    {0xc0000081, 0xc0000084, "SYSCALL MSR"},
    {0xc0000100, 0xc0000100, "IA32_FS_BASE"},
    {0xc0000101, 0xc0000101, "IA32_GS_BASE"},
    {0xc0000102, 0xc0000102, "IA32_KERNEL_GS_BASE"},
    {0xc0000103, 0xc0000103, "IA32_TSC_AUX"},
};

static const struct {
    const char *name, *text;
} counters[] = {
#define COUNTER(name, text) {#name, text},
#include "lib/counters.def"
#undef COUNTER
};

static const char *find(const struct range *table, size_t count, u64 value)
{
    for (size_t i = 0; i < count; i++)
        if (value >= table[i].first && value <= table[i].last)
            return table[i].name;
    return NULL;
}

#define FIND(table, value) find(table, sizeof(table) / sizeof(*(table)), value)

static void add(struct text *text, const char *before, const char *name)
{
    if (name)
        text_format(text, "%s%s", before, name);
}

static void name_cpuid(struct text *text, u64 where)
{
    text_format(text, "leaf %x", (u32)where);
    if (where >> 32)
        text_format(text, ", subleaf %x", (u32)(where >> 32));
}

static void name_port(struct text *text, u64 port)
{
    const char *name = FIND(ports, port);
    add(text, "", name);
    if (name && !strncmp(name, "COM", 3))
        add(text, " ", uart_registers[port & 7]);
}

void name_place(struct text *text, const char *exit, u64 where)
{
    if (!strcmp(exit, "IO_IN") || !strcmp(exit, "IO_OUT"))
        name_port(text, where);
    else if (!strcmp(exit, "APIC_ACCESS"))
        add(text, "LAPIC ", FIND(apic_registers, where & 0xff0));
    else if (!strcmp(exit, "X2APIC_READ") || !strcmp(exit, "X2APIC_WRITE"))
        add(text, "LAPIC ", FIND(apic_registers, (where & 0xff) << 4));
    else if (!strcmp(exit, "RDMSR") || !strcmp(exit, "WRMSR"))
        add(text, "", FIND(msrs, where));
    else if (!strcmp(exit, "CPUID"))
        name_cpuid(text, where);
}

static const struct {
    const char *name, *text;
} row_texts[] = {
    {"TIMEINGUEST", "the guest ran, or was idle; one count per exit"},
    {"EXEUNT", "no exit: Exeunt's own start, and printing reports while the guest waits"},
    {"IO_IN", "IN and INS on ports that trap= names or a guard watches"},
    {"IO_OUT", "OUT and OUTS on ports that trap= names or a guard watches"},
    {"APIC_ACCESS", "accesses to the local APIC's page"},
    {"MMIO", "accesses to pages of trap=mmio:"},
    {"OWN_REGION", "accesses to Exeunt's own memory"},
    {"CODE_WRITE", "writes to pages with remembered code: the work is dropped, the write proceeds"},
    {"EPT_VIOLATION", "other EPT violations: MMIO touched for the first time, large pages split"},
    {"X2APIC_READ", "RDMSR of the local APIC's MSRs"},
    {"X2APIC_WRITE", "WRMSR of the local APIC's MSRs"},
    {"RDMSR", "RDMSR of other MSRs"},
    {"WRMSR", "WRMSR of other MSRs"},
    {"CPUID", "CPUID, which always exits"},
    {"CR_ACCESS", "MOV to and from control registers, CLTS, LMSW"},
    {"MOV_DR", "MOV to and from debug registers"},
    {"XSETBV", "XSETBV, which always exits"},
    {"VMCALL", "hypercalls to Exeunt"},
    {"HLT", "HLT, with trap=hlt"},
    {"RDTSC", "RDTSC, with trap=tsc"},
    {"PREEMPTION_TIMER", "the VMX-preemption timer: reports during the run"},
    {"EXCEPTION_OR_NMI", "exceptions that Exeunt intercepts, and NMIs"},
    {"UNKNOWN", "an exit reason that the SDM does not have"},
};

const char *name_row(const char *row)
{
    for (size_t i = 0; i < sizeof(row_texts) / sizeof(*row_texts); i++)
        if (!strcmp(row_texts[i].name, row))
            return row_texts[i].text;
    return NULL;
}

const char *name_counter(const char *name)
{
    for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++)
        if (!strcmp(counters[i].name, name))
            return counters[i].text;
    return name;
}

const struct cache_field cache_fields[] = {
    {"entries", "remembered instructions"},
    {"bytes", "bytes of room for them"},
    {"hits", "exits that found theirs"},
    {"misses", "exits that needed one and did not"},
    {"invalidations_write", "entries dropped because their page was written"},
    {"invalidations_remap", "entries dropped because pages were mapped anew"},
    {"invalidations_eviction", "entries and pages that gave way to others"},
    {"pages_demoted", "code pages written so often that they are compared instead"},
    {"pages_trusted", "such pages that calmed down"},
    {"pages_compared", "pages that are compared now"},
    {"differences", "comparisons that found other bytes"},
    {"unannounced", "of these, on pages that no CPU had written"},
    {"pages_read_only", "pages write-protected now for remembered code"},
    {"translations", "translations that are there now"},
    {"code_bytes", "bytes of their machine code"},
    {"code_room", "bytes of the ring that it lies in"},
    {"translations_made", "translations made since the boot"},
    {"lost_to_ring", "translations that gave way for room in the ring"},
    {"lost_to_table", "translations that gave way for room in the table"},
    {"stale", "translations whose code had changed"},
    {"leaked", "sites that the tracker forgot too early"},
    {"forced", "sites translated before threshold= because of that"},
    {"rests", "times that no translation was looked up for a while, for want of any use"},
    {"ept_splits", "large EPT pages that became tables"},
    {"ept_joins", "tables that became a large page again"},
    {"ept_mapped_on_demand", "pages of MMIO mapped at the first touch"},
    {"ept_recycled", "times that EPT tables were given back for want of room"},
    {"memory_owned", "bytes of Exeunt's own memory"},
    {"pool_pages", "4 KiB pages in its page pool"},
    {"pool_used", "of them in use"},
    {"pool_peak", "of them in use at most"},
};
const u32 cache_field_count = sizeof(cache_fields) / sizeof(*cache_fields);
