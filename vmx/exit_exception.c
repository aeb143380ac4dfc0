/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NMIs, machine checks, INIT: what comes from outside (SPEC 2.8). The exception bitmap asks for nothing but #MC.
 */
#include "lib/counters.h"
#include "vmx/event.h"
#include "vmx/exit.h"
#include "vmx/exit_reasons.h"
#include "vmx/insn.h"
#include "vmx/reporting.h"
#include "vmx/state.h"
#include "vmx/vmcs_fields.h"

void exit_exception_or_nmi(struct cpu *cpu)
{
    u32 information = (u32)vmread(VMCS_EXIT_INTERRUPTION_INFO);
    struct event event = event_decode(information, 0, 0);
    if (event.type == EVENT_NMI) {
        unblock_nmis();
        counters.nmis_in_guest++;
        cpu->chores |= CHORE_NMI;
    } else if (event.vector == VECTOR_MC) {
        counters.machine_checks++;
        cpu->chores |= CHORE_MACHINE_CHECK;
    } else {
        exit_fatal(cpu, "exit for exception %u, which was not asked for", event.vector);
    }
}

void exit_nmi_window(struct cpu *cpu)
{
    state_clear_primary(cpu, PRIMARY_NMI_WINDOW_EXITING);
}

/*
 * INIT reached this CPU in the guest. On the bootstrap processor it is a reset by other means: there is no state behind
 * it to go back to.
 */
void exit_init(struct cpu *cpu)
{
    counters.init_received++;
    exit_reset(cpu, END_INIT);
}

/* Only in the wait-for-SIPI state, which Exeunt does not enter. */
void exit_startup_ipi(struct cpu *cpu)
{
    counters.unexpected_exits++;
}

/* Whether a report is due, or a line of it, is looked at in every exit. */
void exit_preemption_timer(struct cpu *cpu)
{
    reporting_timer(cpu);
}

void exit_triple_fault(struct cpu *cpu)
{
    exit_shutdown(cpu);
}
