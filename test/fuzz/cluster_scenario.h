/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translated code leaves exactly the state that the interpreter leaves (SPEC 6.6). Two guests live the same life: STEPS
 * by emul_step() alone; RUNS, where an instruction exits, by what emul/site.h has for it, as vmx/ asks it. What
 * translated code left must be what STEPS comes to after some number of instructions: registers, flags, memory, what
 * the machine saw, pending events, debug registers, and how many exits were avoided.
 *
 * All chance comes from draw(), so a generator or a fuzzer can lead. The parts:
 *   guests.h             guests that are held against each other
 *   cluster_machine.h    what is outside the processor
 *   cluster_memory.h     the guests' memory and page tables
 *   cluster_bus.h        what devices see of accesses to memory
 *   cluster_guests.h     their policy and modes
 *   cluster_registers.h  their registers when a turn begins
 *   cluster_code.h       random instructions
 *   cluster_calls.h      calls, returns, jumps between functions
 *   cluster_program.h    a program of them
 *   cluster_driver.h     programs that are like drivers
 *   cluster_change.h     what happens to it
 *   cluster_flags.h      undefined flags as this processor has them
 *   cluster_step.h       one instruction of STEPS, and why it would exit
 *   cluster_run.[hS]     translated code on this processor
 *   cluster_ahead.h      accessed flags of code that is looked at before it runs
 *   cluster_stale.h      lines that outlive their entry
 *   cluster_serve.h      an exit of RUNS
 *   cluster_compare.h    differences, in words
 *   cluster_seen.h       what all came to
 */
#ifndef TEST_FUZZ_CLUSTER_SCENARIO_H
#define TEST_FUZZ_CLUSTER_SCENARIO_H

#define HOST_GUESTS 2
#define HOST_STACK 65536
#include "test/unit/emul_fixture.h"

#include "test/fuzz/cluster_change.h"
#include "test/fuzz/cluster_compare.h"
#include "test/fuzz/cluster_flags.h"
#include "test/fuzz/cluster_registers.h"
#include "test/fuzz/cluster_serve.h"
#include "test/fuzz/cluster_stale.h"

#define STEPS_MAX 60000 /* of one run */

/* ---- a run ---- */

/* What would not have exited is not avoided. */
static bool avoided_same(const struct outcome *outcome, const u64 *counted)
{
    if (outcome->avoided[WOULD_NOT])
        return false;
    for (u32 i = WOULD_IO_IN; i < WOULD_END; i++)
        if (outcome->avoided[i] != counted[i])
            return false;
    return true;
}

/* The best that was seen on the way, for the message. */
static void say_difference(const struct outcome *outcome, const char *nearest, u64 steps, bool explained)
{
    char what[400], log[128];
    const struct vcpu *v = &host_guests[RUNS].v;
    cluster_over = explained || stale_explains(outcome->translation);
    cluster_seen.stale_tables += cluster_over;
    if (cluster_over)
        return;
    if (!cluster_states[0])
        note_states();
    note_log(log, sizeof(log));
    snprintf(what, sizeof(what),
             "%s%s after %llu instructions; rip %llx (steps: %llx), left by %u, %u instructions, event %u %u%s",
             nearest, cluster_memory_trouble, (unsigned long long)steps, (unsigned long long)v->rip,
             (unsigned long long)host_guests[STEPS].v.rip, outcome->left, outcome->translation->count, v->event.valid,
             v->event.vector, log);
    trouble(what);
}

/* STEPS has performed the first instruction, and goes on until it is where RUNS is. */
static bool catch_up(const struct outcome *outcome, enum emul_status status)
{
    const struct taken *taken = &cluster_taken[outcome->translation - cluster_sites->tc.table];
    u64 counted[WOULD_END] = {0}, steps = 1, total = 0;
    bool counts = !taken->mixed && taken->code == outcome->translation->code;
    cluster_seen.uncounted += !counts;
    const char *nearest = "rip never reached";
    bool explained = false; /* by STEPS as it was then, before it goes astray */
    cluster_memory_trouble[0] = cluster_states[0] = 0;
    for (;; steps++) {
        const char *what = differing();
        if (!what && (!counts || avoided_same(outcome, counted)))
            break;
        if (what && strcmp(what, "memory") == 0) {
            where_memory();
            explained = stale_explains(outcome->translation);
        }
        if (!what)
            what = "avoided";
        if (strcmp(what, "rip") != 0 && strcmp(what, "what the machine saw") != 0)
            nearest = what, note_states();
        else if (strcmp(what, "rip") != 0 && strcmp(nearest, "rip never reached") == 0)
            nearest = what;
        struct insn insn;
        struct cause cause;
        u64 rip = host_guests[STEPS].v.rip;
        if (status != EMUL_DONE || steps == STEPS_MAX)
            return say_difference(outcome, nearest, steps, explained), false;
        status = step_and_tell(&insn, &cause);
        u32 would = taken_for(taken, rip);
        if (status == EMUL_DONE)
            counted[would]++;
        cluster_seen.surprises += would != cause.would;
        if (status == EMUL_UNSUPPORTED)
            return say_difference(outcome, nearest, steps, explained), false;
    }
    for (u32 i = WOULD_IO_IN; i < WOULD_END; i++)
        total += counted[i];
    cluster_seen.avoided += total;
    cluster_seen.insns[min_u64(steps, CLUSTER_MAX)]++;
    cluster_seen.events += status == EMUL_EVENT;
    return true;
}

static bool run_is_right(const struct outcome *outcome, enum emul_status status)
{
    cluster_seen.runs++;
    if (outcome->left == LEFT_CRASHED) {
        char what[256];
        int used = snprintf(what, sizeof(what),
                            "signal %d at %llx (code from %x, %u instructions), address %llx, bytes",
                            cluster_fault_signal, (unsigned long long)cluster_fault_rip,
                            (u32)((const u8 *)outcome->translation->code - cluster_code), outcome->translation->count,
                            (unsigned long long)cluster_fault_address);
        for (u32 i = 0; cluster_fault_rip < TC_CODE - 16 && i < 16; i++)
            used += snprintf(what + used, sizeof(what) - (size_t)used, " %02x", cluster_code[cluster_fault_rip + i]);
        return trouble(what);
    }
    cluster_seen.left[outcome->left]++;
    if (cluster_guard_passed.passed) {
        char what[64];
        cluster_guard_passed.passed = false;
        snprintf(what, sizeof(what), "%s of %u bytes at port %x, past its guard",
                 cluster_guard_passed.out ? "OUT" : "IN", cluster_guard_passed.size, cluster_guard_passed.port);
        return trouble(what);
    }
    if (!catch_up(outcome, status))
        return false;
    ahead_forgive(); /* also of tables that are not compared all the time */
    for (u32 i = 0; i < 8; i++)
        host_guests[RUNS].v.gpr[i] = host_guests[STEPS].v.gpr[i];
    return true;
}

/* STEPS performs what RUNS did. False: they go no further. */
static bool follow(u32 performed)
{
    struct insn insn;
    struct cause cause;
    enum emul_status status = EMUL_DONE;
    for (u32 i = 0; i < performed; i++) {
        if (status != EMUL_DONE)
            return trouble("RUNS went on behind an event");
        status = step_and_tell(&insn, &cause);
    }
    ahead_forgive();
    const char *what = differing();
    if (what)
        note_states();
    return what ? trouble(what) : status == EMUL_DONE;
}

/* The guests go on by one instruction, or by one run. False: they go no further. */
static bool go_on(void)
{
    struct insn insn, other;
    struct cause cause;
    struct outcome outcome;
    enum emul_status status = step_and_tell(&insn, &cause);
    cluster_seen.exits[cause.would]++;
    if (cause.would && serve(&insn, &cause.exit, &outcome))
        return run_is_right(&outcome, status) && !host_guests[STEPS].v.event.valid &&
               (!outcome.side || follow(record(outcome.side)));
    if (cluster_over)
        return false;
    use(RUNS);
    if (step(&host_guest.v, &other) != status)
        return trouble("interpreted alone");
    if (!cluster_sites->recording.now)
        return status == EMUL_DONE;
    cluster_sites->recording.now = status == EMUL_DONE;
    return status == EMUL_DONE && follow(record(0));
}

#define TURNS 40
#define TURNS_DRIVING 100

/* Where a turn begins: mostly at the first instruction; a function has somewhere to return to. */
static u64 draw_start(void)
{
    const struct code *code = cluster_driving && draw(8) ? &cluster_made : draw_code(4);
    return code->rip - cs_base() + code->insn[draw(3) ? 0 : draw(code->count)].at;
}

static void store_return(void)
{
    const struct code *code = &cluster_made;
    u64 to = code->rip - cs_base() + code->insn[draw(code->count)].at;
    u64 at = host_guest.v.gpr[RSP] + (cs_base() ? DATA : 0);
    if (at - DATA < READ_ONLY - DATA - 8)
        store_code(at, (const u8 *)&to, code->size);
}

/* One turn: from some instruction of the code on. */
static bool turn(void)
{
    between();
    set_registers();
    store_slots();
    u64 start = draw_start();
    if (cluster_functions.count)
        store_return();
    for (EACH_GUEST) {
        host_guest.v.rip = start;
        cluster_machine()->count = 0;
    }
    stale_begin();
    for (u32 i = cluster_driving ? TURNS_DRIVING : TURNS; i && go_on(); i--)
        continue;
    if (cluster_trouble[0] || cluster_over)
        return false;
    const char *what = differing();
    if (!what)
        return true;
    where_memory();
    note_states();
    char text[256], log[128];
    note_log(log, sizeof(log));
    snprintf(text, sizeof(text), "%s%s at the end of a turn%s", what, cluster_memory_trouble, log);
    return trouble(text);
}

/* New code, and its turns. False: cluster_over, or cluster_trouble says what was not right. */
__attribute__((unused)) static bool cluster_scenario(void)
{
    new_code();
    for (u32 i = 2 + draw(6); i; i--)
        if (!turn())
            return false;
    return true;
}

#endif
