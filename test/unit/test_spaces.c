/* SPDX-License-Identifier: BSD-2-Clause */
/* The address spaces that vmx/entry.S looks in: vmx/spaces.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmx/spaces.h"

static struct spaces spaces;
static char tables[2 * SPACES];

static int forget(void **state)
{
    (void)state;
    spaces_forget(&spaces);
    return 0;
}

static void note(u32 n)
{
    spaces_note(&spaces, 0x1000 * (n + 1ull), &tables[n]);
}

/* As entry.S looks for it. NULL: it does not find it. */
static const void *table_of(u64 cr3)
{
    for (const struct space *at = spaces.known;; at++) {
        if (at->cr3 == cr3)
            return at->table;
        if (!at[1].table)
            return NULL;
    }
}

static void one_is_looked_in_at_once(void **state)
{
    (void)state;
    assert_true(spaces.now.cr3 == SPACE_NONE);
    assert_null(table_of(0x1000));
    note(0);
    assert_true(spaces.now.cr3 == 0x1000 && spaces.now.table == &tables[0]);
    assert_ptr_equal(table_of(0x1000), &tables[0]);
    assert_null(table_of(0x2000));
}

static void the_first_of_too_many_gives_way(void **state)
{
    (void)state;
    for (u32 n = 0; n < SPACES; n++)
        note(n);
    note(3); /* that is known */
    assert_true(spaces.now.cr3 == 0x4000);
    for (u32 n = 0; n < SPACES; n++)
        assert_ptr_equal(table_of(0x1000 * (n + 1ull)), &tables[n]);
    note(SPACES);
    note(SPACES + 1);
    assert_null(table_of(0x1000));
    assert_null(table_of(0x2000));
    for (u32 n = 2; n < SPACES + 2; n++)
        assert_ptr_equal(table_of(0x1000 * (n + 1ull)), &tables[n]);
}

static void nothing_is_left(void **state)
{
    (void)state;
    for (u32 n = 0; n < SPACES; n++)
        note(n);
    spaces_forget(&spaces);
    assert_true(spaces.now.cr3 == SPACE_NONE);
    for (u32 n = 0; n < SPACES; n++)
        assert_null(table_of(0x1000 * (n + 1ull)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_is_looked_in_at_once, forget),
        cmocka_unit_test_setup(the_first_of_too_many_gives_way, forget),
        cmocka_unit_test_setup(nothing_is_left, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
