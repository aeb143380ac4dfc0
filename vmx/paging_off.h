/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest with paging off on a CPU without unrestricted guest (SPEC 1.4): VT-x demands CR0.PG = 1 there, so the guest
 * runs on PAE identity tables of Exeunt's, and its own CR3 is kept aside. Real mode (CR0.PE = 0) is not possible on
 * such a CPU; the guest is ended with a message.
 */
#ifndef VMX_PAGING_OFF_H
#define VMX_PAGING_OFF_H

#include "lib/types.h"

struct cpu;

struct paging_off {
    bool active;  /* the identity tables are in use now */
    u64 cr3;      /* the guest's CR3 while they are */
    u64 lme;      /* the guest's IA32_EFER.LME while they are: the VMCS must have LME = LMA where CR0.PG = 1 */
    u64 pdpt;     /* guest-physical address of the identity tables' PDPT */
    u64 pdpte[4]; /* what is in it, for the VMCS: page directories of 2 MiB pages, 0 to 4 GiB */
};

#define PAGING_OFF_PAGES 5

/* Writes the four page directories and the PDPT into `tables` (PAGING_OFF_PAGES pages at `at`, below 4 GiB). */
void paging_off_build(struct paging_off *p, u64 (*tables)[512], hpa_t at);

/* Whether GUEST_CR3 is not the guest's own. */
bool paging_off_hides_cr3(const struct cpu *cpu);

/* What GUEST_CR0 and GUEST_CR4 must be when the guest believes in `value`. */
u64 paging_off_real_cr0(const struct cpu *cpu, u64 value);
u64 paging_off_real_cr4(const struct cpu *cpu, u64 value);

/* The IA32_EFER that the guest believes in, where GUEST_IA32_EFER is `real`. */
u64 paging_off_efer(const struct cpu *cpu, u64 real);
/* What GUEST_IA32_EFER must be when the guest believes in `value`; remembers the difference. After paging_off_switch().
 */
u64 paging_off_real_efer(struct cpu *cpu, u64 value);

/*
 * The guest's CR0.PG became `paging`: switches between its own tables and the identity tables, CR3 exiting included. To
 * be called before state_set_cr0() and state_set_cr4(). Does nothing on a CPU with unrestricted guest.
 */
void paging_off_switch(struct cpu *cpu, bool paging);

#endif
