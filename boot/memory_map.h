/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's memory map, as firmware gave it and as the guest shall see it. Pure: it works on numbers.
 *
 * A map is always normalised: sorted, without overlap, neighbours of one type merged. memory_map_add() keeps it so, and
 * building a map from firmware's entries is nothing but adding them one by one.
 */
#ifndef BOOT_MEMORY_MAP_H
#define BOOT_MEMORY_MAP_H

#include "ept/ept.h"
#include "lib/types.h"

/* ACPI specification, "Address Range Types"; Multiboot2 uses the same numbers. Other numbers are kept and never RAM. */
enum memory_kind {
    MEMORY_KIND_RAM = 1,
    MEMORY_KIND_RESERVED = 2,
    MEMORY_KIND_ACPI = 3, /* tables; RAM when the OS has read them */
    MEMORY_KIND_NVS = 4,
    MEMORY_KIND_BAD = 5,
};

#define MEMORY_MAP_MAX 512

/* The architecture's limit on physical addresses (SDM "Paging": MAXPHYADDR is at most 52). */
#define PHYSICAL_LIMIT BIT(52)

struct memory_entry {
    u64 start, end; /* end is exclusive */
    u32 kind;
};

struct memory_map {
    u32 count;
    struct memory_entry entry[MEMORY_MAP_MAX];
};

enum memory_map_status {
    MEMORY_MAP_OK,
    MEMORY_MAP_FULL,    /* more than MEMORY_MAP_MAX entries; the map is as it was */
    MEMORY_MAP_NO_ROOM, /* the caller's array is too small */
};

/* As BIOS INT 15h E820 and the Linux boot protocol have it. */
struct e820_entry {
    u64 start, length;
    u32 kind;
} __attribute__((packed));

_Static_assert(sizeof(struct e820_entry) == 20, "ACPI specification, E820 entry");

/*
 * Adds [start, start + length). Where it meets other entries the more restrictive kind wins: RAM, then ACPI, NVS,
 * reserved and unknown kinds, bad. What lies at or above PHYSICAL_LIMIT is left out; an empty range changes nothing.
 */
enum memory_map_status memory_map_add(struct memory_map *map, u64 start, u64 length, u32 kind);

/* Adds [start, start + length) as reserved, for Exeunt's own region. */
enum memory_map_status memory_map_reserve(struct memory_map *map, u64 start, u64 length);

/* Whether all of [start, end) is RAM. An empty range is not. */
bool memory_map_is_ram(const struct memory_map *map, u64 start, u64 end);

/*
 * The highest (or lowest) `size` bytes of RAM with [start, start + size) within [floor, ceiling), `alignment` (a power
 * of two) and none of the `avoid` ranges touched. Returns false when there is none.
 */
struct memory_search {
    u64 size, alignment;
    u64 floor, ceiling;
    const struct range *avoid;
    u32 avoid_count;
};
bool memory_map_find_high(const struct memory_map *map, const struct memory_search *search, u64 *start);
bool memory_map_find_low(const struct memory_map *map, const struct memory_search *search, u64 *start);

/* Bytes of RAM (MEMORY_KIND_RAM only). */
u64 memory_map_ram(const struct memory_map *map);

/* One past the highest byte of RAM; 0 without RAM. */
u64 memory_map_ram_end(const struct memory_map *map);

/* Entries `first`, `first` + 1, ... as E820 entries; returns how many were written (at most `room`). */
u32 memory_map_e820(const struct memory_map *map, u32 first, struct e820_entry *out, u32 room);

/*
 * The whole pages that are DRAM for the guest (RAM, ACPI tables and NVS): sorted, disjoint, merged, for ept_config.ram.
 */
enum memory_map_status memory_map_dram(const struct memory_map *map, struct range *out, u32 room, u32 *count);

#endif
