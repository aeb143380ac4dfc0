/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What guest-physical addresses are, worked out from the configuration and the holes, never from the tables.
 */
#include "ept/ept_table.h"

/* The first address that is BEYOND: MAXPHYADDR, or what four levels can translate. */
u64 ept_limit(const struct ept *ept)
{
    return min_u64(1ull << ept->config.physical_bits, ept_level_size(EPT_LEVELS + 1));
}

/*
 * Whether `at` lies in `range`. If so *extent is narrowed to the range, else to the side of it on which `at` lies.
 */
static bool narrow(struct range range, u64 at, struct range *extent)
{
    if (range.start >= range.end)
        return false;
    if (at < range.start) {
        extent->end = min_u64(extent->end, range.start);
        return false;
    }
    if (at >= range.end) {
        extent->start = max_u64(extent->start, range.end);
        return false;
    }
    extent->start = max_u64(extent->start, range.start);
    extent->end = min_u64(extent->end, range.end);
    return true;
}

static bool narrow_all(const struct range *ranges, u32 count, u64 at, struct range *extent)
{
    for (u32 i = 0; i < count; i++) {
        if (narrow(ranges[i], at, extent))
            return true;
    }
    return false;
}

/* The class of `at`, and a range around it, as long as can be said, that has the same class throughout. */
enum ept_class ept_extent(const struct ept *ept, u64 at, struct range *extent)
{
    u64 limit = ept_limit(ept);
    if (at >= limit) {
        *extent = (struct range){limit, ~0ull};
        return EPT_CLASS_BEYOND;
    }
    *extent = (struct range){0, limit};
    if (narrow(ept->config.own, at, extent))
        return EPT_CLASS_OWN;
    if (narrow_all(ept->holes, ept->hole_count, at, extent))
        return EPT_CLASS_TRAPPED;
    if (narrow_all(ept->ram, ept->config.ram_count, at, extent))
        return EPT_CLASS_RAM;
    return EPT_CLASS_DEVICE;
}

enum ept_class ept_classify_slow(const struct ept *ept, gpa_t at)
{
    struct range extent;
    return ept_extent(ept, at.at, &extent);
}

bool ept_touches_ram(const struct ept *ept, u64 start, u64 end)
{
    for (u32 i = 0; i < ept->config.ram_count; i++) {
        if (ept->ram[i].start < end && start < ept->ram[i].end)
            return true;
    }
    return false;
}

static bool level_allowed(const struct ept *ept, unsigned level, enum ept_class class)
{
    if (level == 1)
        return true;
    if (level == 2)
        return ept->config.page_2m;
    return level == 3 && class == EPT_CLASS_RAM && ept->config.page_2m && ept->config.page_1g;
}

/*
 * The entry that maps the naturally aligned page of `level` at `at`. False if no such page may be: it has several
 * classes or types, is not the guest's to touch, or is of a size that the CPU lacks (MMIO: above 2 MiB).
 */
bool ept_leaf(const struct ept *ept, u64 at, unsigned level, u64 *leaf)
{
    struct range extent;
    enum ept_class class = ept_extent(ept, at, &extent);
    enum memory_type type;
    u64 size = ept_level_size(level);
    if (class != EPT_CLASS_RAM && class != EPT_CLASS_DEVICE)
        return false;
    if (at < extent.start || extent.end - at < size || !level_allowed(ept, level, class))
        return false;
    if (!memory_type_uniform(ept->config.mtrrs, hpa(at), size, &type))
        return false;
    *leaf = at | (u64)type << EPT_ENTRY_TYPE_SHIFT | EPT_RW;
    if (level > 1)
        *leaf |= EPT_ENTRY_LARGE;
    if (level == 1 || ept->config.large_executable)
        *leaf |= EPT_X;
    return true;
}

static enum ept_status append(struct range *ranges, u32 *count, u32 room, struct range range)
{
    if (range.start >= range.end)
        return EPT_OK;
    if (*count && ranges[*count - 1].end == range.start) {
        ranges[*count - 1].end = range.end;
        return EPT_OK;
    }
    if (*count == room)
        return EPT_TOO_MANY;
    ranges[(*count)++] = range;
    return EPT_OK;
}

/* Appends what `cut` leaves of `range`: a part below it, and a part above it. */
static enum ept_status append_without(struct range *ranges, u32 *count, u32 room, struct range range, struct range cut)
{
    if (cut.start >= cut.end || cut.end <= range.start || range.end <= cut.start)
        return append(ranges, count, room, range);
    enum ept_status status = append(ranges, count, room, (struct range){range.start, min_u64(range.end, cut.start)});
    if (status != EPT_OK)
        return status;
    return append(ranges, count, room, (struct range){max_u64(range.start, cut.end), range.end});
}

/* config.ram, cut to whole pages below the limit and outside own, goes to ept->ram; neighbours become one. */
enum ept_status ept_normalise_ram(struct ept *ept)
{
    u32 count = 0;
    u64 previous = 0;
    for (u32 i = 0; i < ept->config.ram_count; i++) {
        struct range range = ept->config.ram[i];
        if (range.start > range.end || range.start < previous)
            return EPT_BAD_RANGE;
        previous = range.end;
        if (range.start >= ept_limit(ept))
            break;
        range.start = align_up(range.start, PAGE_SIZE);
        range.end = align_down(min_u64(range.end, ept_limit(ept)), PAGE_SIZE);
        enum ept_status status = append_without(ept->ram, &count, EPT_RAM_MAX, range, ept->config.own);
        if (status != EPT_OK)
            return status;
    }
    ept->config.ram = ept->ram;
    ept->config.ram_count = count;
    return EPT_OK;
}

static void cut_from_clear(struct ept *ept, struct range hole)
{
    struct range before[EPT_CLEAR_MAX];
    u32 count = ept->clear_count;
    for (u32 i = 0; i < count; i++)
        before[i] = ept->clear[i];
    ept->clear_count = 0;
    for (u32 i = 0; i < count; i++)
        append_without(ept->clear, &ept->clear_count, EPT_CLEAR_MAX, before[i], hole);
}

/* Exeunt's region comes before any hole over it, so such a hole cannot be the first that is asked. */
static void find_hot_hole(struct ept *ept)
{
    struct range own = ept->config.own;
    ept->hot_hole = ept->hole_count ? ept->holes[0] : (struct range){0, 0};
    if (ept->hot_hole.start < own.end && own.start < ept->hot_hole.end)
        ept->hot_hole = (struct range){0, 0};
}

/*
 * Works out ept->clear. It cannot overflow: each cut adds at most one range. Largest first, because that is where most
 * accesses are; with none, the first is empty.
 */
void ept_find_clear(struct ept *ept)
{
    ept->clear_count = ept->config.ram_count;
    for (u32 i = 0; i < ept->config.ram_count; i++)
        ept->clear[i] = ept->ram[i];
    for (u32 i = 0; i < ept->hole_count; i++)
        cut_from_clear(ept, ept->holes[i]);
    find_hot_hole(ept);
    ept->generation++;
    if (!ept->clear_count)
        ept->clear[0] = (struct range){0, 0};
    for (u32 i = 1; i < ept->clear_count; i++) {
        struct range range = ept->clear[i];
        u32 j = i;
        for (; j && ept->clear[j - 1].end - ept->clear[j - 1].start < range.end - range.start; j--)
            ept->clear[j] = ept->clear[j - 1];
        ept->clear[j] = range;
    }
}
