/* SPDX-License-Identifier: BSD-2-Clause */
/* The report: exit sites, and the translations as a whole. */
#include "test/unit/printed_report.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_site_is_in_table_and_json),  TEST(a_site_in_several_places),    TEST(a_site_in_very_many_places),
        TEST(the_most_used_sites_are_printed), TEST(the_translations_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
