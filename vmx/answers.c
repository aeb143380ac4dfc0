/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/answers.h"

#include "vmx/exit_site.h"
#include "vmx/insn.h"
#include "vmx/vmcs_fields.h"

extern const char vmx_check_cpuid_timed[], vmx_check_rdmsr_timed[], vmx_check_vmcall_timed[];
extern const char vmx_check_cpuid_plain[], vmx_check_rdmsr_plain[], vmx_check_vmcall_plain[];

static const struct {
    const void *timed, *plain;
    u64 mask; /* what of the question matters */
    enum site_kind kind;
} kinds[ANSWER_KINDS] = {
    [ANSWER_CPUID] = {vmx_check_cpuid_timed, vmx_check_cpuid_plain, 0xffffffff, SITE_CPUID},
    [ANSWER_CPUID_SUBLEAF] = {vmx_check_cpuid_timed, vmx_check_cpuid_plain, ~0ull, SITE_CPUID},
    [ANSWER_RDMSR] = {vmx_check_rdmsr_timed, vmx_check_rdmsr_plain, ~0xffffffffull, SITE_RDMSR},
    [ANSWER_VMCALL] = {vmx_check_vmcall_timed, vmx_check_vmcall_plain, 0xffffffff, SITE_VMCALL},
};

/*
 * To note an answer takes as long as to find it. A site that asks something else each time (CPUID for one subleaf after
 * another, a function that reads any MSR) keeps the one that it has for so many exits that it did not serve, at most:
 * twice as many as the last time.
 */
#define PATIENCE_MAX 64

/* What is noted there stays: it answers another question, or this one, which only a rest of the sites kept it from. */
static bool stays(struct cpu *cpu, enum answer_kind kind, u64 question)
{
    struct translation *place = translations_find(&cpu->sites->tc, cpu->vcpu.rip);
    if (!place || place->kind != kinds[kind].kind || place->epoch != cpu->answers)
        return false;
    if ((place->expect ^ question) & place->expect_mask)
        return ++place->misses < place->patience;
    if (!cpu->rest.now)
        return false;
    site_rest_end(cpu);
    return true;
}

void answer_note(struct cpu *cpu, enum answer_kind kind, u64 question)
{
    struct vcpu *v = &cpu->vcpu;
    if (stays(cpu, kind, question))
        return;
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
    place->expect = question & kinds[kind].mask;
    place->expect_mask = kinds[kind].mask;
    place->patience = place->epoch == cpu->answers ? (u8)min_u64(2 * place->patience, PATIENCE_MAX) : 0;
    place->patience += !place->patience;
    place->misses = 0;
    place->epoch = cpu->answers;
    place->length = (u16)length;
    exit_site_account(cpu, place);
    place->value[0] = (u32)v->gpr[RAX];
    place->value[1] = (u32)v->gpr[RBX];
    place->value[2] = (u32)v->gpr[RCX];
    place->value[3] = (u32)v->gpr[RDX];
}
