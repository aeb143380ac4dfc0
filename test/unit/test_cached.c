/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emul_step_cached() does what emul_step() does, to the last bit (test/fuzz/cached_scenario.h), whatever happens to the
 * code between.
 *
 *   test_cached [steps] [seed]    a longer run, for make nightly
 */
#define _GNU_SOURCE /* register names of ucontext.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/ucontext.h>

#include <cmocka.h>

#include "test/fuzz/cached_scenario.h"
#include "test/fuzz/chance.h"

#define LIFE 4000 /* steps of one set of guests */

static bool live(u64 steps, u64 first_seed)
{
    draw_from(first_seed);
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
           (unsigned long long)scenario_seen.holes, (unsigned long long)guests_flushes,
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
    assert_true(scenario_seen.quick > 1000 && scenario_seen.lapic_quick > 300 && scenario_seen.quick_refused > 1000);
    for (u32 i = EMUL_DONE; i <= EMUL_UNSUPPORTED; i++)
        assert_true(scenario_seen.status[i] > 20);
    assert_true(scenario_seen.written > 10000 && scenario_seen.differences > 100);
    assert_true(scenario_seen.demoted > 10 && scenario_seen.trusted > 10);
}

/* What reaches the LAPIC: by RBX, register RAX. */
struct form {
    u8 code[8];
    u8 size;
    bool reads, writes;
};

static const struct form forms[] = {
    {{0x8a, 0x03}, 1, true, false},
    {{0x66, 0x8b, 0x03}, 2, true, false},
    {{0x8b, 0x03}, 4, true, false},
    {{0x48, 0x8b, 0x03}, 8, true, false},
    {{0x0f, 0xb6, 0x03}, 1, true, false}, /* MOVZX, MOVSX */
    {{0x48, 0x0f, 0xb7, 0x03}, 2, true, false},
    {{0x0f, 0xbe, 0x03}, 1, true, false},
    {{0x66, 0x0f, 0xbe, 0x03}, 1, true, false},
    {{0x48, 0x0f, 0xbf, 0x03}, 2, true, false},
    {{0x48, 0x63, 0x03}, 4, true, false},
    {{0x02, 0x03}, 1, true, false}, /* ADD, XOR, CMP, TEST from memory */
    {{0x66, 0x33, 0x03}, 2, true, false},
    {{0x3b, 0x03}, 4, true, false},
    {{0x39, 0x03}, 4, true, false},
    {{0x48, 0x3b, 0x03}, 8, true, false},
    {{0xf7, 0x03, 0, 0x10, 0, 0}, 4, true, false}, /* TEST [ICR], delivery status */
    {{0xf6, 0x03, 0x10}, 1, true, false},
    {{0x84, 0x03}, 1, true, false},
    {{0x88, 0x03}, 1, false, true}, /* MOV to memory */
    {{0x66, 0x89, 0x03}, 2, false, true},
    {{0x89, 0x03}, 4, false, true},
    {{0x48, 0x89, 0x03}, 8, false, true},
    {{0xc7, 0x03, 0, 0x45, 0x0c, 0}, 4, false, true}, /* INIT to all others, where it is the ICR */
    {{0xc6, 0x03, 0x55}, 1, false, true},
    {{0x00, 0x03}, 1, true, true}, /* read-modify-write */
    {{0x66, 0x09, 0x03}, 2, true, true},
    {{0x01, 0x03}, 4, true, true},
    {{0x11, 0x03}, 4, true, true},
    {{0x83, 0x0b, 0x40}, 4, true, true},
    {{0x81, 0x23, 0xff, 0xff, 0xfe, 0xff}, 4, true, true},
    {{0x48, 0x31, 0x03}, 8, true, true},
};

/* SDM "Local APIC Status and Location", and the ICR's guard: which of these are the access itself and no more. */
static bool is_plain(const struct form *form, u32 offset)
{
    if (form->writes)
        return form->size == 4 && offset % 16 == 0 && offset != 0x300;
    return offset % 16 + form->size <= 4;
}

/*
 * The machine's own accesses to the LAPIC page, as a device would see them: the page is forbidden, so each faults, is
 * noted, and is let through by a single step.
 */
static struct {
    char accesses[128]; /* "r4@300 w4@310 " */
    void *page;
} bus;

static void forbid(bool forbidden)
{
    if (mprotect(bus.page, PAGE_SIZE, forbidden ? PROT_NONE : PROT_READ | PROT_WRITE) != 0)
        abort();
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    greg_t *reg = ((ucontext_t *)context)->uc_mcontext.gregs;
    struct insn insn;
    u64 offset = (u64)info->si_addr - (u64)bus.page;
    size_t used = strlen(bus.accesses);
    if (offset >= PAGE_SIZE || insn_decode((const u8 *)reg[REG_RIP], INSN_MAX, CODE_64, &insn) != DECODE_OK)
        abort();
    u32 size = insn.operand[insn.operand[0].kind == OPERAND_MEMORY ? 0 : 1].size;
    snprintf(bus.accesses + used, sizeof(bus.accesses) - used, "%c%u@%llx ", reg[REG_ERR] & 2 ? 'w' : 'r', size,
             (unsigned long long)offset);
    forbid(false);
    reg[REG_EFL] |= RFLAGS_TF;
}

static void on_step(int number, siginfo_t *info, void *context)
{
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)RFLAGS_TF;
    forbid(true);
}

/* The accesses that the guest's next instruction makes. */
static void watch_bus(u32 guest, const struct emul_expect *expect, char *accesses)
{
    struct vcpu *v = &host_guests[guest].v;
    struct insn insn;
    u64 hits = 0;
    use(guest);
    bus.page = host_guest.ram + APIC_GPA;
    bus.accesses[0] = 0;
    forbid(true);
    if (guest == CACHED)
        emul_step_cached(v, expect, cached_undone, &hits);
    else
        (guest == LONG ? step_long : emul_step)(v, expect, &insn);
    forbid(false);
    strcpy(accesses, bus.accesses);
}

static void reach_lapic(const struct form *form, u32 offset)
{
    static const struct emul_expect memory = {.kind = EXPECT_MEMORY};
    static const u64 commands[] = {0xc4500, 0x84600, 0x4500, 0x40431, 0xff, 0x123456789abcdef0};
    u64 value = commands[draw(COUNT_OF(commands))];
    for (EACH_GUEST) {
        struct vcpu *v = &host_guest.v;
        v->rip = CODE + 0x100;
        v->gpr[RBX] = APIC_AT + offset;
        v->gpr[RAX] = value;
        v->dirty = 0;
        host_guest.record[0] = 0;
    }
    if (!scenario_perform(&memory))
        fail_msg("%02x %02x %02x at %x: %s", form->code[0], form->code[1], form->code[2], offset, scenario_trouble);
}

/* Each form at each offset: in one piece exactly where it may be, and always what device_apic.c makes of it. */
static void lapic_forms(void **state)
{
    seed = 99;
    scenario_begin();
    use(CACHED);
    host_guest.vm.coherence.mode = COHERE_PROTECT;
    for (EACH_GUEST)
        host_guest.vm.smp = true;
    for (u32 i = 0; i < COUNT_OF(forms); i++) {
        store_code(CODE + 0x100, forms[i].code, sizeof(forms[i].code), 1);
        scenario_now += 2 * WRITE_WINDOW; /* never compared */
        reach_lapic(&forms[i], 0x80);
        reach_lapic(&forms[i], 0x80);
        for (u32 offset = 0; offset + forms[i].size <= PAGE_SIZE; offset++) {
            u64 before = scenario_seen.lapic_quick, hits = scenario_seen.hits;
            reach_lapic(&forms[i], offset);
            assert_int_equal(scenario_seen.hits, hits + 1);
            assert_int_equal(scenario_seen.lapic_quick - before, is_plain(&forms[i], offset));
        }
    }
    const struct device_counts *counts = &host_guests[CACHED].vm.device_counts;
    assert_true(counts->refused_apic_reads > 1000 && counts->refused_apic_writes > 1000);
    assert_true(counts->swallowed_init > 0);
    scenario_end();
}

/* The device sees accesses of the same sizes at the same places in the same order, and none that is not 32 bits wide.
 */
static void lapic_accesses(void **state)
{
    static const struct emul_expect memory = {.kind = EXPECT_MEMORY};
    struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, before[2];
    struct sigaction step = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    u32 seen = 0;
    seed = 100;
    scenario_begin();
    for (EACH_GUEST)
        host_guest.vm.smp = true;
    sigaction(SIGSEGV, &fault, &before[0]);
    sigaction(SIGTRAP, &step, &before[1]);
    for (u32 i = 0; i < COUNT_OF(forms); i++) {
        store_code(CODE + 0x100, forms[i].code, sizeof(forms[i].code), 1);
        scenario_now += 2 * WRITE_WINDOW;
        reach_lapic(&forms[i], 0x80);
        reach_lapic(&forms[i], 0x80);
        for (u32 offset = 0x2f0; offset < 0x330; offset++) {
            char accesses[HOST_GUESTS][sizeof(bus.accesses)];
            for (EACH_GUEST) {
                host_guest.v.rip = CODE + 0x100;
                host_guest.v.gpr[RBX] = APIC_AT + offset;
                host_guest.v.gpr[RAX] = 0x84600;
            }
            for (u32 guest = 0; guest < HOST_GUESTS; guest++)
                watch_bus(guest, &memory, accesses[guest]);
            assert_string_equal(accesses[CACHED], accesses[LONG]);
            assert_string_equal(accesses[PLAIN], accesses[LONG]);
            for (const char *at = accesses[CACHED]; *at; at = strchr(at, ' ') + 1, seen++)
                assert_true(at[1] == '4' && at[2] == '@' && strchr(at, ' ')[-1] == '0');
        }
    }
    sigaction(SIGSEGV, &before[0], NULL);
    sigaction(SIGTRAP, &before[1], NULL);
    assert_in_range(seen, 250, 400);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_step),
        cmocka_unit_test(lapic_forms),
        cmocka_unit_test(lapic_accesses),
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
