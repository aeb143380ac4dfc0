/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/memory_map.h"

#include "lib/string.h"

/* How restrictive a kind is: the greater rank wins where two ranges meet. */
static u32 kind_rank(u32 kind)
{
    switch (kind) {
    case MEMORY_KIND_RAM:
        return 0;
    case MEMORY_KIND_ACPI:
        return 1;
    case MEMORY_KIND_NVS:
        return 2;
    case MEMORY_KIND_BAD:
        return 4;
    default: /* reserved, and kinds that are newer than this program */
        return 3;
    }
}

static void insert_entry(struct memory_map *map, u32 index, struct memory_entry entry)
{
    memmove(&map->entry[index + 1], &map->entry[index], (map->count - index) * sizeof(map->entry[0]));
    map->entry[index] = entry;
    map->count++;
}

/* The first entry that ends above `at`. */
static u32 first_above(const struct memory_map *map, u64 at)
{
    u32 i = 0;
    while (i < map->count && map->entry[i].end <= at)
        i++;
    return i;
}

/* Makes `at` a boundary: an entry that spans it becomes two. */
static void split_at(struct memory_map *map, u64 at)
{
    u32 i = first_above(map, at);
    if (i == map->count || map->entry[i].start >= at)
        return;
    struct memory_entry upper = {at, map->entry[i].end, map->entry[i].kind};
    map->entry[i].end = at;
    insert_entry(map, i + 1, upper);
}

static void merge_neighbours(struct memory_map *map)
{
    u32 kept = 0;
    for (u32 i = 1; i < map->count; i++) {
        struct memory_entry *last = &map->entry[kept];
        if (last->end == map->entry[i].start && last->kind == map->entry[i].kind)
            last->end = map->entry[i].end;
        else
            map->entry[++kept] = map->entry[i];
    }
    if (map->count)
        map->count = kept + 1;
}

/* Two splits, and one new entry for each gap around the entries that the range meets. */
static bool has_room(const struct memory_map *map, u64 start, u64 end)
{
    u32 met = 0;
    for (u32 i = first_above(map, start); i < map->count && map->entry[i].start < end; i++)
        met++;
    return map->count + 2 + met + 1 <= MEMORY_MAP_MAX;
}

enum memory_map_status memory_map_add(struct memory_map *map, u64 start, u64 length, u32 kind)
{
    if (!length || start >= PHYSICAL_LIMIT)
        return MEMORY_MAP_OK;
    u64 end = length > PHYSICAL_LIMIT - start ? PHYSICAL_LIMIT : start + length;
    if (!has_room(map, start, end))
        return MEMORY_MAP_FULL;

    split_at(map, start);
    split_at(map, end);
    u64 at = start;
    for (u32 i = first_above(map, start); at < end; i++) {
        struct memory_entry *entry = &map->entry[i];
        if (i < map->count && entry->start == at) {
            if (kind_rank(kind) > kind_rank(entry->kind))
                entry->kind = kind;
        } else {
            u64 gap_end = i < map->count ? min_u64(end, entry->start) : end;
            insert_entry(map, i, (struct memory_entry){at, gap_end, kind});
        }
        at = map->entry[i].end;
    }
    merge_neighbours(map);
    return MEMORY_MAP_OK;
}

enum memory_map_status memory_map_reserve(struct memory_map *map, u64 start, u64 length)
{
    return memory_map_add(map, start, length, MEMORY_KIND_RESERVED);
}

bool memory_map_is_ram(const struct memory_map *map, u64 start, u64 end)
{
    u32 i = first_above(map, start);
    return start < end && i < map->count && map->entry[i].kind == MEMORY_KIND_RAM && map->entry[i].start <= start &&
           end <= map->entry[i].end;
}

/* The avoided range that [start, start + size) touches; NULL: none. */
static const struct range *touched(const struct memory_search *search, u64 start)
{
    for (u32 i = 0; i < search->avoid_count; i++) {
        const struct range *avoid = &search->avoid[i];
        if (avoid->start < avoid->end && start < avoid->end && avoid->start < start + search->size)
            return avoid;
    }
    return NULL;
}

/* Below an avoided range the search goes on under its start, so that `top` only ever falls. */
static bool high_within(const struct memory_search *search, u64 floor, u64 top, u64 *start)
{
    while (top >= search->size) {
        u64 at = align_down(top - search->size, search->alignment);
        if (at < floor)
            return false;
        const struct range *avoid = touched(search, at);
        if (!avoid) {
            *start = at;
            return true;
        }
        top = avoid->start;
    }
    return false;
}

bool memory_map_find_high(const struct memory_map *map, const struct memory_search *search, u64 *start)
{
    for (u32 i = map->count; search->size && i-- > 0;) {
        const struct memory_entry *entry = &map->entry[i];
        u64 floor = max_u64(entry->start, search->floor);
        u64 top = min_u64(entry->end, search->ceiling);
        if (entry->kind == MEMORY_KIND_RAM && floor < top && high_within(search, floor, top, start))
            return true;
    }
    return false;
}

static bool low_within(const struct memory_search *search, u64 floor, u64 top, u64 *start)
{
    u64 at = align_up(floor, search->alignment);
    while (at >= floor && at < top && search->size <= top - at) {
        const struct range *avoid = touched(search, at);
        if (!avoid) {
            *start = at;
            return true;
        }
        floor = avoid->end;
        at = align_up(floor, search->alignment);
    }
    return false;
}

bool memory_map_find_low(const struct memory_map *map, const struct memory_search *search, u64 *start)
{
    for (u32 i = 0; search->size && i < map->count; i++) {
        const struct memory_entry *entry = &map->entry[i];
        u64 floor = max_u64(entry->start, search->floor);
        u64 top = min_u64(entry->end, search->ceiling);
        if (entry->kind == MEMORY_KIND_RAM && floor < top && low_within(search, floor, top, start))
            return true;
    }
    return false;
}

u64 memory_map_ram(const struct memory_map *map)
{
    u64 bytes = 0;
    for (u32 i = 0; i < map->count; i++)
        if (map->entry[i].kind == MEMORY_KIND_RAM)
            bytes += map->entry[i].end - map->entry[i].start;
    return bytes;
}

u64 memory_map_ram_end(const struct memory_map *map)
{
    for (u32 i = map->count; i-- > 0;)
        if (map->entry[i].kind == MEMORY_KIND_RAM)
            return map->entry[i].end;
    return 0;
}

u32 memory_map_e820(const struct memory_map *map, u32 first, struct e820_entry *out, u32 room)
{
    u32 written = 0;
    for (u32 i = first; i < map->count && written < room; i++) {
        const struct memory_entry *entry = &map->entry[i];
        out[written++] = (struct e820_entry){entry->start, entry->end - entry->start, entry->kind};
    }
    return written;
}

static bool is_dram(u32 kind)
{
    return kind == MEMORY_KIND_RAM || kind == MEMORY_KIND_ACPI || kind == MEMORY_KIND_NVS;
}

enum memory_map_status memory_map_dram(const struct memory_map *map, struct range *out, u32 room, u32 *count)
{
    *count = 0;
    for (u32 i = 0; i < map->count;) {
        u64 start = map->entry[i].start, end = start;
        for (; i < map->count && map->entry[i].start == end && is_dram(map->entry[i].kind); i++)
            end = map->entry[i].end;
        if (end == start)
            i++;
        start = align_up(start, PAGE_SIZE);
        end = align_down(end, PAGE_SIZE);
        if (start >= end)
            continue;
        if (*count == room)
            return MEMORY_MAP_NO_ROOM;
        out[(*count)++] = (struct range){start, end};
    }
    return MEMORY_MAP_OK;
}
