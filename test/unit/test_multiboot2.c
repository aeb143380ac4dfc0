/* SPDX-License-Identifier: BSD-2-Clause */
/* Two structures that GRUB 2.06 really handed over (QEMU 7.2: pc with 6 GiB under SeaBIOS, q35 under OVMF), and bad
 * ones. */
#include "boot_test.h"

#include "boot/bytes.h"
#include "boot/multiboot2.h"

CAPTURED(grub_bios, "test/data/boot/grub-bios-6g.mbi");
CAPTURED(grub_efi, "test/data/boot/grub-efi.mbi");

static struct multiboot2_info info;
static u32 bad_tag;

static enum multiboot2_status read(const u8 *bytes, u64 length)
{
    memset(&info, 0xa5, sizeof(info));
    u8 *copy = heap_copy(bytes, length);
    enum multiboot2_status status = multiboot2_read(copy, length, &info, &bad_tag);
    free(copy); /* what info points at is gone, which the caller knows */
    return status;
}

static void real_bios(void **state)
{
    assert_int_equal(multiboot2_read(grub_bios, CAPTURED_SIZE(grub_bios), &info, &bad_tag), MULTIBOOT2_OK);
    assert_string_equal(info.command_line, "console=com1,115200 trap=none report=end");
    assert_int_equal(strncmp(info.loader_name, "GRUB 2.06", 9), 0);
    assert_int_equal(info.module_count, 2);
    assert_int_equal(info.module[0].start, 0x102000);
    assert_int_equal(info.module[0].end - info.module[0].start, 9);
    assert_string_equal(info.module[0].string, "console=ttyS0 root=/dev/sda1 quiet");
    assert_int_equal(info.module[1].start, 0x103000);
    assert_int_equal(info.module[1].end - info.module[1].start, 70000);
    assert_string_equal(info.module[1].string, "");
    assert_true(info.has_map);
    assert_int_equal(info.map.count, 8);
    assert_int_equal(info.map.entry[3].start, 0x100000);
    assert_int_equal(info.map.entry[3].end, 0xbffe0000);
    assert_int_equal(memory_map_ram_end(&info.map), 0x1c0000000);
    assert_int_equal(info.framebuffer.type, MULTIBOOT2_FRAMEBUFFER_TEXT);
    assert_int_equal(info.framebuffer.address, 0xb8000);
    assert_int_equal(info.framebuffer.width, 80);
    assert_int_equal(info.framebuffer.height, 25);
    assert_int_equal(info.rsdp_length, 20);
    assert_memory_equal(info.rsdp, "RSD PTR ", 8);
    assert_int_equal(info.load_base, 0xff000);
    assert_int_equal(info.efi64_system_table, 0);
    assert_null(info.efi_map);
    assert_false(info.efi_boot_services);
}

static void real_efi(void **state)
{
    assert_int_equal(multiboot2_read(grub_efi, CAPTURED_SIZE(grub_efi), &info, &bad_tag), MULTIBOOT2_OK);
    assert_int_equal(info.module_count, 2);
    assert_int_equal(info.framebuffer.type, MULTIBOOT2_FRAMEBUFFER_RGB);
    assert_int_equal(info.framebuffer.address, 0xc0000000);
    assert_int_equal(info.framebuffer.pitch, 2400);
    assert_int_equal(info.framebuffer.width, 800);
    assert_int_equal(info.framebuffer.height, 600);
    assert_int_equal(info.framebuffer.bits_per_pixel, 24);
    assert_int_equal(info.framebuffer.red_position, 16);
    assert_int_equal(info.framebuffer.blue_position, 0);
    assert_int_equal(info.efi64_system_table, 0x3f5ec018);
    assert_int_equal(info.rsdp_length, 36); /* the new one, not the old one before it */
    assert_int_equal(info.rsdp[15], 2);
    assert_int_equal(info.efi_descriptor_size, 48);
    assert_int_equal(info.efi_descriptor_version, 1);
    assert_int_equal(info.efi_map_length, 5968 - 16);
    assert_true(memory_map_ram(&info.map) > 900 * MIB);
}

/* Every shorter structure is refused and nothing beyond it is read. */
static void truncated(void **state)
{
    const struct {
        const u8 *bytes;
        u64 size;
    } all[] = {{grub_bios, CAPTURED_SIZE(grub_bios)}, {grub_efi, CAPTURED_SIZE(grub_efi)}};
    for (u32 n = 0; n < COUNT_OF(all); n++) {
        for (u64 length = 0; length < all[n].size; length++)
            assert_int_equal(read(all[n].bytes, length), MULTIBOOT2_BAD_SIZE);
        /* The same, with a total size that agrees. */
        u8 *copy = heap_copy(all[n].bytes, all[n].size);
        for (u32 length = 8; length < all[n].size; length++) {
            store32(copy, length);
            enum multiboot2_status status = read(copy, length);
            if (status == MULTIBOOT2_OK)
                fail_msg("%u bytes are not enough", length);
        }
        free(copy);
    }
}

/* ---- a structure made of parts ---- */

static u8 made[65536];
static u32 made_size;

static void begin(void)
{
    memset(made, 0, sizeof(made));
    made_size = 8;
}

static u8 *tag(u32 type, u32 size)
{
    u8 *at = made + made_size;
    store32(at, type);
    store32(at + 4, size);
    made_size += (u32)align_up(size, 8);
    return at;
}

static enum multiboot2_status end(void)
{
    tag(MULTIBOOT2_TAG_END, 8);
    store32(made, made_size);
    return read(made, made_size);
}

static void text(u32 type, const char *string)
{
    strcpy((char *)tag(type, 8 + (u32)strlen(string) + 1) + 8, string);
}

static void module(u32 start, u32 finish)
{
    u8 *at = tag(MULTIBOOT2_TAG_MODULE, 17);
    store32(at + 8, start);
    store32(at + 12, finish);
}

static void empty_structures(void **state)
{
    begin();
    assert_int_equal(end(), MULTIBOOT2_OK);
    assert_int_equal(info.module_count, 0);
    assert_false(info.has_map);
    assert_int_equal(info.framebuffer.type, MULTIBOOT2_FRAMEBUFFER_NONE);
    begin();
    store32(made, 8);
    assert_int_equal(read(made, 8), MULTIBOOT2_NO_END);
    store32(made, 7);
    assert_int_equal(read(made, 8), MULTIBOOT2_BAD_SIZE);
    store32(made, MULTIBOOT2_SIZE_MAX + 1);
    assert_int_equal(multiboot2_read(made, ~0ull, &info, &bad_tag), MULTIBOOT2_BAD_SIZE);
    assert_int_equal(multiboot2_size(made, 3), 0);
}

static void tag_sizes(void **state)
{
    const u32 sizes[] = {0, 1, 7, 64, 0x7fffffff, 0xffffffff, 0xfffffff8, 0xfffffff9};
    for (u32 i = 0; i < COUNT_OF(sizes); i++) {
        begin();
        tag(77, 8);
        store32(made + 12, sizes[i]); /* 0: a loop */
        tag(MULTIBOOT2_TAG_END, 8);
        store32(made, made_size);
        assert_int_equal(read(made, made_size), MULTIBOOT2_BAD_TAG);
        assert_int_equal(bad_tag, 77);
    }
}

static void unknown_tags_are_skipped(void **state)
{
    begin();
    tag(63, 9);
    tag(64, 8);
    tag(0xffffffff, 40);
    tag(63, 9);
    text(MULTIBOOT2_TAG_COMMAND_LINE, "help");
    assert_int_equal(end(), MULTIBOOT2_OK);
}

static void strings(void **state)
{
    begin();
    u8 *at = tag(MULTIBOOT2_TAG_COMMAND_LINE, 12);
    memset(at + 8, 'x', 4);
    assert_int_equal(end(), MULTIBOOT2_BAD_STRING);
    begin();
    tag(MULTIBOOT2_TAG_LOADER_NAME, 8);
    assert_int_equal(end(), MULTIBOOT2_BAD_STRING);
    assert_int_equal(bad_tag, MULTIBOOT2_TAG_LOADER_NAME);
    begin();
    at = tag(MULTIBOOT2_TAG_MODULE, 20);
    memset(at + 16, 'y', 4);
    assert_int_equal(end(), MULTIBOOT2_BAD_STRING);
}

static void twice(void **state)
{
    begin();
    text(MULTIBOOT2_TAG_COMMAND_LINE, "a");
    text(MULTIBOOT2_TAG_COMMAND_LINE, "b");
    assert_int_equal(end(), MULTIBOOT2_TWICE);
    begin();
    tag(MULTIBOOT2_TAG_ACPI_NEW, 44);
    tag(MULTIBOOT2_TAG_ACPI_OLD, 28);
    assert_int_equal(end(), MULTIBOOT2_OK);
    assert_int_equal(info.rsdp_length, 36);
    begin();
    tag(MULTIBOOT2_TAG_ACPI_OLD, 8);
    assert_int_equal(end(), MULTIBOOT2_BAD_TAG);
}

static void modules(void **state)
{
    begin();
    for (u32 i = 0; i < MULTIBOOT2_MODULES_MAX; i++)
        module(i * 0x1000, i * 0x1000 + 0x1000);
    assert_int_equal(end(), MULTIBOOT2_OK);
    assert_int_equal(info.module_count, MULTIBOOT2_MODULES_MAX);
    made_size -= 8;
    module(0x100000, 0x100001);
    assert_int_equal(end(), MULTIBOOT2_TOO_MANY_MODULES);
    begin();
    module(0x2000, 0x1fff);
    assert_int_equal(end(), MULTIBOOT2_BAD_MODULE);
    begin();
    module(0x2000, 0x3000);
    module(0x2fff, 0x4000);
    assert_int_equal(end(), MULTIBOOT2_BAD_MODULE);
    begin();
    module(0x2000, 0x2000);
    module(0x2000, 0x2001);
    assert_int_equal(end(), MULTIBOOT2_OK);
    begin();
    tag(MULTIBOOT2_TAG_MODULE, 15);
    assert_int_equal(end(), MULTIBOOT2_BAD_TAG);
}

static u8 *memory(u32 entries, u32 entry_size)
{
    u8 *at = tag(MULTIBOOT2_TAG_MEMORY_MAP, 16 + entries * entry_size);
    store32(at + 8, entry_size);
    return at + 16;
}

static void maps(void **state)
{
    begin();
    u8 *at = memory(2, 32); /* larger entries than we know */
    store64(at + 8, 0x1000);
    store32(at + 16, 1);
    store64(at + 32, 0xfffffffffffff000);
    store64(at + 40, ~0ull);
    store32(at + 48, 1);
    assert_int_equal(end(), MULTIBOOT2_OK);
    assert_int_equal(info.map.count, 1);
    assert_int_equal(info.map.entry[0].end, 0x1000);

    const u32 bad_sizes[] = {0, 16, 23, 0xffffffff};
    for (u32 i = 0; i < COUNT_OF(bad_sizes); i++) {
        begin();
        at = memory(2, 24);
        store32(at - 8, bad_sizes[i]);
        assert_int_equal(end(), MULTIBOOT2_BAD_TAG);
    }
    begin();
    tag(MULTIBOOT2_TAG_MEMORY_MAP, 15);
    assert_int_equal(end(), MULTIBOOT2_BAD_TAG);
    begin();
    memory(0, 24);
    assert_int_equal(end(), MULTIBOOT2_OK);
    assert_true(info.has_map);
    begin();
    at = memory(MEMORY_MAP_MAX + 1, 24);
    for (u32 i = 0; i <= MEMORY_MAP_MAX; i++) {
        store64(at + i * 24, (u64)i * 0x2000);
        store64(at + i * 24 + 8, 0x1000);
        store32(at + i * 24 + 16, 1);
    }
    assert_int_equal(end(), MULTIBOOT2_TOO_MANY_RANGES);
}

static void other_tags(void **state)
{
    begin();
    u8 *at = tag(MULTIBOOT2_TAG_FRAMEBUFFER, 32);
    at[29] = MULTIBOOT2_FRAMEBUFFER_RGB; /* without its colour fields */
    assert_int_equal(end(), MULTIBOOT2_BAD_TAG);
    begin();
    at = tag(MULTIBOOT2_TAG_FRAMEBUFFER, 32);
    at[29] = MULTIBOOT2_FRAMEBUFFER_TEXT;
    assert_int_equal(end(), MULTIBOOT2_OK);
    const struct {
        u32 type, size;
    } fixed[] = {{MULTIBOOT2_TAG_EFI32, 12},
                 {MULTIBOOT2_TAG_EFI64, 16},
                 {MULTIBOOT2_TAG_LOAD_BASE, 12},
                 {MULTIBOOT2_TAG_FRAMEBUFFER, 32}};
    for (u32 i = 0; i < COUNT_OF(fixed); i++) {
        begin();
        tag(fixed[i].type, fixed[i].size);
        assert_int_equal(end(), MULTIBOOT2_OK);
        begin();
        tag(fixed[i].type, fixed[i].size - 1);
        assert_int_equal(end(), MULTIBOOT2_BAD_TAG);
    }
    const u32 descriptor_sizes[] = {0, 39, 48};
    for (u32 i = 0; i < COUNT_OF(descriptor_sizes); i++) {
        begin();
        at = tag(MULTIBOOT2_TAG_EFI_MEMORY_MAP, 16 + 49);
        store32(at + 8, descriptor_sizes[i]);
        assert_int_equal(end(), MULTIBOOT2_BAD_TAG);
    }
    begin();
    tag(MULTIBOOT2_TAG_EFI_BOOT_SERVICES, 8);
    assert_int_equal(end(), MULTIBOOT2_OK);
    assert_true(info.efi_boot_services);
}

static void statuses_have_texts(void **state)
{
    for (u32 i = 0; i <= MULTIBOOT2_TWICE; i++)
        assert_string_not_equal(multiboot2_status_text((enum multiboot2_status)i), "unknown status");
}

/* Flip each byte of a real structure: any status will do, and no read outside (the sanitizer watches). */
static void flipped_bytes(void **state)
{
    u8 *copy = heap_copy(grub_bios, CAPTURED_SIZE(grub_bios));
    u32 refused = 0;
    for (u64 i = 0; i < CAPTURED_SIZE(grub_bios); i++) {
        const u8 values[] = {0, 0x7f, 0xff, (u8)(copy[i] ^ 1)};
        u8 saved = copy[i];
        for (u32 n = 0; n < COUNT_OF(values); n++) {
            copy[i] = values[n];
            refused += read(copy, CAPTURED_SIZE(grub_bios)) != MULTIBOOT2_OK;
        }
        copy[i] = saved;
    }
    assert_true(refused > 50);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_bios),     cmocka_unit_test(real_efi),
        cmocka_unit_test(truncated),     cmocka_unit_test(empty_structures),
        cmocka_unit_test(tag_sizes),     cmocka_unit_test(unknown_tags_are_skipped),
        cmocka_unit_test(strings),       cmocka_unit_test(twice),
        cmocka_unit_test(modules),       cmocka_unit_test(maps),
        cmocka_unit_test(other_tags),    cmocka_unit_test(statuses_have_texts),
        cmocka_unit_test(flipped_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
