/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What completing an instruction does besides its work, for those that the interpreter performs and for those that vmx/
 * performs from the VM-exit information. RIP, RFLAGS and interruptibility have been fetched.
 */
#ifndef EMUL_RETIRE_H
#define EMUL_RETIRE_H

#include "lib/vcpu.h"

#define RETIRE_PARTS (PART_RIP | PART_RFLAGS | PART_INTERRUPTIBILITY)

#define PENDING_DEBUG_BS BIT(14) /* SDM "Pending Debug Exceptions": single step */

/* RIP goes on; a breakpoint there may hit (SDM "Instruction-Breakpoint Exception Condition": RF is cleared). */
static inline __attribute__((always_inline)) void retire_to(struct vcpu *v, u64 rip)
{
    v->rip = rip;
    v->dirty |= PART_RIP;
    if (v->rflags & RFLAGS_RF) {
        v->rflags &= ~(u64)RFLAGS_RF;
        v->dirty |= PART_RFLAGS;
    }
}

/*
 * The shadow of the instruction before ends; this one's (BLOCKING_BY_STI, BLOCKING_BY_MOV_SS, or 0) begins. Of several
 * in a row only the first is sure to have one (SDM "MOV", "POP", "STI"), so the next has none: a guest cannot keep
 * interrupts out for ever.
 */
static inline __attribute__((always_inline)) void retire_shadow(struct vcpu *v, u32 shadow)
{
    u32 before = v->interruptibility & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS);
    if (before | shadow) {
        v->interruptibility = (v->interruptibility & ~before) | (shadow & ~before);
        v->dirty |= PART_INTERRUPTIBILITY;
    }
}

/*
 * The trap after an instruction that began with TF set, or after an element of a string instruction. With a shadow it
 * waits as long as the shadow lasts (MOV SS); the VM-entry checks want the bit in that case too.
 */
static inline void retire_step(struct vcpu *v)
{
    vcpu_need(v, PART_PENDING_DEBUG);
    v->pending_debug |= PENDING_DEBUG_BS;
    vcpu_dirty(v, PART_PENDING_DEBUG);
}

#endif
