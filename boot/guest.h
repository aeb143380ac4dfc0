/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a guest gets into memory. The guest's parsers only plan: they see the image's bytes and the memory map, and say
 * what goes where. The privileged shell carries the plan out, in this order:
 *
 *   1. linux_plan() or multiboot_plan();
 *   2. linux_build() or multiboot_build() into the plan's area, whose memory nothing else uses;
 *   3. guest_plan.step[] one after the other: memmove(), then zeros;
 *   4. the guest starts in the state guest_plan.start.
 *
 * Nothing may be read from the modules after step 3, nor from the Multiboot2 information unless it is in `keep` or was
 * copied to Exeunt's own memory before (the copy is better: a guest may be linked where the boot loader put it).
 */
#ifndef BOOT_GUEST_H
#define BOOT_GUEST_H

#include "boot/memory_map.h"
#include "boot/multiboot2.h"
#include "lib/types.h"

enum guest_kind { GUEST_UNKNOWN, GUEST_LINUX, GUEST_MULTIBOOT };

/* Looks at the content only (SPEC 1.2). An image can be recognised and still be refused by its planner. */
enum guest_kind guest_recognise(const u8 *bytes, u64 length);

/* memmove(destination, source, length), then memset(destination + length, 0, zero_length). Physical addresses. */
struct guest_step {
    u64 destination, source, length, zero_length;
};

#define GUEST_KEEP_MAX 16
#define GUEST_STEPS_MAX (MULTIBOOT2_MODULES_MAX + 32)

/* The CPU as the guest's first instruction finds it. Flat segments: CS `code_selector`, the others `data_selector`. */
struct guest_start {
    bool long_mode; /* 64-bit with paging on `cr3`; else 32-bit protected mode without paging */
    u64 rip, rsp, rax, rbx, rsi;
    u64 cr3;
    u64 gdt_base; /* a GDT in the guest's memory that has both selectors */
    u32 gdt_limit;
    u16 code_selector, data_selector;
};

struct guest_plan {
    u32 step_count;
    struct guest_step step[GUEST_STEPS_MAX];
    struct range area; /* page-aligned guest memory for what *_build() writes */
    struct guest_start start;
};

/* What both planners need to know. Everything is only read. */
struct guest_request {
    const u8 *image;                    /* the first module's bytes */
    const struct multiboot2_info *info; /* module[0] is the image; with framebuffer, RSDP and EFI tags */
    const struct memory_map *map;       /* the guest's: Exeunt's region is reserved in it */
    const struct range *keep;           /* what must not be overwritten by anything (page tables, stacks in use...) */
    u32 keep_count;                     /* at most GUEST_KEEP_MAX */
    u64 rsdp_at;                        /* physical address of firmware's RSDP; 0: only the copy in `info` is known */
};

enum guest_status {
    GUEST_OK,
#define GUEST_STATUS(name, text) GUEST_##name,
#include "boot/guest_status.def"
};

/* "the image is truncated"...: for messages. */
const char *guest_status_text(enum guest_status status);

#endif
