/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report that is printed from known figures; its JSON lines are parsed again, to be compared with its table and the
 * figures.
 */
#ifndef TEST_UNIT_PRINTED_REPORT_H
#define TEST_UNIT_PRINTED_REPORT_H

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

static inline void collect(void *context, bool json, const char *line)
{
    assert_true(out.count < LINES);
    assert_null(strchr(line, '\n'));
    out.text[out.count] = strdup(line);
    out.json[out.count++] = json;
}

static inline int clear(void **state)
{
    for (u32 i = 0; i < out.count; i++)
        free(out.text[i]);
    out.count = 0;
    return 0;
}

/* ---- a JSON reader, strict, for one flat object with strings, numbers, booleans and lists ---- */

static inline const char *skip_string(const char *at)
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

static inline const char *skip_value(const char *at)
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
static inline const char *value_of(const char *line, const char *name)
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

static inline bool string_is(const char *line, const char *name, const char *expected)
{
    const char *at = value_of(line, name);
    return at && *at == '"' && !strncmp(at + 1, expected, strlen(expected)) && at[1 + strlen(expected)] == '"';
}

/* The text of a number (or "" where there is none). */
static inline const char *number(const char *line, const char *name)
{
    static char text[8][48];
    static u32 next;
    const char *at = value_of(line, name);
    char *copy = text[next++ % 8];
    snprintf(copy, 48, "%.*s", at ? (int)strspn(at, "0123456789.") : 0, at ? at : "");
    return copy;
}

static inline u64 integer(const char *line, const char *name)
{
    return strtoull(number(line, name), NULL, 10);
}

/* The n-th JSON line of a type; NULL: there are fewer. */
static inline const char *json_line(const char *type, u32 n)
{
    for (u32 i = 0; i < out.count; i++)
        if (out.json[i] && string_is(out.text[i], "type", type) && !n--)
            return out.text[i];
    return NULL;
}

/* Whether the table has a row of these words, whatever the blanks between them. */
static inline bool table_has(const char *words)
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

/* ---- the figures ---- */

static struct exit_statistics statistics;
static struct ept_counts ept;
static struct page_pool pool;
static struct counters counted;
static struct device_counts devices;
static struct marks marks;
static struct vm vm;

/* Exits as (row, time in the guest before it, time in Exeunt). */
static inline u64 run(u64 tsc, u32 row, u64 guest, u64 exeunt)
{
    statistics_exit(&statistics, tsc, tsc + guest);
    statistics_row(&statistics, row);
    statistics_resolve(&statistics);
    return tsc + guest + exeunt;
}

static inline u64 some_exits(void)
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

static inline struct report_input input_at(u64 tsc)
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

static inline int setup(void **state)
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

static inline void print_now(struct report_input *input)
{
    statistics_close(&statistics, input->tsc);
    statistics_settle(&statistics);
    report_print(input, collect, NULL);
}

/* An exit with a detail; statistics may be without times. */
static inline u64 run_detail(u64 tsc, u64 key, u64 guest, u64 exeunt)
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, clear)

#endif
