/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What devices see of accesses to memory: direction, place, width and what was written, in order. The product reaches
 * the guests' memory through a second mapping, where device pages are forbidden: each access there faults, is noted,
 * and is let through by a single step.
 */
#ifndef TEST_FUZZ_CLUSTER_BUS_H
#define TEST_FUZZ_CLUSTER_BUS_H

#include <sys/mman.h>
#include <sys/ucontext.h>
#include <unistd.h>

#include "emul/insn.h"
#include "test/fuzz/cluster_flags.h"
#include "test/fuzz/cluster_memory.h"
#include "test/fuzz/cluster_seen.h"

/* A mapping of all RAM, and behind it one of the device pages. */
#define BUS_DEVICE RAM_SIZE
#define BUS_SIZE (RAM_SIZE + 2 * PAGE_SIZE)
#define BUS_PAGES 4

static const u64 bus_page[BUS_PAGES] = {APIC_AT, MMIO_AT, BUS_DEVICE, BUS_DEVICE + PAGE_SIZE};

static struct bus {
    u8 *at;        /* what the product has */
    u32 stepping;  /* a set of bus_page: open for one instruction */
    u64 place;     /* of the access that opened the last of them */
    u32 size;      /* of what it writes; 0: it reads */
    bool no_lapic; /* an access to the LAPIC page that is no LAPIC register */
} buses[HOST_GUESTS];

static struct bus *bus_now(void)
{
    return &buses[host_guest_now - host_guests];
}

static void bus_protect(struct bus *bus, u32 page, int protection)
{
    if (mprotect(bus->at + bus_page[page], PAGE_SIZE, protection) != 0)
        abort();
}

/* Memory for the guest, before it is made. */
static void bus_make(struct bus *bus)
{
    int file = memfd_create("guest", 0);
    if (file < 0 || ftruncate(file, BUS_SIZE) != 0)
        abort();
    host_guest.ram = mmap(NULL, BUS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    bus->at = mmap(NULL, BUS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (host_guest.ram == MAP_FAILED || bus->at == MAP_FAILED)
        abort();
    host_guest.device = host_guest.ram + BUS_DEVICE;
    close(file);
}

/* Being watched takes time, so not all guests are. */
static void bus_begin(bool watched)
{
    struct bus *bus = bus_now();
    bus->no_lapic = false;
    if (!bus->at)
        bus_make(bus);
    for (u32 i = 0; i < BUS_PAGES; i++)
        bus_protect(bus, i, watched ? PROT_NONE : PROT_READ | PROT_WRITE);
}

/* Nothing is left of what earlier guests wrote, anywhere: pairs of them end where they differ. */
static void bus_forget(void)
{
    if (madvise(host_guest.ram, BUS_SIZE, MADV_REMOVE) != 0)
        abort();
}

/* guest_map(), but as the product is to see it. */
static void *bus_map(void *context, hpa_t at)
{
    u8 *place = guest_map(context, at);
    u64 offset = (u64)(place - host_guest.ram);
    return offset < BUS_SIZE ? bus_now()->at + offset : place;
}

/* The instruction's operand in memory; of string instructions one element. */
static u32 bus_size(const struct insn *insn)
{
    for (u32 i = 0; i < COUNT_OF(insn->operand); i++)
        if (insn->operand[i].kind == OPERAND_MEMORY)
            return insn->operand[i].size;
    return insn->operand_size;
}

/* Reads what it writes. */
static bool bus_modifies(const struct insn *insn)
{
    return insn->op != OP_MOV && insn->op != OP_SETCC;
}

static void bus_note(u64 kind, u64 place, u32 size)
{
    struct bus *bus = bus_now();
    if (flags_peeking)
        return;
    cluster_seen.bus++;
    bus->no_lapic |= (place & PAGE_MASK) == APIC_AT && (size != 4 || place & 15);
    cluster_note(kind << 60 | (u64)size << 40 | place);
}

/* The processor was refused an access at `address`. False: that is no device page. */
static bool bus_fault(greg_t *regs, u64 address)
{
    struct bus *bus = bus_now();
    u64 place = address - (u64)bus->at;
    struct insn insn;
    u32 page = 0;
    while (page < BUS_PAGES && (place & PAGE_MASK) != bus_page[page])
        page++;
    if (page == BUS_PAGES || bus->stepping >> page & 1 ||
        insn_decode((const u8 *)regs[REG_RIP], INSN_MAX, CODE_64, &insn) != DECODE_OK)
        return false;
    bool write = regs[REG_ERR] & 2;
    u32 size = bus_size(&insn);
    if (!write || bus_modifies(&insn))
        bus_note(5, place, size);
    bus->place = place;
    bus->size = write ? size : 0;
    bus->stepping |= 1u << page;
    bus_protect(bus, page, PROT_READ | PROT_WRITE);
    regs[REG_EFL] |= RFLAGS_TF;
    return true;
}

/* It has been performed. False: nothing was. */
static bool bus_stepped(greg_t *regs)
{
    struct bus *bus = bus_now();
    u64 value = 0;
    if (!bus->stepping)
        return false;
    if (bus->size && !flags_peeking) {
        memcpy(&value, host_guest.ram + bus->place, min_u64(bus->size, 8));
        bus_note(6, bus->place, bus->size);
        cluster_note(value);
    }
    for (u32 i = 0; i < BUS_PAGES; i++)
        if (bus->stepping >> i & 1)
            bus_protect(bus, i, PROT_NONE);
    bus->stepping = 0;
    regs[REG_EFL] &= ~(greg_t)RFLAGS_TF;
    return true;
}

#endif
