/* SPDX-License-Identifier: BSD-2-Clause */
/* Traces that are made in slices (emul/maker.h), while the guest goes on. Each run is held against the interpreter. */
#define _GNU_SOURCE /* REG_RIP */
#include "test/unit/translate_case.h"

#include "emul/site_make.h"

/* CALL; TEST ECX, ECX; JNZ; OUT 80; DEC EBX; JNZ to the CALL; the function: IN AL, DX; RET */
static void put_polling(void)
{
    begin_traces();
    cluster_sites->maker.ticks = 1;
    PUT(HERE, 0xe8, 0xfb, 0, 0, 0, 0x85, 0xc9, 0x75, 0x06, 0xe6, 0x80, 0xff, 0xcb, 0x75, 0xf1);
    store_code(HERE + 0x100, (const u8[]){0xec, 0xc3}, 2);
    initial.gpr[RDX] = 0x60;
    initial.gpr[RBX] = 3;
}

static struct translation *polling(void)
{
    return translations_find(&cluster_sites->tc, HERE + 0x100);
}

/* Turns until it has begun. */
static void turn_until_busy(void)
{
    for (u32 i = 0; i < 8 && !cluster_sites->maker.busy; i++)
        turn_once();
    assert_true(cluster_sites->maker.busy);
}

/* Turns until it is there. Returns how many. */
static u32 turn_until_made(void)
{
    u32 turns = 0;
    for (; turns < 400 && cluster_sites->maker.busy; turns++)
        turn_once();
    assert_false(cluster_sites->maker.busy);
    return turns;
}

static void made_in_slices(void **state)
{
    put_polling();
    cluster_sites->maker.ticks = 0;
    turn_once();
    const struct translation once = *polling();
    put_polling();
    u64 slices = cluster_seen.slices;
    turn_until_busy();
    assert_null(polling());
    turn_until_made();
    assert_true(cluster_seen.slices > slices + 2 * once.count); /* each instruction is looked at more than once */
    assert_int_equal(polling()->count, once.count);
    assert_int_equal(polling()->exiting, once.exiting);
    assert_int_equal(polling()->promise, once.promise);
    assert_true(made_at(HERE + 0x100)->watched);
}

/* The code changes between two slices: at each of them. */
static void changed_meanwhile(void **state)
{
    for (u32 at = 0;; at++) {
        put_polling();
        turn_until_busy();
        for (u32 i = 0; i < at && cluster_sites->maker.busy; i++)
            turn_once();
        bool late = !cluster_sites->maker.busy;
        store_code(HERE + 9, (const u8[]){0xe6, 0x81}, 2); /* OUT 81 */
        turn_until_made();
        for (u32 i = 0; i < 4; i++)
            turn_once();
        if (late) {
            assert_true(at > 10);
            return;
        }
    }
}

/* In another address space it waits, and gives up in the end; then it begins again. */
static void another_world(void **state)
{
    put_polling();
    turn_until_busy();
    struct maker *maker = &cluster_sites->maker;
    maker->world.cr3 ^= PAGE_SIZE; /* where it began */
    u64 *before = maker->slices.work.stack;
    turn_once();
    assert_ptr_equal(maker->slices.work.stack, before);
    assert_true(maker->busy && maker->patience < MAKER_PATIENCE);
    maker->patience = 0;
    turn_once();
    turn_until_busy();
    assert_int_equal(maker->world.cr3, host_guests[RUNS].v.cr3);
    turn_until_made();
    made_at(HERE + 0x100);
}

/* Meanwhile nothing else is made. */
static void one_at_a_time(void **state)
{
    put_polling();
    turn_until_busy();
    store_code(HERE + 0x200, (const u8[]){0xe4, 0x61, 0xe4, 0x62, 0xf4}, 5); /* IN AL, 61; IN AL, 62; HLT */
    cluster_made.rip = HERE + 0x200;
    for (u32 i = 0; i < 4 && cluster_sites->maker.busy; i++) {
        turn_once();
        assert_true(!cluster_sites->maker.busy || !translations_find(&cluster_sites->tc, HERE + 0x200));
    }
    turn_until_made();
    for (u32 i = 0; i < 400 && !translations_find(&cluster_sites->tc, HERE + 0x200); i++)
        turn_once();
    assert_non_null(translations_find(&cluster_sites->tc, HERE + 0x200));
}

/* What grows in part is not used: its code turned out to change in the meantime. */
static void given_up_while_growing(void **state)
{
    put_polling();
    cluster_sites->maker.ticks = 0;
    turn_once();
    cluster_sites->maker.ticks = 1;
    initial.gpr[RCX] = 1;
    turn_until_busy();
    turn_once();
    assert_true(cluster_sites->maker.busy && cluster_sites->trace.count);
    site_forget_path(cluster_sites, HERE + 0x100);
    assert_true(!cluster_sites->maker.busy && !cluster_sites->trace.count && !cluster_sites->path.count);
    assert_false(polling()->watched);
    for (u32 i = 0; i < 8; i++)
        turn_once();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_in_slices), cmocka_unit_test(changed_meanwhile),      cmocka_unit_test(another_world),
        cmocka_unit_test(one_at_a_time),  cmocka_unit_test(given_up_while_growing),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
