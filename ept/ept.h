/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The extended page tables: what the guest's physical addresses mean.
 *
 * RAM is mapped from the start, everything else below MAXPHYADDR when it is first touched (BARs move). Pages are as
 * large as alignment, memory type and CPU allow; a policy hole, a protected code page or Exeunt's own region splits
 * them down to 4 KiB, and what is split is joined again when the reason is gone. GPA = HPA throughout.
 *
 * What an address may mean follows from the configuration and the holes alone (ept_classify); the tables only hold as
 * much of it as was wanted so far. So any table without a protected page can be given back at any time, and a pool that
 * runs dry costs EPT violations, never correctness.
 *
 * Pure apart from the pages it writes: no VMX instruction is executed here. Whoever changes an entry in a way that a
 * TLB could hide sets `flush`; vmx/ executes INVEPT before the next entry and clears it.
 */
#ifndef EPT_EPT_H
#define EPT_EPT_H

#include "ept/memory_type.h"
#include "lib/page_pool.h"
#include "lib/types.h"

struct range {
    u64 start;
    u64 end; /* exclusive */
};

enum ept_permission { EPT_R = 1, EPT_W = 2, EPT_X = 4, EPT_RW = 3, EPT_RX = 5, EPT_RWX = 7 };

#define EPT_HOLES_MAX 16
#define EPT_RAM_MAX 64
#define EPT_CLEAR_MAX (EPT_RAM_MAX + 1 + EPT_HOLES_MAX)
#define EPT_EXEC_SPLITS_MAX 512

struct ept_config {
    struct page_pool *pool;
    const struct mtrrs *mtrrs; /* stays the caller's; ept_rebuild() reads it again */
    struct range own;          /* Exeunt's region, page-aligned: absent for the guest. The pool lies in it */
    const struct range
        *ram; /* the guest's RAM: sorted, disjoint (parts of pages, and what overlaps `own`, are cut off) */
    u32 ram_count;
    u8 physical_bits;      /* MAXPHYADDR */
    bool page_2m, page_1g; /* IA32_VMX_EPT_VPID_CAP */
    bool large_executable; /* false: ITLB multihit; large pages then lack X and split when executed */

    /*
     * With several guest CPUs: called before a table that another CPU may still walk goes back to the pool; returns
     * when each of them has flushed. NULL with one CPU, where nobody walks until `flush` was honoured.
     */
    void (*before_reuse)(void *context);
    void *context;
};

struct ept_counts {
    u64 splits, joins;    /* tables that took a large page's place, and large pages that took a table's */
    u64 mapped_on_demand; /* first touches of MMIO that mapped a page, or a run of pages */
    u64 recycled;         /* times that tables were given back because the pool ran dry */
    /* Guest accesses to Exeunt's region: counted by the window, and by the caller of ept_classify. */
    u64 own_reads, own_writes, own_fetches;
    u32 read_only_pages; /* now, on behalf of cached code */
};

struct ept {
    struct range hot_hole; /* the first hole, mostly the LAPIC's page: asked before all else */
    u64 *root;             /* PML4 */
    bool flush;
    u32 generation;  /* changes with the holes, so with what ept_classify() says */
    u32 protections; /* pages that were made read-only, ever */
    u32 clear_count, hole_count, exec_count;
    u32 device_tables; /* tables whose region has no RAM */
    u64 hand;          /* where the search for a table to give up goes on */
    struct ept_config config;
    struct ept_counts counts;

    struct range clear[EPT_CLEAR_MAX];    /* RAM without holes, largest first (empty if there is none) */
    struct range holes[EPT_HOLES_MAX];    /* page-aligned, trapped by policy */
    struct range ram[EPT_RAM_MAX];        /* config.ram, normalised: whole pages, merged, without own */
    u32 exec_splits[EPT_EXEC_SPLITS_MAX]; /* 2 MiB frames split only for execution, oldest first */
};

enum ept_status {
    EPT_OK,
    EPT_NO_MEMORY, /* the pool cannot hold the tables */
    EPT_TOO_MANY,  /* holes or RAM ranges */
    EPT_BAD_RANGE, /* not page-aligned, empty, unsorted, beyond MAXPHYADDR; or an address that is neither RAM nor DEVICE
                    */
    EPT_PROTECTED, /* ept_admit: write to a page that is read-only for cached code; see ept_write_allow() */
};

/* What a guest-physical address is to the guest. */
enum ept_class {
    EPT_CLASS_RAM,
    EPT_CLASS_DEVICE,  /* passed-through MMIO, ROM, or nothing at all: the real bus answers */
    EPT_CLASS_TRAPPED, /* a hole that the policy asked for */
    EPT_CLASS_OWN,     /* Exeunt's region: reads ones, writes nothing */
    EPT_CLASS_BEYOND,  /* at or above MAXPHYADDR, or 2^48: what four levels translate */
};

/*
 * Copies *config, maps all RAM. The struct lives as long as the guest. EPT_NO_MEMORY: the tables are consistent and
 * hold what fitted; if they hold a root at all, ept_admit() would map the rest on demand.
 */
enum ept_status ept_init(struct ept *ept, const struct ept_config *config);

/* The EPTP for the VMCS: WB walks, 4 levels, A/D flags off (SPEC 1.4). */
u64 ept_pointer(const struct ept *ept);

/*
 * Makes [start, end) absent so that each access exits; ept_remove_hole() takes the same range back. Holes may overlap
 * each other. When ept_add_hole() fails nothing is trapped that was not before.
 */
enum ept_status ept_add_hole(struct ept *ept, struct range hole);
void ept_remove_hole(struct ept *ept, struct range hole);

enum ept_class ept_classify_slow(const struct ept *ept, gpa_t at);
static inline enum ept_class ept_classify(const struct ept *ept, gpa_t at)
{
    if (at.at - ept->hot_hole.start < ept->hot_hole.end - ept->hot_hole.start)
        return EPT_CLASS_TRAPPED;
    return ept_classify_slow(ept, at);
}

/*
 * Answers an EPT violation on `at`: EPT_OK when the entry now allows `wanted` (the guest is simply resumed); the class
 * of the address must be RAM or DEVICE. With large_executable false, wanting X splits the page. When the pool is dry,
 * tables that can be had again on demand are recycled first.
 */
enum ept_status ept_admit(struct ept *ept, gpa_t at, enum ept_permission wanted);

/*
 * Takes W from (or gives it back to) the 4 KiB page at `at`, splitting or joining as needed (SPEC 5.2). Once is enough:
 * pages are not counted twice, and allowing what is not protected changes nothing. A protection outlives a hole over
 * it.
 */
enum ept_status ept_write_protect(struct ept *ept, gpa_t at);
enum ept_status ept_write_allow(struct ept *ept, gpa_t at);
bool ept_write_protected(const struct ept *ept, gpa_t at);

/*
 * The memory types changed (config.mtrrs has the new ones): rebuild all entries. Holes and protections stay.
 * EPT_NO_MEMORY: not all RAM could be mapped ahead; ept_admit() maps the rest on demand, so the guest can go on.
 */
enum ept_status ept_rebuild(struct ept *ept);

/* The entry that maps `at` now, as the CPU sees it (0: none), and the size of its page: for dumps and tests. */
u64 ept_lookup(const struct ept *ept, gpa_t at, u64 *page_size);

#endif
