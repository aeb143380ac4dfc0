/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The micro-workloads of SPEC 10: those named by run=NAME,NAME... on the command line, or all. Each is warmed up, then
 * its ops are performed between two RDTSC and between two readings of Exeunt's counters. One line each:
 *
 *   BENCH name ops=N ticks=T exits=E avoided=A vmm=V hits=H misses=M invalidations=I
 *
 * ticks are those of the loop with all in it; bare runs say what the loop itself costs. The counters are those of the
 * hypercall (SPEC 9), less what reading them adds; bare lines have only ops and ticks. A build with COUNT_VMX_OPS adds
 * vmreads, vmwrites, msrs, flushes: how many of these operations Exeunt executed.
 */
#include "test/guest/bench/bench.h"
#include "test/guest/lib/apic.h"
#include "test/guest/lib/cpu.h"

#define CALL_COUNTER 0x45580004u

/* Hypercall indices in the order in which they are printed; the last four are those of COUNT_VMX_OPS. */
static const struct {
    const char *name;
    u32 index;
} counters[] = {{"exits", 0},         {"avoided", 1}, {"vmm", 2},      {"hits", 4},  {"misses", 5},
                {"invalidations", 6}, {"vmreads", 8}, {"vmwrites", 9}, {"msrs", 10}, {"flushes", 11}};

#define COUNTERS COUNT_OF(counters)
#define WARM_UP 16 /* times that each site is performed before: above any threshold that is the default */

struct reading {
    u64 value[COUNTERS];
    u64 ticks;
};

static u32 counters_there; /* 0 bare */
static struct reading overhead;

static bool counter(u32 index, u64 *value)
{
    u32 status, low, high;
    __asm__ volatile("vmcall" : "=a"(status), "=c"(low), "=d"(high) : "a"(CALL_COUNTER), "b"(index) : "memory");
    *value = (u64)high << 32 | low;
    return status == 0;
}

/* The exits are read last before and first after, and the TSC nearest to the work. */
static void read_before(struct reading *r)
{
    for (u32 i = counters_there; i-- > 0;)
        counter(counters[i].index, &r->value[i]);
    r->ticks = rdtsc();
}

static void read_after(struct reading *r)
{
    r->ticks = rdtsc();
    for (u32 i = 0; i < counters_there; i++)
        counter(counters[i].index, &r->value[i]);
}

static void subtract(struct reading *from, const struct reading *what)
{
    from->ticks -= what->ticks;
    for (u32 i = 0; i < counters_there; i++)
        from->value[i] -= what->value[i];
}

static void find_counters(void)
{
    u64 value;
    if (!under_exeunt())
        return;
    while (counters_there < COUNTERS && counter(counters[counters_there].index, &value))
        counters_there++;
    for (u32 i = 0; i < WARM_UP; i++) {
        struct reading before, after;
        read_before(&before);
        read_after(&after);
        subtract(&after, &before);
        overhead = after;
    }
    overhead.ticks = 0; /* RDTSC itself: the loops are long */
}

static bool wanted(const char *name)
{
    const char *list = option("run");
    if (!list)
        return true;
    while (*list && *list != ' ') {
        const char *n = name;
        while (*n && *list == *n)
            n++, list++;
        if (!*n && (!*list || *list == ' ' || *list == ','))
            return true;
        while (*list && *list != ' ' && *list++ != ',')
            ;
    }
    return false;
}

static void perform(const struct workload *w, u32 inner, u32 rounds)
{
    if (w->run)
        w->run(rounds);
    else
        (w->runner ? w->runner : bench_run)(w->first, w->end, inner, rounds);
}

static void warm_up(const struct workload *w)
{
    if (w->run)
        perform(w, 0, w->warm_up);
    else if (w->inner == 1)
        perform(w, 1, WARM_UP);
    else
        perform(w, WARM_UP / 2, 2);
}

static u64 ops_of(const struct workload *w)
{
    if (w->run)
        return (u64)w->ops_in_round * w->rounds;
    return (u64)(w->end - w->first) * w->inner * w->rounds * (w->ops_in_pass ? w->ops_in_pass : 1);
}

static struct reading reading_of(const struct workload *w, u32 rounds)
{
    struct reading before, after;
    read_before(&before);
    perform(w, w->inner, rounds);
    read_after(&after);
    subtract(&after, &before);
    return after;
}

static void measure(const struct workload *w)
{
    if (w->prepare && !w->prepare())
        return;
    warm_up(w);
    struct reading none = overhead;
    if (w->runner)
        none = reading_of(w, 0);
    struct reading taken = reading_of(w, w->rounds);
    subtract(&taken, &none);
    if (w->restore)
        w->restore();
    print("BENCH %s ops=%llu ticks=%llu", w->name, ops_of(w), taken.ticks);
    for (u32 i = 0; i < counters_there; i++)
        print(" %s=%llu", counters[i].name, taken.value[i]);
    print("\n");
    console_drain();
}

void guest_main(void)
{
    find_counters();
    for (const struct workload *w = workloads; w->name; w++)
        if (wanted(w->name) && (!w->where || w->where == (counters_there ? EXEUNT : BARE)))
            measure(w);
}
