/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/state.h"

#include "emul/retire.h"
#include "lib/cpu.h"
#include "lib/msr.h"
#include "vmx/caps.h"
#include "vmx/insn.h"
#include "vmx/paging_off.h"
#include "vmx/vmcs_fields.h"

static void fetch_segment(struct vcpu *v, enum segment_name name)
{
    v->seg[name] = (struct segment){
        .base = vmread(vmcs_guest_base(name)),
        .limit = (u32)vmread(vmcs_guest_limit(name)),
        .access = (u32)vmread(vmcs_guest_access(name)),
        .selector = (u16)vmread(vmcs_guest_selector(name)),
    };
}

/* Not over a segment that is there whole: it may have been changed. */
static void fetch_access(struct vcpu *v, enum segment_name name)
{
    if (!(v->have & 1u << name))
        v->seg[name].access = (u32)vmread(vmcs_guest_access(name));
}

/*
 * RDPKRU is #UD while Exeunt's CR4.PKE is clear: borrow the bit for the moment. 0 where there are no
 * protection keys.
 */
static u32 read_pkru(const struct cpu *cpu)
{
    if (!(cpu->cr4_allowed & CR4_PKE))
        return 0;
    u64 cr4 = read_cr4();
    u32 value, zero;
    write_cr4(cr4 | CR4_PKE);
    asm volatile("rdpkru" : "=a"(value), "=d"(zero) : "c"(0));
    write_cr4(cr4);
    return value;
}

/* A register whose masked bits are in the read shadow. */
static u64 read_masked(u32 field, u32 shadow, u64 mask)
{
    return (vmread(field) & ~mask) | (vmread(shadow) & mask);
}

static void fetch_rare(struct vcpu *v, enum vcpu_part part)
{
    switch (part) {
    case PART_GDTR:
        v->gdtr = (struct descriptor_table){vmread(VMCS_GUEST_GDTR_BASE), (u32)vmread(VMCS_GUEST_GDTR_LIMIT)};
        break;
    case PART_IDTR:
        v->idtr = (struct descriptor_table){vmread(VMCS_GUEST_IDTR_BASE), (u32)vmread(VMCS_GUEST_IDTR_LIMIT)};
        break;
    case PART_PDPTES:
        for (u32 i = 0; i < 4; i++)
            v->pdpte[i] = vmread(VMCS_GUEST_PDPTE0 + 2 * i);
        break;
    case PART_DR7:
        v->dr7 = vmread(VMCS_GUEST_DR7);
        break;
    case PART_PENDING_DEBUG:
        v->pending_debug = vmread(VMCS_GUEST_PENDING_DEBUG);
        break;
    case PART_PKRU:
        v->pkru = read_pkru(CONTAINER_OF(v, struct cpu, vcpu));
        break;
    case PART_CS_ACCESS:
        fetch_access(v, SEG_CS);
        break;
    case PART_SS_ACCESS:
        fetch_access(v, SEG_SS);
        break;
    default:
        fetch_segment(v, (enum segment_name)__builtin_ctz(part));
        break;
    }
}

static void fetch_part(struct cpu *cpu, enum vcpu_part part)
{
    struct vcpu *v = &cpu->vcpu;
    switch (part) {
    case PART_RIP:
        v->rip = vmread(VMCS_GUEST_RIP);
        break;
    case PART_RSP:
        v->gpr[RSP] = vmread(VMCS_GUEST_RSP);
        break;
    case PART_RFLAGS:
        v->rflags = vmread(VMCS_GUEST_RFLAGS);
        break;
    case PART_INTERRUPTIBILITY:
        v->interruptibility = (u32)vmread(VMCS_GUEST_INTERRUPTIBILITY);
        break;
    case PART_CR0:
        v->cr0 = read_masked(VMCS_GUEST_CR0, VMCS_CR0_READ_SHADOW, cpu->cr0_mask);
        break;
    case PART_CR3:
        v->cr3 = paging_off_hides_cr3(cpu) ? cpu->paging_off.cr3 : vmread(VMCS_GUEST_CR3);
        break;
    case PART_CR4:
        v->cr4 = read_masked(VMCS_GUEST_CR4, VMCS_CR4_READ_SHADOW, cpu->cr4_mask);
        break;
    case PART_EFER: /* kept by state_set_efer(): the guest changes EFER by exits only (WRMSR, MOV to CR0 with PG) */
        break;
    default:
        fetch_rare(v, part);
        break;
    }
}

void state_fetch(struct vcpu *v, u32 parts)
{
    for (; parts; parts &= parts - 1)
        fetch_part(CONTAINER_OF(v, struct cpu, vcpu), parts & -parts);
}

void state_set_cr0(struct cpu *cpu, u64 value)
{
    cpu->vcpu.cr0 = value;
    vmwrite(VMCS_CR0_READ_SHADOW, value);
    vmwrite(VMCS_GUEST_CR0, paging_off_real_cr0(cpu, value | CR0_NE));
}

void state_set_cr4(struct cpu *cpu, u64 value)
{
    cpu->vcpu.cr4 = value;
    vmwrite(VMCS_CR4_READ_SHADOW, value);
    vmwrite(VMCS_GUEST_CR4, paging_off_real_cr4(cpu, value | CR4_VMXE));
}

void state_set_efer(struct cpu *cpu, u64 value)
{
    cpu->vcpu.efer = value;
    vmwrite(VMCS_GUEST_EFER, value);
    u32 entry = cpu->controls.vm_entry & ~(u32)VM_ENTRY_IA32E_GUEST;
    if (value & EFER_LMA)
        entry |= VM_ENTRY_IA32E_GUEST;
    if (entry != cpu->controls.vm_entry)
        vmwrite(VMCS_ENTRY_CONTROLS, cpu->controls.vm_entry = entry);
}

void state_set_primary(struct cpu *cpu, u32 bits)
{
    if ((cpu->controls.primary & bits) != bits)
        vmwrite(VMCS_PRIMARY_CONTROLS, cpu->controls.primary |= bits);
}

void state_clear_primary(struct cpu *cpu, u32 bits)
{
    if (cpu->controls.primary & bits)
        vmwrite(VMCS_PRIMARY_CONTROLS, cpu->controls.primary &= ~bits);
}

static void write_segment(struct vcpu *v, enum segment_name name)
{
    const struct segment *s = &v->seg[name];
    vmwrite(vmcs_guest_base(name), s->base);
    vmwrite(vmcs_guest_limit(name), s->limit);
    vmwrite(vmcs_guest_access(name), s->access);
    vmwrite(vmcs_guest_selector(name), s->selector);
}

static void write_control_registers(struct cpu *cpu, u32 parts)
{
    struct vcpu *v = &cpu->vcpu;
    if (parts & PART_CR3) {
        cpu->paging_off.cr3 = v->cr3;
        if (!paging_off_hides_cr3(cpu))
            vmwrite(VMCS_GUEST_CR3, v->cr3);
    }
    if (parts & PART_CR0)
        state_set_cr0(cpu, v->cr0);
    if (parts & PART_CR4)
        state_set_cr4(cpu, v->cr4);
    if (parts & PART_EFER)
        state_set_efer(cpu, v->efer);
    if (parts & PART_PDPTES)
        for (u32 i = 0; i < 4; i++)
            vmwrite(VMCS_GUEST_PDPTE0 + 2 * i, v->pdpte[i]);
    if (parts & PART_DR7)
        vmwrite(VMCS_GUEST_DR7, v->dr7);
}

static void write_rare(struct cpu *cpu, u32 parts)
{
    struct vcpu *v = &cpu->vcpu;
    for (u32 name = 0; name < SEG_COUNT; name++)
        if (parts & (1u << name))
            write_segment(v, (enum segment_name)name);
    write_control_registers(cpu, parts);
    if (parts & PART_GDTR) {
        vmwrite(VMCS_GUEST_GDTR_BASE, v->gdtr.base);
        vmwrite(VMCS_GUEST_GDTR_LIMIT, v->gdtr.limit);
    }
    if (parts & PART_IDTR) {
        vmwrite(VMCS_GUEST_IDTR_BASE, v->idtr.base);
        vmwrite(VMCS_GUEST_IDTR_LIMIT, v->idtr.limit);
    }
}

/*
 * With DEBUGCTL.BTF an instruction that does not branch makes no single-step trap, and VM entry does not take the bit
 * (SDM "Checks on Guest Non-Register State").
 */
static void write_pending_debug(u64 pending)
{
    if (pending & PENDING_DEBUG_BS && vmread(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF)
        pending &= ~PENDING_DEBUG_BS;
    vmwrite(VMCS_GUEST_PENDING_DEBUG, pending);
}

void state_write_back(struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    u32 dirty = v->dirty;
    if (dirty & PART_RIP)
        vmwrite(VMCS_GUEST_RIP, v->rip);
    if (dirty & PART_RFLAGS)
        vmwrite(VMCS_GUEST_RFLAGS, v->rflags);
    if (dirty & PART_RSP)
        vmwrite(VMCS_GUEST_RSP, v->gpr[RSP]);
    if (dirty & PART_INTERRUPTIBILITY)
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, v->interruptibility);
    if (dirty & PART_PENDING_DEBUG)
        write_pending_debug(v->pending_debug);
    u32 rare = dirty & ~(u32)(PART_RIP | PART_RFLAGS | PART_RSP | PART_INTERRUPTIBILITY | PART_PENDING_DEBUG);
    if (__builtin_expect(rare != 0, 0))
        write_rare(cpu, rare);
    v->dirty = 0;
    v->have = 0;
}
