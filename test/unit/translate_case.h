/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A case of translated code against the interpreter (test/fuzz/cluster_scenario.h): code that is put somewhere, turns
 * from its start with the registers that `initial` says, and what was made of it.
 */
#ifndef TEST_UNIT_TRANSLATE_CASE_H
#define TEST_UNIT_TRANSLATE_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/fuzz/chance.h"
#include "test/fuzz/cluster_scenario.h"

/* What a turn begins with. */
static struct {
    u64 gpr[GPR_COUNT], rflags, dr7;
    u32 interruptibility;
    bool held; /* a report waits: the console is not plain */
} initial;

/* The first two turns are interpreted, the third is translated. */
static void begin(enum guest_mode mode, bool user)
{
    cluster_signals(); /* cmocka has taken them */
    cluster_begin();
    cluster_mode = mode;
    cluster_user = user;
    cluster_guards = cluster_firmware;
    for (EACH_GUEST) {
        build_policy(&host_guest.vm.policy, 0, true, false, 0);
        guards_init(&host_guest.vm.guards, &cluster_guards);
        set_mode_of(mode, user, false, true);
    }
    host_guests[RUNS].vm.coherence.mode = COHERE_PROTECT;
    cluster_sites->flow = CLUSTER_LOOPS;
    cluster_sites->paths_at_once = true;
    cluster_sites->cluster_max = CLUSTER_MAX;
    cluster_sites->maker.ticks = 0; /* at once */
    cluster_sites->tracker.threshold = 3;
    cluster_sites->keep_after = 1;
    memset(&initial, 0, sizeof(initial));
    initial.rflags = RFLAGS_FIXED1 | RFLAGS_IOPL;
    initial.dr7 = 0x400;
    initial.gpr[RSP] = to_offset(DATA + 0x800);
}

static void put(u64 at, const u8 *bytes, u32 size)
{
    struct code *code = &cluster_made;
    cluster_now += 2 * WRITE_WINDOW;
    *code = (struct code){.size = vcpu_code_size(&host_guest.v), .rip = at, .length = size, .count = 1};
    store_code(at, bytes, size);
    store_code(at + size, (const u8[]){0xf4}, 1); /* HLT: nobody goes on */
}
#define PUT(at, ...) put(at, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

static void set_initial(u64 rip)
{
    for (EACH_GUEST) {
        struct vcpu *v = &host_guest.v;
        memcpy(v->gpr, initial.gpr, sizeof(v->gpr));
        v->rip = rip;
        v->rflags = initial.rflags;
        v->dr7 = initial.dr7;
        v->interruptibility = initial.interruptibility;
        v->event = (struct event){0};
        v->dirty = 0;
        host_guest.now = cluster_now;
        host_guest.tick = 1;
        host_guest.port_value = 0x12345678;
        cluster_machine()->count = 0;
        cluster_console_begin(cluster_machine(), initial.held);
    }
}

/* One turn from the start of the code. Returns how many runs of translated code it had. */
static u64 turn_once(void)
{
    u64 runs = cluster_seen.runs;
    set_initial(cluster_made.rip - cs_base());
    for (u32 i = 0; i < TURNS && go_on(); i++)
        continue;
    if (!cluster_trouble[0] && differing())
        trouble(differing());
    if (cluster_trouble[0])
        fail_msg("%s\n%s", cluster_trouble, cluster_states);
    return cluster_seen.runs - runs;
}

/* With traces, which are made at the first exit; the console is followed. */
__attribute__((unused)) static void begin_traces(void)
{
    begin(MODE_64, false);
    for (EACH_GUEST) {
        build_policy(&host_guest.vm.policy, 0, true, false, CLUSTER_CONSOLE);
        host_guest.machine.port_written = cluster_port_written;
        host_guest.machine.console_line = &cluster_machine()->console;
    }
    cluster_init(&host_guests[RUNS].v);
    cluster_sites->flow = CLUSTER_TRACES;
    cluster_sites->tracker.threshold = 1;
}

/* What is there for the instruction at `rip`. */
__attribute__((unused)) static const struct translation *made_at(u64 rip)
{
    const struct translation *found = translations_find(&cluster_sites->tc, rip);
    assert_non_null(found);
    assert_true(found->traced);
    return found;
}

static int set_up(void **state)
{
    draw_from(1);
    cluster_code_memory();
    return 0;
}

#define HERE (CODE + 0x400)

#endif
