/* SPDX-License-Identifier: BSD-2-Clause */
/* What tools/pack-image.c packs, boot/unpack.c unpacks. Runs from the root of the source tree. */
#include "test/unit/boot_test.h"

#include "boot/unpack.h"

#define PLAIN "build/host/test_unpack.plain"
#define PACKED "build/host/test_unpack.packed"

static union {
    struct packed packed;
    u8 bytes[sizeof(struct packed) + UNPACKED_MAX];
} file;

static size_t pack(const u8 *data, size_t size)
{
    FILE *plain = fopen(PLAIN, "wb");
    assert_non_null(plain);
    assert_int_equal(fwrite(data, 1, size, plain), size);
    fclose(plain);
    assert_int_equal(system("build/pack-image " PLAIN " " PACKED), 0);
    FILE *packed = fopen(PACKED, "rb");
    assert_non_null(packed);
    size_t length = fread(&file, 1, sizeof(file), packed);
    fclose(packed);
    assert_int_equal(length, sizeof(file.packed) + file.packed.words * sizeof(file.packed.word[0]));
    return length;
}

static void there_and_back(const u8 *data, size_t size)
{
    pack(data, size);
    u8 *memory = malloc(size + 1);
    assert_non_null(memory);
    memory[size] = 0x5a;
    assert_true(unpack(memory, memory + size, &file.packed));
    assert_memory_equal(memory, data, size);
    assert_int_equal(memory[size], 0x5a);
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

/* Copies from as far away as can be said and from farther, long ones, and bytes of every value that cannot be copied.
 */
static void test_bytes(void **state)
{
    static u8 data[300000];
    u32 random = 1;
    for (u32 i = 0; i < sizeof(data); i++) {
        random = random * 1664525 + 1013904223;
        data[i] = (u8)(random >> 24);
    }
    memset(data + 5000, 7, 9000);
    memcpy(data + 20000, data + 20000 - 512, 100);
    memcpy(data + 21000, data + 21000 - 513, 100);
    memcpy(data + 140000, data + 140000 - (1 << 17), 1000);
    memcpy(data + 150000, data + 150000 - (1 << 17) - 1, 1000);
    there_and_back(data, sizeof(data));
}

static void test_lengths(void **state)
{
    static u8 data[1100];
    for (u32 i = 0; i < 1100; i++)
        data[i] = (u8)(i < 550 ? i ^ i >> 7 : i - 250);
    for (u32 from = 0; from <= 550; from += 25)
        there_and_back(data + from, 550);
}

static void test_few_bytes(void **state)
{
    there_and_back((const u8 *)"", 0);
    there_and_back((const u8 *)"a", 1);
    there_and_back((const u8 *)"aa", 2);
    there_and_back((const u8 *)"aaaaaaaaa", 9);
    there_and_back((const u8 *)"abcdefghi", 9);
}

static void seal(const u8 *bytes, size_t count)
{
    file.packed.words = (count + 7) / 8;
    memset(file.packed.word, 0, file.packed.words * 8);
    memcpy(file.packed.word, bytes, count);
    file.packed.sum = packed_sum(&file.packed);
}

/* By hand, from the description in boot/unpack.h: */
static void test_the_format(void **state)
{
    u8 out[1024];
    /* 2 bytes, 3 + 2 from two back; 1 byte */
    static const u8 near[] = {2 << 5 | 2 << 2, 'a', 'b', 2 - 1, 1 << 5, 'c'};
    seal(near, sizeof(near));
    assert_true(unpack(out, out + 8, &file.packed));
    assert_memory_equal(out, "abababac", 8);
    /* 7 + 1 bytes, 3 + 7 + 255 + 2 from one back; no more */
    static const u8 many[] = {7 << 5 | 7 << 2, 1, '1', '2', '3', '4', '5', '6', '7', '8', 255, 2, 1 - 1, 0};
    seal(many, sizeof(many));
    assert_true(unpack(out, out + 275, &file.packed));
    assert_memory_equal(out, "12345678", 8);
    for (u32 i = 8; i < 275; i++)
        assert_int_equal(out[i], '8');
    /* 3 from 1 + 0x102 back, by one byte; 3 from 1 + 0x10100 back, by two; no more */
    static u8 large[0x20000];
    static const u8 far[] = {1, 0x02, 2 | 1, 0x00, 0x01, 0};
    for (u32 i = 0; i < sizeof(large); i++)
        large[i] = (u8)(i * 7 >> 2 ^ i >> 10);
    u8 *to = large + 0x18000;
    seal(far, sizeof(far));
    assert_true(unpack(to, to + 6, &file.packed));
    assert_memory_equal(to, to - 0x103, 3);
    assert_memory_equal(to + 3, to + 3 - 0x10101, 3);
}

/* Any bit that is wrong is noticed before anything is written. */
static void test_damage(void **state)
{
    static u8 data[500], out[sizeof(data)];
    for (u32 i = 0; i < sizeof(data); i++)
        data[i] = (u8)(i % 37 * i);
    size_t length = pack(data, sizeof(data));
    for (size_t bit = 0; bit < length * 8; bit++) {
        file.bytes[bit / 8] ^= (u8)(1 << bit % 8);
        assert_false(unpack(out, out + sizeof(out), &file.packed));
        file.bytes[bit / 8] ^= (u8)(1 << bit % 8);
    }
    for (size_t i = 0; i < sizeof(out); i++)
        assert_int_equal(out[i], 0);
    assert_true(unpack(out, out + sizeof(out), &file.packed));
    assert_memory_equal(out, data, sizeof(data));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),      cmocka_unit_test(test_bytes),      cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_few_bytes), cmocka_unit_test(test_the_format), cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
