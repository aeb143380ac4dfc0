/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When reports are printed, and with which figures: joins the counters of all rooms for vmx/report.c.
 */
#ifndef VMX_REPORTING_H
#define VMX_REPORTING_H

#include "emul/guards.h"
#include "lib/page_pool.h"
#include "vmx/cpu.h"
#include "vmx/hypercall.h"
#include "vmx/report.h"

struct reporting {
    const char *engine, *trap; /* in force, for the summary */
    bool at_end;               /* report=end */
    u64 memory_owned;          /* bytes */
    const struct page_pool *pool;
    bool keys;        /* reports are asked for by keys (lib/console_keys.h) */
    bool timer;       /* caps_has_timer() */
    u32 timer_shift;  /* caps_preemption_shift() */
    u64 ticks_per_ms; /* of the TSC */
};

/* Before the guest starts. The struct is copied. */
void reporting_init(const struct reporting *reporting);

/* The JSON line `boot`. */
void reporting_boot(const struct report_boot *log);

/* What VMCALL may do on this CPU (vmx/hypercall.h). */
const struct hypercall_host *reporting_hypercalls(void);

/* After console_guest_runs(): from now on the keys are waited for, and the timer runs. The VMCS is current. */
void reporting_guest_runs(struct cpu *cpu);

/* report=period: prints a report when one is due (not while lines of the last one wait). */
void reporting_periodic(struct cpu *cpu);

/* CHORE_REPORT */
void reporting_by_keys(struct cpu *cpu);

/* CHORE_CONSOLE */
void reporting_send_line(struct cpu *cpu);

/*
 * Sets the time at which reporting_timer() is to be called next: in an eighth of the period; while lines wait, when the
 * next one may go; while Exeunt looks for the keys itself, in a tenth of a second. The VMX-preemption timer, where
 * there is one, sees to it in a guest that does not exit. It stands still in root mode, where a guest may spend nearly
 * all of its time in translated code that polls a device: exit_site_compare() looks at the time too.
 */
void reporting_set_timer(struct cpu *cpu);

/* The time has come, or a little less. */
void reporting_timer(struct cpu *cpu);

/* struct machine: the guest is about to end in this way. Prints the last report, once; with END_NONE a report in
 * between. */
void reporting_guest_ends(enum end_cause cause);

#endif
