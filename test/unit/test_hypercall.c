/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/string.h"
#include "vmx/hypercall.h"

#include <cmocka.h>

static struct {
    struct marks marks;
    u32 resets, reports, flushes, room;
} host_state;

static void on_reset(void *context)
{
    host_state.resets++;
}
static void on_report(void *context)
{
    host_state.reports++;
}

static void on_flush(void *context)
{
    host_state.flushes++;
    host_state.marks.count = 0;
    host_state.room = 1000;
}

static u64 on_counter(void *context, enum hypercall_counter index)
{
    return 0x1122334400000000ull * (index == HYPERCALL_TSC_GUEST) + 100 + index;
}

static bool on_measure(void *context, struct mark *new)
{
    if (!host_state.room)
        return false;
    host_state.room--;
    for (u32 i = 0; i < HYPERCALL_COUNTER_COUNT; i++)
        new->values[i] = on_counter(context, (enum hypercall_counter)i);
    return true;
}

static const struct hypercall_host host = {
    .marks = &host_state.marks,
    .reset = on_reset,
    .report = on_report,
    .flush_marks = on_flush,
    .counter = on_counter,
    .measure = on_measure,
};

static u64 gpr[GPR_COUNT];

static u64 call(u64 rax, u64 rbx, u64 rcx, u64 rdx)
{
    for (u32 i = 0; i < GPR_COUNT; i++)
        gpr[i] = 0xabcd000000000000ull + i;
    gpr[RAX] = rax;
    gpr[RBX] = rbx;
    gpr[RCX] = rcx;
    gpr[RDX] = rdx;
    hypercall_perform(&host, gpr);
    return gpr[RAX];
}

static int setup(void **state)
{
    memset(&host_state, 0, sizeof(host_state));
    host_state.room = 1000;
    return 0;
}

static void who_may_call(void **state)
{
    for (unsigned cpl = 0; cpl < 4; cpl++) {
        assert_int_equal(hypercall_allowed(HYPERCALL_KERNEL, cpl), cpl < 3);
        assert_true(hypercall_allowed(HYPERCALL_USER, cpl));
        assert_false(hypercall_allowed(HYPERCALL_OFF, cpl));
    }
}

static void reset_and_report(void **state)
{
    assert_int_equal(call(0x45580001, 0, 0, 0), 0);
    assert_int_equal(host_state.resets, 1);
    assert_int_equal(call(0x45580002, 0, 0, 0), 0);
    assert_int_equal(host_state.reports, 1);
    assert_int_equal(gpr[RSI], 0xabcd000000000000ull + RSI); /* no other register changes */
}

static void unknown_functions(void **state)
{
    static const u32 functions[] = {0, 0x45580000, 0x45580005, 0x4558, 0xffffffff};
    for (u32 i = 0; i < COUNT_OF(functions); i++)
        assert_int_equal(call(functions[i], 1, 2, 3), 1);
    assert_int_equal(host_state.resets + host_state.reports + host_state.marks.count, 0);
    assert_int_equal(gpr[RBX], 1);
    assert_int_equal(gpr[RCX], 2);
    assert_int_equal(gpr[RDX], 3);
}

/* EAX is the function: a 64-bit caller's upper half of RAX and RBX does not count. */
static void upper_halves_are_ignored(void **state)
{
    assert_int_equal(call(0xffffffff45580004ull, 0xffffffff00000000ull, 5, 5), 0);
    assert_int_equal(gpr[RCX], 100);
    assert_int_equal(gpr[RDX], 0);
}

static void counters_come_in_two_halves(void **state)
{
    for (u32 index = 0; index < 8; index++) {
        assert_int_equal(call(0x45580004, index, ~0ull, ~0ull), 0);
        assert_int_equal(gpr[RCX], 100 + index);
        assert_int_equal(gpr[RDX], index == 3 ? 0x11223344 : 0);
        assert_int_equal(gpr[RBX], index);
    }
    assert_int_equal(call(0x45580004, 8, 7, 7), 2);
    assert_int_equal(gpr[RCX], 7);
    assert_int_equal(call(0x45580004, 0xffffffff, 0, 0), 2);
}

static void marks_have_number_name_and_counters(void **state)
{
    assert_int_equal(call(0x45580003, 0x100000007ull, 0x44434241, 0x48474645), 0);
    assert_int_equal(call(0x45580003, 8, 0x00006968, 0x41414141), 0); /* nothing after the first zero counts */
    assert_int_equal(call(0x45580003, 9, 0, 0), 0);
    assert_int_equal(host_state.marks.count, 3);
    assert_int_equal(host_state.marks.mark[0].number, 7);
    assert_string_equal(host_state.marks.mark[0].name, "ABCDEFGH");
    assert_int_equal(host_state.marks.mark[0].values[HYPERCALL_TC_HITS], 104);
    assert_string_equal(host_state.marks.mark[1].name, "hi");
    assert_string_equal(host_state.marks.mark[2].name, "");
}

static void names_are_printable(void **state)
{
    assert_int_equal(call(0x45580003, 1, 0x41410a41, 0), 2);
    assert_int_equal(call(0x45580003, 1, 0x41414141, 0x80), 2);
    assert_int_equal(call(0x45580003, 1, 0x0000007f, 0), 2);
    assert_int_equal(host_state.marks.count, 0);
}

static void full_marks_are_flushed_and_none_is_lost(void **state)
{
    for (u32 i = 0; i < MARKS_MAX; i++)
        assert_int_equal(call(0x45580003, i, 0, 0), 0);
    assert_int_equal(host_state.flushes, 0);
    assert_int_equal(call(0x45580003, 1000, 0, 0), 0);
    assert_int_equal(host_state.flushes, 1);
    assert_int_equal(host_state.marks.count, 1);
    assert_int_equal(host_state.marks.mark[0].number, 1000);
}

static void marks_are_flushed_where_phases_have_no_room(void **state)
{
    host_state.room = 2;
    for (u32 i = 0; i < 3; i++)
        assert_int_equal(call(0x45580003, i, 0, 0), 0);
    assert_int_equal(host_state.flushes, 1);
    assert_int_equal(host_state.marks.count, 1);
    assert_int_equal(host_state.marks.mark[0].number, 2);
    assert_int_equal(host_state.marks.mark[0].values[HYPERCALL_TC_HITS], 104);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_call),
        cmocka_unit_test_setup(reset_and_report, setup),
        cmocka_unit_test_setup(unknown_functions, setup),
        cmocka_unit_test_setup(upper_halves_are_ignored, setup),
        cmocka_unit_test_setup(counters_come_in_two_halves, setup),
        cmocka_unit_test_setup(marks_have_number_name_and_counters, setup),
        cmocka_unit_test_setup(names_are_printable, setup),
        cmocka_unit_test_setup(full_marks_are_flushed_and_none_is_lost, setup),
        cmocka_unit_test_setup(marks_are_flushed_where_phases_have_no_room, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
