/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes that end the guest, and writes that look like it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "emul/guards.h"

static struct guards guards;

static const struct guard_config config = {
    .pm1a_control = 0xb004,
    .pm1b_control = 0xb104,
    .pm1a_status = 0xb000,
    .pm1b_status = 0xb100,
    .s5_type_a = 7,
    .s5_type_b = 5,
    .has_s5 = true,
    .sleep_control = 0xb200,
    .reset_port = 0x7ab,
    .reset_value = 0x0e,
};

static int setup(void **state)
{
    memset(&guards, 0xee, sizeof(guards));
    guards_init(&guards, &config);
    return 0;
}

/* END_NONE: performed. END_CAUSE_COUNT: swallowed. */
static enum end_cause write_port(u16 port, u32 size, u32 value)
{
    enum end_cause cause = END_NONE;

    switch (guard_port_write(&guards, port, size, value, &cause)) {
    case GUARD_PERFORM:
        assert_int_equal(cause, END_NONE);
        return END_NONE;
    case GUARD_SWALLOW:
        return END_CAUSE_COUNT;
    case GUARD_END:
        assert_int_not_equal(cause, END_NONE);
        return cause;
    }
    fail();
    return END_NONE;
}

#define SWALLOWED END_CAUSE_COUNT
#define SLP(type) (0x2000 | (type) << 10)

static void test_sleep(void **state)
{
    assert_int_equal(write_port(0xb004, 2, 7 << 10), END_NONE); /* without SLP_EN */
    assert_int_equal(write_port(0xb004, 2, SLP(7) | 1), END_ACPI_S5);
    assert_int_equal(write_port(0xb005, 1, SLP(7) >> 8), END_ACPI_S5);
    assert_int_equal(write_port(0xb004, 1, SLP(7) & 0xff), END_NONE);
    assert_int_equal(write_port(0xb004, 4, SLP(7)), END_ACPI_S5);
    assert_int_equal(write_port(0xb003, 4, SLP(7) << 8), END_ACPI_S5);
    assert_int_equal(write_port(0xb104, 2, SLP(5)), END_ACPI_S5);
    assert_int_equal(write_port(0xb200, 1, SLP(7) >> 8), END_ACPI_S5);
    assert_int_equal(guards.sleep_refused, 0);
}

static void test_sleep_refused(void **state)
{
    for (u32 type = 0; type < 7; type++)
        assert_int_equal(write_port(0xb004, 2, SLP(type)), SWALLOWED);
    assert_int_equal(guards.sleep_refused, 7);
    assert_int_equal(write_port(0xb104, 2, SLP(7)), SWALLOWED); /* type of the other register */
    assert_int_equal(write_port(0xb200, 1, SLP(3) >> 8), SWALLOWED);
    assert_int_equal(guards.sleep_refused, 9);
}

/* After a refused sleep the guest finds that it was woken at once. */
static void test_pretended_wake(void **state)
{
    assert_int_equal(guard_port_read(&guards, 0xb000, 2, 1), 1);
    assert_int_equal(write_port(0xb004, 2, SLP(1)), SWALLOWED);
    assert_int_equal(guard_port_read(&guards, 0xb002, 2, 0), 0);
    assert_int_equal(guard_port_read(&guards, 0xb000, 1, 0), 0);
    assert_int_equal(guard_port_read(&guards, 0xb000, 2, 1), 0x8001);
    assert_int_equal(guard_port_read(&guards, 0xb000, 2, 1), 1);
    assert_int_equal(write_port(0xb004, 2, SLP(1)), SWALLOWED);
    assert_int_equal(guard_port_read(&guards, 0xb101, 1, 0), 0x80);
}

static void test_sleep_unknown(void **state)
{
    guards.config.has_s5 = false;
    assert_int_equal(write_port(0xb004, 2, SLP(3)), END_ACPI_S5);
    assert_int_equal(write_port(0xb004, 2, 3 << 10), END_NONE);
}

static void test_reset_control(void **state)
{
    assert_int_equal(write_port(0xcf9, 1, 0x02), END_NONE);
    assert_int_equal(write_port(0xcf9, 1, 0x06), END_RESET_CF9);
    assert_int_equal(write_port(0xcf9, 1, 0x0e), END_NONE); /* no change to 1 */
    assert_int_equal(write_port(0xcf9, 1, 0x00), END_NONE);
    assert_int_equal(write_port(0xcf9, 1, 0x04), END_RESET_CF9);
}

/* Bits 15:8 of a PCI address are no reset; a word or byte access reaches 0xcf9 itself. */
static void test_pci_address(void **state)
{
    assert_int_equal(write_port(0xcf8, 4, 0x80000600), END_NONE);
    assert_false(guards.reset_control_set);
    assert_int_equal(write_port(0xcf8, 2, 0x0600), END_RESET_CF9);
    setup(NULL);
    assert_int_equal(write_port(0xcf7, 4, 0x060000), END_RESET_CF9);
    assert_int_equal(write_port(0xcfc, 4, 0xffffffff), END_NONE);
}

static void test_port_92(void **state)
{
    assert_int_equal(write_port(0x92, 1, 0x02), END_NONE);
    assert_int_equal(write_port(0x92, 1, 0x03), END_RESET_PORT_92);
    assert_int_equal(write_port(0x91, 2, 0x0100), END_RESET_PORT_92);
    assert_int_equal(write_port(0x90, 4, 0x01fe0101 & ~0x00010000u), END_NONE);
}

static void test_keyboard(void **state)
{
    for (u32 command = 0; command < 0x100; command++)
        if (command != 0xd1)
            assert_int_equal(write_port(0x64, 1, command),
                             command >= 0xf0 && !(command & 1) ? END_RESET_KEYBOARD : END_NONE);
    assert_int_equal(write_port(0x60, 1, 0xfe), END_NONE); /* data alone is data */
    assert_int_equal(write_port(0x64, 1, 0xd1), END_NONE);
    assert_int_equal(write_port(0x60, 1, 0xdf), END_NONE); /* A20 on */
    assert_int_equal(write_port(0x60, 1, 0xfe), END_NONE); /* the command took one byte */
    assert_int_equal(write_port(0x64, 1, 0xd1), END_NONE);
    assert_int_equal(write_port(0x60, 1, 0xde), END_RESET_KEYBOARD);
    assert_int_equal(write_port(0x64, 1, 0xd1), END_NONE);
    assert_int_equal(write_port(0x64, 1, 0xae), END_NONE); /* another command in between */
    assert_int_equal(write_port(0x60, 1, 0x00), END_NONE);
    assert_int_equal(write_port(0x63, 2, 0xfe00), END_RESET_KEYBOARD);
    assert_int_equal(write_port(0x62, 1, 0xfe), END_NONE);
}

static void test_fadt_reset(void **state)
{
    assert_int_equal(write_port(0x7ab, 1, 0x0f), END_NONE);
    assert_int_equal(write_port(0x7ab, 1, 0x0e), END_RESET_FADT);
    assert_int_equal(write_port(0x7a8, 4, 0x0e000000), END_RESET_FADT);
    guards.config.reset_port = 0xcf9;
    guards.config.reset_value = 0x0e;
    assert_int_equal(write_port(0xcf9, 1, 0x0e), END_RESET_CF9);
    guards.config.reset_port = 0;
    guards.config.reset_value = 0;
    assert_int_equal(write_port(0, 1, 0), END_NONE);
}

static void test_debug_exit(void **state)
{
    assert_int_equal(write_port(0xf4, 1, 0), END_DEBUG_EXIT);
    assert_int_equal(write_port(0xf4, 4, 0x10), END_DEBUG_EXIT);
    assert_int_equal(write_port(0x501, 2, 0xffff), END_DEBUG_EXIT);
    assert_int_equal(write_port(0x500, 4, 0xffffffff), END_NONE); /* a chipset's GPIO block */
    assert_int_equal(write_port(0xf3, 1, 0), END_NONE);
}

static enum end_cause spell(const char *text)
{
    enum end_cause cause = END_NONE;

    for (; *text && cause == END_NONE; text++)
        cause = write_port(0x8900, 1, (u8)*text);
    assert_int_equal(*text, 0);
    return cause;
}

static void test_bochs(void **state)
{
    assert_int_equal(spell("Shutdown"), END_BOCHS_SHUTDOWN);
    assert_int_equal(spell("Shutdow"), END_NONE);
    assert_int_equal(spell("!Shutdown"), END_BOCHS_SHUTDOWN);
    assert_int_equal(spell("ShuShutdown"), END_BOCHS_SHUTDOWN);
    assert_int_equal(spell("Shut down"), END_NONE);
    assert_int_equal(spell("xShutdown"), END_BOCHS_SHUTDOWN);
    assert_int_equal(spell("shutdown"), END_NONE);
    assert_int_equal(write_port(0x8900, 1, 0), END_NONE);
    assert_int_equal(guards.bochs_matched, 0);
}

static void test_wide_write_everywhere(void **state)
{
    /* Every port, every size, all ones and all zeros: a typed answer, never an access beyond the tables. */
    for (u32 port = 0; port < 0x10000; port++)
        for (u32 size = 1; size <= 4; size *= 2) {
            write_port((u16)port, size, 0xffffffff);
            write_port((u16)port, size, 0);
        }
}

static void test_names(void **state)
{
    assert_string_equal(end_cause_name(END_ACPI_S5), "acpi-s5");
    assert_string_equal(end_cause_name(END_FATAL), "fatal");
    for (int i = 0; i < END_CAUSE_COUNT; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(end_cause_name((enum end_cause)i), end_cause_name((enum end_cause)j));
    assert_string_equal(end_cause_name(END_CAUSE_COUNT), "unknown");
    assert_string_equal(end_cause_name((enum end_cause) - 1), "unknown");
}

/* The A20 gate stays open, whatever the guest writes; all else is what it wrote. */
static void a20_stays_open(void **state)
{
    enum end_cause cause;
    guards_init(&guards, &(struct guard_config){.reset_port = 0});
    assert_int_equal(guard_port_value(&guards, 0x92, 1, 0x01), 0x03);
    assert_int_equal(guard_port_value(&guards, 0x91, 2, 0x0011), 0x0211);
    assert_int_equal(guard_port_value(&guards, 0x60, 1, 0xdd), 0xdd);
    assert_int_equal(guard_port_write(&guards, 0x64, 1, 0xd1, &cause), GUARD_PERFORM);
    assert_int_equal(guard_port_value(&guards, 0x60, 1, 0xdd), 0xdf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a20_stays_open),
        cmocka_unit_test_setup(test_sleep, setup),
        cmocka_unit_test_setup(test_sleep_refused, setup),
        cmocka_unit_test_setup(test_pretended_wake, setup),
        cmocka_unit_test_setup(test_sleep_unknown, setup),
        cmocka_unit_test_setup(test_reset_control, setup),
        cmocka_unit_test_setup(test_pci_address, setup),
        cmocka_unit_test_setup(test_port_92, setup),
        cmocka_unit_test_setup(test_keyboard, setup),
        cmocka_unit_test_setup(test_fadt_reset, setup),
        cmocka_unit_test_setup(test_debug_exit, setup),
        cmocka_unit_test_setup(test_bochs, setup),
        cmocka_unit_test_setup(test_wide_write_everywhere, setup),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
