/* SPDX-License-Identifier: BSD-2-Clause */
/* The policy tables, and the bitmaps against them for every port and every MSR that the bitmaps reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "emul/policy.h"

static struct policy policy;
static u8 bitmap[8192];

static const struct policy_facts machine = {
    .guards = {.pm1a_control = 0xb004,
               .pm1a_status = 0xb000,
               .s5_type_a = 0,
               .has_s5 = true,
               .reset_port = 0xcf9,
               .reset_value = 6},
    .report_at_end = true,
    .console_port = 0x3f8,
    .apic_base = 0xfee00900,
};

static bool io_bit(u32 port)
{
    return bitmap[port / 8] >> (port % 8) & 1;
}

static bool msr_bit(u32 msr, bool write)
{
    u32 bit = (msr & 0x1fff) + (msr >> 31 ? 0x2000 : 0) + (write ? 0x4000 : 0);
    return bitmap[bit / 8] >> (bit % 8) & 1;
}

static void check_bitmaps(void)
{
    memset(bitmap, 0x5a, sizeof(bitmap));
    policy_io_bitmap(&policy, bitmap);
    for (u32 port = 0; port < 0x10000; port++)
        if (io_bit(port) != (policy_port(&policy, (u16)port, 1) != PASS))
            fail_msg("port %#x", port);

    memset(bitmap, 0xa5, sizeof(bitmap));
    policy_msr_bitmap(&policy, bitmap);
    for (u32 i = 0; i < 0x8000; i++) {
        u32 msr = (i & 0x1fff) + (i & 0x2000 ? 0xc0000000 : 0);
        bool write = i & 0x4000;
        if (msr_bit(msr, write) != (policy_msr(&policy, msr, write) != PASS))
            fail_msg("msr %#x %s", msr, write ? "write" : "read");
    }
    for (u32 i = 4096; i < 8192; i++)
        assert_int_equal(bitmap[i], 0xa5);
}

static void check_sorted(void)
{
    assert_true(policy.port_rule_count <= POLICY_PORT_RULES_MAX);
    assert_true(policy.msr_rule_count <= POLICY_MSR_RULES_MAX);
    for (u32 i = 0; i < policy.port_rule_count; i++) {
        assert_true(policy.ports[i].first <= policy.ports[i].last);
        assert_int_not_equal(policy.ports[i].verdict, PASS);
        if (i)
            assert_true(policy.ports[i - 1].last < policy.ports[i].first);
    }
    for (u32 i = 0; i < policy.msr_rule_count; i++) {
        assert_true(policy.msrs[i].first <= policy.msrs[i].last);
        if (i)
            assert_true(policy.msrs[i - 1].last < policy.msrs[i].first);
    }
}

static void build(const struct trap_request *trap, const struct policy_facts *facts)
{
    memset(&policy, 0xee, sizeof(policy));
    policy_build(&policy, trap, facts);
    check_sorted();
    check_bitmaps();
}

static void test_nothing(void **state)
{
    struct trap_request trap = {0};
    struct policy_facts facts = machine;
    struct range holes[EPT_HOLES_MAX];

    facts.report_at_end = false;
    build(&trap, &facts);
    assert_int_equal(policy.port_rule_count, 0);
    for (u32 port = 0; port < 0x10000; port++)
        assert_int_equal(policy_port(&policy, (u16)port, 1), PASS);
    assert_int_equal(policy_holes(&policy, holes, COUNT_OF(holes)), 0);
    assert_false(policy_is_apic(&policy, 0xfee00300));
}

static void test_end_guards(void **state)
{
    static const u16 guarded[] = {0x60, 0x64, 0x92, 0xf4, 0x501, 0xcf9, 0x8900, 0xb005, 0xb001};
    struct trap_request trap = {0};
    u32 count = 0;

    build(&trap, &machine);
    for (u32 i = 0; i < COUNT_OF(guarded); i++)
        assert_int_equal(policy_port(&policy, guarded[i], 1), GUARD);
    for (u32 port = 0; port < 0x10000; port++)
        count += policy_port(&policy, (u16)port, 1) != PASS;
    assert_int_equal(count, COUNT_OF(guarded));
    /* The bitmap rule: a dword to the PCI address register covers 0xcf9. */
    assert_int_equal(policy_port(&policy, 0xcf8, 4), GUARD);
    assert_int_equal(policy_port(&policy, 0xcf8, 1), PASS);
    assert_int_equal(policy_port(&policy, 0xb004, 2), GUARD);
    assert_int_equal(policy_port(&policy, 0xb004, 1), PASS);
    assert_int_equal(policy_port(&policy, 0x3f8, 1), PASS);
}

static void test_all_ports(void **state)
{
    struct trap_request trap = {.port_count = 1, .ports = {{0, 0xffff}}};

    build(&trap, &machine);
    assert_int_equal(policy_port(&policy, 0, 1), FORWARD);
    assert_int_equal(policy_port(&policy, 0xffff, 1), FORWARD);
    assert_int_equal(policy_port(&policy, 0xffff, 4), FORWARD);
    assert_int_equal(policy_port(&policy, 0x92, 1), GUARD);
    assert_int_equal(policy_port(&policy, 0x91, 1), FORWARD);
    assert_int_equal(policy_port(&policy, 0x93, 1), FORWARD);
    assert_int_equal(policy_port(&policy, 0x90, 4), GUARD);
    assert_int_equal(policy_port(&policy, 0x3f8, 1), GUARD);
    assert_int_equal(policy_port(&policy, 0x3fb, 1), GUARD);
    assert_int_equal(policy_port(&policy, 0x3fd, 1), FORWARD);
}

/* Who writes there needs no interpreter, unless a guard must see it. */
static void test_console(void **state)
{
    struct trap_request trap = {.port_count = 1, .ports = {{0, 0xffff}}};
    struct policy_facts facts = machine;

    build(&trap, &facts);
    assert_int_equal(policy.console_data, 0x3f8);
    facts.guards.reset_port = 0x3f8;
    build(&trap, &facts);
    assert_int_equal(policy.console_data, 0);
    assert_int_equal(policy_port(&policy, 0x3f8, 1), GUARD);
    facts.report_at_end = false;
    build(&trap, &facts);
    assert_int_equal(policy.console_data, 0x3f8);
    facts.console_port = 0;
    build(&trap, &facts);
    assert_int_equal(policy.console_data, 0);
    trap.port_count = 0;
    facts.console_port = 0x3f8;
    build(&trap, &facts);
    assert_int_equal(policy.console_data, 0);
}

static void test_wrap_always_exits(void **state)
{
    struct trap_request trap = {.port_count = 1, .ports = {{0x10, 0x1f}}};

    build(&trap, &machine);
    assert_int_equal(policy_port(&policy, 0xffff, 1), PASS);
    assert_int_equal(policy_port(&policy, 0xffff, 2), FORWARD);
    assert_int_equal(policy_port(&policy, 0xfffd, 4), FORWARD);
    assert_int_equal(policy_port(&policy, 0xfffc, 4), PASS);
}

static void test_overlapping_ranges(void **state)
{
    struct trap_request trap = {
        .port_count = 8,
        .ports = {{0x100, 0x1ff},
                  {0x180, 0x280},
                  {0x100, 0x100},
                  {0xff, 0x100},
                  {0xfff0, 0xffff},
                  {0, 0},
                  {0, 7},
                  {0x60, 0x64}},
        .msr_count = 3,
        .msrs = {{0x10, 0x20}, {0xc0001fff, 0xc0002000}, {0, 0xffffffff}},
    };
    struct policy_facts facts = machine;

    build(&trap, &facts);
    assert_int_equal(policy_port(&policy, 0xff, 1), FORWARD);
    assert_int_equal(policy_port(&policy, 0xfe, 1), PASS);
    assert_int_equal(policy_port(&policy, 0xfe, 2), FORWARD);
    assert_int_equal(policy_port(&policy, 0x280, 1), FORWARD);
    assert_int_equal(policy_port(&policy, 0x281, 1), PASS);
    assert_int_equal(policy_port(&policy, 0x62, 1), FORWARD);
    assert_int_equal(policy_port(&policy, 0x60, 1), GUARD);
    assert_int_equal(policy_msr(&policy, 0xffffffff, false), FORWARD);
    assert_int_equal(policy_msr(&policy, 0x480, false), DENY);
}

/* The most that one request and one machine can ask for stays within the tables. */
static void test_largest(void **state)
{
    struct trap_request trap = {.apic = true, .port_count = 8, .msr_count = 8, .mmio_count = 8};
    struct policy_facts facts = machine;
    struct range holes[EPT_HOLES_MAX];

    for (u32 i = 0; i < 8; i++) {
        trap.ports[i].first = (u16)(0x1000 * (i + 1));
        trap.ports[i].last = (u16)(trap.ports[i].first + 1);
        trap.msrs[i].first = 0x1000 + 2 * i;
        trap.msrs[i].last = 0x1000 + 2 * i;
        trap.mmio[i] = (struct range){0x100000 * i, 0x100000 * i + 0x1000};
    }
    facts.other_cpus = true;
    facts.guards = (struct guard_config){.pm1a_control = 0x2004,
                                         .pm1b_control = 0x2014,
                                         .pm1a_status = 0x2040,
                                         .pm1b_status = 0x2050,
                                         .sleep_control = 0x2060,
                                         .reset_port = 0x2070};
    build(&trap, &facts);
    assert_int_equal(policy_port(&policy, 0x2070, 1), GUARD);
    assert_int_equal(policy_port(&policy, 0x8001, 1), FORWARD);
    assert_int_equal(policy_msr(&policy, 0x100e, true), FORWARD);
    assert_int_equal(policy_holes(&policy, holes, COUNT_OF(holes)), 9);
    assert_int_equal(holes[0].start, 0xfee00000);
    assert_int_equal(holes[8].end, 0x701000);
    assert_int_equal(policy_holes(&policy, holes, 3), 3);
}

/* Ranges that no option parser lets through change nothing and break nothing. */
static void test_malformed(void **state)
{
    struct trap_request trap = {
        .port_count = 100, .msr_count = 100, .mmio_count = 100, .ports = {{9, 3}}, .msrs = {{9, 3}}};
    struct policy_facts facts = machine;

    trap.mmio[0] = (struct range){0x2000, 0x1000};
    facts.console_port = 0xffff;
    facts.guards.pm1b_control = 0xffff;
    build(&trap, &facts);
    assert_int_equal(policy_port(&policy, 9, 1), PASS);
    assert_int_equal(policy.mmio_count, 0);
}

static void test_msrs(void **state)
{
    static const struct {
        u32 msr;
        enum verdict read, write;
    } expected[] = {
        {0x10, PASS, GUARD},
        {0x1b, GUARD, GUARD},
        {0x3a, GUARD, DENY},
        {0x3b, PASS, GUARD},
        {0x79, DENY, GUARD},
        {0x8b, GUARD, GUARD},
        {0x174, PASS, PASS},
        {0x1d9, PASS, PASS},
        {0x200, GUARD, GUARD},
        {0x277, PASS, PASS},
        {0x2ff, GUARD, GUARD},
        {0x38f, PASS, GUARD},
        {0x480, DENY, DENY},
        {0x491, DENY, DENY},
        {0x494, PASS, PASS},
        {0x570, DENY, DENY},
        {0x17d0, DENY, DENY},
        {0x6e0, PASS, PASS},
        {0x830, PASS, PASS},
        {0xda0, PASS, GUARD},
        {0xc0000080, GUARD, GUARD},
        {0xc0000100, PASS, PASS},
        {0xe7, PASS, PASS},
        {0x2000, FORWARD, FORWARD},
        {0xbfffffff, FORWARD, FORWARD},
        {0xc0002000, FORWARD, FORWARD},
        {0x4b564d00, DENY, DENY},
        {0x40000000, DENY, DENY},
        {0xffffffff, FORWARD, FORWARD},
    };
    struct trap_request trap = {0};

    build(&trap, &machine);
    for (u32 i = 0; i < COUNT_OF(expected); i++) {
        if (policy_msr(&policy, expected[i].msr, false) != expected[i].read)
            fail_msg("read of %#x", expected[i].msr);
        if (policy_msr(&policy, expected[i].msr, true) != expected[i].write)
            fail_msg("write of %#x", expected[i].msr);
    }
}

static void test_apic(void **state)
{
    struct trap_request trap = {.apic = true};
    struct trap_request none = {0};
    struct policy_facts facts = machine;
    struct range holes[EPT_HOLES_MAX];

    build(&trap, &facts);
    assert_int_equal(policy_holes(&policy, holes, COUNT_OF(holes)), 1);
    assert_true(policy_is_apic(&policy, 0xfee00fff));
    assert_false(policy_is_apic(&policy, 0xfee01000));
    assert_false(policy_is_apic(&policy, 0x1fee00000));
    assert_int_equal(policy_msr(&policy, 0x800, false), FORWARD);
    assert_int_equal(policy_msr(&policy, 0x8ff, true), FORWARD);
    assert_int_equal(policy_msr(&policy, 0x900, true), PASS);
    assert_int_equal(policy_msr(&policy, 0x830, true), FORWARD);

    facts.other_cpus = true;
    build(&none, &facts);
    assert_int_equal(policy_holes(&policy, holes, COUNT_OF(holes)), 1);
    assert_int_equal(policy_msr(&policy, 0x830, true), GUARD);
    assert_int_equal(policy_msr(&policy, 0x830, false), PASS);
    assert_int_equal(policy_msr(&policy, 0x80b, true), PASS);
}

static void test_flags(void **state)
{
    struct trap_request trap = {.dr = true, .cr3 = true};

    build(&trap, &machine);
    assert_true(policy.dr && policy.cr3 && !policy.tsc && !policy.hlt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_end_guards),
        cmocka_unit_test(test_all_ports),
        cmocka_unit_test(test_console),
        cmocka_unit_test(test_wrap_always_exits),
        cmocka_unit_test(test_overlapping_ranges),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_msrs),
        cmocka_unit_test(test_apic),
        cmocka_unit_test(test_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
