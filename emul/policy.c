/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/policy.h"

#include "lib/string.h"

/*
 * Rules are first collected as they come, overlapping; flatten() then makes them sorted and disjoint. Ports use the
 * same collection with one verdict for both directions.
 */
#define TRAP_RANGES 8 /* per kind in struct trap_request */
#define RAW_MAX (POLICY_MSR_RULES_MAX / 2)

struct raw_rules {
    u32 count;
    struct msr_rule rules[RAW_MAX];
};

#define MSR(first, last, read, write, name) {first, last, read, write},
/* As struct msr_rule, in fewer bytes. */
static const struct {
    u32 first, last;
    u8 read, write;
} __attribute__((packed)) msr_table[] = {
#include "emul/msr_policy.def"
};
#undef MSR

#define MSR(first, last, read, write, name) +((read) != PASS || (write) != PASS)
enum {
    MSR_TABLE_RULES = 0
#include "emul/msr_policy.def"
};
#undef MSR

#define X2APIC_FIRST 0x800u
#define X2APIC_LAST 0x8ffu
#define X2APIC_ICR 0x830u

/* N overlapping ranges have at most 2N boundaries and so at most 2N - 1 disjoint pieces. */
_Static_assert(MSR_TABLE_RULES + TRAP_RANGES + 2 <= RAW_MAX, "all MSR rules fit");
/* 16: what add_end_guards() and add_console() can add. */
_Static_assert(2 * (TRAP_RANGES + 16) - 1 <= POLICY_PORT_RULES_MAX, "all port rules fit");

static enum verdict stricter(enum verdict a, enum verdict b)
{
    return a > b ? a : b;
}

static void add(struct raw_rules *raw, u32 first, u32 last, enum verdict read, enum verdict write)
{
    if (first <= last && raw->count < RAW_MAX)
        raw->rules[raw->count++] = (struct msr_rule){first, last, read, write};
}

/* Guards the one port; 0 means that the machine has none. */
static void guard_port(struct raw_rules *raw, u32 port)
{
    if (port)
        add(raw, port, port, GUARD, GUARD);
}

/*
 * Takes the piece that starts at `at`: its rule (verdicts of all raw rules there, the strictest wins) and where it
 * ends. Returns the start of the next piece, or 2^32.
 */
static u64 piece_at(const struct raw_rules *raw, u64 at, struct msr_rule *piece)
{
    u64 next = 1ull << 32;

    *piece = (struct msr_rule){.first = (u32)at, .read = PASS, .write = PASS};
    for (u32 i = 0; i < raw->count; i++) {
        const struct msr_rule *rule = &raw->rules[i];
        u64 end = (u64)rule->last + 1;
        if (at >= rule->first && at < end) {
            piece->read = stricter(piece->read, rule->read);
            piece->write = stricter(piece->write, rule->write);
            next = min_u64(next, end);
        } else if (rule->first > at) {
            next = min_u64(next, rule->first);
        }
    }
    piece->last = (u32)(next - 1);
    return next;
}

/* Sorted, disjoint, without PASS; neighbours with the same verdicts become one. Returns the number of rules in `out`.
 */
static u32 flatten(const struct raw_rules *raw, struct msr_rule *out, u32 room)
{
    u32 count = 0;

    for (u64 at = 0; at >> 32 == 0;) {
        struct msr_rule piece;
        at = piece_at(raw, at, &piece);
        if (piece.read == PASS && piece.write == PASS)
            continue;
        struct msr_rule *before = count ? &out[count - 1] : NULL;
        if (before && before->last + 1 == piece.first && before->read == piece.read && before->write == piece.write)
            before->last = piece.last;
        else if (count < room)
            out[count++] = piece;
    }
    return count;
}

/* SPEC 2.7. Of PM1_CNT and PM1_STS only the high byte matters: SLP_TYP, SLP_EN and WAK_STS are there. */
static void add_end_guards(struct raw_rules *raw, const struct guard_config *config)
{
    static const u16 fixed[] = {
        PORT_KEYBOARD_DATA,      PORT_KEYBOARD_COMMAND, PORT_SYSTEM_CONTROL_A, PORT_DEBUG_EXIT,
        PORT_DEBUG_EXIT_DEFAULT, PORT_RESET_CONTROL,    PORT_BOCHS_SHUTDOWN,
    };
    const u16 high_bytes[] = {config->pm1a_control, config->pm1b_control, config->pm1a_status, config->pm1b_status};

    for (u32 i = 0; i < COUNT_OF(fixed); i++)
        guard_port(raw, fixed[i]);
    for (u32 i = 0; i < COUNT_OF(high_bytes); i++)
        guard_port(raw, high_bytes[i] && high_bytes[i] != 0xffff ? high_bytes[i] + 1u : 0);
    guard_port(raw, config->sleep_control);
    guard_port(raw, config->reset_port);
}

/* Data and line control: what goes out and comes in, and whether offset 0 is the divisor instead (SPEC 8.5). */
static void add_console(struct raw_rules *raw, u16 base)
{
    guard_port(raw, base);
    guard_port(raw, base && base <= 0xffff - 3 ? base + 3u : 0);
}

/* The console's data port, where no other guard has to see what is written there (the FADT may name any port). */
static u16 data_port_alone(const struct raw_rules *raw, u16 base)
{
    struct msr_rule there;

    piece_at(raw, base, &there);
    return there.write == GUARD ? 0 : base;
}

/* Mostly whole bytes: 65536 bits would be a tenth of what starting may take (SPEC 1.1). */
static void note_plain(struct policy *policy)
{
    memset(policy->plain_ports, 0, sizeof(policy->plain_ports));
    for (u32 i = 0; i < policy->port_rule_count; i++) {
        u32 port = policy->ports[i].first, last = policy->ports[i].last;
        while (policy->ports[i].verdict == FORWARD && port <= last) {
            bool whole = !(port % 8) && port + 7 <= last;
            policy->plain_ports[port / 8] |= whole ? 0xff : (u8)(1u << port % 8);
            port += whole ? 8 : 1;
        }
    }
}

static void build_ports(struct policy *policy, const struct trap_request *trap, const struct policy_facts *facts)
{
    struct raw_rules raw = {0};
    struct msr_rule flat[POLICY_PORT_RULES_MAX];

    for (u32 i = 0; i < trap->port_count && i < TRAP_RANGES; i++)
        add(&raw, trap->ports[i].first, trap->ports[i].last, FORWARD, FORWARD);
    if (facts->report_at_end)
        add_end_guards(&raw, &facts->guards);
    if (trap->port_count) {
        policy->console_data = data_port_alone(&raw, facts->console_port);
        add_console(&raw, facts->console_port);
    }

    policy->port_rule_count = flatten(&raw, flat, COUNT_OF(flat));
    for (u32 i = 0; i < policy->port_rule_count; i++)
        policy->ports[i] = (struct port_rule){(u16)flat[i].first, (u16)flat[i].last, flat[i].read};
    note_plain(policy);
}

static void build_msrs(struct policy *policy, const struct trap_request *trap, const struct policy_facts *facts)
{
    struct raw_rules raw = {0};

    for (u32 i = 0; i < COUNT_OF(msr_table); i++) {
        enum verdict read = msr_table[i].read, write = msr_table[i].write;
        if (read != PASS || write != PASS)
            add(&raw, msr_table[i].first, msr_table[i].last, read, write);
    }
    for (u32 i = 0; i < trap->msr_count && i < TRAP_RANGES; i++)
        add(&raw, trap->msrs[i].first, trap->msrs[i].last, FORWARD, FORWARD);
    if (trap->apic)
        add(&raw, X2APIC_FIRST, X2APIC_LAST, FORWARD, FORWARD);
    if (facts->other_cpus)
        add(&raw, X2APIC_ICR, X2APIC_ICR, PASS, GUARD);

    policy->msr_rule_count = flatten(&raw, policy->msrs, POLICY_MSR_RULES_MAX);
}

void policy_build(struct policy *policy, const struct trap_request *trap, const struct policy_facts *facts)
{
    memset(policy, 0, sizeof(*policy));
    build_ports(policy, trap, facts);
    build_msrs(policy, trap, facts);
    for (u32 i = 0; i < trap->mmio_count && i < TRAP_RANGES; i++)
        if (trap->mmio[i].start < trap->mmio[i].end)
            policy->mmio[policy->mmio_count++] = trap->mmio[i];
    policy->apic_page = trap->apic || facts->other_cpus;
    policy->apic_base = facts->apic_base & PAGE_MASK;
    policy->dr = trap->dr;
    policy->tsc = trap->tsc;
    policy->cr3 = trap->cr3;
    policy->hlt = trap->hlt;
}

/* The strictest verdict over ports first..last, which do not wrap. */
static enum verdict ports_verdict(const struct policy *policy, u32 first, u32 last)
{
    u32 low = 0, high = policy->port_rule_count;
    enum verdict verdict = PASS;

    while (low < high) {
        u32 middle = (low + high) / 2;
        if (policy->ports[middle].last < first)
            low = middle + 1;
        else
            high = middle;
    }
    for (u32 i = low; i < policy->port_rule_count && policy->ports[i].first <= last; i++)
        verdict = stricter(verdict, policy->ports[i].verdict);
    return verdict;
}

enum verdict policy_port(const struct policy *policy, u16 port, u32 size)
{
    u32 last = port + size - 1;

    if (last <= 0xffff)
        return ports_verdict(policy, port, last);
    enum verdict high = ports_verdict(policy, port, 0xffff);
    enum verdict low = ports_verdict(policy, 0, last & 0xffff);
    return stricter(FORWARD, stricter(high, low));
}

static bool in_bitmap(u32 msr)
{
    return (msr & ~0x1fffu) == 0 || (msr & ~0x1fffu) == 0xc0000000;
}

enum verdict policy_msr(const struct policy *policy, u32 msr, bool write)
{
    enum verdict verdict = in_bitmap(msr) ? PASS : FORWARD;
    u32 low = 0, high = policy->msr_rule_count;

    while (low < high) {
        u32 middle = (low + high) / 2;
        if (policy->msrs[middle].last < msr)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < policy->msr_rule_count && policy->msrs[low].first <= msr)
        verdict = stricter(verdict, write ? policy->msrs[low].write : policy->msrs[low].read);
    return verdict;
}

/* Sets bits first..last of a bitmap whose bytes start at `bitmap`. */
static void set_bits(u8 *bitmap, u32 first, u32 last)
{
    u32 from = first / 8, to = last / 8;
    u8 head = (u8)(0xff << (first % 8)), tail = (u8)(0xff >> (7 - last % 8));

    if (from == to) {
        bitmap[from] |= head & tail;
        return;
    }
    bitmap[from] |= head;
    memset(bitmap + from + 1, 0xff, to - from - 1);
    bitmap[to] |= tail;
}

void policy_io_bitmap(const struct policy *policy, u8 bitmap[8192])
{
    memset(bitmap, 0, 8192);
    for (u32 i = 0; i < policy->port_rule_count; i++)
        set_bits(bitmap, policy->ports[i].first, policy->ports[i].last);
}

/* The part of a rule that lies in the 2000H MSRs from `base`, into the 1 KiB of bits for them. */
static void set_msr_bits(u8 *bits, const struct msr_rule *rule, u32 base)
{
    u32 top = base + 0x1fff;
    u32 first = rule->first > base ? rule->first : base;
    u32 last = rule->last < top ? rule->last : top;

    if (first <= last)
        set_bits(bits, first - base, last - base);
}

/* SDM "MSR-Bitmap Address": reads of low MSRs, reads of high MSRs, writes of low, writes of high; 1 KiB each. */
void policy_msr_bitmap(const struct policy *policy, u8 bitmap[4096])
{
    memset(bitmap, 0, 4096);
    for (u32 i = 0; i < policy->msr_rule_count; i++) {
        const struct msr_rule *rule = &policy->msrs[i];
        if (rule->read != PASS) {
            set_msr_bits(bitmap, rule, 0);
            set_msr_bits(bitmap + 1024, rule, 0xc0000000);
        }
        if (rule->write != PASS) {
            set_msr_bits(bitmap + 2048, rule, 0);
            set_msr_bits(bitmap + 3072, rule, 0xc0000000);
        }
    }
}

u32 policy_holes(const struct policy *policy, struct range *holes, u32 room)
{
    u32 count = 0;

    if (policy->apic_page && count < room)
        holes[count++] = (struct range){policy->apic_base, policy->apic_base + PAGE_SIZE};
    for (u32 i = 0; i < policy->mmio_count && count < room; i++)
        holes[count++] = policy->mmio[i];
    return count;
}
