/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control registers (SPEC 2.5). The guest/host masks let most writes pass; here come CR0.PG, what a guest without
 * unrestricted mode may not have, the CR4 bits that Exeunt keeps, and CR3 where paging is off or trap=cr3 asks for it.
 */
#include "ept/window.h"
#include "lib/cpu.h"
#include "vmx/control_registers.h"
#include "vmx/exit.h"
#include "vmx/insn.h"
#include "vmx/paging_off.h"
#include "vmx/state.h"
#include "vmx/vmcs_fields.h"

/* SDM "Exit Qualification for Control-Register Accesses". */
enum cr_access { CR_MOV_TO, CR_MOV_FROM, CR_CLTS, CR_LMSW };

static struct cr_context context_of(struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    vcpu_need(v, PART_CR3);
    return (struct cr_context){
        .cr0 = vcpu_cr0(v),
        .cr3 = v->cr3,
        .cr4 = vcpu_cr4(v),
        .efer = paging_off_efer(cpu, vcpu_efer(v)),
        .cs_access = vcpu_segment(v, SEG_CS)->access,
        .tr_access = vcpu_segment(v, SEG_TR)->access,
        .cr4_allowed = cpu->cr4_allowed,
        .physical_bits = cpu->vm->physical_bits,
    };
}

/* PAE paging: the four PDPTEs are loaded from CR3 now, and a reserved bit is #GP (SDM "PDPTE Registers"). */
static bool load_pdptes(struct cpu *cpu, u64 cr3)
{
    struct vcpu *v = &cpu->vcpu;
    u64 pdpte[4];
    window_read(&cpu->vm->window, gpa(cr3 & BITS(31, 5)), pdpte, sizeof(pdpte));
    if (!cr_pdptes_valid(pdpte, cpu->vm->physical_bits))
        return false;
    for (u32 i = 0; i < 4; i++)
        v->pdpte[i] = pdpte[i];
    vcpu_dirty(v, PART_PDPTES);
    return true;
}

static bool pae_paging(u64 cr0, u64 cr4, u64 efer)
{
    return cr0 & CR0_PG && cr4 & CR4_PAE && !(efer & EFER_LMA);
}

/*
 * CD and NW are the same bits in both modes: neither entries nor exits change them (SDM "Loading Guest Control
 * Registers, Debug Registers, and MSRs"), so what this write asks of them is done here.
 */
static void set_cache_bits(u64 value)
{
    u64 own = read_cr0(), wanted = (own & ~(CR0_CD | CR0_NW)) | (value & (CR0_CD | CR0_NW));
    if (wanted != own)
        write_cr0(wanted);
}

static bool guest_cr0(struct cpu *cpu, u64 value)
{
    struct vcpu *v = &cpu->vcpu;
    struct cr_context context = context_of(cpu);
    u64 efer;
    if (!cr0_write_check(&context, &value, &efer))
        return false;
    if (pae_paging(value, context.cr4, efer) && (value ^ context.cr0) & (CR0_PG | CR0_CD | CR0_NW) &&
        !load_pdptes(cpu, context.cr3))
        return false;
    if (!cpu->unrestricted && !(value & CR0_PE))
        exit_fatal(cpu, "the guest enters real mode, which needs the VMX control unrestricted guest");
    paging_off_switch(cpu, value & CR0_PG);
    if (efer != context.efer)
        state_set_efer(cpu, paging_off_real_efer(cpu, efer));
    state_set_cr0(cpu, value);
    set_cache_bits(value);
    state_set_cr4(cpu, context.cr4);
    v->have &= ~(u32)PART_CR3;
    if ((value ^ context.cr0) & (CR0_PG | CR0_PE | CR0_WP))
        exit_flush_linear(cpu);
    return true;
}

static bool guest_cr4(struct cpu *cpu, u64 value)
{
    struct cr_context context = context_of(cpu);
    if (!cr4_write_check(&context, value))
        return false;
    u64 changed = value ^ context.cr4;
    if (pae_paging(context.cr0, value, context.efer) && changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP) &&
        !load_pdptes(cpu, context.cr3))
        return false;
    state_set_cr4(cpu, value);
    if (changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_PCIDE | CR4_SMEP | CR4_SMAP | CR4_PKE))
        exit_flush_linear(cpu);
    return true;
}

static bool guest_cr3(struct cpu *cpu, u64 value)
{
    struct vcpu *v = &cpu->vcpu;
    struct cr_context context = context_of(cpu);
    bool keep;
    if (!cr3_write_check(&context, &value, &keep))
        return false;
    if (pae_paging(context.cr0, context.cr4, context.efer) && !load_pdptes(cpu, value))
        return false;
    v->cr3 = value;
    vcpu_dirty(v, PART_CR3);
    if (!keep)
        exit_flush_linear(cpu);
    return true;
}

static bool write_register(struct cpu *cpu, u32 number, u64 value)
{
    switch (number) {
    case 0:
        return guest_cr0(cpu, value);
    case 3:
        return guest_cr3(cpu, value);
    case 4:
        return guest_cr4(cpu, value);
    default:
        exit_fatal(cpu, "exit for a write to CR%u, which was not asked for", number);
    }
}

static u64 general_register(struct vcpu *v, u32 number)
{
    if (number == RSP)
        vcpu_need(v, PART_RSP);
    u64 value = v->gpr[number];
    return vcpu_code_size(v) == CODE_64 ? value : (u32)value;
}

static void give_cr3(struct cpu *cpu, u32 to)
{
    struct vcpu *v = &cpu->vcpu;
    vcpu_need(v, PART_CR3);
    v->gpr[to] = v->cr3;
    if (to == RSP)
        vcpu_dirty(v, PART_RSP);
}

/* LMSW sets PE, MP, EM, TS and cannot clear PE. */
static bool load_machine_status_word(struct cpu *cpu, u64 source)
{
    u64 cr0 = vcpu_cr0(&cpu->vcpu);
    u64 four = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
    return guest_cr0(cpu, (cr0 & ~four) | (source & four) | (cr0 & CR0_PE));
}

void exit_control_register(struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    u64 qualification = exit_qualification(cpu);
    u32 number = qualification & 15, reg = qualification >> 8 & 15;
    bool good = true;
    statistics_detail(&cpu->statistics, detail_key_of_cr(qualification));
    switch ((enum cr_access)(qualification >> 4 & 3)) {
    case CR_MOV_TO:
        good = write_register(cpu, number, general_register(v, reg));
        break;
    case CR_MOV_FROM:
        if (number != 3)
            exit_fatal(cpu, "exit for a read of CR%u, which was not asked for", number);
        give_cr3(cpu, reg);
        break;
    case CR_CLTS:
        good = guest_cr0(cpu, vcpu_cr0(v) & ~CR0_TS);
        break;
    case CR_LMSW:
        good = load_machine_status_word(cpu, qualification >> 16);
        break;
    }
    if (good)
        exit_advance(cpu);
    else
        vcpu_raise_code(v, VECTOR_GP, 0);
}
