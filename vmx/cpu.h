/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One processor that runs the guest: the guest CPU as the lower rooms see it, and what VT-x needs around it.
 */
#ifndef VMX_CPU_H
#define VMX_CPU_H

#include "cache/tcache.h"
#include "emul/vm.h"
#include "ept/walk_memo.h"
#include "lib/types.h"
#include "lib/vcpu.h"
#include "vmx/caps.h"
#include "vmx/cpuid_policy.h"
#include "vmx/exit_statistics.h"
#include "vmx/history.h"
#include "vmx/host.h"
#include "vmx/hypercall.h"
#include "vmx/insn.h"
#include "vmx/paging_off.h"
#include "vmx/perf_guard.h"
#include "vmx/site_rest.h"
#include "vmx/spaces.h"

#define CPU_STACK_SIZE 16384

struct sites;

#define DR7_GD BIT(13) /* SDM "Debug Control Register (DR7)": general detect */

/* What must be looked at before the next entry; set by the NMI and machine-check handlers, by kicks later. */
enum attention { ATTENTION_NMI = 1, ATTENTION_MACHINE_CHECK = 2 };

enum chore {
    CHORE_NMI = 1,           /* an NMI waits for the guest until it can be injected */
    CHORE_MACHINE_CHECK = 2, /* the same */
    CHORE_CONSOLE = 4,       /* a line of a report is to be sent, as soon as the guest stands at a line's start */
    CHORE_DELAY = 8,         /* exit-delay= */
    CHORE_PERIOD = 16,       /* report=period: is a report due? */
    CHORE_REPORT = 256,      /* a report was asked for by the keys of lib/console_keys.h */
    CHORE_RECORD = 128,      /* the path from this exit on is to be recorded (emul/site.h) */
    CHORE_RUN = 64,          /* translated code is to be run: cpu->run */
    CHORE_ARMED = 32,        /* none: DR7 enables breakpoints, which entry.S does not look for */
};

struct cpu {
    /* Exeunt's stack while it handles an exit: right below the vcpu, where HOST_RSP points. */
    char stack[CPU_STACK_SIZE] __attribute__((aligned(16)));
    struct vcpu vcpu __attribute__((aligned(16)));

    u64 exited, entered;    /* TSC of the last exit and the last entry (timing=on) */
    volatile u32 attention; /* enum attention */
    struct cpu *self;
    struct vm *vm;

    /* The exit that is being handled */
    u32 reason;             /* basic exit reason */
    bool injected;          /* the entry fields hold an event */
    struct event vectoring; /* the event whose delivery this exit interrupted */
    u64 mismatch_rip;       /* where the last instruction was met that is not what exited, */
    u32 mismatches;         /* and how often in a row */
    u64 timer_due;          /* TSC at which reporting_timer() is to be called; 0: never */
    u64 line_waits;         /* TSC since when a line of a report has waited for the guest to end its own; 0: none has */
    u64 line_sent;          /* TSC when the last line of a report was out, */
    u64 line_took;          /* and how long that took */
    u32 chores;             /* enum chore: what has to be done before the next entry; mostly nothing */

    /* Control fields as they stand in the VMCS: written only when they change. */
    struct vmx_controls controls;
    u64 cr0_mask, cr4_mask;   /* guest/host masks: 1 = Exeunt's */
    u64 cr0_owned, cr4_owned; /* those bits as the guest sees them: read shadow & mask */
    u64 eptp;
    enum invept_type invept_type;

    /* What this CPU lets the guest have */
    u64 cr4_allowed, xss_allowed, efer_allowed;
    u64 microcode;                      /* IA32_BIOS_SIGN_ID as found at the start */
    u32 xsave_size, xsave_compact_size; /* CPUID leaf 0DH for the guest's XCR0 and IA32_XSS */
    bool unrestricted;                  /* the CPU runs a guest with paging or protection off */
    bool timed;                         /* timing=on */
    u32 exit_delay;                     /* TSC ticks */
    u64 report_period, report_due;      /* TSC ticks; the TSC of the next report (report=period:) */
    bool apic_enabled;                  /* IA32_APIC_BASE.EN */
    enum hypercall_access hypercall;
    struct paging_off paging_off;
    struct walk_memo walks;
    const void *code_table; /* the translations, for entry.S */
    struct spaces spaces;
    u32 answers;         /* counts up when they end: vmx/answers.h */
    const void *run;     /* translated code to run instead of an entry: CHORE_RUN */
    struct sites *sites; /* engine=translate, cluster; else NULL */
    bool watching;       /* translated code leaves by way of exit_site_left() */
    struct site_rest rest;
    struct tcache tcache;
    struct perf_guard perf;

    struct cpuid_table cpuid;
    struct history history;
    struct exit_statistics statistics;
    struct marks marks;
    struct host_tables host;
    char vmxon_region[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
    char vmcs_region[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
};
_Static_assert(offsetof(struct cpu, vcpu) == CPU_STACK_SIZE, "the stack ends where HOST_RSP points");

#endif
