/* SPDX-License-Identifier: BSD-2-Clause */
/* Hardware task switches: the switch itself is vmx/task_switch.c. */
#include "lib/counters.h"
#include "lib/cpu.h"
#include "vmx/exit.h"
#include "vmx/insn.h"
#include "vmx/task_switch.h"
#include "vmx/vmcs_fields.h"

#define DR6_BT BIT(15)

void exit_task_switch(struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    u64 qualification = exit_qualification(cpu);
    struct task_switch task = task_switch_decode(qualification, &cpu->vectoring,
                                                 (u32)vmread(VMCS_EXIT_INSTRUCTION_LENGTH));
    counters.task_switches++;
    if (task_switch_perform(v, &task) == TASK_DONE)
        cpu->vectoring.valid = false; /* delivered: the new task is its handler */
    if (task.flush_linear)
        exit_flush_linear(cpu);
    if (task.debug_trap)
        write_dr6(read_dr6() | DR6_BT);
}
