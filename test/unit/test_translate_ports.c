/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions that reach many ports: what is made for them is at any port, and never past a guard.
 */
#define _GNU_SOURCE /* register names of ucontext.h */
#include "test/unit/translate_case.h"

/* ---- the console ---- */

/* One OUT by a function at two ports by turns: what is made for it is at any port. */
static void put_roaming(u16 port)
{
    static const u8 function[] = {0xee, 0xc3}; /* OUT DX, AL; RET */
    begin_traces();
    PUT(HERE, 0xe8, 0xfb, 0, 0, 0, 0x87, 0xf2, 0xff, 0xcb, 0x75, 0xf5); /* CALL; XCHG EDX, ESI; DEC EBX; JNZ */
    store_code(HERE + 0x100, function, sizeof(function));
    initial.gpr[RBX] = 10;
    for (u32 i = 0; i < 10; i++) {
        initial.gpr[RDX] = i & 1 ? 0x80 : port;
        initial.gpr[RSI] = i & 1 ? port : 0x80;
        turn_once();
    }
    assert_true(made_at(HERE + 0x100)->roams);
}

/* One of the ports is the console's: the interpreter performs it where that is not plain, and at other guarded ports.
 */
static void any_port_and_console(void **state)
{
    put_roaming(CLUSTER_CONSOLE);
    initial.gpr[RAX] = 'a';
    u64 runs = turn_once();
    assert_true(runs >= 1 && runs <= 10);
    assert_int_equal(cluster_machines[RUNS].console.last, 'a');
    initial.held = true;
    initial.gpr[RSI] = CLUSTER_CONSOLE + CLUSTER_CONSOLE_LCR;
    assert_true(turn_once() >= 1);
    initial.gpr[RDX] = CLUSTER_CONSOLE;
    initial.gpr[RAX] = 0x83;
    initial.held = false;
    assert_true(turn_once() >= 1);
    assert_true(cluster_machines[RUNS].dlab);
    assert_true(made_at(HERE + 0x100)->roams);
}

/* The same address has an OUT of four bytes now, which reaches the LCR too. */
static void no_port_but_one(void **state)
{
    put_roaming(0x60);
    store_code(HERE + 0x100, (const u8[]){0xef}, 1);
    initial.gpr[RAX] = 0x83000000;
    for (u32 i = 0; i < 10; i++)
        turn_once();
    initial.gpr[RSI] = CLUSTER_CONSOLE;
    for (u32 i = 0; i < 10; i++)
        turn_once();
    assert_true(cluster_machines[RUNS].dlab);
}

/* ---- guards ---- */

/* Guards of all kinds, and the console's data port as one of them. */
static const struct guard_config guards = {.pm1a_control = 0x1004,
                                           .pm1b_control = 0x2004,
                                           .pm1a_status = 0x1000,
                                           .pm1b_status = 0x2000,
                                           .has_s5 = true,
                                           .sleep_control = 0x3000,
                                           .reset_port = CLUSTER_CONSOLE,
                                           .reset_value = 0x5a};

/* What a guest writes to end itself: a port and one byte after the other, and then this one. */
static const struct strike {
    u16 first_port;
    const char *first;
    u16 port;
    u8 value;
    enum end_cause cause;
} strikes[] = {
    {0, "", PORT_KEYBOARD_COMMAND, 0xfe, END_RESET_KEYBOARD},
    {PORT_KEYBOARD_COMMAND, "\xd1", PORT_KEYBOARD_DATA, 2, END_RESET_KEYBOARD},
    {PORT_SYSTEM_CONTROL_A, "\2", PORT_SYSTEM_CONTROL_A, 1, END_RESET_PORT_92},
    {0, "", PORT_DEBUG_EXIT, 0, END_DEBUG_EXIT},
    {0, "", PORT_DEBUG_EXIT_DEFAULT, 0, END_DEBUG_EXIT},
    {PORT_RESET_CONTROL, "\2", PORT_RESET_CONTROL, 6, END_RESET_CF9},
    {PORT_BOCHS_SHUTDOWN, "Shutdow", PORT_BOCHS_SHUTDOWN, 'n', END_BOCHS_SHUTDOWN},
    {0, "", 0x1005, 0x20, END_ACPI_S5},
    {0, "", 0x2005, 0x20, END_ACPI_S5},
    {0, "", 0x3000, 0x20, END_ACPI_S5},
    {CLUSTER_CONSOLE, "a", CLUSTER_CONSOLE, 0x5a, END_RESET_FADT},
};
static const u16 statuses[] = {0x1001, 0x2001};

/* A function's one instruction before its RET. */
static const struct accessor {
    u8 code[2], length, size;
} outs[] = {{{0xee}, 1, 1}, {{0x66, 0xef}, 2, 2}, {{0xef}, 1, 4}}, /* OUT DX, AL, AX, EAX */
    ins[] = {{{0xec}, 1, 1}, {{0x66, 0xed}, 2, 2}, {{0xed}, 1, 4}};

/* How it is served, and whether ports that nobody guards are met first. */
static const struct style {
    enum cluster_flow flow;
    u32 max;
    bool plain_first;
} styles[] = {{CLUSTER_TRACES, CLUSTER_MAX, true}, {CLUSTER_TRACES, CLUSTER_MAX, false},
              {CLUSTER_LOOPS, CLUSTER_MAX, true},  {CLUSTER_LOOPS, CLUSTER_MAX, false},
              {CLUSTER_STRAIGHT, 1, true},         {CLUSTER_STRAIGHT, 1, false}};

#define ACCESSOR (HERE + 0x100)

static u64 access_port(u16 port, u32 value)
{
    initial.gpr[RDX] = port;
    initial.gpr[RAX] = value;
    return turn_once();
}

/* A byte at several plain ports makes the accessor roam. */
static void meet_plain_ports(u32 size)
{
    u64 runs = 0;
    for (u32 i = 0; i < 10; i++)
        runs += access_port(size == 1 && i & 1 ? 0x40 : 0x80, 0);
    assert_true(runs);
    assert_true(size > 1 || translations_find(&cluster_sites->tc, ACCESSOR)->roams);
}

static void put_accessor(const struct accessor *accessor, const struct style *style)
{
    begin_traces();
    cluster_guards = guards;
    for (EACH_GUEST) {
        build_policy(&host_guest.vm.policy, 1, true, false, CLUSTER_CONSOLE);
        guards_init(&host_guest.vm.guards, &guards);
    }
    cluster_sites->flow = style->flow;
    cluster_sites->cluster_max = style->max;
    PUT(HERE, 0xe8, 0xfb, 0, 0, 0); /* CALL */
    store_code(ACCESSOR, accessor->code, accessor->length);
    store_code(ACCESSOR + accessor->length, (const u8[]){0xc3}, 1);
    if (style->plain_first)
        meet_plain_ports(accessor->size);
}

static bool has_ended(const struct cluster_machine *m, enum end_cause cause)
{
    for (u32 i = 0; i < m->count; i++)
        if (m->log[i] == (3ull << 60 | cause))
            return true;
    return false;
}

/* The byte is the one at `offset` of what the accessor writes. */
static void strike_at(const struct strike *strike, u32 offset)
{
    for (const char *byte = strike->first; *byte; byte++)
        access_port((u16)(strike->first_port - offset), (u32)(u8)*byte << 8 * offset);
    access_port((u16)(strike->port - offset), (u32)strike->value << 8 * offset);
    if (!has_ended(&cluster_machines[RUNS], strike->cause))
        fail_msg("port %x, byte %u: no %s", strike->port, offset, end_cause_name(strike->cause));
}

/* Debug exits take what starts at them; a dword at the PCI address is no reset. */
static bool is_seen_at(const struct strike *strike, const struct accessor *accessor, u32 offset)
{
    bool debug = strike->cause == END_DEBUG_EXIT, pci = strike->cause == END_RESET_CF9 && accessor->size == 4;
    return offset < accessor->size && !(offset && (debug || pci));
}

/* Whatever was made for other ports, and what is made for this one then. */
static void no_accessor_passes_a_guard(void **state)
{
    for (u32 i = 0; i < COUNT_OF(outs) * COUNT_OF(styles); i++) {
        const struct accessor *accessor = &outs[i % COUNT_OF(outs)];
        for (u32 n = 0; n < 2 * COUNT_OF(strikes); n++) {
            if (!is_seen_at(&strikes[n / 2], accessor, n & 1))
                continue;
            put_accessor(accessor, &styles[i / COUNT_OF(outs)]);
            for (u32 again = 0; again < 6; again++)
                strike_at(&strikes[n / 2], n & 1);
        }
    }
}

/* After a sleep that was refused the guest reads that it woke up. */
static void wake_at(u16 status, u32 offset)
{
    for (EACH_GUEST)
        host_guest.vm.guards.pretend_wake = true;
    access_port((u16)(status - offset), 0);
    assert_true(host_guests[RUNS].v.gpr[RAX] >> 8 * offset & 0x80);
    assert_false(host_guests[RUNS].vm.guards.pretend_wake);
}

static void no_accessor_passes_the_status(void **state)
{
    for (u32 i = 0; i < COUNT_OF(ins) * COUNT_OF(styles); i++) {
        const struct accessor *accessor = &ins[i % COUNT_OF(ins)];
        for (u32 n = 0; n < 2 * COUNT_OF(statuses); n++) {
            if ((n & 1) >= accessor->size)
                continue;
            put_accessor(accessor, &styles[i / COUNT_OF(ins)]);
            for (u32 again = 0; again < 6; again++)
                wake_at(statuses[n / 2], n & 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_port_and_console),
        cmocka_unit_test(no_port_but_one),
        cmocka_unit_test(no_accessor_passes_a_guard),
        cmocka_unit_test(no_accessor_passes_the_status),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
