/* SPDX-License-Identifier: BSD-2-Clause */
/* docs/READING.md names every file of the rooms, tools and docs, and none that is gone. Runs from the root of the
 * source tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAGE "docs/READING.md"
#define LISTING "git ls-files --cached -- boot vmx emul cache ept lib host tools docs 2>/dev/null"

static char page[131072];

static int read_page(void **state)
{
    FILE *file = fopen(PAGE, "r");
    if (!file) {
        print_error(PAGE ": run this from the root of the source tree\n");
        return 1;
    }
    size_t length = fread(page, 1, sizeof(page) - 1, file);
    fclose(file);
    page[length] = 0;
    return 0;
}

/* Reads the next path of the listing; false at its end. */
static bool next_path(FILE *listing, char *path, size_t size)
{
    if (!fgets(path, (int)size, listing))
        return false;
    path[strcspn(path, "\n")] = 0;
    return true;
}

static void test_every_file_is_named(void **state)
{
    char path[256], quoted[260];
    unsigned files = 0, missing = 0;
    FILE *listing = popen(LISTING, "r");

    assert_non_null(listing);
    while (next_path(listing, path, sizeof(path))) {
        files++;
        snprintf(quoted, sizeof(quoted), "`%s`", path);
        if (access(path, F_OK) || !strcmp(path, PAGE) || strstr(page, quoted))
            continue;
        print_error(PAGE " does not name %s\n", path);
        missing++;
    }
    pclose(listing);
    if (!files)
        skip(); /* no git here */
    assert_int_equal(missing, 0);
}

/* What is built needs not be there yet: then the Makefile has a rule that says how. */
static bool is_built(const char *path)
{
    static char makefile[131072];
    char rule[300];
    FILE *file = fopen("Makefile", "r");
    if (strncmp(path, "build/", 6) || !file)
        return false;
    makefile[fread(makefile, 1, sizeof(makefile) - 1, file)] = 0;
    fclose(file);
    snprintf(rule, sizeof(rule), "\n$(BUILD)%s:", path + 5);
    return strstr(makefile, rule);
}

/* Takes `text` in backquotes that is a path: it has a slash and does not begin with one. */
static bool is_path(const char *text, size_t length)
{
    return length && text[0] != '/' && memchr(text, '/', length) && !memchr(text, ' ', length);
}

static void test_every_path_is_there(void **state)
{
    char path[256];
    unsigned paths = 0, gone = 0;

    for (const char *at = strchr(page, '`'); at;) {
        size_t length = strcspn(at + 1, "`\n");
        const char *end = at + 1 + length;
        if (is_path(at + 1, length) && length < sizeof(path)) {
            memcpy(path, at + 1, length);
            path[length] = 0;
            paths++;
            if (access(path, F_OK) && !is_built(path)) {
                print_error(PAGE " names %s, which is not there\n", path);
                gone++;
            }
        }
        at = *end ? strchr(end + 1, '`') : NULL;
    }
    assert_true(paths > 100);
    assert_int_equal(gone, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_file_is_named),
        cmocka_unit_test(test_every_path_is_there),
    };
    return cmocka_run_group_tests(tests, read_page, NULL);
}
