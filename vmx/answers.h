/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exits whose outcome is the same as the last time: CPUID, RDMSR of what changes by exits only, hypercalls that nobody
 * knows. What a site asked and what it was told is kept in the table of translations, where entry.S finds it; the exit
 * itself says which instruction it is, so no code is read. Whatever could change an answer ends them all.
 */
#ifndef VMX_ANSWERS_H
#define VMX_ANSWERS_H

#include "vmx/cpu.h"

/* ANSWER_CPUID: a leaf without sub-leaves, for which ECX is whatever it was. */
enum answer_kind { ANSWER_CPUID, ANSWER_CPUID_SUBLEAF, ANSWER_RDMSR, ANSWER_VMCALL, ANSWER_KINDS };

/* EAX (low half) and ECX, by which an exit asks. */
static inline u64 answer_question(const u64 gpr[GPR_COUNT])
{
    return (u32)gpr[RAX] | gpr[RCX] << 32;
}

/*
 * The exit in progress was answered: EAX, EBX, ECX, EDX of the guest are what it was told, RIP has not gone on.
 * `question` is answer_question() before. It is noted, unless the site asks something else each time. Only with
 * cpu->sites.
 */
void answer_note(struct cpu *cpu, enum answer_kind kind, u64 question);

/* State was written on which some answer may hang. */
static inline void answers_end(struct cpu *cpu)
{
    cpu->answers++;
}

#endif
