/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/cpuid_policy.h"

#include "lib/msr.h"
#include "lib/string.h"
#include "lib/vcpu.h"

enum shape { PLAIN, LISTED, COUNTED, TOPOLOGY };

/* What depends on the guest's state. */
enum patch { PATCH_NONE, PATCH_FEATURES, PATCH_STRUCTURED, PATCH_XSAVE, PATCH_KEY_LOCKER, PATCH_SYSCALL };

enum cpuid_when { ALWAYS, NO_RDTSCP, NO_INVPCID, NO_XSAVES, NO_USER_WAIT, NO_BNDCFGS, NO_PERF_GLOBAL };

enum { EAX = CPUID_EAX, EBX = CPUID_EBX, ECX = CPUID_ECX, EDX = CPUID_EDX };

#define ANY_SUBLEAF 0xff

struct rule {
    const char *name, *reason;
    u32 leaf;
    u32 mask;
    u8 subleaf; /* or ANY_SUBLEAF: the whole leaf */
    u8 reg;
    u8 when;               /* enum cpuid_when */
} __attribute__((packed)); /* there are many */

static const struct rule rules[] = {
#define LEAF(leaf, shape, limit)
#define HIDE_LEAF(leaf, when, name, reason) {name, reason, leaf, ~0u, ANY_SUBLEAF, 0, when},
#define HIDE(leaf, subleaf, reg, high, low, when, name, reason)                                                        \
    {name, reason, leaf, (u32)BITS(high, low), subleaf, reg, when},
#define CR4(bits, leaf, subleaf, reg, bit)
#include "vmx/cpuid_policy.def"
#undef LEAF
#undef HIDE_LEAF
#undef HIDE
#undef CR4
};
_Static_assert(COUNT_OF(rules) <= CPUID_RULES_MAX, "CPUID_RULES_MAX is too small");

static const struct {
    u8 shape, limit;
} shapes[CPUID_BASIC_ROOM] = {
#define LEAF(leaf, shape, limit) [leaf] = {shape, limit},
#define HIDE_LEAF(leaf, when, name, reason)
#define HIDE(leaf, subleaf, reg, high, low, when, name, reason)
#define CR4(bits, leaf, subleaf, reg, bit)
#include "vmx/cpuid_policy.def"
#undef LEAF
#undef HIDE_LEAF
#undef HIDE
#undef CR4
};

static const struct {
    u32 bits;
    u8 leaf, subleaf, reg, bit;
} cr4_features[] = {
#define LEAF(leaf, shape, limit)
#define HIDE_LEAF(leaf, when, name, reason)
#define HIDE(leaf, subleaf, reg, high, low, when, name, reason)
#define CR4(bits, leaf, subleaf, reg, bit) {bits, leaf, subleaf, reg, bit},
#include "vmx/cpuid_policy.def"
#undef LEAF
#undef HIDE_LEAF
#undef HIDE
#undef CR4
};

struct cpuid_facts cpuid_facts(const struct vmx_controls *controls)
{
    return (struct cpuid_facts){
        .rdtscp = controls->secondary & SECONDARY_ENABLE_RDTSCP,
        .invpcid = controls->secondary & SECONDARY_ENABLE_INVPCID,
        .xsaves = controls->secondary & SECONDARY_ENABLE_XSAVES,
        .user_wait = controls->secondary & SECONDARY_ENABLE_USER_WAIT,
        .perf_global_ctrl = (controls->vm_exit & VM_EXIT_LOAD_PERF_GLOBAL_CTRL) &&
                            (controls->vm_entry & VM_ENTRY_LOAD_PERF_GLOBAL_CTRL),
        .bndcfgs = (controls->vm_exit & VM_EXIT_CLEAR_BNDCFGS) && (controls->vm_entry & VM_ENTRY_LOAD_BNDCFGS),
    };
}

static bool applies(enum cpuid_when when, const struct cpuid_facts *facts)
{
    switch (when) {
    case ALWAYS:
        return true;
    case NO_RDTSCP:
        return !facts->rdtscp;
    case NO_INVPCID:
        return !facts->invpcid;
    case NO_XSAVES:
        return !facts->xsaves;
    case NO_USER_WAIT:
        return !facts->user_wait;
    case NO_BNDCFGS:
        return !facts->bndcfgs;
    case NO_PERF_GLOBAL:
        return !facts->perf_global_ctrl;
    }
    return true;
}

/* Looking up */

/* The run that answers for `leaf`, whatever it is. */
static const struct cpuid_run *find_run(const struct cpuid_table *table, u32 leaf)
{
    if (leaf <= table->max_basic)
        return &table->basic[leaf];
    if (table->has_extended && leaf - CPUID_EXTENDED <= table->max_extended)
        return &table->extended[leaf - CPUID_EXTENDED];
    if (leaf - CPUID_HYPERVISOR < COUNT_OF(table->hypervisor))
        return &table->hypervisor[leaf - CPUID_HYPERVISOR];
    return &table->basic[table->max_basic];
}

static const struct cpuid_entry *find_entry(const struct cpuid_table *table, const struct cpuid_run *run, u32 subleaf)
{
    const struct cpuid_entry *entry = &table->entries[run->first];
    if (run->shape == PLAIN)
        return run->count ? entry : NULL;
    for (u32 i = 0; i < run->count; i++, entry++) {
        if (entry->subleaf == subleaf)
            return entry;
    }
    return NULL;
}

/* The register as the table has it, unpatched; 0 for what is not there. Never answers for another leaf. */
static u32 lookup(const struct cpuid_table *table, u32 leaf, u32 subleaf, u32 reg)
{
    const struct cpuid_entry *entry = NULL;
    if (leaf <= table->max_basic)
        entry = find_entry(table, &table->basic[leaf], subleaf);
    return entry ? entry->reg[reg] : 0;
}

u64 cpuid_xcr0_allowed(const struct cpuid_table *table)
{
    if (!(lookup(table, 1, 0, ECX) & BIT(26)))
        return 0;
    return lookup(table, 0xd, 0, EAX) | (u64)lookup(table, 0xd, 0, EDX) << 32;
}

u64 cpuid_xss_allowed(const struct cpuid_table *table)
{
    if (!(lookup(table, 1, 0, ECX) & BIT(26)))
        return 0;
    return lookup(table, 0xd, 1, ECX) | (u64)lookup(table, 0xd, 1, EDX) << 32;
}

u64 cpuid_cr4_allowed(const struct cpuid_table *table)
{
    u64 allowed = 0;
    for (u32 i = 0; i < COUNT_OF(cr4_features); i++) {
        if (lookup(table, cr4_features[i].leaf, cr4_features[i].subleaf, cr4_features[i].reg) &
            BIT(cr4_features[i].bit))
            allowed |= cr4_features[i].bits;
    }
    return allowed;
}

/* All of `bits` or none of them. */
static bool whole(u64 value, u64 bits)
{
    return (value & bits) == 0 || (value & bits) == bits;
}

bool cpuid_xcr0_valid(const struct cpuid_table *table, u64 xcr0)
{
    const u64 x87 = BIT(0), sse = BIT(1), avx = BIT(2), mpx = BITS(4, 3), avx512 = BITS(7, 5), amx = BITS(18, 17);
    if ((xcr0 & ~cpuid_xcr0_allowed(table)) || !(xcr0 & x87))
        return false;
    if ((xcr0 & avx) && !(xcr0 & sse))
        return false;
    if ((xcr0 & avx512) && !(xcr0 & avx))
        return false;
    return whole(xcr0, mpx) && whole(xcr0, avx512) && whole(xcr0, amx);
}

/* Patching */

#define XSAVE_LEGACY_AND_HEADER 576u

/*
 * Bytes of an XSAVE area with all components of `xcr0` (SDM "Standard Format of XSAVE Area"): sub-leaf n has the size
 * of component n in EAX and its offset in EBX. Only for the maximum where Exeunt hides a component; the size in force
 * is the processor's own word, because processors count components whose sub-leaf they do not show.
 */
static u32 largest_xsave(const struct cpuid_table *table, u64 xcr0)
{
    const struct cpuid_run *run = &table->basic[0xd];
    u32 size = XSAVE_LEGACY_AND_HEADER;
    for (u32 i = 0; i < run->count; i++) {
        const struct cpuid_entry *entry = &table->entries[run->first + i];
        if (entry->subleaf >= 2 && entry->subleaf <= 62 && (xcr0 & BIT(entry->subleaf)))
            size = (u32)max_u64(size, (u64)entry->reg[EBX] + entry->reg[EAX]);
    }
    return size;
}

static void patch_xsave(u32 subleaf, const struct cpuid_state *state, u32 out[4])
{
    const u32 xsavec = BIT(1), xsaves = BIT(3);
    if (subleaf == 0 && out[EAX])
        out[EBX] = state->xsave_size;
    if (subleaf == 1 && (out[EAX] & (xsavec | xsaves)))
        out[EBX] = state->xsave_compact_size;
}

static void apply_patch(const struct cpuid_table *table, enum patch patch, u32 subleaf, const struct cpuid_state *state,
                        u32 out[4])
{
    switch (patch) {
    case PATCH_NONE:
        return;
    case PATCH_FEATURES:
        if ((state->cr4 & CR4_OSXSAVE) && (out[ECX] & BIT(26)))
            out[ECX] |= BIT(27); /* OSXSAVE */
        if (!(state->apic_base & APIC_BASE_ENABLE))
            out[EDX] &= ~(u32)BIT(9); /* APIC */
        return;
    case PATCH_STRUCTURED:
        if (subleaf == 0 && (state->cr4 & CR4_PKE) && (out[ECX] & BIT(3)))
            out[ECX] |= BIT(4); /* OSPKE */
        return;
    case PATCH_XSAVE:
        patch_xsave(subleaf, state, out);
        return;
    case PATCH_KEY_LOCKER:
        if (state->cr4 & BIT(19))
            out[EBX] |= BIT(0); /* AESKLE */
        return;
    case PATCH_SYSCALL:
        /* Intel processors show SYSCALL in 64-bit mode only (SDM "CPUID", leaf 80000001H). */
        if (state->code_64 && (out[EDX] & BIT(29)))
            out[EDX] |= BIT(11);
        return;
    }
}

u32 cpuid_needs(const struct cpuid_table *table, u32 leaf, u32 subleaf)
{
    switch ((enum patch)find_run(table, leaf)->patch) {
    case PATCH_NONE:
        return 0;
    case PATCH_FEATURES:
        return CPUID_NEEDS_CR4 | CPUID_NEEDS_APIC_BASE;
    case PATCH_STRUCTURED:
        return subleaf == 0 ? CPUID_NEEDS_CR4 : 0;
    case PATCH_XSAVE:
        return subleaf <= 1 ? CPUID_NEEDS_XSAVE_SIZES : 0;
    case PATCH_KEY_LOCKER:
        return CPUID_NEEDS_CR4;
    case PATCH_SYSCALL:
        return CPUID_NEEDS_CODE_64;
    }
    return 0;
}

bool cpuid_has_subleaves(const struct cpuid_table *table, u32 leaf)
{
    return find_run(table, leaf)->shape != PLAIN;
}

void cpuid_answer(const struct cpuid_table *table, u32 leaf, u32 subleaf, const struct cpuid_state *state, u32 out[4])
{
    const struct cpuid_run *run = find_run(table, leaf);
    const struct cpuid_entry *entry = find_entry(table, run, subleaf);
    if (!entry) {
        memset(out, 0, 4 * sizeof out[0]);
        if (run->shape == TOPOLOGY && run->count) {
            out[ECX] = subleaf & 0xff;
            out[EDX] = table->entries[run->first].reg[EDX]; /* x2APIC ID */
        }
        return;
    }
    memcpy(out, entry->reg, sizeof entry->reg);
    apply_patch(table, run->patch, subleaf, state, out);
}

const char *cpuid_hidden(const struct cpuid_table *table, u32 *index, const char **reason)
{
    while (*index < COUNT_OF(rules)) {
        u32 i = (*index)++;
        if (table->hidden[i / 8] & BIT(i % 8)) {
            *reason = rules[i].reason;
            return rules[i].name;
        }
    }
    return NULL;
}

/* Building */

struct builder {
    struct cpuid_table *table;
    cpuid_reader read;
    void *context;
};

static bool add_entry(struct cpuid_table *table, struct cpuid_run *run, u32 subleaf, const u32 reg[4])
{
    if (table->entry_count == CPUID_ENTRIES_MAX)
        return false;
    struct cpuid_entry *entry = &table->entries[table->entry_count++];
    entry->subleaf = subleaf;
    memcpy(entry->reg, reg, sizeof entry->reg);
    run->count++;
    return true;
}

/* Reads all sub-leaves of `leaf` to the end of the entries. False: they do not fit, and none is kept. */
static bool read_run(const struct builder *builder, struct cpuid_run *run, u32 leaf, u8 shape, u32 limit)
{
    struct cpuid_table *table = builder->table;
    *run = (struct cpuid_run){.first = (u8)table->entry_count, .shape = shape};
    for (u32 subleaf = 0; subleaf < limit; subleaf++) {
        u32 reg[4];
        builder->read(builder->context, leaf, subleaf, reg);
        if (shape == COUNTED && subleaf == 0) {
            reg[EAX] = (u32)min_u64(reg[EAX], limit - 1);
            limit = reg[EAX] + 1;
        }
        bool empty = !(reg[EAX] | reg[EBX] | reg[ECX] | reg[EDX]);
        if (!empty && !add_entry(table, run, subleaf, reg)) {
            table->entry_count = run->first;
            run->count = 0;
            return false;
        }
        if (shape == TOPOLOGY && (reg[ECX] & 0xff00) == 0)
            break;
    }
    return true;
}

static enum cpuid_status read_extended(const struct builder *builder)
{
    struct cpuid_table *table = builder->table;
    u32 reg[4];
    builder->read(builder->context, CPUID_EXTENDED, 0, reg);
    if (reg[EAX] < CPUID_EXTENDED)
        return CPUID_OK;
    u32 last = reg[EAX] - CPUID_EXTENDED;
    table->has_extended = true;
    table->max_extended = (u32)min_u64(last, CPUID_EXTENDED_ROOM - 1);
    for (u32 i = 0; i <= table->max_extended; i++)
        read_run(builder, &table->extended[i], CPUID_EXTENDED + i, PLAIN, 1);
    return table->max_extended < last ? CPUID_TOO_MANY : CPUID_OK;
}

/* After read_extended(), which always fits. */
static enum cpuid_status read_basic(const struct builder *builder)
{
    struct cpuid_table *table = builder->table;
    u32 reg[4];
    builder->read(builder->context, 0, 0, reg);
    u32 last = reg[EAX];
    table->max_basic = (u32)min_u64(last, CPUID_BASIC_ROOM - 1);
    for (u32 leaf = 0; leaf <= table->max_basic; leaf++) {
        u32 limit = shapes[leaf].shape == PLAIN ? 1 : shapes[leaf].limit;
        if (!read_run(builder, &table->basic[leaf], leaf, shapes[leaf].shape, limit)) {
            table->max_basic = leaf - 1;
            break;
        }
    }
    return table->max_basic < last ? CPUID_TOO_MANY : CPUID_OK;
}

static const struct cpuid_run *rule_run(const struct cpuid_table *table, u32 leaf)
{
    if (leaf < CPUID_BASIC_ROOM && leaf <= table->max_basic)
        return &table->basic[leaf];
    if (table->has_extended && leaf >= CPUID_EXTENDED && leaf - CPUID_EXTENDED <= table->max_extended)
        return &table->extended[leaf - CPUID_EXTENDED];
    return NULL;
}

/* True when the processor had what the rule takes away. */
static bool apply_rule(struct cpuid_table *table, const struct rule *rule)
{
    const struct cpuid_run *run = rule_run(table, rule->leaf);
    u32 taken = 0;
    for (u32 i = 0; run && i < run->count; i++) {
        struct cpuid_entry *entry = &table->entries[run->first + i];
        if (rule->subleaf == ANY_SUBLEAF) {
            taken |= entry->reg[EAX] | entry->reg[EBX] | entry->reg[ECX] | entry->reg[EDX];
            memset(entry->reg, 0, sizeof entry->reg);
        } else if (rule->subleaf == entry->subleaf) {
            taken |= entry->reg[rule->reg] & rule->mask;
            entry->reg[rule->reg] &= ~rule->mask;
        }
    }
    return taken;
}

static void apply_rules(struct cpuid_table *table, const struct cpuid_facts *facts)
{
    for (u32 i = 0; i < COUNT_OF(rules); i++) {
        if (applies(rules[i].when, facts) && apply_rule(table, &rules[i]))
            table->hidden[i / 8] |= (u8)BIT(i % 8);
    }
}

/* Changes one register of sub-leaf 0 (or of the only one), where the leaf is there. */
static void set_bits(struct cpuid_table *table, u32 leaf, u32 reg, u32 clear, u32 set)
{
    const struct cpuid_run *run = rule_run(table, leaf);
    if (run && run->count && table->entries[run->first].subleaf == 0)
        table->entries[run->first].reg[reg] = (table->entries[run->first].reg[reg] & ~clear) | set;
}

/* Components that the guest cannot enable have no sub-leaf, and do not count for the size. */
static void finish_xsave(struct cpuid_table *table)
{
    const struct cpuid_run *run = &table->basic[0xd];
    u64 xcr0 = cpuid_xcr0_allowed(table), components = xcr0 | cpuid_xss_allowed(table);
    bool hid_component = false;
    if (table->max_basic < 0xd || !xcr0)
        return;
    for (u32 i = 0; i < run->count; i++) {
        struct cpuid_entry *entry = &table->entries[run->first + i];
        if (entry->subleaf >= 2 && !(entry->subleaf < 63 && (components & BIT(entry->subleaf)))) {
            hid_component |= entry->reg[EAX] != 0;
            memset(entry->reg, 0, sizeof entry->reg);
        }
    }
    if (hid_component)
        set_bits(table, 0xd, ECX, ~0u, largest_xsave(table, xcr0));
}

/* Signature "ExeuntExeunt"; leaf 40000001H says that no known interface (KVM's, Hyper-V's) is offered. */
static void add_hypervisor(struct cpuid_table *table)
{
    static const u32 leaves[COUNT_OF(table->hypervisor)][4] = {
        {CPUID_HYPERVISOR + 1, 0x75657845, 0x7845746e, 0x746e7565}, /* "Exeu", "ntEx", "eunt" */
        {0, 0, 0, 0},
    };
    for (u32 i = 0; i < COUNT_OF(table->hypervisor); i++) {
        table->hypervisor[i] = (struct cpuid_run){.first = (u8)table->entry_count, .shape = PLAIN};
        add_entry(table, &table->hypervisor[i], 0, leaves[i]);
    }
}

/* Bits that apply_patch() sets are clear in the table, whatever they were when it was read. */
static void prepare_patches(struct cpuid_table *table)
{
    set_bits(table, 0x00, EAX, ~0u, table->max_basic);
    set_bits(table, CPUID_EXTENDED, EAX, ~0u, CPUID_EXTENDED + table->max_extended);
    set_bits(table, 0x01, ECX, BIT(27), (u32)BIT(31)); /* OSXSAVE; a hypervisor is there */
    set_bits(table, 0x01, EDX, 0, BIT(9));             /* every processor with VMX has a LAPIC */
    set_bits(table, 0x07, ECX, BIT(4), 0);
    set_bits(table, 0x19, EBX, BIT(0), 0);
    set_bits(table, CPUID_EXTENDED + 1, EDX, BIT(11), 0);
    finish_xsave(table);
    table->basic[0x01].patch = PATCH_FEATURES;
    table->basic[0x07].patch = PATCH_STRUCTURED;
    /* Nobody can read XCR0 where there is no XSAVE. */
    table->basic[0x0d].patch = cpuid_xcr0_allowed(table) ? PATCH_XSAVE : PATCH_NONE;
    table->basic[0x19].patch = PATCH_KEY_LOCKER;
    table->extended[1].patch = PATCH_SYSCALL;
}

enum cpuid_status cpuid_table_build(struct cpuid_table *table, cpuid_reader read, void *context,
                                    const struct cpuid_facts *facts)
{
    const struct builder builder = {table, read, context};
    memset(table, 0, sizeof *table);
    add_hypervisor(table);
    enum cpuid_status extended = read_extended(&builder), basic = read_basic(&builder);
    apply_rules(table, facts);
    prepare_patches(table);
    return extended == CPUID_OK ? basic : extended;
}
