/* SPDX-License-Identifier: BSD-2-Clause */
#include "ept/ept_table.h"

void ept_walk(const struct ept *ept, u64 at, struct ept_path *path)
{
    u64 *table = ept->root;
    unsigned level = EPT_LEVELS;
    for (;;) {
        u64 *entry = &table[ept_index(at, level)];
        path->entry[level] = entry;
        if (!ept_is_table(*entry, level))
            break;
        table = ept_table_of(ept, *entry);
        level--;
    }
    path->level = level;
}

/* Whether the table below the entry of `level` at `at` has a region without RAM. */
static bool serves_devices(const struct ept *ept, u64 at, unsigned level)
{
    u64 start = align_down(at, ept_level_size(level));
    return !ept_touches_ram(ept, start, start + ept_level_size(level));
}

/* The same page in pieces. Pieces of 4 KiB can all be executable: the ITLB-multihit fault needs large ones. */
static void split_into(u64 *table, u64 large, unsigned level)
{
    u64 piece = large;
    if (level == 1)
        piece = (large & ~EPT_ENTRY_LARGE) | EPT_X;
    for (u32 i = 0; i < EPT_ENTRIES; i++)
        table[i] = piece + i * ept_level_size(level);
}

/*
 * Puts a table below the last entry of *path, with the pieces of the page that it mapped, and steps *path down into it.
 * False: the pool is empty, and nothing changed.
 */
bool ept_step_down(struct ept *ept, u64 at, struct ept_path *path)
{
    unsigned level = path->level;
    u64 *entry = path->entry[level];
    u64 *table = page_pool_take(ept->config.pool);
    if (!table)
        return false;
    if (ept_present(*entry)) {
        split_into(table, *entry, level - 1);
        ept->counts.splits++;
        ept->flush = true;
    }
    ept_store(entry, page_pool_hpa(ept->config.pool, table).at | EPT_RWX);
    if (level < EPT_LEVELS)
        ept_busy_add(path->entry[level + 1], 1);
    ept->device_tables += serves_devices(ept, at, level);
    path->level = level - 1;
    path->entry[level - 1] = &table[ept_index(at, level - 1)];
    return true;
}

/* Drops the table (which is not busy) that the path's entry of `level` references; the entry becomes `replacement`. */
void ept_unlink(struct ept *ept, u64 at, const struct ept_path *path, unsigned level, u64 replacement)
{
    u64 *table = ept_table_of(ept, *path->entry[level]);
    ept_store(path->entry[level], replacement);
    if (level < EPT_LEVELS)
        ept_busy_add(path->entry[level + 1], -1);
    ept->device_tables -= serves_devices(ept, at, level);
    if (level == 2)
        ept_forget_exec_split(ept, at);
    ept->flush = true;
    if (ept->config.before_reuse)
        ept->config.before_reuse(ept->config.context);
    page_pool_give(ept->config.pool, table);
}

/* Sets an entry that references no table; a protected page stays so. */
void ept_put_leaf(struct ept *ept, u64 *entry, unsigned level, u64 leaf)
{
    u64 old = *entry;
    if (level == 1 && (old & EPT_ENTRY_PROTECTED))
        leaf = (leaf & ~(u64)EPT_W) | EPT_ENTRY_PROTECTED;
    if (old == leaf)
        return;
    if (ept_present(old))
        ept->flush = true;
    ept_store(entry, leaf);
}

/*
 * Finds the first table of `level` (1: page table) whose region begins at or after *at (or holds it): *path ends at the
 * entry that references it, *at is where its region begins. False: there is none.
 */
bool ept_next_table(const struct ept *ept, unsigned level, u64 *at, struct ept_path *path)
{
    while (*at < ept_level_size(EPT_LEVELS + 1)) {
        u64 *table = ept->root;
        unsigned here = EPT_LEVELS;
        for (;;) {
            u64 *entry = &table[ept_index(*at, here)];
            path->entry[here] = entry;
            bool is_table = ept_is_table(*entry, here);
            if (is_table && here == level + 1) {
                *at = align_down(*at, ept_level_size(here));
                path->level = here;
                return true;
            }
            if (!is_table || !ept_busy(*entry)) {
                *at = align_down(*at, ept_level_size(here)) + ept_level_size(here);
                if (ept_index(*at, here) == 0)
                    break; /* the next one has another parent */
                continue;
            }
            table = ept_table_of(ept, *entry);
            here--;
        }
    }
    return false;
}

static u32 find_exec_split(const struct ept *ept, u64 at)
{
    u32 frame = (u32)(at >> 21), i = 0;
    while (i < ept->exec_count && ept->exec_splits[i] != frame)
        i++;
    return i;
}

bool ept_is_exec_split(const struct ept *ept, u64 at)
{
    return find_exec_split(ept, at) < ept->exec_count;
}

void ept_forget_exec_split(struct ept *ept, u64 at)
{
    u32 i = find_exec_split(ept, at);
    if (i == ept->exec_count)
        return;
    ept->exec_count--;
    for (; i < ept->exec_count; i++)
        ept->exec_splits[i] = ept->exec_splits[i + 1];
}
