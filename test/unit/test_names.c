/* SPDX-License-Identifier: BSD-2-Clause */
/* The name tables: sorted and disjoint, so that the binary search finds each row, and right where it matters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "emul/policy.h"

struct row {
    u32 first, last;
    const char *name;
};

#define PORTS(first, last, name) {first, last, name},
static const struct row ports[] = {
#include "emul/ports.def"
};
#define APIC(offset, name, readable, writable) {offset, (offset) + 15, name},
static const struct row apic[] = {
#include "emul/apic_registers.def"
};
#define MSR(first, last, read, write, name) {first, last, name},
static const struct row msrs[] = {
#include "emul/msr_policy.def"
};

static void check_sorted(const struct row *rows, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        if (rows[i].first > rows[i].last || (i && rows[i - 1].last >= rows[i].first))
            fail_msg("row %u (%s)", i, rows[i].name);
    }
}

static void test_sorted(void **state)
{
    check_sorted(ports, COUNT_OF(ports));
    check_sorted(apic, COUNT_OF(apic));
    check_sorted(msrs, COUNT_OF(msrs));
}

static void test_every_row_is_found(void **state)
{
    for (u32 i = 0; i < COUNT_OF(ports); i++) {
        assert_string_equal(port_name((u16)ports[i].first), ports[i].name);
        assert_string_equal(port_name((u16)ports[i].last), ports[i].name);
    }
    for (u32 i = 0; i < COUNT_OF(apic); i++) {
        assert_int_equal(apic[i].first & 15, 0);
        assert_string_equal(apic_register_name(apic[i].first), apic[i].name);
        assert_string_equal(apic_register_name(apic[i].last), apic[i].name);
    }
    for (u32 i = 0; i < COUNT_OF(msrs); i++) {
        assert_string_equal(msr_name(msrs[i].first), msrs[i].name);
        assert_string_equal(msr_name(msrs[i].last), msrs[i].name);
    }
}

static void test_known(void **state)
{
    assert_string_equal(port_name(0x3fd), "COM1");
    assert_string_equal(port_name(0xcfc), "PCI config");
    assert_string_equal(port_name(0x20), "PIC1");
    assert_string_equal(port_name(0x71), "RTC/CMOS");
    assert_string_equal(apic_register_name(0xb0), "EOI");
    assert_string_equal(apic_register_name(0x300), "ICR_LOW");
    assert_string_equal(msr_name(0xc0000080), "EFER");
    assert_string_equal(msr_name(0x6e0), "TSC_DEADLINE");
}

static void test_unknown(void **state)
{
    assert_string_equal(port_name(0x1234), "other");
    assert_string_equal(port_name(0xffff), "other");
    assert_string_equal(apic_register_name(0), "reserved");
    assert_string_equal(apic_register_name(0xfff), "reserved");
    assert_string_equal(apic_register_name(0xffffffff), "reserved");
    assert_null(msr_name(0x12345678));
    assert_null(msr_name(0xffffffff));
}

static void test_this_machine(void **state)
{
    struct guard_config config = {.pm1a_control = 0x604, .pm1a_status = 0x600, .reset_port = 0xb22, .timer = 0x608};

    assert_string_equal(port_name_here(&config, 0x604), "ACPI PM1_CNT");
    assert_string_equal(port_name_here(&config, 0x601), "ACPI PM1_STS");
    assert_string_equal(port_name_here(&config, 0x602), "other");
    assert_string_equal(port_name_here(&config, 0x60b), "ACPI timer");
    assert_string_equal(port_name_here(&config, 0x60c), "other");
    assert_string_equal(port_name_here(&config, 0xb22), "ACPI reset");
    assert_string_equal(port_name_here(&config, 0), "DMA1");
    config.reset_port = 0xcf9;
    assert_string_equal(port_name_here(&config, 0xcf9), "reset control");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorted),  cmocka_unit_test(test_every_row_is_found), cmocka_unit_test(test_known),
        cmocka_unit_test(test_unknown), cmocka_unit_test(test_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
