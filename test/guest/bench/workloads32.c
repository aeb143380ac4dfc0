/* SPDX-License-Identifier: BSD-2-Clause */
/* The workloads of the 32-bit guest: what firmware and drivers do with ports, in 32-bit code and in real mode. */
#include "test/guest/bench/bench.h"
#include "test/guest/bench/pio.h"
#include "test/guest/lib/cpu.h"

SITES(bios_pci_32);
SITES(bios_pci_16);
SITES(chipset_delay_32);
SITES(chipset_delay_16);
SITES(ide_poll_32);
SITES(ide_poll_16);

/* Each poll loop waits for the bit that a disk without work to do has clear, as many times as it is bounded to. */
static bool ide_idle(void)
{
    u8 status = inb(IDE_STATUS);
    if (!(status & (IDE_BSY | IDE_DRQ)))
        return true;
    fail("bench.ide-poll", "the status of the first IDE channel is %x", status);
    return false;
}

#define BITS_32(label, table) FEWER_LOOPS(label "-32", table##_32)
#define BITS_16(label, table) FEWER_LOOPS(label "-16", table##_16), .runner = bench_run_real

const struct workload workloads[] = {
    {BITS_32("bios-pci", bios_pci), .ops_in_pass = PCI_OPS_IN_PASS},
    {BITS_16("bios-pci", bios_pci), .ops_in_pass = PCI_OPS_IN_PASS},
    {BITS_32("chipset-delay", chipset_delay), .ops_in_pass = DELAY_OPS_IN_PASS},
    {BITS_16("chipset-delay", chipset_delay), .ops_in_pass = DELAY_OPS_IN_PASS},
    {BITS_32("ide-poll", ide_poll), .prepare = ide_idle},
    {BITS_16("ide-poll", ide_poll), .prepare = ide_idle},
    {},
};
