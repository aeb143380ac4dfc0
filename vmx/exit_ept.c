/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT violations: MMIO that is touched for the first time, executable large pages that must split, trapped pages, and
 * the guest's attempts on Exeunt's own region.
 */
#include "emul/access.h"
#include "lib/counters.h"
#include "vmx/exit.h"
#include "vmx/exit_reasons.h"
#include "vmx/exit_site.h"
#include "vmx/insn.h"
#include "vmx/vmcs_fields.h"

/* SDM "Exit Qualification for EPT Violations". */
enum ept_qualification {
    VIOLATION_READ = 1 << 0,
    VIOLATION_WRITE = 1 << 1,
    VIOLATION_FETCH = 1 << 2,
    VIOLATION_LINEAR_VALID = 1 << 7,
    VIOLATION_TRANSLATED = 1 << 8, /* the access itself, not the walk to it */
    VIOLATION_NMI_UNBLOCKED = 1 << 12,
};

/* An IRET that faulted had already ended the blocking by NMI: it executes again, and ends it again. */
static void restore_nmi_blocking(struct cpu *cpu, u64 qualification)
{
    struct vcpu *v = &cpu->vcpu;
    if (!(qualification & VIOLATION_NMI_UNBLOCKED) || cpu->vectoring.valid)
        return;
    vcpu_need(v, PART_INTERRUPTIBILITY);
    v->interruptibility |= BLOCKING_BY_NMI;
    vcpu_dirty(v, PART_INTERRUPTIBILITY);
}

static enum ept_permission wanted_by(u64 qualification)
{
    u32 wanted = 0;
    if (qualification & VIOLATION_READ)
        wanted |= EPT_R;
    if (qualification & VIOLATION_WRITE)
        wanted |= EPT_RW;
    if (qualification & VIOLATION_FETCH)
        wanted |= EPT_RX;
    return wanted;
}

static __attribute__((noinline)) void admit(struct cpu *cpu, gpa_t at, u64 qualification)
{
    struct vm *vm = cpu->vm;
    enum ept_status status = ept_admit(&vm->ept, at, wanted_by(qualification));
    if (status == EPT_PROTECTED) {
        statistics_row(&cpu->statistics, ROW_CODE_WRITE);
        coherence_written(&vm->coherence, at);
    } else if (status != EPT_OK) {
        exit_fatal(cpu, "no memory for the EPT at guest-physical %lx", at.at);
    }
}

/*
 * The guest's page walk itself met memory that the EPT does not give it. The walk in software sees what the guest
 * should: ones, so a reserved bit, so a page fault.
 */
static __attribute__((noinline)) void fault_of_walk(struct cpu *cpu, u64 qualification)
{
    struct vcpu *v = &cpu->vcpu;
    struct walk_request request = {
        .linear = gva(vmread(VMCS_GUEST_LINEAR_ADDRESS)),
        .access = qualification & VIOLATION_WRITE ? WALK_WRITE : WALK_READ,
        .user = vcpu_cpl(v) == 3 && !cpu->vectoring.valid,
    };
    if (qualification & VIOLATION_FETCH)
        request.access = WALK_FETCH;
    struct walk_result result;
    if (guest_walk(v, &cpu->vm->window, &request, &result) == WALK_FAULT)
        vcpu_raise_page_fault(v, result.error_code, request.linear);
    else
        vcpu_raise_code(v, VECTOR_GP, 0); /* PDPTEs, or tables that changed meanwhile on another CPU */
}

/* Memory that no one may be given: a hole or Exeunt's region. */
static void withhold(struct cpu *cpu, gpa_t at, enum ept_class memory, u64 qualification)
{
    struct vcpu *v = &cpu->vcpu;
    if (!(qualification & VIOLATION_LINEAR_VALID)) {
        /* SDM "Exit Qualification for EPT Violations": PDPTEs, which MOV to CR loads. Ones there are reserved bits. */
        vcpu_raise_code(v, VECTOR_GP, 0);
    } else if (!(qualification & VIOLATION_TRANSLATED)) {
        fault_of_walk(cpu, qualification);
    } else if (cpu->vectoring.valid) {
        /* A descriptor of ones or a stack that keeps nothing: the delivery ends in #GP, then #DF, then shutdown. */
        vcpu_raise_code(v, VECTOR_GP, 0);
    } else if (qualification & VIOLATION_FETCH) {
        counters.own_fetches += memory == EPT_CLASS_OWN;
        vcpu_raise(v, VECTOR_UD); /* ones are FF FF, which is no instruction */
    } else if (memory != EPT_CLASS_TRAPPED || !exit_has_site(cpu) ||
               !exit_by_site(cpu, at.at, (struct track_cause){TRACK_PAGE, at.at & PAGE_MASK})) {
        exit_emulate(cpu, &(struct emul_expect){.kind = EXPECT_MEMORY});
    }
}

static __attribute__((noinline)) void violation(struct cpu *cpu, gpa_t at, u64 qualification)
{
    struct vm *vm = cpu->vm;
    restore_nmi_blocking(cpu, qualification);
    enum ept_class memory = ept_classify(&vm->ept, at);
    bool lapic = policy_is_apic(&vm->policy, at.at);
    statistics_detail(&cpu->statistics, detail_key_of_violation(memory, lapic, at.at, qualification));
    if (memory == EPT_CLASS_RAM || memory == EPT_CLASS_DEVICE)
        admit(cpu, at, qualification);
    else
        withhold(cpu, at, memory, qualification);
}

/* Most are the access itself, by an instruction, to the LAPIC. */
void exit_ept_violation(struct cpu *cpu)
{
    static const struct emul_expect memory = {.kind = EXPECT_MEMORY};
    u64 qualification = exit_qualification(cpu);
    gpa_t at = gpa(vmread_sure(VMCS_GUEST_PHYSICAL_ADDRESS));
    u64 kind = qualification &
               (VIOLATION_LINEAR_VALID | VIOLATION_TRANSLATED | VIOLATION_FETCH | VIOLATION_NMI_UNBLOCKED);
    bool data = kind == (VIOLATION_LINEAR_VALID | VIOLATION_TRANSLATED) && !cpu->vectoring.valid;
    if (!data || !policy_is_apic(&cpu->vm->policy, at.at)) {
        violation(cpu, at, qualification);
        return;
    }
    statistics_detail(&cpu->statistics, detail_key_of_register(at.at));
    if (exit_has_site(cpu) && exit_by_site(cpu, at.at, (struct track_cause){TRACK_PAGE, at.at & PAGE_MASK}))
        return;
    exit_emulate(cpu, &memory);
}

void exit_ept_misconfiguration(struct cpu *cpu)
{
    gpa_t at = gpa(vmread_sure(VMCS_GUEST_PHYSICAL_ADDRESS));
    u64 size;
    u64 entry = ept_lookup(&cpu->vm->ept, at, &size);
    exit_fatal(cpu, "EPT misconfiguration at guest-physical %lx: entry %lx of %lu KiB", at.at, entry,
               (unsigned long)(size / KIB));
}
