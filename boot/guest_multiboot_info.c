/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/guest_multiboot_info.h"

#include "boot/bytes.h"
#include "boot/guest_multiboot_format.h"

/* SDM "Segment Descriptors": flat, 32-bit, accessed, DPL 0. */
#define GDT_CODE 0x00cf9b000000ffff
#define GDT_DATA 0x00cf93000000ffff
#define CODE_SELECTOR 0x10
#define DATA_SELECTOR 0x18

#define LOADER_NAME "Exeunt"

#define UPPER_MEMORY MIB
#define LOWER_MEMORY_MAX (640 * KIB)

/* Offsets in the area. The strings come last: loader name, command line, one for each module. */
struct layout {
    u32 gdt, modules, map, strings;
};

static struct layout layout(const struct guest_request *request)
{
    struct layout at;
    at.gdt = (u32)align_up(sizeof(struct multiboot1_info), 16);
    at.modules = at.gdt + DATA_SELECTOR + 8;
    at.map = at.modules + request->info->module_count * (u32)sizeof(struct multiboot1_module);
    at.strings = at.map + request->map->count * (u32)sizeof(struct multiboot1_memory);
    return at;
}

u64 multiboot_info_size(const struct guest_request *request)
{
    u64 size = layout(request).strings + sizeof(LOADER_NAME);
    for (u32 i = 0; i < request->info->module_count; i++)
        size += strlen(request->info->module[i].string) + 1;
    return size;
}

void multiboot_info_start(struct multiboot_plan *plan, u32 entry)
{
    u64 area = plan->plan.area.start;
    plan->plan.start = (struct guest_start){
        .rip = entry,
        .rax = MULTIBOOT1_LOADER_MAGIC,
        .rbx = area,
        .gdt_base = area + align_up(sizeof(struct multiboot1_info), 16),
        .gdt_limit = DATA_SELECTOR + 7,
        .code_selector = CODE_SELECTOR,
        .data_selector = DATA_SELECTOR,
    };
}

/* RAM from `start` without a gap, in KiB. */
static u32 memory_from(const struct memory_map *map, u64 start, u64 end)
{
    for (u32 i = 0; i < map->count; i++) {
        const struct memory_entry *entry = &map->entry[i];
        if (entry->kind == MEMORY_KIND_RAM && entry->start <= start && start < entry->end)
            return (u32)min_u64((min_u64(entry->end, end) - start) >> 10, 0xffffffff);
    }
    return 0;
}

static void build_map(const struct guest_request *request, u8 *at)
{
    for (u32 i = 0; i < request->map->count; i++) {
        const struct memory_entry *entry = &request->map->entry[i];
        struct multiboot1_memory out = {
            .size = sizeof(out) - sizeof(out.size),
            .base = entry->start,
            .length = entry->end - entry->start,
            .kind = entry->kind,
        };
        memcpy(at + i * sizeof(out), &out, sizeof(out));
    }
}

static void build_framebuffer(struct multiboot1_info *info, const struct multiboot2_framebuffer *from)
{
    if (from->type == MULTIBOOT2_FRAMEBUFFER_NONE)
        return;
    info->flags |= MULTIBOOT1_INFO_FRAMEBUFFER;
    info->framebuffer = from->address;
    info->framebuffer_pitch = from->pitch;
    info->framebuffer_width = from->width;
    info->framebuffer_height = from->height;
    info->framebuffer_bits_per_pixel = from->bits_per_pixel;
    info->framebuffer_type = from->type;
    info->colours[0] = from->red_position;
    info->colours[1] = from->red_size;
    info->colours[2] = from->green_position;
    info->colours[3] = from->green_size;
    info->colours[4] = from->blue_position;
    info->colours[5] = from->blue_size;
}

/* Copies a string to the offset *at in the area and moves *at behind it; returns its physical address. */
static u32 put_string(const struct multiboot_plan *plan, u8 *area, u32 *at, const char *string)
{
    u32 offset = *at;
    size_t length = strlen(string) + 1;
    memcpy(area + offset, string, length);
    *at += (u32)length;
    return (u32)plan->plan.area.start + offset;
}

void multiboot_build(const struct guest_request *request, const struct multiboot_plan *plan, void *area)
{
    u8 *bytes = area;
    u32 area_at = (u32)plan->plan.area.start;
    struct layout at = layout(request);
    memset(bytes, 0, plan->plan.area.end - plan->plan.area.start);

    struct multiboot1_info info = {
        .flags = MULTIBOOT1_INFO_MEMORY | MULTIBOOT1_INFO_COMMAND_LINE | MULTIBOOT1_INFO_MODULES | MULTIBOOT1_INFO_MAP |
                 MULTIBOOT1_INFO_LOADER_NAME,
        .mem_lower = memory_from(request->map, 0, LOWER_MEMORY_MAX),
        .mem_upper = memory_from(request->map, UPPER_MEMORY, PHYSICAL_LIMIT),
        .modules_count = plan->module_count,
        .modules = area_at + at.modules,
        .map_length = request->map->count * (u32)sizeof(struct multiboot1_memory),
        .map = area_at + at.map,
    };
    u32 string_at = at.strings;
    info.loader_name = put_string(plan, bytes, &string_at, LOADER_NAME);
    info.command_line = put_string(plan, bytes, &string_at, request->info->module[0].string);
    for (u32 i = 0; i < plan->module_count; i++) {
        struct multiboot1_module module = {.start = (u32)plan->module[i].start, .end = (u32)plan->module[i].end};
        module.string = put_string(plan, bytes, &string_at, request->info->module[i + 1].string);
        memcpy(bytes + at.modules + i * sizeof(module), &module, sizeof(module));
    }
    build_map(request, bytes + at.map);
    build_framebuffer(&info, &request->info->framebuffer);
    memcpy(bytes, &info, sizeof(info));
    store64(bytes + at.gdt + CODE_SELECTOR, GDT_CODE);
    store64(bytes + at.gdt + DATA_SELECTOR, GDT_DATA);
}
