/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/reporting.h"

#include "lib/console.h"
#include "lib/console_keys.h"
#include "lib/counters.h"
#include "lib/cpu.h"
#include "lib/print.h"
#include "lib/vmx_ops.h"
#include "vmx/code_cache.h"
#include "vmx/exit_site.h"
#include "vmx/insn.h"
#include "vmx/report.h"
#include "vmx/state.h"
#include "vmx/vmcs_fields.h"

#define LINE_MS 10       /* at least, between two lines of a report during the run */
#define LINE_WAIT_MS 250 /* how long one waits for the guest to end its own line */
#define POLL_MS 100      /* how often Exeunt looks for keys itself */

static struct reporting own;
static bool ended;

void reporting_init(const struct reporting *reporting)
{
    own = *reporting;
}

static void emit(void *context, bool json, const char *line)
{
    if (json) {
        print_raw(line);
        print_raw("\n");
    } else {
        print("%s\n", line);
    }
}

void reporting_boot(const struct report_boot *log)
{
    report_boot(log, emit, NULL);
}

static u64 now(const struct cpu *cpu)
{
    return cpu->timed ? rdtsc() : 0;
}

/* Nothing is made up that nobody would see: formatting a report takes millions of instructions. */
static void print_report(const char *cause)
{
    if (!console_is_seen())
        return;
    struct cpu *cpu = host_cpu();
    u64 tsc = now(cpu);
    statistics_close(&cpu->statistics, tsc);
    exit_site_fold(cpu);
    struct cache_figures cache = code_cache_figures(cpu);
    struct report_input input = {
        .statistics = &cpu->statistics,
        .tsc = tsc,
        .engine = own.engine,
        .trap = own.trap,
        .cache = cpu->vcpu.tcache ? &cache : NULL,
        .sites = cpu->sites,
        .rests = cpu->rest.periods,
        .vm = cpu->vm,
        .ept = &cpu->vm->ept.counts,
        .pool = own.pool,
        .memory_owned = own.memory_owned,
        .devices = &cpu->vm->device_counts,
        .counters = &counters,
        .marks = &cpu->marks,
        .cause = cause,
    };
    console_begin();
    report_print(&input, emit, NULL);
    console_end();
}

void reporting_guest_ends(enum end_cause cause)
{
    if (!own.at_end || ended)
        return;
    ended = true;
    print_report(end_cause_name(cause));
}

static void reset(void *context)
{
    struct cpu *cpu = host_cpu();
    exit_site_reset(cpu);
    statistics_start(&cpu->statistics, 0, cpu->timed);
    statistics_rebase(&cpu->statistics, now(cpu)); /* the clock starts when all is zero */
    cpu->marks.count = 0;
    phases_reset(&cpu->marks.phases);
}

/* While the guest runs a report is a snapshot that goes out line by line (SPEC 8.5). */
static void report(void *context)
{
    console_hold();
    print_report(NULL);
    console_release();
    host_cpu()->chores |= CHORE_CONSOLE;
    reporting_set_timer(host_cpu());
}

static u64 pause_after_line(const struct cpu *cpu)
{
    return max_u64(cpu->line_took, LINE_MS * own.ticks_per_ms);
}

static u64 timer_ticks(const struct cpu *cpu)
{
    u64 period = cpu->report_period / 8, poll = POLL_MS * own.ticks_per_ms;
    if (console_holds())
        return pause_after_line(cpu);
    if (console_polls_keys())
        return period ? min_u64(period, poll) : poll;
    return period;
}

void reporting_set_timer(struct cpu *cpu)
{
    u64 ticks = timer_ticks(cpu);
    cpu->timer_due = ticks ? rdtsc() + ticks : 0;
    state_set_timer(cpu, ticks && own.timer);
    if (ticks && own.timer)
        vmwrite(VMCS_PREEMPTION_TIMER_VALUE, min_u64(ticks >> own.timer_shift, 0xffffffff));
}

void reporting_timer(struct cpu *cpu)
{
    if (console_poll_keys())
        cpu->chores |= CHORE_REPORT;
    reporting_set_timer(cpu);
}

/* At once, not when it fires: whoever counts exits shall not find one more. */
static void polling_ends(void)
{
    reporting_set_timer(host_cpu());
}

void reporting_guest_runs(struct cpu *cpu)
{
    console_watch_keys(own.keys ? CONSOLE_KEYS_MS * own.ticks_per_ms : 0, polling_ends);
    reporting_set_timer(cpu);
}

void reporting_by_keys(struct cpu *cpu)
{
    cpu->chores &= ~(u32)CHORE_REPORT;
    report(NULL);
}

/* The guest is in the middle of a line; but a prompt may never end. */
static bool waits_for_guest(struct cpu *cpu, u64 tsc)
{
    if (!console_in_guest_line())
        return false;
    if (!cpu->line_waits)
        cpu->line_waits = tsc;
    return tsc - cpu->line_waits < LINE_WAIT_MS * own.ticks_per_ms;
}

/*
 * The guest stands still while a line goes out; then it runs for as long, so that it has at least half of the time, and
 * takes in time what is typed. The wire's time is Exeunt's own, not that of the exit that happens to be in progress.
 */
void reporting_send_line(struct cpu *cpu)
{
    u64 begin = rdtsc();
    if (begin - cpu->line_sent < cpu->line_took || waits_for_guest(cpu, begin))
        return;
    cpu->line_waits = 0;
    statistics_close(&cpu->statistics, cpu->timed ? begin : 0);
    console_send_held();
    cpu->line_sent = rdtsc();
    cpu->line_took = cpu->line_sent - begin;
    if (!console_holds())
        cpu->chores &= ~(u32)CHORE_CONSOLE;
    reporting_set_timer(cpu);
}

void reporting_periodic(struct cpu *cpu)
{
    u64 tsc = rdtsc();
    if (tsc < cpu->report_due || console_holds())
        return;
    cpu->report_due = tsc + cpu->report_period;
    report(NULL);
}

static void flush_marks(void *context)
{
    struct cpu *cpu = host_cpu();
    statistics_close(&cpu->statistics, now(cpu)); /* printing is no part of the call */
    console_begin();
    report_marks(&host_cpu()->marks, emit, NULL);
    console_end();
}

#if VMX_OPS_COUNTED
u64 vmx_ops[VMX_OP_KINDS];
#endif

static u64 counter_at(const struct cpu *cpu, enum hypercall_counter index, u64 tsc)
{
    struct exit_totals totals = statistics_totals(&cpu->statistics, tsc);
    switch (index) {
    case HYPERCALL_EXITS:
        return totals.exits;
    case HYPERCALL_AVOIDED:
        return totals.avoided;
    case HYPERCALL_TSC_EXEUNT:
        return totals.tsc_exeunt;
    case HYPERCALL_TSC_GUEST:
        return totals.tsc_guest;
    case HYPERCALL_TC_HITS:
        return totals.hits;
    case HYPERCALL_MEMORY_OWNED:
        return own.memory_owned;
    case HYPERCALL_TC_MISSES:
        return cpu->tcache.counts.misses;
    case HYPERCALL_INVALIDATIONS:
        return cpu->vm->coherence.counts.invalidations_write + cpu->vm->coherence.counts.invalidations_eviction;
    default:
        return 0;
    }
}

static u64 counter(void *context, enum hypercall_counter index)
{
    u64 count;
    if (vmx_ops_read((u32)index - HYPERCALL_COUNTER_COUNT, &count))
        return count;
    return counter_at(host_cpu(), index, now(host_cpu()));
}

/* At one moment, so that the rows of a phase add up to what its marks say. */
static bool measure(void *context, struct mark *new)
{
    struct cpu *cpu = host_cpu();
    u64 tsc = now(cpu);
    statistics_close(&cpu->statistics, tsc);
    exit_site_fold(cpu);
    for (u32 i = 0; i < HYPERCALL_COUNTER_COUNT; i++)
        new->values[i] = counter_at(cpu, (enum hypercall_counter)i, tsc);
    return phases_end(&cpu->marks.phases, &cpu->statistics, &new->first_row, &new->rows);
}

const struct hypercall_host *reporting_hypercalls(void)
{
    static struct hypercall_host host = {
        .reset = reset, .report = report, .flush_marks = flush_marks, .counter = counter, .measure = measure};
    host.marks = &host_cpu()->marks;
    return &host;
}
