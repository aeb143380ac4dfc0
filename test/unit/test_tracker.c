/* SPDX-License-Identifier: BSD-2-Clause */
/* The exit tracker: thresholds, predictions, and that nothing that exits goes on for ever without being translated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/tracker.h"

#define HZ 2000000000ull /* of the TSC */

static struct tracker tracker;
static u64 now;

static u64 unit(void)
{
    return 1ull << tracker.age_shift;
}

static int set_up(void **state)
{
    tracker_init(&tracker, 3, HZ);
    now = 5 * unit();
    return 0;
}

static enum track_advice port_exit(u64 rip, u16 port)
{
    return tracker_exit(&tracker, rip, (struct track_cause){TRACK_PORT, port}, now);
}

static void test_threshold(void **state)
{
    for (u32 threshold = 1; threshold <= 255; threshold++) {
        tracker_init(&tracker, threshold, HZ);
        for (u32 i = 1; i < threshold; i++)
            assert_int_equal(port_exit(0xffffffff81000000, 0x60), i + 1 < threshold ? TRACK_WAIT : TRACK_LOOK);
        assert_int_equal(port_exit(0xffffffff81000000, 0x60), TRACK_TRANSLATE);
        assert_int_equal(port_exit(0xffffffff81000000, 0x60), TRACK_TRANSLATE); /* nobody said that it was done */
    }
    assert_true(tracker.leaked == 0 && tracker.forced == 0);
}

static void test_done(void **state)
{
    for (u32 round = 0; round < 3; round++) {
        assert_int_equal(port_exit(0x7c00, 0x1f7), TRACK_WAIT);
        assert_int_equal(port_exit(0x7c00, 0x1f7), TRACK_LOOK);
        assert_int_equal(port_exit(0x7c00, 0x1f7), TRACK_TRANSLATE);
        tracker_done(&tracker, 0x7c00);
    }
    tracker_done(&tracker, 0x7c02); /* not known: nothing happens */
    assert_int_equal(tracker_predict(&tracker, 0x7c02).kind, TRACK_NONE);
    assert_int_equal(tracker_predict(&tracker, 0x7c00).kind, TRACK_PORT); /* what it exits on is still known */
}

static void test_predict(void **state)
{
    assert_int_equal(tracker_predict(&tracker, 0x1000).kind, TRACK_NONE);
    port_exit(0x1000, 0x3f8);
    tracker_exit(&tracker, 0x1002, (struct track_cause){TRACK_PAGE, 0xfee00000}, now);
    tracker_exit(&tracker, 0x1004, (struct track_cause){TRACK_OTHER, 10}, now);
    struct track_cause cause = tracker_predict(&tracker, 0x1000);
    assert_true(cause.kind == TRACK_PORT && cause.where == 0x3f8);
    cause = tracker_predict(&tracker, 0x1002);
    assert_true(cause.kind == TRACK_PAGE && cause.where == 0xfee00000);
    cause = tracker_predict(&tracker, 0x1004);
    assert_true(cause.kind == TRACK_OTHER && cause.where == 10);
    port_exit(0x1000, 0x2f8); /* the last one counts */
    assert_int_equal(tracker_predict(&tracker, 0x1000).where, 0x2f8);
    assert_int_equal(tracker_predict(&tracker, 0).kind, TRACK_NONE);
}

static void test_rip_0(void **state)
{
    port_exit(0, 0x20);
    assert_int_equal(tracker_predict(&tracker, 0).where, 0x20);
}

static void test_unit(void **state)
{
    static const u64 frequencies[] = {1, 1000000, 50000000, 999999999, 2400000000, 5000000000};

    for (u32 i = 0; i < COUNT_OF(frequencies); i++) {
        tracker_init(&tracker, 3, frequencies[i]);
        assert_true(unit() * 4 >= frequencies[i] * 3); /* 0.75 to 1.5 seconds */
        assert_true(unit() * 2 <= frequencies[i] * 3);
    }
}

/* Rows are found by search: RIPs that share the one of `like`. */
static u32 sharing(u64 like, u64 *rips, u32 count)
{
    static struct tracker probe;
    u32 found = 0, row = 0;

    tracker_init(&probe, 3, HZ);
    tracker_exit(&probe, like, (struct track_cause){TRACK_OTHER, 0}, now);
    while (!probe.row[row][0].tag)
        row++;
    for (u64 rip = 0x400000; found < count; rip += 3) {
        tracker_init(&probe, 3, HZ);
        tracker_exit(&probe, rip, (struct track_cause){TRACK_OTHER, 0}, now);
        if (probe.row[row][0].tag && rip != like)
            rips[found++] = rip;
    }
    return found;
}

static void test_oldest_goes(void **state)
{
    u64 rips[TRACKER_WAYS];

    sharing(0x1234, rips, TRACKER_WAYS);
    for (u32 start = 0; start < 2; start++) { /* the second time the age wraps in between */
        tracker_init(&tracker, 3, HZ);
        now = start ? (0x10000ull - 4) * unit() : 5 * unit();
        for (u32 i = 0; i < TRACKER_WAYS; i++) {
            port_exit(rips[i], (u16)i);
            now += unit();
        }
        port_exit(rips[0], 0x80);  /* seen again: [1] is the oldest now */
        now += 20 * unit();        /* but none is young */
        port_exit(0x1234, 0x1234); /* falls into the same row */
        assert_int_equal(tracker_predict(&tracker, rips[1]).kind, TRACK_NONE);
        assert_int_equal(tracker_predict(&tracker, rips[0]).where, 0x80);
        for (u32 i = 2; i < TRACKER_WAYS; i++)
            assert_int_equal(tracker_predict(&tracker, rips[i]).where, i);
        assert_int_equal(tracker_predict(&tracker, 0x1234).where, 0x1234);
        assert_int_equal(tracker.leaked, 0);
    }
}

/* One entry lost young is one site translated before its time: one that has exited before. */
static void test_forced(void **state)
{
    u64 rips[TRACKER_WAYS];

    sharing(0x1234, rips, TRACKER_WAYS);
    for (u32 i = 0; i < TRACKER_WAYS; i++)
        assert_int_equal(port_exit(rips[i], 0x80), TRACK_WAIT);
    assert_int_equal(port_exit(0x1234, 0x80), TRACK_WAIT);
    assert_true(tracker.leaked == 1 && tracker.pressure == 1 && tracker.forced == 0);
    assert_int_equal(port_exit(0x9999, 0x80), TRACK_WAIT); /* fresh, in a row with room */
    assert_int_equal(port_exit(0x1234, 0x80), TRACK_TRANSLATE);
    assert_true(tracker.leaked == 1 && tracker.pressure == 0 && tracker.forced == 1);
    assert_int_equal(port_exit(0x9999, 0x80), TRACK_LOOK);
}

/* What was translated does not leak when it falls out. */
static void test_done_does_not_leak(void **state)
{
    u64 rips[TRACKER_WAYS];

    sharing(0x1234, rips, TRACKER_WAYS);
    for (u32 i = 0; i < TRACKER_WAYS; i++) {
        port_exit(rips[i], 0x80);
        tracker_done(&tracker, rips[i]);
    }
    port_exit(0x1234, 0x80);
    assert_true(tracker.leaked == 0 && tracker.pressure == 0);
}

static bool translated[100000];

/* All sites exit in turn until each is translated; returns after how many rounds. */
static u32 rounds_for(u32 sites, u64 first, u64 stride)
{
    u32 left = sites, rounds = 0;

    for (u32 i = 0; i < sites; i++)
        translated[i] = false;
    for (; left && rounds < 1000; rounds++) {
        for (u32 i = 0; i < sites; i++) {
            u64 rip = first + i * stride;
            if (translated[i] || port_exit(rip, (u16)i) != TRACK_TRANSLATE)
                continue;
            tracker_done(&tracker, rip);
            translated[i] = true;
            left--;
        }
        now += unit() / 8;
    }
    return rounds;
}

/* More sites than there is room for. Those for which there is room wait for exactly their threshold. */
static void test_leak(void **state)
{
    static const struct {
        u32 sites, threshold, rounds;
        u64 first, stride;
    } cases[] = {
        {1000, 3, 3, 0xffffffffc0000000, 0x40},  {5000, 3, 5, 0xffffffffc0000000, 7},
        {5000, 3, 5, 0xffffffff81000000, 4096},  {5000, 255, 279, 0x400000, 5},
        {20000, 3, 7, 0xffffffffc0000000, 0x10}, {100000, 255, 397, 0x7f0000000000, 3},
    };

    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        tracker_init(&tracker, cases[i].threshold, HZ);
        u32 rounds = rounds_for(cases[i].sites, cases[i].first, cases[i].stride);
        if (rounds > cases[i].rounds)
            fail_msg("case %u: %u rounds", i, rounds);
        if (cases[i].sites > TRACKER_ROWS * TRACKER_WAYS)
            assert_true(tracker.leaked && tracker.forced);
        assert_true(tracker.pressure == tracker.leaked - tracker.forced);
    }
}

/*
 * Far more sites than there is room for: nearly each exit is one for the first time. No more translations are forced
 * than entries were lost, and no more than one for TRACKER_FRESH_EACH exits, but that many.
 */
static void test_forced_is_paid_back(void **state)
{
    for (u32 round = 0; round < 20; round++)
        for (u32 i = 0; i < 30000; i++)
            port_exit(0x10000 + i * 11, 0x60);
    assert_true(tracker.forced <= tracker.leaked);
    assert_true(tracker.forced > 20 * 30000 / TRACKER_FRESH_EACH / 2);
}

/* What cannot be translated, or is translated in vain, is asked for less and less often. */
static void test_vain(void **state)
{
    u32 exits = 0, asked[3] = {0};

    for (u32 i = 0; i < COUNT_OF(asked); i++) {
        do {
            exits++;
        } while (port_exit(0x7c00, 0x60) != TRACK_TRANSLATE);
        asked[i] = exits;
        tracker_vain(&tracker, 0x7c00, false);
    }
    assert_int_equal(asked[0], tracker.threshold);
    assert_int_equal(asked[1] - asked[0], tracker.threshold << TRACKER_VAIN_FIRST);
    assert_int_equal(asked[2] - asked[1], tracker.threshold << (TRACKER_VAIN_FIRST + 1));
    assert_int_equal(tracker_vain(&tracker, 0x9999, false), 0); /* not known: nothing happens */
    assert_int_equal(tracker_vain(&tracker, 0x7c00, true), tracker.threshold << (TRACKER_VAIN_FIRST + 3));
    assert_int_equal(port_exit(0x7c00, 0x60), TRACK_LOOK); /* the exits before it went by unseen */
    assert_int_equal(port_exit(0x7c00, 0x60), TRACK_TRANSLATE);
}

/* Code is compared with what stood there one exit before, and with nothing older. */
static void test_look(void **state)
{
    assert_true(tracker_looks_same(&tracker, 0x7c00, 5)); /* not known */
    port_exit(0x7c00, 0x60);
    assert_true(tracker_looks_same(&tracker, 0x7c00, 5)); /* nothing noted */
    tracker_look(&tracker, 0x7c00, 5);
    assert_true(tracker_looks_same(&tracker, 0x7c00, 5));
    assert_false(tracker_looks_same(&tracker, 0x7c00, 6));
    tracker_vain(&tracker, 0x7c00, false);
    assert_true(tracker_looks_same(&tracker, 0x7c00, 6));
    tracker_look(&tracker, 0x7c00, 5);
    tracker_done(&tracker, 0x7c00);
    assert_true(tracker_looks_same(&tracker, 0x7c00, 6));
    tracker_look(&tracker, 0x9999, 5); /* not known: nothing happens */
}

/* A run of strangers puts it to rest, one that is known wakes it. */
static void test_rest(void **state)
{
    u32 looked = 0;

    for (u32 i = 0; i <= TRACKER_REST; i++) {
        assert_false(tracker_rests(&tracker));
        port_exit(0x10000 + i * 11, 0x60);
    }
    for (u32 i = 0; i < 10 * TRACKER_REST_EACH; i++)
        looked += !tracker_rests(&tracker);
    assert_int_equal(looked, 10);
    port_exit(0x10000 + 11 * TRACKER_REST, 0x60);
    assert_false(tracker_rests(&tracker));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_threshold, set_up),
        cmocka_unit_test_setup(test_done, set_up),
        cmocka_unit_test_setup(test_predict, set_up),
        cmocka_unit_test_setup(test_rip_0, set_up),
        cmocka_unit_test_setup(test_unit, set_up),
        cmocka_unit_test_setup(test_oldest_goes, set_up),
        cmocka_unit_test_setup(test_vain, set_up),
        cmocka_unit_test_setup(test_rest, set_up),
        cmocka_unit_test_setup(test_look, set_up),
        cmocka_unit_test_setup(test_forced, set_up),
        cmocka_unit_test_setup(test_done_does_not_leak, set_up),
        cmocka_unit_test_setup(test_leak, set_up),
        cmocka_unit_test_setup(test_forced_is_paid_back, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
