/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What CPUID says to the guest. Each CPU reads all its leaves once, the policy (vmx/cpuid_policy.def) is applied, and
 * an exit looks the answer up and patches in the few bits that depend on the guest's state. Pure.
 */
#ifndef VMX_CPUID_POLICY_H
#define VMX_CPUID_POLICY_H

#include "lib/types.h"
#include "vmx/caps.h"

#define CPUID_BASIC_ROOM 64
#define CPUID_EXTENDED_ROOM 32
#define CPUID_ENTRIES_MAX 160
#define CPUID_RULES_MAX 128

enum cpuid_register { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

#define CPUID_HYPERVISOR 0x40000000u
#define CPUID_EXTENDED 0x80000000u

/* Executes CPUID on this processor, or plays one in a test: EAX, EBX, ECX, EDX to out[0..3]. */
typedef void (*cpuid_reader)(void *context, u32 leaf, u32 subleaf, u32 out[4]);

/* VMX controls without which a feature is hidden. */
struct cpuid_facts {
    bool rdtscp, invpcid, xsaves, user_wait;
    bool perf_global_ctrl; /* IA32_PERF_GLOBAL_CTRL is switched on entry and exit */
    bool bndcfgs;          /* IA32_BNDCFGS is switched on entry and exit */
};

struct cpuid_facts cpuid_facts(const struct vmx_controls *controls);

struct cpuid_entry {
    u32 subleaf;
    u32 reg[4];
};

/* The sub-leaves of one leaf: entries[first] to entries[first + count - 1]. */
struct cpuid_run {
    u8 first, count;
    u8 shape;
    u8 patch;
};

struct cpuid_table {
    u32 max_basic, max_extended; /* as offsets from 0 and CPUID_EXTENDED */
    bool has_extended;
    u32 entry_count;
    struct cpuid_run basic[CPUID_BASIC_ROOM];
    struct cpuid_run extended[CPUID_EXTENDED_ROOM];
    struct cpuid_run hypervisor[2];
    struct cpuid_entry entries[CPUID_ENTRIES_MAX];
    u8 hidden[CPUID_RULES_MAX / 8]; /* rules that took something away: cpuid_hidden() */
};

enum cpuid_status {
    CPUID_OK,
    CPUID_TOO_MANY, /* more leaves or sub-leaves than the table holds: the guest sees fewer, all of them true */
};

/* Fills *table. Executed again when the guest changes what CPUID says (IA32_MISC_ENABLE, IA32_TSX_CTRL, microcode). */
enum cpuid_status cpuid_table_build(struct cpuid_table *table, cpuid_reader read, void *context,
                                    const struct cpuid_facts *facts);

/* What cpuid_answer() wants to know of the guest, for a given leaf. */
enum cpuid_need {
    CPUID_NEEDS_CR4 = 1 << 0,       /* the guest's view of CR4 */
    CPUID_NEEDS_APIC_BASE = 1 << 1, /* IA32_APIC_BASE */
    CPUID_NEEDS_XSAVE_SIZES = 1 << 2,
    CPUID_NEEDS_CODE_64 = 1 << 4, /* CPUID was executed in 64-bit mode */
};

struct cpuid_state {
    u64 cr4, apic_base;
    u32 xsave_size;         /* CPUID.(0DH,0):EBX as the processor gives it for the XCR0 in force */
    u32 xsave_compact_size; /* CPUID.(0DH,1):EBX for XCR0 | IA32_XSS */
    bool code_64;
};

/* enum cpuid_need: the members of struct cpuid_state that matter for this leaf; mostly none. */
u32 cpuid_needs(const struct cpuid_table *table, u32 leaf, u32 subleaf);

/* Whether the answer hangs on ECX. */
bool cpuid_has_subleaves(const struct cpuid_table *table, u32 leaf);

/* EAX, EBX, ECX, EDX to out[0..3]. A leaf that is out of range answers as the highest basic leaf (SDM "CPUID"). */
void cpuid_answer(const struct cpuid_table *table, u32 leaf, u32 subleaf, const struct cpuid_state *state, u32 out[4]);

/* CR4 bits that the guest's CPUID lets it set. (What VMX fixes in CR4 is another matter: caps_cr4_may_be_1().) */
u64 cpuid_cr4_allowed(const struct cpuid_table *table);

/* Bits that the guest may set in XCR0 (0 without XSAVE) and IA32_XSS. */
u64 cpuid_xcr0_allowed(const struct cpuid_table *table);
u64 cpuid_xss_allowed(const struct cpuid_table *table);

/* Whether XSETBV of XCR0 takes the value (SDM "XSAVE-Supported Features and State-Component Bitmaps", "XSETBV"). */
bool cpuid_xcr0_valid(const struct cpuid_table *table, u64 xcr0);

/*
 * What the table hides and the processor has, for the boot log: the name of the next hidden feature from *index on, and
 * the reason; NULL after the last. *index starts as 0.
 */
const char *cpuid_hidden(const struct cpuid_table *table, u32 *index, const char **reason);

#endif
