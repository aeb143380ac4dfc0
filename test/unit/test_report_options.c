/* SPDX-License-Identifier: BSD-2-Clause */
/* exeunt-report: docs/REPORTS.md names all that it prints; the command line. */
#include <setjmp.h>
#include <stdarg.h>

#include "host/options.h"
#include "test/unit/report_fixture.h"

#include <cmocka.h>

/* ---- docs/REPORTS.md ---- */

static void check_named(const struct text *page, const char *name)
{
    char quoted[64];
    snprintf(quoted, sizeof(quoted), "`%s`", name);
    if (!strstr(text_string(page), quoted))
        fail_msg("docs/REPORTS.md does not name %s", quoted);
}

/* Names in the document, but not those of the log's own lines. */
static void check_members(const struct text *page, const struct json_value *value)
{
    for (const struct json_value *at = value->first; at; at = at->next) {
        if (at->name)
            check_named(page, at->name);
        if (!at->name || strcmp(at->name, "log") != 0)
            check_members(page, at);
    }
}

static void check_delay_members(const struct text *page, struct arena *arena)
{
    struct reading a, b;
    struct delays d;
    struct text wrong = {0}, out = {0};
    struct json_end end;
    const struct view *views[] = {&a.view, &b.view};
    read_run(&a, "", 12, 6000);
    read_run(&b, "exit-delay=7", 12, 6000);
    assert_true(delays_read(&d, views, 2, &wrong));
    delays_json(&out, &d);
    const struct json_value *document = json_read(arena, out.data, out.used, &end);
    assert_non_null(document);
    check_members(page, document);
    text_free(&out);
    delays_free(&d);
    done(&a);
    done(&b);
}

static void the_page_in_docs_names_everything(void **state)
{
    struct reading r;
    struct text page = {0}, out = {0};
    struct arena arena = {0};
    struct json_end end;
    slurp(&page, "docs/REPORTS.md");
    for (const char *at = usage; (at = strstr(at, "--")) != NULL; at += 2) {
        char option[32] = "`";
        strncat(option, at, strcspn(at, " ,"));
        assert_non_null(strstr(text_string(&page), option));
    }
    read_stored(&r, "linux.log");
    json_document(&out, &r.view);
    check_members(&page, json_read(&arena, out.data, out.used, &end));
    text_free(&out);
    diff_json(&out, &r.view, &r.view);
    check_members(&page, json_read(&arena, out.data, out.used, &end));
    text_free(&out);
    check_delay_members(&page, &arena);
    arena_free(&arena);
    text_free(&page);
    done(&r);
}

/* ---- the command line ---- */

static void check_options(const char *line, const char *wrong)
{
    struct options options;
    struct text message = {0};
    char copy[200], *words[20] = {NULL};
    int count = 0;
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word && count < 19; word = strtok(NULL, " "))
        words[count++] = word;
    assert_int_equal(options_read(&options, count, words, &message), wrong == NULL);
    assert_string_equal(text_string(&message), wrong ? wrong : "");
    text_free(&message);
}

static void options_of_the_program(void **state)
{
    check_options("er log", NULL);
    check_options("er -", NULL);
    check_options("er --top 3 --filter IO_* --sort % --width 0 --report 2 log", NULL);
    check_options("er --html out.html log", NULL);
    check_options("er --diff a b", NULL);
    check_options("er --help", NULL);
    check_options("er", "one file is needed");
    check_options("er a b", "one file is needed");
    check_options("er --json --diff a b", NULL);
    check_options("er --diff --html out.html a b", NULL);
    check_options("er --diff a", "--diff needs two files");
    check_options("er --diff --collapsed a b", "--collapsed: not with --diff");
    check_options("er a b c", "one file is needed");
    check_options("er 1 2 3 4 5 6 7 8 9", "9: too many files");
    check_options("er --exit-delay a b c", NULL);
    check_options("er --json --exit-delay a b", NULL);
    check_options("er --exit-delay a", "--exit-delay needs two files or more");
    check_options("er --exit-delay --csv a b", "--csv: not with --exit-delay");
    check_options("er --top", "--top needs a value");
    check_options("er --top 0 a", "--top 0: not a value for it");
    check_options("er --top 1x a", "--top 1x: not a value for it");
    check_options("er --sort colour a", "--sort colour: not a value for it");
    check_options("er --csv --json a", "--json: only one output at a time");
    check_options("er --what a", "--what: unknown option");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_in_docs_names_everything),
        cmocka_unit_test(options_of_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
