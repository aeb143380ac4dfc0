/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/state.h"

#include "emul/emul.h"
#include "emul/retire.h"
#include "emul/site.h"
#include "emul/watch.h"
#include "lib/cpu.h"
#include "lib/msr.h"
#include "lib/test_switch.h"
#include "vmx/answers.h"
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
static inline void fetch_access(struct vcpu *v, enum segment_name name)
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
    case PART_PENDING_DEBUG:
        v->pending_debug = vmread(VMCS_GUEST_PENDING_DEBUG);
        break;
    case PART_PKRU:
        v->pkru = read_pkru(CONTAINER_OF(v, struct cpu, vcpu));
        break;
    default:
        fetch_segment(v, (enum segment_name)__builtin_ctz(part));
        break;
    }
}

/* What the guest sees: bits that Exeunt owns are in memory, so that the read shadow need not be read. */
static inline __attribute__((always_inline)) void fetch_control_registers(struct cpu *cpu, u32 parts)
{
    struct vcpu *v = &cpu->vcpu;
    if (parts & PART_CR0)
        v->cr0 = (vmread(VMCS_GUEST_CR0) & ~cpu->cr0_mask) | cpu->cr0_owned;
    if (parts & PART_CR4)
        v->cr4 = (vmread(VMCS_GUEST_CR4) & ~cpu->cr4_mask) | cpu->cr4_owned;
    if (parts & PART_CR3)
        v->cr3 = state_fetch_cr3(cpu);
}

/* What instructions need, in one straight run of VMREADs (SPEC 7). */
#define COMMON_PARTS                                                                                                   \
    (PART_RIP | PART_RSP | PART_RFLAGS | PART_INTERRUPTIBILITY | PART_CS_ACCESS | PART_SS_ACCESS | PART_CR0 |          \
     PART_CR3 | PART_CR4 | PART_DR7)

/* Out of line, so that state_fetch() keeps no registers for it. */
static __attribute__((noinline)) void fetch_step_parts_at_once(struct vcpu *v, u32 parts)
{
    state_fetch_step_parts(CONTAINER_OF(v, struct cpu, vcpu), parts);
}

/* Out of line for the same reason. */
static __attribute__((noinline)) void need_step_parts(struct vcpu *v)
{
    vcpu_need(v, EMUL_STEP_PARTS);
}

void state_fetch_for_step(struct cpu *cpu)
{
    if (cpu->vcpu.have == PART_RIP)
        state_fetch_step_parts(cpu, PART_RFLAGS);
    else
        need_step_parts(&cpu->vcpu);
}

/* What translated code asks for (emul/translated.c), which has RIP and RFLAGS or does not. */
#define STEP_PARTS (EMUL_STEP_PARTS & ~(u32)(PART_RIP | PART_RFLAGS | PART_EFER))

void state_fetch(struct vcpu *v, u32 parts)
{
    if (parts & PART_DR7 && (parts & ~(u32)(PART_RIP | PART_RFLAGS | PART_EFER)) == STEP_PARTS &&
        !(v->have & ~(u32)(PART_RIP | PART_RFLAGS))) {
        fetch_step_parts_at_once(v, parts);
        return;
    }
    if (parts & PART_RIP)
        v->rip = vmread(VMCS_GUEST_RIP);
    if (parts & PART_RSP)
        v->gpr[RSP] = vmread(VMCS_GUEST_RSP);
    if (parts & PART_RFLAGS)
        v->rflags = vmread(VMCS_GUEST_RFLAGS);
    if (parts & PART_INTERRUPTIBILITY)
        v->interruptibility = (u32)vmread(VMCS_GUEST_INTERRUPTIBILITY);
    if (parts & PART_CS_ACCESS)
        fetch_access(v, SEG_CS);
    if (parts & PART_SS_ACCESS)
        fetch_access(v, SEG_SS);
    if (parts & PART_DR7)
        v->dr7 = vmread(VMCS_GUEST_DR7);
    fetch_control_registers(CONTAINER_OF(v, struct cpu, vcpu), parts);
    /* EFER is kept by state_set_efer(): the guest changes it by exits only (WRMSR, MOV to CR0 with PG). */
    for (parts &= ~(u32)(COMMON_PARTS | PART_EFER); parts; parts &= parts - 1)
        fetch_rare(v, parts & -parts);
}

/*
 * What entry.S has seen to be so it must see again. `rules`: of what is fetched from where, some have changed; `world`:
 * of what code means, so that none that was translated has a meaning any more.
 */
static void code_world_changed(struct cpu *cpu, u64 rules, u64 world)
{
    spaces_forget(&cpu->spaces);
    answers_end(cpu);
    if (!cpu->sites || test_switch(TEST_NO_RULES))
        return;
    if (world)
        sites_forget_far(cpu->sites);
    else if (rules)
        sites_doubt_far(cpu->sites);
}

void state_set_cr0(struct cpu *cpu, u64 value)
{
    u64 changed = cpu->vcpu.cr0 ^ value;
    cpu->vcpu.cr0 = value;
    cpu->cr0_owned = value & cpu->cr0_mask;
    code_world_changed(cpu, changed & CR0_WP, changed & (CR0_PE | CR0_PG));
    vmwrite(VMCS_CR0_READ_SHADOW, value);
    vmwrite(VMCS_GUEST_CR0, paging_off_real_cr0(cpu, value | CR0_NE));
}

void state_set_cr4(struct cpu *cpu, u64 value)
{
    u64 changed = cpu->vcpu.cr4 ^ value;
    cpu->vcpu.cr4 = value;
    cpu->cr4_owned = value & cpu->cr4_mask;
    code_world_changed(cpu, changed & CR4_PAGING, changed & CR4_CET);
    vmwrite(VMCS_CR4_READ_SHADOW, value);
    vmwrite(VMCS_GUEST_CR4, paging_off_real_cr4(cpu, value | CR4_VMXE));
}

void state_set_efer(struct cpu *cpu, u64 value)
{
    u64 changed = cpu->vcpu.efer ^ value;
    cpu->vcpu.efer = value;
    code_world_changed(cpu, changed & EFER_NXE, changed & EFER_LMA);
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

/* SDM "VM-Exit Control Fields": a timer that is not active must not be saved. */
void state_set_timer(struct cpu *cpu, bool on)
{
    struct vmx_controls *controls = &cpu->controls;
    if (!(controls->pin & PIN_PREEMPTION_TIMER) == !on)
        return;
    controls->pin ^= PIN_PREEMPTION_TIMER;
    controls->vm_exit ^= VM_EXIT_SAVE_PREEMPTION_TIMER;
    vmwrite(VMCS_PIN_CONTROLS, controls->pin);
    vmwrite(VMCS_EXIT_CONTROLS, controls->vm_exit);
}

static void write_segment(struct vcpu *v, enum segment_name name)
{
    const struct segment *s = &v->seg[name];
    vmwrite(vmcs_guest_base(name), s->base);
    vmwrite(vmcs_guest_limit(name), s->limit);
    vmwrite(vmcs_guest_access(name), s->access);
    vmwrite(vmcs_guest_selector(name), s->selector);
}

/* With engine=translate and above every MOV DR exits: what is written here is what is there. */
static void write_guest_dr7(struct cpu *cpu, u64 value)
{
    vmwrite(VMCS_GUEST_DR7, value);
    cpu->chores &= ~(u32)CHORE_ARMED;
    if (cpu->sites && value & (WATCH_ENABLES | DR7_GD))
        cpu->chores |= CHORE_ARMED;
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
        write_guest_dr7(cpu, v->dr7);
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
    v->have = v->dirty = 0;
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
}
