/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/answers.h"

#include "vmx/exit_site.h"
#include "vmx/insn.h"
#include "vmx/vmcs_fields.h"

extern const char vmx_check_cpuid_timed[], vmx_check_rdmsr_timed[], vmx_check_vmcall_timed[];
extern const char vmx_check_cpuid_plain[], vmx_check_rdmsr_plain[], vmx_check_vmcall_plain[];

static const struct {
    const void *timed, *plain;
    u64 mask; /* of the question */
    enum site_kind kind;
} kinds[ANSWER_KINDS] = {
    [ANSWER_CPUID] = {vmx_check_cpuid_timed, vmx_check_cpuid_plain, ~0ull, SITE_CPUID},
    [ANSWER_RDMSR] = {vmx_check_rdmsr_timed, vmx_check_rdmsr_plain, ~0xffffffffull, SITE_RDMSR},
    [ANSWER_VMCALL] = {vmx_check_vmcall_timed, vmx_check_vmcall_plain, 0xffffffff, SITE_VMCALL},
};

void answer_note(struct cpu *cpu, enum answer_kind kind, u64 question)
{
    struct vcpu *v = &cpu->vcpu;
    u32 length = (u32)vmread(VMCS_EXIT_INSTRUCTION_LENGTH);
    if ((v->rip ^ (v->rip + length)) >> 32) /* where EIP wraps, entry.S does not */
        return;
    struct translation *place = translations_place(&cpu->sites->tc, v->rip);
    if (!place)
        return;
    translation_settle(&cpu->sites->tc, place); /* its last exits were about another question, perhaps */
    place->rip = v->rip;
    place->rip_offset = v->rip;
    place->reason = cpu->reason;
    place->mode = (u32)vmread(VMCS_GUEST_CS_ACCESS);
    place->check = cpu->timed ? kinds[kind].timed : kinds[kind].plain;
    place->kind = kinds[kind].kind;
    place->expect = question;
    place->expect_mask = kinds[kind].mask;
    place->epoch = cpu->answers;
    place->length = (u16)length;
    exit_site_account(cpu, place);
    place->value[0] = (u32)v->gpr[RAX];
    place->value[1] = (u32)v->gpr[RBX];
    place->value[2] = (u32)v->gpr[RCX];
    place->value[3] = (u32)v->gpr[RDX];
}
