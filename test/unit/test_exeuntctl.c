/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * build/exeuntctl on this machine, which does not run under Exeunt: what it says of its words, and that it executes no
 * VMCALL here. Its calls are tested in a guest (test/boot/linux.test). Runs from the root of the source tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { DONE, REFUSED, USAGE, NO_EXEUNT, NOT_ALLOWED };

/* Both outputs of `exeuntctl WORDS` in `said`; its exit status. */
static int run(const char *words, char *said, size_t size)
{
    char command[256];
    snprintf(command, sizeof(command), "build/exeuntctl %s 2>&1", words);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t length = fread(said, 1, size - 1, pipe);
    said[length] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void check(const char *words, int status, const char *begins)
{
    char said[2048];
    assert_int_equal(run(words, said, sizeof(said)), status);
    if (strncmp(said, begins, strlen(begins)) != 0)
        fail_msg("exeuntctl %s: %s", words, said);
}

static void words_are_checked_first(void **state)
{
    check("", USAGE, "exeuntctl reset ");
    check("erase", USAGE, "exeuntctl: erase: no such command with so many words\n");
    check("reset now", USAGE, "exeuntctl: reset: no such command");
    check("mark", USAGE, "exeuntctl: mark: no such command");
    check("mark a 1 2", USAGE, "exeuntctl: mark: no such command");
    check("mark nine-char", USAGE, "exeuntctl: nine-char: longer than 8 characters\n");
    check("mark \"$(printf 'a\\tb')\"", USAGE, "exeuntctl: a name of other than printable ASCII characters\n");
    check("mark \"$(printf '\\303\\251')\"", USAGE, "exeuntctl: a name of other");
    check("mark disk 12x", USAGE, "exeuntctl: 12x: not a number of 0 to 4294967295\n");
    check("mark disk 4294967296", USAGE, "exeuntctl: 4294967296: not a number");
    check("mark disk 99999999999999999999999", USAGE, "exeuntctl: 99999999999999999999999: not a number");
    check("mark disk ''", USAGE, "exeuntctl: : not a number");
}

static void no_exeunt_is_said(void **state)
{
    static const char *const words[] = {
        "reset", "report", "read", "mark eight888", "mark ''", "mark 'two two' 7", "mark a 4294967295"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        check(words[i], NO_EXEUNT, "exeuntctl: this machine does not run under Exeunt\n");
}

static void help_is_no_failure(void **state)
{
    check("help", DONE, "exeuntctl reset ");
    check("--help", DONE, "exeuntctl reset ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_checked_first),
        cmocka_unit_test(no_exeunt_is_said),
        cmocka_unit_test(help_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
