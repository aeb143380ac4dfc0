/* SPDX-License-Identifier: BSD-2-Clause */
/* docs/POLICY.md says what the tables say. Runs from the root of the source tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "emul/policy.h"

static char page[65536];

static int read_page(void **state)
{
    FILE *file = fopen("docs/POLICY.md", "r");
    if (!file) {
        print_error("docs/POLICY.md: run this from the root of the source tree\n");
        return 1;
    }
    size_t length = fread(page, 1, sizeof(page) - 1, file);
    fclose(file);
    page[length] = 0;
    return 0;
}

#define MSR(first, last, read, write, name) {first, last, read, write, name},
static const struct {
    u32 first, last;
    enum verdict read, write;
    const char *name;
} rows[] = {
#include "emul/msr_policy.def"
};

static const char *const verdicts[] = {"pass", "forward", "guard", "deny"};

static u32 count_lines(const char *start, const char *prefix)
{
    u32 count = 0;
    for (const char *at = start; at; at = strchr(at + 1, '\n'))
        count += !strncmp(at + 1, prefix, strlen(prefix));
    return count;
}

static void test_msrs(void **state)
{
    char line[160], numbers[40];
    u32 expected = 0;

    for (u32 i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].read == PASS && rows[i].write == PASS)
            continue;
        if (rows[i].first == rows[i].last)
            snprintf(numbers, sizeof(numbers), "%XH", rows[i].first);
        else
            snprintf(numbers, sizeof(numbers), "%XH to %XH", rows[i].first, rows[i].last);
        snprintf(line, sizeof(line), "\n| %s | `%s` | %s | %s | ", numbers, rows[i].name, verdicts[rows[i].read],
                 verdicts[rows[i].write]);
        if (!strstr(page, line))
            fail_msg("missing: %s", line + 1);
        expected++;
    }
    const char *section = strstr(page, "\n## MSRs");
    assert_non_null(section);
    assert_int_equal(count_lines(section, "| "), expected + 1); /* and the head */
}

/* Every port that is guarded without trap= is named. */
static void test_ports(void **state)
{
    struct trap_request trap = {0};
    struct policy_facts facts = {.report_at_end = true};
    struct policy policy;
    char name[16];

    policy_build(&policy, &trap, &facts);
    assert_true(policy.port_rule_count > 0);
    for (u32 port = 0; port < 0x10000; port++) {
        if (policy_port(&policy, (u16)port, 1) == PASS)
            continue;
        snprintf(name, sizeof(name), "`0x%x`", port);
        if (!strstr(page, name))
            fail_msg("port %s is not in the page", name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_msrs), cmocka_unit_test(test_ports)};
    return cmocka_run_group_tests(tests, read_page, NULL);
}
