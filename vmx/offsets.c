/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compiled to assembly only: the build turns each "->NAME value" into a #define in offsets.h, for the .S files.
 */
#include "vmx/cpu.h"

#define OFFSET(name, member) asm volatile("\n->" #name " %c0" : : "i"(offsetof(struct cpu, member)))

void offsets(void);

void offsets(void)
{
    OFFSET(CPU_RAX, vcpu.gpr[RAX]);
    OFFSET(CPU_RCX, vcpu.gpr[RCX]);
    OFFSET(CPU_RDX, vcpu.gpr[RDX]);
    OFFSET(CPU_RBX, vcpu.gpr[RBX]);
    OFFSET(CPU_RBP, vcpu.gpr[RBP]);
    OFFSET(CPU_RSI, vcpu.gpr[RSI]);
    OFFSET(CPU_RDI, vcpu.gpr[RDI]);
    OFFSET(CPU_R8, vcpu.gpr[R8]);
    OFFSET(CPU_R9, vcpu.gpr[R9]);
    OFFSET(CPU_R10, vcpu.gpr[R10]);
    OFFSET(CPU_R11, vcpu.gpr[R11]);
    OFFSET(CPU_R12, vcpu.gpr[R12]);
    OFFSET(CPU_R13, vcpu.gpr[R13]);
    OFFSET(CPU_R14, vcpu.gpr[R14]);
    OFFSET(CPU_R15, vcpu.gpr[R15]);
    OFFSET(CPU_STACK_TOP, stack_top);
    OFFSET(CPU_EXITED, exited);
    OFFSET(CPU_ENTERED, entered);
    OFFSET(CPU_ATTENTION, attention);
}
