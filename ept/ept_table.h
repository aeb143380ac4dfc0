/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to ept_*.c: entries, tables, and the few operations from which everything else is composed.
 *
 * Bits that the CPU ignores carry what we need to know of an entry (SDM "EPT Translation Mechanism": bits 63:52 of an
 * entry that references a table, 56:52 of one that maps a page, everything in one that is not present). An entry that
 * references a table counts in BUSY what keeps that table alive: protected pages in a page table, tables in a
 * directory. A table that is not busy may be dropped, or joined where its region has one class and type.
 */
#ifndef EPT_EPT_TABLE_H
#define EPT_EPT_TABLE_H

#include "ept/ept.h"

#define EPT_LEVELS 4
#define EPT_ENTRIES 512u

#define EPT_ENTRY_PERMISSION BITS(2, 0)
#define EPT_ENTRY_TYPE_SHIFT 3
#define EPT_ENTRY_LARGE BIT(7)
#define EPT_ENTRY_ADDRESS BITS(51, 12)
#define EPT_ENTRY_PROTECTED                                                                                            \
    BIT(52) /* 4 KiB entries: W is taken away for cached code; kept while a hole hides the page */
#define EPT_ENTRY_BUSY_SHIFT 52
#define EPT_ENTRY_BUSY BITS(61, 52)
#define EPT_ENTRY_IGNORED BITS(63, 52)

/* Bytes that an entry of `level` covers: 4 KiB at level 1 (page table), 512 GiB at level 4 (PML4). */
static inline u64 ept_level_size(unsigned level)
{
    return 1ull << (3 + 9 * level);
}

static inline bool ept_present(u64 entry)
{
    return entry & EPT_ENTRY_PERMISSION;
}

static inline bool ept_is_table(u64 entry, unsigned level)
{
    return level > 1 && ept_present(entry) && !(entry & EPT_ENTRY_LARGE);
}

static inline u32 ept_busy(u64 entry)
{
    return (u32)((entry & EPT_ENTRY_BUSY) >> EPT_ENTRY_BUSY_SHIFT);
}

/* Other CPUs' page walkers read entries at any time: each changes by one store, after what it refers to. */
static inline void ept_store(u64 *entry, u64 value)
{
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static inline void ept_busy_add(u64 *entry, s64 more)
{
    ept_store(entry, *entry + ((u64)more << EPT_ENTRY_BUSY_SHIFT));
}

static inline u64 *ept_table_of(const struct ept *ept, u64 entry)
{
    return (u64 *)page_pool_ptr(ept->config.pool, hpa(entry & EPT_ENTRY_ADDRESS));
}

static inline u32 ept_index(u64 at, unsigned level)
{
    return (u32)(at >> (3 + 9 * level)) & (EPT_ENTRIES - 1);
}

/* The entries on the way to `at`: entry[4] down to entry[level], which references no table. */
struct ept_path {
    u64 *entry[EPT_LEVELS + 1];
    unsigned level;
};

/* ept_table.c */
void ept_walk(const struct ept *ept, u64 at, struct ept_path *path);
bool ept_step_down(struct ept *ept, u64 at, struct ept_path *path);
void ept_unlink(struct ept *ept, u64 at, const struct ept_path *path, unsigned level, u64 replacement);
void ept_put_leaf(struct ept *ept, u64 *entry, unsigned level, u64 leaf);
bool ept_next_table(const struct ept *ept, unsigned level, u64 *at, struct ept_path *path);
bool ept_is_exec_split(const struct ept *ept, u64 at);
void ept_forget_exec_split(struct ept *ept, u64 at);

/* ept_class.c */
enum ept_status ept_normalise_ram(struct ept *ept);
void ept_find_clear(struct ept *ept);
u64 ept_limit(const struct ept *ept);
bool ept_touches_ram(const struct ept *ept, u64 start, u64 end);
enum ept_class ept_extent(const struct ept *ept, u64 at, struct range *extent);
bool ept_leaf(const struct ept *ept, u64 at, unsigned level, u64 *leaf);

/* ept_build.c */
bool ept_fill(struct ept *ept, struct range range);
bool ept_fill_ram(struct ept *ept, struct range within);
void ept_try_join(struct ept *ept, u64 at);

/* ept_reclaim.c */
bool ept_reclaim(struct ept *ept);
bool ept_reserve(struct ept *ept, u64 at, unsigned level);
void ept_note_exec_split(struct ept *ept, u64 at);

#endif
