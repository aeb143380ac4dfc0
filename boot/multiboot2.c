/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/multiboot2.h"

#include "boot/bytes.h"

#define EFI_DESCRIPTOR_MIN 40 /* UEFI specification, EFI_MEMORY_DESCRIPTOR */

/* Tags that matter and may be there once only. */
#define SINGLE_TAGS                                                                                                    \
    (BIT(MULTIBOOT2_TAG_COMMAND_LINE) | BIT(MULTIBOOT2_TAG_LOADER_NAME) | BIT(MULTIBOOT2_TAG_MEMORY_MAP) |             \
     BIT(MULTIBOOT2_TAG_FRAMEBUFFER) | BIT(MULTIBOOT2_TAG_EFI32) | BIT(MULTIBOOT2_TAG_EFI64) |                         \
     BIT(MULTIBOOT2_TAG_ACPI_OLD) | BIT(MULTIBOOT2_TAG_ACPI_NEW) | BIT(MULTIBOOT2_TAG_EFI_MEMORY_MAP) |                \
     BIT(MULTIBOOT2_TAG_LOAD_BASE))

/* One tag: all `size` bytes of it are inside the structure. */
struct tag {
    u32 type, size;
    const u8 *bytes;
};

static enum multiboot2_status read_string(const struct tag *tag, u32 offset, const char **string)
{
    if (tag->size <= offset || !memchr(tag->bytes + offset, 0, tag->size - offset))
        return MULTIBOOT2_BAD_STRING;
    *string = (const char *)tag->bytes + offset;
    return MULTIBOOT2_OK;
}

static enum multiboot2_status read_module(const struct tag *tag, struct multiboot2_info *info)
{
    if (tag->size < sizeof(struct multiboot2_tag_module))
        return MULTIBOOT2_BAD_TAG;
    if (info->module_count == MULTIBOOT2_MODULES_MAX)
        return MULTIBOOT2_TOO_MANY_MODULES;
    struct multiboot2_module *module = &info->module[info->module_count];
    module->start = load32(tag->bytes + offsetof(struct multiboot2_tag_module, start));
    module->end = load32(tag->bytes + offsetof(struct multiboot2_tag_module, end));
    if (module->end < module->start)
        return MULTIBOOT2_BAD_MODULE;
    for (u32 i = 0; i < info->module_count; i++)
        if (module->start < info->module[i].end && info->module[i].start < module->end)
            return MULTIBOOT2_BAD_MODULE;
    info->module_count++;
    return read_string(tag, offsetof(struct multiboot2_tag_module, string), &module->string);
}

static enum multiboot2_status read_map(const struct tag *tag, struct multiboot2_info *info)
{
    u32 at = sizeof(struct multiboot2_tag_memory_map);
    if (tag->size < at)
        return MULTIBOOT2_BAD_TAG;
    u32 step = load32(tag->bytes + offsetof(struct multiboot2_tag_memory_map, entry_size));
    if (step < sizeof(struct multiboot2_memory_entry) || (tag->size - at) % step)
        return MULTIBOOT2_BAD_TAG;
    info->has_map = true;
    for (; at < tag->size; at += step) {
        const u8 *entry = tag->bytes + at;
        u64 base = load64(entry + offsetof(struct multiboot2_memory_entry, base));
        u64 length = load64(entry + offsetof(struct multiboot2_memory_entry, length));
        u32 kind = load32(entry + offsetof(struct multiboot2_memory_entry, type));
        if (memory_map_add(&info->map, base, length, kind) != MEMORY_MAP_OK)
            return MULTIBOOT2_TOO_MANY_RANGES;
    }
    return MULTIBOOT2_OK;
}

static enum multiboot2_status read_framebuffer(const struct tag *tag, struct multiboot2_framebuffer *framebuffer)
{
    struct multiboot2_tag_framebuffer raw = {0};
    u32 fixed = offsetof(struct multiboot2_tag_framebuffer, rgb);
    if (tag->size < fixed)
        return MULTIBOOT2_BAD_TAG;
    memcpy(&raw, tag->bytes, min_u64(tag->size, sizeof(raw)));
    if (raw.type == MULTIBOOT2_FRAMEBUFFER_RGB && tag->size < fixed + sizeof(raw.rgb))
        return MULTIBOOT2_BAD_TAG;
    bool rgb = raw.type == MULTIBOOT2_FRAMEBUFFER_RGB;
    *framebuffer = (struct multiboot2_framebuffer){
        .type = raw.type,
        .bits_per_pixel = raw.bits_per_pixel,
        .red_position = rgb ? raw.rgb.red_position : 0,
        .red_size = rgb ? raw.rgb.red_size : 0,
        .green_position = rgb ? raw.rgb.green_position : 0,
        .green_size = rgb ? raw.rgb.green_size : 0,
        .blue_position = rgb ? raw.rgb.blue_position : 0,
        .blue_size = rgb ? raw.rgb.blue_size : 0,
        .address = raw.address,
        .pitch = raw.pitch,
        .width = raw.width,
        .height = raw.height,
    };
    return MULTIBOOT2_OK;
}

/* The new RSDP (with the XSDT) is preferred, in whichever order the tags come. */
static enum multiboot2_status read_rsdp(const struct tag *tag, struct multiboot2_info *info)
{
    if (tag->size == sizeof(struct multiboot2_tag))
        return MULTIBOOT2_BAD_TAG;
    if (tag->type == MULTIBOOT2_TAG_ACPI_NEW || !info->rsdp) {
        info->rsdp = tag->bytes + sizeof(struct multiboot2_tag);
        info->rsdp_length = tag->size - (u32)sizeof(struct multiboot2_tag);
    }
    return MULTIBOOT2_OK;
}

static enum multiboot2_status read_efi_map(const struct tag *tag, struct multiboot2_info *info)
{
    if (tag->size < sizeof(struct multiboot2_tag_efi_map))
        return MULTIBOOT2_BAD_TAG;
    u32 step = load32(tag->bytes + offsetof(struct multiboot2_tag_efi_map, descriptor_size));
    u32 length = tag->size - (u32)sizeof(struct multiboot2_tag_efi_map);
    if (step < EFI_DESCRIPTOR_MIN || length % step)
        return MULTIBOOT2_BAD_TAG;
    info->efi_map = tag->bytes + sizeof(struct multiboot2_tag_efi_map);
    info->efi_map_length = length;
    info->efi_descriptor_size = step;
    info->efi_descriptor_version = load32(tag->bytes + offsetof(struct multiboot2_tag_efi_map, descriptor_version));
    return MULTIBOOT2_OK;
}

/* A tag that is one number behind its header. */
static enum multiboot2_status read_number(const struct tag *tag, u32 width, u64 *number)
{
    const u8 *at = tag->bytes + sizeof(struct multiboot2_tag);
    if (tag->size < sizeof(struct multiboot2_tag) + width)
        return MULTIBOOT2_BAD_TAG;
    *number = width == 8 ? load64(at) : load32(at);
    return MULTIBOOT2_OK;
}

static enum multiboot2_status read_tag(const struct tag *tag, struct multiboot2_info *info)
{
    switch (tag->type) {
    case MULTIBOOT2_TAG_COMMAND_LINE:
        return read_string(tag, sizeof(struct multiboot2_tag), &info->command_line);
    case MULTIBOOT2_TAG_LOADER_NAME:
        return read_string(tag, sizeof(struct multiboot2_tag), &info->loader_name);
    case MULTIBOOT2_TAG_MODULE:
        return read_module(tag, info);
    case MULTIBOOT2_TAG_MEMORY_MAP:
        return read_map(tag, info);
    case MULTIBOOT2_TAG_FRAMEBUFFER:
        return read_framebuffer(tag, &info->framebuffer);
    case MULTIBOOT2_TAG_EFI32:
        return read_number(tag, 4, &info->efi32_system_table);
    case MULTIBOOT2_TAG_EFI64:
        return read_number(tag, 8, &info->efi64_system_table);
    case MULTIBOOT2_TAG_ACPI_OLD:
    case MULTIBOOT2_TAG_ACPI_NEW:
        return read_rsdp(tag, info);
    case MULTIBOOT2_TAG_EFI_MEMORY_MAP:
        return read_efi_map(tag, info);
    case MULTIBOOT2_TAG_EFI_BOOT_SERVICES:
        info->efi_boot_services = true;
        return MULTIBOOT2_OK;
    case MULTIBOOT2_TAG_LOAD_BASE:
        return read_number(tag, 4, &info->load_base);
    default: /* the specification lets a kernel skip what it does not know */
        return MULTIBOOT2_OK;
    }
}

static void clear_info(struct multiboot2_info *info)
{
    memset(info, 0, sizeof(*info));
    info->command_line = "";
    info->loader_name = "";
    info->framebuffer.type = MULTIBOOT2_FRAMEBUFFER_NONE;
}

u32 multiboot2_size(const void *mbi, u64 available)
{
    return available < sizeof(struct multiboot2_start) ? 0 : load32(mbi);
}

enum multiboot2_status multiboot2_read(const void *mbi, u64 available, struct multiboot2_info *info, u32 *bad_tag)
{
    clear_info(info);
    *bad_tag = MULTIBOOT2_TAG_END;
    u32 total = multiboot2_size(mbi, available);
    if (total < sizeof(struct multiboot2_start) || total > available || total > MULTIBOOT2_SIZE_MAX)
        return MULTIBOOT2_BAD_SIZE;

    u64 seen = 0;
    u64 at = sizeof(struct multiboot2_start);
    while (at + sizeof(struct multiboot2_tag) <= total) {
        const u8 *bytes = (const u8 *)mbi + at;
        struct tag tag = {load32(bytes), load32(bytes + 4), bytes};
        *bad_tag = tag.type;
        if (tag.size < sizeof(struct multiboot2_tag) || tag.size > total - at)
            return MULTIBOOT2_BAD_TAG;
        if (tag.type == MULTIBOOT2_TAG_END)
            return MULTIBOOT2_OK;
        u64 kind = tag.type < 64 ? BIT(tag.type) & SINGLE_TAGS : 0;
        if (seen & kind)
            return MULTIBOOT2_TWICE;
        seen |= kind;
        enum multiboot2_status status = read_tag(&tag, info);
        if (status != MULTIBOOT2_OK)
            return status;
        at += align_up(tag.size, MULTIBOOT2_TAG_ALIGNMENT); /* a tag has 8 bytes at least: this ends */
    }
    return MULTIBOOT2_NO_END;
}

const char *multiboot2_status_text(enum multiboot2_status status)
{
    switch (status) {
    case MULTIBOOT2_OK:
        return "well-formed";
    case MULTIBOOT2_BAD_SIZE:
        return "its total size is impossible";
    case MULTIBOOT2_BAD_TAG:
        return "a tag is too short or runs over the end";
    case MULTIBOOT2_NO_END:
        return "there is no end tag";
    case MULTIBOOT2_BAD_STRING:
        return "a string does not end";
    case MULTIBOOT2_BAD_MODULE:
        return "a module ends before it starts or overlaps another";
    case MULTIBOOT2_TOO_MANY_MODULES:
        return "there are too many modules";
    case MULTIBOOT2_TOO_MANY_RANGES:
        return "the memory map has too many ranges";
    case MULTIBOOT2_TWICE:
        return "a tag is there twice";
    }
    return "unknown status";
}
