/* SPDX-License-Identifier: BSD-2-Clause */
/* The report: what the exits of a row were about. */
#include "test/unit/printed_report.h"

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

/* What is said of a key, in the JSON line and in the table. */
struct named_detail {
    u64 key;
    const char *row, *where, *name;
    u64 size;
    const char *said;
};

static const char *detail_line(const struct named_detail *expected)
{
    const char *found = NULL;
    for (u32 i = 0; json_line("detail", i); i++)
        if (string_is(json_line("detail", i), "name", expected->name) &&
            string_is(json_line("detail", i), "row", expected->row) &&
            string_is(json_line("detail", i), "where", expected->where))
            found = json_line("detail", i);
    if (!found)
        fail_msg("no detail of %s %s", expected->row, expected->where);
    return found;
}

static void assert_detail(const struct named_detail *expected, u64 sum)
{
    const char *line = detail_line(expected);
    char words[100];
    assert_int_equal(integer(line, "size"), expected->size);
    assert_int_equal(integer(line, "count"), 1);
    assert_int_equal(integer(line, "sum"), sum);
    snprintf(words, sizeof(words), "1 %u %s", (u32)sum, expected->said);
    if (!table_has(words))
        fail_msg("not in the table: %s", words);
}

static void each_detail_has_place_and_name(void **state)
{
    const struct named_detail details[] = {
        {detail_key_of_io(0x3fd0008), "IO_IN", "0x3fd", "COM1", 1, "IO_IN 0x3fd COM1, 1 byte"},
        {detail_key_of_io(0xcf80003), "IO_OUT", "0xcf8", "PCI address", 4, "IO_OUT 0xcf8 PCI address, 4 bytes"},
        {detail_key(ROW_IO_OUT, DETAIL_SEVERAL), "IO_OUT", "", "several ports", 0, "IO_OUT several ports"},
        /* REP bits are nothing to a key */
        {detail_key_of_io(0x6080031), "IO_OUT", "0x608", "ACPI timer", 2, "IO_OUT 0x608 ACPI timer, 2 bytes"},
        {detail_key_of_io(0x1234000b), "IO_IN", "0x1234", "", 4, "IO_IN 0x1234, 4 bytes"},
        {detail_key_of_register(0xfee000b4), "APIC_ACCESS", "0xb0", "EOI", 0, "APIC_ACCESS 0xb0 EOI"},
        {detail_key(EXIT_REASON_APIC_ACCESS, DETAIL_SEVERAL), "APIC_ACCESS", "", "several registers", 0,
         "APIC_ACCESS several registers"},
        {detail_key(ROW_X2APIC_WRITE, 0x830), "X2APIC_WRITE", "0x830", "ICR_LOW", 0, "X2APIC_WRITE 0x830 ICR_LOW"},
        {detail_key(EXIT_REASON_RDMSR, 0x1b), "RDMSR", "0x1b", "APIC_BASE", 0, "RDMSR 0x1b APIC_BASE"},
        {detail_key(EXIT_REASON_WRMSR, 0x12345678), "WRMSR", "0x12345678", "", 0, "WRMSR 0x12345678"},
        {detail_key(EXIT_REASON_CPUID, 0x80000002), "CPUID", "0x80000002", "brand", 0, "CPUID 0x80000002 brand"},
        {detail_key_of_cr(0x304), "CR_ACCESS", "0x4", "MOV to CR4", 0, "CR_ACCESS 0x4 MOV to CR4"},
        {detail_key_of_cr(0x20), "CR_ACCESS", "0x0", "CLTS", 0, "CR_ACCESS 0x0 CLTS"},
        {detail_key_of_dr(0x317), "MOV_DR", "0x7", "DR7", 0, "MOV_DR 0x7 DR7"},
        {detail_key(EXIT_REASON_VMCALL, HYPERCALL_MARK), "VMCALL", "0x45580003", "mark", 0, "VMCALL 0x45580003 mark"},
        {detail_key_of_violation(EPT_CLASS_TRAPPED, false, 0xfed000f0, 0x181), "MMIO", "0xfed00000", "HPET", 0,
         "MMIO 0xfed00000 HPET"},
        {detail_key_of_violation(EPT_CLASS_DEVICE, false, 0xfd000000, 0x181), "EPT_VIOLATION", "",
         "device memory, first touch", 0, "EPT_VIOLATION device memory, first touch"},
        {detail_key_of_violation(EPT_CLASS_RAM, false, 0x1000, 0x19c), "EPT_VIOLATION", "", "large page, executed", 0,
         "EPT_VIOLATION large page, executed"},
        {detail_key_of_violation(EPT_CLASS_OWN, false, 0x1000, 0x182), "OWN_REGION", "", "write", 0,
         "OWN_REGION write"},
    };
    vm.guards.config.timer = 0x608;
    statistics_start(&statistics, 10, true);
    u64 tsc = 10;
    for (u32 i = 0; i < COUNT_OF(details); i++)
        tsc = run_detail(tsc, details[i].key, 5, 100 + i);
    struct report_input input = input_at(tsc);
    print_now(&input);
    for (u32 i = 0; i < COUNT_OF(details); i++)
        assert_detail(&details[i], 100 + i);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_detail_has_place_and_name),
        TEST(details_add_up_to_their_rows),
        TEST(leaves_that_nobody_has_are_one),
        TEST(one_row_does_not_take_all_the_room),
        TEST(rows_of_which_no_more_is_known_have_no_details),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
