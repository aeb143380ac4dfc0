/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot specification 0.6.96: header and information block; and the parts of ELF32 that a loader reads (System V
 * ABI, "Object Files").
 */
#ifndef BOOT_GUEST_MULTIBOOT_FORMAT_H
#define BOOT_GUEST_MULTIBOOT_FORMAT_H

#include "lib/types.h"

#define MULTIBOOT1_SEARCH 8192
#define MULTIBOOT1_HEADER_MAGIC 0x1badb002u
#define MULTIBOOT1_LOADER_MAGIC 0x2badb002u

#define MULTIBOOT1_PAGE_ALIGN BIT(0) /* modules on page boundaries */
#define MULTIBOOT1_MEMORY_INFO BIT(1)
#define MULTIBOOT1_VIDEO_INFO BIT(2)
#define MULTIBOOT1_REQUIREMENTS 0xffffu /* bits whose feature the image cannot do without */
#define MULTIBOOT1_ADDRESSES BIT(16)
#define MULTIBOOT1_KNOWN (MULTIBOOT1_PAGE_ALIGN | MULTIBOOT1_MEMORY_INFO | MULTIBOOT1_VIDEO_INFO)

struct multiboot1_header {
    u32 magic, flags, checksum;
    u32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr; /* with MULTIBOOT1_ADDRESSES */
};

_Static_assert(sizeof(struct multiboot1_header) == 32, "Multiboot: header with addresses");

enum multiboot1_info_flag {
    MULTIBOOT1_INFO_MEMORY = 1 << 0,
    MULTIBOOT1_INFO_COMMAND_LINE = 1 << 2,
    MULTIBOOT1_INFO_MODULES = 1 << 3,
    MULTIBOOT1_INFO_MAP = 1 << 6,
    MULTIBOOT1_INFO_LOADER_NAME = 1 << 9,
    MULTIBOOT1_INFO_FRAMEBUFFER = 1 << 12,
};

struct multiboot1_info {
    u32 flags, mem_lower, mem_upper, boot_device, command_line, modules_count, modules;
    u32 symbols[4];
    u32 map_length, map, drives_length, drives, config_table, loader_name, apm_table;
    u32 vbe_control_info, vbe_mode_info;
    u16 vbe_mode, vbe_interface_segment, vbe_interface_offset, vbe_interface_length;
    u64 framebuffer;
    u32 framebuffer_pitch, framebuffer_width, framebuffer_height;
    u8 framebuffer_bits_per_pixel, framebuffer_type;
    u8 colours[6]; /* red, green, blue: position, size */
} __attribute__((packed));

_Static_assert(offsetof(struct multiboot1_info, map_length) == 44, "Multiboot: mmap_length");
_Static_assert(offsetof(struct multiboot1_info, loader_name) == 64, "Multiboot: boot_loader_name");
_Static_assert(offsetof(struct multiboot1_info, framebuffer) == 88, "Multiboot: framebuffer_addr");
_Static_assert(sizeof(struct multiboot1_info) == 116, "Multiboot: information block");

struct multiboot1_module {
    u32 start, end, string, reserved;
};

struct multiboot1_memory {
    u32 size; /* of what follows */
    u64 base, length;
    u32 kind;
} __attribute__((packed));

_Static_assert(sizeof(struct multiboot1_memory) == 24, "Multiboot: memory map entry");

#define ELF_MAGIC 0x464c457fu
#define ELF_CLASS_32 1
#define ELF_LITTLE_ENDIAN 1
#define ELF_EXECUTABLE 2
#define ELF_MACHINE_386 3
#define ELF_LOAD 1

struct elf32_header {
    u32 magic;
    u8 class, data, version, unused[9];
    u16 type, machine;
    u32 file_version, entry, program_headers, section_headers, flags;
    u16 header_size, program_header_size, program_header_count;
    u16 section_header_size, section_header_count, section_names;
};

_Static_assert(sizeof(struct elf32_header) == 52, "ELF32 header");

struct elf32_program_header {
    u32 type, offset, virtual, physical, file_size, memory_size, flags, alignment;
};

_Static_assert(sizeof(struct elf32_program_header) == 32, "ELF32 program header");

#endif
