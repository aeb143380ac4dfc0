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

#define BLOCK 0x1fc000ull /* to BLOCK_END: what is compared all the time */
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

enum cluster_paging { PAGING_NONE, PAGING_32, PAGING_PAE, PAGING_4 };
#define CODE_FLAGS 0x27u

/*
 * How pages are mapped: the flags of those of code and of the two of data; whether both spaces have all but the PML4 in
 * common, as a kernel's half is.
 */
struct mapping {
    enum cluster_paging paging;
    u64 code, data[2];
    bool common;
};
static const struct mapping plain_mapping = {PAGING_4, CODE_FLAGS, {7, 7}, false};
static struct mapping cluster_mapping;
static u64 cluster_roots[SPACES];

/* The PTE of a linear address below 4 MiB in space `space`, wherever the guest's entries lead to by now. Not 32-bit
 * paging. */
static u64 *entry_of(u32 space, u64 linear)
{
    u64 root = cluster_roots[cluster_mapping.common ? 0 : space];
    u64 table = linear < 2 * MIB ? root + 3 * PAGE_SIZE : SHARED_TABLE;
    return (u64 *)(host_guest.ram + table) + (linear >> PAGE_SHIFT & 511);
}

static void map_page(u32 space, u64 linear, u64 entry)
{
    u32 *table = (u32 *)(host_guest.ram + cluster_roots[space] + PAGE_SIZE);
    if (cluster_mapping.paging == PAGING_32)
        table[linear >> PAGE_SHIFT] = (u32)entry;
    else
        *entry_of(space, linear) = entry;
}

/*
 * Code has been fetched everywhere, or looking ahead would set accessed flags that guests see. The second space has
 * code pages 0 and 1 exchanged, where it has tables of its own.
 */
static void map_code(u32 space)
{
    for (u64 at = BLOCK; at < CODE + CODE_SIZE; at += PAGE_SIZE) {
        bool exchanged = space && !cluster_mapping.common && at < CODE + 2 * PAGE_SIZE && at >= CODE;
        map_page(space, at, (exchanged ? at ^ PAGE_SIZE : at) | cluster_mapping.code);
    }
}

static void map_data(u32 space)
{
    static const u64 special[] = {DEVICE_BASE | 7, TRAPPED_BASE | 7, OWN_BASE | 7, CODE | 7, DATA | 7, MMIO_AT | 5};
    for (u64 at = READ_ONLY; at < BLOCK_END; at += PAGE_SIZE)
        map_page(space, at, at | (at == READ_ONLY ? 5 : at < APIC_AT ? 3 : 7));
    for (u32 i = 0; i < 2; i++)
        map_page(space, DATA + i * PAGE_SIZE, (DATA + i * PAGE_SIZE) | cluster_mapping.data[i]);
    map_page(space, ABSENT, 0);
    for (u32 i = 0; i < COUNT_OF(special); i++)
        map_page(space, SPECIAL + i * PAGE_SIZE, special[i]);
}

/* PML4, PDPT, PD, the table below 2 MiB. PAE paging uses the last two. */
static void map_upper(u64 root)
{
    u64 *table = (u64 *)(host_guest.ram + root);
    table[0] = ((cluster_mapping.common ? cluster_roots[0] : root) + PAGE_SIZE) | 0x27;
    table[512] = (root + 2 * PAGE_SIZE) | 0x27;
    table[1024] = (root + 3 * PAGE_SIZE) | 0x27;
    table[1025] = SHARED_TABLE | 0x27;
}

/* Both spaces use the same table for what is above 2 MiB; not with 32-bit paging. */
static void map_all(void)
{
    memset(host_guest.ram + TABLES, 0, APIC_AT - TABLES);
    for (u32 space = 0; space < SPACES; space++) {
        u64 root = cluster_roots[space] = TABLES + space * 4 * PAGE_SIZE;
        if (cluster_mapping.paging == PAGING_32)
            *(u32 *)(host_guest.ram + root) = (u32)(root + PAGE_SIZE) | 0x27;
        else
            map_upper(root);
        map_code(space);
        map_data(space);
    }
}

/* Loads CR3, and what MOV CR3 loads with it. */
static void set_space(u32 space)
{
    struct vcpu *v = &host_guest.v;
    bool pae = cluster_mapping.paging == PAGING_PAE;
    memset(v->pdpte, 0, sizeof(v->pdpte));
    v->cr3 = cluster_roots[space] + (pae ? PAGE_SIZE : 0);
    v->pdpte[0] = pae ? (cluster_roots[space] + 2 * PAGE_SIZE) | 1 : 0;
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
