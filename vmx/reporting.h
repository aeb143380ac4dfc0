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
    u64 line_ticks;  /* TSC ticks between two lines of a report during the run */
    u32 timer_shift; /* caps_preemption_shift() */
};

/* Before the guest starts. The struct is copied. */
void reporting_init(const struct reporting *reporting);

/* The JSON line `boot`. */
void reporting_boot(const struct report_boot *log);

/* What VMCALL may do on this CPU (vmx/hypercall.h). */
const struct hypercall_host *reporting_hypercalls(void);

/* report=period: prints a report when one is due (not while lines of the last one wait: CHORE_CONSOLE). */
void reporting_periodic(struct cpu *cpu);

/*
 * Sets the VMX-preemption timer, where it is in use: to an eighth of the period, or, while lines wait, to the hundredth
 * of a second that one takes on the wire. It starts again at each entry, so it fires only in a guest that does not exit
 * otherwise.
 */
void reporting_set_timer(struct cpu *cpu);

/* struct machine: the guest is about to end in this way. Prints the last report, once; with END_NONE a report in
 * between. */
void reporting_guest_ends(enum end_cause cause);

#endif
