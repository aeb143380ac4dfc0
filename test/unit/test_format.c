/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/format.h"
#include "lib/string.h"
#include "lib/types.h"

#include <cmocka.h>

/* Each case is compared with the C library's answer, which the same format string gives. */
#define SAME(...)                                                                                                      \
    do {                                                                                                               \
        char ours[200], theirs[200];                                                                                   \
        int our_length = format(ours, sizeof(ours), __VA_ARGS__);                                                      \
        int their_length = snprintf(theirs, sizeof(theirs), __VA_ARGS__);                                              \
        assert_string_equal(ours, theirs);                                                                             \
        assert_int_equal(our_length, their_length);                                                                    \
    } while (0)

static void numbers(void **state)
{
    SAME("%d %d %d", 0, -1, 42);
    SAME("%d %d", INT32_MAX, INT32_MIN);
    SAME("%i", -7);
    SAME("%ld %lld", INT64_MIN, (long long)INT64_MAX);
    SAME("%u %lu %llu", 4000000000u, 18446744073709551615ul, 18446744073709551615ull);
    SAME("%x %lx %llx %X", 0xdeadbeefu, 0x123456789abcdeful, 0xfedcba9876543210ull, 0xabcu);
    SAME("%zu %zx", (size_t)0, (size_t)-1);
    SAME("%p", (void *)0x1234);
}

static void fields(void **state)
{
    SAME("[%5d] [%-5d] [%05d] [%05d]", 42, 42, 42, -42);
    SAME("[%5u] [%-5u] [%05u]", 7u, 7u, 7u);
    SAME("[%016llx] [%8x] [%08x] [%2x]", 0x1fffull, 0xabu, 0xabu, 0xabcdefu);
    SAME("[%*d] [%-*d] [%*d]", 6, 1, 6, 2, -6, 3);
    SAME("[%10s] [%-10s] [%2s]", "abc", "abc", "abc");
    SAME("[%.2s] [%5.1s] [%-5.4s] [%.*s] [%.0s]", "abc", "abc", "abc", 1, "xyz", "never");
    SAME("[%c] [%3c] [%-3c]", 'a', 'b', 'c');
    SAME("100%% %s", "sure");
    SAME("[%20p]", (void *)0xffff);
}

static void string_without_terminator(void **state)
{
    char four[4] = {'a', 'b', 'c', 'd'}; /* the sanitizer sees a read beyond it */
    char text[16];
    format(text, sizeof(text), "%.4s", four);
    assert_string_equal(text, "abcd");
    const char *volatile nothing = NULL; /* volatile: the compiler would warn */
    format(text, sizeof(text), "%s", nothing);
    assert_string_equal(text, "(null)");
}

static void never_overruns(void **state)
{
    for (size_t size = 0; size < 12; size++) {
        char room[16];
        memset(room, '#', sizeof(room));
        assert_int_equal(format(room, size, "%s-%04d", "abc", 12), 8);
        for (size_t i = size; i < sizeof(room); i++)
            assert_int_equal(room[i], '#');
        if (size) {
            assert_memory_equal(room, "abc-0012", min_u64(size - 1, 8));
            assert_int_equal(room[min_u64(size - 1, 8)], 0);
        }
    }
}

/* The compiler rejects these in code; a text that is built at run time could hold them. */
static void unknown_conversions_are_copied(void **state)
{
    static const char *const odd[] = {"%q", "abc%", "%", "%5", "%-0", "%ll", "%.3", "%y%", "%99999999999999y"};
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        const char *volatile unchecked = odd[i];
        char text[64];
        int (*volatile call)(char *, size_t, const char *, ...) = format;
        assert_int_equal(call(text, sizeof(text), unchecked), strlen(odd[i]));
        assert_string_equal(text, odd[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(fields),
        cmocka_unit_test(string_without_terminator),
        cmocka_unit_test(never_overruns),
        cmocka_unit_test(unknown_conversions_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
