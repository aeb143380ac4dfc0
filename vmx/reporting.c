/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/reporting.h"

#include "lib/console.h"
#include "lib/counters.h"
#include "lib/cpu.h"
#include "lib/print.h"
#include "lib/vmx_ops.h"
#include "vmx/code_cache.h"
#include "vmx/exit_site.h"
#include "vmx/insn.h"
#include "vmx/report.h"
#include "vmx/vmcs_fields.h"

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

static void print_report(const char *cause)
{
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

/* While the guest runs a report is a snapshot that goes out line by line, one in each exit (SPEC 8.5). */
static void report(void *context)
{
    console_hold();
    print_report(NULL);
    console_release();
    host_cpu()->chores |= CHORE_CONSOLE;
    reporting_set_timer(host_cpu());
}

void reporting_set_timer(struct cpu *cpu)
{
    if (!(cpu->controls.pin & PIN_PREEMPTION_TIMER))
        return;
    u64 ticks = cpu->chores & CHORE_CONSOLE ? own.line_ticks : cpu->report_period / 8;
    vmwrite(VMCS_PREEMPTION_TIMER_VALUE, min_u64(ticks >> own.timer_shift, 0xffffffff));
}

void reporting_periodic(struct cpu *cpu)
{
    u64 tsc = rdtsc();
    if (tsc < cpu->report_due)
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
