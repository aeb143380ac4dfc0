/* SPDX-License-Identifier: BSD-2-Clause */
/* Exits that no translation serves: how long none is looked up, and what wakes that up (vmx/site_rest.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmx/exit_site.h"
#include "vmx/vmcs.h"

static struct sites sites;
static struct cpu cpu;
static bool quick; /* where exits lead to */

void vmcs_exit_to(const struct cpu *of, bool to_quick)
{
    assert_ptr_equal(of, &cpu);
    quick = to_quick;
}

static struct site_skip *passed_over; /* the exit's own */

static int set_up(void **state)
{
    memset(&cpu, 0, sizeof(cpu));
    memset(&sites, 0, sizeof(sites));
    cpu.sites = &sites;
    cpu.rest.left = 1;
    cpu.tcache.turn_mask = TC_REST_EACH - 1;
    cpu.vcpu.rip = 0x1000;
    passed_over = site_skip_of(&sites, cpu.vcpu.rip);
    passed_over->rip = cpu.vcpu.rip;
    quick = true;
    return 0;
}

/* An exit that the sites pass over. Whether they were asked. */
static bool pass_over(void)
{
    passed_over->left = 1;
    assert_false(exit_has_site(&cpu));
    return !passed_over->left;
}

static void pass(u32 count)
{
    while (count--)
        assert_true(pass_over());
}

/* It rests now; how long is that? What it ends by is an exit that asks again. */
static u32 rest_length(void)
{
    u32 length = 0;
    assert_true(cpu.rest.now);
    assert_false(quick);
    assert_int_equal(cpu.tcache.turn_mask, TC_REST_EACH_LONG - 1);
    while (!pass_over())
        length++;
    assert_false(cpu.rest.now);
    assert_true(quick);
    assert_int_equal(cpu.tcache.turn_mask, TC_REST_EACH - 1);
    return length + 1;
}

static void rests_longer_and_longer(void **state)
{
    u64 periods = 0;
    pass(REST_AFTER - 1);
    assert_true(quick && !cpu.rest.now);
    pass(1);
    for (u32 length = REST_FOR; length <= 4 * REST_MAX; length *= 2) {
        assert_int_equal(cpu.rest.periods, ++periods);
        assert_int_equal(rest_length(), min_u64(length, REST_MAX));
        pass(REST_LOOK);
    }
}

/* By entry.S, which counts in the translation. */
static void used_quickly(void **state)
{
    pass(REST_AFTER - 1);
    sites.tc.table[TRANSLATIONS - 1].quick.count++;
    pass(1);
    assert_false(cpu.rest.now);
    pass(REST_AFTER - 1);
    assert_false(cpu.rest.now);
    pass(1);
    assert_int_equal(rest_length(), REST_FOR);
    pass(REST_LOOK);
    rest_length();
    pass(REST_LOOK - 1);
    sites.tc.table[0].quick.count++;
    pass(1);
    assert_false(cpu.rest.now);
    pass(REST_AFTER);
    assert_int_equal(rest_length(), REST_FOR); /* as if it had never rested */
}

/* An answer of vmx/answers.h, which has no count of its own. */
static void ran_since(void **state)
{
    pass(REST_AFTER - 1);
    cpu.vcpu.frame.running = &sites.tc.table[3];
    pass(1);
    assert_false(cpu.rest.now);
    assert_null(cpu.vcpu.frame.running);
    pass(REST_AFTER);
    assert_true(cpu.rest.now);
}

/* The first exit after a rest is served by a translation: nothing is left of the rest. */
static void served_at_once(void **state)
{
    pass(REST_AFTER);
    while (site_rests(&cpu.rest))
        continue; /* then exit_has_site() says yes, and exit_by_site() finds one */
    assert_true(cpu.rest.now);
    site_rest_end(&cpu);
    assert_false(cpu.rest.now);
    assert_true(quick);
    assert_int_equal(cpu.tcache.turn_mask, TC_REST_EACH - 1);
    pass(REST_AFTER);
    assert_int_equal(rest_length(), REST_FOR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rests_longer_and_longer, set_up),
        cmocka_unit_test_setup(used_quickly, set_up),
        cmocka_unit_test_setup(ran_since, set_up),
        cmocka_unit_test_setup(served_at_once, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
