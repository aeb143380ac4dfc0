/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Causes exactly N exits of each kind between two hypercalls, and compares with Exeunt's counter. What the hypercalls
 * themselves add is measured first, with N = 0. Last it leaves known counts for the report (issue 2, point 8).
 */
#include "test/guest/lib/apic.h"
#include "test/guest/lib/guest.h"

enum function { CALL_RESET = 0x45580001, CALL_REPORT = 0x45580002, CALL_MARK = 0x45580003, CALL_COUNTER = 0x45580004 };
enum counter { COUNTER_EXITS, COUNTER_AVOIDED, COUNTER_TSC_EXEUNT, COUNTER_TSC_GUEST };

static u64 own_exits; /* of reset and read together */

static u32 hypercall(u32 function, u32 b, u32 *c, u32 *d)
{
    u32 status;
    __asm__ volatile("vmcall" : "=a"(status), "+c"(*c), "+d"(*d) : "a"(function), "b"(b) : "memory");
    return status;
}

static u64 counter(enum counter index)
{
    u32 low = 0, high = 0;
    /* EDX:ECX, the low half in ECX */
    if (hypercall(CALL_COUNTER, index, &low, &high))
        fail("HV count.read", "counter %u", index);
    return (u64)high << 32 | low;
}

static void reset(void)
{
    u32 c = 0, d = 0;
    hypercall(CALL_RESET, 0, &c, &d);
}

static void op_cpuid(void)
{
    (void)cpuid(0, 0);
}
static void op_in(void)
{
    (void)inb(0x80);
}
static void op_out(void)
{
    outb(0x80, 0);
}
static void op_apic_read(void)
{
    (void)apic_read(APIC_VERSION);
}
static void op_apic_write(void)
{
    apic_write(APIC_TPR, 0);
}
static void op_invd(void)
{
    __asm__ volatile("wbinvd");
}
static void op_msr(void)
{
    (void)rdmsr(MSR_APIC_BASE);
}
/* A cluster of four, where there are clusters. */
static __attribute__((noinline)) void op_sequence(void)
{
    __asm__ volatile("outb %%al, $0x80; outb %%al, $0x80; outb %%al, $0x80; inb $0x80, %%al" ::: "eax");
}
static void op_unknown_msr(void)
{
    ATTEMPT((void)rdmsr(0x12345678));
}
static void op_nothing(void)
{
    (void)rdtsc();
}

/* One instruction for all ports, one for all registers. */
static __attribute__((noinline)) u8 in_at(u16 port)
{
    return inb(port);
}
static __attribute__((noinline)) u32 apic_at(u32 offset)
{
    return apic_read(offset);
}

enum when { ALWAYS, PIO, APIC };

static const struct {
    const char *name;
    void (*op)(void);
    u32 exits; /* of one */
    enum when when;
} operations[] = {
    {"HV count.nothing", op_nothing, 0, ALWAYS},
    {"HV count.cpuid", op_cpuid, 1, ALWAYS},
    {"HV count.in", op_in, 1, PIO},
    {"HV count.out", op_out, 1, PIO},
    {"HV count.apic-read", op_apic_read, 1, APIC},
    {"HV count.apic-write", op_apic_write, 1, APIC},
    {"HV count.rdmsr", op_msr, 1, ALWAYS},
    {"HV count.sequence", op_sequence, 4, PIO},
};

/* With trap=none neither ports nor LAPIC exit; the guest is told so by its own option. */
static bool exits_now(enum when when)
{
    return when == ALWAYS || !option_is("trap", "none");
}

/* Exits, and those that were avoided: each of `op` is one or the other. */
static u64 measured(void (*op)(void), u32 times)
{
    reset();
    for (u32 i = 0; i < times; i++)
        op();
    u64 exits = counter(COUNTER_EXITS);
    return exits + counter(COUNTER_AVOIDED);
}

static void string_counts(void)
{
    static u8 bytes[100];
    word di = (word)bytes, count = 100;
    reset();
    __asm__ volatile("rep insb" : "+D"(di), "+c"(count) : "d"(0x80) : "memory");
    u64 exits = counter(COUNTER_EXITS) - own_exits;
    print("INFO exits for REP INSB of 100 bytes: %llu\n", exits);
    if (exits_now(PIO))
        check_true("HV count.rep-insb-few", exits >= 1 && exits <= 100);
    else
        check("HV count.rep-insb", exits, 0);
}

static void clocks(void)
{
    u64 begin = rdtsc();
    reset();
    for (u32 i = 0; i < 10000; i++)
        op_cpuid(); /* so many that reset and counters hardly count */
    u64 mine = counter(COUNTER_TSC_EXEUNT) + counter(COUNTER_TSC_GUEST);
    u64 wall = rdtsc() - begin;
    print("INFO cycles: Exeunt's account %llu, by RDTSC around it %llu\n", mine, wall);
    check_true("HV count.clock-within", mine <= wall);
    check_true("HV count.clock-most", mine >= wall / 2 || option_is("timing", "off"));
}

/* Ports and registers by turns; 84H and 94H, 80H and 380H take the same place where Exeunt keeps a few
 * (cache/places.h). */
static void known_places(void)
{
    for (u32 i = 0; i < 700; i++) {
        (void)in_at(0x84);
        if (i % 7 == 0)
            (void)in_at(0x94);
        if (i % 5 == 0)
            (void)in_at(0x85);
        (void)apic_at(APIC_VERSION);
        if (i % 10 == 0)
            (void)apic_at(APIC_TPR);
        if (i % 14 == 0)
            (void)apic_at(APIC_TIMER_COUNT);
    }
}

/* These numbers stand in the test's list of expected lines. */
static void known_counts(void)
{
    for (u32 i = 0; i < 1000; i++)
        op_cpuid();
    for (u32 i = 0; i < 123; i++)
        op_msr();
    for (u32 i = 0; i < 321; i++)
        op_in();
    for (u32 i = 0; i < 77; i++)
        op_apic_read();
    for (u32 i = 0; i < 50; i++)
        op_sequence();
}

static void leave_report(void)
{
    u32 c = 0x74736574, d = 0;
    reset();
    if (option_is("accessors", "yes"))
        known_places();
    else
        known_counts();
    /* No output before the report: it would be counted. The lines behind it must not be torn (SPEC 8.5). */
    u32 marked = hypercall(CALL_MARK, 42, &c, &d);
    c = d = 0;
    u32 reported = hypercall(CALL_REPORT, 0, &c, &d);
    for (u32 i = 0; i < 200 && option_is("send", "all"); i++)
        op_cpuid(); /* each exit sends one line */
    check("HV count.mark", marked, 0);
    check("HV count.report", reported, 0);
}

void guest_main(void)
{
    if (!under_exeunt()) {
        print("INFO bare: nothing to count\n");
        return;
    }
    own_exits = measured(op_nothing, 0);
    print("INFO exits of reset and read: %llu\n", own_exits);
    check_true("HV count.own", own_exits <= 2);
    for (u32 i = 0; i < COUNT_OF(operations); i++) {
        operations[i].op(); /* pages that are mapped on demand are there from now on */
        for (u32 times = 1; times <= 1000; times *= 10) {
            u64 want = exits_now(operations[i].when) ? (u64)operations[i].exits * times : 0;
            check(operations[i].name, measured(operations[i].op, times) - own_exits, want);
        }
    }
    check("HV count.wbinvd-at-most-one", measured(op_invd, 1) - own_exits <= 1, 1);
    check("HV count.unknown-msr", measured(op_unknown_msr, 10) - own_exits >= 10, 1);
    string_counts();
    clocks();
    leave_report();
}
