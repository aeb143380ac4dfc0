/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What exeunt-report prints, compared with test/data/report/ (made anew by the argument `write`: look at the
 * difference), and what has to hold for every log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include "host/advice.h"
#include "host/difference.h"
#include "host/disassembly.h"
#include "host/names.h"
#include "host/options.h"
#include "host/phases.h"
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

static const struct terminal plain = {.width = 0};

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

static size_t widest_line(const char *text)
{
    size_t widest = 0;
    while (*text) {
        size_t size = strcspn(text, "\n");
        widest = size > widest ? size : widest;
        text += size + (text[size] == '\n');
    }
    return widest;
}

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

#define UNTIMED                                                                                                        \
    J "{\"type\":\"summary\",\"exits\":3,\"avoided\":0,\"engine\":\"interp\",\"timing\":false}\n" J                    \
      "{\"type\":\"exit\",\"name\":\"CPUID\",\"count\":3,\"avoided\":0,\"hits\":0}\n" J                                \
      "{\"type\":\"time\",\"name\":\"TIMEINGUEST\",\"count\":3}\n" CACHE COUNTS

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

/* ---- code ---- */

static void check_code(const char *exit, u64 where, u64 bits, u64 exiting, u64 length, const char *bytes,
                       const char *extra, const char *expected)
{
    struct reading r;
    struct disassembly d;
    struct text text = {0}, seen = {0};
    text_format(&text,
                SUMMARY J
                "{\"type\":\"site\",\"count\":1,\"rip\":\"0x1010\",\"exit\":\"%s\",\"where\":\"0x%lx\",\"bits\":%lu,"
                "\"exiting\":%lu,\"length\":%lu,\"bytes\":\"%s\"%s}\n",
                exit, where, bits, exiting, length, bytes, extra);
    read_text(&r, text_string(&text));
    disassemble(&d, &r.view.report->sites[0]);
    for (u32 i = 0; i < d.count; i++)
        text_format(&seen, "%s%s%lx %s%s|", d.at[i].elsewhere ? ":" : "", d.at[i].entry ? ">" : "", d.at[i].address,
                    d.at[i].text,
                    d.at[i].exits == EXITS_YES     ? " !"
                    : d.at[i].exits == EXITS_MAYBE ? " ?"
                                                   : "");
    if (d.missing)
        text_format(&seen, "%u more", d.missing);
    assert_string_equal(text_string(&seen), expected);
    text_free(&seen);
    text_free(&text);
    done(&r);
}

static void code_of_all_sizes(void **state)
{
    check_code("IO_IN", 0x60, 64, 1, 1, "e460", "", ">1010 in al, 0x60 !|");
    check_code("IO_IN", 0x60, 16, 1, 1, "66ed", "", ">1010 in eax, dx !|");
    check_code("IO_IN", 0x60, 32, 1, 1, "66ed", "", ">1010 in ax, dx !|");
    check_code("APIC_ACCESS", 0xfee000b0, 64, 1, 1, "89b700d05fff", "", ">1010 mov [rdi-0xA03000], esi !|");
    check_code("CPUID", 1, 0, 0, 0, "", "", "");
    check_code("IO_IN", 0x60, 64, 1, 1, "xx", "", "");
    check_code("IO_IN", 0x60, 64, 1, 1, "e46", "", "");
    check_code("IO_IN", 0x60, 8, 1, 1, "e460", "", "");
    check_code("IO_IN", 0x60, 64, 1, 1, "06", "", ">1010 (no instruction) !|");
}

static void which_instructions_exit(void **state)
{
    check_code("IO_OUT", 0x80, 32, 4, 4, "e680e680e680e480", "",
               ">1010 out 0x80, al !|1012 out 0x80, al !|1014 out 0x80, al !|1016 in al, 0x80 !|");
    /* One of the two accesses to memory beside the port. */
    check_code("IO_OUT", 0x80, 64, 2, 3, "e68089078907", "",
               ">1010 out 0x80, al !|1012 mov [rdi], eax ?|1014 mov [rdi], eax ?|");
    check_code("IO_OUT", 0x80, 64, 3, 3, "e68089078907", "",
               ">1010 out 0x80, al !|1012 mov [rdi], eax !|1014 mov [rdi], eax !|");
    check_code("IO_OUT", 0x80, 64, 1, 2, "e6808907", "", ">1010 out 0x80, al !|1012 mov [rdi], eax|");
    check_code("IO_OUT", 0x80, 64, 1, 2, "e680e661", "", ">1010 out 0x80, al !|1012 out 0x61, al ?|");
    check_code("IO_OUT", 0x80, 64, 1, 9, "e680", "", ">1010 out 0x80, al !|8 more");
}

/* Before RIP there is code only where a jump leads back to it. */
static void where_rip_is(void **state)
{
    check_code("IO_IN", 0x61, 64, 1, 3, "83e901e46175f9", "",
               "100d sub ecx, 0x01|>1010 in al, 0x61 !|1012 jnz 0x100D|");
    /* Two that it could be; then the log says which. */
    check_code("IO_IN", 0x61, 64, 2, 4, "ec9083e9ece46175f7", "",
               "0 in al, dx !|1 nop|2 sub ecx, 0xFFFFFFEC|5 in al, 0x61 !|7 jnz -0x07|");
    check_code("IO_IN", 0x61, 64, 2, 4, "ec9083e9ece46175f7", ",\"behind\":5",
               "100b in al, dx !|100c nop|100d sub ecx, 0xFFFFFFEC|>1010 in al, 0x61 !|1012 jnz 0x100B|");
    /* The other one has another port. */
    check_code("IO_IN", 0x61, 64, 2, 3, "e460e46175fa", "", "100e in al, 0x60 !|>1010 in al, 0x61 !|1012 jnz 0x100E|");
}

/* The path of a trace: a call, its function, back behind the call. The line says where each piece is, and what exits.
 */
static void code_in_several_places(void **state)
{
    static const char runs[] = ",\"behind\":0,\"exits\":[0,3],\"runs\":[[\"0x1010\",6],[\"0x2000\",3],[\"0x1016\",2]]";
    check_code("IO_IN", 0, 64, 2, 5, "ece8ea0f0000e680c3ebf8", runs,
               ">1010 in al, dx !|1011 call 0x2000|:2000 out 0x80, al|2002 ret !|:1016 jmp 0x1010|");
    /* As far as the bytes go, and not across the end of a piece. */
    check_code("IO_IN", 0, 64, 1, 9, "ece8ea0f", ",\"behind\":0,\"runs\":[[\"0x1010\",2],[\"0x2000\",70]]",
               ">1010 in al, dx !|1011 (no instruction)|:2000 (no instruction)|6 more");
    /* Not what docs/REPORT.md says: as if it were not there. */
    static const char *const bad[] = {
        "7", "[7]", "[[\"0x1\"]]", "[[1,2]]", "[[\"0x1\",0]]", "[[\"zz\",2]]", "[[\"0x1z\",2]]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char extra[64];
        snprintf(extra, sizeof(extra), ",\"runs\":%s", bad[i]);
        check_code("IO_IN", 0x60, 64, 1, 1, "e460", extra, ">1010 in al, 0x60 !|");
    }
}

/* An instruction that the limit of 64 bytes cuts is left out. */
static void code_beyond_the_line(void **state)
{
    char bytes[129], expected[2000] = ">1010 in al, 0x60 !|";
    strcpy(bytes, "e460");
    for (int i = 2; i < 60; i++)
        strcat(bytes, "90");
    strcat(bytes, "48c7c001");
    for (int i = 2; i < 60; i++)
        snprintf(expected + strlen(expected), 20, "%x nop|", 0x1010 + i);
    strcat(expected, "1 more");
    check_code("IO_IN", 0x60, 64, 1, 60, bytes, "", expected);
}

static void names_of_places(void **state)
{
    static const struct {
        const char *exit;
        u64 where;
        const char *name;
    } cases[] = {{"IO_IN", 0x3fd, "COM1 line status"},
                 {"IO_OUT", 0x2f8, "COM2 data"},
                 {"IO_OUT", 0xcf9, "reset control"},
                 {"IO_IN", 0x376, "IDE channel 2 control"},
                 {"IO_IN", 0x9000, ""},
                 {"APIC_ACCESS", 0xfee000b0, "LAPIC EOI"},
                 {"X2APIC_WRITE", 0x80b, "LAPIC EOI"},
                 {"X2APIC_WRITE", 0x830, "LAPIC ICR low"},
                 {"RDMSR", 0x1b, "IA32_APIC_BASE"},
                 {"CPUID", 0x400000004, "leaf 4, subleaf 4"},
                 {"HLT", 0x20, ""}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct text text = {0};
        name_place(&text, cases[i].exit, cases[i].where);
        assert_string_equal(text_string(&text), cases[i].name);
        text_free(&text);
    }
    assert_string_equal(name_counter("mtrr_rebuilds"), "EPT rebuilds for MTRR writes");
    assert_string_equal(name_counter("new_one"), "new_one");
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

static u32 times(const char *text, const char *what)
{
    u32 count = 0;
    for (; (text = strstr(text, what)) != NULL; text++)
        count++;
    return count;
}

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

/* A run of `exits` exits and so many ticks; the phase "disk" has 4 of the exits, and the ticks beyond 1000. */
static void read_run(struct reading *r, const char *options, u64 exits, u64 ticks)
{
    struct text text = {0};
    text_format(&text,
                J
                "{\"type\":\"boot\",\"options\":\"%s\"}\n" J
                "{\"type\":\"summary\",\"exits\":%lu,\"avoided\":0,\"tsc_total\":%lu,\"tsc_guest\":%lu,"
                "\"tsc_vmm\":300,\"timing\":true}\n" J
                "{\"type\":\"mark\",\"number\":1,\"name\":\"disk\",\"exits\":%lu,\"tsc_vmm\":100,\"tsc_guest\":900}\n",
                options, exits, ticks, ticks - 300, exits - 4);
    read_text(r, text_string(&text));
    text_free(&text);
}

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
        cmocka_unit_test(code_of_all_sizes),
        cmocka_unit_test(which_instructions_exit),
        cmocka_unit_test(where_rip_is),
        cmocka_unit_test(code_in_several_places),
        cmocka_unit_test(code_beyond_the_line),
        cmocka_unit_test(names_of_places),
        cmocka_unit_test(logs_do_not_get_out_of_the_text),
        cmocka_unit_test(the_page_needs_nothing_else),
        cmocka_unit_test(the_document_is_json),
        cmocka_unit_test(cells_are_quoted),
        cmocka_unit_test(sites_pair_across_boots),
        cmocka_unit_test(pages_pair_and_columns_stay_together),
        cmocka_unit_test(phases_pair_by_name),
        cmocka_unit_test(numbers_that_are_not_there_are_null),
        cmocka_unit_test(reports_without_sites_or_times_compare),
        cmocka_unit_test(a_line_through_runs),
        cmocka_unit_test(runs_that_say_nothing),
        cmocka_unit_test(the_page_in_docs_names_everything),
        cmocka_unit_test(options_of_the_program),
    };
    writing = count > 1 && !strcmp(words[1], "write");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
