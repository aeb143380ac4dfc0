/* SPDX-License-Identifier: BSD-2-Clause */
/* The report: what was measured, row by row; the line of the boot. */
#include "test/unit/printed_report.h"

static void every_tick_is_in_one_row(void **state)
{
    struct report_input input = input_at(some_exits());
    print_now(&input);
    const char *summary = json_line("summary", 0);
    assert_int_equal(integer(summary, "tsc_total"), input.tsc - 1000000);
    assert_int_equal(integer(summary, "tsc_guest"), 5000 + 70 + 11 + 123456789 + 9);
    assert_int_equal(integer(summary, "tsc_vmm"), 17 + 300 + 2000 + 400 + 901 + 2001 + 55);
    assert_int_equal(integer(summary, "exits"), 6);

    u64 sum = 0, exits = 0;
    for (u32 i = 0; json_line("exit", i); i++) {
        sum += integer(json_line("exit", i), "sum");
        exits += integer(json_line("exit", i), "count");
    }
    assert_int_equal(exits, 6);
    for (u32 i = 0; json_line("time", i); i++)
        sum += integer(json_line("time", i), "sum");
    assert_int_equal(sum, integer(summary, "tsc_total"));
    assert_true(string_is(summary, "engine", "interp"));
    assert_true(string_is(summary, "trap", "pio,apic"));
}

/* vmx/entry.S adds the time of an exit that C handled, the first of its row or not, to its distribution. */
static void what_is_put_down_has_a_distribution(void **state)
{
    statistics_start(&statistics, 0, true);
    statistics_row(&statistics, EXIT_REASON_XSETBV);
    statistics_resolve(&statistics);
    assert_non_null(statistics.served->tally->bucket);
    statistics_detail(&statistics, detail_key(EXIT_REASON_WBINVD, 7));
    statistics_resolve(&statistics);
    assert_non_null(statistics.served->tally->bucket);
}

static void resets_take_no_memory(void **state)
{
    some_exits();
    u32 used = for_distributions.used;
    for (u32 i = 0; i < 100; i++)
        some_exits();
    assert_int_equal(for_distributions.used, used);
}

static void rows_are_sorted_by_time(void **state)
{
    struct report_input input = input_at(some_exits());
    print_now(&input);
    static const char *const expected[] = {"IO_OUT", "APIC_ACCESS", "CPUID", "VMCALL"};
    for (u32 i = 0; i < 4; i++)
        assert_true(string_is(json_line("exit", i), "name", expected[i]));
    assert_null(json_line("exit", 4));
    assert_true(string_is(json_line("time", 0), "name", "EXEUNT"));
    assert_true(string_is(json_line("time", 1), "name", "TIMEINGUEST"));
    const char *cpuid = json_line("exit", 2);
    assert_int_equal(integer(cpuid, "min"), 300);
    assert_int_equal(integer(cpuid, "max"), 400);
    assert_string_equal(number(cpuid, "avg"), "350.0000");
    assert_string_equal(number(cpuid, "stddev"), "50.0000");
}

/* Each row of the table has the words of the JSON line with its name, in the order of the columns. */
static void assert_in_table(const char *line)
{
    char name[40], words[300];
    bool counted_any = integer(line, "count") > 0, is_exit = string_is(line, "type", "exit");
    sscanf(value_of(line, "name"), "\"%39[^\"]", name);
    snprintf(words, sizeof(words), "%s: %s %s %s %s %s %s %s %s -", name, number(line, "count"),
             counted_any ? number(line, "min") : "-", counted_any ? number(line, "max") : "-",
             counted_any ? number(line, "sum") : "-", counted_any ? number(line, "avg") : "-",
             counted_any ? number(line, "stddev") : "-", counted_any ? number(line, "pct") : "-",
             is_exit ? number(line, "avoided") : "-");
    if (!table_has(words))
        fail_msg("not in the table: %s", words);
}

static void table_and_json_agree(void **state)
{
    struct report_input input = input_at(some_exits());
    statistics.avoided[EXIT_REASON_CPUID] = 7;
    statistics.avoided[ROW_IO_IN] = 5; /* never exited, but was avoided */
    print_now(&input);
    u32 rows = 0;
    for (; json_line("exit", rows); rows++)
        assert_in_table(json_line("exit", rows));
    assert_int_equal(rows, 5);
    assert_in_table(json_line("time", 0));
    assert_in_table(json_line("time", 1));
    assert_int_equal(integer(json_line("summary", 0), "avoided"), 12);
}

/* The time that the first report takes goes to EXEUNT; a second report counts no exit twice. */
static void a_report_does_not_disturb_the_next(void **state)
{
    u64 tsc = some_exits();
    struct report_input input = input_at(tsc);
    print_now(&input);
    clear(NULL);
    tsc += 1000000; /* printing */
    tsc = run(tsc, EXIT_REASON_HLT, 40, 20);
    input = input_at(tsc);
    input.cause = "acpi-s5";
    print_now(&input);
    assert_int_equal(integer(json_line("summary", 0), "exits"), 7);
    const char *vmcall = NULL;
    for (u32 i = 0; json_line("exit", i); i++)
        if (string_is(json_line("exit", i), "name", "VMCALL"))
            vmcall = json_line("exit", i);
    assert_int_equal(integer(vmcall, "count"), 1);
    assert_int_equal(integer(vmcall, "sum"), 55);
    assert_true(string_is(json_line("time", 0), "name", "EXEUNT"));
    assert_int_equal(integer(json_line("time", 0), "sum"), 1000000 + 17);
    assert_true(string_is(json_line("end", 0), "cause", "acpi-s5"));
    assert_true(string_is(out.text[out.count - 1], "type", "end"));
}

static void totals_include_the_exit_in_progress(void **state)
{
    u64 tsc = some_exits();
    statistics_settle(&statistics);
    struct exit_totals before = statistics_totals(&statistics, tsc);
    statistics_close(&statistics, tsc);
    statistics_settle(&statistics);
    struct exit_totals after = statistics_totals(&statistics, tsc);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(before.exits, 6);
    assert_int_equal(before.tsc_guest + before.tsc_exeunt, before.tsc_total);
}

/* SPEC 9: after a reset the call that reset does not count, and the clock starts anew. */
static void a_reset_starts_at_zero(void **state)
{
    u64 tsc = some_exits();
    statistics_start(&statistics, tsc, true);
    assert_int_equal(statistics_totals(&statistics, tsc).exits, 0);
    tsc += 100;
    for (u32 i = 0; i < 10; i++)
        tsc = run(tsc, EXIT_REASON_CPUID, 1, 2);
    statistics_settle(&statistics);
    struct exit_totals totals = statistics_totals(&statistics, tsc);
    assert_int_equal(totals.exits, 10);
    assert_int_equal(totals.tsc_total, 100 + 30);
    assert_int_equal(totals.tsc_guest, 10);
}

static void a_tsc_write_moves_the_clock_along(void **state)
{
    u64 tsc = some_exits(), delta = (u64)-5000000; /* backwards */
    statistics_rebase(&statistics, delta);
    struct report_input input = input_at(tsc + delta);
    print_now(&input);
    assert_int_equal(integer(json_line("summary", 0), "tsc_total"), tsc - 1000000);
    assert_int_equal(integer(json_line("summary", 0), "tsc_vmm"), 17 + 300 + 2000 + 400 + 901 + 2001 + 55);
}

static void without_timing_counts_stay(void **state)
{
    statistics_start(&statistics, 0, false);
    for (u32 i = 0; i < 5; i++) {
        statistics_exit_untimed(&statistics);
        statistics_row(&statistics, i % 2 ? ROW_IO_IN : (enum exit_row)EXIT_REASON_RDMSR);
        statistics_resolve(&statistics);
    }
    struct report_input input = input_at(0);
    print_now(&input);
    assert_int_equal(integer(json_line("summary", 0), "exits"), 5);
    assert_null(value_of(json_line("summary", 0), "tsc_total"));
    assert_true(string_is(json_line("exit", 0), "name", "RDMSR")); /* by count */
    assert_int_equal(integer(json_line("exit", 0), "count"), 3);
    assert_null(value_of(json_line("exit", 0), "sum"));
    for (u32 i = 0; i < out.count; i++)
        if (strstr(out.text[i], "RDMSR:"))
            assert_non_null(strstr(out.text[i], " 3       -         - "));
}

static void no_exit_at_all(void **state)
{
    statistics_start(&statistics, 5, true);
    struct report_input input = input_at(5);
    input.marks = NULL;
    input.trap = NULL;
    report_print(&input, collect, NULL);
    assert_null(json_line("exit", 0));
    assert_int_equal(integer(json_line("summary", 0), "tsc_total"), 0);
    assert_null(json_line("end", 0));
}

static void cpus_are_added(void **state)
{
    u64 tsc = some_exits();
    static struct exit_statistics sum;
    statistics_close(&statistics, tsc);
    statistics_settle(&statistics);
    sum.pool = &for_distributions;
    statistics_start(&sum, tsc, true);
    statistics_merge(&sum, &statistics);
    statistics_merge(&sum, &statistics);
    statistics_settle(&sum);
    struct exit_totals one = statistics_totals(&statistics, tsc), two = statistics_totals(&sum, tsc);
    assert_int_equal(two.exits, 2 * one.exits);
    assert_int_equal(two.tsc_total, 2 * one.tsc_total);
    assert_int_equal(two.tsc_guest + two.tsc_exeunt, two.tsc_total);
    assert_true(tally_is_spread(&statistics.rows[ROW_IO_OUT]));
    u64 key = row_key(ROW_IO_OUT);
    assert_int_equal(statistics_account(&sum, key)->count, 2 * statistics_account(&statistics, key)->count);
}

static void memory_and_cache(void **state)
{
    struct cache_figures cache = {.entries = 12, .bytes = 3456, .hits = 99, .misses = 1, .pages_demoted = 2};
    ept.splits = 4;
    ept.read_only_pages = 3;
    pool.pages = 700;
    pool.used = 20;
    pool.peak = 31;
    struct report_input input = input_at(some_exits());
    print_now(&input);
    const char *line = json_line("cache", 0);
    assert_int_equal(integer(line, "hits"), 0);
    assert_int_equal(integer(line, "ept_splits"), 4);
    assert_int_equal(integer(line, "pages_read_only"), 3);
    assert_int_equal(integer(line, "pool_peak"), 31);
    assert_int_equal(integer(line, "memory_owned"), 3 * MIB);
    bool said = false;
    for (u32 i = 0; i < out.count; i++)
        said |= !strcmp(out.text[i], "no cache: engine=interp");
    assert_true(said);
    clear(NULL);
    input.cache = &cache;
    input.engine = "cluster";
    report_print(&input, collect, NULL);
    assert_int_equal(integer(json_line("cache", 0), "hits"), 99);
    assert_int_equal(integer(json_line("cache", 0), "pages_demoted"), 2);
}

static void counters_of_all_rooms_are_one_list(void **state)
{
    counted.machine_checks = 2;
    counted.own_reads = 1;
    ept.own_reads = 10;
    devices.swallowed_sipi = 3;
    struct report_input input = input_at(some_exits());
    print_now(&input);
    const char *line = json_line("counts", 0);
    assert_int_equal(integer(line, "machine_checks"), 2);
    assert_int_equal(integer(line, "own_reads"), 11);
    assert_int_equal(integer(line, "sipi_swallowed"), 3);
    assert_null(value_of(line, "task_switches")); /* zero */
    u32 said = 0;
    for (u32 i = 0; i < out.count; i++)
        said += !out.json[i] &&
                (strstr(out.text[i], " 2 machine checks") || strstr(out.text[i], " 11 reads of Exeunt"));
    assert_int_equal(said, 2);
}

static void all_counters_fit_one_line(void **state)
{
    memset(&counted, 0xff, sizeof(counted));
    struct report_input input = input_at(some_exits());
    print_now(&input);
    assert_null(value_of(json_line("counts", 0), "error"));
    for (u32 i = 0; i < COUNTER_COUNT; i++)
        assert_string_equal(number(json_line("counts", 0), counter_name((enum counter_index)i)),
                            "18446744073709551615");
}

static void the_boot_line(void **state)
{
    static const char *const features[] = {"EPT", "VPID"};
    struct report_boot boot = {
        .version = "1",
        .options = "trap=none \"x",
        .features = features,
        .feature_count = 2,
        .start_ticks = 4000000,
    };
    report_boot(&boot, collect, NULL);
    const char *line = json_line("boot", 0);
    assert_int_equal(strncmp(value_of(line, "features"), "[\"EPT\",\"VPID\"]", 14), 0);
    assert_int_equal(integer(line, "start_ticks"), 4000000);
    assert_null(value_of(line, "cpu"));

    static const char *many[300];
    for (u32 i = 0; i < 300; i++)
        many[i] = "a feature with a long name";
    clear(NULL);
    boot.features = many;
    boot.feature_count = 300;
    report_boot(&boot, collect, NULL);
    assert_true(string_is(json_line("boot", 0), "error", "truncated"));
}

static void each_exit_has_its_row(void **state)
{
    assert_int_equal(exit_row_of(EXIT_REASON_IO_INSTRUCTION, 8), ROW_IO_IN);
    assert_int_equal(exit_row_of(EXIT_REASON_IO_INSTRUCTION, 0x3f80000), ROW_IO_OUT);
    assert_int_equal(exit_row_of(0x80000000u | EXIT_REASON_ENTRY_FAILURE_GUEST_STATE, 0),
                     EXIT_REASON_ENTRY_FAILURE_GUEST_STATE);
    assert_int_equal(exit_row_of(35, 0), ROW_UNKNOWN);
    assert_int_equal(exit_row_of(EXIT_REASON_LIMIT, 0), ROW_UNKNOWN);
    assert_int_equal(exit_row_of(0xffff, ~0ull), ROW_UNKNOWN);
    assert_int_equal(exit_row_of_memory(EPT_CLASS_RAM, false), EXIT_REASON_EPT_VIOLATION);
    assert_int_equal(exit_row_of_memory(EPT_CLASS_TRAPPED, true), EXIT_REASON_APIC_ACCESS);
    assert_int_equal(exit_row_of_memory(EPT_CLASS_TRAPPED, false), ROW_MMIO);
    assert_int_equal(exit_row_of_memory(EPT_CLASS_OWN, false), ROW_OWN_REGION);
    assert_int_equal(exit_row_of_msr(0x7ff, false), EXIT_REASON_RDMSR);
    assert_int_equal(exit_row_of_msr(0x800, false), ROW_X2APIC_READ);
    assert_int_equal(exit_row_of_msr(0x8ff, true), ROW_X2APIC_WRITE);
    assert_int_equal(exit_row_of_msr(0x900, true), EXIT_REASON_WRMSR);
    for (u32 a = 0; a < ROW_COUNT; a++)
        for (u32 b = 0; b < a; b++)
            if (!strcmp(exit_row_name((enum exit_row)a), exit_row_name((enum exit_row)b)))
                assert_string_equal(exit_row_name((enum exit_row)a), "UNKNOWN");
    assert_string_equal(exit_row_name(ROW_IO_IN), "IO_IN");
    assert_string_equal(exit_row_name((enum exit_row)EXIT_REASON_CPUID), "CPUID");
    assert_string_equal(exit_row_name(ROW_COUNT), "UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_put_down_has_a_distribution),
        TEST(resets_take_no_memory),
        TEST(every_tick_is_in_one_row),
        TEST(rows_are_sorted_by_time),
        TEST(table_and_json_agree),
        TEST(a_report_does_not_disturb_the_next),
        TEST(totals_include_the_exit_in_progress),
        TEST(a_reset_starts_at_zero),
        TEST(a_tsc_write_moves_the_clock_along),
        TEST(without_timing_counts_stay),
        TEST(no_exit_at_all),
        TEST(cpus_are_added),
        TEST(memory_and_cache),
        TEST(counters_of_all_rooms_are_one_list),
        TEST(all_counters_fit_one_line),
        TEST(the_boot_line),
        TEST(each_exit_has_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
