/* SPDX-License-Identifier: BSD-2-Clause */
/* What tools/pack-constants packs, boot/unpack.c unpacks. Runs from the root of the source tree. */
#include "test/unit/boot_test.h"

#include "boot/unpack.h"

#define PLAIN "build/host/test_unpack.plain"
#define PACKED "build/host/test_unpack.packed"
#define ROOM 64 /* linker.ld */

static u8 packed[65536];

static size_t pack(const u8 *data, size_t size)
{
    FILE *file = fopen(PLAIN, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
    assert_int_equal(system("tools/pack-constants --bytes " PLAIN " " PACKED), 0);
    file = fopen(PACKED, "rb");
    assert_non_null(file);
    size_t length = fread(packed, 1, sizeof(packed), file);
    fclose(file);
    return length;
}

/* As in the image: the packed bytes at the end of the memory that is filled, and a little beyond. */
static void there_and_back(const u8 *data, size_t size)
{
    size_t length = pack(data, size), all = size + ROOM;
    u8 *memory = malloc(all);
    assert_non_null(memory);
    assert_in_range(length, 0, all);
    memcpy(memory + all - length, packed, length);
    unpack(memory, memory + size, memory + all - length);
    assert_memory_equal(memory, data, size);
    free(memory);
}

static void test_text(void **state)
{
    static char text[20000];
    size_t used = 0;
    for (u32 i = 0; used < sizeof(text) - 100; i++)
        used += (size_t)sprintf(text + used, "line %u of %s: %u exits\n", i, i % 3 ? "the report" : "nothing", i * i) +
                1;
    there_and_back((const u8 *)text, used);
    assert_true(pack((const u8 *)text, used) < used / 2);
}

/* Copies far away, long ones, and bytes of every value. */
static void test_bytes(void **state)
{
    static u8 data[12000];
    for (u32 i = 0; i < sizeof(data); i++)
        data[i] = i < 2000 || i > 10000 ? (u8)(i % 2000 * 2654435761u >> 24) : i > 5000 ? (u8)i : 7;
    there_and_back(data, sizeof(data));
}

static void test_few_bytes(void **state)
{
    there_and_back((const u8 *)"", 0);
    there_and_back((const u8 *)"a", 1);
    there_and_back((const u8 *)"aa", 2);
    there_and_back((const u8 *)"aaaaaaaaa", 9);
    there_and_back((const u8 *)"abcdefghi", 9);
}

/* By hand, from the description in boot/unpack.h: 'a', 'b', four bytes from two back, 'c'. */
static void test_the_format(void **state)
{
    /* 0; 0; 1, number 1: 0, number 3: 1 1 0; 0 */
    static const u8 bytes[] = {0x34, 'a', 'b', 2 - 1, 'c'};
    u8 out[7];
    unpack(out, out + sizeof(out), bytes);
    assert_memory_equal(out, "abababc", 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_few_bytes),
        cmocka_unit_test(test_the_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
