/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/vmcs.h"

#include "lib/address_space.h"
#include "lib/cpu.h"
#include "lib/msr.h"
#include "lib/panic.h"
#include "vmx/insn.h"
#include "vmx/state.h"
#include "vmx/vmcs_fields.h"

extern const char vmx_exit_timed[], vmx_exit_plain[], vmx_exit_quick_timed[], vmx_exit_quick_plain[];

/* vmx/entry.S */
void vmcs_exit_to(const struct cpu *cpu, bool quick)
{
    const char *plain = quick ? vmx_exit_quick_plain : vmx_exit_plain;
    const char *timed = quick ? vmx_exit_quick_timed : vmx_exit_timed;
    vmwrite(VMCS_HOST_RIP, (u64)(cpu->timed ? timed : plain));
}

/* SDM "IA32_PAT MSR": the value after reset, which Exeunt's own page tables count on. */
#define PAT_AFTER_RESET 0x0007040600070406

/* Access rights of flat segments (SDM "Format of Access Rights"). */
#define ACCESS_CODE64 (0x9b | ACCESS_L | ACCESS_G)
#define ACCESS_CODE32 (0x9b | ACCESS_DB | ACCESS_G)
#define ACCESS_DATA32 (0x93 | ACCESS_DB | ACCESS_G)
#define ACCESS_LDT_NONE (0x82 | ACCESS_UNUSABLE)
#define ACCESS_TSS_BUSY 0x8b

static void set_revision(char *region, const struct vmx_caps *caps)
{
    *(u32 *)region = caps_revision(caps);
}

/*
 * What root mode wants of CR4 besides: XGETBV and XSETBV for the guest, its vector registers, and machine checks seen.
 */
static u64 root_cr4(void)
{
    u64 cr4 = read_cr4() | CR4_VMXE | CR4_OSFXSR | CR4_MCE;
    return cpuid(1, 0).ecx & BIT(26) ? cr4 | CR4_OSXSAVE : cr4;
}

bool vmcs_vmxon(struct cpu *cpu, const struct vmx_caps *caps)
{
    set_revision(cpu->vmxon_region, caps);
    write_cr0(caps_cr0_fix(caps, (read_cr0() & ~(CR0_TS | CR0_EM)) | CR0_MP, false));
    write_cr4(caps_cr4_fix(caps, root_cr4()));
    return vmxon(own_hpa(cpu->vmxon_region)) == VMX_SUCCEED;
}

static void load(struct cpu *cpu, const struct vmx_caps *caps)
{
    set_revision(cpu->vmcs_region, caps);
    hpa_t at = own_hpa(cpu->vmcs_region);
    if (vmclear(at) != VMX_SUCCEED || vmptrld(at) != VMX_SUCCEED)
        panic("VMCLEAR or VMPTRLD failed");
}

static void write_host(struct cpu *cpu)
{
    vmwrite(VMCS_HOST_CR0, read_cr0());
    vmwrite(VMCS_HOST_CR3, read_cr3());
    vmwrite(VMCS_HOST_CR4, read_cr4());
    vmwrite(VMCS_HOST_ES_SELECTOR, 0);
    vmwrite(VMCS_HOST_CS_SELECTOR, HOST_CS);
    vmwrite(VMCS_HOST_SS_SELECTOR, HOST_SS);
    vmwrite(VMCS_HOST_DS_SELECTOR, 0);
    vmwrite(VMCS_HOST_FS_SELECTOR, 0);
    vmwrite(VMCS_HOST_GS_SELECTOR, 0);
    vmwrite(VMCS_HOST_TR_SELECTOR, HOST_TR);
    vmwrite(VMCS_HOST_FS_BASE, 0);
    vmwrite(VMCS_HOST_GS_BASE, (u64)cpu);
    vmwrite(VMCS_HOST_TR_BASE, (u64)&cpu->host.tss);
    vmwrite(VMCS_HOST_GDTR_BASE, (u64)cpu->host.gdt);
    vmwrite(VMCS_HOST_IDTR_BASE, host_idt_base());
    vmwrite(VMCS_HOST_SYSENTER_CS, 0);
    vmwrite(VMCS_HOST_SYSENTER_ESP, 0);
    vmwrite(VMCS_HOST_SYSENTER_EIP, 0);
    vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
    vmwrite(VMCS_HOST_PAT, PAT_AFTER_RESET);
    if (cpu->controls.vm_exit & VM_EXIT_LOAD_PERF_GLOBAL_CTRL)
        vmwrite(VMCS_HOST_PERF_GLOBAL_CTRL, 0);
    vmwrite(VMCS_HOST_RSP, (u64)&cpu->vcpu);
    vmcs_exit_to(cpu, cpu->sites != NULL);
}

static void write_controls(struct cpu *cpu, const struct vmcs_bitmaps *bitmaps)
{
    const struct vmx_controls *c = &cpu->controls;
    vmwrite(VMCS_PIN_CONTROLS, c->pin);
    vmwrite(VMCS_PRIMARY_CONTROLS, c->primary);
    vmwrite(VMCS_SECONDARY_CONTROLS, c->secondary);
    vmwrite(VMCS_EXIT_CONTROLS, c->vm_exit);
    vmwrite(VMCS_ENTRY_CONTROLS, c->vm_entry);
    vmwrite(VMCS_EXCEPTION_BITMAP, BIT(VECTOR_MC));
    vmwrite(VMCS_PAGE_FAULT_ERROR_MASK, 0);
    vmwrite(VMCS_PAGE_FAULT_ERROR_MATCH, 0);
    vmwrite(VMCS_CR3_TARGET_COUNT, 0);
    vmwrite(VMCS_EXIT_MSR_STORE_COUNT, 0);
    vmwrite(VMCS_EXIT_MSR_LOAD_COUNT, 0);
    vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
    vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, 0);
    vmwrite(VMCS_IO_BITMAP_A, own_hpa(bitmaps->io).at);
    vmwrite(VMCS_IO_BITMAP_B, own_hpa(bitmaps->io + 4096).at);
    vmwrite(VMCS_MSR_BITMAP, own_hpa(bitmaps->msr).at);
    vmwrite(VMCS_EPT_POINTER, cpu->eptp);
    vmwrite(VMCS_CR0_GUEST_HOST_MASK, cpu->cr0_mask);
    vmwrite(VMCS_CR4_GUEST_HOST_MASK, cpu->cr4_mask);
    if (c->secondary & SECONDARY_ENABLE_VPID)
        vmwrite(VMCS_VPID, GUEST_VPID);
    if (c->secondary & SECONDARY_ENABLE_XSAVES)
        vmwrite(VMCS_XSS_EXITING_BITMAP, 0);
}

static void write_segment(enum segment_name name, u16 selector, u32 access, u32 limit)
{
    vmwrite(vmcs_guest_selector(name), selector);
    vmwrite(vmcs_guest_base(name), 0);
    vmwrite(vmcs_guest_limit(name), limit);
    vmwrite(vmcs_guest_access(name), access);
}

static void write_segments(const struct vmcs_start *start)
{
    for (u32 name = SEG_ES; name <= SEG_GS; name++)
        write_segment((enum segment_name)name, start->data_selector, ACCESS_DATA32, 0xffffffff);
    write_segment(SEG_CS, start->code_selector, start->long_mode ? ACCESS_CODE64 : ACCESS_CODE32, 0xffffffff);
    write_segment(SEG_LDTR, 0, ACCESS_LDT_NONE, 0);
    write_segment(SEG_TR, 0, ACCESS_TSS_BUSY, 0x67);
    vmwrite(VMCS_GUEST_GDTR_BASE, start->gdt_base);
    vmwrite(VMCS_GUEST_GDTR_LIMIT, start->gdt_limit);
    vmwrite(VMCS_GUEST_IDTR_BASE, 0);
    vmwrite(VMCS_GUEST_IDTR_LIMIT, 0);
}

static void write_msrs(struct cpu *cpu)
{
    if (cpu->controls.vm_entry & VM_ENTRY_LOAD_BNDCFGS)
        vmwrite(VMCS_GUEST_BNDCFGS, 0);
    vmwrite(VMCS_GUEST_DEBUGCTL, 0);
    vmwrite(VMCS_GUEST_PAT, rdmsr(MSR_PAT));
    vmwrite(VMCS_GUEST_SYSENTER_CS, 0);
    vmwrite(VMCS_GUEST_SYSENTER_ESP, 0);
    vmwrite(VMCS_GUEST_SYSENTER_EIP, 0);
    if (cpu->controls.vm_entry & VM_ENTRY_LOAD_PERF_GLOBAL_CTRL)
        vmwrite(VMCS_GUEST_PERF_GLOBAL_CTRL, rdmsr(MSR_PERF_GLOBAL_CTRL));
}

static void write_rest(const struct vmcs_start *start)
{
    vmwrite(VMCS_GUEST_RIP, start->rip);
    vmwrite(VMCS_GUEST_RSP, start->rsp);
    vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1);
    vmwrite(VMCS_GUEST_DR7, 0x400);
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, 0);
    vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
    vmwrite(VMCS_GUEST_PENDING_DEBUG, 0);
    vmwrite(VMCS_LINK_POINTER, ~0ull);
}

static void write_control_registers(struct cpu *cpu, const struct vmcs_start *start)
{
    u64 cr0 = CR0_PE | CR0_ET | CR0_NE;
    vmwrite(VMCS_GUEST_CR3, start->cr3);
    if (!start->long_mode)
        paging_off_switch(cpu, false);
    state_set_cr0(cpu, start->long_mode ? cr0 | CR0_PG | CR0_WP : cr0);
    state_set_cr4(cpu, start->long_mode ? CR4_PAE : 0);
    state_set_efer(cpu, start->long_mode ? EFER_LME | EFER_LMA : 0);
}

void vmcs_build(struct cpu *cpu, const struct vmx_caps *caps, const struct vmcs_bitmaps *bitmaps,
                const struct vmcs_start *start)
{
    load(cpu, caps);
    write_host(cpu);
    write_controls(cpu, bitmaps);
    write_segments(start);
    write_msrs(cpu);
    write_rest(start);
    write_control_registers(cpu, start);
}

void vmcs_check_fields(void)
{
    static const u16 fields[] = {VMCS_GUEST_RIP,
                                 VMCS_EXIT_REASON,
                                 VMCS_GUEST_CS_ACCESS,
                                 VMCS_GUEST_SS_ACCESS,
                                 VMCS_GUEST_INTERRUPTIBILITY,
                                 VMCS_GUEST_RFLAGS,
                                 VMCS_GUEST_CR3,
                                 VMCS_GUEST_DR7,
                                 VMCS_EXIT_QUALIFICATION,
                                 VMCS_GUEST_PHYSICAL_ADDRESS,
                                 VMCS_GUEST_RSP,
                                 VMCS_GUEST_FS_BASE,
                                 VMCS_GUEST_GS_BASE,
                                 VMCS_IDT_VECTORING_INFO,
                                 VMCS_EXIT_INSTRUCTION_LENGTH};
    for (u32 i = 0; i < COUNT_OF(fields); i++)
        vmread(fields[i]);
}
