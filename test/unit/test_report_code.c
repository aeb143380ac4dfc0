/* SPDX-License-Identifier: BSD-2-Clause */
/* exeunt-report: the code of sites, and the names of places. */
#include <setjmp.h>
#include <stdarg.h>

#include "host/disassembly.h"
#include "host/names.h"
#include "test/unit/report_fixture.h"

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_of_all_sizes),    cmocka_unit_test(which_instructions_exit),
        cmocka_unit_test(where_rip_is),         cmocka_unit_test(code_in_several_places),
        cmocka_unit_test(code_beyond_the_line), cmocka_unit_test(names_of_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
