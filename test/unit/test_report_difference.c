/* SPDX-License-Identifier: BSD-2-Clause */
/* exeunt-report: the difference of two logs, and runs with different exit-delay=. */
#include <setjmp.h>
#include <stdarg.h>

#include "host/difference.h"
#include "test/unit/report_fixture.h"

#include <cmocka.h>

/* ---- the difference of two logs ---- */

static void sites_pair_across_boots(void **state)
{
    struct reading a, b;
    struct text out = {0};
    read_text(&a, SUMMARY ROWS CACHE SITE("4", "0xffffffff81400123") SITE("2", "0x500") SITE("1", "0x700")
                      SITE("3", "0xffffffff81400999") SITE("3", "0xffffffff81600999") COUNTS);
    read_text(&b, SUMMARY ROWS CACHE SITE("8", "0xffffffffa3c00123") SITE("1", "0x500") SITE("1", "0x600")
                      SITE("3", "0xffffffffa3c00999") COUNTS);
    diff_write(&out, &a.view, &b.view, &plain);
    const char *text = text_string(&out);
    assert_non_null(strstr(text, "ffffffffa3c00123"));
    assert_null(strstr(text, "ffffffff81400123"));     /* it is the same, elsewhere */
    assert_non_null(strstr(text, "ffffffff81400999")); /* there are two that it could be */
    assert_non_null(strstr(text, "ffffffffa3c00999"));
    assert_non_null(strstr(text, "x2.000"));
    assert_non_null(strstr(text, "x0.500"));
    assert_int_equal(times(strstr(text, "Sites"), "\n"), 9);
    text_free(&out);
    done(&a);
    done(&b);
}

#define APIC(where)                                                                                                    \
    J "{\"type\":\"site\",\"count\":6,\"rip\":\"0x900\",\"exit\":\"APIC_ACCESS\",\"where\":\"" where                   \
      "\",\"bits\":64,\"bytes\":\"\"}\n"

/* A translation for all registers says only the page; columns of one kind go together. */
static void pages_pair_and_columns_stay_together(void **state)
{
    struct reading a, b;
    struct text out = {0};
    read_text(&a, SUMMARY ROWS CACHE APIC("0xfee000b0") COUNTS);
    read_text(&b, SUMMARY ROWS CACHE APIC("0xfee00000") COUNTS);
    for (u32 width = 60; width < 140; width++) {
        diff_write(&out, &a.view, &b.view, &(struct terminal){.width = width});
        const char *rows = strstr(text_string(&out), "  type "), *sites = strstr(rows, "Sites");
        char titles[256] = "";
        assert_non_null(sites);
        assert_null(strstr(sites, "fee000b0"));
        memcpy(titles, rows, strcspn(rows, "\n"));
        assert_int_equal(times(titles, "before"), times(titles, "after"));
        assert_int_equal(times(titles, "before"), times(titles, "ratio"));
        text_free(&out);
    }
    done(&a);
    done(&b);
}

#define MARK(name, exits, ticks)                                                                                       \
    J "{\"type\":\"mark\",\"number\":0,\"name\":\"" name "\",\"exits\":" exits ",\"avoided\":0,\"tsc_vmm\":" ticks     \
      ",\"tsc_guest\":" ticks "}\n"

/* By their names, those of one name in their order; what only one has is not compared. */
static void phases_pair_by_name(void **state)
{
    struct reading a, b;
    struct difference d;
    struct text out = {0};
    read_text(&a, REPORT MARK("cpu", "1", "10") MARK("disk", "3", "30") MARK("cpu", "4", "40"));
    read_text(&b, REPORT MARK("disk", "2", "20") MARK("cpu", "6", "60") MARK("more", "7", "70"));
    difference_read(&d, &a.view, &b.view);
    assert_int_equal(d.pair_count, 5);
    static const struct {
        const char *name;
        u64 before, after;
    } expected[] = {{"start", 1, 2}, {"disk", 1, 4}, {"cpu", 2, 1}, {"more", 0, 5}, {"cpu", 8, 0}};
    for (u32 i = 0; i < 5; i++) {
        struct figures figures[PHASE_FIGURES];
        phase_figures(&d, &d.pairs[i], figures);
        assert_string_equal(d.pairs[i].name, expected[i].name);
        assert_int_equal(figures[0].has_before, i != 3);
        assert_int_equal(figures[0].has_after, i != 4);
        assert_int_equal(figures[0].before, expected[i].before);
        assert_int_equal(figures[0].after, expected[i].after);
    }
    diff_csv(&out, &a.view, &b.view);
    assert_non_null(strstr(text_string(&out), "\r\nphase,2,exits,1,4,4.000\r\n"));
    assert_non_null(strstr(text_string(&out), "\r\nphase,4,name,,more,\r\nphase,4,exits,,5,\r\n"));
    text_free(&out);
    difference_free(&d);
    done(&a);
    done(&b);
}

/* Sites that the other report does not list have no number there, rows that never happened 0. */
static void numbers_that_are_not_there_are_null(void **state)
{
    struct reading a, b;
    struct text out = {0};
    read_text(&a, UNTIMED);
    read_text(&b, REPORT);
    diff_json(&out, &a.view, &b.view);
    const char *text = text_string(&out);
    assert_non_null(strstr(text, "\"tsc_total\":{\"before\":null,\"after\":null,\"ratio\":null}"));
    assert_non_null(strstr(text, "{\"name\":\"IO_IN\",\"count\":{\"before\":0,\"after\":10,\"ratio\":null}"));
    assert_non_null(strstr(text, "{\"name\":\"CPUID\",\"count\":{\"before\":3,\"after\":2,\"ratio\":0.667}"));
    assert_non_null(strstr(text, "\"rip\":\"0x1000\",\"count\":{\"before\":null,\"after\":4,\"ratio\":null}"));
    text_free(&out);
    done(&a);
    done(&b);
}

static void reports_without_sites_or_times_compare(void **state)
{
    struct reading a, b;
    struct text out = {0};
    read_text(&a, UNTIMED);
    read_text(&b, REPORT);
    diff_write(&out, &a.view, &b.view, &plain);
    assert_non_null(strstr(text_string(&out), "x0.667")); /* CPUID 3 -> 2 */
    assert_non_null(strstr(text_string(&out), "new"));
    text_free(&out);
    diff_write(&out, &b.view, &a.view, &plain);
    assert_non_null(strstr(text_string(&out), "gone"));
    text_free(&out);
    done(&a);
    done(&b);
}

/* ---- runs with different exit-delay= ---- */

static void a_line_through_runs(void **state)
{
    struct reading runs[3];
    const struct view *views[3];
    struct delays d;
    struct text wrong = {0}, out = {0};
    read_run(&runs[0], "hypercall=user exit-delay=3000", 12, 6000 + 3000 * 6);
    read_run(&runs[1], "hypercall=user", 12, 6000);
    read_run(&runs[2], "exit-delay=1000 trap=pio", 12, 6000 + 1000 * 6);
    for (u32 i = 0; i < 3; i++)
        views[i] = &runs[i].view;
    assert_true(delays_read(&d, views, 3, &wrong));
    assert_int_equal(d.runs[0].delay, 0);
    assert_int_equal(d.runs[2].delay, 3000);
    assert_int_equal(d.line_count, 3); /* all, start, disk */
    for (u32 i = 0; i < 3; i++) {
        double felt = i == 1 ? 0 : 6;
        assert_true(d.lines[i].felt > felt - 0.001 && d.lines[i].felt < felt + 0.001);
        assert_true(d.lines[i].off < 0.001);
    }
    assert_true(delays_per_1000(&d.lines[0]) > 99.999 && delays_per_1000(&d.lines[0]) < 100.001);
    assert_true(delays_cost(&d, &d.lines[0]) > 149.999 && delays_cost(&d, &d.lines[0]) < 150.001); /* 6 of 300 / 12 */
    for (u32 width = 60; width <= 140; width += 10) {
        delays_write(&out, &d, &(struct terminal){.width = width});
        assert_true(widest_line(text_string(&out)) <= width);
        assert_non_null(strstr(text_string(&out), "Of its exits, 12 in"));
        text_free(&out);
    }
    delays_free(&d);
    for (u32 i = 0; i < 3; i++)
        done(&runs[i]);
}

static void check_not_compared(struct reading *a, struct reading *b, const char *why)
{
    const struct view *views[] = {&a->view, &b->view};
    struct delays d;
    struct text wrong = {0};
    assert_false(delays_read(&d, views, 2, &wrong));
    assert_string_equal(text_string(&wrong), why);
    delays_free(&d);
    text_free(&wrong);
    done(b);
}

static void runs_that_say_nothing(void **state)
{
    struct reading run, other;
    read_run(&run, "exit-delay=7", 12, 6000);
    read_run(&other, "exit-delay=7", 12, 6000);
    check_not_compared(&run, &other, "all of them have exit-delay=7");
    read_text(&other, REPORT);
    check_not_compared(&run, &other, "a.log: no `boot` line that says which exit-delay= it had");
    read_text(&other, UNTIMED);
    check_not_compared(&run, &other, "a.log: there are no times in it (timing=off)");
    done(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sites_pair_across_boots),
        cmocka_unit_test(pages_pair_and_columns_stay_together),
        cmocka_unit_test(phases_pair_by_name),
        cmocka_unit_test(numbers_that_are_not_there_are_null),
        cmocka_unit_test(reports_without_sites_or_times_compare),
        cmocka_unit_test(a_line_through_runs),
        cmocka_unit_test(runs_that_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
