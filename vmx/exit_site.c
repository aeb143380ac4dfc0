/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/exit_site.h"

#include "emul/translated.h"
#include "lib/cpu.h"
#include "lib/layout.h"
#include "vmx/exit.h"
#include "vmx/exit_reasons.h"
#include "vmx/insn.h"
#include "vmx/reporting.h"
#include "vmx/state.h"
#include "vmx/vmcs_fields.h"

/* vmx/entry.S: where translated code leaves to. */
extern const char vmx_code_end_timed[], vmx_code_end_plain[], vmx_code_care_timed[], vmx_code_care_plain[];
extern const char vmx_code_end_dirty_timed[], vmx_code_end_dirty_plain[];
extern const char vmx_code_side_timed[], vmx_code_side_plain[];
extern const char vmx_exit_slow_timed[], vmx_exit_slow_plain[];
extern const char vmx_check_ept_timed[], vmx_check_io_timed[], vmx_check_alone_timed[];
extern const char vmx_check_ept_plain[], vmx_check_io_plain[], vmx_check_alone_plain[];
extern const char vmx_check_ept_far_timed[], vmx_check_io_far_timed[], vmx_check_ept_far_plain[],
    vmx_check_io_far_plain[];
extern const char vmx_check_ept_any_timed[], vmx_check_io_any_timed[], vmx_check_ept_any_plain[],
    vmx_check_io_any_plain[];

void vmx_segment_base(void);

char translated_code[TC_CODE] __attribute__((aligned(PAGE_SIZE)));
static struct sites bootstrap_sites;

static const u8 rows[TC_KINDS] = {
    [WOULD_NOT] = ROW_UNKNOWN,
    [WOULD_IO_IN] = ROW_IO_IN,
    [WOULD_IO_OUT] = ROW_IO_OUT,
    [WOULD_APIC] = EXIT_REASON_APIC_ACCESS,
    [WOULD_MMIO] = ROW_MMIO,
    [WOULD_DR] = EXIT_REASON_MOV_DR,
    [SITE_CPUID] = EXIT_REASON_CPUID,
    [SITE_RDMSR] = EXIT_REASON_RDMSR,
    [SITE_VMCALL] = EXIT_REASON_VMCALL,
};

/* What the exits of a translation are about, `where` being its `expect` or as much of one exit. */
static u64 detail_of(const struct translation *made, u64 where)
{
    u32 row = rows[made->kind];
    switch (made->reason) {
    case EXIT_REASON_IO_INSTRUCTION:
        return detail_key_of_io(where);
    case EXIT_REASON_EPT_VIOLATION:
        return row == ROW_MMIO ? detail_key_of_page(where) : detail_key_of_register(where);
    case EXIT_REASON_MOV_DR:
        return detail_key_of_dr(where);
    case EXIT_REASON_RDMSR:
        return detail_key(row, where >> 32);
    case EXIT_REASON_CPUID:
        return detail_key_of_leaf((u32)where);
    default:
        return detail_key(row, (u32)where);
    }
}

void exit_site_account(struct cpu *cpu, struct translation *made)
{
    u64 key = made->several ? detail_key(rows[made->kind], DETAIL_SEVERAL) : detail_of(made, made->expect);
    made->detail = statistics_account(&cpu->statistics, key);
    made->quick.tally = made->detail->tally;
}

/* Who has this exit, which `found` serves, and of which it has been told: site_aim(). */
static struct account *account_of(struct cpu *cpu, struct translation *found, u64 where)
{
    if (!found->places->taken)
        return &found->quick;
    struct exit_place *place = place_at(found->places, where);
    if (place->where != where) {
        translation_settle(&cpu->sites->tc, found); /* another one was there */
        place->where = where;
        place->detail = statistics_account(&cpu->statistics, detail_of(found, where));
        place->account.tally = place->detail->tally;
        place->host = cpu->vcpu.frame.exit_host;
    }
    return &place->account;
}

/* What entry.S has to ask for it; nothing there where it takes more than that can do. */
static void choose_check(struct translation *made, u32 pages, bool alone)
{
    exit_site_account(host_cpu(), made);
    bool timed = host_cpu()->timed, far = pages > 1 || made->uses_rsp;
    const char *io = timed ? vmx_check_io_timed : vmx_check_io_plain;
    const char *ept = timed ? vmx_check_ept_timed : vmx_check_ept_plain;
    if (far) {
        io = timed ? vmx_check_io_far_timed : vmx_check_io_far_plain;
        ept = timed ? vmx_check_ept_far_timed : vmx_check_ept_far_plain;
    }
    if (made->several) {
        io = timed ? vmx_check_io_any_timed : vmx_check_io_any_plain;
        ept = timed ? vmx_check_ept_any_timed : vmx_check_ept_any_plain;
    }
    if (made->reason == EXIT_REASON_IO_INSTRUCTION && alone)
        made->check = timed ? vmx_check_alone_timed : vmx_check_alone_plain;
    else if (made->walk_index == TC_NO_WALK || made->doubted)
        made->check = timed ? vmx_exit_slow_timed : vmx_exit_slow_plain;
    else
        made->check = made->reason == EXIT_REASON_EPT_VIOLATION ? ept : io;
}

static void set_ends(struct cpu *cpu, bool watching)
{
    struct code_frame *frame = &cpu->vcpu.frame;
    cpu->watching = watching;
    frame->end = cpu->timed ? vmx_code_end_timed : vmx_code_end_plain;
    frame->end_dirty = cpu->timed ? vmx_code_end_dirty_timed : vmx_code_end_dirty_plain;
    if (watching)
        frame->end = frame->end_dirty = cpu->timed ? vmx_code_side_timed : vmx_code_side_plain;
}

/* Where translated code leaves to: as long as a trace is watched, all of it by way of exit_site_left(). */
static void choose_ends(struct cpu *cpu)
{
    bool watching = cpu->sites->recording.sides;
    if (__builtin_expect(watching != cpu->watching, 0))
        set_ends(cpu, watching);
}

void exit_site_left(struct cpu *cpu)
{
    u32 side = cpu->vcpu.frame.side;
    cpu->vcpu.frame.side = 0;
    if (side && !cpu->attention) {
        state_fetch_for_step(cpu);
        site_left(&cpu->vcpu, cpu->sites, side - 1);
    }
    choose_ends(cpu);
}

void exit_site_init(struct cpu *cpu, const struct site_options *options)
{
    struct sites *sites = cpu->sites = &bootstrap_sites;
    sites_init(sites, &cpu->vm->coherence, translated_code, (const void *)CODE_MAP);
    sites->flow = options->flow;
    sites->cluster_max = options->cluster_max;
    tracker_init(&sites->tracker, options->threshold, options->ticks_per_second);
    sites->tc.served = &cpu->statistics.served;
    sites->choose_check = choose_check;
    sites->maker.ticks = MAKER_TICKS;
    cpu->code_table = sites->tc.table;
    spaces_forget(&cpu->spaces);
    const char *care = cpu->timed ? vmx_code_care_timed : vmx_code_care_plain;
    translated_init(
        &cpu->vcpu,
        &(struct code_frame){.end_care = care, .segment_base = (void *)vmx_segment_base, .budget = options->budget});
    set_ends(cpu, false);
    cpu->rest.left = 1;
}

/* Where CR3 leads to a table in the guest's RAM, entry.S may look there. */
static void note_space(struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    if (cpu->spaces.now.cr3 == v->cr3 || cpu->paging_off.active || !access_is_64(v))
        return;
    const void *table = window_ram(&cpu->vm->window, v->cr3 & BITS(51, 12));
    if (table)
        spaces_note(&cpu->spaces, v->cr3, table);
}

bool exit_site_compare(struct cpu *cpu, struct translation *translation)
{
    if (cpu->timer_due && rdtsc() >= cpu->timer_due) {
        translation->uses_to_compare = 1; /* the long way compares, and looks at what is due */
        reporting_timer(cpu);
        return false;
    }
    translation->uses_to_compare = TC_COMPARE_AGAIN;
    return translation_compare(&cpu->sites->tc, translation) && site_keeps_promise(cpu->sites, translation);
}

/* What is to be delivered first comes first: then another exit will do. */
void exit_site_record(struct cpu *cpu)
{
    cpu->chores &= ~(u32)CHORE_RECORD;
    if (!cpu->vectoring.valid && !(cpu->chores & (CHORE_NMI | CHORE_MACHINE_CHECK))) {
        state_fetch_for_step(cpu);
        site_record(&cpu->vcpu, cpu->sites);
    }
    cpu->sites->recording.now = false;
    choose_ends(cpu);
}

/* What is being made may be watched from now on. */
static void make_on(struct cpu *cpu)
{
    maker_go_on(&cpu->vcpu, cpu->sites);
    choose_ends(cpu);
}

/* site_find() has just found that its code changes: it is not translated anew at once. */
static bool is_given_up(struct sites *sites, u64 rip)
{
    const struct site_skip *skip = site_skip_of(sites, rip);
    return skip->rip == rip && skip->left;
}

bool exit_by_site(struct cpu *cpu, u64 detail, struct track_cause cause)
{
    struct site_exit exit = {.reason = cpu->reason, .detail = detail, .cause = cause};
    if (cpu->vectoring.valid)
        return false;
    state_fetch_for_step(cpu);
    if (__builtin_expect(cpu->sites->maker.busy, 0))
        make_on(cpu);
    struct translation *found = site_find(&cpu->vcpu, cpu->sites, &exit);
    if (!found && !is_given_up(cpu->sites, cpu->vcpu.rip) && site_exited(&cpu->vcpu, cpu->sites, &exit))
        found = site_find(&cpu->vcpu, cpu->sites, &exit);
    if (cpu->sites->recording.now)
        cpu->chores |= CHORE_RECORD;
    if (!found)
        return false;
    site_rest_end(cpu);
    note_space(cpu);
    site_aim(&cpu->vcpu, found, detail);
    cpu->statistics.served = account_of(cpu, found, detail);
    cpu->statistics.key = 0;
    cpu->run = found->code;
    cpu->chores |= CHORE_RUN;
    return true;
}

static void fold_sites(struct cpu *cpu)
{
    struct translations *tc = &cpu->sites->tc;
    for (u32 i = 0; i < TRANSLATIONS; i++)
        if (translation_is_there(&tc->table[i]) || tc->table[i].quick.count || tc->table[i].places->taken)
            translation_settle(tc, &tc->table[i]);
    sites_settle(cpu->sites);
    for (u32 kind = 0; kind < TC_KINDS; kind++) {
        if (kind != WOULD_NOT)
            cpu->statistics.avoided[rows[kind]] += tc->avoided[kind];
        cpu->statistics.hits[rows[kind]] += tc->quick[kind];
        tc->avoided[kind] = tc->quick[kind] = 0;
    }
}

void exit_site_fold(struct cpu *cpu)
{
    if (cpu->sites)
        fold_sites(cpu);
    statistics_settle(&cpu->statistics);
}

void exit_site_reset(struct cpu *cpu)
{
    struct sites *sites = cpu->sites;
    if (!sites)
        return;
    exit_site_fold(cpu);
    for (u32 i = 0; i < TRANSLATIONS; i++) {
        struct translation *one = &sites->tc.table[i];
        one->hits = one->spared = one->time = 0;
        one->inherited = one->checked_hits = one->checked_spared = 0;
    }
    for (u32 i = 0; i < SITE_SKIPS; i++)
        sites->skip[i].exits = sites->skip[i].left;
}
