/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens when the pool is dry: tables that can be had again on demand are given back. Never one with protected
 * pages in it; holes are safe because classification does not depend on tables.
 */
#include "ept/ept_table.h"

/* Drops all tables that serve only devices. Their pages are mapped again when they are touched. */
static bool recycle_devices(struct ept *ept)
{
    struct ept_path path;
    bool any = false;
    if (!ept->device_tables)
        return false;
    for (unsigned level = 1; level < EPT_LEVELS; level++) {
        u64 size = ept_level_size(level + 1);
        for (u64 at = 0; ept_next_table(ept, level, &at, &path); at += size) {
            if (ept_busy(*path.entry[level + 1]) || ept_touches_ram(ept, at, at + size))
                continue;
            ept_unlink(ept, at, &path, level + 1, 0);
            any = true;
        }
    }
    return any;
}

/* Joins the oldest page that is split only for execution. Its next execution splits it again. */
static bool join_oldest(struct ept *ept)
{
    for (u32 i = 0; i < ept->exec_count; i++) {
        u64 at = (u64)ept->exec_splits[i] << 21, leaf;
        struct ept_path path;
        ept_walk(ept, at, &path);
        if (path.level != 1 || ept_busy(*path.entry[2]) || !ept_leaf(ept, at, 2, &leaf))
            continue;
        ept_forget_exec_split(ept, at);
        ept_try_join(ept, at);
        return true;
    }
    return false;
}

/* The last resort: some table of RAM, page tables first, in turn. What it mapped is absent until it is touched. */
static bool drop_any(struct ept *ept)
{
    struct ept_path path;
    for (unsigned level = 1; level < EPT_LEVELS; level++) {
        for (u32 round = 0; round < 2; round++) {
            u64 at = round ? 0 : ept->hand;
            for (; ept_next_table(ept, level, &at, &path); at += ept_level_size(level + 1)) {
                if (ept_busy(*path.entry[level + 1]))
                    continue;
                ept_unlink(ept, at, &path, level + 1, 0);
                ept->hand = at + ept_level_size(level + 1);
                return true;
            }
        }
    }
    return false;
}

/*
 * Gives at least one page back to the pool. False: every table has a protected page in it. Recycling takes all device
 * tables at once, so where a few devices share the pool with many executable splits, the oldest of those goes instead.
 */
bool ept_reclaim(struct ept *ept)
{
    bool many_devices = ept->device_tables > ept->config.pool->pages / 4;
    if (!many_devices && join_oldest(ept))
        return true;
    if (recycle_devices(ept)) {
        ept->counts.recycled++;
        return true;
    }
    if (join_oldest(ept))
        return true;
    bool dropped = drop_any(ept);
    ept->counts.recycled += dropped;
    return dropped;
}

/* Makes sure that the tables down to the entry of `level` at `at` can be made. False: there is no memory for them. */
bool ept_reserve(struct ept *ept, u64 at, unsigned level)
{
    for (;;) {
        struct ept_path path;
        ept_walk(ept, at, &path);
        if (path.level <= level || page_pool_free(ept->config.pool) >= path.level - level)
            return true;
        if (!ept_reclaim(ept))
            return false;
    }
}

/* The 2 MiB page at `at` was split so that it can be executed. With no room to remember it, the oldest is joined. */
void ept_note_exec_split(struct ept *ept, u64 at)
{
    if (ept->exec_count == EPT_EXEC_SPLITS_MAX && !join_oldest(ept))
        return;
    ept->exec_splits[ept->exec_count++] = (u32)(at >> 21);
}
