/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/address_space.h"

#include "lib/cpu.h"

/* SDM "4-Level Paging", formats of paging-structure entries. */
#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_A BIT(5) /* set from the start, so that an entry can be compared as a whole */
#define PTE_D BIT(6)
#define PTE_PS BIT(7)
#define PTE_G BIT(8)
#define PTE_NX BIT(63)
#define PTE_ADDRESS BITS(51, 12)

enum permission { READ_ONLY, READ_WRITE, EXECUTE };

extern const char image_start[], text_end[], rodata_end[], image_end[];

struct address_space own_space;

static u64 flags_of(const struct address_space *space, enum permission permission)
{
    u64 flags = PTE_P;
    if (permission == READ_WRITE)
        flags |= PTE_W;
    if (permission != EXECUTE && space->no_execute)
        flags |= PTE_NX;
    return flags;
}

/* The table that entry `index` of `table` points to, made when it is missing; NULL when the pool is empty. */
static u64 *table_below(struct address_space *space, u64 *table, u32 index)
{
    if (!(table[index] & PTE_P)) {
        u64 *fresh = page_pool_take(space->pool);
        if (!fresh)
            return NULL;
        table[index] = page_pool_hpa(space->pool, fresh).at | PTE_P | PTE_W;
    }
    return page_pool_ptr(space->pool, hpa(table[index] & PTE_ADDRESS));
}

/* Maps one page of 4 KiB, 2 MiB or 1 GiB (`shift` 12, 21, 30). */
static bool map_page(struct address_space *space, u64 linear, hpa_t at, u32 shift, enum permission permission)
{
    u64 *table = page_pool_ptr(space->pool, space->root);
    for (u32 level = 39; level > shift; level -= 9) {
        table = table_below(space, table, (linear >> level) & 511);
        if (!table)
            return false;
    }
    table[(linear >> shift) & 511] = at.at | flags_of(space, permission) | (shift > 12 ? PTE_PS : 0);
    return true;
}

static bool overlaps_region(const struct address_space *space, u64 start, u64 length)
{
    return start < space->region.at + space->region_size && space->region.at < start + length;
}

static bool map_direct_gib(struct address_space *space, u64 start)
{
    if (space->page_1g && !overlaps_region(space, start, GIB))
        return map_page(space, DIRECT_MAP + start, hpa(start), 30, READ_WRITE);
    for (u64 at = start; at < start + GIB; at += 2 * MIB)
        if (!overlaps_region(space, at, 2 * MIB) && !map_page(space, DIRECT_MAP + at, hpa(at), 21, READ_WRITE))
            return false;
    return true;
}

static enum permission image_permission(u64 linear)
{
    if (linear < (u64)text_end)
        return EXECUTE;
    return linear < (u64)rodata_end ? READ_ONLY : READ_WRITE;
}

/* The image in 4 KiB pages with its own permissions, the rest of the region read-write. */
static bool map_region(struct address_space *space)
{
    for (u64 offset = 0; offset < 2 * MIB; offset += PAGE_SIZE)
        if (!map_page(space, EXEUNT_BASE + offset, hpa(space->region.at + offset), 12,
                      image_permission(EXEUNT_BASE + offset)))
            return false;
    for (u64 offset = 2 * MIB; offset < space->region_size; offset += 2 * MIB)
        if (!map_page(space, EXEUNT_BASE + offset, hpa(space->region.at + offset), 21, READ_WRITE))
            return false;
    return true;
}

static bool map_code(struct address_space *space)
{
    u64 at = space->region.at + ((u64)space->code - EXEUNT_BASE);
    for (u64 offset = 0; offset < space->code_size; offset += PAGE_SIZE)
        if (!map_page(space, CODE_MAP + offset, hpa(at + offset), 12, EXECUTE))
            return false;
    return true;
}

/* An empty page table for the slots: a first page mapped makes it, its entry is cleared again. */
static bool make_slots(struct address_space *space)
{
    if (!map_page(space, MAP_SLOTS, hpa(0), 12, READ_WRITE))
        return false;
    u64 *table = page_pool_ptr(space->pool, space->root);
    for (u32 level = 39; level > 12; level -= 9)
        table = table_below(space, table, ((u64)MAP_SLOTS >> level) & 511);
    table[0] = 0;
    space->slots = page_pool_hpa(space->pool, table);
    return true;
}

bool address_space_build(struct address_space *space)
{
    u64 *root = page_pool_take(space->pool);
    if (!root)
        return false;
    space->root = page_pool_hpa(space->pool, root);
    for (u64 at = 0; at < space->direct_end; at += GIB)
        if (!map_direct_gib(space, at))
            return false;
    return map_region(space) && map_code(space) && make_slots(space);
}

/* The slot of this CPU that maps the page of `entry`, or the one to be used next. */
static u32 find_slot(const u64 *slots, u64 entry)
{
    static u32 next;
    for (u32 i = 0; i < MAP_SLOTS_PER_CPU; i++)
        if (slots[i] == entry)
            return i;
    return next++ % MAP_SLOTS_PER_CPU;
}

void *address_space_map(hpa_t at, u32 cpu)
{
    if (at.at < own_space.direct_end)
        return direct(at);
    u32 first = cpu * MAP_SLOTS_PER_CPU;
    u64 *slots = (u64 *)page_pool_ptr(own_space.pool, own_space.slots) + first;
    u64 entry = (at.at & PTE_ADDRESS) | flags_of(&own_space, READ_WRITE) | PTE_PWT | PTE_PCD | PTE_A | PTE_D;
    u32 slot = find_slot(slots, entry);
    u64 linear = MAP_SLOTS + (first + slot) * PAGE_SIZE;
    if (slots[slot] != entry) {
        slots[slot] = entry;
        invlpg((void *)linear);
    }
    return (void *)(linear + (at.at & ~PAGE_MASK));
}
