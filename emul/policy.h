/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exit policy (SPEC 3): for each port, APIC register, MMIO page and MSR, what happens when the guest touches it.
 * The VMX bitmaps and the EPT holes are generated from this and from nothing else.
 */
#ifndef EMUL_POLICY_H
#define EMUL_POLICY_H

#include "emul/guards.h"
#include "ept/ept.h"
#include "lib/types.h"

/*
 * Ordered: where two rules meet, the greater one wins.
 *
 * For MSRs the words mean: FORWARD executes the real RDMSR or WRMSR and hands its #GP to the guest; GUARD leaves the
 * register to vmx/, which has it as state or checks the value (msr_policy.def says why for each); DENY is #GP(0),
 * because SPEC 2.4 hides what is denied and a hidden MSR does not exist.
 */
enum verdict {
    PASS,    /* does not exit */
    FORWARD, /* exits; performed on the real device */
    GUARD,   /* exits; the value is looked at first */
    DENY,    /* exits; reads ones, writes nothing, counted (an MSR: #GP) */
} __attribute__((packed));

/* What the `trap=` option asked for. Ranges are inclusive, as they are written. */
struct trap_request {
    bool apic, dr, tsc, cr3, hlt;
    u32 port_count, msr_count, mmio_count;
    struct {
        u16 first, last;
    } ports[8];
    struct {
        u32 first, last;
    } msrs[8];
    struct range mmio[8]; /* page-aligned outwards by the option parser */
};

/* Facts about this machine and boot that shape the policy. */
struct policy_facts {
    struct guard_config guards;
    bool report_at_end; /* the end guards of SPEC 2.7 are on */
    bool other_cpus;    /* the ICR is guarded whatever trap= says (SPEC 2.6) */
    bool x2apic_available;
    u16 console_port; /* base of the UART that Exeunt prints on, 0: none. Guarded when trap= traps ports anyway */
    u64 apic_base;    /* where the LAPIC page is now: IA32_APIC_BASE, its low bits are ignored */
};

#define POLICY_PORT_RULES_MAX 48
#define POLICY_MSR_RULES_MAX 96

struct port_rule {
    u16 first, last;
    enum verdict verdict;
};

struct msr_rule {
    u32 first, last;
    enum verdict read, write;
};

/* Rules are sorted and disjoint, and no rule is PASS (for MSRs: PASS both ways, where a bitmap bit exists). */
struct policy {
    u32 port_rule_count, msr_rule_count, mmio_count;
    struct port_rule ports[POLICY_PORT_RULES_MAX];
    struct msr_rule msrs[POLICY_MSR_RULES_MAX];
    struct range mmio[8]; /* trap=mmio: */
    bool apic_page;       /* the LAPIC page is a hole */
    u64 apic_base;        /* page-aligned; vmx/ changes it when the guest moves its LAPIC */
    bool dr, tsc, cr3, hlt;
    bool rdtscp;          /* "Enable RDTSCP" is there: the instruction is no #UD. vmx/ sets it */
    u8 plain_ports[8192]; /* a bit for each port: FORWARD, so that a byte read or written is no more than that */
    u16 console_data; /* the data port of the UART that Exeunt prints on, where only that is why it is guarded; or 0 */
};

/* Builds the tables. `trap` and `facts` are only read. */
void policy_build(struct policy *policy, const struct trap_request *trap, const struct policy_facts *facts);

/*
 * The strictest verdict over the ports that an access of `size` bytes (1, 2, 4) covers. One that wraps from 0xffff to 0
 * exits whatever the bitmaps say (SDM "Instructions That Cause VM Exits Conditionally"), so it is never PASS.
 */
enum verdict policy_port(const struct policy *policy, u16 port, u32 size);

/* An MSR beyond the MSR bitmaps always exits and is never PASS. */
enum verdict policy_msr(const struct policy *policy, u32 msr, bool write);

/* SDM "I/O-Bitmap Addresses" (A then B: 8 KiB), "MSR-Bitmap Address" (4 KiB): one bit where the verdict is not PASS. */
void policy_io_bitmap(const struct policy *policy, u8 bitmap[8192]);
void policy_msr_bitmap(const struct policy *policy, u8 bitmap[4096]);

/* The EPT holes the policy wants now (LAPIC page, trap=mmio:); returns how many were written to `holes`. */
u32 policy_holes(const struct policy *policy, struct range *holes, u32 room);

/* Whether the guest-physical address `at` is in the LAPIC page, while that page is trapped. */
static inline bool policy_is_apic(const struct policy *policy, u64 at)
{
    return policy->apic_page && !((at ^ policy->apic_base) & PAGE_MASK);
}

/* Whether a byte read or written at `port` is no more than that. */
static inline bool policy_is_plain(const struct policy *policy, u16 port)
{
    return policy->plain_ports[port / 8] >> port % 8 & 1;
}

/* For reports: "COM1", "PCI config", "PIC1"...; "other" where nothing is known. */
const char *port_name(u16 port);
/* The same, with the names of this machine's ACPI and reset registers, which the FADT gives. */
const char *port_name_here(const struct guard_config *config, u16 port);
/* "EOI", "ICR_LOW"... by byte offset in the LAPIC page; x2APIC MSR 0x800+n is offset n*16. "reserved" for the rest. */
const char *apic_register_name(u32 offset);
/* The SDM's name without IA32_ where known, else NULL. */
const char *msr_name(u32 msr);

#endif
