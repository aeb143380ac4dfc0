/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a Multiboot1 image and its modules go; guest_multiboot_info.c writes the information block. */
#include "boot/guest_multiboot.h"

#include "boot/bytes.h"
#include "boot/guest_multiboot_format.h"
#include "boot/guest_multiboot_info.h"
#include "boot/guest_place.h"

/* Segments, and one move for each module, fit in the plan. */
#define SEGMENTS_MAX (GUEST_STEPS_MAX - MULTIBOOT2_MODULES_MAX)
#define PROGRAM_HEADERS_MAX 256

struct image {
    const u8 *bytes;
    u64 length;
    u64 at; /* where the boot loader put it */
    u32 entry;
    u32 segment_count;
    struct segment_load {
        u64 offset, file_size, start, memory_size;
    } segment[SEGMENTS_MAX];
};

s32 multiboot_find_header(const u8 *bytes, u64 length)
{
    u64 end = min_u64(length, MULTIBOOT1_SEARCH);
    for (u64 at = 0; at + 12 <= end; at += 4) {
        u32 flags = load32(bytes + at + 4);
        if (load32(bytes + at) != MULTIBOOT1_HEADER_MAGIC ||
            (u32)(MULTIBOOT1_HEADER_MAGIC + flags + load32(bytes + at + 8)) != 0)
            continue;
        if (!(flags & MULTIBOOT1_ADDRESSES) || at + sizeof(struct multiboot1_header) <= end)
            return (s32)at;
    }
    return -1;
}

static enum guest_status add_segment(struct image *image, struct segment_load segment)
{
    if (image->segment_count == SEGMENTS_MAX)
        return GUEST_TOO_MANY_STEPS;
    if (segment.offset > image->length || segment.file_size > image->length - segment.offset)
        return GUEST_TRUNCATED;
    if (segment.start + segment.memory_size > GUEST_MEMORY_END)
        return GUEST_TOO_LARGE;
    struct range place = {segment.start, segment.start + segment.memory_size};
    for (u32 i = 0; i < image->segment_count; i++) {
        struct segment_load *other = &image->segment[i];
        if (ranges_touch(place, (struct range){other->start, other->start + other->memory_size}))
            return GUEST_ELF_OVERLAP;
    }
    image->segment[image->segment_count++] = segment;
    return GUEST_OK;
}

/* The specification's "address fields": the file from the header's place back to load_addr is loaded as it stands. */
static enum guest_status read_addresses(struct image *image, u32 header_at)
{
    struct multiboot1_header header;
    memcpy(&header, image->bytes + header_at, sizeof(header));
    u32 before = header.header_addr - header.load_addr;
    if (header.load_addr > header.header_addr || before > header_at)
        return GUEST_MULTIBOOT_BAD_ADDRESSES;
    struct segment_load segment = {.offset = header_at - before, .start = header.load_addr};
    segment.file_size = image->length - segment.offset;
    if (header.load_end_addr && header.load_end_addr < header.load_addr)
        return GUEST_MULTIBOOT_BAD_ADDRESSES;
    if (header.load_end_addr)
        segment.file_size = header.load_end_addr - header.load_addr;
    segment.memory_size = segment.file_size;
    u64 load_end = segment.start + segment.file_size;
    if (header.bss_end_addr && header.bss_end_addr < load_end)
        return GUEST_MULTIBOOT_BAD_ADDRESSES;
    if (header.bss_end_addr)
        segment.memory_size = header.bss_end_addr - segment.start;
    if (header.entry_addr < segment.start || header.entry_addr >= segment.start + segment.memory_size)
        return GUEST_MULTIBOOT_BAD_ADDRESSES;
    image->entry = header.entry_addr;
    return add_segment(image, segment);
}

/* Executable i386 ELF32 with at least one program header, all of them in the file. */
static enum guest_status read_elf_header(const struct image *image, struct elf32_header *elf)
{
    if (image->length < sizeof(*elf) || load32(image->bytes) != ELF_MAGIC)
        return GUEST_MULTIBOOT_NOT_ELF32;
    memcpy(elf, image->bytes, sizeof(*elf));
    if (elf->class != ELF_CLASS_32 || elf->data != ELF_LITTLE_ENDIAN || elf->type != ELF_EXECUTABLE ||
        elf->machine != ELF_MACHINE_386)
        return GUEST_MULTIBOOT_NOT_ELF32;
    if (elf->program_header_size < sizeof(struct elf32_program_header) || !elf->program_header_count ||
        elf->program_header_count > PROGRAM_HEADERS_MAX)
        return GUEST_ELF_BAD_HEADER;
    u64 end = elf->program_headers + (u64)elf->program_header_size * elf->program_header_count;
    return end > image->length ? GUEST_TRUNCATED : GUEST_OK;
}

static enum guest_status read_program_header(struct image *image, const struct elf32_header *elf, u32 index,
                                             bool *entry_found)
{
    struct elf32_program_header header;
    memcpy(&header, image->bytes + elf->program_headers + (u64)index * elf->program_header_size, sizeof(header));
    if (header.type != ELF_LOAD || !header.memory_size)
        return GUEST_OK;
    if (header.file_size > header.memory_size)
        return GUEST_ELF_BAD_HEADER;
    /* The entry point is a virtual address; the guest starts without paging, at the physical one. */
    if (elf->entry - header.virtual < header.memory_size && elf->entry >= header.virtual && !*entry_found) {
        image->entry = elf->entry - header.virtual + header.physical;
        *entry_found = true;
    }
    return add_segment(image,
                       (struct segment_load){header.offset, header.file_size, header.physical, header.memory_size});
}

static enum guest_status read_elf(struct image *image)
{
    struct elf32_header elf;
    bool entry_found = false;
    enum guest_status status = read_elf_header(image, &elf);
    for (u32 i = 0; status == GUEST_OK && i < elf.program_header_count; i++)
        status = read_program_header(image, &elf, i, &entry_found);
    if (status != GUEST_OK)
        return status;
    return entry_found ? GUEST_OK : GUEST_ELF_BAD_ENTRY;
}

static enum guest_status read_image(const struct guest_request *request, struct image *image,
                                    struct multiboot_plan *plan)
{
    const struct multiboot2_module *module = &request->info->module[0];
    *image = (struct image){.bytes = request->image, .length = module->end - module->start, .at = module->start};
    s32 header_at = multiboot_find_header(image->bytes, image->length);
    if (header_at < 0)
        return GUEST_MULTIBOOT_NO_HEADER;
    plan->header_flags = load32(image->bytes + header_at + 4);
    plan->unsupported = plan->header_flags & MULTIBOOT1_REQUIREMENTS & (u32)~MULTIBOOT1_KNOWN;
    if (plan->unsupported)
        return GUEST_MULTIBOOT_FEATURE;
    return plan->header_flags & MULTIBOOT1_ADDRESSES ? read_addresses(image, (u32)header_at) : read_elf(image);
}

/* Where segments go is not ours to choose: it must be RAM of the guest and nothing that Exeunt still needs. */
static enum guest_status check_segments(const struct guest_request *request, const struct image *image,
                                        const struct avoid_list *keep)
{
    for (u32 i = 0; i < image->segment_count; i++) {
        struct range place = {image->segment[i].start, image->segment[i].start + image->segment[i].memory_size};
        if (!memory_map_is_ram(request->map, place.start, place.end) || avoid_touches(keep, place))
            return GUEST_COLLIDES;
    }
    return GUEST_OK;
}

static bool meets_segment(const struct image *image, u64 start, u64 end)
{
    for (u32 i = 0; i < image->segment_count; i++) {
        const struct segment_load *segment = &image->segment[i];
        if (ranges_touch((struct range){start, end},
                         (struct range){segment->start, segment->start + segment->memory_size}))
            return true;
    }
    return false;
}

/* A step that brings [*at, *at + length) to a place that nothing else has, before or after. */
static enum guest_status move_away(const struct guest_request *request, struct avoid_list *avoid,
                                   struct guest_plan *plan, u64 *at, u64 length)
{
    struct memory_search search = {
        .size = align_up(length, PAGE_SIZE),
        .alignment = PAGE_SIZE,
        .floor = MIB,
        .ceiling = GUEST_MEMORY_END,
        .avoid = avoid->range,
        .avoid_count = avoid->count,
    };
    struct guest_step step = {.source = *at, .length = length};
    if (!memory_map_find_low(request->map, &search, &step.destination))
        return GUEST_NO_MEMORY;
    avoid_add(avoid, step.destination, step.destination + search.size);
    *at = step.destination;
    return guest_add_step(plan, step) ? GUEST_OK : GUEST_TOO_MANY_STEPS;
}

static enum guest_status place_modules(const struct guest_request *request, const struct image *image,
                                       struct avoid_list *avoid, struct multiboot_plan *plan)
{
    bool aligned = plan->header_flags & MULTIBOOT1_PAGE_ALIGN;
    for (u32 i = 1; i < request->info->module_count; i++) {
        const struct multiboot2_module *module = &request->info->module[i];
        u64 at = module->start, length = module->end - module->start;
        bool stays = !length || (!meets_segment(image, module->start, module->end) && !(aligned && at % PAGE_SIZE) &&
                                 memory_map_is_ram(request->map, module->start, module->end));
        enum guest_status status = stays ? GUEST_OK : move_away(request, avoid, &plan->plan, &at, length);
        if (status != GUEST_OK)
            return status;
        plan->module[plan->module_count].start = at;
        plan->module[plan->module_count++].end = at + length;
    }
    return GUEST_OK;
}

/* One segment may be copied over its own source (memmove); several may not, because the first could hit the second's.
 */
static enum guest_status place_segments(const struct guest_request *request, struct image *image,
                                        struct avoid_list *avoid, struct multiboot_plan *plan)
{
    if (image->segment_count > 1 && meets_segment(image, image->at, image->at + image->length)) {
        enum guest_status status = move_away(request, avoid, &plan->plan, &image->at, image->length);
        if (status != GUEST_OK)
            return status;
    }
    for (u32 i = 0; i < image->segment_count; i++) {
        const struct segment_load *segment = &image->segment[i];
        struct guest_step step = {
            .destination = segment->start,
            .source = image->at + segment->offset,
            .length = segment->file_size,
            .zero_length = segment->memory_size - segment->file_size,
        };
        if (!guest_add_step(&plan->plan, step))
            return GUEST_TOO_MANY_STEPS;
    }
    return GUEST_OK;
}

static enum guest_status plan_places(const struct guest_request *request, struct image *image,
                                     struct multiboot_plan *plan)
{
    struct avoid_list avoid;
    avoid_request(&avoid, request);
    enum guest_status status = check_segments(request, image, &avoid);
    if (status != GUEST_OK)
        return status;
    avoid_modules(&avoid, request);
    for (u32 i = 0; i < image->segment_count; i++)
        avoid_add(&avoid, image->segment[i].start, image->segment[i].start + image->segment[i].memory_size);
    if (!guest_find_area(request, &avoid, multiboot_info_size(request), &plan->plan.area))
        return GUEST_NO_MEMORY;
    avoid_add(&avoid, plan->plan.area.start, plan->plan.area.end);
    status = place_modules(request, image, &avoid, plan);
    return status == GUEST_OK ? place_segments(request, image, &avoid, plan) : status;
}

enum guest_status multiboot_plan(const struct guest_request *request, struct multiboot_plan *plan)
{
    struct image image;
    memset(plan, 0, sizeof(*plan));
    if (!request->info->module_count || request->keep_count > GUEST_KEEP_MAX)
        return GUEST_BAD_REQUEST;
    enum guest_status status = read_image(request, &image, plan);
    if (status == GUEST_OK)
        status = plan_places(request, &image, plan);
    if (status != GUEST_OK)
        return status;
    multiboot_info_start(plan, image.entry);
    return GUEST_OK;
}
