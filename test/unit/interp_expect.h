/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the interpreter share: the guest's CPU, and how one instruction ended. After cmocka.h. */
#ifndef TEST_INTERP_EXPECT_H
#define TEST_INTERP_EXPECT_H

#include "emul/interp.h"
#include "test/unit/emul_fixture.h"

static struct vcpu *v;

static void expect_event(enum emul_status status, u32 vector, s64 error_code)
{
    assert_int_equal(status, EMUL_EVENT);
    assert_true(v->event.valid);
    assert_int_equal(v->event.vector, vector);
    assert_int_equal(v->event.has_error_code, error_code >= 0);
    if (error_code >= 0)
        assert_int_equal(v->event.error_code, error_code);
    assert_int_equal(v->rip, 0x200);
}

static void expect_done(enum emul_status status, u32 length)
{
    assert_int_equal(status, EMUL_DONE);
    assert_int_equal(v->rip, 0x200 + length);
}

#endif
