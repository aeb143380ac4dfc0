/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this processor's VT-x can do, what Exeunt needs of it, and the control words that follow. Pure: the MSRs come
 * through a callback, the verdict goes into structs.
 */
#ifndef VMX_CAPS_H
#define VMX_CAPS_H

#include "lib/types.h"

/* Raw values. A control's MSR has the allowed-0 settings in bits 31:0 (1: must be set), the allowed-1 in 63:32. */
struct vmx_caps {
    u64 basic;
    u64 pin, primary, vm_exit, vm_entry; /* the TRUE MSRs where the processor has them */
    u64 secondary;                       /* 0 where secondary controls cannot be activated */
    u64 ept_vpid;                        /* 0 without EPT and VPID */
    u64 misc;
    u64 cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
};

enum control_word {
    CONTROL_PIN,
    CONTROL_PRIMARY,
    CONTROL_SECONDARY,
    CONTROL_VM_EXIT,
    CONTROL_VM_ENTRY,
    CONTROL_EPT_VPID,
    CONTROL_BASIC, /* what IA32_VMX_BASIC must say: not controls, but missing in the same way */
    CONTROL_WORD_COUNT,
};

enum control_need { REQUIRED, WANTED, OPTIONAL, DYNAMIC, ON_DEMAND, OFF };

/* PIN_NMI_EXITING, SECONDARY_ENABLE_EPT, VM_EXIT_HOST_64, EPT_VPID_PAGE_2M...: one bit each, within its word. */
enum control_bits {
#define CONTROL(word, bit, symbol, name, need) word##_##symbol = BIT(bit),
#include "vmx/controls.def"
#undef CONTROL
};

struct control {
    const char *name; /* as the SDM spells it */
    u8 word;          /* enum control_word */
    u8 bit;
    u8 need;               /* enum control_need */
} __attribute__((packed)); /* there are many */

enum control_index {
#define CONTROL(word, bit, symbol, name, need) CONTROL_INDEX_##word##_##symbol,
#include "vmx/controls.def"
#undef CONTROL
    CONTROL_COUNT
};

extern const struct control control_table[CONTROL_COUNT];

/* "pin-based", "primary processor-based", "VM-exit"...: the SDM's name of the word, for messages. */
const char *control_word_name(enum control_word word);

/* What the exit policy asks of the ON_DEMAND controls. */
struct policy_needs {
    bool hlt; /* HLT exiting */
    bool tsc; /* RDTSC exiting */
    bool dr;  /* MOV-DR exiting */
    bool cr3; /* CR3-load and CR3-store exiting */
};

/* What Exeunt writes to the VMCS at the start. OPTIONAL and DYNAMIC bits are clear. */
struct vmx_controls {
    u32 pin, primary, secondary, vm_exit, vm_entry;
    u64 ept_vpid; /* the capabilities that Exeunt uses: enum control_bits EPT_VPID_* */
};

/* Extra rows: INVEPT type, VMCS size, VMCS memory type. */
#define CAPS_LIST_MAX (CONTROL_COUNT + 3)

struct control_list {
    u32 count;
    const struct control *entry[CAPS_LIST_MAX];
};

/* For the boot log and the refusal. About 4 KiB: static, not on the stack. */
struct caps_report {
    struct control_list missing;         /* required, or asked for by the policy, and cannot be set */
    struct control_list forced;          /* must be clear and cannot be */
    struct control_list present, absent; /* WANTED, OPTIONAL */
};

enum caps_status {
    CAPS_OK,
    CAPS_REFUSED, /* report->missing or report->forced says why */
};

/* CPUID.1:ECX.VMX */
static inline bool caps_vmx_present(u32 cpuid_1_ecx)
{
    return cpuid_1_ecx & BIT(5);
}

enum feature_control { FEATURE_CONTROL_OK, FEATURE_CONTROL_LOCK_IT, FEATURE_CONTROL_LOCKED_OFF };

/*
 * What `msr`, IA32_FEATURE_CONTROL, allows (SDM "Enabling and Entering VMX Operation"). For LOCK_IT *value is what to
 * write on every CPU before VMXON: locked, VMX outside SMX on, all else as it was. Otherwise *value = msr.
 */
enum feature_control caps_feature_control(u64 msr, u64 *value);

/* Reads the capability MSRs, each only where the SDM says that it exists (elsewhere RDMSR is #GP). VMX is present. */
void caps_read(struct vmx_caps *caps, u64 (*rdmsr)(u32 msr));

/*
 * Takes away the loads of IA32_PERF_GLOBAL_CTRL. For processors without that MSR: KVM offers the controls to a guest
 * whose virtual machine has no performance counters, where RDMSR of it is #GP.
 */
void caps_drop_perf_global_ctrl(struct vmx_caps *caps);

/*
 * Computes the control words, and all that is missing or in the way at once. *out is meaningful with CAPS_OK only;
 * *report always.
 */
enum caps_status caps_negotiate(const struct vmx_caps *caps, const struct policy_needs *needs, struct vmx_controls *out,
                                struct caps_report *report);

/* VMCS revision identifier: the first word of each VMXON and VMCS region, which are 4 KiB. */
static inline u32 caps_revision(const struct vmx_caps *caps)
{
    return caps->basic & 0x7fffffff;
}

/* INS and OUTS exits fill in the VM-exit instruction-information field. */
static inline bool caps_string_io_information(const struct vmx_caps *caps)
{
    return caps->basic & BIT(54);
}

/* The VMX-preemption timer can be had, and goes on from one entry to the next. */
static inline bool caps_has_timer(const struct vmx_caps *caps)
{
    return caps->pin >> 32 & PIN_PREEMPTION_TIMER && caps->vm_exit >> 32 & VM_EXIT_SAVE_PREEMPTION_TIMER;
}

/* The preemption timer counts down when bit (this value) of the TSC changes. */
static inline u32 caps_preemption_shift(const struct vmx_caps *caps)
{
    return caps->misc & 31;
}

/* Activity states that a VM entry may have (SDM appendix "Miscellaneous Data"). Active is always possible. */
static inline bool caps_activity_hlt(const struct vmx_caps *caps)
{
    return caps->misc & BIT(6);
}

static inline bool caps_activity_wait_for_sipi(const struct vmx_caps *caps)
{
    return caps->misc & BIT(8);
}

/* Software interrupts and exceptions can be injected with instruction length 0. */
static inline bool caps_zero_length_injection(const struct vmx_caps *caps)
{
    return caps->misc & BIT(30);
}

/*
 * CR0 and CR4 bits that the processor fixes in VMX operation (SDM appendices "VMX-Fixed Bits in CR0", "... in CR4").
 * For a guest with unrestricted guest CR0.PE and CR0.PG are free; `unrestricted` is false for the host.
 */
u64 caps_cr0_must_be_1(const struct vmx_caps *caps, bool unrestricted);
u64 caps_cr0_may_be_1(const struct vmx_caps *caps);
u64 caps_cr4_must_be_1(const struct vmx_caps *caps);
u64 caps_cr4_may_be_1(const struct vmx_caps *caps);

/* Whether a VM entry (or VMXON, for the host) takes the value. CR0.PG without CR0.PE is never valid. */
bool caps_cr0_valid(const struct vmx_caps *caps, u64 cr0, bool unrestricted);
bool caps_cr4_valid(const struct vmx_caps *caps, u64 cr4);

/* The nearest valid value: fixed bits as they must be, the others as in the argument. */
u64 caps_cr0_fix(const struct vmx_caps *caps, u64 cr0, bool unrestricted);
u64 caps_cr4_fix(const struct vmx_caps *caps, u64 cr4);

#endif
