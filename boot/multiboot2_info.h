/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers of the Multiboot2 specification, for C and for the assembler, and the layout of the information structure
 * that the boot loader hands over (Multiboot2 specification, "Boot information format").
 */
#ifndef BOOT_MULTIBOOT2_INFO_H
#define BOOT_MULTIBOOT2_INFO_H

#define MULTIBOOT2_TAG_END 0
#define MULTIBOOT2_TAG_COMMAND_LINE 1
#define MULTIBOOT2_TAG_LOADER_NAME 2
#define MULTIBOOT2_TAG_MODULE 3
#define MULTIBOOT2_TAG_BASIC_MEMORY 4
#define MULTIBOOT2_TAG_BOOT_DEVICE 5
#define MULTIBOOT2_TAG_MEMORY_MAP 6
#define MULTIBOOT2_TAG_VBE 7
#define MULTIBOOT2_TAG_FRAMEBUFFER 8
#define MULTIBOOT2_TAG_ELF_SECTIONS 9
#define MULTIBOOT2_TAG_APM 10
#define MULTIBOOT2_TAG_EFI32 11
#define MULTIBOOT2_TAG_EFI64 12
#define MULTIBOOT2_TAG_SMBIOS 13
#define MULTIBOOT2_TAG_ACPI_OLD 14
#define MULTIBOOT2_TAG_ACPI_NEW 15
#define MULTIBOOT2_TAG_NETWORK 16
#define MULTIBOOT2_TAG_EFI_MEMORY_MAP 17
#define MULTIBOOT2_TAG_EFI_BOOT_SERVICES 18
#define MULTIBOOT2_TAG_EFI32_IMAGE 19
#define MULTIBOOT2_TAG_EFI64_IMAGE 20
#define MULTIBOOT2_TAG_LOAD_BASE 21

#define MULTIBOOT2_TAG_ALIGNMENT 8

#ifndef __ASSEMBLER__

#include "lib/types.h"

struct multiboot2_start {
    u32 total_size; /* this structure and all tags */
    u32 reserved;
};

struct multiboot2_tag {
    u32 type;
    u32 size; /* with this header, without the padding to 8 bytes */
};

struct multiboot2_tag_module {
    struct multiboot2_tag tag;
    u32 start, end; /* physical; end is exclusive */
    char string[];
};

struct multiboot2_tag_memory_map {
    struct multiboot2_tag tag;
    u32 entry_size, entry_version;
};

struct multiboot2_memory_entry {
    u64 base, length;
    u32 type, reserved;
};

struct multiboot2_tag_framebuffer {
    struct multiboot2_tag tag;
    u64 address;
    u32 pitch, width, height;
    u8 bits_per_pixel, type;
    u16 reserved;
    struct {
        u8 red_position, red_size, green_position, green_size, blue_position, blue_size;
    } rgb; /* there only with MULTIBOOT2_FRAMEBUFFER_RGB */
};

struct multiboot2_tag_efi_map {
    struct multiboot2_tag tag;
    u32 descriptor_size, descriptor_version;
};

_Static_assert(sizeof(struct multiboot2_tag_module) == 16, "Multiboot2: module tag");
_Static_assert(sizeof(struct multiboot2_memory_entry) == 24, "Multiboot2: memory map entry");
_Static_assert(offsetof(struct multiboot2_tag_framebuffer, rgb) == 32, "Multiboot2: framebuffer tag");

#endif
#endif
