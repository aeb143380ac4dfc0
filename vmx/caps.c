/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/caps.h"

#include "lib/msr.h"
#include "lib/vcpu.h"

const struct control control_table[CONTROL_COUNT] = {
#define CONTROL(word, bit, symbol, name, need) {name, CONTROL_##word, bit, need},
#include "vmx/controls.def"
#undef CONTROL
};

#define CONTROL(word, bit, symbol, name, need)                                                                         \
    _Static_assert((bit) < (CONTROL_##word == CONTROL_EPT_VPID ? 64 : 32), name " is outside its word");
#include "vmx/controls.def"
#undef CONTROL

/* What negotiation can miss besides a bit of the table. */
static const struct control either_invept = {"Single-context or all-context INVEPT", CONTROL_EPT_VPID, 26, REQUIRED};
static const struct control vmcs_size = {"VMCS region of 1 to 4096 bytes", CONTROL_BASIC, 32, REQUIRED};
static const struct control vmcs_write_back = {"Write-back VMCS", CONTROL_BASIC, 50, REQUIRED};

const char *control_word_name(enum control_word word)
{
    static const char *const names[CONTROL_WORD_COUNT] = {
        [CONTROL_PIN] = "pin-based",
        [CONTROL_PRIMARY] = "primary processor-based",
        [CONTROL_SECONDARY] = "secondary processor-based",
        [CONTROL_VM_EXIT] = "VM-exit",
        [CONTROL_VM_ENTRY] = "VM-entry",
        [CONTROL_EPT_VPID] = "EPT and VPID capability",
        [CONTROL_BASIC] = "basic VMX information",
    };
    return word < CONTROL_WORD_COUNT ? names[word] : "?";
}

enum feature_control caps_feature_control(u64 msr, u64 *value)
{
    *value = msr;
    if (!(msr & FEATURE_CONTROL_LOCK)) {
        /* VMXON is #GP while the lock bit is clear, whatever bit 2 says. */
        *value = msr | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX;
        return FEATURE_CONTROL_LOCK_IT;
    }
    return msr & FEATURE_CONTROL_VMX ? FEATURE_CONTROL_OK : FEATURE_CONTROL_LOCKED_OFF;
}

static bool can_set(u64 msr, u64 bits)
{
    return ((msr >> 32) & bits) == bits;
}

void caps_read(struct vmx_caps *caps, u64 (*rdmsr)(u32 msr))
{
    *caps = (struct vmx_caps){.basic = rdmsr(MSR_VMX_BASIC)};
    bool has_true = caps->basic & BIT(55);
    caps->pin = rdmsr(has_true ? MSR_VMX_TRUE_PINBASED_CTLS : MSR_VMX_PINBASED_CTLS);
    caps->primary = rdmsr(has_true ? MSR_VMX_TRUE_PROCBASED_CTLS : MSR_VMX_PROCBASED_CTLS);
    caps->vm_exit = rdmsr(has_true ? MSR_VMX_TRUE_EXIT_CTLS : MSR_VMX_EXIT_CTLS);
    caps->vm_entry = rdmsr(has_true ? MSR_VMX_TRUE_ENTRY_CTLS : MSR_VMX_ENTRY_CTLS);
    if (can_set(caps->primary, PRIMARY_ACTIVATE_SECONDARY))
        caps->secondary = rdmsr(MSR_VMX_PROCBASED_CTLS2);
    if (can_set(caps->secondary, SECONDARY_ENABLE_EPT) || can_set(caps->secondary, SECONDARY_ENABLE_VPID))
        caps->ept_vpid = rdmsr(MSR_VMX_EPT_VPID_CAP);
    caps->misc = rdmsr(MSR_VMX_MISC);
    caps->cr0_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0);
    caps->cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED1);
    caps->cr4_fixed0 = rdmsr(MSR_VMX_CR4_FIXED0);
    caps->cr4_fixed1 = rdmsr(MSR_VMX_CR4_FIXED1);
}

void caps_drop_perf_global_ctrl(struct vmx_caps *caps)
{
    caps->vm_exit &= ~((u64)VM_EXIT_LOAD_PERF_GLOBAL_CTRL << 32);
    caps->vm_entry &= ~((u64)VM_ENTRY_LOAD_PERF_GLOBAL_CTRL << 32);
}

/* One control word on its way from what is allowed to what is set. */
struct word {
    u64 must; /* allowed-0 settings */
    u64 can;  /* allowed-1 settings */
    u64 set;
};

static struct word word_of(u64 msr)
{
    return (struct word){.must = (u32)msr, .can = msr >> 32};
}

static void words_init(const struct vmx_caps *caps, struct word words[CONTROL_WORD_COUNT])
{
    words[CONTROL_PIN] = word_of(caps->pin);
    words[CONTROL_PRIMARY] = word_of(caps->primary);
    words[CONTROL_SECONDARY] = word_of(caps->secondary);
    words[CONTROL_VM_EXIT] = word_of(caps->vm_exit);
    words[CONTROL_VM_ENTRY] = word_of(caps->vm_entry);
    words[CONTROL_EPT_VPID] = (struct word){.can = caps->ept_vpid};
}

/* A pair that switches one MSR between guest and host is used whole or not at all. */
static void pair(struct word words[CONTROL_WORD_COUNT], u64 exit_bit, u64 entry_bit)
{
    if ((words[CONTROL_VM_EXIT].can & exit_bit) && (words[CONTROL_VM_ENTRY].can & entry_bit))
        return;
    words[CONTROL_VM_EXIT].can &= ~exit_bit;
    words[CONTROL_VM_ENTRY].can &= ~entry_bit;
}

/* Takes away what is of no use without something else that is not there. */
static void drop_useless(struct word words[CONTROL_WORD_COUNT])
{
    u64 caps = words[CONTROL_EPT_VPID].can;
    pair(words, VM_EXIT_LOAD_PERF_GLOBAL_CTRL, VM_ENTRY_LOAD_PERF_GLOBAL_CTRL);
    pair(words, VM_EXIT_CLEAR_BNDCFGS, VM_ENTRY_LOAD_BNDCFGS);
    /* A VPID whose mappings cannot be flushed would keep stale ones where an emulated CR write must flush. */
    if (!(caps & EPT_VPID_INVVPID) || !(caps & (EPT_VPID_INVVPID_SINGLE | EPT_VPID_INVVPID_ALL)))
        words[CONTROL_SECONDARY].can &= ~SECONDARY_ENABLE_VPID;
}

static u64 asked_for(const struct policy_needs *needs, enum control_word word)
{
    if (word != CONTROL_PRIMARY)
        return 0;
    return (needs->hlt ? PRIMARY_HLT_EXITING : 0) | (needs->tsc ? PRIMARY_RDTSC_EXITING : 0) |
           (needs->dr ? PRIMARY_MOV_DR_EXITING : 0) |
           (needs->cr3 ? PRIMARY_CR3_LOAD_EXITING | PRIMARY_CR3_STORE_EXITING : 0);
}

static void list_add(struct control_list *list, const struct control *control)
{
    list->entry[list->count++] = control;
}

static void negotiate_one(const struct control *control, const struct policy_needs *needs, struct word *word,
                          struct caps_report *report)
{
    u64 bit = BIT(control->bit);
    bool possible = word->can & bit, forced = word->must & bit;
    bool asked = control->need == ON_DEMAND && (asked_for(needs, control->word) & bit);

    if (control->need == REQUIRED || asked) {
        if (possible)
            word->set |= bit;
        else
            list_add(&report->missing, control);
        return;
    }
    if (control->need == WANTED) {
        list_add(possible ? &report->present : &report->absent, control);
        if (possible)
            word->set |= bit;
        else if (forced)
            list_add(&report->forced, control);
        return;
    }
    if (control->need == OPTIONAL)
        list_add(possible ? &report->present : &report->absent, control);
    if (control->need == DYNAMIC && !possible)
        list_add(&report->missing, control);
    if (forced)
        list_add(&report->forced, control);
}

static void check_rest(const struct vmx_caps *caps, const struct word words[CONTROL_WORD_COUNT],
                       struct caps_report *report)
{
    u64 region = (caps->basic >> 32) & 0x1fff, memory_type = (caps->basic >> 50) & 15;
    bool ept = words[CONTROL_SECONDARY].can & SECONDARY_ENABLE_EPT;
    if (ept && !(words[CONTROL_EPT_VPID].can & (EPT_VPID_INVEPT_SINGLE | EPT_VPID_INVEPT_ALL)))
        list_add(&report->missing, &either_invept);
    if (region == 0 || region > PAGE_SIZE)
        list_add(&report->missing, &vmcs_size);
    if (memory_type != 6)
        list_add(&report->missing, &vmcs_write_back);
}

enum caps_status caps_negotiate(const struct vmx_caps *caps, const struct policy_needs *needs, struct vmx_controls *out,
                                struct caps_report *report)
{
    struct word words[CONTROL_WORD_COUNT] = {0};
    words_init(caps, words);
    drop_useless(words);
    *report = (struct caps_report){0};
    bool ept = words[CONTROL_SECONDARY].can & SECONDARY_ENABLE_EPT;
    for (u32 i = 0; i < CONTROL_COUNT; i++) {
        const struct control *control = &control_table[i];
        /* Without EPT its capabilities cannot be read: they are not missing, they are unknown. */
        if (control->word != CONTROL_EPT_VPID || ept)
            negotiate_one(control, needs, &words[control->word], report);
    }
    check_rest(caps, words, report);
    /* Reserved bits of the default1 class stay as the processor wants them. */
    *out = (struct vmx_controls){
        .pin = (u32)(words[CONTROL_PIN].set | words[CONTROL_PIN].must),
        .primary = (u32)(words[CONTROL_PRIMARY].set | words[CONTROL_PRIMARY].must),
        .secondary = (u32)(words[CONTROL_SECONDARY].set | words[CONTROL_SECONDARY].must),
        .vm_exit = (u32)(words[CONTROL_VM_EXIT].set | words[CONTROL_VM_EXIT].must),
        .vm_entry = (u32)(words[CONTROL_VM_ENTRY].set | words[CONTROL_VM_ENTRY].must),
        .ept_vpid = words[CONTROL_EPT_VPID].set,
    };
    return report->missing.count || report->forced.count ? CAPS_REFUSED : CAPS_OK;
}

u64 caps_cr0_must_be_1(const struct vmx_caps *caps, bool unrestricted)
{
    return unrestricted ? caps->cr0_fixed0 & ~(CR0_PE | CR0_PG) : caps->cr0_fixed0;
}

u64 caps_cr0_may_be_1(const struct vmx_caps *caps)
{
    return caps->cr0_fixed1;
}

u64 caps_cr4_must_be_1(const struct vmx_caps *caps)
{
    return caps->cr4_fixed0;
}

u64 caps_cr4_may_be_1(const struct vmx_caps *caps)
{
    return caps->cr4_fixed1;
}

static bool fixed_bits_hold(u64 value, u64 must, u64 may)
{
    return (value & must) == must && (value & ~may) == 0;
}

bool caps_cr0_valid(const struct vmx_caps *caps, u64 cr0, bool unrestricted)
{
    if ((cr0 & CR0_PG) && !(cr0 & CR0_PE))
        return false;
    return fixed_bits_hold(cr0, caps_cr0_must_be_1(caps, unrestricted), caps_cr0_may_be_1(caps));
}

bool caps_cr4_valid(const struct vmx_caps *caps, u64 cr4)
{
    return fixed_bits_hold(cr4, caps_cr4_must_be_1(caps), caps_cr4_may_be_1(caps));
}

u64 caps_cr0_fix(const struct vmx_caps *caps, u64 cr0, bool unrestricted)
{
    return (cr0 | caps_cr0_must_be_1(caps, unrestricted)) & caps_cr0_may_be_1(caps);
}

u64 caps_cr4_fix(const struct vmx_caps *caps, u64 cr4)
{
    return (cr4 | caps_cr4_must_be_1(caps)) & caps_cr4_may_be_1(caps);
}
