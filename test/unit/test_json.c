/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/json.h"
#include "lib/string.h"

#include <cmocka.h>

static void a_whole_line(void **state)
{
    char buffer[256];
    static const char *const list[] = {"EPT", "VPID \"x\""};
    struct json json;
    json_begin(&json, buffer, sizeof(buffer), "boot");
    json_u64(&json, "big", ~0ull);
    json_bool(&json, "yes", true);
    json_bool(&json, "no", false);
    json_decimal(&json, "avg", (struct decimal){.whole = 12, .fraction = 34, .digits = 4});
    json_string(&json, "empty", "");
    json_strings(&json, "list", list, 2);
    json_strings(&json, "none", NULL, 0);
    assert_true(json_end(&json, "boot"));
    assert_string_equal(buffer,
                        "exeunt-json: {\"type\":\"boot\",\"big\":18446744073709551615,\"yes\":true,\"no\":false,"
                        "\"avg\":12.0034,\"empty\":\"\",\"list\":[\"EPT\",\"VPID \\\"x\\\"\"],\"none\":[]}\n");
}

static void strings_are_escaped(void **state)
{
    char buffer[128];
    struct json json;
    json_begin(&json, buffer, sizeof(buffer), "t");
    json_string(&json, "s", "a\"b\\c\n\x1f\x7f\xff~");
    assert_true(json_end(&json, "t"));
    assert_string_equal(buffer, "exeunt-json: {\"type\":\"t\",\"s\":\"a\\\"b\\\\c\\u000a\\u001f\\u007f\\u00ff~\"}\n");
}

/* At every size: either the whole line or the replacement, always closed, never a byte beyond. */
static void truncation_is_an_error(void **state)
{
    static const char whole[] =
        "exeunt-json: {\"type\":\"mark\",\"name\":\"a \\u0001 long enough name to be cut off\"}\n";
    for (size_t size = 64; size < sizeof(whole) + 8; size++) {
        char *buffer = malloc(size); /* exact, so that the sanitizer sees a byte too many */
        struct json json;
        json_begin(&json, buffer, size, "mark");
        json_string(&json, "name", "a \x01 long enough name to be cut off");
        bool fits = json_end(&json, "mark");
        assert_int_equal(fits, size >= sizeof(whole));
        if (fits)
            assert_string_equal(buffer, whole);
        else
            assert_string_equal(buffer, "exeunt-json: {\"type\":\"mark\",\"error\":\"truncated\"}\n");
        free(buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_line),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(truncation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
