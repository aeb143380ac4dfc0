/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filling tables with the largest pages that may stand there, and joining what was split.
 */
#include "ept/ept_table.h"

/* The largest level at or below `from` on which a page may stand at `at` without passing `end`; its entry goes to
 * *leaf. */
static unsigned choose_level(const struct ept *ept, u64 at, u64 end, unsigned from, u64 *leaf)
{
    for (unsigned level = from; level > 1; level--) {
        u64 size = ept_level_size(level);
        if (at % size == 0 && end - at >= size && ept_leaf(ept, at, level, leaf))
            return level;
    }
    return ept_leaf(ept, at, 1, leaf) ? 1 : 0;
}

/*
 * How far pages of `level` from `at` on are known to share the memory type of the first: the largest naturally aligned
 * part of the table that is uniform. A few questions instead of 512.
 */
static u64 same_type_until(const struct ept *ept, u64 at, unsigned level)
{
    u64 size = ept_level_size(level), part = ept_level_size(level + 1);
    enum memory_type type;
    while (part > size && (at % part || !memory_type_uniform(ept->config.mtrrs, hpa(at), part, &type)))
        part /= 2;
    return at + part;
}

/* Sets entries of one table from path's on, as far as `end`, one type, this table, and entries without tables go. */
static u64 fill_run(struct ept *ept, u64 at, u64 end, const struct ept_path *path, u64 leaf)
{
    unsigned level = path->level;
    u64 size = ept_level_size(level);
    u64 *entry = path->entry[level];
    u64 length = min_u64(end, same_type_until(ept, at, level)) - at;
    u32 pages = (u32)min_u64(length >> (3 + 9 * level), EPT_ENTRIES - ept_index(at, level)), done = 0;
    for (; done < pages && !ept_is_table(*entry, level); done++, entry++, leaf += size) {
        if (!*entry)
            ept_store(entry, leaf);
        else if (*entry != leaf)
            ept_put_leaf(ept, entry, level, leaf);
    }
    return at + done * size;
}

/*
 * Maps the page-aligned `range`, which has one class (RAM or DEVICE), with the largest pages possible. Tables that are
 * there stay. False: the pool is empty; what was mapped stays mapped.
 */
bool ept_fill(struct ept *ept, struct range range)
{
    u64 at = range.start;
    while (at < range.end) {
        struct ept_path path;
        u64 leaf = 0;
        ept_walk(ept, at, &path);
        unsigned level = choose_level(ept, at, range.end, path.level, &leaf);
        if (!level)
            return true; /* not the guest's: our caller's mistake, and nothing to map */
        while (path.level > level) {
            if (!ept_step_down(ept, at, &path))
                return false;
        }
        at = fill_run(ept, at, range.end, &path, leaf);
    }
    return true;
}

/* Maps all RAM inside `within` that no hole hides. False: the pool is empty. */
bool ept_fill_ram(struct ept *ept, struct range within)
{
    for (u32 i = 0; i < ept->clear_count; i++) {
        struct range range = {max_u64(ept->clear[i].start, within.start), min_u64(ept->clear[i].end, within.end)};
        if (range.start < range.end && !ept_fill(ept, range))
            return false;
    }
    return true;
}

/* Puts large pages in the place of the tables over `at` for which there is no reason any more. */
void ept_try_join(struct ept *ept, u64 at)
{
    for (unsigned level = 2; level <= 3; level++) {
        struct ept_path path;
        u64 leaf;
        ept_walk(ept, at, &path);
        if (path.level >= level)
            continue;
        if (ept_busy(*path.entry[level]) || (level == 2 && ept_is_exec_split(ept, at)))
            return;
        if (!ept_leaf(ept, align_down(at, ept_level_size(level)), level, &leaf))
            return;
        ept_unlink(ept, at, &path, level, leaf);
        ept->counts.joins++;
    }
}

/* The entries of a page table that has protected pages: those are retyped, all others go. */
static void strip_page_table(struct ept *ept, u64 at, u64 *table)
{
    for (u32 i = 0; i < EPT_ENTRIES; i++) {
        u64 leaf;
        if (!(table[i] & EPT_ENTRY_PROTECTED))
            ept_store(&table[i], 0);
        else if (ept_present(table[i]) && ept_leaf(ept, at + i * PAGE_SIZE, 1, &leaf))
            ept_put_leaf(ept, &table[i], 1, leaf);
    }
}

static void strip_directory(u64 *table, unsigned level)
{
    for (u32 i = 0; i < EPT_ENTRIES; i++) {
        if (!ept_is_table(table[i], level))
            ept_store(&table[i], 0);
    }
}

/* Takes everything out of the tables but the protected pages. */
static void strip(struct ept *ept)
{
    struct ept_path path;
    for (unsigned level = 1; level < EPT_LEVELS; level++) {
        for (u64 at = 0; ept_next_table(ept, level, &at, &path); at += ept_level_size(level + 1)) {
            u64 *table = ept_table_of(ept, *path.entry[level + 1]);
            if (!ept_busy(*path.entry[level + 1]))
                ept_unlink(ept, at, &path, level + 1, 0);
            else if (level == 1)
                strip_page_table(ept, at, table);
            else
                strip_directory(table, level);
        }
    }
    ept->flush = true;
}

enum ept_status ept_rebuild(struct ept *ept)
{
    strip(ept);
    return ept_fill_ram(ept, (struct range){0, ept_limit(ept)}) ? EPT_OK : EPT_NO_MEMORY;
}
