/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hardware task switches. VMX non-root operation has none: each attempt exits (SDM "Treatment of Task Switches"), and
 * the whole switch is carried out here (SDM "Task Switching"). Pure: guest memory through emul/access.h, registers
 * through struct vcpu; no VMCS.
 *
 * How the exit handler uses it:
 *
 *     struct task_switch task = task_switch_decode(exit_qualification(cpu), &cpu->vectoring, instruction_length);
 *     if (task_switch_perform(v, &task) == TASK_DONE)
 *         cpu->vectoring.valid = false;  (the event was delivered: the new task is its handler)
 *     if (task.flush_linear) exit_flush_linear(cpu);
 *     if (task.debug_trap) DR6.BT is set;
 *
 * Whatever was raised is in v->event. After TASK_FAULT the vectored event stays: the two are combined (double fault).
 */
#ifndef VMX_TASK_SWITCH_H
#define VMX_TASK_SWITCH_H

#include "lib/vcpu.h"

/* SDM "Exit Qualification for Task Switches", bits 31:30. */
enum task_source {
    TASK_CALL,
    TASK_IRET,
    TASK_JMP,
    TASK_GATE_IN_IDT,
};

struct task_switch {
    u16 selector; /* of the new TSS */
    enum task_source source;
    struct event event;     /* whose delivery met the task gate (TASK_GATE_IN_IDT) */
    u32 instruction_length; /* of the CALL, IRET or JMP */

    /* Set by task_switch_perform() */
    bool flush_linear; /* CR3 was loaded: drop linear translations */
    bool debug_trap;   /* v->event is the #DB of the new TSS's T flag: DR6.BT (bit 15) has to be set */
};

enum task_status {
    TASK_DONE,  /* the new task begins, with v->event valid only for a debug trap */
    TASK_FAULT, /* v->event is raised: in the old task, unchanged, or (checks of the new task's segments) in the new one
                 */
};

/*
 * `vectoring` is the decoded IDT-vectoring information (valid or not), `instruction_length` the VM-exit instruction
 * length; it is used only where an instruction caused the switch.
 */
struct task_switch task_switch_decode(u64 qualification, const struct event *vectoring, u32 instruction_length);

enum task_status task_switch_perform(struct vcpu *v, struct task_switch *task);

#endif
