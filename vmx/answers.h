/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exits whose outcome is the same as the last time: CPUID, RDMSR of what changes by exits only, hypercalls that nobody
 * knows. What a site asked and what it was told is kept in the table of translations, where entry.S finds it; the exit
 * itself says which instruction it is, so no code is read. Whatever could change an answer ends them all.
 */
#ifndef VMX_ANSWERS_H
#define VMX_ANSWERS_H

#include "vmx/cpu.h"

enum answer_kind { ANSWER_CPUID, ANSWER_RDMSR, ANSWER_VMCALL, ANSWER_KINDS };

/* Of the guest's EAX (low half) and ECX: what an exit of this kind asks. */
static inline u64 answer_question(enum answer_kind kind, const u64 gpr[GPR_COUNT])
{
    u64 asked = (u32)gpr[RAX] | gpr[RCX] << 32;
    if (kind == ANSWER_CPUID)
        return asked;
    return kind == ANSWER_RDMSR ? asked & ~0xffffffffull : (u32)asked;
}

/*
 * The exit in progress was answered: EAX, EBX, ECX, EDX of the guest are what it was told, RIP has not gone on.
 * `question` is answer_question() before. Only with cpu->sites.
 */
void answer_note(struct cpu *cpu, enum answer_kind kind, u64 question);

/* State was written on which some answer may hang. */
static inline void answers_end(struct cpu *cpu)
{
    cpu->answers++;
}

#endif
