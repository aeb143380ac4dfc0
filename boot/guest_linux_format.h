/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux boot protocol's structures (Linux: Documentation/arch/x86/boot.rst and zero-page.rst), as far as a boot
 * loader fills them in. Offsets are from the start of the image and, alike, of the zero page.
 */
#ifndef BOOT_GUEST_LINUX_FORMAT_H
#define BOOT_GUEST_LINUX_FORMAT_H

#include "boot/memory_map.h"
#include "lib/types.h"

#define LINUX_SETUP_AT 0x1f1
#define LINUX_HEADER_MAGIC 0x53726448 /* "HdrS" */
#define LINUX_BOOT_FLAG 0xaa55
#define LINUX_PROTOCOL_MIN 0x020c
#define LINUX_SETUP_SECTS_DEFAULT 4
#define LINUX_ENTRY_64 0x200   /* from the load address */
#define LINUX_LOADED_HIGH 0x01 /* loadflags */
#define LINUX_XLF_KERNEL_64 0x01
#define LINUX_XLF_ABOVE_4G 0x02
#define LINUX_LOADER_UNDEFINED 0xff /* type_of_loader: none that has a number */
#define LINUX_VIDEO_NORMAL 0xffff   /* vid_mode: as it is */
#define LINUX_E820_MAX 128
#define LINUX_SETUP_E820_EXT 1
#define LINUX_BOOT_CS 0x10
#define LINUX_BOOT_DS 0x18

enum linux_video { LINUX_VIDEO_VGA_TEXT = 1, LINUX_VIDEO_VLFB = 0x23, LINUX_VIDEO_EFI = 0x70 };

#define LINUX_VIDEO_64BIT_BASE 2 /* screen_info.capabilities */

struct linux_setup_header {
    u8 setup_sects;
    u16 root_flags;
    u32 syssize; /* in 16-byte units */
    u16 ram_size, vid_mode, root_dev, boot_flag;
    u8 jump, jump_distance; /* the header ends at 0x202 + distance */
    u32 header;
    u16 version;
    u32 realmode_swtch;
    u16 start_sys_seg, kernel_version;
    u8 type_of_loader, loadflags;
    u16 setup_move_size;
    u32 code32_start, ramdisk_image, ramdisk_size, bootsect_kludge;
    u16 heap_end_ptr;
    u8 ext_loader_ver, ext_loader_type;
    u32 cmd_line_ptr, initrd_addr_max, kernel_alignment;
    u8 relocatable_kernel, min_alignment;
    u16 xloadflags;
    u32 cmdline_size, hardware_subarch;
    u64 hardware_subarch_data;
    u32 payload_offset, payload_length;
    u64 setup_data, pref_address;
    u32 init_size, handover_offset, kernel_info_offset;
} __attribute__((packed));

#define SETUP_OFFSET(member) (LINUX_SETUP_AT + offsetof(struct linux_setup_header, member))

_Static_assert(SETUP_OFFSET(boot_flag) == 0x1fe, "Linux boot protocol: boot_flag");
_Static_assert(SETUP_OFFSET(header) == 0x202, "Linux boot protocol: header");
_Static_assert(SETUP_OFFSET(code32_start) == 0x214, "Linux boot protocol: code32_start");
_Static_assert(SETUP_OFFSET(cmd_line_ptr) == 0x228, "Linux boot protocol: cmd_line_ptr");
_Static_assert(SETUP_OFFSET(xloadflags) == 0x236, "Linux boot protocol: xloadflags");
_Static_assert(SETUP_OFFSET(pref_address) == 0x258, "Linux boot protocol: pref_address");
_Static_assert(SETUP_OFFSET(kernel_info_offset) == 0x268, "Linux boot protocol: kernel_info_offset");

struct linux_screen_info {
    u8 orig_x, orig_y;
    u16 ext_mem_k, orig_video_page;
    u8 orig_video_mode, orig_video_cols, flags, unused2;
    u16 orig_video_ega_bx, unused3;
    u8 orig_video_lines, orig_video_is_vga;
    u16 orig_video_points;
    u16 lfb_width, lfb_height, lfb_depth;
    u32 lfb_base, lfb_size;
    u16 cl_magic, cl_offset, lfb_linelength;
    u8 red_size, red_pos, green_size, green_pos, blue_size, blue_pos, rsvd_size, rsvd_pos;
    u16 vesapm_seg, vesapm_off, pages, vesa_attributes;
    u32 capabilities, ext_lfb_base;
    u8 reserved[2];
} __attribute__((packed));

_Static_assert(sizeof(struct linux_screen_info) == 0x40, "Linux: screen_info");
_Static_assert(offsetof(struct linux_screen_info, lfb_base) == 0x18, "Linux: screen_info.lfb_base");

struct linux_efi_info {
    u32 loader_signature, systab, memdesc_size, memdesc_version;
    u32 memmap, memmap_size, systab_hi, memmap_hi;
} __attribute__((packed));

#define LINUX_EFI64_SIGNATURE 0x34364c45 /* "EL64" */
#define LINUX_EFI32_SIGNATURE 0x32334c45 /* "EL32" */

struct linux_boot_params {
    struct linux_screen_info screen;
    u8 unused1[0x070 - 0x040];
    u64 acpi_rsdp_addr;
    u8 unused2[0x0c0 - 0x078];
    u32 ext_ramdisk_image, ext_ramdisk_size, ext_cmd_line_ptr;
    u8 unused3[0x1c0 - 0x0cc];
    struct linux_efi_info efi;
    u32 alt_mem_k;
    u8 unused4[0x1e8 - 0x1e4];
    u8 e820_entries;
    u8 unused5[LINUX_SETUP_AT - 0x1e9];
    struct linux_setup_header header;
    u8 unused6[0x2d0 - LINUX_SETUP_AT - sizeof(struct linux_setup_header)];
    struct e820_entry e820_table[LINUX_E820_MAX];
    u8 unused7[0x1000 - 0x2d0 - LINUX_E820_MAX * sizeof(struct e820_entry)];
} __attribute__((packed));

_Static_assert(sizeof(struct linux_boot_params) == 0x1000, "Linux: boot_params is one page");
_Static_assert(offsetof(struct linux_boot_params, acpi_rsdp_addr) == 0x070, "Linux: acpi_rsdp_addr");
_Static_assert(offsetof(struct linux_boot_params, efi) == 0x1c0, "Linux: efi_info");
_Static_assert(offsetof(struct linux_boot_params, e820_entries) == 0x1e8, "Linux: e820_entries");
_Static_assert(offsetof(struct linux_boot_params, header) == 0x1f1, "Linux: setup_header");
_Static_assert(offsetof(struct linux_boot_params, e820_table) == 0x2d0, "Linux: e820_table");

struct linux_setup_data {
    u64 next;
    u32 type, length;
    struct e820_entry entry[];
};

/*
 * Where things are in the plan's area. Page tables: PML4, PDPT and four page directories map the first 4 GiB by 2 MiB
 * pages, so that everything the 64-bit entry needs is mapped 1:1 wherever it lies.
 */
#define LINUX_IDENTITY_DIRECTORIES 4

enum linux_area {
    LINUX_AREA_ZERO_PAGE = 0x0000,
    LINUX_AREA_COMMAND_LINE = 0x1000,
    LINUX_AREA_GDT = 0x2000, /* and, from the page's end down, a stack */
    LINUX_AREA_TABLES = 0x3000,
    LINUX_AREA_RSDP = LINUX_AREA_TABLES + (2 + LINUX_IDENTITY_DIRECTORIES) * 0x1000,
    LINUX_AREA_SETUP_DATA = LINUX_AREA_RSDP + 0x1000,
    LINUX_AREA_EFI_MAP = LINUX_AREA_SETUP_DATA + 0x2000, /* the last thing: as long as it is */
};

_Static_assert(sizeof(struct linux_setup_data) + (MEMORY_MAP_MAX - LINUX_E820_MAX) * sizeof(struct e820_entry) <=
                   LINUX_AREA_EFI_MAP - LINUX_AREA_SETUP_DATA,
               "all of a memory map fits");

#define LINUX_EFI_MAP_MAX 0x20000

#endif
