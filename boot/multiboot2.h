/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the Multiboot2 information structure. Pure: bytes in, struct out. Nothing outside the given bytes is read, and
 * what is malformed gives a status.
 */
#ifndef BOOT_MULTIBOOT2_H
#define BOOT_MULTIBOOT2_H

#include "boot/memory_map.h"
#include "boot/multiboot2_info.h"
#include "lib/types.h"

#define MULTIBOOT2_BOOTLOADER_MAGIC 0x36d76289u

#define MULTIBOOT2_MODULES_MAX 16

/* More than this is not believed: GRUB's structure is a few KiB, with an EFI memory map a few ten. */
#define MULTIBOOT2_SIZE_MAX (1u << 20)

enum multiboot2_framebuffer_type {
    MULTIBOOT2_FRAMEBUFFER_INDEXED = 0,
    MULTIBOOT2_FRAMEBUFFER_RGB = 1,
    MULTIBOOT2_FRAMEBUFFER_TEXT = 2,   /* EGA text: width and height in characters */
    MULTIBOOT2_FRAMEBUFFER_NONE = 255, /* no tag (not a number of the specification) */
};

struct multiboot2_module {
    u64 start, end;     /* physical; end is exclusive */
    const char *string; /* never NULL */
};

struct multiboot2_framebuffer {
    u8 type; /* enum multiboot2_framebuffer_type */
    u8 bits_per_pixel;
    u8 red_position, red_size, green_position, green_size, blue_position, blue_size; /* RGB only */
    u64 address;
    u32 pitch, width, height;
};

struct multiboot2_info {
    const char *command_line; /* never NULL */
    const char *loader_name;  /* never NULL */
    u32 module_count;
    struct multiboot2_module module[MULTIBOOT2_MODULES_MAX];
    struct memory_map map; /* normalised */
    bool has_map;
    struct multiboot2_framebuffer framebuffer;
    const u8 *rsdp; /* a copy of the RSDP (the new one where there are both), in the structure; NULL: none */
    u32 rsdp_length;
    u64 load_base;                              /* where the relocatable image was loaded; 0: no tag */
    u64 efi64_system_table, efi32_system_table; /* 0: none */
    const u8 *efi_map;                          /* UEFI memory descriptors, in the structure; NULL: none */
    u32 efi_map_length, efi_descriptor_size, efi_descriptor_version;
    bool efi_boot_services; /* the loader did not call ExitBootServices */
};

enum multiboot2_status {
    MULTIBOOT2_OK,
    MULTIBOOT2_BAD_SIZE,   /* total size too small, larger than `available`, or beyond MULTIBOOT2_SIZE_MAX */
    MULTIBOOT2_BAD_TAG,    /* a tag is shorter than its fixed part or runs over the end */
    MULTIBOOT2_NO_END,     /* no end tag */
    MULTIBOOT2_BAD_STRING, /* a string without its terminating zero */
    MULTIBOOT2_BAD_MODULE, /* ends before it starts, or overlaps another one */
    MULTIBOOT2_TOO_MANY_MODULES,
    MULTIBOOT2_TOO_MANY_RANGES, /* in the memory map */
    MULTIBOOT2_TWICE,           /* a second tag of a kind that may be there once */
};

/*
 * Reads `mbi`, of which `available` bytes may be read (the caller may pass MULTIBOOT2_SIZE_MAX when all of it is
 * mapped: the structure's own size bounds the rest). The strings in *info point into `mbi`. On failure *bad_tag is the
 * type of the tag that is wrong.
 */
enum multiboot2_status multiboot2_read(const void *mbi, u64 available, struct multiboot2_info *info, u32 *bad_tag);

/* "a tag runs over the end of the structure"...: for messages. */
const char *multiboot2_status_text(enum multiboot2_status status);

/* The structure's size in bytes, 0 when fewer than 8 bytes are available. */
u32 multiboot2_size(const void *mbi, u64 available);

#endif
