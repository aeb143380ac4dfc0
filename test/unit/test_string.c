/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ring 0's string functions beside the C library's: they are compiled here under other names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The library header has declared the originals by now; what follows is declared and defined as ring0_*. */
void *ring0_memcpy(void *to, const void *from, size_t length);
void *ring0_memmove(void *to, const void *from, size_t length);
void *ring0_memset(void *to, int byte, size_t length);
int ring0_memcmp(const void *a, const void *b, size_t length);
void *ring0_memchr(const void *in, int byte, size_t length);
size_t ring0_strlen(const char *text);
size_t ring0_strnlen(const char *text, size_t limit);
int ring0_strcmp(const char *a, const char *b);
int ring0_strncmp(const char *a, const char *b, size_t limit);
char *ring0_strchr(const char *text, int character);

#define memcpy ring0_memcpy
#define memmove ring0_memmove
#define memset ring0_memset
#define memcmp ring0_memcmp
#define memchr ring0_memchr
#define strlen ring0_strlen
#define strnlen ring0_strnlen
#define strcmp ring0_strcmp
#define strncmp ring0_strncmp
#define strchr ring0_strchr
#include "lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

static void fill(unsigned char *area, size_t length)
{
    for (size_t i = 0; i < length; i++)
        area[i] = (unsigned char)(i * 7 + 1);
}

static void moves_in_all_overlaps(void **state)
{
    unsigned char ours[64], theirs[64];
    for (size_t to = 0; to < 24; to++)
        for (size_t from = 0; from < 24; from++)
            for (size_t length = 0; length < 24; length++) {
                fill(ours, sizeof(ours));
                fill(theirs, sizeof(theirs));
                assert_ptr_equal(ring0_memmove(ours + to, ours + from, length), ours + to);
                memmove(theirs + to, theirs + from, length);
                assert_memory_equal(ours, theirs, sizeof(ours));
            }
}

static void copies_and_fills(void **state)
{
    unsigned char from[32], to[32] = {0}, expected[32] = {0};
    fill(from, sizeof(from));
    assert_ptr_equal(ring0_memcpy(to + 1, from, 30), to + 1);
    memcpy(expected + 1, from, 30);
    assert_memory_equal(to, expected, sizeof(to));
    assert_ptr_equal(ring0_memset(to + 2, 0x1ab, 5), to + 2);
    memset(expected + 2, 0x1ab, 5);
    assert_memory_equal(to, expected, sizeof(to));
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void compares(void **state)
{
    static const char *const words[] = {"", "a", "ab", "abc", "abd", "b", "\xff", "ab\x80"};
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(ring0_strlen(words[i]), strlen(words[i]));
        assert_int_equal(ring0_strnlen(words[i], 2), strnlen(words[i], 2));
        assert_ptr_equal(ring0_strchr(words[i], 'b'), strchr(words[i], 'b'));
        assert_ptr_equal(ring0_strchr(words[i], 0), strchr(words[i], 0));
        for (size_t j = 0; j < 8; j++) {
            assert_int_equal(sign(ring0_strcmp(words[i], words[j])), sign(strcmp(words[i], words[j])));
            for (size_t limit = 0; limit < 5; limit++)
                assert_int_equal(sign(ring0_strncmp(words[i], words[j], limit)),
                                 sign(strncmp(words[i], words[j], limit)));
        }
    }
    assert_int_equal(sign(ring0_memcmp("a\0b", "a\0c", 3)), -1);
    assert_int_equal(ring0_memcmp("a\0b", "a\0c", 2), 0);
    const char *text = "a\0c";
    assert_ptr_equal(ring0_memchr(text, 'c', 3), text + 2);
    assert_null(ring0_memchr(text, 'c', 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_in_all_overlaps),
        cmocka_unit_test(copies_and_fills),
        cmocka_unit_test(compares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
