/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two guests of test/fuzz/cluster_scenario.h: their policy and modes, and the sites of the one that runs
 * translated code.
 */
#ifndef TEST_FUZZ_CLUSTER_GUESTS_H
#define TEST_FUZZ_CLUSTER_GUESTS_H

#include "emul/site.h"
#include "test/fuzz/cluster_driver.h"
#include "test/fuzz/cluster_flags.h"
#include "test/fuzz/cluster_memory.h"
#include "test/fuzz/cluster_program.h"
#include "test/fuzz/cluster_run.h"

static struct sites *cluster_sites;
static u64 cluster_now;
static enum guest_mode cluster_mode;
static bool cluster_user;
static struct code cluster_made;
static struct functions cluster_functions;
static bool cluster_driving;      /* the program is one of cluster_driver.h */
static char cluster_trouble[512]; /* what was not the same; empty: nothing */

static bool cluster_over; /* these guests differ, and nothing is wrong: others must go on */

static bool trouble(const char *what)
{
    if (!cluster_trouble[0])
        snprintf(cluster_trouble, sizeof(cluster_trouble), "code %llu, run %llu, mode %u%s: %s",
                 (unsigned long long)cluster_seen.codes, (unsigned long long)cluster_seen.runs, cluster_mode,
                 cluster_user ? " user" : "", what);
    return false;
}

static u64 cluster_time(void)
{
    return cluster_now;
}

/* ---- a life ---- */

/* FS and GS begin anywhere, as a kernel's data of one CPU do. */
static u64 cluster_fs_base;

/* STEPS reaches trapped pages by this. */
static void *cluster_map(void *context, hpa_t at)
{
    struct cluster_machine *m = cluster_machine();
    u64 page = at.at & PAGE_MASK;
    if (!flags_peeking && !m->trapped && (page == APIC_AT || page == MMIO_AT || page == TRAPPED_BASE)) {
        m->trapped = true;
        m->trapped_at = at.at;
    }
    return bus_map(context, at);
}

/* The ports of this machine's firmware tables. */
static const struct guard_config cluster_firmware = {.pm1a_control = 0x64, .pm1a_status = 0x60, .has_s5 = true};
static struct guard_config cluster_guards;

static void build_policy(struct policy *policy, u32 kind, bool dr, bool tsc, u16 console)
{
    const struct policy_facts facts = {
        .guards = cluster_guards,
        .report_at_end = kind == 1,
        .console_port = console,
        .apic_base = APIC_AT,
    };
    struct trap_request request = {
        .apic = true,
        .dr = dr,
        .tsc = tsc,
        .port_count = kind == 2 ? 2 : 1,
        .ports = {{0, kind == 2 ? 0x5f : 0xffff}, {0x80, 0xff}},
        .mmio_count = 2,
        .mmio = {{MMIO_AT, MMIO_AT + PAGE_SIZE}, {TRAPPED_BASE, TRAPPED_BASE + PAGE_SIZE}},
    };
    policy_build(policy, &request, &facts);
}

/* What guests are born with. */
struct birth {
    u32 kind; /* of policy */
    bool dr, tsc, rdtscp, smp, watched;
    bool console, follows; /* Exeunt prints on a UART; translated code may write to it */
};

static void begin_one(const struct birth *birth)
{
    bus_begin(birth->watched);
    bus_forget();
    struct vcpu *v = guest_init(MODE_64, false);
    struct vm *vm = v->vm;
    build_policy(&vm->policy, birth->kind, birth->dr, birth->tsc, birth->console ? CLUSTER_CONSOLE : 0);
    vm->policy.rdtscp = birth->rdtscp;
    host_guest.tsc_aux = 0x5a5a;
    guards_init(&vm->guards, &cluster_guards);
    if (ept_add_hole(&vm->ept, (struct range){APIC_AT, MMIO_AT + PAGE_SIZE}) != EPT_OK)
        abort();
    vm->smp = birth->smp;
    vm->string_deadline_ticks = 60;
    vm->window.physmap.map = cluster_map;
    vm->window.physmap.direct = (char *)bus_now()->at;
    host_guest.machine.port_in = cluster_port_in;
    host_guest.machine.port_out = cluster_port_out;
    host_guest.machine.guest_ends = cluster_guest_ends;
    host_guest.machine.port_read = birth->console ? cluster_port_read : NULL;
    host_guest.machine.port_written = birth->console ? cluster_port_written : NULL;
    host_guest.machine.console_line = birth->follows ? &cluster_machine()->console : NULL;
    v->seg[SEG_TR] = guest_segment(0x40, TSS, 104 + 0x10, 0x8b);
    fill();
}

static void cluster_begin(void)
{
    struct birth birth = {.kind = draw(4), .dr = draw(4), .tsc = draw(4) == 0, .smp = draw(2)};
    bool compare = draw(4) == 0;
    birth.rdtscp = draw(2);
    birth.watched = draw(4) == 0;
    birth.console = draw(3);
    birth.follows = birth.console && draw(6);
    cluster_guards = cluster_firmware;
    if (birth.kind == 1 && draw(2)) /* a guard where the console is, too */
        cluster_guards.reset_port = CLUSTER_CONSOLE;
    if (!cluster_sites)
        cluster_sites = mmap(NULL, sizeof(*cluster_sites), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    code_find_shapes();
    cluster_now = 5 * WRITE_WINDOW;
    cluster_trouble[0] = 0;
    cluster_over = false;
    cluster_fs_base = DATA + (draw(2) ? draw(PAGE_SIZE) : 0);
    cluster_mapping = plain_mapping;
    cluster_functions.count = 0;
    cluster_driving = false;
    for (EACH_GUEST)
        begin_one(&birth);
    use(STEPS);
    host_guest.vm.window.physmap.direct_end = APIC_AT;
    use(RUNS);
    struct vm *vm = &host_guest.vm;
    guests_cohere(vm, compare, cluster_time);
    coroutine_forget(cluster_sites->maker.stack, sizeof(cluster_sites->maker.stack));
    memset(cluster_sites, 0, sizeof(*cluster_sites));
    u8 *memory = cluster_code_memory();
    sites_init(cluster_sites, &vm->coherence, memory, cluster_code);
    cluster_sites->paths_at_once = draw(8) != 0;
    cluster_sites->keep_after = 1 + draw(2);
    cluster_sites->flow = (enum cluster_flow)(draw(4) ? CLUSTER_FLOW_END - 1 : draw(CLUSTER_FLOW_END - 1));
    cluster_sites->maker.ticks = draw(3) ? 1 + draw(100) : 0;
    cluster_sites->cluster_max = draw(8) ? 2 + draw(CLUSTER_MAX - 1) : 1;
    tracker_init(&cluster_sites->tracker, 1 + draw(3), 1000000000);
    cluster_init(&host_guest.v);
}

__attribute__((unused)) static void cluster_finish(void)
{
    const struct translations_counts *counts = &cluster_sites->tc.counts;
    cluster_seen.lost_to_ring += counts->lost_to_ring;
    cluster_seen.lost_to_table += counts->lost_to_table;
    cluster_seen.stale += counts->stale;
    cluster_seen.made += counts->made;
}

/* ---- modes ---- */

static u64 cs_base(void)
{
    return cluster_mode == MODE_64 || cluster_mode == MODE_COMPAT || cluster_mode == MODE_32 ? 0 : LOW_CODE;
}

/* In segments that do not begin at 0 addresses are offsets. */
static u64 to_offset(u64 value)
{
    return cs_base() && value >= BLOCK && value < BLOCK_END ? value - DATA : value;
}

static void segment_bases(struct vcpu *v)
{
    bool flat = cluster_mode == MODE_64 || cluster_mode == MODE_COMPAT || cluster_mode == MODE_32;
    for (u32 i = 0; i < SEG_LDTR && !flat; i++) {
        v->seg[i].base = i == SEG_CS ? LOW_CODE : i == SEG_FS || i == SEG_GS ? DATA + PAGE_SIZE : DATA;
        v->seg[i].limit = i == SEG_CS ? 0xffff : 0xdfff;
    }
    if (flat)
        v->seg[SEG_FS].base = v->seg[SEG_GS].base = cluster_mode == MODE_64 ? cluster_fs_base : 0;
}

static void set_mode_of(enum guest_mode mode, bool user, bool small, bool write_protect)
{
    struct vcpu *v = &host_guest.v;
    guests_set_mode(v, mode, user, small, write_protect);
    set_space(0);
    v->rflags = RFLAGS_FIXED1 | (mode == MODE_V86 ? RFLAGS_VM : 0);
    v->seg[SEG_TR] = guest_segment(0x40, TSS, 104 + 0x10, 0x8b);
    segment_bases(v);
}

/* Paging in modes that may have it, and what of CR4, EFER and PKRU decides about accesses. */
static void set_paging(enum cluster_paging paging, u64 cr4, bool execute_disable, u32 pkru)
{
    struct vcpu *v = &host_guest.v;
    if (paging == PAGING_NONE)
        return;
    v->cr0 |= CR0_PG;
    v->cr4 |= cr4 | (paging == PAGING_32 ? 0 : CR4_PAE);
    if (paging == PAGING_PAE)
        v->efer = execute_disable ? EFER_NXE : 0;
    v->pkru = pkru;
    set_space(0);
}

static enum cluster_paging draw_paging(enum guest_mode mode)
{
    if (mode == MODE_64 || mode == MODE_COMPAT)
        return PAGING_4;
    return mode == MODE_REAL ? PAGING_NONE : (enum cluster_paging)draw(PAGING_4);
}

/* Pages that this mode and privilege can use, and some that it cannot. */
static void draw_mapping(void)
{
    const struct vcpu *v = &host_guests[STEPS].v;
    bool supervisor = !cluster_user, key = v->cr4 & CR4_PKE, xd = v->efer & EFER_NXE;
    cluster_mapping.code = v->cr4 & CR4_SMEP && supervisor ? CODE_FLAGS & ~4u : CODE_FLAGS;
    for (u32 i = 0; i < 2; i++)
        cluster_mapping.data[i] = cluster_driving
                                      ? cluster_user ? 7 : 3
                                      : (v->cr4 & CR4_SMAP && supervisor && draw(4) ? 3 : 7) |
                                            (key ? (u64)draw(3) << 59 : 0) | (xd && draw(4) == 0 ? BIT(63) : 0);
}

static void set_mode(void)
{
    static const enum guest_mode modes[] = {MODE_64, MODE_64, MODE_64,   MODE_64,     MODE_64,     MODE_64,
                                            MODE_16, MODE_32, MODE_REAL, MODE_COMPAT, MODE_COMPAT, MODE_V86};
    enum guest_mode mode = modes[draw(COUNT_OF(modes))];
    bool user = draw(3) == 0, small = draw(3) == 0, write_protect = draw(4);
    cluster_mode = mode;
    cluster_user = mode == MODE_V86 || (user && mode != MODE_REAL);
    enum cluster_paging paging = cluster_mapping.paging = draw_paging(mode);
    cluster_mapping.common = paging == PAGING_4 && draw(3) == 0;
    u64 cr4 = draw(3) ? 0 : (draw(2) ? CR4_SMEP : 0) | (draw(2) ? CR4_SMAP : 0);
    cr4 |= paging == PAGING_4 && draw(6) == 0 ? CR4_PKE : 0;
    u32 pkru = draw(64);
    bool execute_disable = draw(2);
    for (EACH_GUEST) {
        set_mode_of(mode, cluster_user, small, write_protect);
        set_paging(paging, cr4, execute_disable, pkru);
    }
    cluster_seen.modes[mode]++;
    cluster_seen.paging[paging]++;
    cluster_seen.protection += cr4 != 0;
}

#endif
