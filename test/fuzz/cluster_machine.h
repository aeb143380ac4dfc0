/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine of the two guests of test/fuzz/cluster_scenario.h: ports, debug registers, trapped pages, and a log of
 * what reached it, in order.
 */
#ifndef TEST_FUZZ_CLUSTER_MACHINE_H
#define TEST_FUZZ_CLUSTER_MACHINE_H

#include "lib/console.h"
#include "test/unit/emul_fixture.h"

enum { STEPS, RUNS }; /* the guests: that of the interpreter, and that of translated code */

#define CLUSTER_LOG 4096

struct cluster_machine {
    u32 count;
    u64 log[CLUSTER_LOG];
    u64 dr6;
    bool trapped; /* a trapped page was touched, first at: */
    u64 trapped_at;
    struct console_line console;
    bool dlab, held; /* the data port is the divisor; text of a report waits for the end of the line */
};

static struct cluster_machine cluster_machines[2];

static struct cluster_machine *cluster_machine(void)
{
    return &cluster_machines[host_guest_now - host_guests];
}

static void cluster_note(u64 what)
{
    struct cluster_machine *m = cluster_machine();
    if (m->count < CLUSTER_LOG)
        m->log[m->count] = what;
    m->count++;
}

static u32 cluster_port_in(u16 port, u32 size)
{
    cluster_note(1ull << 60 | (u64)port << 40 | (u64)size << 56);
    return host_guest.port_value += 0x01030507;
}

static void cluster_port_out(u16 port, u32 size, u32 value)
{
    cluster_note(2ull << 60 | (u64)port << 40 | (u64)size << 56 | value);
}

/* ---- the console, as lib/console.c follows it ---- */

#define CLUSTER_CONSOLE 0x3f8
#define CLUSTER_CONSOLE_LCR 3
#define CLUSTER_CONSOLE_PORTS 8

static void cluster_set_plain(struct cluster_machine *m)
{
    m->console.plain = !m->dlab && !m->held;
}

static void cluster_console_write(struct cluster_machine *m, u32 reg, u8 value)
{
    if (reg == CLUSTER_CONSOLE_LCR)
        m->dlab = value & 0x80;
    else if (reg == 0 && !m->dlab)
        m->console.last = value;
    cluster_set_plain(m);
}

static void cluster_port_written(u16 port, u32 size, u32 value)
{
    for (u32 i = 0; i < size; i++)
        if ((u32)port + i - CLUSTER_CONSOLE < CLUSTER_CONSOLE_PORTS)
            cluster_console_write(cluster_machine(), (u32)port + i - CLUSTER_CONSOLE, (u8)(value >> 8 * i));
}

/* What is typed is looked at. */
static void cluster_port_read(u16 port, u32 size, u32 value)
{
    u32 at = (u32)CLUSTER_CONSOLE - port;
    if (at < size && !cluster_machine()->dlab)
        cluster_note(5ull << 60 | (u8)(value >> 8 * at));
}

/* Before a turn. */
static void cluster_console_begin(struct cluster_machine *m, bool held)
{
    m->held = held;
    m->dlab = false;
    cluster_set_plain(m);
}

static void cluster_guest_ends(enum end_cause cause)
{
    cluster_note(3ull << 60 | cause);
}

#define DR6_FIXED_1 0xffff0ff0ull

static u64 cluster_read_dr(u32 number)
{
    return number < 4 ? host_guest.dr[number] : cluster_machine()->dr6;
}

/* DR0 to DR3, DR6 */
static void cluster_write_dr(u32 number, u64 value)
{
    cluster_note(4ull << 60 | (u64)number << 56 | (value & BITS(55, 0)));
    if (number < 4)
        host_guest.dr[number] = value;
    else
        cluster_machine()->dr6 = value | DR6_FIXED_1;
}

#endif
