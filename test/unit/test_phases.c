/* SPDX-License-Identifier: BSD-2-Clause */
/* The report: marks, and the rows of the phases that they end. */
#include "test/unit/printed_report.h"

static void marks_are_printed_once(void **state)
{
    marks.count = 2;
    marks.mark[0] = (struct mark){.number = 5, .name = "a\"b\\c", .values = {1, 2, 3, 4, 5, 6, 7, 8}};
    marks.mark[1] = (struct mark){.number = 0xffffffff};
    report_marks(&marks, collect, NULL);
    assert_int_equal(marks.count, 0);
    assert_int_equal(integer(json_line("mark", 0), "number"), 5);
    assert_int_equal(integer(json_line("mark", 0), "tsc_guest"), 4);
    assert_int_equal(integer(json_line("mark", 0), "memory_owned"), 8);
    assert_true(string_is(json_line("mark", 0), "name", "a\\\"b\\\\c"));
    assert_true(string_is(json_line("mark", 1), "name", ""));
    clear(NULL);
    struct report_input input = input_at(some_exits());
    print_now(&input);
    assert_null(json_line("mark", 0));
}

/* As vmx/reporting.c does it. */
static bool end_phase(u64 tsc, u32 number)
{
    struct mark *mark = &marks.mark[marks.count];
    statistics_close(&statistics, tsc);
    statistics_settle(&statistics);
    struct exit_totals totals = statistics_totals(&statistics, tsc);
    *mark = (struct mark){.number = number};
    mark->values[HYPERCALL_EXITS] = totals.exits;
    mark->values[HYPERCALL_AVOIDED] = totals.avoided;
    mark->values[HYPERCALL_TSC_GUEST] = totals.tsc_guest;
    mark->values[HYPERCALL_TSC_EXEUNT] = totals.tsc_exeunt;
    if (!phases_end(&marks.phases, &statistics, &mark->first_row, &mark->rows))
        return false;
    marks.count++;
    return true;
}

static void each_mark_has_the_rows_of_its_phase(void **state)
{
    for (u32 timed = 0; timed < 2; timed++) {
        u64 tsc = 1000;
        statistics_start(&statistics, tsc, timed);
        phases_reset(&marks.phases);
        clear(NULL);
        for (u32 phase = 0; phase < 8; phase++) {
            for (u32 i = 0; i < phase * 5; i++)
                tsc = run_detail(tsc, row_key(phase % 2 ? ROW_IO_IN : EXIT_REASON_HLT), 3, 40 + i);
            statistics.avoided[ROW_IO_OUT] += phase; /* in clusters only */
            assert_true(end_phase(tsc, phase + 100));
        }
        struct report_input input = input_at(tsc);
        report_print(&input, collect, NULL);
        assert_int_equal(marks.count, 0);
        assert_int_equal(marks.phases.used, 0);
        u64 totals[3] = {0}, rows[3] = {0};
        const char *before = NULL;
        for (u32 i = 0; i < out.count; i++) {
            const char *line = out.text[i];
            if (!out.json[i])
                continue;
            if (string_is(line, "type", "mark")) {
                assert_true(!before || rows[0] == totals[0]);
                before = line;
                totals[0] = integer(line, "exits");
                totals[1] = integer(line, "tsc_vmm") + integer(line, "tsc_guest");
                totals[2] = integer(line, "avoided");
            } else if (string_is(line, "type", "phase_row")) {
                assert_non_null(before);
                assert_string_equal(number(line, "mark"), number(before, "number"));
                bool own = string_is(line, "name", "TIMEINGUEST") || string_is(line, "name", "EXEUNT");
                rows[0] += own ? 0 : integer(line, "count");
                rows[1] += integer(line, "sum");
                rows[2] += integer(line, "avoided");
                assert_int_equal(value_of(line, "sum") != NULL, timed);
            }
        }
        assert_memory_equal(rows, totals, sizeof(rows)); /* of all phases */
        assert_int_equal(rows[0], 5 * 28);
        assert_int_equal(rows[2], 28);
    }
}

static void a_phase_without_room_changes_nothing(void **state)
{
    u64 tsc = some_exits();
    while (end_phase(tsc, 1))
        for (u32 row = 0; row < 20; row++)
            tsc = run_detail(tsc, row_key(row), 1, 1);
    u32 used = marks.phases.used;
    struct row_figures before[COUNT_OF(marks.phases.before)];
    memcpy(before, marks.phases.before, sizeof(before));
    assert_false(end_phase(tsc, 1));
    assert_int_equal(marks.phases.used, used);
    assert_memory_equal(before, marks.phases.before, sizeof(before));
    marks.phases.used = marks.count = 0;
    assert_true(end_phase(tsc, 1));
    assert_true(marks.mark[0].rows >= 20 && marks.mark[0].first_row == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(marks_are_printed_once),
        TEST(each_mark_has_the_rows_of_its_phase),
        TEST(a_phase_without_room_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
