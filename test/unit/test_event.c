/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of two events is delivered, and the format of interruption information. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmx/event.h"

static struct event exception(u8 vector)
{
    bool code = vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;
    return (struct event){
        .valid = true,
        .has_error_code = code,
        .vector = vector,
        .type = EVENT_HARDWARE_EXCEPTION,
        .error_code = code ? 0x40u + vector : 0,
    };
}

static const struct event none;

static void check_same(const struct event *got, const struct event *want)
{
    assert_int_equal(got->valid, want->valid);
    assert_int_equal(got->vector, want->vector);
    assert_int_equal(got->type, want->type);
    assert_int_equal(got->has_error_code, want->has_error_code);
    assert_int_equal(got->error_code, want->error_code);
    assert_int_equal(got->instruction_length, want->instruction_length);
}

/*
 * SDM "Interrupt 8-Double Fault Exception (#DF)", table "Interrupt and Exception Classes": of vectors 0 to 31, Benign,
 * Contributory, Page fault, Double fault.
 */
static const char classes[] = "CBBBBBBBDBCCCCPBBBBBPCBBBBBBBBBB";

/* The table "Conditions for Generating a Double Fault": the second event as it is, a double fault, shutdown. */
enum outcome { SECOND, DOUBLE, SHUTDOWN };

static enum outcome wanted(char first, char second)
{
    if (first == 'B' || second == 'B')
        return SECOND;
    switch (first) {
    case 'C':
        return second == 'P' ? SECOND : DOUBLE;
    case 'P':
        return DOUBLE;
    default:
        return SHUTDOWN;
    }
}

static void check_pair(const struct event *first, const struct event *second, enum outcome want)
{
    struct event got;
    enum event_outcome outcome = event_combine(first, second, &got);
    if (outcome != (want == SHUTDOWN ? EVENT_SHUTDOWN : EVENT_DELIVER))
        fail_msg("%u during %u: outcome %d", second->vector, first->vector, outcome);
    if (want == SECOND)
        check_same(&got, second);
    if (want == DOUBLE)
        check_same(&got,
                   &(struct event){
                       .valid = true, .has_error_code = true, .vector = VECTOR_DF, .type = EVENT_HARDWARE_EXCEPTION});
}

static void test_all_pairs_of_exceptions(void **state)
{
    assert_int_equal(strlen(classes), 32);
    for (u8 a = 0; a < 32; a++) {
        for (u8 b = 0; b < 32; b++) {
            struct event first = exception(a), second = exception(b);
            check_pair(&first, &second, wanted(classes[a], classes[b]));
        }
    }
}

/* Interrupts and INT n are benign, whatever their vector is. */
static void test_other_types_are_benign(void **state)
{
    static const u8 types[] = {EVENT_EXTERNAL_INTERRUPT, EVENT_NMI, EVENT_SOFTWARE_INTERRUPT,
                               EVENT_PRIVILEGED_SOFTWARE_EXCEPTION, EVENT_SOFTWARE_EXCEPTION};
    for (u32 i = 0; i < COUNT_OF(types); i++) {
        for (u32 vector = 0; vector < 256; vector++) {
            struct event first = {.valid = true, .vector = (u8)vector, .type = types[i], .instruction_length = 2};
            struct event second = exception(VECTOR_GP);
            check_pair(&first, &second, SECOND);
            second = exception(VECTOR_PF);
            check_pair(&first, &second, SECOND);
        }
    }
}

static void test_one_or_none(void **state)
{
    struct event fault = exception(VECTOR_PF), got;
    struct event software = {.valid = true, .vector = 0x80, .type = EVENT_SOFTWARE_INTERRUPT, .instruction_length = 2};
    assert_int_equal(event_combine(&none, &none, &got), EVENT_NONE);
    assert_false(got.valid);
    assert_int_equal(event_combine(&none, &fault, &got), EVENT_DELIVER);
    check_same(&got, &fault);
    assert_int_equal(event_combine(&software, &none, &got), EVENT_DELIVER);
    check_same(&got, &software);
    /* A double fault that was interrupted by an EPT violation is delivered again, and is no shutdown. */
    struct event double_fault = exception(VECTOR_DF);
    double_fault.error_code = 0;
    assert_int_equal(event_combine(&double_fault, &none, &got), EVENT_DELIVER);
    check_same(&got, &double_fault);
}

/* SDM "Format of the VM-Entry Interruption-Information Field". */
static void test_format(void **state)
{
    struct event page_fault = exception(VECTOR_PF);
    struct event nmi = {.valid = true, .vector = VECTOR_NMI, .type = EVENT_NMI};
    struct event interrupt = {.valid = true, .vector = 0xff, .type = EVENT_EXTERNAL_INTERRUPT};
    struct event software = {.valid = true, .vector = 0x80, .type = EVENT_SOFTWARE_INTERRUPT};
    assert_int_equal(event_encode(&page_fault), 0x80000b0e);
    assert_int_equal(event_encode(&nmi), 0x80000202);
    assert_int_equal(event_encode(&interrupt), 0x800000ff);
    assert_int_equal(event_encode(&software), 0x80000480);
    page_fault.valid = false;
    assert_int_equal(event_encode(&page_fault) & BIT(31), 0);
}

static void test_decode(void **state)
{
    /* Valid clear: nothing else counts. */
    struct event got = event_decode(0x7fffffff, 0xffffffff, 15);
    assert_false(got.valid);
    /* Bit 12, undefined or NMI unblocking, and the reserved bits are not taken over. */
    got = event_decode(0xfffff000u | 0x30e, 0x1234, 3);
    check_same(&got,
               &(struct event){.valid = true, .vector = 14, .type = EVENT_HARDWARE_EXCEPTION, .instruction_length = 3});
    assert_int_equal(event_encode(&got), 0x8000030e);
}

static void test_round_trip(void **state)
{
    for (u32 type = 0; type < 8; type++) {
        for (u32 vector = 0; vector < 256; vector++) {
            for (u32 code = 0; code < 2; code++) {
                u32 information = 0x80000000u | code << 11 | type << 8 | vector;
                struct event event = event_decode(information, 0xabcd, 7);
                assert_true(event.valid);
                assert_int_equal(event.error_code, code ? 0xabcd : 0);
                assert_int_equal(event.instruction_length, 7);
                assert_int_equal(event_encode(&event), information);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_pairs_of_exceptions),
        cmocka_unit_test(test_other_types_are_benign),
        cmocka_unit_test(test_one_or_none),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
