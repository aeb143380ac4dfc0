/* SPDX-License-Identifier: BSD-2-Clause */
#include "ept/ept.h"

#include "ept/ept_table.h"

static bool page_aligned(struct range range)
{
    return !((range.start | range.end) & ~PAGE_MASK);
}

static bool config_valid(const struct ept_config *config)
{
    return config->physical_bits >= 32 && config->physical_bits <= 52 && config->mtrrs->physical_bits >= 32 &&
           config->mtrrs->physical_bits <= 52 && page_aligned(config->own) && config->own.start <= config->own.end;
}

enum ept_status ept_init(struct ept *ept, const struct ept_config *config)
{
    *ept = (struct ept){.config = *config};
    if (!config_valid(config))
        return EPT_BAD_RANGE;
    enum ept_status status = ept_normalise_ram(ept);
    if (status != EPT_OK)
        return status;
    ept_find_clear(ept);
    ept->root = page_pool_take(config->pool);
    if (!ept->root)
        return EPT_NO_MEMORY;
    return ept_fill_ram(ept, (struct range){0, ept_limit(ept)}) ? EPT_OK : EPT_NO_MEMORY;
}

/* SDM "Extended-Page-Table Pointer (EPTP)": bits 2:0 memory type of the walks, 5:3 levels minus one, 6 A/D flags. */
u64 ept_pointer(const struct ept *ept)
{
    return page_pool_hpa(ept->config.pool, ept->root).at | (EPT_LEVELS - 1) << 3 | MEMORY_WB;
}

u64 ept_lookup(const struct ept *ept, gpa_t at, u64 *page_size)
{
    struct ept_path path;
    *page_size = PAGE_SIZE;
    if (at.at >= ept_limit(ept))
        return 0;
    ept_walk(ept, at.at, &path);
    *page_size = ept_level_size(path.level);
    u64 entry = *path.entry[path.level];
    return ept_present(entry) ? entry & ~EPT_ENTRY_IGNORED : 0;
}

/* The largest level, at most `from`, of a page that may stand over `at`. */
static unsigned largest_level(const struct ept *ept, u64 at, unsigned from)
{
    u64 leaf;
    unsigned level = from < 3 ? from : 3;
    while (level > 1 && !ept_leaf(ept, align_down(at, ept_level_size(level)), level, &leaf))
        level--;
    return level;
}

/*
 * Maps the absent page at `at`, and with it all that one large page or, where there can be none, one page table holds
 * of its class. The tables were reserved.
 */
static void map_absent(struct ept *ept, u64 at, unsigned absent_level)
{
    struct range extent;
    unsigned level = largest_level(ept, at, absent_level);
    u64 unit = ept_level_size(level > 1 ? level : 2), start = align_down(at, unit);
    if (ept_extent(ept, at, &extent) == EPT_CLASS_DEVICE)
        ept->counts.mapped_on_demand++;
    ept_fill(ept, (struct range){max_u64(start, extent.start), min_u64(start + unit, extent.end)});
}

/* Splits the page at `at` down to 4 KiB; the tables were reserved. */
static void split(struct ept *ept, u64 at)
{
    struct ept_path path;
    ept_walk(ept, at, &path);
    while (path.level > 1 && ept_step_down(ept, at, &path))
        continue;
}

static bool touchable(enum ept_class class)
{
    return class == EPT_CLASS_RAM || class == EPT_CLASS_DEVICE;
}

static u64 entry_at(const struct ept *ept, u64 at, unsigned *level)
{
    struct ept_path path;
    ept_walk(ept, at, &path);
    *level = path.level;
    return *path.entry[path.level];
}

/* What can be missing in an entry that is there: W of a protected page, or X of a large page. */
static enum ept_status admit_present(struct ept *ept, u64 at, u64 entry, unsigned level, enum ept_permission wanted)
{
    if ((entry & wanted) == wanted)
        return EPT_OK;
    if (level == 1)
        return EPT_PROTECTED;
    split(ept, at);
    if (ept_classify(ept, gpa(at)) == EPT_CLASS_RAM)
        ept_note_exec_split(ept, at);
    return EPT_OK;
}

enum ept_status ept_admit(struct ept *ept, gpa_t gpa_at, enum ept_permission wanted)
{
    u64 at = gpa_at.at & PAGE_MASK;
    unsigned level;
    if (!touchable(ept_classify(ept, gpa_at)))
        return EPT_BAD_RANGE;
    u64 entry = entry_at(ept, at, &level);
    if ((entry & wanted) == wanted)
        return EPT_OK;
    unsigned needed = (wanted & EPT_X) && !ept->config.large_executable ? 1 : largest_level(ept, at, EPT_LEVELS);
    if (!ept_reserve(ept, at, needed))
        return EPT_NO_MEMORY;
    entry = entry_at(ept, at, &level);
    if (!ept_present(entry))
        map_absent(ept, at, level);
    entry = entry_at(ept, at, &level);
    return admit_present(ept, at, entry, level, wanted);
}

/* The path to the page table entry of a protected page; false if it is none. */
static bool find_protected(const struct ept *ept, u64 at, struct ept_path *path)
{
    if (at >= ept_limit(ept))
        return false;
    ept_walk(ept, at, path);
    return path->level == 1 && (*path->entry[1] & EPT_ENTRY_PROTECTED);
}

bool ept_write_protected(const struct ept *ept, gpa_t at)
{
    struct ept_path path;
    return find_protected(ept, at.at, &path);
}

enum ept_status ept_write_protect(struct ept *ept, gpa_t at)
{
    struct ept_path path;
    if (!touchable(ept_classify(ept, at)))
        return EPT_BAD_RANGE;
    if (find_protected(ept, at.at, &path))
        return EPT_OK;
    if (!ept_reserve(ept, at.at, 1))
        return EPT_NO_MEMORY;
    enum ept_status status = ept_admit(ept, at, EPT_R);
    if (status != EPT_OK)
        return status;
    split(ept, at.at);
    ept_walk(ept, at.at, &path);
    ept_store(path.entry[1], (*path.entry[1] & ~(u64)EPT_W) | EPT_ENTRY_PROTECTED);
    ept_busy_add(path.entry[2], 1);
    ept->counts.read_only_pages++;
    ept->protections++;
    ept->flush = true;
    return EPT_OK;
}

/*
 * Permission added to an entry needs no flush: whoever still has the old one cached gets an EPT violation, which drops
 * it (SDM "Invalidation of Cached Information"). Only a join, which ept_try_join() may do, needs one.
 */
enum ept_status ept_write_allow(struct ept *ept, gpa_t at)
{
    struct ept_path path;
    if (!find_protected(ept, at.at, &path))
        return at.at < ept_limit(ept) ? EPT_OK : EPT_BAD_RANGE;
    u64 entry = *path.entry[1] & ~EPT_ENTRY_PROTECTED;
    ept_store(path.entry[1], ept_present(entry) ? entry | EPT_W : entry);
    ept_busy_add(path.entry[2], -1);
    ept->counts.read_only_pages--;
    ept_try_join(ept, at.at);
    return EPT_OK;
}
