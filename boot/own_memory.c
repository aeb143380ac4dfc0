/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory that Exeunt owns (SPEC 1.1): one region at the top of RAM below 4 GiB, the image first, then the page
 * pool, and last the lines of reports that wait to be printed.
 */
#include "boot/boot.h"
#include "lib/address_space.h"
#include "lib/console.h"
#include "lib/cpu.h"
#include "lib/msr.h"
#include "lib/panic.h"
#include "lib/print.h"
#include "vmx/exit_site.h"

/* One CPU's worth: image, stacks and per-CPU state, and some 3 MiB of pages for page tables. */
#define REGION_SIZE (4 * MIB)
#define REGION_ALIGNMENT (2 * MIB)
/* A report has 10 to 40 KiB; with 64 phases (marks) of ten rows each, above 200. */
#define LINES_SIZE (256 * KIB)
#define IDENTITY_TABLES_SIZE (PAGING_OFF_PAGES * PAGE_SIZE)
#define REGION_FLOOR (1 * MIB) /* real-mode guests need all below */

extern const char image_start[], image_end[];

/* start.S: copies the image and continues in the copy. */
void boot_move(void *to, u64 length, u64 cr3);

/* The highest free memory below 4 GiB of this size; reserved for the guest from then on. */
static u64 take_memory(struct boot *boot, u64 size, u64 alignment)
{
    struct range avoid[1 + MULTIBOOT2_MODULES_MAX] = {boot->image};
    u32 count = 1;
    for (u32 i = 0; i < boot->info.module_count; i++)
        avoid[count++] = (struct range){boot->info.module[i].start, boot->info.module[i].end};
    struct memory_search search = {
        .size = size,
        .alignment = alignment,
        .floor = REGION_FLOOR,
        .ceiling = 4 * GIB,
        .avoid = avoid,
        .avoid_count = count,
    };
    u64 start;
    if (!memory_map_find_high(&boot->map, &search, &start))
        fatal("not enough memory: no free %llu KiB below 4 GiB for Exeunt", (unsigned long long)size / KIB);
    if (memory_map_reserve(&boot->map, start, size) != MEMORY_MAP_OK)
        fatal("the memory map has too many entries");
    return start;
}

/*
 * The page tables are built in the new place, through the direct map of start.S; the pool is told where its pages will
 * be once the tables are in use.
 */
static void move_to(struct boot *boot, u64 region)
{
    u64 image_bytes = (u64)(image_end - image_start);
    u32 pages = (u32)((REGION_SIZE - LINES_SIZE - image_bytes) >> PAGE_SHIFT);
    page_pool_init(&boot->pool, direct(hpa(region + image_bytes)), hpa(region + image_bytes), pages);
    own_space = (struct address_space){
        .region = hpa(region),
        .region_size = REGION_SIZE,
        .direct_end = max_u64(4 * GIB, align_up(memory_map_ram_end(&boot->map), GIB)),
        .page_1g = cpuid(0x80000001, 0).edx & BIT(26),
        .no_execute = rdmsr(MSR_EFER) & EFER_NXE,
        .code = translated_code,
        .code_size = TC_CODE,
        .pool = &boot->pool,
    };
    if (!address_space_build(&own_space))
        fatal("not enough memory: Exeunt's page tables for %llu GiB do not fit", own_space.direct_end / GIB);
    boot->pool.base = (char *)(EXEUNT_BASE + image_bytes);
    boot_move(direct(hpa(region)), image_bytes, own_space.root.at);
}

void boot_own_memory(struct boot *boot)
{
    if (!boot->info.has_map)
        fatal("the boot loader passed no memory map");
    boot->map = boot->info.map;
    u64 region = take_memory(boot, REGION_SIZE, REGION_ALIGNMENT);
    if (!boot->unrestricted)
        boot->identity_tables = hpa(take_memory(boot, IDENTITY_TABLES_SIZE, PAGE_SIZE));
    move_to(boot, region);
    console_give_room((char *)(EXEUNT_BASE + REGION_SIZE - LINES_SIZE), LINES_SIZE);
    print("memory: %llu MiB RAM; Exeunt owns %llu KiB at %llx\n", memory_map_ram(&boot->map) / MIB, REGION_SIZE / KIB,
          (unsigned long long)region);
}
