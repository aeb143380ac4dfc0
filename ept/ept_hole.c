/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Holes: ranges that are absent because the exit policy wants to see each access.
 */
#include "ept/ept_table.h"

/* Drops the topmost table that lies inside the hole as a whole; *at moves past its region. */
static bool drop_covered_table(struct ept *ept, struct range hole, u64 *at, const struct ept_path *path)
{
    for (unsigned level = EPT_LEVELS; level > path->level; level--) {
        u64 start = align_down(*at, ept_level_size(level)), end = start + ept_level_size(level);
        if (start < hole.start || end > hole.end || ept_busy(*path->entry[level]))
            continue;
        ept_unlink(ept, *at, path, level, 0);
        *at = end;
        return true;
    }
    return false;
}

static void make_absent(struct ept *ept, u64 *entry, unsigned level)
{
    ept_store(entry, level == 1 ? *entry & EPT_ENTRY_PROTECTED : 0);
    ept->flush = true;
}

/*
 * Makes the hole absent. A large page of RAM that lies in it in part is split; of MMIO it is dropped, for the rest
 * comes back on demand.
 */
static enum ept_status punch(struct ept *ept, struct range hole)
{
    u64 at = hole.start;
    while (at < hole.end) {
        struct ept_path path;
        ept_walk(ept, at, &path);
        if (drop_covered_table(ept, hole, &at, &path))
            continue;
        u64 *entry = path.entry[path.level], size = ept_level_size(path.level), start = align_down(at, size);
        bool in_part = start < hole.start || start + size > hole.end;
        if (ept_present(*entry) && in_part && ept_touches_ram(ept, start, start + size)) {
            if (!ept_step_down(ept, at, &path) && !ept_reclaim(ept))
                return EPT_NO_MEMORY;
            continue; /* from the root: reclaiming may have changed the path */
        }
        if (ept_present(*entry))
            make_absent(ept, entry, path.level);
        at = start + size;
    }
    return EPT_OK;
}

enum ept_status ept_add_hole(struct ept *ept, struct range hole)
{
    if ((hole.start | hole.end) & ~PAGE_MASK || hole.start >= hole.end || hole.end > ept_limit(ept))
        return EPT_BAD_RANGE;
    if (ept->hole_count == EPT_HOLES_MAX)
        return EPT_TOO_MANY;
    ept->holes[ept->hole_count++] = hole;
    ept_find_clear(ept);
    enum ept_status status = punch(ept, hole);
    if (status != EPT_OK)
        ept_remove_hole(ept, hole);
    return status;
}

/* The last one that is the same: of two equal holes one stays. */
static bool forget_hole(struct ept *ept, struct range hole)
{
    for (u32 i = ept->hole_count; i-- > 0;) {
        if (ept->holes[i].start != hole.start || ept->holes[i].end != hole.end)
            continue;
        ept->hole_count--;
        for (; i < ept->hole_count; i++)
            ept->holes[i] = ept->holes[i + 1];
        return true;
    }
    return false;
}

/* Without memory for the tables the RAM of the hole stays absent and is mapped when it is touched, as MMIO always is.
 */
void ept_remove_hole(struct ept *ept, struct range hole)
{
    if (!forget_hole(ept, hole))
        return;
    ept_find_clear(ept);
    ept_fill_ram(ept, hole);
    ept_try_join(ept, hole.start);
    ept_try_join(ept, hole.end - PAGE_SIZE);
}
