/* SPDX-License-Identifier: BSD-2-Clause */
/* What a Linux kernel reads at its start: zero page, command line, GDT, page tables. */
#include "boot/bytes.h"
#include "boot/guest_linux.h"
#include "boot/guest_linux_format.h"

#define PAGE_PRESENT 0x001
#define PAGE_WRITE 0x002
#define PAGE_LARGE 0x080 /* SDM "Page-Directory Entry That Maps a 2-MByte Page" */

/* SDM "Segment Descriptors": flat, accessed, DPL 0. */
#define GDT_CODE_64 0x00af9b000000ffff
#define GDT_CODE_32 0x00cf9b000000ffff
#define GDT_DATA 0x00cf93000000ffff

#define VGA_COLUMNS 80
#define VGA_LINES 25
#define VGA_GLYPH_LINES 16
#define VGA_TEXT_MODE 3
#define VGA_EGA_BX 3 /* INT 10h AH=12h BL=10h: colour, 256 KiB */

static void build_text_screen(struct linux_screen_info *screen, u32 columns, u32 lines)
{
    screen->orig_y = (u8)(lines - 1);
    screen->orig_video_mode = VGA_TEXT_MODE;
    screen->orig_video_cols = (u8)columns;
    screen->orig_video_lines = (u8)lines;
    screen->orig_video_ega_bx = VGA_EGA_BX;
    screen->orig_video_is_vga = LINUX_VIDEO_VGA_TEXT;
    screen->orig_video_points = VGA_GLYPH_LINES;
}

static void build_framebuffer(struct linux_screen_info *screen, const struct multiboot2_framebuffer *from, bool efi)
{
    u64 bytes = (u64)from->pitch * from->height;
    screen->orig_video_is_vga = efi ? LINUX_VIDEO_EFI : LINUX_VIDEO_VLFB;
    screen->lfb_width = (u16)from->width;
    screen->lfb_height = (u16)from->height;
    screen->lfb_depth = from->bits_per_pixel;
    screen->lfb_linelength = (u16)from->pitch;
    screen->lfb_base = (u32)from->address;
    screen->ext_lfb_base = (u32)(from->address >> 32);
    screen->capabilities = screen->ext_lfb_base ? LINUX_VIDEO_64BIT_BASE : 0;
    /* In bytes for EFI, in units of 64 KiB for VESA. */
    screen->lfb_size = (u32)(efi ? bytes : (bytes + 0xffff) >> 16);
    screen->red_size = from->red_size;
    screen->red_pos = from->red_position;
    screen->green_size = from->green_size;
    screen->green_pos = from->green_position;
    screen->blue_size = from->blue_size;
    screen->blue_pos = from->blue_position;
    u32 colours = (u32)from->red_size + from->green_size + from->blue_size;
    if (from->bits_per_pixel == 32 && colours == 24) {
        screen->rsvd_size = 8;
        screen->rsvd_pos = 24;
    }
}

static void build_screen(struct linux_screen_info *screen, const struct multiboot2_info *info)
{
    const struct multiboot2_framebuffer *from = &info->framebuffer;
    bool efi = info->efi64_system_table || info->efi32_system_table;
    if (from->type == MULTIBOOT2_FRAMEBUFFER_RGB || from->type == MULTIBOOT2_FRAMEBUFFER_INDEXED)
        build_framebuffer(screen, from, efi);
    else if (from->type == MULTIBOOT2_FRAMEBUFFER_TEXT && from->width && from->width < 256 && from->height &&
             from->height < 256)
        build_text_screen(screen, from->width, from->height);
    else if (!efi) /* a UEFI machine without a framebuffer has no screen at all */
        build_text_screen(screen, VGA_COLUMNS, VGA_LINES);
}

static void build_efi(struct linux_efi_info *efi, const struct multiboot2_info *info, u64 map_at)
{
    u64 table = info->efi64_system_table ? info->efi64_system_table : info->efi32_system_table;
    if (!table || !info->efi_map)
        return;
    efi->loader_signature = info->efi64_system_table ? LINUX_EFI64_SIGNATURE : LINUX_EFI32_SIGNATURE;
    efi->systab = (u32)table;
    efi->systab_hi = (u32)(table >> 32);
    efi->memdesc_size = info->efi_descriptor_size;
    efi->memdesc_version = info->efi_descriptor_version;
    efi->memmap = (u32)map_at;
    efi->memmap_hi = (u32)(map_at >> 32);
    efi->memmap_size = info->efi_map_length;
}

/* What the image has of its setup header: from 0x1f1 to 0x202 + the distance of its jump (boot.rst "header copy"). */
static void copy_header(const struct guest_request *request, struct linux_setup_header *header)
{
    u64 end = min_u64(SETUP_OFFSET(header) + request->image[SETUP_OFFSET(jump_distance)],
                      LINUX_SETUP_AT + sizeof(*header));
    memcpy(header, request->image + LINUX_SETUP_AT, end - LINUX_SETUP_AT);
}

static void build_header(const struct guest_request *request, const struct linux_plan *plan,
                         struct linux_boot_params *params)
{
    struct linux_setup_header *header = &params->header;
    u64 command_line = plan->plan.area.start + LINUX_AREA_COMMAND_LINE;
    copy_header(request, header);
    header->type_of_loader = LINUX_LOADER_UNDEFINED;
    header->vid_mode = LINUX_VIDEO_NORMAL;
    header->code32_start = (u32)plan->load_at;
    header->cmd_line_ptr = (u32)command_line;
    header->ramdisk_image = (u32)plan->initrd_at;
    header->ramdisk_size = (u32)plan->initrd_length;
    header->setup_data = 0;
    params->ext_cmd_line_ptr = (u32)(command_line >> 32);
    params->ext_ramdisk_image = (u32)(plan->initrd_at >> 32);
    params->ext_ramdisk_size = (u32)(plan->initrd_length >> 32);
}

/* The first 128 entries stand in the zero page, the others in a setup_data node (boot.rst "setup_data"). */
static void build_e820(const struct linux_plan *plan, struct linux_boot_params *params, u8 *area)
{
    const struct memory_map *map = &plan->map;
    u32 written = 0;
    struct e820_entry entry;
    for (; written < LINUX_E820_MAX && memory_map_e820(map, written, &entry, 1); written++)
        params->e820_table[written] = entry;
    params->e820_entries = (u8)written;
    if (written == map->count)
        return;
    u8 *node = area + LINUX_AREA_SETUP_DATA;
    u32 length = (map->count - written) * (u32)sizeof(entry);
    store64(node + offsetof(struct linux_setup_data, next), 0);
    store32(node + offsetof(struct linux_setup_data, type), LINUX_SETUP_E820_EXT);
    store32(node + offsetof(struct linux_setup_data, length), length);
    for (u8 *at = node + sizeof(struct linux_setup_data); memory_map_e820(map, written, &entry, 1); written++) {
        memcpy(at, &entry, sizeof(entry));
        at += sizeof(entry);
    }
    params->header.setup_data = plan->plan.area.start + LINUX_AREA_SETUP_DATA;
}

static void build_gdt(u8 *gdt, bool long_mode)
{
    store64(gdt + LINUX_BOOT_CS, long_mode ? GDT_CODE_64 : GDT_CODE_32);
    store64(gdt + LINUX_BOOT_DS, GDT_DATA);
}

/* The first 4 GiB, 1:1, writable and executable (SDM "4-Level Paging"). */
static void build_page_tables(u8 *tables, u64 tables_at)
{
    u8 *pdpt = tables + PAGE_SIZE;
    store64(tables, (tables_at + PAGE_SIZE) | PAGE_PRESENT | PAGE_WRITE);
    for (u64 i = 0; i < LINUX_IDENTITY_DIRECTORIES; i++) {
        u8 *directory = tables + (2 + i) * PAGE_SIZE;
        store64(pdpt + i * 8, (tables_at + (2 + i) * PAGE_SIZE) | PAGE_PRESENT | PAGE_WRITE);
        for (u64 n = 0; n < 512; n++)
            store64(directory + n * 8, (i * GIB + n * 2 * MIB) | PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE);
    }
}

void linux_build(const struct guest_request *request, const struct linux_plan *plan, void *area)
{
    const struct multiboot2_info *info = request->info;
    u8 *at = area;
    u64 area_at = plan->plan.area.start;
    memset(at, 0, plan->plan.area.end - area_at);

    struct linux_boot_params *params = (struct linux_boot_params *)(at + LINUX_AREA_ZERO_PAGE);
    build_header(request, plan, params);
    build_screen(&params->screen, info);
    build_efi(&params->efi, info, area_at + LINUX_AREA_EFI_MAP);
    build_e820(plan, params, at);
    params->acpi_rsdp_addr = plan->rsdp_at;

    const char *command_line = info->module[0].string;
    memcpy(at + LINUX_AREA_COMMAND_LINE, command_line, strlen(command_line) + 1);
    if (info->rsdp)
        memcpy(at + LINUX_AREA_RSDP, info->rsdp, min_u64(info->rsdp_length, PAGE_SIZE));
    if (info->efi_map)
        memcpy(at + LINUX_AREA_EFI_MAP, info->efi_map, info->efi_map_length);
    build_gdt(at + LINUX_AREA_GDT, plan->plan.start.long_mode);
    if (plan->plan.start.long_mode)
        build_page_tables(at + LINUX_AREA_TABLES, area_at + LINUX_AREA_TABLES);
}
