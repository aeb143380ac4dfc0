/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translated code leaves exactly the state that the interpreter leaves (SPEC 6.6). Two guests live the same life: STEPS
 * by emul_step() alone; RUNS, where an instruction exits, by what emul/site.h has for it, as vmx/ asks it. What
 * translated code left must be what STEPS comes to after some number of instructions: registers, flags, memory, what
 * the machine saw, pending events, debug registers, and how many exits were avoided.
 *
 * All chance comes from draw(), so a generator or a fuzzer can lead.
 *
 * Linear and guest-physical addresses are the same in
 *   1fc000, 1fd000            pages that code is mapped to now and then
 *   1fe000 .. 201fff          code
 *   202000, 203000            data, stack
 *   204000                    data that cannot be written
 *   205000                    data of the supervisor
 *   206000                    TSS
 *   207000 .. 20f000          page tables of two spaces
 *   210000, 211000            LAPIC page; a trap=mmio: page
 * and with paging there are
 *   212000                    nothing
 *   213000, 214000            DEVICE_BASE, TRAPPED_BASE
 *   215000                    Exeunt's own region
 *   216000, 217000            the first code page, the first data page again
 *   218000                    the trap=mmio: page, not to be written
 */
#ifndef TEST_FUZZ_CLUSTER_SCENARIO_H
#define TEST_FUZZ_CLUSTER_SCENARIO_H

#define HOST_GUESTS 2
#define HOST_STACK 65536
#include "emul/device_apic.h"
#include "emul/interp.h"
#include "emul/interp_io.h"
#include "emul/site.h"
#include "test/unit/emul_fixture.h"
#include "vmx/exit_reasons.h"

#include "test/fuzz/cluster_code.h"
#include "test/fuzz/cluster_flags.h"
#include "test/fuzz/cluster_run.h"

#define BLOCK 0x1fc000ull /* all that is compared */
#define CODE 0x1fe000ull
#define CODE_SIZE 0x4000u
#define DATA 0x202000ull
#define READ_ONLY 0x204000ull
#define SUPERVISOR 0x205000ull
#define TSS 0x206000ull
#define TABLES 0x207000ull
#define SPACES 2
#define APIC_AT 0x210000ull
#define MMIO_AT 0x211000ull
#define BLOCK_END 0x212000ull
#define ABSENT 0x212000ull
#define SPECIAL 0x213000ull
#define LOW_CODE 0x1f8000ull /* base of CS in 16-bit code */

#define STEPS_MAX 60000

static struct sites *cluster_sites;
static u64 cluster_roots[SPACES], cluster_now;
static enum guest_mode cluster_mode;
static bool cluster_user;
static struct code cluster_made;
static char cluster_trouble[512]; /* what was not the same; empty: nothing */

/* What the run came to: a test demands that all of it happened. */
static struct {
    u64 codes, made, runs, quick, steps, avoided, left[LEFT_CRASHED], events;
    u64 insns[CLUSTER_MAX + 1];      /* runs by instructions that were performed, the last: that many or more */
    u64 lengths[CLUSTER_MAX + 1];    /* clusters by length */
    u64 exits[WOULD_END], surprises; /* instructions that exit, or do not, unlike what was predicted */
    u64 rewritten, remapped, lost_to_ring, lost_to_table, stale, modes[MODE_64 + 1];
} cluster_seen;

static void use(u32 guest)
{
    host_guest_now = &host_guests[guest];
}
#define EACH_GUEST                                                                                                     \
    u32 guest = 0;                                                                                                     \
    guest < HOST_GUESTS && (use(guest), true);                                                                         \
    guest++

static bool trouble(const char *what)
{
    if (!cluster_trouble[0])
        snprintf(cluster_trouble, sizeof(cluster_trouble), "code %llu, run %llu, mode %u%s: %s",
                 (unsigned long long)cluster_seen.codes, (unsigned long long)cluster_seen.runs, cluster_mode,
                 cluster_user ? " user" : "", what);
    return false;
}

/* ---- the guests ---- */

static u64 cluster_time(void)
{
    return cluster_now;
}

static void cluster_flush(void *context)
{
    ((struct ept *)context)->flush = false;
}

static void cluster_written(void *context, gpa_t page)
{
    coherence_written(context, page);
}

/* STEPS reaches trapped pages by this. */
static void *cluster_map(void *context, hpa_t at)
{
    struct cluster_machine *m = cluster_machine();
    u64 page = at.at & PAGE_MASK;
    if (!flags_peeking && !m->trapped && (page == APIC_AT || page == MMIO_AT || page == TRAPPED_BASE)) {
        m->trapped = true;
        m->trapped_at = at.at;
    }
    return guest_map(context, at);
}

#define SHARED_TABLE (TABLES + SPACES * 4 * PAGE_SIZE)

/* The PTE of a linear address below 4 MiB in space `space`, wherever the guest's entries lead to by now. */
static u64 *entry_of(u32 space, u64 linear)
{
    u64 table = linear < 2 * MIB ? cluster_roots[space] + 3 * PAGE_SIZE : SHARED_TABLE;
    return (u64 *)(host_guest.ram + table) + (linear >> PAGE_SHIFT & 511);
}

/*
 * Code has been fetched everywhere, or looking ahead would set accessed flags that guests see. The second space has
 * code pages 0 and 1 exchanged. Both use the same table for what is above 2 MiB. */
static void map_code(u32 space)
{
    for (u64 at = BLOCK; at < CODE + CODE_SIZE; at += PAGE_SIZE)
        *entry_of(space, at) = (space && at < CODE + 2 * PAGE_SIZE && at >= CODE ? at ^ PAGE_SIZE : at) | 0x27;
}

static void map_data(void)
{
    static const u64 special[] = {DEVICE_BASE | 7, TRAPPED_BASE | 7, OWN_BASE | 7, CODE | 7, DATA | 7, MMIO_AT | 5};
    for (u64 at = DATA; at < BLOCK_END; at += PAGE_SIZE)
        *entry_of(0, at) = at | (at == READ_ONLY ? 5 : at >= SUPERVISOR && at < APIC_AT ? 3 : 7);
    *entry_of(0, ABSENT) = 0;
    for (u32 i = 0; i < COUNT_OF(special); i++)
        *entry_of(0, SPECIAL + i * PAGE_SIZE) = special[i];
}

/* PML4, PDPT, PD, the table below 2 MiB for each space; then the one above it. */
static void map_all(void)
{
    memset(host_guest.ram + TABLES, 0, APIC_AT - TABLES);
    for (u32 space = 0; space < SPACES; space++) {
        u64 *table = (u64 *)(host_guest.ram + TABLES + space * 4 * PAGE_SIZE), at = TABLES + space * 4 * PAGE_SIZE;
        cluster_roots[space] = at;
        table[0] = (at + PAGE_SIZE) | 0x27;
        table[512] = (at + 2 * PAGE_SIZE) | 0x27;
        table[1024] = (at + 3 * PAGE_SIZE) | 0x27;
        table[1025] = SHARED_TABLE | 0x27;
        map_code(space);
    }
    map_data();
}

static void fill(void)
{
    static u64 pattern[(BLOCK_END - BLOCK) / 8];
    u64 seed = 1;
    for (u32 i = 0; !pattern[COUNT_OF(pattern) - 1] && i < COUNT_OF(pattern); i++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        pattern[i] = seed ^ seed >> 29;
    }
    memcpy(host_guest.ram + BLOCK, pattern, sizeof(pattern));
    memset(host_guest.ram + TSS, 0, PAGE_SIZE);
    *(u16 *)(host_guest.ram + TSS + 102) = 104;
    for (u32 port = 0; port < 0x80; port += 8)
        host_guest.ram[TSS + 104 + port / 8] = port == 0x20 ? 2 : 0;
    map_all();
}

static void build_policy(struct policy *policy, u32 kind, bool dr, bool tsc)
{
    static const struct policy_facts facts = {
        .guards = {.pm1a_control = 0x64, .pm1a_status = 0x60, .has_s5 = true},
        .report_at_end = true,
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
    struct policy_facts plain = facts;
    plain.report_at_end = kind == 1;
    policy_build(policy, &request, &plain);
}

static void begin_one(u32 kind, bool dr, bool tsc, bool smp)
{
    struct vcpu *v = guest_init(MODE_64, false);
    struct vm *vm = v->vm;
    build_policy(&vm->policy, kind, dr, tsc);
    guards_init(&vm->guards, &(struct guard_config){.pm1a_control = 0x64, .pm1a_status = 0x60, .has_s5 = true});
    if (ept_add_hole(&vm->ept, (struct range){APIC_AT, MMIO_AT + PAGE_SIZE}) != EPT_OK)
        abort();
    vm->smp = smp;
    vm->string_deadline_ticks = 60;
    vm->window.physmap.map = cluster_map;
    host_guest.machine.port_in = cluster_port_in;
    host_guest.machine.port_out = cluster_port_out;
    host_guest.machine.guest_ends = cluster_guest_ends;
    v->seg[SEG_TR] = guest_segment(0x40, TSS, 104 + 0x10, 0x8b);
    fill();
}

static void cluster_begin(void)
{
    u32 kind = draw(4);
    bool dr = draw(4), tsc = draw(4) == 0, smp = draw(2), compare = draw(4) == 0;
    if (!cluster_sites)
        cluster_sites = mmap(NULL, sizeof(*cluster_sites), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    code_find_shapes();
    cluster_now = 5 * WRITE_WINDOW;
    cluster_trouble[0] = 0;
    for (EACH_GUEST)
        begin_one(kind, dr, tsc, smp);
    use(STEPS);
    host_guest.vm.window.physmap.direct_end = APIC_AT;
    use(RUNS);
    struct vm *vm = &host_guest.vm;
    coherence_init(&vm->coherence, &vm->ept, compare ? COHERE_COMPARE : COHERE_PROTECT);
    vm->coherence.flush = cluster_flush;
    vm->coherence.context = &vm->ept;
    vm->coherence.time = cluster_time;
    vm->window.written = cluster_written;
    vm->window.written_context = &vm->coherence;
    memset(cluster_sites, 0, sizeof(*cluster_sites));
    u8 *memory = cluster_code_memory();
    sites_init(cluster_sites, &vm->coherence, memory, cluster_code);
    cluster_sites->flow = (enum cluster_flow)(draw(4) ? CLUSTER_LOOPS : draw(2));
    cluster_sites->cluster_max = draw(8) ? 2 + draw(CLUSTER_MAX - 1) : 1;
    tracker_init(&cluster_sites->tracker, 1 + draw(3), 1000000000);
    cluster_init(&host_guest.v);
}

static void cluster_finish(void)
{
    const struct translations_counts *counts = &cluster_sites->tc.counts;
    cluster_seen.lost_to_ring += counts->lost_to_ring;
    cluster_seen.lost_to_table += counts->lost_to_table;
    cluster_seen.stale += counts->stale;
    cluster_seen.made += counts->made;
}

static u64 cs_base(void)
{
    return cluster_mode == MODE_64 || cluster_mode == MODE_COMPAT || cluster_mode == MODE_32 ? 0 : LOW_CODE;
}

/* ---- what happens between two runs ---- */

/* The guest's own store, or another CPU's: an EPT violation where the page is read-only. */
static void store_code(u64 at, const u8 *bytes, u32 size)
{
    for (EACH_GUEST) {
        struct vm *vm = &host_guest.vm;
        for (u32 i = 0; i < size; i++) {
            if (ept_write_protected(&vm->ept, gpa(at + i)))
                coherence_written(&vm->coherence, gpa(at + i));
            host_guest.ram[at + i] = bytes[i];
        }
    }
}

static void segment_bases(struct vcpu *v)
{
    bool flat = cluster_mode == MODE_64 || cluster_mode == MODE_COMPAT || cluster_mode == MODE_32;
    for (u32 i = 0; i < SEG_LDTR && !flat; i++) {
        v->seg[i].base = i == SEG_CS ? LOW_CODE : i == SEG_FS || i == SEG_GS ? DATA + PAGE_SIZE : DATA;
        v->seg[i].limit = i == SEG_CS ? 0xffff : 0xdfff;
    }
    if (flat)
        v->seg[SEG_FS].base = v->seg[SEG_GS].base = cluster_mode == MODE_64 ? DATA : 0;
}

static void set_mode_of(enum guest_mode mode, bool user, bool small, bool write_protect)
{
    struct vcpu *v = &host_guest.v;
    bool wide = mode == MODE_64 || mode == MODE_COMPAT;
    v->cr0 = CR0_ET | CR0_NE | CR0_AM | (mode == MODE_REAL ? 0 : CR0_PE) | (wide ? CR0_PG : 0) |
             (write_protect ? CR0_WP : 0);
    v->cr4 = CR4_OSFXSR | (wide ? CR4_PAE : 0);
    v->efer = wide ? EFER_LME | EFER_LMA | EFER_NXE : 0;
    v->cr3 = cluster_roots[0];
    v->rflags = RFLAGS_FIXED1 | (mode == MODE_V86 ? RFLAGS_VM : 0);
    guest_segments(v, mode, user ? 3 : 0);
    v->seg[SEG_TR] = guest_segment(0x40, TSS, 104 + 0x10, 0x8b);
    segment_bases(v);
    if (mode == MODE_COMPAT && small)
        v->seg[SEG_CS].access &= ~(u32)ACCESS_DB;
}

static void set_mode(void)
{
    static const enum guest_mode modes[] = {MODE_64, MODE_64, MODE_64,   MODE_64,     MODE_64,     MODE_64,
                                            MODE_16, MODE_32, MODE_REAL, MODE_COMPAT, MODE_COMPAT, MODE_V86};
    enum guest_mode mode = modes[draw(COUNT_OF(modes))];
    bool user = draw(3) == 0, small = draw(3) == 0, write_protect = draw(4);
    cluster_mode = mode;
    cluster_user = mode == MODE_V86 || (user && mode != MODE_REAL);
    for (EACH_GUEST)
        set_mode_of(mode, cluster_user, small, write_protect);
    cluster_seen.modes[mode]++;
}

static void draw_mix(struct code_mix *mix)
{
    mix->port = 2 + draw(20);
    mix->device = cluster_mode == MODE_64 ? draw(20) : 0;
    mix->debug = draw(3) ? 0 : draw(6);
    mix->memory = draw(3) ? draw(10) : 0;
    mix->perform = draw(3) ? 0 : draw(10);
    mix->jump = draw(2) ? draw(10) : 0;
    mix->never = draw(8) == 0;
}

static const u64 cluster_targets[] = {DATA + 0x100,   DATA + 0xff8,   READ_ONLY - 4,   SUPERVISOR + 8, APIC_AT,
                                      APIC_AT + 0x80, APIC_AT + 0xb0, APIC_AT + 0x300, MMIO_AT,        MMIO_AT + 0x40,
                                      ABSENT,         SPECIAL,        CODE + 0x10,     DATA + 0x200};

__attribute__((unused)) static void new_code(void)
{
    struct code *code = &cluster_made;
    struct code_mix mix;
    u64 at = draw(6) ? CODE + draw(CODE_SIZE - CODE_BYTES - 64) : CODE + (1 + draw(3)) * PAGE_SIZE - draw(200);
    if (draw(6) == 0 || cluster_seen.codes == 0)
        set_mode();
    for (EACH_GUEST)
        map_all();
    use(STEPS);
    *code = (struct code){.size = vcpu_code_size(&host_guest.v),
                          .rip = at,
                          .targets = cluster_targets,
                          .target_count = COUNT_OF(cluster_targets)};
    draw_mix(&mix);
    code_make(code, 2 + draw(CODE_INSNS - 2), &mix);
    store_code(at, code->bytes, code->length);
    cluster_now += draw(8) ? 2 * WRITE_WINDOW : 1000;
    cluster_seen.codes++;
}

/* ---- registers ---- */

static u64 draw_bits(void)
{
    u64 value = 0;
    for (u32 i = 0; i < 4; i++)
        value = value << 16 | draw(65536);
    return value;
}

static u64 draw_address(void)
{
    switch (draw(20)) {
    case 0:
        return draw(2) ? draw_bits() : (draw(2) ? 0x7ffffffffffcull : 0xffff7ffffffffffcull) + draw(12);
    case 1:
        return ABSENT - draw(16);
    case 2:
        return cluster_made.rip + draw(cluster_made.length);
    case 3:
        return TABLES + draw(9) * PAGE_SIZE + 8 * draw(3);
    case 4:
        return SPECIAL + draw(6) * PAGE_SIZE + draw(64);
    case 5:
        return READ_ONLY - draw(16);
    case 6:
        return SUPERVISOR + draw(64);
    case 7:
        return MMIO_AT + draw(PAGE_SIZE);
    case 8:
        return APIC_AT + 16 * draw(64);
    default:
        return DATA + draw(2) * PAGE_SIZE + draw(8) * 0x1f0 + draw(16);
    }
}

static u64 draw_device(void)
{
    return draw(2) ? APIC_AT + 16 * draw(8) : draw(8) ? MMIO_AT + 16 * draw(64) : draw_address();
}

static u64 draw_value(u32 reg)
{
    static const u16 ports[] = {0x80, 0x80, 0x80, 0x60, 0x64, 0x65, 0xcf8, 0x3f8, 0xffff};
    switch (reg) {
    case RDX:
        return draw(6) ? ports[draw(9)] : draw_bits();
    case RCX:
        return draw(4) ? draw(6) : draw_bits();
    case RDI:
    case R8:
        return draw_device();
    case RBX:
        return draw(3) ? draw_address() : draw_device();
    case RBP:
    case R12:
    case R13:
    case R15:
        return draw_address();
    case RSI:
        return draw(2) ? draw_address() : draw_bits();
    default:
        return draw(3) ? draw(2) ? draw(256) : draw_bits() : draw_address();
    }
}

/* In segments that do not begin at 0 addresses are offsets. */
static u64 to_offset(u64 value)
{
    return cs_base() && value >= BLOCK && value < BLOCK_END ? value - DATA : value;
}

static void set_registers(void)
{
    u64 value[GPR_COUNT], flags = draw_bits(), dr7 = 0x400;
    u32 special = draw(64), iopl = draw(4) ? 3 : 0;
    for (u32 i = 0; i < GPR_COUNT; i++)
        value[i] = to_offset(draw_value(i));
    value[RSP] = to_offset(draw(8) ? DATA + 0x800 + draw(0x400) : draw_address());
    flags &= RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF | RFLAGS_IF | RFLAGS_NT | RFLAGS_ID;
    flags |= (draw(8) == 0 ? RFLAGS_DF : 0) | iopl << RFLAGS_IOPL_SHIFT | RFLAGS_FIXED1;
    flags |= special == 0 ? RFLAGS_TF : special == 1 ? RFLAGS_AC : special == 2 ? RFLAGS_RF : 0;
    dr7 |= special == 3 ? 1u << draw(8) | (u64)draw(65536) << 16 : special == 4 ? BIT(13) : 0;
    u32 shadow = special == 5 ? BLOCKING_BY_STI : special == 6 ? BLOCKING_BY_MOV_SS : 0;
    u32 port_value = draw(65536) << 16 | draw(65536), tick = 1 + draw(3);
    u64 dr = draw_address();
    for (EACH_GUEST) {
        struct vcpu *v = &host_guest.v;
        for (u32 i = 0; i < GPR_COUNT; i++)
            v->gpr[i] = cluster_mode == MODE_64 ? value[i] : (u32)value[i];
        v->rflags = flags | (cluster_mode == MODE_V86 ? RFLAGS_VM : 0);
        v->dr7 = dr7;
        host_guest.dr[0] = host_guest.dr[1] = dr;
        v->interruptibility = shadow;
        v->pending_debug = 0;
        v->event = (struct event){0};
        v->dirty = 0;
        host_guest.port_value = port_value;
        host_guest.now = cluster_now;
        host_guest.tick = tick;
    }
}

/* ---- what becomes of code and its mapping while translations of it are there ---- */

/* Some bytes of the code, which may come to be any instructions. */
static void rewrite(void)
{
    struct code *code = &cluster_made;
    u32 i = draw(code->count), at = code->insn[i].at + draw(code->insn[i].length), size = 1 + draw(3);
    u8 bytes[4];
    for (u32 n = 0; n < size; n++)
        bytes[n] = draw(256);
    store_code(code->rip + at, bytes, size);
    cluster_seen.rewritten++;
}

static void remap(void)
{
    u64 linear = cluster_made.rip & PAGE_MASK, to = BLOCK + draw(6) * PAGE_SIZE;
    u32 space = draw(SPACES), flags = draw(8) ? 0x27 : draw(8);
    linear += draw(2) * PAGE_SIZE;
    for (EACH_GUEST)
        *entry_of(space, linear) = to | flags;
    cluster_seen.remapped++;
}

/* Another privilege and nothing else. */
static void set_privilege(void)
{
    bool possible = cluster_mode != MODE_REAL && cluster_mode != MODE_V86;
    cluster_user ^= possible;
    for (EACH_GUEST)
        for (u32 i = 0; possible && i < SEG_LDTR; i++)
            host_guest.v.seg[i].access ^= ACCESS_DPL;
}

/* Where CS ends: far away, or near the end of the code. */
static void set_limit(void)
{
    u32 near = (u32)(cluster_made.rip - cs_base()) + draw(cluster_made.length + 16), far = cs_base() ? 0xffff : ~0u;
    u32 limit = draw(2) ? near : far;
    for (EACH_GUEST)
        host_guest.v.seg[SEG_CS].limit = limit;
}

static void between(void)
{
    u32 event = draw(64), space = draw(SPACES);
    if (event < 4)
        rewrite();
    else if (event < 7)
        remap();
    else if (event < 9)
        set_privilege();
    else if (event < 13)
        for (EACH_GUEST)
            host_guest.v.cr3 = cluster_roots[space];
    else if (event < 17)
        set_limit();
    cluster_now += draw(4) ? 1000 : WRITE_WINDOW / 2;
}

/* ---- one instruction of the interpreter ---- */

/* Why it exited, or would have. */
struct cause {
    u32 would; /* enum would_exit */
    struct site_exit exit;
};

static bool is_move_dr(const struct insn *insn)
{
    return insn->op == OP_MOV && (insn->operand[0].kind == OPERAND_DR || insn->operand[1].kind == OPERAND_DR);
}

/* vmx/exit_dr.c */
static enum emul_status move_dr(struct vcpu *v, const struct insn *insn)
{
    bool from = insn->operand[1].kind == OPERAND_DR, wide = insn->code_size == CODE_64;
    u32 reg = insn->operand[from ? 0 : 1].reg, number = insn->operand[from ? 1 : 0].reg;
    u64 value = wide ? v->gpr[reg] : (u32)v->gpr[reg];
    if (vcpu_cpl(v) != 0) {
        vcpu_raise_code(v, VECTOR_GP, 0);
        return EMUL_EVENT;
    }
    if (v->dr7 & BIT(13)) {
        cluster_machine()->dr6 |= BIT(13);
        v->dr7 &= ~BIT(13);
        vcpu_raise(v, VECTOR_DB);
        return EMUL_EVENT;
    }
    number = number == 4 || number == 5 ? number + 2 : number;
    if (!from && number >= 6 && value >> 32) {
        vcpu_raise_code(v, VECTOR_GP, 0);
        return EMUL_EVENT;
    }
    if (from)
        v->gpr[reg] = number == 7 ? v->dr7 : cluster_read_dr(number);
    else if (number == 7)
        v->dr7 = (value & ~(BIT(12) | BITS(15, 14))) | BIT(10);
    else
        cluster_write_dr(number, value);
    if (from && !wide)
        v->gpr[reg] = (u32)v->gpr[reg];
    bool stepping = v->rflags & RFLAGS_TF;
    retire_to(v, wide ? v->rip + insn->length : (u32)(v->rip + insn->length));
    retire_shadow(v, 0);
    if (stepping)
        retire_step(v);
    return EMUL_DONE;
}

static enum emul_status step(struct vcpu *v, struct insn *insn)
{
    static const struct emul_expect any = {.kind = EXPECT_ANY};
    v->event.valid = false;
    memset(insn, 0, sizeof(*insn));
    enum emul_status status = emul_step(v, &any, insn);
    return status == EMUL_UNSUPPORTED && is_move_dr(insn) ? move_dr(v, insn) : status;
}

/* SDM "Exit Qualification for I/O Instructions". */
static u64 port_qualification(const struct insn *insn, u16 port, u32 size)
{
    bool in = insn->op == OP_IN || insn->op == OP_INS, string = insn->op == OP_INS || insn->op == OP_OUTS;
    bool repeated = string && insn->flags & (INSN_REP | INSN_REPNE);
    bool given = insn->opcode >= 0xe4 && insn->opcode <= 0xe7;
    return (size - 1) | in << 3 | string << 4 | repeated << 5 | given << 6 | (u64)port << 16;
}

static void cause_port(const struct policy *policy, const struct insn *insn, u16 port, struct cause *cause)
{
    u32 size = io_size(insn);
    bool in = insn->op == OP_IN || insn->op == OP_INS;
    if (policy_port(policy, port, size) == PASS)
        return;
    *cause = (struct cause){
        .would = in ? WOULD_IO_IN : WOULD_IO_OUT,
        .exit = {.reason = EXIT_REASON_IO_INSTRUCTION,
                 .detail = port_qualification(insn, port, size),
                 .cause = {TRACK_PORT, port}},
    };
}

static void cause_page(u64 at, struct cause *cause)
{
    *cause = (struct cause){
        .would = (at & PAGE_MASK) == APIC_AT ? WOULD_APIC : WOULD_MMIO,
        .exit = {.reason = EXIT_REASON_EPT_VIOLATION, .detail = at, .cause = {TRACK_PAGE, at & PAGE_MASK}},
    };
}

/* Of a refused access to the LAPIC, which reaches no register. */
#define UNKNOWN_PLACE (APIC_AT | 1)

/* STEPS goes on by one instruction; *cause says why that exits, would 0: it does not. */
static enum emul_status step_and_tell(struct insn *insn, struct cause *cause)
{
    use(STEPS);
    struct vcpu *v = &host_guest.v;
    struct cluster_machine *m = cluster_machine();
    const struct device_counts *counts = &v->vm->device_counts;
    u64 refused = counts->refused_apic_reads + counts->refused_apic_writes;
    u16 port = (u16)v->gpr[RDX];
    u64 count = v->gpr[RCX], before = m->count;
    *cause = (struct cause){.would = WOULD_NOT};
    m->trapped = false;
    enum emul_status status = step(v, insn);
    bool is_port = insn->op >= OP_INS && insn->op <= OP_OUT;
    bool repeated = insn->op <= OP_OUTS && insn->flags & (INSN_REP | INSN_REPNE);
    bool nothing = status == EMUL_EVENT && m->count == before;
    if (is_port && !nothing && !(repeated && !(count & size_mask(insn->address_size))))
        cause_port(&v->vm->policy, insn, insn->opcode >= 0xe4 && insn->opcode <= 0xe7 ? (u8)insn->immediate : port,
                   cause);
    if (!cause->would && m->trapped)
        cause_page(m->trapped_at, cause);
    else if (!cause->would && counts->refused_apic_reads + counts->refused_apic_writes != refused)
        cause_page(UNKNOWN_PLACE, cause);
    if (is_move_dr(insn) && status == EMUL_DONE && v->vm->policy.dr)
        *cause = (struct cause){.would = WOULD_DR,
                                .exit = {.reason = EXIT_REASON_MOV_DR,
                                         .detail = insn->modrm, /* as good as the qualification */
                                         .cause = {TRACK_OTHER, EXIT_REASON_MOV_DR}}};
    cluster_seen.steps++;
    return status;
}

/* ---- comparing ---- */

static bool same_event(const struct event *a, const struct event *b)
{
    return a->valid == b->valid && (!a->valid || (a->has_error_code == b->has_error_code && a->vector == b->vector &&
                                                  a->type == b->type && a->error_code == b->error_code));
}

static bool same_segments(const struct vcpu *a, const struct vcpu *b)
{
    for (u32 i = 0; i < SEG_COUNT; i++)
        if (a->seg[i].base != b->seg[i].base || a->seg[i].limit != b->seg[i].limit ||
            a->seg[i].access != b->seg[i].access || a->seg[i].selector != b->seg[i].selector)
            return false;
    return true;
}

/* Outside 64-bit code the upper halves of registers are nobody's. */
static const char *differing_gpr(const struct vcpu *a, const struct vcpu *b)
{
    static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    u64 mask = cluster_mode == MODE_64 ? ~0ull : 0xffffffff;
    for (u32 i = 0; i < GPR_COUNT; i++)
        if ((a->gpr[i] ^ b->gpr[i]) & (i < 8 ? mask : ~0ull))
            return names[i];
    return NULL;
}

static const char *differing_state(const struct test_guest *a, const struct test_guest *b)
{
    const struct vcpu *v = &a->v, *w = &b->v;
    const struct cluster_machine *m = &cluster_machines[a - host_guests], *n = &cluster_machines[b - host_guests];
    if (v->rip != w->rip)
        return "rip";
    if (m->count != n->count || memcmp(m->log, n->log, min_u64(m->count, CLUSTER_LOG) * 8) != 0)
        return "what the machine saw";
    const char *gpr = differing_gpr(v, w);
    if (gpr)
        return gpr;
    if (v->rflags != w->rflags)
        return "rflags";
    if (!same_event(&v->event, &w->event))
        return "event";
    if (v->cr0 != w->cr0 || v->cr2 != w->cr2 || v->cr3 != w->cr3 || v->cr4 != w->cr4 || v->efer != w->efer)
        return "control registers";
    if (v->interruptibility != w->interruptibility)
        return "interruptibility";
    if (v->pending_debug != w->pending_debug)
        return "pending debug exceptions";
    if (v->dr7 != w->dr7 || m->dr6 != n->dr6 || memcmp(a->dr, b->dr, sizeof(a->dr)) != 0)
        return "debug registers";
    if (a->port_value != b->port_value || a->now != b->now)
        return "machine";
    return same_segments(v, w) ? NULL : "segments";
}

/* Where the guests' memory differs, for the message. */
static char cluster_memory_trouble[64];

static void where_memory(void)
{
    const u8 *a = host_guests[RUNS].ram, *b = host_guests[STEPS].ram;
    for (u64 at = BLOCK; at < BLOCK_END; at++)
        if (a[at] != b[at]) {
            snprintf(cluster_memory_trouble, sizeof(cluster_memory_trouble), " [%llx] %02x, should be %02x",
                     (unsigned long long)at, a[at], b[at]);
            return;
        }
}

/*
 * Looking ahead fetches code that the guest may never come to, and sets accessed flags, as processors do that fetch
 * ahead. RUNS may have such flags where pages of code are mapped, and STEPS gets them.
 */
static void forgive_accessed(void)
{
    for (u64 at = TABLES; at < APIC_AT; at += 8) {
        const u64 *runs = (const u64 *)(host_guests[RUNS].ram + at);
        u64 *steps = (u64 *)(host_guests[STEPS].ram + at);
        u32 index = at >> 3 & 511, low = CODE >> PAGE_SHIFT & 511;
        u64 rip = host_guests[RUNS].v.rip + cs_base();
        bool code = index <= 1 || index >= low || index - (rip >> PAGE_SHIFT & 511) <= 1; /* some jump into data */
        if (code && (*runs ^ *steps) == BIT(5) && (*runs & BIT(5)))
            *steps = *runs;
    }
}

static const char *differing_memory(const struct test_guest *a, const struct test_guest *b)
{
    if (memcmp(&a->vm.device_counts, &b->vm.device_counts, sizeof(a->vm.device_counts)) != 0)
        return "counts of devices";
    if (memcmp(&a->vm.guards, &b->vm.guards, sizeof(a->vm.guards)) != 0)
        return "guards";
    if (memcmp(a->ram + BLOCK, b->ram + BLOCK, BLOCK_END - BLOCK) != 0) {
        forgive_accessed();
        if (memcmp(a->ram + BLOCK, b->ram + BLOCK, BLOCK_END - BLOCK) != 0)
            return "memory";
    }
    return memcmp(a->device, b->device, 2 * PAGE_SIZE) != 0 ? "device" : NULL;
}

static const char *differing(void)
{
    const struct test_guest *a = &host_guests[RUNS], *b = &host_guests[STEPS];
    const char *what = differing_state(a, b);
    return what ? what : differing_memory(a, b);
}

/* ---- a run ---- */

/* What a translation took its instructions for, when it was made. */
static struct taken {
    u32 count;
    u64 rip[CLUSTER_MAX];
    u8 would[CLUSTER_MAX];
} cluster_taken[TRANSLATIONS];

static void note_taken(const struct translation *made)
{
    struct taken *taken = &cluster_taken[made - cluster_sites->tc.table];
    const struct cluster *cluster = &cluster_sites->cluster;
    taken->count = cluster->count;
    for (u32 i = 0; i < cluster->count; i++) {
        taken->rip[i] = cluster->at[i].rip;
        taken->would[i] = cluster->at[i].role == ROLE_FILLER ? WOULD_NOT : cluster->at[i].would;
    }
    cluster_seen.lengths[cluster->count]++;
}

static u32 taken_for(const struct taken *taken, u64 rip)
{
    for (u32 i = 0; i < taken->count; i++)
        if (taken->rip[i] == rip)
            return taken->would[i];
    return WOULD_NOT;
}

/* What translated code said of itself. */
struct outcome {
    const struct translation *translation;
    enum cluster_left left;
    u64 avoided[WOULD_END];
};

static bool avoided_same(const struct outcome *outcome, const u64 *counted)
{
    for (u32 i = WOULD_IO_IN; i < WOULD_END; i++)
        if (outcome->avoided[i] != counted[i])
            return false;
    return true;
}

/* Both states, for the message. */
static char cluster_states[1024];

static void note_states(void)
{
    size_t used = 0;
    cluster_states[0] = 0;
    for (u32 i = 0; i < HOST_GUESTS; i++) {
        const struct vcpu *v = &host_guests[i].v;
        used += (size_t)snprintf(cluster_states + used, sizeof(cluster_states) - used, "  %s rip %llx flags %llx",
                                 i == RUNS ? "runs " : "steps", (unsigned long long)v->rip,
                                 (unsigned long long)v->rflags);
        for (u32 n = 0; n < GPR_COUNT && used < sizeof(cluster_states); n++)
            used += (size_t)snprintf(cluster_states + used, sizeof(cluster_states) - used, " %llx",
                                     (unsigned long long)v->gpr[n]);
        if (used < sizeof(cluster_states))
            used += (size_t)snprintf(cluster_states + used, sizeof(cluster_states) - used, "\n");
    }
}

/* What the machine saw: how much, and what is first not the same. */
static void note_log(char *text, size_t size)
{
    const struct cluster_machine *a = &cluster_machines[RUNS], *b = &cluster_machines[STEPS];
    u32 i = 0;
    while (i < min_u64(a->count, b->count) && i < CLUSTER_LOG && a->log[i] == b->log[i])
        i++;
    snprintf(text, size, "; saw %u (steps: %u), entry %u %llx (%llx)", a->count, b->count, i,
             (unsigned long long)a->log[i % CLUSTER_LOG], (unsigned long long)b->log[i % CLUSTER_LOG]);
}

/* The best that was seen on the way, for the message. */
static void say_difference(const struct outcome *outcome, const char *nearest, u64 steps)
{
    char what[400], log[128];
    const struct vcpu *v = &host_guests[RUNS].v;
    note_log(log, sizeof(log));
    snprintf(what, sizeof(what),
             "%s%s after %llu instructions; rip %llx (steps: %llx), left by %u, %u instructions, event %u %u%s",
             nearest, cluster_memory_trouble, (unsigned long long)steps, (unsigned long long)v->rip,
             (unsigned long long)host_guests[STEPS].v.rip, outcome->left, outcome->translation->count, v->event.valid,
             v->event.vector, log);
    trouble(what);
}

/* STEPS has performed the first instruction, and goes on until it is where RUNS is. */
static bool catch_up(const struct outcome *outcome, enum emul_status status)
{
    const struct taken *taken = &cluster_taken[outcome->translation - cluster_sites->tc.table];
    u64 counted[WOULD_END] = {0}, steps = 1, total = 0;
    const char *nearest = "rip never reached";
    cluster_memory_trouble[0] = 0;
    for (;; steps++) {
        const char *what = differing();
        if (!what && avoided_same(outcome, counted))
            break;
        if (!what)
            what = "avoided";
        if (strcmp(what, "rip") != 0 && strcmp(what, "what the machine saw") != 0)
            nearest = what, where_memory(), note_states();
        else if (strcmp(what, "rip") != 0 && strcmp(nearest, "rip never reached") == 0)
            nearest = what;
        struct insn insn;
        struct cause cause;
        u64 rip = host_guests[STEPS].v.rip;
        if (status != EMUL_DONE || steps == STEPS_MAX)
            return say_difference(outcome, nearest, steps), false;
        status = step_and_tell(&insn, &cause);
        u32 would = taken_for(taken, rip);
        if (status == EMUL_DONE)
            counted[would]++;
        cluster_seen.surprises += would != cause.would;
        if (status == EMUL_UNSUPPORTED)
            return say_difference(outcome, nearest, steps), false;
    }
    for (u32 i = WOULD_IO_IN; i < WOULD_END; i++)
        total += counted[i];
    cluster_seen.avoided += total;
    cluster_seen.insns[min_u64(steps, CLUSTER_MAX)]++;
    cluster_seen.events += status == EMUL_EVENT;
    return true;
}

/* The exit as vmx/entry.S takes it when it can: nothing is there but the flags. */
static void enter_quickly(struct vcpu *v, const struct translation *found)
{
    if (found->walk_index == TC_NO_WALK || draw(2))
        return;
    *v = cluster_truth;
    cluster_exit(v);
    v->rflags = cluster_truth.rflags;
    if (found->uses_rsp)
        v->gpr[RSP] = cluster_truth.gpr[RSP];
    cluster_seen.quick++;
}

static void draw_budget(struct vcpu *v)
{
    cluster_tsc = draw(2) ? 0 : ~0ull - draw(64) - (1ull << 40);
    cluster_tsc_step = 1;
    v->frame.budget = draw(16) ? draw(4) : draw(32);
}

/* The processor has walked to what exited, and set the flags of its paging entries. False: that cannot be said. */
static bool walk_as_processor(struct vcpu *v, const struct insn *insn, struct site_exit *exit)
{
    struct interp in = {.v = v, .insn = insn, .next = v->rip + insn->length};
    enum access_kind kind = translate_writes_memory(insn) ? ACCESS_WRITE : ACCESS_READ;
    struct access_piece piece;
    struct event event = v->event;
    u64 cr2 = v->cr2;
    bool known = exit->detail != UNKNOWN_PLACE;
    if (insn->op >= OP_INS && insn->op <= OP_OUT)
        emul_port_allowed(v, io_port(v, insn), io_size(insn)); /* the TSS */
    if (cluster_carry(insn) == CARRY_MEMORY && access_translate(v, gva(operand_address(&in)), kind, false, &piece) &&
        exit->reason == EXIT_REASON_EPT_VIOLATION && !((piece.at.at ^ exit->detail) & PAGE_MASK)) {
        known = true;
        exit->detail = piece.at.at; /* not that of the register */
    }
    v->event = event;
    v->cr2 = cr2;
    return known;
}

/* RUNS is at an exit. Returns whether translated code served it. */
static bool serve(const struct insn *insn, struct site_exit *exit, struct outcome *outcome)
{
    use(RUNS);
    struct vcpu *v = &host_guest.v;
    if (!walk_as_processor(v, insn, exit))
        return false;
    u64 now = host_guest.now, before[TC_KINDS];
    draw_budget(v);
    cluster_exit(v);
    vcpu_need(v, EMUL_STEP_PARTS);
    const struct translation *found = site_find(v, cluster_sites, exit);
    if (!found && site_exited(v, cluster_sites, exit)) {
        found = site_find(v, cluster_sites, exit);
        if (found)
            note_taken(found);
    }
    host_guest.now = now;
    if (!found) {
        cluster_entry(v);
        return false;
    }
    memcpy(before, found->avoided, sizeof(before));
    enter_quickly(v, found);
    v->frame.running = found;
    if ((u64)found->avoided % 64)
        trouble("a piece that is not aligned");
    *outcome = (struct outcome){.translation = found, .left = cluster_run(v, found->code)};
    for (u32 i = 0; i < WOULD_END; i++)
        outcome->avoided[i] = found->avoided[i] - before[i];
    return true;
}

static bool run_is_right(const struct outcome *outcome, enum emul_status status)
{
    cluster_seen.runs++;
    if (outcome->left == LEFT_CRASHED) {
        char what[256];
        int used = snprintf(what, sizeof(what),
                            "signal %d at %llx (code from %x, %u instructions), address %llx, bytes",
                            cluster_fault_signal, (unsigned long long)cluster_fault_rip,
                            (u32)((const u8 *)outcome->translation->code - cluster_code), outcome->translation->count,
                            (unsigned long long)cluster_fault_address);
        for (u32 i = 0; cluster_fault_rip < TC_CODE - 16 && i < 16; i++)
            used += snprintf(what + used, sizeof(what) - (size_t)used, " %02x", cluster_code[cluster_fault_rip + i]);
        return trouble(what);
    }
    cluster_seen.left[outcome->left]++;
    if (!catch_up(outcome, status))
        return false;
    for (u32 i = 0; i < 8; i++)
        host_guests[RUNS].v.gpr[i] = host_guests[STEPS].v.gpr[i];
    return true;
}

/* The guests go on by one instruction, or by one run. False: they go no further. */
static bool go_on(void)
{
    struct insn insn, other;
    struct cause cause;
    struct outcome outcome;
    enum emul_status status = step_and_tell(&insn, &cause);
    cluster_seen.exits[cause.would]++;
    if (cause.would && serve(&insn, &cause.exit, &outcome))
        return run_is_right(&outcome, status) && !host_guests[STEPS].v.event.valid;
    use(RUNS);
    if (step(&host_guest.v, &other) != status)
        return trouble("interpreted alone");
    return status == EMUL_DONE;
}

#define TURNS 40

/* One turn: from some instruction of the code on. */
static bool turn(void)
{
    struct code *code = &cluster_made;
    u64 start = code->rip - cs_base() + code->insn[draw(3) ? 0 : draw(code->count)].at;
    between();
    set_registers();
    for (EACH_GUEST) {
        host_guest.v.rip = start;
        cluster_machine()->count = 0;
    }
    for (u32 i = 0; i < TURNS && go_on(); i++)
        continue;
    if (cluster_trouble[0])
        return false;
    const char *what = differing();
    if (!what)
        return true;
    where_memory();
    note_states();
    char text[128];
    snprintf(text, sizeof(text), "%s%s at the end of a turn", what, cluster_memory_trouble);
    return trouble(text);
}

/* New code, and its turns. False: cluster_trouble says what was not right. */
__attribute__((unused)) static bool cluster_scenario(void)
{
    new_code();
    for (u32 i = 2 + draw(6); i; i--)
        if (!turn())
            return false;
    return true;
}

#endif
