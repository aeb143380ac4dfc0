/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading logs: JSON, lines among the guest's, damage, reports, phases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include "host/phases.h"
#include "test/unit/report_fixture.h"

#include <cmocka.h>

/* ---- JSON ---- */

static void check_json(const char *text, const char *written, const char *wrong, size_t at)
{
    struct arena arena = {0};
    struct json_end end;
    struct text out = {0};
    const struct json_value *value = json_read(&arena, text, strlen(text), &end);
    if (written) {
        assert_non_null(value);
        json_write(&out, value);
        assert_string_equal(text_string(&out), written);
        assert_int_equal(end.at, at);
    } else {
        assert_null(value);
        assert_string_equal(end.what, wrong);
        assert_int_equal(end.at, at);
    }
    text_free(&out);
    arena_free(&arena);
}

static void json_that_is_read(void **state)
{
    check_json("{}", "{}", NULL, 2);
    check_json("[ 1 , \"a\" ] rest", "[1,\"a\"]", NULL, 11);
    check_json("{\"big\":18446744073709551615,\"avg\":12.0034,\"e\":-1.5e+3}",
               "{\"big\":18446744073709551615,\"avg\":12.0034,\"e\":-1.5e+3}", NULL, 54);
    check_json("[true,false,null,[[{}]]]", "[true,false,null,[[{}]]]", NULL, 24);
    check_json("\"q\\\"b\\\\s\\/n\\n\\u0041\\u00e9\\u20ac\"", "\"q\\\"b\\\\s/n\\u000aA\xc3\xa9\xe2\x82\xac\"", NULL,
               32);
    check_json("\"\\u0000\\ud800\"", "\"\xef\xbf\xbd\xef\xbf\xbd\"", NULL, 14); /* no zero, no half of a pair */
    check_json("\"\\u001b\\u009b\"", "\"\\u001b\\u009b\"", NULL, 14);
}

static void json_that_is_damaged(void **state)
{
    static const char cut[] = "the line ends in the middle";
    check_json("", NULL, cut, 0);
    check_json("{\"a\":1", NULL, cut, 6);
    check_json("12", NULL, cut, 2); /* more digits could follow */
    check_json("{\"a\" 1}", NULL, "a colon should be here", 5);
    check_json("{\"a\":1 \"b\":2}", NULL, "a comma or the end should be here", 7);
    check_json("{\"a\":1,\"a\":2}", NULL, "a name that was there before", 10);
    check_json("{a:1}", NULL, "a string should be here", 1);
    check_json("[1,]", NULL, "no value", 3);
    check_json("[01]", NULL, "no number", 2);
    check_json("[1.]", NULL, "no number", 3);
    check_json("\"\x1b[0m\"", NULL, "a byte that no string has", 1);
    check_json("\"\xc3\xa9\"", NULL, "a byte that no string has", 1);
    check_json("\"\\x\"", NULL, "an unknown escape", 2);
    check_json("\"\\u12g4\"", NULL, "an unknown escape", 5);
    check_json("[[[[[[[[[1]]]]]]]]]", NULL, "too many brackets", 9);
}

static void numbers_are_whole_and_fit(void **state)
{
    static const char text[] = "{\"a\":18446744073709551615,\"b\":18446744073709551616,\"c\":1.0,\"d\":-1,"
                               "\"e\":\"0xffffffff934c2276\",\"f\":\"0x\",\"g\":\"12\",\"h\":\"0x1ffffffffffffffff\"}";
    struct arena arena = {0};
    struct json_end end;
    u64 value;
    const struct json_value *object = json_read(&arena, text, strlen(text), &end);
    assert_true(json_member_whole(object, "a", &value) && value == ~0ull);
    assert_false(json_member_whole(object, "b", &value));
    assert_false(json_member_whole(object, "c", &value));
    assert_false(json_member_whole(object, "d", &value));
    assert_false(json_member_whole(object, "z", &value));
    assert_true(json_member_hex(object, "e", &value) && value == 0xffffffff934c2276);
    assert_false(json_member_hex(object, "f", &value));
    assert_false(json_member_hex(object, "g", &value));
    assert_false(json_member_hex(object, "h", &value));
    arena_free(&arena);
}

/* ---- lines ---- */

static void check_problem(const struct reading *r, u32 index, u32 line, const char *text)
{
    assert_true(index < r->log.problem_count);
    assert_int_equal(r->log.problems[index].line, line);
    assert_string_equal(r->log.problems[index].text, text);
}

static void a_whole_report(void **state)
{
    struct reading r;
    read_text(&r, REPORT END);
    assert_int_equal(r.log.problem_count, 0);
    assert_int_equal(r.reports.count, 1);
    const struct report *report = r.view.report;
    assert_null(report->incomplete);
    assert_true(report->timed);
    assert_int_equal(report->row_count, 3);
    assert_int_equal(report->site_count, 1);
    assert_int_equal(report->sites[0].rip, 0x1000);
    assert_int_equal(report->at.exits, 12);
    assert_int_equal(report->tsc_total, 1000);
    assert_int_equal(report->rows[0].hits, 9);
    assert_non_null(report->end);
    assert_int_equal(report->last_line, 8);
    done(&r);
}

static void lines_among_the_guests(void **state)
{
    struct reading r;
    read_text(&r, "BIOS \x1b[2J\r\nlogin: " SUMMARY "guest says \x80\xff hello\r\n\x1b[1;32m" ROWS "\r\n\r\n" CACHE
                  "12345" COUNTS "exeunt: IO_IN: 10\n");
    assert_int_equal(r.log.problem_count, 0);
    assert_null(r.view.report->incomplete);
    assert_int_equal(r.view.report->first_line, 2);
    assert_int_equal(r.view.report->row_count, 3);
    done(&r);
}

static void two_objects_on_a_line(void **state)
{
    struct reading r;
    static const char text[] = "x" J "{\"type\":\"mark\",\"number\":1,\"exits\":2}y" J
                               "{\"type\":\"mark\",\"number\":2,\"exits\":3}\n";
    read_text(&r, text);
    assert_int_equal(r.log.problem_count, 0);
    assert_int_equal(r.reports.mark_count, 2);
    assert_int_equal(r.reports.marks[1].number, 2);
    done(&r);
}

/* What is read of a damaged line is nothing; what stands behind it on the same line is read. */
static void damage_is_named(void **state)
{
    struct reading r;
    read_text(&r, "one\n" J "{\"type\":\"mark\",\"num" J "{\"type\":\"mark\",\"number\":2,\"exits\":3}\n"
                  "\"type\":\"exit\",\"name\":\"IO_IN\"}\n" J "{\"no\":1}\n" J "{\"type\":\"news\"}\n" J
                  "{\"type\":\"boot\",\"error\":\"truncated\"}\n"
                  "exeunt: 7 lines of a report lost\n" J "{\"type\":\"exit\",\"name\":\"A\",\"count\":1}\n" J);
    assert_int_equal(r.reports.mark_count, 1);
    assert_int_equal(r.log.problem_count, 8);
    check_problem(&r, 0, 2, "damaged at column 48: a colon should be here");
    check_problem(&r, 1, 3, "a JSON line without its beginning");
    check_problem(&r, 2, 4, "no JSON object with a type");
    check_problem(&r, 3, 5, "a line of the unknown type `news`");
    check_problem(&r, 4, 6, "Exeunt left this line out: truncated");
    check_problem(&r, 5, 7, "lines of a report are lost: there was no room for them while they waited");
    check_problem(&r, 6, 8, "`exit` outside a report: the `summary` before it is missing");
    check_problem(&r, 7, 9, "damaged at column 14: the line ends in the middle");
    assert_null(r.view.report);
    done(&r);
}

static void every_cut_of_a_report_is_survived(void **state)
{
    static const char text[] = REPORT END;
    for (size_t size = 0; size < sizeof(text) - 1; size++) {
        struct reading r;
        char *copy = malloc(size ? size : 1); /* what is read beyond it is found */
        memcpy(copy, text, size);
        read_bytes(&r, "cut", copy, size);
        free(copy);
        bool all = size >= strlen(REPORT) - 1;
        assert_true(!r.view.report == (size < strlen(SUMMARY) - 1));
        if (r.view.report)
            assert_true(!r.view.report->incomplete == all);
        done(&r);
    }
}

/* ---- reports ---- */

static void check_incomplete(const char *text, const char *why)
{
    struct reading r;
    read_text(&r, text);
    assert_int_equal(r.reports.count, 1);
    assert_non_null(r.view.report->incomplete);
    assert_string_equal(r.view.report->incomplete, why);
    done(&r);
}

static void incomplete_reports(void **state)
{
    check_incomplete(SUMMARY ROWS CACHE, "lines of it are missing");
    check_incomplete(SUMMARY ROWS COUNTS, "lines of it are missing");
    check_incomplete(SUMMARY ROWS J "{\"type\":\"exit\",\n" CACHE COUNTS, "lines of it cannot be read");
    check_incomplete(SUMMARY ROWS J "{\"type\":\"exit\",\"name\":\"HLT\",\"count\":1}\n" CACHE COUNTS,
                     "its rows do not add up");
    check_incomplete(SUMMARY ROWS J
                     "{\"type\":\"time\",\"name\":\"EXEUNT\",\"count\":1,\"min\":1,\"max\":1,\"sum\":1}\n" CACHE COUNTS,
                     "its rows do not add up");
    check_incomplete(SUMMARY ROWS ROWS CACHE COUNTS, "lines of it cannot be read");
}

static void the_last_complete_one_is_chosen(void **state)
{
    struct reading r;
    struct text words = {0};
    read_text(&r, REPORT REPORT SUMMARY ROWS);
    assert_int_equal(r.reports.count, 3);
    assert_int_equal(r.view.report->number, 2);
    describe_later(&words, &r.view);
    assert_string_equal(text_string(&words), "report 3, which came later, is not complete: lines of it are missing "
                                             "(--report 3 shows what can be read)");
    text_free(&words);
    assert_int_equal(reports_choose(&r.reports, 3)->number, 3);
    assert_int_equal(reports_choose(&r.reports, 1)->number, 1);
    assert_null(reports_choose(&r.reports, 4));
    done(&r);
    read_text(&r, SUMMARY ROWS);
    assert_int_equal(r.view.report->number, 1);
    done(&r);
}

static void boots_are_kept_apart(void **state)
{
    struct reading r;
    struct phases phases;
    read_text(&r, J "{\"type\":\"boot\",\"guest\":\"linux\"}\n" REPORT J
                    "{\"type\":\"boot\",\"guest\":\"multiboot\"}\n" REPORT);
    assert_string_equal(json_member_string(r.view.report->boot_entry->object, "guest"), "multiboot");
    assert_int_equal(r.view.report->boot, 2);
    phases_read(&phases, &r.view);
    assert_int_equal(phases.interval_count, 1);
    assert_int_equal(phases.intervals[0].spent.exits, 12);
    phases_free(&phases);
    done(&r);
}

static void filters(void **state)
{
    struct view view = {.filter = NULL};
    assert_true(view_has(&view, "IO_IN"));
    view.filter = "io_*,CPUID";
    assert_true(view_has(&view, "IO_IN"));
    assert_true(view_has(&view, "CPUID"));
    assert_false(view_has(&view, "RDMSR"));
    view.filter = "MSR";
    assert_false(view_has(&view, "RDMSR"));
    view.filter = "??MSR";
    assert_true(view_has(&view, "RDMSR"));
}

/* ---- phases and intervals ---- */

#define MARK(name, exits, vmm, guest)                                                                                  \
    J "{\"type\":\"mark\",\"number\":7,\"name\":\"" name "\",\"exits\":" exits ",\"avoided\":1,\"tsc_vmm\":" vmm       \
      ",\"tsc_guest\":" guest "}\n"
#define LATER(exits, io_in, total, guest, io_sum)                                                                      \
    J "{\"type\":\"summary\",\"exits\":" exits ",\"avoided\":3,\"tsc_total\":" total ",\"tsc_guest\":" guest           \
      ",\"tsc_vmm\":500,\"engine\":\"cluster\",\"timing\":true}\n" J "{\"type\":\"exit\",\"name\":\"IO_IN\","          \
      "\"count\":" io_in ",\"min\":5,\"max\":100,\"sum\":" io_sum ",\"avoided\":3,\"hits\":9}\n" J                     \
      "{\"type\":\"exit\",\"name\":\"CPUID\",\"count\":2,\"min\":20,\"max\":30,\"sum\":50,\"avoided\":0,\"hits\":0}"   \
      "\n" J "{\"type\":\"time\",\"name\":\"TIMEINGUEST\",\"count\":" exits ",\"min\":1,\"max\":99,\"sum\":" guest     \
      "}\n" CACHE

static void marks_make_phases(void **state)
{
    struct reading r;
    struct phases all;
    read_text(&r, REPORT MARK("", "2", "10", "90") MARK("disk", "5", "40", "100"));
    phases_read(&all, &r.view);
    assert_int_equal(all.count, 3);
    assert_string_equal(all.phases[0].name, "start");
    assert_int_equal(all.phases[0].spent.exits, 2);
    assert_string_equal(all.phases[1].name, "mark 7");
    assert_int_equal(all.phases[1].spent.exits, 3);
    assert_int_equal(all.phases[1].spent.tsc_vmm, 30);
    assert_string_equal(all.phases[2].name, "disk");
    assert_int_equal(all.phases[2].spent.exits, 7);
    assert_int_equal(all.phases[2].spent.tsc_guest, 600);
    assert_int_equal(all.phases[2].spent.avoided, 2);
    phases_free(&all);
    done(&r);
}

/* Between reports there are rows and sites as well; an interval has the name of the phase that fills it. */
#define NUMBERED(number, name, exits, vmm, guest)                                                                      \
    J "{\"type\":\"mark\",\"number\":" number ",\"name\":\"" name "\",\"exits\":" exits                                \
      ",\"avoided\":0,\"tsc_vmm\":" vmm ",\"tsc_guest\":" guest "}\n"
#define FIRST                                                                                                          \
    NUMBERED("1", "one", "5", "100", "300")                                                                            \
    PHASE_ROW("1", "IO_IN", "4", "70") PHASE_ROW("1", "CPUID", "1", "30") PHASE_ROW("1", "TIMEINGUEST", "5", "300")

static void check_phase_row(const struct phase *phase, const char *name, u64 count, u64 sum)
{
    const struct row *row = phase_row(phase, name);
    assert_non_null(row);
    assert_int_equal(row->count, count);
    assert_int_equal(row->sum, sum);
}

/* Each phase has the rows behind the mark that ends it; the last one what is left of the report's. */
static void phases_have_rows(void **state)
{
    struct reading r;
    struct phases all;
    read_text(&r, REPORT FIRST NUMBERED("2", "two", "5", "100", "400") PHASE_ROW("2", "TIMEINGUEST", "0", "100"));
    assert_int_equal(r.log.problem_count, 0);
    phases_read(&all, &r.view);
    assert_int_equal(all.count, 3);
    check_phase_row(&all.phases[0], "IO_IN", 4, 70);
    check_phase_row(&all.phases[0], "TIMEINGUEST", 5, 300);
    assert_int_equal(all.phases[1].row_count, 1);
    check_phase_row(&all.phases[2], "IO_IN", 6, 180);
    check_phase_row(&all.phases[2], "CPUID", 1, 20);
    check_phase_row(&all.phases[2], "TIMEINGUEST", 7, 300);
    phases_free(&all);
    done(&r);
}

/* A phase whose rows are not all there has none, and the last one is then unknown too. */
static void rows_of_phases_that_do_not_add_up(void **state)
{
    static const char *const logs[] = {
        REPORT NUMBERED("1", "one", "5", "100", "300") PHASE_ROW("1", "IO_IN", "4", "70"), /* lost */
        REPORT NUMBERED("1", "one", "5", "100", "300"),                                    /* an old log */
        REPORT NUMBERED("1", "one", "5", "100", "300") PHASE_ROW("1", "IO_IN", "5", "70")
            PHASE_ROW("1", "TIMEINGUEST", "5", "331"), /* wrong */
        REPORT NUMBERED("1", "one", "5", "100", "300") PHASE_ROW("1", "HLT", "5", "100")
            PHASE_ROW("1", "TIMEINGUEST", "5", "300"), /* adds up, but the report has no such row */
    };
    for (size_t i = 0; i < sizeof(logs) / sizeof(*logs); i++) {
        struct reading r;
        struct phases all;
        read_text(&r, logs[i]);
        phases_read(&all, &r.view);
        assert_int_equal(all.count, 2);
        assert_int_equal(all.phases[0].row_count, i == 3 ? 2 : 0);
        assert_int_equal(all.phases[1].row_count, 0);
        phases_free(&all);
        done(&r);
    }
}

static void rows_of_phases_stand_behind_their_mark(void **state)
{
    struct reading r;
    read_text(&r, REPORT PHASE_ROW("1", "IO_IN", "4", "70") NUMBERED("1", "one", "5", "100", "300")
                      PHASE_ROW("2", "IO_IN", "4", "70"));
    assert_int_equal(r.log.problem_count, 2);
    check_problem(&r, 0, 8, "a row of the phase that mark 1 ends, not behind that mark");
    check_problem(&r, 1, 10, "a row of the phase that mark 2 ends, not behind that mark");
    done(&r);
}

static void details_add_up(void **state)
{
    struct reading r;
    read_text(&r, SUMMARY ROWS DETAILS CACHE COUNTS);
    assert_null(r.view.report->incomplete);
    assert_int_equal(r.view.report->detail_count, 2);
    assert_true(r.view.report->details[0].has_where);
    assert_int_equal(r.view.report->details[0].where, 0x3fd);
    assert_false(r.view.report->details[1].has_where);
    done(&r);
    check_incomplete(SUMMARY ROWS DETAIL("IO_IN", "0x3fd", "COM1", "9", "250") CACHE COUNTS,
                     "its details do not add up");
    check_incomplete(SUMMARY ROWS DETAIL("IO_IN", "0x3fd", "COM1", "10", "249") CACHE COUNTS,
                     "its details do not add up");
}

static void reports_make_intervals(void **state)
{
    struct reading r;
    struct phases all;
    read_text(&r, REPORT LATER("32", "30", "2000", "1500", "450") SITE("20", "0x1000") SITE("9", "0x2000")
                      COUNTS MARK("disk", "13", "301", "702"));
    assert_int_equal(r.log.problem_count, 0);
    phases_read(&all, &r.view);
    assert_int_equal(all.interval_count, 2);
    const struct interval *second = &all.intervals[1];
    assert_string_equal(all.intervals[0].name, "start");
    assert_string_equal(second->name, "disk");
    assert_int_equal(second->spent.exits, 20);
    assert_int_equal(second->ticks, 1000);
    struct row row = interval_row(second, &second->report->rows[0]);
    assert_int_equal(row.count, 20);
    assert_int_equal(row.sum, 200);
    assert_int_equal(interval_site_count(second, &second->report->sites[0]), 16);
    /* Not in the first list, whose last site has 4: it may have had as many. */
    assert_int_equal(interval_site_count(second, &second->report->sites[1]), 5);
    phases_free(&all);
    done(&r);
}

static void a_reset_begins_anew(void **state)
{
    struct reading r;
    struct phases all;
    read_text(&r, REPORT LATER("11", "9", "1100", "600", "450") COUNTS MARK("after", "3", "20", "80"));
    assert_int_equal(r.log.problem_count, 0);
    phases_read(&all, &r.view);
    assert_int_equal(all.interval_count, 2);
    assert_null(all.intervals[1].before);
    assert_int_equal(all.intervals[1].spent.exits, 11);
    assert_int_equal(all.count, 2);
    assert_int_equal(all.phases[1].spent.exits, 8);
    phases_free(&all);
    done(&r);
}

/* A row that shrank shows a reset, though all totals grew. */
static void a_smaller_row_is_a_reset(void **state)
{
    struct reading r;
    struct phases all;
    read_text(&r, REPORT LATER("12", "10", "1700", "1200", "450") COUNTS J
              "{\"type\":\"summary\",\"exits\":12,\"avoided\":3,\"tsc_total\":2000,\"tsc_guest\":1300,\"tsc_vmm\":700,"
              "\"engine\":\"cluster\",\"timing\":true}\n" J "{\"type\":\"exit\",\"name\":\"CPUID\",\"count\":12,"
              "\"min\":1,\"max\":2,\"sum\":700}\n" J "{\"type\":\"time\",\"name\":\"TIMEINGUEST\",\"count\":12,"
              "\"min\":1,\"max\":2,\"sum\":1300}\n" CACHE COUNTS);
    phases_read(&all, &r.view);
    assert_int_equal(all.interval_count, 3);
    assert_ptr_equal(all.intervals[1].before, &r.reports.reports[0]);
    assert_null(all.intervals[2].before);
    phases_free(&all);
    done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_that_is_read),
        cmocka_unit_test(json_that_is_damaged),
        cmocka_unit_test(numbers_are_whole_and_fit),
        cmocka_unit_test(a_whole_report),
        cmocka_unit_test(lines_among_the_guests),
        cmocka_unit_test(two_objects_on_a_line),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(every_cut_of_a_report_is_survived),
        cmocka_unit_test(incomplete_reports),
        cmocka_unit_test(the_last_complete_one_is_chosen),
        cmocka_unit_test(boots_are_kept_apart),
        cmocka_unit_test(filters),
        cmocka_unit_test(phases_have_rows),
        cmocka_unit_test(rows_of_phases_that_do_not_add_up),
        cmocka_unit_test(rows_of_phases_stand_behind_their_mark),
        cmocka_unit_test(details_add_up),
        cmocka_unit_test(marks_make_phases),
        cmocka_unit_test(reports_make_intervals),
        cmocka_unit_test(a_reset_begins_anew),
        cmocka_unit_test(a_smaller_row_is_a_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
