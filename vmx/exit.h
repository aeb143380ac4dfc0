/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One exit: from the stub (entry.S) through the handler of its reason back to the stub. The handlers live in exit_*.c.
 */
#ifndef VMX_EXIT_H
#define VMX_EXIT_H

#include "emul/emul.h"
#include "lib/format.h"
#include "vmx/cpu.h"

/*
 * Called by entry.S with the guest's registers stored. On return the guest is entered; where translated code is to run
 * instead it does not return. Timed with timing=on, plain with timing=off.
 */
void exit_handle_timed(struct cpu *cpu);
void exit_handle_plain(struct cpu *cpu);

/* Called by entry.S when translated code was left in a state that is to be written back whole. */
void exit_finish(struct cpu *cpu);

/* The same for translated code that is watched (vmx/exit_site.h), when it left by itself. */
void exit_left(struct cpu *cpu);

/* Called by entry.S when something wants attention between exit_handle_*() and VMRESUME. */
void exit_attend(struct cpu *cpu);

/* VMLAUNCH or VMRESUME fell through with these RFLAGS. */
_Noreturn void entry_failed(struct cpu *cpu, u64 rflags);

/* Reads the exit qualification, for the handler and the history. */
u64 exit_qualification(struct cpu *cpu);

/* RIP past the instruction that exited (VM-exit instruction length), with all that completing an instruction does. */
void exit_advance(struct cpu *cpu);
/* The same where the decoded length is known. */
void exit_advance_by(struct cpu *cpu, u32 length);

/* The guest is in shutdown (triple fault): dump, last report, reset of the machine. */
_Noreturn void exit_shutdown(struct cpu *cpu);

/* The guest asked for or suffered a reset that takes effect here: last report with `cause`, then the machine's reset.
 */
_Noreturn void exit_reset(struct cpu *cpu, enum end_cause cause);

/* Exeunt cannot go on with this guest: says why, dumps, last report, halts. */
_Noreturn void exit_fatal(struct cpu *cpu, const char *fmt, ...) FORMAT_LIKE(2, 3);

/* Runs emul_step() and does what its status asks for; counts what could not be done. */
void exit_emulate(struct cpu *cpu, const struct emul_expect *expect);

/* Linear translations of this guest CPU are dropped (a no-op where there is no VPID: each transition drops them). */
void exit_flush_linear(struct cpu *cpu);

/* Asks the processor how large XSAVE areas are now: after XCR0 or IA32_XSS changed, and once at the start. */
void exit_read_xsave_sizes(struct cpu *cpu);

/* Handlers. Each is entered with nothing fetched, and leaves state through vcpu_dirty(). */
void exit_exception_or_nmi(struct cpu *cpu);
void exit_triple_fault(struct cpu *cpu);
void exit_init(struct cpu *cpu);
void exit_startup_ipi(struct cpu *cpu);
void exit_nmi_window(struct cpu *cpu);
void exit_task_switch(struct cpu *cpu);
void exit_cpuid(struct cpu *cpu);
void exit_hlt(struct cpu *cpu);
void exit_invd(struct cpu *cpu);
void exit_rdtsc(struct cpu *cpu);
void exit_rdtscp(struct cpu *cpu);
void exit_undefined(struct cpu *cpu);
void exit_user_wait(struct cpu *cpu);
void exit_vmcall(struct cpu *cpu);
void exit_control_register(struct cpu *cpu);
void exit_debug_register(struct cpu *cpu);
void exit_io(struct cpu *cpu);
void exit_rdmsr(struct cpu *cpu);
void exit_wrmsr(struct cpu *cpu);
void exit_preemption_timer(struct cpu *cpu);
void exit_ept_violation(struct cpu *cpu);
void exit_ept_misconfiguration(struct cpu *cpu);
void exit_xsetbv(struct cpu *cpu);

#endif
