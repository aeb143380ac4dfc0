/* SPDX-License-Identifier: BSD-2-Clause */
/* A remembered walk counts only while a new walk would come to the same end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/emul_fixture.h"

#define PAGE 0x5000ull
#define OTHER 0x6000ull

static struct vcpu *v;

static int set_up(void **state)
{
    v = guest_init(MODE_64, false);
    return 0;
}

static u64 *pte(u64 linear)
{
    u64 table = v->cr3 & BITS(51, 12);
    for (u32 shift = 39; shift > 12; shift -= 9)
        table = ((u64 *)(host_guest.ram + table))[(linear >> shift) & 511] & BITS(51, 12);
    return (u64 *)(host_guest.ram + table) + ((linear >> 12) & 511);
}

static bool remembered(enum access_kind kind)
{
    struct access_piece piece;
    walk_memo_begin(v, &v->vm->window);
    return access_recall(v, gva(PAGE), kind, &piece);
}

static u64 translated(enum access_kind kind)
{
    struct access_piece piece;
    assert_true(access_translate(v, gva(PAGE + 8), kind, false, &piece));
    return piece.at.at;
}

static void learns(void **state)
{
    assert_false(remembered(ACCESS_READ));
    assert_int_equal(translated(ACCESS_READ), PAGE + 8);
    assert_true(remembered(ACCESS_READ));
    assert_false(remembered(ACCESS_WRITE)); /* each kind of access by itself: the dirty flag */
    assert_int_equal(translated(ACCESS_WRITE), PAGE + 8);
    assert_true(remembered(ACCESS_WRITE));
    assert_int_equal(translated(ACCESS_READ), PAGE + 8);
}

static void follows_tables(void **state)
{
    translated(ACCESS_READ);
    *pte(PAGE) = OTHER | (*pte(PAGE) & 0xfff);
    assert_false(remembered(ACCESS_READ));
    assert_int_equal(translated(ACCESS_READ), OTHER + 8);
    *pte(PAGE) &= ~BIT(5); /* the accessed flag, taken away by the guest, is set again */
    assert_false(remembered(ACCESS_READ));
    translated(ACCESS_READ);
    assert_true(*pte(PAGE) & BIT(5));
    *pte(PAGE) = 0;
    struct access_piece piece;
    assert_false(access_translate(v, gva(PAGE), ACCESS_READ, false, &piece));
}

static void follows_registers(void **state)
{
    translated(ACCESS_READ);
    v->cr0 ^= CR0_WP;
    assert_false(remembered(ACCESS_READ));
    translated(ACCESS_READ);
    assert_true(remembered(ACCESS_READ));
    v->cr4 |= CR4_SMEP;
    assert_false(remembered(ACCESS_READ));
    translated(ACCESS_READ);
    v->seg[SEG_SS].access |= ACCESS_DPL; /* CPL 3 asks for itself */
    assert_false(remembered(ACCESS_READ));
}

static void follows_holes(void **state)
{
    struct access_piece piece;
    translated(ACCESS_READ);
    assert_int_equal(ept_add_hole(&v->vm->ept, (struct range){PAGE, PAGE + PAGE_SIZE}), EPT_OK);
    assert_false(remembered(ACCESS_READ));
    assert_true(access_translate(v, gva(PAGE), ACCESS_READ, false, &piece));
    assert_int_equal(piece.class, EPT_CLASS_TRAPPED);
    assert_null(piece.ptr);
}

/* Another top table: what it says counts, not which one it is. */
static void is_for_all_spaces_that_share_the_entry(void **state)
{
    u64 old = v->cr3, new = 0x7000;
    u64 *top = (u64 *)(host_guest.ram + new);
    translated(ACCESS_READ);
    memcpy(top, host_guest.ram + (old & BITS(51, 12)), PAGE_SIZE);
    v->cr3 = new;
    assert_true(remembered(ACCESS_READ));
    top[0] ^= BIT(9); /* an ignored bit */
    assert_false(remembered(ACCESS_READ));
    translated(ACCESS_READ);
    assert_true(remembered(ACCESS_READ));
    v->cr3 = old;
    assert_false(remembered(ACCESS_READ));
    v->cr3 = new;
    assert_true(remembered(ACCESS_READ));
    v->cr3 = RAM_SIZE; /* the table is not in RAM */
    assert_false(remembered(ACCESS_READ));
}

/* SMAP: the verdict hangs on RFLAGS.AC, so nothing is kept. */
static void keeps_no_ifs(void **state)
{
    v->cr4 |= CR4_SMAP;
    v->rflags |= RFLAGS_AC;
    translated(ACCESS_READ); /* guest_page() makes user pages */
    assert_false(remembered(ACCESS_READ));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(learns, set_up),
        cmocka_unit_test_setup(follows_tables, set_up),
        cmocka_unit_test_setup(follows_registers, set_up),
        cmocka_unit_test_setup(follows_holes, set_up),
        cmocka_unit_test_setup(is_for_all_spaces_that_share_the_entry, set_up),
        cmocka_unit_test_setup(keeps_no_ifs, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
