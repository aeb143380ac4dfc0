/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmx/exit_reasons.h"
#include "vmx/vmcs_fields.h"

static const u32 fields[] = {
#define FIELD(encoding, symbol) VMCS_##symbol,
#include "vmx/vmcs_fields.def"
#undef FIELD
};

/* The section of the SDM's appendix that a field stands in is the width and type that its encoding must say. */
static void encodings_say_width_and_type(void **state)
{
    static const struct {
        u32 field, bytes;
        enum vmcs_type type;
    } cases[] = {
        {VMCS_VPID, 2, VMCS_TYPE_CONTROL},
        {VMCS_GUEST_TR_SELECTOR, 2, VMCS_TYPE_GUEST},
        {VMCS_HOST_TR_SELECTOR, 2, VMCS_TYPE_HOST},
        {VMCS_EPT_POINTER, 8, VMCS_TYPE_CONTROL},
        {VMCS_GUEST_PHYSICAL_ADDRESS, 8, VMCS_TYPE_READ_ONLY},
        {VMCS_LINK_POINTER, 8, VMCS_TYPE_GUEST},
        {VMCS_HOST_EFER, 8, VMCS_TYPE_HOST},
        {VMCS_SECONDARY_CONTROLS, 4, VMCS_TYPE_CONTROL},
        {VMCS_EXIT_REASON, 4, VMCS_TYPE_READ_ONLY},
        {VMCS_GUEST_INTERRUPTIBILITY, 4, VMCS_TYPE_GUEST},
        {VMCS_HOST_SYSENTER_CS, 4, VMCS_TYPE_HOST},
        {VMCS_CR0_READ_SHADOW, 8, VMCS_TYPE_CONTROL},
        {VMCS_EXIT_QUALIFICATION, 8, VMCS_TYPE_READ_ONLY},
        {VMCS_GUEST_RIP, 8, VMCS_TYPE_GUEST},
        {VMCS_HOST_RIP, 8, VMCS_TYPE_HOST},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(vmcs_bytes(cases[i].field), cases[i].bytes);
        assert_int_equal(vmcs_type(cases[i].field), cases[i].type);
        assert_int_equal(vmcs_read_only(cases[i].field), cases[i].type == VMCS_TYPE_READ_ONLY);
    }
    assert_true(vmcs_high_half(VMCS_EPT_POINTER + 1));
    assert_false(vmcs_high_half(VMCS_EPT_POINTER));
}

/* A symbol says by its prefix what the field is for; a wrong digit in an encoding contradicts it. */
static void names_agree_with_types(void **state)
{
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        const char *name = vmcs_field_name(fields[i]);
        bool is_guest = vmcs_type(fields[i]) == VMCS_TYPE_GUEST, is_host = vmcs_type(fields[i]) == VMCS_TYPE_HOST;
        assert_int_equal(strncmp(name, "HOST_", 5) == 0, is_host);
        if (strncmp(name, "GUEST_", 6) == 0 && strcmp(name, "GUEST_PHYSICAL_ADDRESS") != 0 &&
            strcmp(name, "GUEST_LINEAR_ADDRESS") != 0)
            assert_true(is_guest);
        if (strstr(name, "_SELECTOR"))
            assert_int_equal(vmcs_bytes(fields[i]), 2);
        if (strstr(name, "_BASE"))
            assert_int_equal(vmcs_width(fields[i]), VMCS_WIDTH_NATURAL);
        if (strstr(name, "_LIMIT") || strstr(name, "_ACCESS"))
            assert_true(vmcs_bytes(fields[i]) == 4 || fields[i] == VMCS_APIC_ACCESS_ADDRESS);
    }
}

/* The table is in the SDM's order, so a duplicate or a misplaced field shows. */
static void table_ascends(void **state)
{
    for (size_t i = 1; i < COUNT_OF(fields); i++)
        assert_true(fields[i - 1] < fields[i]);
    assert_true(COUNT_OF(fields) > 130);
}

static void segment_fields(void **state)
{
    assert_int_equal(vmcs_guest_selector(SEG_TR), VMCS_GUEST_TR_SELECTOR);
    assert_int_equal(vmcs_guest_base(SEG_CS), VMCS_GUEST_CS_BASE);
    assert_int_equal(vmcs_guest_limit(SEG_LDTR), VMCS_GUEST_LDTR_LIMIT);
    assert_int_equal(vmcs_guest_access(SEG_SS), VMCS_GUEST_SS_ACCESS);
}

static void unknown_fields_have_a_name_too(void **state)
{
    assert_string_equal(vmcs_field_name(VMCS_GUEST_RIP), "GUEST_RIP");
    assert_string_equal(vmcs_field_name(0x7ffe), "?");
    assert_string_equal(vmcs_field_name(~0u), "?");
}

static void exit_reason_names(void **state)
{
    assert_string_equal(exit_reason_name(0), "EXCEPTION_OR_NMI");
    assert_string_equal(exit_reason_name(10), "CPUID");
    assert_string_equal(exit_reason_name(48), "EPT_VIOLATION");
    assert_string_equal(exit_reason_name(0x80000021), "ENTRY_FAILURE_GUEST_STATE");
    assert_string_equal(exit_reason_name((u32)EXIT_REASON_ENTRY_FAILURE | 41), "ENTRY_FAILURE_MACHINE_CHECK");
    assert_string_equal(exit_reason_name(35), "UNKNOWN");
    assert_string_equal(exit_reason_name(84), "RDMSR_IMMEDIATE");
    assert_string_equal(exit_reason_name(82), "UNKNOWN");
    assert_string_equal(exit_reason_name(EXIT_REASON_LIMIT), "UNKNOWN");
    for (u32 reason = 0; reason < 0x20000; reason++)
        assert_non_null(exit_reason_name(reason));
    assert_non_null(exit_reason_name(~0u));
}

static void instruction_error_names(void **state)
{
    assert_string_equal(instruction_error_name(7), "VM entry with invalid control fields");
    assert_string_equal(instruction_error_name(28), "invalid operand to INVEPT or INVVPID");
    static const u32 unused[] = {0, 14, 21, 27, 29, 64, ~0u};
    for (size_t i = 0; i < COUNT_OF(unused); i++)
        assert_string_equal(instruction_error_name(unused[i]), "unknown VM-instruction error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings_say_width_and_type),
        cmocka_unit_test(names_agree_with_types),
        cmocka_unit_test(table_ascends),
        cmocka_unit_test(segment_fields),
        cmocka_unit_test(unknown_fields_have_a_name_too),
        cmocka_unit_test(exit_reason_names),
        cmocka_unit_test(instruction_error_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
