/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/paging_off.h"

#include "vmx/caps.h"
#include "vmx/cpu.h"
#include "vmx/insn.h"
#include "vmx/state.h"
#include "vmx/vmcs_fields.h"

/*
 * Accessed and dirty are set from the start: the tables are read-only in the EPT, and a CPU that found them clear would
 * want to write. U/S is set because the guest may run at CPL 3.
 */
#define DIRECTORY_ENTRY (BIT(0) | BIT(1) | BIT(2) | BIT(5) | BIT(6) | BIT(7))
#define PDPTE_P BIT(0)

/* With U/S set in every entry these would fault where an unpaged guest cannot; PCIDE needs IA-32e mode. */
#define CR4_PAGED_ONLY (CR4_SMEP | CR4_SMAP | CR4_PKE | CR4_PCIDE)

void paging_off_build(struct paging_off *p, u64 (*tables)[512], hpa_t at)
{
    for (u64 i = 0; i < 4 * 512; i++)
        tables[i / 512][i % 512] = i * 2 * MIB | DIRECTORY_ENTRY;
    for (u64 i = 0; i < 4; i++)
        tables[4][i] = p->pdpte[i] = (at.at + i * PAGE_SIZE) | PDPTE_P;
    p->pdpt = at.at + 4 * PAGE_SIZE;
}

bool paging_off_hides_cr3(const struct cpu *cpu)
{
    return cpu->paging_off.active;
}

u64 paging_off_real_cr0(const struct cpu *cpu, u64 value)
{
    return cpu->paging_off.active ? value | CR0_PG | CR0_PE : value;
}

u64 paging_off_real_cr4(const struct cpu *cpu, u64 value)
{
    return cpu->paging_off.active ? (value & ~CR4_PAGED_ONLY) | CR4_PAE : value;
}

u64 paging_off_efer(const struct cpu *cpu, u64 real)
{
    return cpu->paging_off.active ? real | cpu->paging_off.lme : real;
}

/* SDM "Checks on Guest Control Registers, Debug Registers, and MSRs": with CR0.PG = 1, LME must be what LMA is. */
u64 paging_off_real_efer(struct cpu *cpu, u64 value)
{
    cpu->paging_off.lme = value & EFER_LME;
    return cpu->paging_off.active ? value & ~EFER_LME : value;
}

void paging_off_switch(struct cpu *cpu, bool paging)
{
    struct paging_off *p = &cpu->paging_off;
    if (cpu->unrestricted || p->active == !paging)
        return;
    if (paging) {
        p->active = false;
        vmwrite(VMCS_GUEST_CR3, p->cr3);
        state_clear_primary(cpu, PRIMARY_CR3_LOAD_EXITING | PRIMARY_CR3_STORE_EXITING);
    } else {
        p->cr3 = vmread(VMCS_GUEST_CR3);
        p->active = true;
        /* The PDPTEs of the VMCS are what counts, until a MOV to CR0 that does not exit reloads them from CR3. */
        vmwrite(VMCS_GUEST_CR3, p->pdpt);
        for (u32 i = 0; i < 4; i++)
            vmwrite(VMCS_GUEST_PDPTE0 + 2 * i, p->pdpte[i]);
        state_set_primary(cpu, PRIMARY_CR3_LOAD_EXITING | PRIMARY_CR3_STORE_EXITING);
    }
}
