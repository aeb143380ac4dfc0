/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot_test.h"

#include "boot/memory_map.h"
#include "boot/options.h"

static struct options options;
static struct options_error error;
static char message[1024];

static enum options_status parse(const char *line)
{
    memset(&options, 0xa5, sizeof(options));
    enum options_status status = options_parse(line, &options, &error);
    assert_int_equal(status, error.status);
    return status;
}

static void good(const char *line)
{
    if (parse(line) != OPTIONS_OK)
        fail_msg("refused: %s", line);
}

/* Refused for `word`, and the message names it and everything in `mentions`. */
static void bad(const char *line, enum options_status status, const char *word, const char *mentions)
{
    enum options_status got = parse(line);
    if (got != status)
        fail_msg("%s: status %d, expected %d", line, got, status);
    assert_int_equal(error.word_length, strlen(word));
    assert_memory_equal(error.word, word, strlen(word));
    u32 length = options_message(&error, message, sizeof(message));
    assert_int_equal(length, strlen(message));
    if (!strstr(message, word) || !strstr(message, mentions))
        fail_msg("%s: message '%s' lacks '%s' or '%s'", line, message, word, mentions);
}

static void bad_value(const char *word)
{
    bad(word, OPTIONS_BAD_VALUE, word, " takes: ");
}

static void check_defaults(void)
{
    assert_int_equal(options.console.kind, CONSOLE_COM);
    assert_int_equal(options.console.port, 0x3f8);
    assert_int_equal(options.console.baud, 115200);
    assert_true(options.trap.apic);
    assert_false(options.trap.dr || options.trap.tsc || options.trap.cr3 || options.trap.hlt);
    assert_int_equal(options.trap.port_count, 1);
    assert_int_equal(options.trap.ports[0].first, 0);
    assert_int_equal(options.trap.ports[0].last, 0xffff);
    assert_int_equal(options.trap.msr_count, 0);
    assert_int_equal(options.trap.mmio_count, 0);
    assert_int_equal(options.engine, ENGINE_CLUSTER);
    assert_int_equal(options.flow, FLOW_TRACES);
    assert_int_equal(options.coherence, COHERENCE_EPT);
    assert_int_equal(options.threshold, 3);
    assert_int_equal(options.cluster_max, 16);
    assert_true(options.timing);
    assert_int_equal(options.exit_delay, 0);
    assert_true(options.report.at_end);
    assert_int_equal(options.report.period_seconds, 0);
    assert_int_equal(options.hypercall, HYPERCALL_KERNEL);
    assert_int_equal(options.cpus, 0);
    assert_false(options.help);
}

static void defaults(void **state)
{
    const char *empty[] = {NULL, "", "   ", "\t \n"};
    for (u32 i = 0; i < COUNT_OF(empty); i++) {
        good(empty[i]);
        check_defaults();
        assert_int_equal(options.given, 0);
        assert_null(options.ignored);
    }
    memset(&options, 0x5a, sizeof(options));
    options_defaults(&options);
    check_defaults();
    /* Writing a default changes nothing. */
    good("console=com1,115200 trap=pio,apic engine=cluster flow=traces coherence=ept threshold=3 cluster-max=16 "
         "timing=on "
         "exit-delay=0 report=end hypercall=kernel cpus=all");
    check_defaults();
    assert_int_equal(options.given, BIT(OPTION_COUNT) - 1);
}

static void console(void **state)
{
    good("console=com2");
    assert_int_equal(options.console.port, 0x2f8);
    good("console=com2,9600");
    assert_int_equal(options.console.baud, 9600);
    good("console=0xe010,57600");
    assert_int_equal(options.console.kind, CONSOLE_COM);
    assert_int_equal(options.console.port, 0xe010);
    assert_int_equal(options.console.baud, 57600);
    good("console=0xfff8");
    good("console=com1,2");
    good("console=vga");
    assert_int_equal(options.console.kind, CONSOLE_VGA);
    good("console=none");
    assert_int_equal(options.console.kind, CONSOLE_NONE);
    const char *wrong[] = {"console=",         "console=com3",      "console=com1,",       "console=com1,0",
                           "console=com1,1",   "console=com1,5000", "console=com1,230400", "console=com1,9600,8",
                           "console=vga,9600", "console=none,",     "console=0xfff9",      "console=0x0",
                           "console=0x",       "console=1016",      "console=COM1",        "console=com1,x",
                           "console=0x10000",  "console=,9600",     "console=0x3f8x"};
    for (u32 i = 0; i < COUNT_OF(wrong); i++)
        bad_value(wrong[i]);
}

static void trap(void **state)
{
    good("trap=none");
    assert_false(options.trap.apic);
    assert_int_equal(options.trap.port_count, 0);
    good("trap=pio:0x60-0x64,pio:128,dr,tsc,cr3,hlt,msr,msr:0x10,msr:0xc0000080-0xc0000084");
    assert_false(options.trap.apic);
    assert_true(options.trap.dr && options.trap.tsc && options.trap.cr3 && options.trap.hlt);
    assert_int_equal(options.trap.port_count, 2);
    assert_int_equal(options.trap.ports[0].first, 0x60);
    assert_int_equal(options.trap.ports[0].last, 0x64);
    assert_int_equal(options.trap.ports[1].first, 128);
    assert_int_equal(options.trap.ports[1].last, 128);
    assert_int_equal(options.trap.msr_count, 3);
    assert_int_equal(options.trap.msrs[0].last, 0xffffffff);
    assert_int_equal(options.trap.msrs[1].first, 0x10);
    assert_int_equal(options.trap.msrs[2].last, 0xc0000084);
    good("trap=mmio:0xfed00010+0x20,mmio:0xfec00fff+2");
    assert_int_equal(options.trap.mmio_count, 2);
    assert_int_equal(options.trap.mmio[0].start, 0xfed00000);
    assert_int_equal(options.trap.mmio[0].end, 0xfed01000);
    assert_int_equal(options.trap.mmio[1].start, 0xfec00000);
    assert_int_equal(options.trap.mmio[1].end, 0xfec02000);
    good("trap=mmio:0+0x10000000000000"); /* all 52 bits */
    assert_int_equal(options.trap.mmio[0].end, PHYSICAL_LIMIT);
    good("trap=pio:0,pio:1,pio:2,pio:3,pio:4,pio:5,pio:6,pio:7");
    const char *wrong[] = {"trap=",
                           "trap=pio,",
                           "trap=,pio",
                           "trap=pio,none",
                           "trap=none,pio",
                           "trap=pio:",
                           "trap=pio:5-4",
                           "trap=pio:0x10000",
                           "trap=pio:1-",
                           "trap=pio:-1",
                           "trap=pio:1-2-3",
                           "trap=apic:1",
                           "trap=mmio",
                           "trap=mmio:",
                           "trap=mmio:0x1000",
                           "trap=mmio:0x1000+0",
                           "trap=mmio:0x1000+0x10000000000000",
                           "trap=mmio:0x10000000000000+1",
                           "trap=msr:0x100000000",
                           "trap=msr:9-8",
                           "trap=everything",
                           "trap=mmio:1+0x1ffffffffffffffff",
                           "trap=pio:0,pio:1,pio:2,pio:3,pio:4,pio:5,pio:6,pio:7,pio:8"};
    for (u32 i = 0; i < COUNT_OF(wrong); i++)
        if (strlen(wrong[i]) <= 60)
            bad_value(wrong[i]);
        else
            assert_int_equal(parse(wrong[i]), OPTIONS_BAD_VALUE);
}

static void choices(void **state)
{
    good("engine=interp flow=straight coherence=bytes timing=off hypercall=off");
    assert_int_equal(options.engine, ENGINE_INTERP);
    assert_int_equal(options.flow, FLOW_STRAIGHT);
    assert_int_equal(options.coherence, COHERENCE_BYTES);
    assert_false(options.timing);
    assert_int_equal(options.hypercall, HYPERCALL_OFF);
    good("engine=translate flow=loops hypercall=user");
    good("engine=decode flow=forward");
    assert_string_equal(engine_name(options.engine), "decode");
    bad("engine=fast", OPTIONS_BAD_VALUE, "engine=fast", "cluster, translate, decode, interp");
    const char *wrong[] = {"engine=",        "engine=clusters", "engine=cluste", "flow=on",
                           "coherence=none", "timing=1",        "timing=",       "hypercall=on"};
    for (u32 i = 0; i < COUNT_OF(wrong); i++)
        bad_value(wrong[i]);
}

static void numbers(void **state)
{
    good("threshold=255 cluster-max=64 exit-delay=4294967295 cpus=1024");
    assert_int_equal(options.threshold, 255);
    assert_int_equal(options.cluster_max, 64);
    assert_int_equal(options.exit_delay, 4294967295);
    assert_int_equal(options.cpus, 1024);
    good("threshold=1 cluster-max=0x2 exit-delay=0x10 cpus=1");
    assert_int_equal(options.cluster_max, 2);
    assert_int_equal(options.exit_delay, 16);
    const char *wrong[] = {"threshold=0",
                           "threshold=256",
                           "threshold=",
                           "threshold=-1",
                           "threshold=3x",
                           "cluster-max=1",
                           "cluster-max=65",
                           "exit-delay=4294967296",
                           "exit-delay=99999999999999999999",
                           "cpus=0",
                           "cpus=1025",
                           "cpus=some",
                           "threshold=0x",
                           "threshold=+3",
                           "threshold=18446744073709551619"};
    for (u32 i = 0; i < COUNT_OF(wrong); i++)
        bad_value(wrong[i]);
}

static void report(void **state)
{
    good("report=none");
    assert_false(options.report.at_end);
    good("report=period:10");
    assert_false(options.report.at_end);
    assert_int_equal(options.report.period_seconds, 10);
    good("report=end,period:86400");
    assert_true(options.report.at_end);
    assert_int_equal(options.report.period_seconds, 86400);
    const char *wrong[] = {
        "report=",         "report=period",       "report=period:", "report=period:0", "report=end,none",
        "report=none,end", "report=period:86401", "report=end:",    "report=end,",     "report=end:5"};
    for (u32 i = 0; i < COUNT_OF(wrong); i++)
        bad_value(wrong[i]);
}

static void wrong_words(void **state)
{
    bad("trap=none colour=red", OPTIONS_UNKNOWN_NAME, "colour=red", "cluster-max=");
    bad("=x", OPTIONS_UNKNOWN_NAME, "=x", "console=");
    bad("Trap=none", OPTIONS_UNKNOWN_NAME, "Trap=none", "trap=");
    bad("trapp=none", OPTIONS_UNKNOWN_NAME, "trapp=none", "trap=");
    bad("tra=none", OPTIONS_UNKNOWN_NAME, "tra=none", "trap=");
    bad("trap=none quiet", OPTIONS_NO_VALUE, "quiet", "trap=");
    bad("timing=on timing=on", OPTIONS_TWICE, "timing=on", "timing= is given twice");
    bad("timing=on  timing=bad", OPTIONS_TWICE, "timing=bad", "on, off");
    bad("help=yes", OPTIONS_UNKNOWN_NAME, "help=yes", "help");
}

static void first_word(void **state)
{
    good("placeholder trap=none");
    assert_int_equal(options.ignored_length, 11);
    assert_memory_equal(options.ignored, "placeholder", 11);
    assert_false(options.trap.apic);
    good("  trap  ");
    assert_int_equal(options.ignored_length, 4);
    bad("one two", OPTIONS_NO_VALUE, "two", "name=value");
}

static void help_word(void **state)
{
    good("help");
    assert_true(options.help);
    assert_null(options.ignored);
    good("engine=interp help");
    assert_true(options.help);
    good("placeholder help");
    assert_true(options.help);
}

static char lines[4096];

static void collect(void *context, const char *line)
{
    assert_ptr_equal(context, lines);
    assert_null(strchr(line, '\n'));
    assert_true(strlen(line) < 200);
    strcat(lines, line);
    strcat(lines, "\n");
}

static void help_lists_everything(void **state)
{
    lines[0] = 0;
    options_help(collect, lines);
    const char *expected[] = {"console=",
                              "trap=",
                              "engine=",
                              "flow=",
                              "coherence=",
                              "threshold=",
                              "cluster-max=",
                              "timing=",
                              "exit-delay=",
                              "report=",
                              "hypercall=",
                              "cpus=",
                              "help",
                              "default cluster",
                              "default pio,apic",
                              "default com1,115200",
                              "default traces",
                              "not built yet: more than one"};
    for (u32 i = 0; i < COUNT_OF(expected); i++)
        if (!strstr(lines, expected[i]))
            fail_msg("help lacks %s:\n%s", expected[i], lines);
}

static u32 settle(const char *line)
{
    lines[0] = 0;
    good(line);
    return options_settle(&options, collect, lines);
}

/* What this build can do changes: these cases follow options.def. */
static void settled(void **state)
{
    assert_int_equal(settle(""), 0);
    assert_string_equal(lines, "");
    assert_int_equal(options.engine, ENGINE_CLUSTER);
    assert_int_equal(options.flow, FLOW_TRACES);
    assert_int_equal(options.cpus, 1);
    assert_int_equal(settle("flow=loops"), 0);
    assert_int_equal(settle("engine=interp flow=loops report=end,period:5 cpus=2"), 1);
    assert_true(options.report.at_end);
    assert_int_equal(options.report.period_seconds, 5);
    assert_int_equal(options.cpus, 1);
    assert_int_equal(settle("engine=interp flow=loops cpus=1"), 0);
}

static void messages_are_cut(void **state)
{
    char huge[4000];
    memset(huge, 'x', sizeof(huge));
    huge[20] = '=';
    huge[sizeof(huge) - 1] = 0;
    assert_int_equal(parse(huge), OPTIONS_UNKNOWN_NAME);
    assert_int_equal(error.word_length, sizeof(huge) - 1);
    options_message(&error, message, sizeof(message));
    assert_non_null(strstr(message, "xxx..."));
    assert_true(strlen(message) < 400);
    for (u32 size = 0; size < 200; size++) {
        char *small = (char *)heap_copy(huge, size);
        u32 length = options_message(&error, small, size);
        assert_true(size ? length < size && small[length] == 0 : length == 0);
        free(small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),    cmocka_unit_test(console),
        cmocka_unit_test(trap),        cmocka_unit_test(choices),
        cmocka_unit_test(numbers),     cmocka_unit_test(report),
        cmocka_unit_test(wrong_words), cmocka_unit_test(first_word),
        cmocka_unit_test(help_word),   cmocka_unit_test(help_lists_everything),
        cmocka_unit_test(settled),     cmocka_unit_test(messages_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
