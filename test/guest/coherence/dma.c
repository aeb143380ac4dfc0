/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device writes the code (SPEC 5.3): the disk of the second IDE channel, by the PIIX's bus master. Nothing announces
 * it. Code at CPL 3 is compared at each use; code of the supervisor on every 64th hit, and from the first difference on
 * everything is.
 */
#include "test/guest/coherence/coherence.h"

#define DISK 0x170
#define DISK_STATUS (DISK + 7)
#define STATUS_BUSY 0x80
#define STATUS_ERROR 0x01
#define COMMAND_READ_DMA 0xc8
#define COMMAND_WRITE_DMA 0xca
#define SECTOR_BYTES 512u

#define BM_COMMAND 0 /* bit 0: go; bit 3: to memory */
#define BM_STATUS 2  /* bit 0: active; bit 2: the disk has interrupted */
#define BM_TABLE 4

#define SITE 64
#define HITS 200 /* more than three times 64 */

static u16 bus_master; /* of the second channel */
static struct {
    u32 at;
    u16 bytes, last;
} descriptor_of_transfer __attribute__((aligned(8)));

static u32 pci_read(u32 function, u32 reg)
{
    outl(0xcf8, 0x80000000u | function << 8 | reg);
    return inl(0xcfc);
}

static void pci_write(u32 function, u32 reg, u32 value)
{
    outl(0xcf8, 0x80000000u | function << 8 | reg);
    outl(0xcfc, value);
}

/* The first IDE controller on bus 0. */
static bool find_bus_master(void)
{
    for (u32 function = 0; function < 256; function++) {
        if (pci_read(function, 8) >> 16 != 0x0101)
            continue;
        pci_write(function, 4, (pci_read(function, 4) & 0xffff) | 5); /* I/O space, bus master */
        bus_master = (u16)(pci_read(function, 0x20) & 0xfff0) + 8;
        return bus_master != 8;
    }
    return false;
}

static void wait_disk(void)
{
    for (u32 i = 0; i < 1000000 && (inb(DISK_STATUS) & STATUS_BUSY); i++)
        pause();
}

/* One sector between the disk's first and memory. */
static bool transfer(void *at, u8 command)
{
    u8 direction = command == COMMAND_READ_DMA ? 8 : 0;
    descriptor_of_transfer.at = (u32)(word)at;
    descriptor_of_transfer.bytes = SECTOR_BYTES;
    descriptor_of_transfer.last = 0x8000;
    outl(bus_master + BM_TABLE, (u32)(word)&descriptor_of_transfer);
    outb(bus_master + BM_COMMAND, direction);
    outb(bus_master + BM_STATUS, 6); /* clears */
    wait_disk();
    outb(DISK + 6, 0xe0);
    outb(DISK + 2, 1);
    for (u16 port = DISK + 3; port <= DISK + 5; port++)
        outb(port, 0);
    outb(DISK_STATUS, command);
    outb(bus_master + BM_COMMAND, direction | 1);
    for (u32 i = 0; i < 1000000 && !(inb(bus_master + BM_STATUS) & 4); i++)
        pause();
    outb(bus_master + BM_COMMAND, 0);
    wait_disk();
    return (inb(bus_master + BM_STATUS) & 6) == 4 && !(inb(DISK_STATUS) & STATUS_ERROR);
}

/* The disk then holds a site that reads this register, at SITE of the sector. */
static bool disk_holds(u32 reg)
{
    u8 *sector = code_pages(1);
    site_put(sector + SITE, reg);
    return transfer(sector, COMMAND_WRITE_DMA);
}

static u8 *new_site(void)
{
    u8 *site = code_pages(1) + SITE;
    site_put(site, OLD);
    return site;
}

/* How often the site reads what it no longer says, of HITS times. */
static u32 stale_hits(const u8 *site)
{
    u32 stale = 0;
    for (u32 i = 0; i < HITS; i++)
        stale += site_run(site) != NEW;
    return stale;
}

static bool by_device(u8 *site)
{
    return transfer(site - SITE, COMMAND_READ_DMA);
}

static void naively(void)
{
    u8 *site = new_site();
    site_learn(site);
    switches(TEST_NO_COMPARE);
    bool done = by_device(site);
    u32 stale = stale_hits(site);
    switches(0);
    print(done && stale == HITS ? "HV PASS coherence.dma-naive\n" : "HV FAIL coherence.dma-naive: %u stale\n", stale);
}

static void supervisor(void)
{
    u8 *site = new_site(), *second = new_site();
    site_learn(site);
    site_learn(second);
    check_true("coherence.dma-done", by_device(site));
    u32 stale = stale_hits(site);
    print("INFO %u stale\n", stale);
    check_true("coherence.dma-noticed", stale < 64);
    check_true("coherence.dma-second-done", by_device(second)); /* everything is compared now */
    check("coherence.dma-second", stale_hits(second), 0);
}

static void user(void)
{
    u8 *site = new_site();
    for (u32 i = 0; i < 4; i++)
        site_run_user(site);
    check_true("coherence.dma-user-done", by_device(site));
    check("coherence.dma-user", site_run_user(site), NEW);
}

void dma_dangers(bool switched)
{
    check_true("coherence.bus-master", find_bus_master());
    check_true("coherence.dma-prepared", disk_holds(NEW));
    if (switched)
        naively();
    if (option_is("test", "dma-user"))
        user();
    else
        supervisor();
}
