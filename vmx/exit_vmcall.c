/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/counters.h"
#include "lib/cpu.h"
#include "vmx/answers.h"
#include "vmx/exit.h"
#include "vmx/exit_site.h"
#include "vmx/hypercall.h"
#include "vmx/reporting.h"

void exit_vmcall(struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    statistics_detail(&cpu->statistics, detail_key(EXIT_REASON_VMCALL, (u32)v->gpr[RAX]));
    if (!hypercall_allowed(cpu->hypercall, vcpu_cpl(v))) {
        counters.hypercalls_refused++;
        vcpu_raise(v, VECTOR_UD);
        return;
    }
    if ((u32)v->gpr[RAX] - HYPERCALL_RESET <= HYPERCALL_COUNTER - HYPERCALL_RESET)
        exit_site_fold(cpu);
    u64 question = answer_question(v->gpr);
    hypercall_perform(reporting_hypercalls(), v->gpr);
    if (cpu->sites && v->gpr[RAX] == HYPERCALL_UNKNOWN_FUNCTION)
        answer_note(cpu, ANSWER_VMCALL, question);
    exit_advance(cpu);
}
