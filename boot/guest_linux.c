/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a Linux kernel and its initrd go; guest_linux_build.c writes what the kernel reads. */
#include "boot/guest_linux.h"

#include "boot/guest_linux_format.h"
#include "boot/guest_place.h"
#include "lib/string.h"

#define SECTOR 512
#define ALIGNMENT_MAX (GIB)

/* What the image says about itself, checked. */
struct linux_image {
    struct linux_setup_header header;
    u64 setup_size;  /* the real-mode part, in bytes */
    u64 kernel_size; /* the rest of the file: the protected-mode kernel */
    u64 wanted;      /* memory at the load address */
};

static u64 image_length(const struct guest_request *request)
{
    return request->info->module[0].end - request->info->module[0].start;
}

static enum guest_status check_header(const struct linux_setup_header *header)
{
    if (header->version < LINUX_PROTOCOL_MIN)
        return GUEST_LINUX_OLD_PROTOCOL;
    if (!(header->loadflags & LINUX_LOADED_HIGH))
        return GUEST_LINUX_NOT_BZIMAGE;
    u64 alignment = header->kernel_alignment;
    if (!header->init_size || header->jump_distance < SETUP_OFFSET(handover_offset) - SETUP_OFFSET(header) ||
        (header->relocatable_kernel && (!alignment || (alignment & (alignment - 1)) || alignment > ALIGNMENT_MAX)))
        return GUEST_LINUX_BAD_HEADER;
    return GUEST_OK;
}

static enum guest_status read_image(const struct guest_request *request, struct linux_image *image)
{
    u64 length = image_length(request);
    if (guest_recognise(request->image, length) != GUEST_LINUX)
        return GUEST_NOT_RECOGNISED;
    if (length < LINUX_SETUP_AT + sizeof(image->header))
        return GUEST_TRUNCATED;
    memcpy(&image->header, request->image + LINUX_SETUP_AT, sizeof(image->header));
    enum guest_status status = check_header(&image->header);
    if (status != GUEST_OK)
        return status;

    u32 sectors = image->header.setup_sects ? image->header.setup_sects : LINUX_SETUP_SECTS_DEFAULT;
    image->setup_size = (u64)(sectors + 1) * SECTOR;
    if (!image->header.syssize || length < image->setup_size + (u64)image->header.syssize * 16)
        return GUEST_TRUNCATED;
    image->kernel_size = length - image->setup_size;
    image->wanted = align_up(max_u64(image->header.init_size, image->kernel_size), PAGE_SIZE);
    return image->header.pref_address >= GUEST_MEMORY_END ? GUEST_TOO_LARGE : GUEST_OK;
}

static bool fits_at(const struct guest_request *request, const struct avoid_list *avoid, u64 start, u64 size)
{
    return start >= MIB && start + size <= GUEST_MEMORY_END && memory_map_is_ram(request->map, start, start + size) &&
           !avoid_touches(avoid, (struct range){start, start + size});
}

/*
 * The preferred address, or the lowest aligned one above it: below it the decompressor would move itself up to the
 * preferred address on its own. The image's own bytes may be overwritten, because they are copied in one step.
 */
static bool place_kernel(const struct guest_request *request, const struct linux_image *image,
                         const struct avoid_list *avoid, u64 *load_at)
{
    *load_at = image->header.pref_address;
    if (fits_at(request, avoid, *load_at, image->wanted))
        return true;
    struct memory_search search = {
        .size = image->wanted,
        .alignment = image->header.kernel_alignment,
        .floor = max_u64(image->header.pref_address, MIB),
        .ceiling = GUEST_MEMORY_END,
        .avoid = avoid->range,
        .avoid_count = avoid->count,
    };
    return image->header.relocatable_kernel && memory_map_find_low(request->map, &search, load_at);
}

/* The highest address that the initrd may reach. */
static u64 initrd_ceiling(const struct linux_image *image)
{
    return image->header.xloadflags & LINUX_XLF_ABOVE_4G ? GUEST_MEMORY_END : (u64)image->header.initrd_addr_max + 1;
}

/* The initrd stays where the boot loader put it, if that is the guest's memory and the kernel takes it there. */
static bool initrd_may_stay(const struct guest_request *request, const struct linux_image *image)
{
    const struct multiboot2_module *initrd = &request->info->module[1];
    return initrd->end <= initrd_ceiling(image) && memory_map_is_ram(request->map, initrd->start, initrd->end);
}

/* Places the kernel with the initrd in its way and, when there is no such place, without (the initrd must move then).
 */
static enum guest_status place_both(const struct guest_request *request, const struct linux_image *image,
                                    struct linux_plan *plan, bool *initrd_moves)
{
    struct avoid_list avoid;
    avoid_request(&avoid, request);
    const struct multiboot2_module *initrd = plan->initrd_length ? &request->info->module[1] : NULL;
    *initrd_moves = initrd && !initrd_may_stay(request, image);
    if (initrd && !*initrd_moves) {
        avoid_add(&avoid, initrd->start, initrd->end);
        if (place_kernel(request, image, &avoid, &plan->load_at))
            return GUEST_OK;
        avoid.count--;
        *initrd_moves = true;
    }
    return place_kernel(request, image, &avoid, &plan->load_at) ? GUEST_OK : GUEST_NO_MEMORY;
}

/* A new place for the initrd, as high as it may be; it is copied before the kernel's place is overwritten. */
static enum guest_status move_initrd(const struct guest_request *request, const struct linux_image *image,
                                     struct linux_plan *plan)
{
    struct avoid_list avoid;
    avoid_request(&avoid, request);
    avoid_modules(&avoid, request);
    avoid_add(&avoid, plan->load_at, plan->load_at + image->wanted);
    struct memory_search search = {
        .size = align_up(plan->initrd_length, PAGE_SIZE),
        .alignment = PAGE_SIZE,
        .floor = MIB,
        .ceiling = min_u64(initrd_ceiling(image), GUEST_MEMORY_END),
        .avoid = avoid.range,
        .avoid_count = avoid.count,
    };
    struct guest_step step = {.source = plan->initrd_at, .length = plan->initrd_length};
    if (!memory_map_find_high(request->map, &search, &step.destination))
        return GUEST_NO_MEMORY;
    plan->initrd_at = step.destination;
    return guest_add_step(&plan->plan, step) ? GUEST_OK : GUEST_TOO_MANY_STEPS;
}

static enum guest_status place_area(const struct guest_request *request, const struct linux_image *image,
                                    struct linux_plan *plan)
{
    const struct multiboot2_info *info = request->info;
    if (info->efi_map && info->efi_map_length > LINUX_EFI_MAP_MAX)
        return GUEST_LINUX_EFI_MAP_TOO_LARGE;
    struct avoid_list avoid;
    avoid_request(&avoid, request);
    avoid_modules(&avoid, request);
    avoid_add(&avoid, plan->load_at, plan->load_at + image->wanted);
    avoid_add(&avoid, plan->initrd_at, plan->initrd_at + plan->initrd_length);
    u64 size = LINUX_AREA_EFI_MAP + (info->efi_map ? info->efi_map_length : 0);
    return guest_find_area(request, &avoid, size, &plan->plan.area) ? GUEST_OK : GUEST_NO_MEMORY;
}

/* The guest's map is the machine's, with the copy of the RSDP kept out of the free memory when there has to be one. */
static enum guest_status plan_map(const struct guest_request *request, struct linux_plan *plan)
{
    memcpy(&plan->map, request->map, sizeof(plan->map));
    plan->rsdp_at = request->rsdp_at;
    if (plan->rsdp_at || !request->info->rsdp)
        return GUEST_OK;
    plan->rsdp_at = plan->plan.area.start + LINUX_AREA_RSDP;
    return memory_map_add(&plan->map, plan->rsdp_at, PAGE_SIZE, MEMORY_KIND_ACPI) == MEMORY_MAP_OK ? GUEST_OK
                                                                                                   : GUEST_NO_MEMORY;
}

static void plan_start(const struct linux_image *image, struct linux_plan *plan)
{
    u64 area = plan->plan.area.start;
    bool long_mode = image->header.xloadflags & LINUX_XLF_KERNEL_64;
    plan->plan.start = (struct guest_start){
        .long_mode = long_mode,
        .rip = plan->load_at + (long_mode ? LINUX_ENTRY_64 : 0),
        .rsp = area + LINUX_AREA_TABLES,
        .rsi = area + LINUX_AREA_ZERO_PAGE,
        .cr3 = long_mode ? area + LINUX_AREA_TABLES : 0,
        .gdt_base = area + LINUX_AREA_GDT,
        .gdt_limit = LINUX_BOOT_DS + 7,
        .code_selector = LINUX_BOOT_CS,
        .data_selector = LINUX_BOOT_DS,
    };
}

static enum guest_status check_command_line(const struct guest_request *request, const struct linux_image *image)
{
    u64 most = min_u64(image->header.cmdline_size, LINUX_AREA_GDT - LINUX_AREA_COMMAND_LINE - 1);
    return strlen(request->info->module[0].string) > most ? GUEST_COMMAND_LINE_TOO_LONG : GUEST_OK;
}

static enum guest_status plan_places(const struct guest_request *request, const struct linux_image *image,
                                     struct linux_plan *plan)
{
    bool initrd_moves;
    enum guest_status status = place_both(request, image, plan, &initrd_moves);
    if (status == GUEST_OK && initrd_moves)
        status = move_initrd(request, image, plan);
    if (status == GUEST_OK)
        status = place_area(request, image, plan);
    struct guest_step kernel = {
        .destination = plan->load_at,
        .source = request->info->module[0].start + image->setup_size,
        .length = image->kernel_size,
    };
    if (status == GUEST_OK && !guest_add_step(&plan->plan, kernel))
        status = GUEST_TOO_MANY_STEPS;
    return status;
}

enum guest_status linux_plan(const struct guest_request *request, struct linux_plan *plan)
{
    struct linux_image image;
    memset(plan, 0, sizeof(*plan));
    if (!request->info->module_count || request->keep_count > GUEST_KEEP_MAX)
        return GUEST_BAD_REQUEST;
    enum guest_status status = read_image(request, &image);
    if (status == GUEST_OK)
        status = check_command_line(request, &image);
    if (status != GUEST_OK)
        return status;
    plan->protocol = image.header.version;
    plan->init_size = image.wanted;
    if (request->info->module_count > 1) {
        plan->initrd_at = request->info->module[1].start;
        plan->initrd_length = request->info->module[1].end - plan->initrd_at;
    }
    status = plan_places(request, &image, plan);
    if (status == GUEST_OK)
        status = plan_map(request, plan);
    if (status != GUEST_OK)
        return status;
    plan->relocated = plan->load_at != image.header.pref_address;
    plan_start(&image, plan);
    return GUEST_OK;
}
