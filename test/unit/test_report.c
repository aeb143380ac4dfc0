/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report is printed from known figures; its JSON lines are parsed again and compared with the table and the
 * figures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/json.h"
#include "lib/string.h"
#include "vmx/report.h"
#include "vmx/report_details.h"

#include <cmocka.h>

/* ---- what was printed ---- */

#define LINES 1000

static struct {
    char *text[LINES];
    bool json[LINES];
    u32 count;
} out;

static void collect(void *context, bool json, const char *line)
{
    assert_true(out.count < LINES);
    assert_null(strchr(line, '\n'));
    out.text[out.count] = strdup(line);
    out.json[out.count++] = json;
}

static int clear(void **state)
{
    for (u32 i = 0; i < out.count; i++)
        free(out.text[i]);
    out.count = 0;
    return 0;
}

/* ---- a JSON reader, strict, for one flat object with strings, numbers, booleans and lists ---- */

static const char *skip_string(const char *at)
{
    assert_int_equal(*at++, '"');
    for (; *at != '"'; at++) {
        assert_in_range((unsigned char)*at, 0x20, 0x7e);
        if (*at == '\\') {
            at++;
            assert_non_null(memchr("\"\\u", *at, 3));
        }
    }
    return at + 1;
}

static const char *skip_value(const char *at)
{
    if (*at == '"')
        return skip_string(at);
    if (*at == '[') {
        at++;
        while (*at != ']') {
            at = skip_value(at);
            if (*at == ',')
                at++;
        }
        return at + 1;
    }
    if (!strncmp(at, "true", 4))
        return at + 4;
    if (!strncmp(at, "false", 5))
        return at + 5;
    assert_in_range(*at, '0', '9');
    return at + strspn(at, "0123456789.");
}

/* Where the value of `name` stands in a line, or NULL. The whole line is checked on the way. */
static const char *value_of(const char *line, const char *name)
{
    const char *found = NULL, *at = line;
    assert_int_equal(strncmp(at, JSON_PREFIX "{", strlen(JSON_PREFIX) + 1), 0);
    at += strlen(JSON_PREFIX) + 1;
    for (;;) {
        const char *key = at;
        at = skip_string(at);
        bool same = (size_t)(at - key) == strlen(name) + 2 && !strncmp(key + 1, name, strlen(name));
        assert_int_equal(*at++, ':');
        if (same) {
            assert_null(found); /* no name twice */
            found = at;
        }
        at = skip_value(at);
        if (*at == '}')
            break;
        assert_int_equal(*at++, ',');
    }
    assert_string_equal(at, "}");
    return found;
}

static bool string_is(const char *line, const char *name, const char *expected)
{
    const char *at = value_of(line, name);
    return at && *at == '"' && !strncmp(at + 1, expected, strlen(expected)) && at[1 + strlen(expected)] == '"';
}

/* The text of a number (or "" where there is none). */
static const char *number(const char *line, const char *name)
{
    static char text[8][48];
    static u32 next;
    const char *at = value_of(line, name);
    char *copy = text[next++ % 8];
    snprintf(copy, 48, "%.*s", at ? (int)strspn(at, "0123456789.") : 0, at ? at : "");
    return copy;
}

static u64 integer(const char *line, const char *name)
{
    return strtoull(number(line, name), NULL, 10);
}

/* The n-th JSON line of a type; NULL: there are fewer. */
static const char *json_line(const char *type, u32 n)
{
    for (u32 i = 0; i < out.count; i++)
        if (out.json[i] && string_is(out.text[i], "type", type) && !n--)
            return out.text[i];
    return NULL;
}

/* ---- the figures ---- */

static struct exit_statistics statistics;
static struct ept_counts ept;
static struct page_pool pool;
static struct counters counted;
static struct device_counts devices;
static struct marks marks;
static struct vm vm;

/* Exits as (row, time in the guest before it, time in Exeunt). */
static u64 run(u64 tsc, u32 row, u64 guest, u64 exeunt)
{
    statistics_exit(&statistics, tsc, tsc + guest);
    statistics_row(&statistics, row);
    statistics_resolve(&statistics);
    return tsc + guest + exeunt;
}

static u64 some_exits(void)
{
    u64 tsc = 1000000;
    statistics_start(&statistics, tsc, true);
    tsc += 17; /* the launch itself */
    tsc = run(tsc, EXIT_REASON_CPUID, 5000, 300);
    tsc = run(tsc, ROW_IO_OUT, 70, 2000);
    tsc = run(tsc, EXIT_REASON_CPUID, 11, 400);
    tsc = run(tsc, EXIT_REASON_APIC_ACCESS, 0, 901);
    tsc = run(tsc, ROW_IO_OUT, 123456789, 2001);
    return run(tsc, EXIT_REASON_VMCALL, 9, 55); /* in it the report is asked for, after 55 ticks */
}

static struct report_input input_at(u64 tsc)
{
    return (struct report_input){
        .statistics = &statistics,
        .tsc = tsc,
        .engine = "interp",
        .trap = "pio,apic",
        .ept = &ept,
        .pool = &pool,
        .vm = &vm,
        .devices = &devices,
        .counters = &counted,
        .memory_owned = 3 * MIB,
        .marks = &marks,
    };
}

static char pages[40][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static struct page_pool for_distributions;

static int setup(void **state)
{
    if (!statistics.pool)
        page_pool_init(&for_distributions, pages, hpa(0), COUNT_OF(pages));
    statistics.pool = &for_distributions;
    memset(&ept, 0, sizeof(ept));
    memset(&pool, 0, sizeof(pool));
    memset(&counted, 0, sizeof(counted));
    memset(&devices, 0, sizeof(devices));
    marks.count = 0;
    phases_reset(&marks.phases);
    return clear(state);
}

static void print_now(struct report_input *input)
{
    statistics_close(&statistics, input->tsc);
    statistics_settle(&statistics);
    report_print(input, collect, NULL);
}

/* ---- tests ---- */

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

/* Whether the table has a row of these words, whatever the blanks between them. */
static bool table_has(const char *words)
{
    for (u32 i = 0; i < out.count; i++) {
        char squeezed[200], *to = squeezed;
        for (const char *at = out.text[i]; *at && to < squeezed + 199; at++)
            if (*at != ' ' || (to != squeezed && to[-1] != ' '))
                *to++ = *at;
        *to = '\0';
        if (!out.json[i] && !strcmp(squeezed, words))
            return true;
    }
    return false;
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

/* ---- details ---- */

static u64 run_detail(u64 tsc, u64 key, u64 guest, u64 exeunt)
{
    if (statistics.timed)
        statistics_exit(&statistics, tsc, tsc + guest);
    else
        statistics_exit_untimed(&statistics);
    statistics_row(&statistics, key_row(key));
    statistics_detail(&statistics, key);
    statistics_resolve(&statistics);
    return tsc + guest + exeunt;
}

/* The lines of one row add up to it; returns how many there are. */
static u32 assert_details_add_up(const char *row_line)
{
    char row[40];
    u64 count = 0, sum = 0;
    u32 lines = 0;
    sscanf(value_of(row_line, "name"), "\"%39[^\"]", row);
    for (u32 i = 0; i < out.count; i++) {
        const char *line = out.text[i];
        if (!out.json[i] || !strstr(line, "\"detail\"") || !string_is(line, "row", row))
            continue;
        lines++;
        count += integer(line, "count");
        sum += integer(line, "sum");
        assert_int_equal(value_of(line, "sum") != NULL, statistics.timed);
    }
    if (lines) {
        assert_int_equal(count, integer(row_line, "count"));
        assert_int_equal(sum, integer(row_line, "sum"));
    }
    return lines;
}

static void each_detail_has_place_and_name(void **state)
{
    static const struct {
        u64 key;
        const char *row, *where, *name, *said;
        u64 size;
    } expected[] = {
        {.row = "IO_IN", .where = "0x3fd", .name = "COM1", .size = 1, .said = "IO_IN 0x3fd COM1, 1 byte"},
        {.row = "IO_OUT",
         .where = "0xcf8",
         .name = "PCI address",
         .size = 4,
         .said = "IO_OUT 0xcf8 PCI address, 4 bytes"},
        {.row = "IO_OUT", .where = "", .name = "several ports", .said = "IO_OUT several ports"},
        {.row = "IO_OUT",
         .where = "0x608",
         .name = "ACPI timer",
         .size = 2,
         .said = "IO_OUT 0x608 ACPI timer, 2 bytes"},
        {.row = "IO_IN", .where = "0x1234", .name = "", .size = 4, .said = "IO_IN 0x1234, 4 bytes"},
        {.row = "APIC_ACCESS", .where = "0xb0", .name = "EOI", .said = "APIC_ACCESS 0xb0 EOI"},
        {.row = "APIC_ACCESS", .where = "", .name = "several registers", .said = "APIC_ACCESS several registers"},
        {.row = "X2APIC_WRITE", .where = "0x830", .name = "ICR_LOW", .said = "X2APIC_WRITE 0x830 ICR_LOW"},
        {.row = "RDMSR", .where = "0x1b", .name = "APIC_BASE", .said = "RDMSR 0x1b APIC_BASE"},
        {.row = "WRMSR", .where = "0x12345678", .name = "", .said = "WRMSR 0x12345678"},
        {.row = "CPUID", .where = "0x80000002", .name = "brand", .said = "CPUID 0x80000002 brand"},
        {.row = "CR_ACCESS", .where = "0x4", .name = "MOV to CR4", .said = "CR_ACCESS 0x4 MOV to CR4"},
        {.row = "CR_ACCESS", .where = "0x0", .name = "CLTS", .said = "CR_ACCESS 0x0 CLTS"},
        {.row = "MOV_DR", .where = "0x7", .name = "DR7", .said = "MOV_DR 0x7 DR7"},
        {.row = "VMCALL", .where = "0x45580003", .name = "mark", .said = "VMCALL 0x45580003 mark"},
        {.row = "MMIO", .where = "0xfed00000", .name = "HPET", .said = "MMIO 0xfed00000 HPET"},
        {.row = "EPT_VIOLATION",
         .where = "",
         .name = "device memory, first touch",
         .said = "EPT_VIOLATION device memory, first touch"},
        {.row = "EPT_VIOLATION",
         .where = "",
         .name = "large page, executed",
         .said = "EPT_VIOLATION large page, executed"},
        {.row = "OWN_REGION", .where = "", .name = "write", .said = "OWN_REGION write"},
    };
    const u64 keys[] = {
        detail_key_of_io(0x3fd0008),
        detail_key_of_io(0xcf80003),
        detail_key(ROW_IO_OUT, DETAIL_SEVERAL),
        detail_key_of_io(0x6080031), /* its REP bits are nothing to a key */
        detail_key_of_io(0x1234000b),
        detail_key_of_register(0xfee000b4),
        detail_key(EXIT_REASON_APIC_ACCESS, DETAIL_SEVERAL),
        detail_key(ROW_X2APIC_WRITE, 0x830),
        detail_key(EXIT_REASON_RDMSR, 0x1b),
        detail_key(EXIT_REASON_WRMSR, 0x12345678),
        detail_key(EXIT_REASON_CPUID, 0x80000002),
        detail_key_of_cr(0x304),
        detail_key_of_cr(0x20),
        detail_key_of_dr(0x317),
        detail_key(EXIT_REASON_VMCALL, HYPERCALL_MARK),
        detail_key_of_violation(EPT_CLASS_TRAPPED, false, 0xfed000f0, 0x181),
        detail_key_of_violation(EPT_CLASS_DEVICE, false, 0xfd000000, 0x181),
        detail_key_of_violation(EPT_CLASS_RAM, false, 0x1000, 0x19c),
        detail_key_of_violation(EPT_CLASS_OWN, false, 0x1000, 0x182),
    };
    vm.guards.config.timer = 0x608;
    statistics_start(&statistics, 10, true);
    u64 tsc = 10;
    for (u32 i = 0; i < COUNT_OF(keys); i++)
        tsc = run_detail(tsc, keys[i], 5, 100 + i);
    struct report_input input = input_at(tsc);
    print_now(&input);
    for (u32 i = 0; i < COUNT_OF(expected); i++) {
        const char *found = NULL;
        char words[100];
        for (u32 n = 0; json_line("detail", n); n++)
            if (string_is(json_line("detail", n), "name", expected[i].name) &&
                string_is(json_line("detail", n), "row", expected[i].row) &&
                string_is(json_line("detail", n), "where", expected[i].where))
                found = json_line("detail", n);
        if (!found)
            fail_msg("no detail of %s %s", expected[i].row, expected[i].where);
        assert_int_equal(integer(found, "size"), expected[i].size);
        assert_int_equal(integer(found, "count"), 1);
        assert_int_equal(integer(found, "sum"), 100 + i);
        snprintf(words, sizeof(words), "1 %u %s", 100 + i, expected[i].said);
        if (!table_has(words))
            fail_msg("not in the table: %s", words);
    }
    for (u32 i = 0; json_line("exit", i); i++)
        assert_true(assert_details_add_up(json_line("exit", i)) > 0);
}

/* Whatever fits and whatever does not, with and without times. */
static void details_add_up_to_their_rows(void **state)
{
    u64 random = 88172645463325252ull;
    for (u32 round = 0; round < 20; round++) {
        u64 tsc = 1000;
        statistics_start(&statistics, tsc, round % 2);
        for (u32 i = 0; i < 3000; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            u32 kinds = 1 + (round * 7) % 100;
            u64 key = random % 5 == 0   ? detail_key_of_io(random >> 30)
                      : random % 5 == 1 ? detail_key(EXIT_REASON_CPUID, (random >> 40) % kinds)
                      : random % 5 == 2 ? detail_key((u32)(random >> 20) % ROW_EXEUNT, (random >> 40) % kinds)
                      : random % 5 == 3 ? row_key((u32)(random >> 20) % ROW_EXEUNT)
                                        : detail_key_of_register(random >> 20);
            if (!strcmp(exit_row_name(key_row(key)), "UNKNOWN")) /* several rows have that name */
                key = row_key(EXIT_REASON_HLT);
            tsc = run_detail(tsc, key, random % 100, random >> 50);
        }
        struct report_input input = input_at(tsc);
        clear(NULL);
        print_now(&input);
        u64 exits = 0;
        for (u32 i = 0; i < out.count; i++)
            if (out.json[i] && strstr(out.text[i], "\"exit\"")) {
                assert_true(assert_details_add_up(out.text[i]) <= DETAILS_OF_ROW + 1);
                exits += integer(out.text[i], "count");
            }
        assert_int_equal(exits, 3000);
        assert_int_equal(integer(json_line("summary", 0), "exits"), 3000);
        assert_null(json_line("detail", DETAILS_PRINTED + ROW_COUNT));
    }
}

/* Linux asks for 256 of them at each boot. */
static void leaves_that_nobody_has_are_one(void **state)
{
    u64 tsc = 0;
    statistics = (struct exit_statistics){.pool = statistics.pool};
    statistics_start(&statistics, tsc, true);
    for (u32 leaf = 0x40000000; leaf < 0x40010000; leaf += 0x100)
        tsc = run_detail(tsc, detail_key_of_leaf(leaf), 1, 2);
    tsc = run_detail(tsc, detail_key_of_leaf(0x80000000), 1, 2);
    struct report_input input = input_at(tsc);
    print_now(&input);
    assert_int_equal(integer(json_line("detail", 0), "count"), 256);
    assert_true(string_is(json_line("detail", 0), "where", "0x40000000"));
    assert_true(string_is(json_line("detail", 1), "where", "0x80000000"));
    assert_null(json_line("detail", 2));
}

/* A row with very many places leaves room for others. */
static void one_row_does_not_take_all_the_room(void **state)
{
    static struct exit_statistics fresh;
    statistics_start(&fresh, 0, false);
    for (u64 msr = 0; msr < 5000; msr++)
        statistics_account(&fresh, detail_key(EXIT_REASON_RDMSR, msr));
    assert_int_equal(fresh.details, DETAILS_MAX_OF_ROW + 1); /* and EXEUNT */
    u32 rows = 0;
    for (u64 port = 0; port < 64; port++)
        rows += statistics_account(&fresh, detail_key_of_io(port << 16)) != &fresh.other[ROW_IO_OUT];
    assert_true(rows > 48);
}

static void rows_of_which_no_more_is_known_have_no_details(void **state)
{
    struct report_input input = input_at(some_exits());
    print_now(&input);
    assert_null(json_line("detail", 0));
}

/* ---- exit sites ---- */

static struct sites sites;

static const u8 site_code[] = {0xec, 0x0f, 0xa2}, mov_dr_code[] = {0x0f, 0x23, 0xf8};

static const struct tc_page site_page[2] = {{.rip = 0x7c00, .gpa = {0x7c00}}, {.rip = 0x401080, .gpa = {0x33080}}};
static const struct tc_run site_run = {0, 0xc00, 3}, long_run = {0, 0, TC_SOURCE_MAX};

static struct translation *translated(u32 slot, u64 rip, u64 hits, u64 spared)
{
    sites.tc.table[slot] = (struct translation){
        .rip = rip,
        .places = &places_none,
        .hits = hits,
        .spared = spared,
        .piece_size = 100 + slot,
        .reason = EXIT_REASON_IO_INSTRUCTION,
        .expect = 0x3fd0008, /* IN from port 3FDH */
        .expect_mask = ~0ull,
        .count = 7,
        .exiting = 4,
        .length = 3,
        .code_size = CODE_64,
        .source = site_code,
        .source_length = 3,
        .at = site_page,
        .run = &site_run,
        .runs = 1,
        .exits = 5,
        .behind = 1,
        .time = hits * 3,
    };
    return &sites.tc.table[slot];
}

static struct report_input input_with_sites(void)
{
    struct report_input input = input_at(some_exits());
    memset(&sites, 0, sizeof(sites));
    memset(&vm, 0, sizeof(vm));
    vm.policy.apic_base = 0xfee00000;
    input.sites = &sites;
    input.engine = "cluster";
    return input;
}

/* The line of the table for the JSON line of a site. */
static void assert_site_in_table(const char *line)
{
    char words[300], rip[24], exit[24], where[24], why[80], stopper[24], bytes[160], translated_text[8];
    sscanf(value_of(line, "rip"), "\"0x%23[^\"]", rip);
    sscanf(value_of(line, "exit"), "\"%23[^\"]", exit);
    sscanf(value_of(line, "where"), "\"0x%23[^\"]", where);
    sscanf(value_of(line, "why"), "\"%79[^\"]", why);
    sscanf(value_of(line, "translated"), "%7[a-z]", translated_text);
    *stopper = *bytes = '\0';
    sscanf(value_of(line, "stopper"), "\"%23[^\"]", stopper);
    sscanf(value_of(line, "bytes"), "\"%159[^\"]", bytes);
    snprintf(words, sizeof(words), "%s %s %s %s/%s %s %s %s, code (%s bits) %.32s, translated: %s; %s %s",
             number(line, "count"), number(line, "avoided"), value_of(line, "sum") ? number(line, "sum") : "-",
             number(line, "exiting"), number(line, "length"), rip, exit, where, number(line, "bits"), bytes,
             translated_text, why, stopper);
    if (!table_has(words))
        fail_msg("not in the table: %s", words);
}

static void each_site_is_in_table_and_json(void **state)
{
    struct report_input input = input_with_sites();
    struct translation *eoi = translated(5, 0xffffffff81001234, 1000000, 0);
    eoi->reason = EXIT_REASON_EPT_VIOLATION;
    eoi->expect = 0xfee000b0;
    eoi->why = WHY_INSTRUCTION;
    eoi->stopper = OP_CPUID;
    struct translation *vga = translated(6, 0x7c00, 20, 60);
    vga->reason = EXIT_REASON_EPT_VIOLATION;
    vga->expect = 0xb8123;
    vga->expect_mask = PAGE_MASK;
    vga->code_size = CODE_16;
    translated(400, 0x100000, 300, 900)->why = WHY_LIMIT;
    translated(401, 0x100004, 0, 0); /* never used */
    *translated(402, TC_EMPTY, 44,
                4) = (struct translation){.rip = TC_EMPTY, .places = &places_none, .hits = 44, .code_size = CODE_64};
    sites.tc.table[403] = (struct translation){
        .rip = 0x3000,
        .places = &places_none,
        .hits = 10,
        .time = 3,
        .reason = EXIT_REASON_RDMSR, /* vmx/answers.h */
        .expect = 0x1bull << 32,
        .expect_mask = ~0xffffffffull,
        .length = 2,
    };
    sites.skip[3].site = (struct translation){
        .rip = 0x2000,
        .hits = 301,
        .reason = EXIT_REASON_MOV_DR,
        .why = WHY_GUARD,
        .count = 1,
        .exiting = 1,
        .code_size = CODE_32,
        .length = 3,
        .source_length = 3,
        .source = mov_dr_code,
    };
    input.tsc = run(input.tsc, EXIT_REASON_MOV_DR, 1,
                    10); /* the average stands for the time of what is not translated */
    print_now(&input);
    static const struct {
        const char *rip, *exit, *where, *why, *stopper, *bytes;
        u64 count, avoided, bits;
        bool translated;
    } expected[] = {
        {"0xffffffff81001234", "APIC_ACCESS", "0xfee000b0", "an instruction that cannot be carried", "CPUID", "ec0fa2",
         1000000, 0, 64, true},
        {"0x2000", "MOV_DR", "0x0", "a port or register that must be looked at first", "", "0f23f8", 301, 0, 32, false},
        {"0x100000", "IO_IN", "0x3fd", "the limit of instructions", "", "ec0fa2", 300, 900, 64, true},
        {"0x7c00", "MMIO", "0xb8000", "nothing downstream exits", "", "ec0fa2", 20, 60, 16, true},
        {"0x3000", "RDMSR", "0x1b", "answered as the last time", "", "", 10, 0, 0, true},
    };
    for (u32 i = 0; i < COUNT_OF(expected); i++) {
        const char *line = json_line("site", i);
        assert_true(string_is(line, "rip", expected[i].rip));
        assert_true(string_is(line, "exit", expected[i].exit));
        assert_true(string_is(line, "where", expected[i].where));
        assert_true(string_is(line, "why", expected[i].why));
        assert_true(string_is(line, "stopper", expected[i].stopper));
        assert_true(string_is(line, "bytes", expected[i].bytes));
        assert_int_equal(integer(line, "count"), expected[i].count);
        assert_int_equal(integer(line, "avoided"), expected[i].avoided);
        assert_int_equal(integer(line, "bits"), expected[i].bits);
        assert_int_equal(strncmp(value_of(line, "translated"), "true", 4) == 0, expected[i].translated);
        assert_site_in_table(line);
    }
    assert_null(json_line("site", COUNT_OF(expected)));
}

/* SPEC 8.2: where the code is, which of it exits. */
static void a_site_in_several_places(void **state)
{
    struct report_input input = input_with_sites();
    static const struct tc_run runs[] = {{0, 0xc00, 2}, {0, 0xc02, 3}, {1, 0x84, 4}, {0, 0xc00, 3}};
    static const u8 code[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    struct translation *site = translated(1, 0x10007c02, 9, 0);
    site->rip_offset = 0x7c02;
    site->run = runs;
    site->runs = 4;
    site->source = code;
    site->source_length = sizeof(code);
    site->exits = 1ull << 63 | 6;
    print_now(&input);
    const char *line = json_line("site", 0);
    assert_true(string_is(line, "bytes", "0102030405060708090a0b0c"));
    assert_non_null(strstr(line, ",\"runs\":[[\"0x10007c00\",5],[\"0x10401084\",4],[\"0x10007c00\",3]],"));
    assert_non_null(strstr(line, ",\"behind\":1,\"exits\":[1,2,63],"));
    assert_int_equal(integer(line, "sum"), 27);
}

/* As much as is possible of all: the line fits, and the code ends with the last run that is there. */
static void a_site_in_very_many_places(void **state)
{
    struct report_input input = input_with_sites();
    static struct tc_run runs[TC_RUNS];
    static const u8 code[TC_SOURCE_MAX];
    for (u32 length = 2; length < 11; length++) {
        for (u32 i = 0; i < TC_RUNS; i++)
            runs[i] = (struct tc_run){(u8)(i % 2), (u16)(i * 16), (u16)length};
        struct translation *site = translated(1, ~0ull - 5, ~0ull, ~0ull);
        site->run = runs;
        site->runs = TC_RUNS;
        site->source = code;
        site->exits = ~0ull;
        site->time = ~0ull;
        site->why = WHY_INSTRUCTION;
        site->stopper = OP_CPUID;
        clear(NULL);
        report_print(&input, collect, NULL);
        const char *line = json_line("site", 0), *places = value_of(line, "runs");
        u64 bytes = strspn(value_of(line, "bytes") + 1, "0"), in_runs = 0;
        assert_null(value_of(line, "error"));
        for (; *places != ']' || places[1] != ']'; places++)
            if (*places == ',' && places[1] != '[')
                in_runs += strtoull(places + 1, NULL, 10);
        assert_int_equal(bytes, 2 * in_runs);
        assert_true(in_runs == REPORT_SITE_BYTES || in_runs == (u64)REPORT_SITE_RUNS * length);
    }
}

static void the_most_used_sites_are_printed(void **state)
{
    struct report_input input = input_with_sites();
    for (u32 i = 0; i < TRANSLATIONS; i++)
        translated(i, i, 1 + i * 7 % TRANSLATIONS, 2); /* each number up to TRANSLATIONS once */
    for (u32 i = 0; i < SITE_SKIPS; i++)
        sites.skip[i].site = (struct translation){.rip = i, .hits = i * 10 + 5};
    static const u8 long_source[TC_SOURCE_MAX];
    sites.tc.table[9].source = long_source;
    sites.tc.table[9].source_length = TC_SOURCE_MAX;
    sites.tc.table[9].run = &long_run;
    sites.tc.table[9].hits = ~0ull;
    sites.tc.table[9].time = ~0ull;
    print_now(&input);
    u64 before = ~0ull;
    for (u32 i = 0; i < REPORT_SITES; i++) {
        u64 count = integer(json_line("site", i), "count");
        assert_true(i ? count < before : count == before);
        assert_true(count > TRANSLATIONS - 20);
        before = count;
        assert_site_in_table(json_line("site", i));
    }
    assert_null(json_line("site", REPORT_SITES));
    assert_int_equal(strspn(value_of(json_line("site", 0), "bytes") + 1, "0123456789abcdef"), 2 * REPORT_SITE_BYTES);
}

static void the_translations_as_a_whole(void **state)
{
    struct cache_figures cache = {.hits = 5};
    struct report_input input = input_with_sites();
    input.cache = &cache;
    translated(0, 0x1000, 1, 1);
    translated(1, 0x2000, 0, 0);
    sites.tc.counts = (struct translations_counts){.made = 10, .lost_to_ring = 3, .lost_to_table = 2, .stale = 1};
    sites.tracker.leaked = 30;
    sites.tracker.forced = 20;
    input.rests = 7;
    sites.refused[WHY_CALL] = 8;
    sites.refused[WHY_GUARD] = 9;
    print_now(&input);
    static const struct {
        const char *name;
        u64 value;
    } expected[] = {
        {"translations", 2},
        {"code_bytes", 201},
        {"code_room", TC_CODE},
        {"translations_made", 10},
        {"lost_to_ring", 3},
        {"lost_to_table", 2},
        {"stale", 1},
        {"leaked", 30},
        {"forced", 20},
        {"rests", 7},
        {"hits", 5},
    };
    const char *line = json_line("cache", 0);
    for (u32 i = 0; i < COUNT_OF(expected); i++)
        assert_int_equal(integer(line, expected[i].name), expected[i].value);
    char words[200];
    format(words, sizeof(words),
           "translations: 2 with 201 of %u bytes, 10 made, 3 lost to the ring, 2 to the table, 1 stale; "
           "30 sites leaked, 20 forced; nothing looked up 7 times",
           TC_CODE);
    assert_true(table_has(words));
    assert_int_equal(integer(json_line("refused", 0), "count"), 8);
    assert_true(string_is(json_line("refused", 0), "why", "call, return or computed jump"));
    assert_true(string_is(json_line("refused", 1), "why", "a port or register that must be looked at first"));
    assert_null(json_line("refused", 2));
    assert_true(table_has("8 times not translated: call, return or computed jump"));
    clear(NULL);
    input.sites = NULL;
    report_print(&input, collect, NULL);
    assert_null(value_of(json_line("cache", 0), "translations"));
    assert_null(json_line("site", 0));
    assert_null(json_line("refused", 0));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, clear)

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
        TEST(each_detail_has_place_and_name),
        TEST(details_add_up_to_their_rows),
        TEST(leaves_that_nobody_has_are_one),
        TEST(one_row_does_not_take_all_the_room),
        TEST(rows_of_which_no_more_is_known_have_no_details),
        TEST(each_site_is_in_table_and_json),
        TEST(a_site_in_several_places),
        TEST(a_site_in_very_many_places),
        TEST(the_most_used_sites_are_printed),
        TEST(the_translations_as_a_whole),
        TEST(counters_of_all_rooms_are_one_list),
        TEST(all_counters_fit_one_line),
        TEST(marks_are_printed_once),
        TEST(each_mark_has_the_rows_of_its_phase),
        TEST(a_phase_without_room_changes_nothing),
        TEST(the_boot_line),
        TEST(each_exit_has_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
