/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What exeunt-report prints, compared with test/data/report/ (made anew by the argument `write`: look at the
 * difference), and what has to hold for every log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include "test/unit/report_fixture.h"

#include <cmocka.h>

static bool writing; /* the stored outputs, instead of comparing with them */

static void check_stored(const char *name, const struct text *out)
{
    char path[128];
    struct text stored = {0};
    snprintf(path, sizeof(path), DATA "%s", name);
    if (writing) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fwrite(out->data, 1, out->used, file);
        fclose(file);
    }
    slurp(&stored, path);
    if (stored.used != out->used || memcmp(stored.data, out->data, out->used) != 0) {
        FILE *file = fopen("build/report.differs", "wb");
        if (file) {
            fwrite(out->data, 1, out->used, file);
            fclose(file);
        }
        fail_msg("diff %s build/report.differs", path);
    }
    text_free(&stored);
}

static void check_outputs(const char *log, const char *name, u32 width)
{
    struct reading r;
    struct text out = {0};
    char path[64];
    read_stored(&r, log);
    assert_int_equal(r.log.problem_count, 0);
    terminal_write(&out, &r.view, &(struct terminal){.width = width});
    snprintf(path, sizeof(path), "%s.txt", name);
    check_stored(path, &out);
    text_free(&out);
    csv_write(&out, &r.view);
    snprintf(path, sizeof(path), "%s.csv", name);
    check_stored(path, &out);
    text_free(&out);
    collapsed_write(&out, &r.view);
    snprintf(path, sizeof(path), "%s.collapsed", name);
    check_stored(path, &out);
    text_free(&out);
    json_document(&out, &r.view);
    snprintf(path, sizeof(path), "%s.json", name);
    check_stored(path, &out);
    text_free(&out);
    done(&r);
}

static void stored_outputs(void **state)
{
    check_outputs("linux.log", "linux", 110);
    check_outputs("bench.log", "bench", 80);
}

static void stored_difference(void **state)
{
    struct reading before, after;
    struct text out = {0};
    read_stored(&before, "linux.log");
    read_stored(&after, "quiet.log");
    diff_write(&out, &before.view, &after.view, &plain);
    check_stored("linux-quiet.diff", &out);
    text_free(&out);
    diff_csv(&out, &before.view, &after.view);
    check_stored("linux-quiet.csv", &out);
    text_free(&out);
    diff_json(&out, &before.view, &after.view);
    check_stored("linux-quiet.json", &out);
    text_free(&out);
    done(&before);
    done(&after);
}

/* ---- tables ---- */

/* Only code, the title and the names of figures are never cut. */
static void tables_fit_their_width(void **state)
{
    struct reading r;
    read_text(&r, SUMMARY ROWS CACHE COUNTS);
    for (u32 width = 60; width <= 140; width += 10) {
        struct text out = {0};
        terminal_write(&out, &r.view, &(struct terminal){.width = width});
        assert_true(widest_line(text_string(&out)) <= width);
        assert_non_null(strstr(text_string(&out), "IO_IN"));
        text_free(&out);
    }
    done(&r);
}

static const char *show(struct text *out, const struct reading *r, const char *sort, const char *filter, u32 top)
{
    struct view view = r->view;
    view.filter = filter;
    view.top = top;
    text_free(out);
    terminal_write(out, &view, &(struct terminal){.sort = sort});
    return text_string(out);
}

static void rows_are_sorted_chosen_and_cut(void **state)
{
    struct reading r;
    struct text out = {0};
    read_stored(&r, "linux.log");
    const char *text = show(&out, &r, "count", NULL, 0);
    assert_true(strstr(text, "\n  IO_IN") < strstr(text, "\n  IO_OUT"));
    assert_true(strstr(text, "\n  XSETBV") < strstr(text, "\n  TIMEINGUEST"));
    text = show(&out, &r, "type", NULL, 0);
    assert_true(strstr(text, "\n  APIC_ACCESS") < strstr(text, "\n  CODE_WRITE"));
    text = show(&out, &r, NULL, "CPUID", 0);
    assert_non_null(strstr(text, "\n  CPUID"));
    assert_null(strstr(text, "IO_OUT"));
    text = show(&out, &r, NULL, NULL, 2);
    assert_non_null(strstr(text, "and 12 more rows"));
    assert_non_null(strstr(text, "and 14 more sites"));
    text_free(&out);
    done(&r);
    assert_true(terminal_can_sort("stddev"));
    assert_false(terminal_can_sort("colour"));
}

#define SPREAD                                                                                                         \
    J "{\"type\":\"exit\",\"name\":\"IO_IN\",\"count\":10,\"min\":5,\"max\":100,\"sum\":250,\"avg\":25.0000,"          \
      "\"stddev\":1.5000,\"pct\":25.00,\"p50\":17,\"p90\":81,\"p99\":99,\"avoided\":3,\"hits\":9}\n"

/* What only newer logs say has its place, and takes none in the output of older ones. */
static void percentiles_details_and_rows_of_phases(void **state)
{
    static const char log[] = SUMMARY SPREAD J
        "{\"type\":\"exit\",\"name\":\"CPUID\",\"count\":2,\"min\":20,\"max\":30,\"sum\":50}\n" J
        "{\"type\":\"time\",\"name\":\"TIMEINGUEST\",\"count\":12,\"min\":1,\"max\":99,\"sum\":700}\n" DETAILS CACHE
            COUNTS J
        "{\"type\":\"mark\",\"number\":1,\"name\":\"disk\",\"exits\":4,\"tsc_vmm\":70,\"tsc_guest\":30}\n" PHASE_ROW(
            "1", "IO_IN", "4", "70") PHASE_ROW("1", "TIMEINGUEST", "4", "30");
    struct reading r;
    struct text out = {0};
    read_text(&r, log);
    assert_null(r.view.report->incomplete);
    assert_int_equal(r.log.problem_count, 0);
    const char *text = show(&out, &r, "p90", NULL, 0);
    assert_non_null(strstr(text, "min  p50  p90  p99  max"));
    assert_non_null(strstr(text, "5   17   81   99  100"));
    assert_non_null(strstr(text, "  IO_IN  3fd    COM1 line status      1      7      70.00    200    28\n"));
    assert_non_null(strstr(text, "  IO_IN  -      several ports         1      3      30.00     50    16\n"));
    assert_non_null(strstr(text, "Exits of each phase by type\n  phase  IO_IN  CPUID\n  start      4      0\n"
                                 "  disk       6      2\n"));
    assert_non_null(strstr(text, "Ticks of these exits\n  phase  IO_IN  CPUID\n  start     70      0\n"));
    text = show(&out, &r, NULL, NULL, 1);
    assert_non_null(strstr(text, "COM1 line status"));
    assert_null(strstr(text, "several ports"));
    text = show(&out, &r, NULL, "CPUID", 0);
    assert_null(strstr(text, "Ports, registers"));
    text_free(&out);
    csv_write(&out, &r.view);
    text = text_string(&out);
    assert_non_null(strstr(text, "\r\ndetail,1,where,0x3fd\r\n"));
    assert_non_null(strstr(text, "\r\ndetail,2,place,several ports\r\n"));
    assert_non_null(strstr(text, "\r\nphase_row,1 IO_IN,sum,70\r\n"));
    assert_non_null(strstr(text, "\r\nphase_row,2 CPUID,count,2\r\n"));
    text_free(&out);
    json_document(&out, &r.view);
    text = text_string(&out);
    assert_non_null(strstr(text, "\"place\":\"COM1 line status\"}"));
    assert_non_null(strstr(text, "\"rows\":[{\"name\":\"IO_IN\",\"count\":4,\"sum\":70,\"avoided\":0,\"hits\":0}"));
    text_free(&out);
    html_write(&out, &r.view);
    text = text_string(&out);
    assert_non_null(strstr(text, "<th scope=col class=n>p99"));
    assert_non_null(strstr(text, "<line class=most"));
    assert_non_null(strstr(text, "3fd COM1 line status, 1 byte"));
    assert_non_null(strstr(text, "Ticks in exits, by type"));
    text_free(&out);
    done(&r);
    read_text(&r, REPORT);
    html_write(&out, &r.view);
    assert_null(strstr(text_string(&out), "p99"));
    assert_null(strstr(text_string(&out), "<line class=most"));
    assert_null(strstr(text_string(&out), "id=details"));
    text_free(&out);
    done(&r);
}

static void percents_are_rounded(void **state)
{
    static const struct {
        u64 part, whole;
        const char *text;
    } cases[] = {{0, 7, "0.00"},  {1, 3, "33.33"},          {2, 3, "66.67"},
                 {1, 8, "12.50"}, {1, 20000, "0.01"},       {9, 9, "100.00"},
                 {3, 0, "-"},     {~0ull, ~0ull, "100.00"}, {~0ull / 2, ~0ull, "50.00"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct text text = {0};
        percent(&text, cases[i].part, cases[i].whole);
        assert_string_equal(text_string(&text), cases[i].text);
        text_free(&text);
    }
}

/* ---- collapsed stacks ---- */

/* The weights of all lines with `;row;`. */
static u64 weight_of(const char *lines, const char *row)
{
    char middle[64];
    u64 sum = 0;
    snprintf(middle, sizeof(middle), ";%s;", row);
    while (*lines) {
        size_t size = strcspn(lines, "\n");
        char line[512] = "";
        memcpy(line, lines, size < sizeof(line) ? size : sizeof(line) - 1);
        if (strstr(line, middle))
            sum += strtoull(strrchr(line, ' ') + 1, NULL, 10);
        lines += size + (lines[size] == '\n');
    }
    return sum;
}

static void stacks_add_up(void **state)
{
    static const char *const logs[] = {"linux.log", "bench.log", "quiet.log"};
    for (size_t i = 0; i < sizeof(logs) / sizeof(*logs); i++) {
        struct reading r;
        struct text out = {0};
        u64 all = 0;
        read_stored(&r, logs[i]);
        collapsed_write(&out, &r.view);
        for (u32 k = 0; k + 1 < r.view.report->row_count; k++) {
            const struct row *row = &r.view.report->rows[k];
            assert_int_equal(weight_of(text_string(&out), row->name), row->sum);
            all += row->sum;
        }
        assert_int_equal(all, r.view.report->at.tsc_vmm);
        assert_int_equal(weight_of(text_string(&out), "TIMEINGUEST"), 0);
        text_free(&out);
        done(&r);
    }
}

static void stacks_share_by_exits(void **state)
{
    struct reading r;
    struct text out = {0};
    read_text(&r, SUMMARY ROWS CACHE SITE("4", "0x1000") SITE("3", "0x2000") COUNTS);
    collapsed_write(&out, &r.view);
    /* 250 ticks of 10 exits */
    assert_string_equal(text_string(&out), "start;IO_IN;0x1000 60 keyboard controller data 100\n"
                                           "start;IO_IN;0x2000 60 keyboard controller data 75\n"
                                           "start;IO_IN;(other) 75\n"
                                           "start;CPUID;(other) 50\n");
    text_free(&out);
    done(&r);
}

#define TIMED_SITE(count, sum, rip)                                                                                    \
    J "{\"type\":\"site\",\"count\":" count ",\"sum\":" sum ",\"rip\":\"" rip                                          \
      "\",\"exit\":\"IO_IN\",\"where\":\"0x60\",\"bits\":32,\"bytes\":\"e460\",\"translated\":true}\n"

/* Ticks that the log has are taken as they are; what they leave is shared by exits. */
static void stacks_have_the_ticks_of_sites(void **state)
{
    struct reading r;
    struct text out = {0};
    read_text(&r, SUMMARY ROWS CACHE SITE("4", "0x1000") TIMED_SITE("3", "200", "0x2000") COUNTS);
    assert_true(sites_by_time(r.view.report));
    collapsed_write(&out, &r.view);
    assert_string_equal(text_string(&out), "start;IO_IN;0x2000 60 keyboard controller data 200\n"
                                           "start;IO_IN;0x1000 60 keyboard controller data 50\n"
                                           "start;CPUID;(other) 50\n");
    text_free(&out);
    done(&r);
}

static void without_times_exits_are_weights(void **state)
{
    struct reading r;
    struct text out = {0};
    read_text(&r, UNTIMED);
    assert_null(r.view.report->incomplete);
    collapsed_write(&out, &r.view);
    assert_string_equal(text_string(&out), "start;CPUID;(other) 3\n");
    text_free(&out);
    terminal_write(&out, &r.view, &plain);
    assert_non_null(strstr(text_string(&out), "timing=off"));
    text_free(&out);
    html_write(&out, &r.view);
    assert_null(strstr(text_string(&out), "Where the time went"));
    text_free(&out);
    done(&r);
}

/* ---- untrusted text ---- */

#define EVIL "<script>alert(1)</script>&\\\"';\\u001b[2J\\u009b,\\u000a=cmd"
#define EVIL_LOG                                                                                                       \
    J "{\"type\":\"boot\",\"cpu\":\"" EVIL "\",\"guest\":\"" EVIL "\",\"features\":[\"" EVIL "\"]}\n" J                \
      "{\"type\":\"summary\",\"exits\":1,\"avoided\":0,\"tsc_total\":3,\"tsc_guest\":1,\"tsc_vmm\":2,"                 \
      "\"engine\":\"" EVIL "\",\"timing\":true}\n" J "{\"type\":\"exit\",\"name\":\"" EVIL                             \
      "\",\"count\":1,\"min\":2,\"max\":2,\"sum\":2}\n" J                                                              \
      "{\"type\":\"time\",\"name\":\"TIMEINGUEST\",\"count\":1,\"min\":1,\"max\":1,\"sum\":1}\n" CACHE J               \
      "{\"type\":\"site\",\"count\":1,\"exit\":\"" EVIL "\",\"rip\":\"0x1\",\"where\":\"0x2\",\"bits\":32,"            \
      "\"bytes\":\"" EVIL "\",\"why\":\"" EVIL "\",\"stopper\":\"" EVIL "\"}\n" J                                      \
      "{\"type\":\"refused\",\"count\":1,\"why\":\"" EVIL "\"}\n" J "{\"type\":\"counts\",\"" EVIL "\":1}\n" J         \
      "{\"type\":\"mark\",\"number\":1,\"name\":\"" EVIL "\",\"exits\":1}\n" J "{\"type\":\"end\",\"cause\":\"" EVIL   \
      "\"}\n" J "{\"type\":\"" EVIL "\"}\n"

static void check_no_controls(const struct text *out)
{
    for (size_t i = 0; i < out->used; i++) {
        u8 byte = (u8)out->data[i];
        assert_true((byte >= 0x20 && byte != 0x7f) || byte == '\n');
        assert_false(byte == 0xc2 && (u8)out->data[i + 1] < 0xa0);
    }
}

static void logs_do_not_get_out_of_the_text(void **state)
{
    struct reading r;
    struct text out = {0};
    read_text(&r, EVIL_LOG);
    assert_non_null(r.view.report);
    assert_int_equal(r.log.problem_count, 1);
    terminal_write(&out, &r.view, &plain);
    check_no_controls(&out);
    text_free(&out);
    diff_write(&out, &r.view, &r.view, &plain);
    check_no_controls(&out);
    text_free(&out);
    collapsed_write(&out, &r.view);
    check_no_controls(&out);
    assert_int_equal(times(text_string(&out), "\n"), 1);
    assert_int_equal(times(text_string(&out), ";"), 2);
    text_free(&out);
    diff_html(&out, &r.view, &r.view);
    check_no_controls(&out);
    assert_int_equal(times(text_string(&out), "<script>"), 1);
    text_free(&out);
    diff_json(&out, &r.view, &r.view);
    check_no_controls(&out);
    text_free(&out);
    html_write(&out, &r.view);
    check_no_controls(&out);
    assert_int_equal(times(text_string(&out), "<script>"), 1);
    assert_true(times(text_string(&out), "&#60;script&#62;") >= 8);
    text_free(&out);
    json_document(&out, &r.view);
    check_no_controls(&out);
    text_free(&out);
    done(&r);
}

static void the_page_needs_nothing_else(void **state)
{
    static const char *const never[] = {"http:", "https:", "src=", "@import", "<link", "<img", "<iframe", " on"};
    struct reading r;
    struct text out = {0};
    read_stored(&r, "linux.log");
    html_write(&out, &r.view);
    const char *page = text_string(&out), *script = strstr(page, "<script>");
    for (size_t i = 0; i + 1 < sizeof(never) / sizeof(*never); i++)
        assert_null(strstr(page, never[i]));
    assert_int_equal(times(page, "url("), times(page, "url(#hatch)"));
    assert_non_null(strstr(page, "script-src 'sha256-"));
    assert_non_null(script);
    assert_int_equal(times(page, "<article"), r.view.report->site_count);
    /* Every digit of a row as the log has it, but for commas. */
    assert_non_null(strstr(page, "<td class=n data-v=\"27776039\">27,776,039"));
    assert_non_null(strstr(page, "862.6099"));
    text_free(&out);
    done(&r);
}

/* The document is JSON: it can be read again, and has each line of the report. */
static void the_document_is_json(void **state)
{
    struct reading r;
    struct text out = {0};
    struct arena arena = {0};
    struct json_end end;
    u64 count = 0;
    read_stored(&r, "linux.log");
    json_document(&out, &r.view);
    const struct json_value *document = json_read(&arena, out.data, out.used, &end);
    assert_non_null(document);
    assert_int_equal(end.at + 1, out.used); /* and a line break */
    const struct json_value *exits = json_member(document, "exits");
    for (const struct json_value *at = exits->first; at; at = at->next) {
        u64 one;
        assert_true(json_member_whole(json_member(at, "log"), "count", &one));
        count += one;
    }
    assert_int_equal(count, r.view.report->at.exits);
    assert_non_null(json_member(json_member(document, "sites")->first, "instructions")->first);
    arena_free(&arena);
    text_free(&out);
    done(&r);
}

/* Every number in the CSV's lines of rows stands in the log. */
static void cells_are_quoted(void **state)
{
    struct reading r;
    struct text out = {0};
    read_text(&r, J "{\"type\":\"boot\",\"cpu\":\"a,b\\\"c\",\"features\":[\"x\",\"y\"],\"smp\":false}\n" REPORT);
    csv_write(&out, &r.view);
    assert_non_null(strstr(text_string(&out), "\r\nboot,,cpu,\"a,b\"\"c\"\r\n"));
    assert_non_null(strstr(text_string(&out), "\r\nboot,,features,x; y\r\n"));
    assert_non_null(strstr(text_string(&out), "\r\nboot,,smp,false\r\n"));
    assert_non_null(strstr(text_string(&out), "\r\nexit,IO_IN,avg,25.0000\r\n"));
    assert_non_null(strstr(text_string(&out), "\r\nsite,1,place,keyboard controller data\r\n"));
    text_free(&out);
    done(&r);
}

int main(int count, char **words)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_outputs),
        cmocka_unit_test(stored_difference),
        cmocka_unit_test(tables_fit_their_width),
        cmocka_unit_test(rows_are_sorted_chosen_and_cut),
        cmocka_unit_test(percentiles_details_and_rows_of_phases),
        cmocka_unit_test(percents_are_rounded),
        cmocka_unit_test(stacks_add_up),
        cmocka_unit_test(stacks_share_by_exits),
        cmocka_unit_test(stacks_have_the_ticks_of_sites),
        cmocka_unit_test(without_times_exits_are_weights),
        cmocka_unit_test(logs_do_not_get_out_of_the_text),
        cmocka_unit_test(the_page_needs_nothing_else),
        cmocka_unit_test(the_document_is_json),
        cmocka_unit_test(cells_are_quoted),
    };
    writing = count > 1 && !strcmp(words[1], "write");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
