/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emul_step_cached() does what emul_step() does, to the last bit (test/fuzz/cached_scenario.h), whatever happens to the
 * code between.
 *
 *   test_cached [steps] [seed]    a longer run, for make nightly
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/fuzz/cached_scenario.h"

#define LIFE 4000 /* steps of one set of guests */

static u64 seed;

static u32 draw(u32 n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (u32)((seed * 0x2545f4914f6cdd1dull >> 33) * n >> 31);
}

static bool live(u64 steps, u64 first_seed)
{
    seed = first_seed * 0x9e3779b97f4a7c15ull + 1;
    memset(&scenario_seen, 0, sizeof(scenario_seen));
    while (scenario_seen.steps < steps) {
        scenario_begin();
        for (u32 i = 0; i < LIFE; i++) {
            if (!scenario_step()) {
                printf("seed %llu: %s\n ", (unsigned long long)first_seed, scenario_trouble);
                for (u32 n = 0; n < scenario_last.length; n++)
                    printf(" %02x", scenario_last.bytes[n]);
                printf(" %s\n", op_name(scenario_last.op));
                return false;
            }
        }
        scenario_end();
    }
    return true;
}

static void say(u64 first_seed)
{
    printf("cached: %llu steps, seed %llu: %llu hits, %llu in one piece (%llu of them the LAPIC), 0 differences\n",
           (unsigned long long)scenario_seen.steps, (unsigned long long)first_seed,
           (unsigned long long)scenario_seen.hits, (unsigned long long)scenario_seen.quick,
           (unsigned long long)scenario_seen.lapic_quick);
}

static void say_more(void)
{
    const u64 *status = scenario_seen.status;
    printf("  two pages %llu; done %llu, partial %llu, event %llu, mismatch %llu, unsupported %llu; in one piece "
           "refused %llu; code "
           "rewritten %llu, remapped %llu, modes %llu, holes %llu, flushes %llu; works written %llu, evicted %llu, "
           "differences %llu, pages demoted %llu, trusted %llu\n",
           (unsigned long long)scenario_seen.hits_of_two_pages, (unsigned long long)status[EMUL_DONE],
           (unsigned long long)status[EMUL_PARTIAL], (unsigned long long)status[EMUL_EVENT],
           (unsigned long long)status[EMUL_MISMATCH], (unsigned long long)status[EMUL_UNSUPPORTED],
           (unsigned long long)scenario_seen.quick_refused, (unsigned long long)scenario_seen.rewritten,
           (unsigned long long)scenario_seen.remapped, (unsigned long long)scenario_seen.modes,
           (unsigned long long)scenario_seen.holes, (unsigned long long)scenario_seen.flushes,
           (unsigned long long)scenario_seen.written, (unsigned long long)scenario_seen.evicted,
           (unsigned long long)scenario_seen.differences, (unsigned long long)scenario_seen.demoted,
           (unsigned long long)scenario_seen.trusted);
}

/* What is not exercised proves nothing. */
static void equals_step(void **state)
{
    assert_true(live(200000, 1));
    say(1);
    assert_true(scenario_seen.hits > 50000 && scenario_seen.hits_of_two_pages > 1000);
    assert_true(scenario_seen.quick > 3000 && scenario_seen.lapic_quick > 800 && scenario_seen.quick_refused > 3000);
    for (u32 i = EMUL_DONE; i <= EMUL_UNSUPPORTED; i++)
        assert_true(scenario_seen.status[i] > 20);
    assert_true(scenario_seen.written > 10000 && scenario_seen.differences > 100);
    assert_true(scenario_seen.demoted > 10 && scenario_seen.trusted > 10);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_step),
    };
    if (argc > 1) {
        u64 first_seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
        if (!live(strtoull(argv[1], NULL, 0), first_seed))
            return 1;
        say(first_seed);
        say_more();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
