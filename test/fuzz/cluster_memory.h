/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of the guests of test/fuzz/cluster_scenario.h, and the page tables over it.
 *
 * Linear and guest-physical addresses are the same in
 *   1fc000, 1fd000            pages that code is mapped to now and then
 *   1fe000 .. 201fff          code
 *   202000, 203000            data, stack
 *   204000                    data that cannot be written
 *   205000                    data of the supervisor
 *   206000                    TSS
 *   207000 .. 20f000          page tables of two spaces
 *   210000, 211000            LAPIC page; a trap=mmio: page
 * and with paging there are
 *   212000                    nothing
 *   213000, 214000            DEVICE_BASE, TRAPPED_BASE
 *   215000                    Exeunt's own region
 *   216000, 217000            the first code page, the first data page again
 *   218000                    the trap=mmio: page, not to be written
 */
#ifndef TEST_FUZZ_CLUSTER_MEMORY_H
#define TEST_FUZZ_CLUSTER_MEMORY_H

#include "test/fuzz/cluster_machine.h"
#include "test/fuzz/guests.h"

#define BLOCK 0x1fc000ull /* all that is compared */
#define CODE 0x1fe000ull
#define CODE_SIZE 0x4000u
#define DATA 0x202000ull
#define READ_ONLY 0x204000ull
#define SUPERVISOR 0x205000ull
#define TSS 0x206000ull
#define TABLES 0x207000ull
#define SPACES 2
#define APIC_AT 0x210000ull
#define MMIO_AT 0x211000ull
#define BLOCK_END 0x212000ull
#define ABSENT 0x212000ull
#define SPECIAL 0x213000ull
#define LOW_CODE 0x1f8000ull /* base of CS in 16-bit code */

#define SHARED_TABLE (TABLES + SPACES * 4 * PAGE_SIZE)

static u64 cluster_roots[SPACES];

/* The PTE of a linear address below 4 MiB in space `space`, wherever the guest's entries lead to by now. */
static u64 *entry_of(u32 space, u64 linear)
{
    u64 table = linear < 2 * MIB ? cluster_roots[space] + 3 * PAGE_SIZE : SHARED_TABLE;
    return (u64 *)(host_guest.ram + table) + (linear >> PAGE_SHIFT & 511);
}

/*
 * Code has been fetched everywhere, or looking ahead would set accessed flags that guests see. The second space has
 * code pages 0 and 1 exchanged. Both use the same table for what is above 2 MiB. */
static void map_code(u32 space)
{
    for (u64 at = BLOCK; at < CODE + CODE_SIZE; at += PAGE_SIZE)
        *entry_of(space, at) = (space && at < CODE + 2 * PAGE_SIZE && at >= CODE ? at ^ PAGE_SIZE : at) | 0x27;
}

static void map_data(void)
{
    static const u64 special[] = {DEVICE_BASE | 7, TRAPPED_BASE | 7, OWN_BASE | 7, CODE | 7, DATA | 7, MMIO_AT | 5};
    for (u64 at = DATA; at < BLOCK_END; at += PAGE_SIZE)
        *entry_of(0, at) = at | (at == READ_ONLY ? 5 : at >= SUPERVISOR && at < APIC_AT ? 3 : 7);
    *entry_of(0, ABSENT) = 0;
    for (u32 i = 0; i < COUNT_OF(special); i++)
        *entry_of(0, SPECIAL + i * PAGE_SIZE) = special[i];
}

/* PML4, PDPT, PD, the table below 2 MiB for each space; then the one above it. */
static void map_all(void)
{
    memset(host_guest.ram + TABLES, 0, APIC_AT - TABLES);
    for (u32 space = 0; space < SPACES; space++) {
        u64 *table = (u64 *)(host_guest.ram + TABLES + space * 4 * PAGE_SIZE), at = TABLES + space * 4 * PAGE_SIZE;
        cluster_roots[space] = at;
        table[0] = (at + PAGE_SIZE) | 0x27;
        table[512] = (at + 2 * PAGE_SIZE) | 0x27;
        table[1024] = (at + 3 * PAGE_SIZE) | 0x27;
        table[1025] = SHARED_TABLE | 0x27;
        map_code(space);
    }
    map_data();
}

static void fill(void)
{
    memcpy(host_guest.ram + BLOCK, guests_pattern(), BLOCK_END - BLOCK);
    memset(host_guest.ram + TSS, 0, PAGE_SIZE);
    *(u16 *)(host_guest.ram + TSS + 102) = 104;
    for (u32 port = 0; port < 0x80; port += 8)
        host_guest.ram[TSS + 104 + port / 8] = port == 0x20 ? 2 : 0;
    map_all();
}

#endif
