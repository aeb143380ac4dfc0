/* SPDX-License-Identifier: BSD-2-Clause */
/* The setup header of Debian's linux-image-cloud-amd64 6.1, on the map of a QEMU pc with 6 GiB. */
#include "boot_test.h"

#include "boot/bytes.h"
#include "boot/guest_linux.h"
#include "boot/guest_linux_format.h"
#include "boot/guest_place.h"

CAPTURED(setup, "test/data/boot/debian-6.1-cloud.setup");

/* The real image: 40 setup sectors, then the kernel. Only its first 4 KiB are ever looked at. */
#define IMAGE_LENGTH 14186432ull
#define SETUP_SIZE 20480ull
#define KERNEL_AT 0x1000000ull
#define WANTED 0x3378000ull

static u8 *image;
static struct multiboot2_info info;
static struct memory_map map;
static struct range keep[GUEST_KEEP_MAX];
static struct guest_request request;
static struct linux_plan plan;

static int fresh(void **state)
{
    free(image);
    image = calloc(1, SETUP_SIZE);
    memcpy(image, setup, CAPTURED_SIZE(setup));
    memset(&info, 0, sizeof(info));
    info.framebuffer.type = MULTIBOOT2_FRAMEBUFFER_NONE;
    info.module_count = 2;
    info.module[0] = (struct multiboot2_module){0x200000, 0x200000 + IMAGE_LENGTH, "console=ttyS0 quiet"};
    info.module[1] = (struct multiboot2_module){0xf90000, 0xf90000 + 0x123, ""};
    map.count = 0;
    memory_map_add(&map, 0, 0x9fc00, 1);
    memory_map_add(&map, 0x9fc00, 0x400, 2);
    memory_map_add(&map, 0xf0000, 0x10000, 2);
    memory_map_add(&map, 0x100000, 0xbfee0000, 1);
    memory_map_add(&map, 0xbffe0000, 0x20000, 2);
    memory_map_add(&map, 0x100000000, 0xc0000000, 1);
    memory_map_reserve(&map, 0xbf600000, 8 * MIB); /* Exeunt */
    request = (struct guest_request){.image = image, .info = &info, .map = &map, .keep = keep, .rsdp_at = 0xf59b0};
    return 0;
}

static int done(void **state)
{
    free(image);
    image = NULL;
    return 0;
}

static bool inside(u64 start, u64 end)
{
    return memory_map_is_ram(&map, start, end);
}

/* What every good plan must be: nothing overlaps, all of it is RAM, no step destroys a later step's source. */
static void check_plan(void)
{
    const struct guest_plan *p = &plan.plan;
    struct range kernel = {plan.load_at, plan.load_at + plan.init_size};
    struct range initrd = {plan.initrd_at, plan.initrd_at + plan.initrd_length};
    assert_true(inside(kernel.start, kernel.end));
    assert_true(inside(p->area.start, p->area.end));
    assert_false(ranges_touch(kernel, p->area));
    assert_false(ranges_touch(initrd, p->area));
    assert_false(ranges_touch(initrd, kernel));
    for (u32 i = 0; i < info.module_count; i++)
        assert_false(ranges_touch(p->area, (struct range){info.module[i].start, info.module[i].end}));
    for (u32 i = 0; i < request.keep_count; i++) {
        assert_false(ranges_touch(kernel, keep[i]));
        assert_false(ranges_touch(p->area, keep[i]));
        assert_false(ranges_touch(initrd, keep[i]));
    }
    for (u32 i = 0; i < p->step_count; i++) {
        const struct guest_step *step = &p->step[i];
        struct range to = {step->destination, step->destination + step->length + step->zero_length};
        assert_true(inside(to.start, to.end));
        for (u32 n = i + 1; n < p->step_count; n++)
            assert_false(ranges_touch(to, (struct range){p->step[n].source, p->step[n].source + p->step[n].length}));
    }
    const struct guest_step *last = &p->step[p->step_count - 1];
    assert_int_equal(last->destination, plan.load_at);
    assert_int_equal(last->source, info.module[0].start + SETUP_SIZE);
    assert_int_equal(last->length, IMAGE_LENGTH - SETUP_SIZE);
}

static void planned(void)
{
    enum guest_status status = linux_plan(&request, &plan);
    if (status != GUEST_OK)
        fail_msg("refused: %s", guest_status_text(status));
    check_plan();
}

static void refused(enum guest_status expected)
{
    enum guest_status status = linux_plan(&request, &plan);
    if (status != expected)
        fail_msg("got: %s; expected: %s", guest_status_text(status), guest_status_text(expected));
}

static struct linux_boot_params *build(u8 **area)
{
    *area = malloc(plan.plan.area.end - plan.plan.area.start); /* exactly: the sanitizer sees a write behind it */
    memset(*area, 0xa5, plan.plan.area.end - plan.plan.area.start);
    linux_build(&request, &plan, *area);
    return (struct linux_boot_params *)*area;
}

static void recognised(void **state)
{
    assert_int_equal(guest_recognise(setup, CAPTURED_SIZE(setup)), GUEST_LINUX);
    for (u64 length = 0; length < 0x206; length++) {
        u8 *copy = heap_copy(setup, length);
        assert_int_equal(guest_recognise(copy, length), GUEST_UNKNOWN);
        free(copy);
    }
    image[0x1fe] = 0;
    assert_int_equal(guest_recognise(image, 4096), GUEST_UNKNOWN);
    image[0x1fe] = 0x55;
    image[0x203] = 'x';
    assert_int_equal(guest_recognise(image, 4096), GUEST_UNKNOWN);
    refused(GUEST_NOT_RECOGNISED);
}

static void at_the_preferred_address(void **state)
{
    planned();
    assert_int_equal(plan.protocol, 0x20f);
    assert_int_equal(plan.load_at, KERNEL_AT);
    assert_int_equal(plan.init_size, WANTED);
    assert_false(plan.relocated);
    assert_int_equal(plan.initrd_at, 0xf90000);
    assert_int_equal(plan.initrd_length, 0x123);
    assert_int_equal(plan.plan.step_count, 1);
    assert_true(plan.plan.area.end <= 0x9f000);
    const struct guest_start *start = &plan.plan.start;
    assert_true(start->long_mode);
    assert_int_equal(start->rip, KERNEL_AT + 0x200);
    assert_int_equal(start->rsi, plan.plan.area.start);
    assert_int_equal(start->code_selector, 0x10);
    assert_int_equal(start->data_selector, 0x18);
    assert_true(start->gdt_limit >= 0x1f);
}

static void without_initrd(void **state)
{
    info.module_count = 1;
    planned();
    assert_int_equal(plan.initrd_at, 0);
    assert_int_equal(plan.initrd_length, 0);
    info.module_count = 0;
    refused(GUEST_BAD_REQUEST);
}

static void initrd_in_the_way(void **state)
{
    info.module[1].start = 0x1000000 + WANTED - 1;
    info.module[1].end = 0x8000000;
    planned();
    assert_true(plan.relocated);
    assert_int_equal(plan.load_at, 0x8000000);
    assert_int_equal(plan.plan.step_count, 1);
    info.module[1].start = 0x100000; /* around the preferred address: everything below 96 MiB */
    info.module[0].start = 0x10000000;
    info.module[0].end = 0x10000000 + IMAGE_LENGTH;
    info.module[1].end = 0x6000000;
    planned();
    assert_int_equal(plan.load_at, 0x6000000);
}

static void image_over_its_own_place(void **state)
{
    info.module[0].start = 0xff0000;
    info.module[0].end = 0xff0000 + IMAGE_LENGTH;
    info.module[1].start = 0x5000000;
    info.module[1].end = 0x5100000;
    planned();
    assert_int_equal(plan.load_at, KERNEL_AT);
    assert_int_equal(plan.plan.step_count, 1);
}

static void modules_in_low_memory(void **state)
{
    info.module_count = 3;
    info.module[1] = (struct multiboot2_module){0x50000, 0x51000, "initrd"};
    info.module[2] = (struct multiboot2_module){0x9e000, 0x9f000,
                                                "not used, but not ours to overwrite before the steps"};
    planned();
    assert_int_equal(plan.initrd_at, 0x50000);
}

static void small_machine(void **state)
{
    /* 96 MiB, the initrd right in the middle: the kernel fits only when the initrd moves. */
    map.count = 0;
    memory_map_add(&map, 0, 0x9fc00, 1);
    memory_map_add(&map, 0x100000, 0x5f00000, 1);
    info.module[1].start = 0x3000000;
    info.module[1].end = 0x3800000;
    planned();
    assert_int_equal(plan.load_at, KERNEL_AT);
    assert_int_equal(plan.plan.step_count, 2);
    assert_int_equal(plan.initrd_at, 0x6000000 - 0x800000);
    assert_int_equal(plan.plan.step[0].source, 0x3000000);
    map.count = 0; /* 64 MiB: too little */
    memory_map_add(&map, 0, 0x9fc00, 1);
    memory_map_add(&map, 0x100000, 0x3f00000, 1);
    refused(GUEST_NO_MEMORY);
    map.count = 0;
    refused(GUEST_NO_MEMORY);
}

static void fragmented_memory(void **state)
{
    memory_map_reserve(&map, 0x1800000, 0x1000);
    planned();
    assert_true(plan.relocated);
    assert_int_equal(plan.load_at, 0x1a00000); /* aligned to 2 MiB */
    store32(image + 0x230, 0x1000000);
    planned();
    assert_int_equal(plan.load_at, 0x2000000);
    image[0x234] = 0; /* not relocatable */
    refused(GUEST_NO_MEMORY);
}

static void kept_ranges(void **state)
{
    keep[0] = (struct range){0x1000000, 0x1001000};
    keep[1] = (struct range){0x60000, 0x9fc00};
    request.keep_count = 2;
    planned();
    assert_int_equal(plan.load_at, 0x1200000);
    assert_true(plan.plan.area.end <= 0x60000);
    keep[1].start = 0; /* no low memory at all */
    planned();
    assert_true(plan.plan.area.start >= MIB);
    keep[0] = (struct range){0, 0};
    memory_map_reserve(&map, 0xbfe00000, 0x1e0000);
    info.module[1].start = 0xbf500000; /* and the initrd moves to the highest place too */
    info.module[1].end = 0xbf700000;
    planned();
    request.keep_count = GUEST_KEEP_MAX + 1;
    refused(GUEST_BAD_REQUEST);
}

static void initrd_limits(void **state)
{
    info.module[1].start = 0x90000000; /* above initrd_addr_max (0x7fffffff) */
    info.module[1].end = 0x90001000;
    planned(); /* this kernel may have it anywhere */
    assert_int_equal(plan.initrd_at, 0x90000000);
    store16(image + 0x236, LINUX_XLF_KERNEL_64);
    planned();
    assert_int_equal(plan.initrd_at, 0x7ffff000);
    assert_int_equal(plan.plan.step_count, 2);
    store32(image + 0x22c, 0xffffffff);
    planned();
    assert_int_equal(plan.initrd_at, 0x90000000);
    /* In memory that is not the guest's: moved. */
    info.module[1].start = 0xbf500000;
    info.module[1].end = 0xbf700000;
    planned();
    assert_int_equal(plan.initrd_at, 0xbf300000);
}

static void bad_headers(void **state)
{
    store16(image + 0x206, 0x20b);
    refused(GUEST_LINUX_OLD_PROTOCOL);
    fresh(state);
    image[0x211] = 0;
    refused(GUEST_LINUX_NOT_BZIMAGE);
    const u32 alignments[] = {0, 3, 0x200001, 0x80000000};
    for (u32 i = 0; i < COUNT_OF(alignments); i++) {
        fresh(state);
        store32(image + 0x230, alignments[i]);
        refused(GUEST_LINUX_BAD_HEADER);
    }
    fresh(state);
    store32(image + 0x260, 0); /* init_size */
    refused(GUEST_LINUX_BAD_HEADER);
    fresh(state);
    image[0x201] = 0x20; /* the header ends before its fields */
    refused(GUEST_LINUX_BAD_HEADER);
    fresh(state);
    store64(image + 0x258, 0x100000000);
    refused(GUEST_TOO_LARGE);
    fresh(state);
    store64(image + 0x258, ~0ull);
    refused(GUEST_TOO_LARGE);
    fresh(state);
    store32(image + 0x260, 0xffffffff);
    refused(GUEST_NO_MEMORY);
    fresh(state);
    store64(image + 0x258, 0); /* no preference: not below 1 MiB all the same */
    store32(image + 0x260, 0x10000);
    store32(image + 0x1f4, 1);
    info.module[0].end = info.module[0].start + SETUP_SIZE + 16;
    assert_int_equal(linux_plan(&request, &plan), GUEST_OK);
    assert_true(plan.load_at >= MIB);
}

static void truncated_images(void **state)
{
    /* The kernel's end is missing; half of the setup; not even the header. */
    const u64 lengths[] = {SETUP_SIZE + 0xd8220ull * 16 - 1, SETUP_SIZE, SETUP_SIZE - 1, 0x600, 0x26c, 0x26b, 0x206};
    for (u32 i = 0; i < COUNT_OF(lengths); i++) {
        info.module[0].end = info.module[0].start + lengths[i];
        u8 *copy = heap_copy(image, min_u64(lengths[i], SETUP_SIZE));
        request.image = copy;
        refused(GUEST_TRUNCATED);
        free(copy);
    }
    info.module[0].end = info.module[0].start + SETUP_SIZE + 0xd8220ull * 16;
    request.image = image;
    assert_int_equal(linux_plan(&request, &plan), GUEST_OK);
    store32(image + 0x1f4, 0); /* syszise */
    refused(GUEST_TRUNCATED);
    store32(image + 0x1f4, 0xffffffff);
    refused(GUEST_TRUNCATED);
}

static void command_lines(void **state)
{
    static char line[5000];
    memset(line, 'x', 2047);
    info.module[0].string = line;
    planned();
    line[2047] = 'x';
    refused(GUEST_COMMAND_LINE_TOO_LONG);
    store32(image + 0x238, 100000); /* the page is the limit then */
    memset(line, 'x', 4095);
    planned();
    u8 *area;
    build(&area);
    assert_string_equal((char *)area + 0x1000, line);
    free(area);
    line[4095] = 'x';
    refused(GUEST_COMMAND_LINE_TOO_LONG);
}

static void zero_page(void **state)
{
    u8 *area;
    planned();
    struct linux_boot_params *params = build(&area);
    u64 at = plan.plan.area.start;
    /* Read by the protocol's offsets, not by our struct. */
    assert_int_equal(load32(area + 0x202), LINUX_HEADER_MAGIC);
    assert_int_equal(load16(area + 0x206), 0x20f);
    assert_int_equal(area[0x210], 0xff);
    assert_int_equal(area[0x211], 0x01);
    assert_int_equal(load16(area + 0x1fa), 0xffff);
    assert_int_equal(load32(area + 0x214), KERNEL_AT);
    assert_int_equal(load32(area + 0x218), 0xf90000);
    assert_int_equal(load32(area + 0x21c), 0x123);
    assert_int_equal(load32(area + 0x0c0), 0);
    assert_int_equal(load32(area + 0x228), at + 0x1000);
    assert_string_equal((char *)area + 0x1000, "console=ttyS0 quiet");
    assert_int_equal(load64(area + 0x070), 0xf59b0);
    assert_int_equal(load64(area + 0x250), 0);
    assert_int_equal(area[0x1ef], 0);          /* sentinel: what we did not fill in is zero */
    assert_int_equal(load32(area + 0x1c0), 0); /* no EFI */
    assert_memory_equal(area + 0x258, image + 0x258, 0x26c - 0x258);
    for (u32 i = 0x26c; i < 0x2d0; i++) /* behind the header: nothing of the image */
        assert_int_equal(area[i], 0);
    assert_int_equal(area[0x1e8], map.count);
    for (u32 i = 0; i < map.count; i++) {
        assert_int_equal(load64(area + 0x2d0 + 20 * i), map.entry[i].start);
        assert_int_equal(load64(area + 0x2d8 + 20 * i), map.entry[i].end - map.entry[i].start);
        assert_int_equal(load32(area + 0x2e0 + 20 * i), map.entry[i].kind);
    }
    assert_int_equal(load64(area + 0x2d0 + 20 * map.count), 0);
    assert_int_equal(params->e820_entries, 8);
    free(area);
}

static void page_tables(void **state)
{
    u8 *area;
    planned();
    build(&area);
    u64 at = plan.plan.area.start;
    assert_int_equal(plan.plan.start.cr3, at + 0x3000);
    const u64 addresses[] = {0, 0x1fffff, 0x200000, KERNEL_AT + 0x200, at, 0x3fffffff, 0x40000000, 0xffffffff};
    for (u32 i = 0; i < COUNT_OF(addresses); i++) {
        u64 gva_at = addresses[i];
        u64 table = plan.plan.start.cr3, entry = 0;
        for (u32 shift = 39; shift >= 21; shift -= 9) {
            assert_in_range(table, at, plan.plan.area.end - PAGE_SIZE);
            entry = load64(area + (table - at) + (gva_at >> shift & 511) * 8);
            assert_int_equal(entry & 3, 3);
            table = entry & BITS(51, 12);
        }
        assert_true(entry & 0x80);
        assert_int_equal((entry & BITS(51, 21)) + (gva_at & 0x1fffff), gva_at);
    }
    assert_int_equal(load64(area + 0x3000 + 8), 0);
    assert_int_equal(load64(area + 0x4000 + 4 * 8), 0);
    assert_int_equal(plan.plan.start.gdt_base, at + 0x2000);
    assert_int_equal(load64(area + 0x2010), 0x00af9b000000ffff);
    assert_int_equal(load64(area + 0x2018), 0x00cf93000000ffff);
    free(area);
}

static void entry_32(void **state)
{
    u8 *area;
    store16(image + 0x236, 0);
    planned();
    assert_false(plan.plan.start.long_mode);
    assert_int_equal(plan.plan.start.rip, KERNEL_AT);
    assert_int_equal(plan.plan.start.cr3, 0);
    build(&area);
    assert_int_equal(load64(area + 0x2010), 0x00cf9b000000ffff);
    assert_int_equal(load64(area + 0x3000), 0);
    free(area);
}

/* As in zero-page.rst: 128 entries in the page, the others in a setup_data node. */
static void many_e820_entries(void **state)
{
    for (u32 i = 0; i < 300; i++)
        memory_map_add(&map, 0x200000000 + i * 0x2000ull, 0x1000, 2);
    u8 *area;
    planned();
    build(&area);
    assert_int_equal(area[0x1e8], 128);
    u64 node_at = load64(area + 0x250);
    assert_in_range(node_at, plan.plan.area.start, plan.plan.area.end - 16);
    const u8 *node = area + (node_at - plan.plan.area.start);
    assert_int_equal(load64(node), 0);
    assert_int_equal(load32(node + 8), 1);
    assert_int_equal(load32(node + 12), (map.count - 128) * 20);
    for (u32 i = 128; i < map.count; i++)
        assert_int_equal(load64(node + 16 + (i - 128) * 20), map.entry[i].start);
    free(area);
    while (map.count < MEMORY_MAP_MAX - 3)
        memory_map_add(&map, 0x300000000 + map.count * 0x2000ull, 0x1000, 2);
    planned();
    build(&area); /* the sanitizer watches the area's end */
    free(area);
}

static void rsdp_copy(void **state)
{
    u8 rsdp[36] = "RSD PTR rest of it";
    u8 *area;
    info.rsdp = rsdp;
    info.rsdp_length = sizeof(rsdp);
    planned();
    assert_int_equal(plan.rsdp_at, 0xf59b0); /* the real one is preferred */
    request.rsdp_at = 0;
    planned();
    build(&area);
    assert_int_equal(load64(area + 0x070), plan.rsdp_at);
    assert_memory_equal(area + (plan.rsdp_at - plan.plan.area.start), rsdp, sizeof(rsdp));
    assert_false(memory_map_is_ram(&plan.map, plan.rsdp_at, plan.rsdp_at + 1)); /* and stays so */
    assert_true(memory_map_is_ram(&map, plan.rsdp_at, plan.rsdp_at + 1));
    assert_int_equal(area[0x1e8], map.count + 2);
    free(area);
    info.rsdp = NULL;
    planned();
    assert_int_equal(plan.rsdp_at, 0);
}

static void screens(void **state)
{
    u8 *area;
    planned();
    build(&area); /* no tag: VGA text */
    assert_int_equal(area[0x06], 3);
    assert_int_equal(area[0x07], 80);
    assert_int_equal(area[0x0e], 25);
    assert_int_equal(area[0x0f], 1);
    free(area);
    info.framebuffer = (struct multiboot2_framebuffer){
        .type = MULTIBOOT2_FRAMEBUFFER_TEXT, .address = 0xb8000, .pitch = 264, .width = 132, .height = 43};
    build(&area);
    assert_int_equal(area[0x07], 132);
    assert_int_equal(area[0x0e], 43);
    free(area);
    info.framebuffer = (struct multiboot2_framebuffer){.type = MULTIBOOT2_FRAMEBUFFER_RGB,
                                                       .address = 0x4480000000,
                                                       .pitch = 4096,
                                                       .width = 1024,
                                                       .height = 768,
                                                       .bits_per_pixel = 32,
                                                       .red_position = 16,
                                                       .red_size = 8,
                                                       .green_position = 8,
                                                       .green_size = 8,
                                                       .blue_size = 8};
    build(&area);
    assert_int_equal(area[0x0f], 0x23); /* VLFB */
    assert_int_equal(load16(area + 0x12), 1024);
    assert_int_equal(load16(area + 0x14), 768);
    assert_int_equal(load16(area + 0x16), 32);
    assert_int_equal(load32(area + 0x18), 0x80000000);
    assert_int_equal(load32(area + 0x1c), 48); /* units of 64 KiB */
    assert_int_equal(load16(area + 0x24), 4096);
    assert_int_equal(area[0x26], 8);
    assert_int_equal(area[0x27], 16);
    assert_int_equal(area[0x2b], 0);
    assert_int_equal(area[0x2c], 8);
    assert_int_equal(area[0x2d], 24);
    assert_int_equal(load32(area + 0x36), 2);
    assert_int_equal(load32(area + 0x3a), 0x44);
    free(area);
}

static void efi(void **state)
{
    u8 *descriptors = calloc(1, 4800);
    u8 *area;
    memset(descriptors, 0x77, 4800);
    info.efi64_system_table = 0x13f5ec018;
    info.efi_map = descriptors;
    info.efi_map_length = 4800;
    info.efi_descriptor_size = 48;
    info.efi_descriptor_version = 1;
    info.framebuffer = (struct multiboot2_framebuffer){
        .type = MULTIBOOT2_FRAMEBUFFER_RGB, .address = 0xc0000000, .pitch = 2400, .height = 600, .bits_per_pixel = 24};
    planned();
    build(&area);
    assert_memory_equal(area + 0x1c0, "EL64", 4);
    assert_int_equal(load32(area + 0x1c4), 0x3f5ec018);
    assert_int_equal(load32(area + 0x1c8), 48);
    assert_int_equal(load32(area + 0x1cc), 1);
    u64 copy_at = load32(area + 0x1d0);
    assert_in_range(copy_at, plan.plan.area.start, plan.plan.area.end - 4800);
    assert_memory_equal(area + (copy_at - plan.plan.area.start), descriptors, 4800);
    assert_int_equal(load32(area + 0x1d4), 4800);
    assert_int_equal(load32(area + 0x1d8), 1);
    assert_int_equal(area[0x0f], 0x70); /* EFI framebuffer, size in bytes */
    assert_int_equal(load32(area + 0x1c), 2400 * 600);
    free(area);
    info.framebuffer.type = MULTIBOOT2_FRAMEBUFFER_NONE;
    build(&area);
    assert_int_equal(area[0x0f], 0); /* no screen, rather than VGA that is not there */
    free(area);
    info.efi_map_length = LINUX_EFI_MAP_MAX + 1;
    refused(GUEST_LINUX_EFI_MAP_TOO_LARGE);
    free(descriptors);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
    const struct CMUnitTest tests[] = {
        CASE(recognised),
        CASE(at_the_preferred_address),
        CASE(without_initrd),
        CASE(initrd_in_the_way),
        CASE(image_over_its_own_place),
        CASE(modules_in_low_memory),
        CASE(small_machine),
        CASE(fragmented_memory),
        CASE(kept_ranges),
        CASE(initrd_limits),
        CASE(bad_headers),
        CASE(truncated_images),
        CASE(command_lines),
        CASE(zero_page),
        CASE(page_tables),
        CASE(entry_32),
        CASE(many_e820_entries),
        CASE(rsdp_copy),
        CASE(screens),
        CASE(efi),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
