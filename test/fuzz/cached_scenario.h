/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Three guests that live the same life: CACHED steps with emul_step_cached(), PLAIN with emul_step(), LONG with
 * emul_step() and no short cut (no remembered walk, and an armed breakpoint that never matches). After each step they
 * must be the same to the last bit. Code is rewritten, mapped elsewhere, taken away and given back in between, by
 * whoever may do so.
 *
 *   linear 10000..13fff  code, mapped to any of the pages 10000..17fff
 *   20000.., 30000..     data; stacks
 *   41000                LAPIC page, trapped, inside the direct map (guest-physical 600000)
 *   42000                a trap=mmio: page inside the direct map (601000)
 *   43000, 44000         DEVICE_BASE, TRAPPED_BASE: outside the direct map
 *   45000                nothing
 *   46000                Exeunt's own region
 */
#ifndef TEST_FUZZ_CACHED_SCENARIO_H
#define TEST_FUZZ_CACHED_SCENARIO_H

#define HOST_GUESTS 3
#include "cache/tcache.h"
#include "emul/cached.h"
#include "emul/interp.h"
#include "emul/quick_run.h"
#include "emul/watch.h"
#include "test/fuzz/guests.h"
#include "test/unit/emul_fixture.h"

enum { CACHED, PLAIN, LONG };

#define CODE 0x10000ull
#define CODE_SIZE 0x4000u
#define CODE_FRAMES 8
#define APIC_AT 0x41000ull
#define APIC_GPA 0x600000ull
#define TRAPPED_GPA 0x601000ull
#define SITES 24
#define COMPARED_LOW 0x60000ull /* of RAM, compared often; all below 2 MiB now and then */
#define TABLES_AT (RAM_SIZE - 32 * PAGE_SIZE)

static struct tcache scenario_cache;
static u64 scenario_sites[SITES], scenario_roots[2];
static u64 scenario_now;
static enum guest_mode scenario_mode;
static bool scenario_user;
static char scenario_trouble[256]; /* what was not the same; empty: nothing */

/* What the run came to: a test demands that all of it happened. */
static struct {
    u64 steps, hits, hits_of_two_pages, quick, quick_refused, status[EMUL_UNSUPPORTED + 1], lapic_quick;
    u64 rewritten, remapped, modes, holes;
    u64 written, evicted, differences, demoted, trusted;
} scenario_seen;

static u64 scenario_time(void)
{
    return scenario_now;
}

/* The entry's own function, counted. */
static enum emul_status scenario_quick(struct vcpu *v, const struct insn *known, struct insn *insn)
{
    struct interp in = {.v = v, .insn = known, .next = v->rip + known->length};
    u64 performed = v->tcache->counts.performed;
    bool lapic = (operand_address(&in) & PAGE_MASK) == APIC_AT;
    enum emul_status status = quick_choose(known)(v, known, insn);
    bool done = v->tcache->counts.performed == performed;
    scenario_seen.quick += done;
    scenario_seen.quick_refused += !done;
    scenario_seen.lapic_quick += done && lapic;
    return status;
}

static void count_quick(u64 at)
{
    struct tc_entry *set = scenario_cache.entry[tc_hash(at, TC_SETS_BITS)];
    for (u32 way = 0; way < TC_WAYS; way++)
        if (set[way].gpa == at && set[way].run)
            set[way].run = (void *)scenario_quick;
}

/* The PTE of a low linear address, or the PDE of a large page over it. */
static u64 *entry_of(u64 linear)
{
    u64 table = host_guest.v.cr3 & BITS(51, 12), *entry = NULL;
    for (u32 shift = 39; shift >= 12; shift -= 9) {
        entry = (u64 *)(host_guest.ram + table) + ((linear >> shift) & 511);
        table = *entry & BITS(51, 12);
        if (*entry & BIT(7))
            break;
    }
    return entry;
}

static bool paging(void)
{
    return host_guest.v.cr0 & CR0_PG;
}

/* Where the guest's memory is that code at `linear` comes from. */
static u64 code_frame(u64 linear)
{
    if (!paging())
        return linear;
    u64 entry = *entry_of(linear);
    return entry & BIT(7) ? linear : ((entry & BITS(51, 12)) | (linear & ~PAGE_MASK));
}

static void map_space(u32 space)
{
    struct vcpu *v = &host_guest.v;
    if (space) {
        host_guest.free_table -= PAGE_SIZE;
        v->cr3 = host_guest.free_table;
        memset(host_guest.ram + v->cr3, 0, PAGE_SIZE);
        for (u64 at = 0; at < 2 * MIB; at += PAGE_SIZE)
            guest_page(at, (at & ~(u64)0x7fff) == CODE ? at ^ 0x3000 : at, 7);
    }
    guest_page(APIC_AT, APIC_GPA, 7);
    guest_page(0x42000, TRAPPED_GPA, 7);
    guest_page(0x43000, DEVICE_BASE, 7);
    guest_page(0x44000, TRAPPED_BASE, 7);
    guest_page(0x45000, 0, 0);
    guest_page(0x46000, OWN_BASE, 7);
    scenario_roots[space] = v->cr3;
}

static void fill(void)
{
    const u8 *pattern = guests_pattern();
    memcpy(host_guest.ram, pattern, COMPARED_LOW);
    memset(host_guest.ram + COMPARED_LOW, 0, 2 * MIB - COMPARED_LOW);
    memcpy(host_guest.ram + APIC_GPA, pattern + COMPARED_LOW, 2 * PAGE_SIZE);
}

static void begin_one(bool smp)
{
    struct vcpu *v = guest_init(MODE_64, false);
    struct ept *ept = &v->vm->ept;
    memset(host_guest.ram + TABLES_AT, 0, RAM_SIZE - TABLES_AT);
    guest_start_paging();
    if (ept_add_hole(ept, (struct range){APIC_GPA, APIC_GPA + PAGE_SIZE}) != EPT_OK ||
        ept_add_hole(ept, (struct range){TRAPPED_GPA, TRAPPED_GPA + PAGE_SIZE}) != EPT_OK)
        abort();
    v->vm->policy.apic_page = true;
    v->vm->policy.apic_base = APIC_GPA;
    v->vm->smp = smp;
    v->vm->string_deadline_ticks = 1ull << 40;
    fill();
    map_space(0);
    map_space(1);
    v->cr3 = scenario_roots[0];
    for (u32 i = 0; i < GPR_COUNT; i++)
        v->gpr[i] = 0x20000 + 0x1040ull * i;
}

static void scenario_begin(void)
{
    bool smp = draw(2), compare = draw(4) == 0;
    memset(&scenario_cache, 0, sizeof(scenario_cache));
    scenario_trouble[0] = 0;
    scenario_mode = MODE_64;
    scenario_user = false;
    scenario_now = 5 * WRITE_WINDOW;
    for (EACH_GUEST)
        begin_one(smp);
    use(CACHED);
    struct vm *vm = &host_guest.vm;
    guests_cohere(vm, compare, scenario_time);
    tc_init(&scenario_cache, &vm->coherence);
    host_guest.v.tcache = &scenario_cache;
    for (u32 i = 0; i < SITES; i++) /* a third of them where a page ends */
        scenario_sites[i] = i % 3 ? CODE + draw(CODE_SIZE - 16) : CODE + PAGE_SIZE * (1 + draw(3)) - 1 - draw(14);
}

/* ---- what happens between two steps ---- */

/* The guest's own store (an EPT violation where the page is read-only), Exeunt's for it, or a device's. */
static void store_code(u64 at, const u8 *bytes, u32 size, u32 how)
{
    for (EACH_GUEST) {
        struct vm *vm = &host_guest.vm;
        bool unseen = guest != CACHED || vm->coherence.mode == COHERE_COMPARE;
        if (how == 0) {
            window_write(&vm->window, gpa(at), bytes, size);
            continue;
        }
        for (u32 i = 0; i < size; i++) {
            if ((how == 1 || !unseen) && ept_write_protected(&vm->ept, gpa(at + i)))
                coherence_written(&vm->coherence, gpa(at + i));
            host_guest.ram[at + i] = bytes[i];
        }
    }
}

/* Displacement, scaled index, RIP: a memory operand near where the registers point. */
static u32 put_memory(u8 *bytes, u32 at, u64 site)
{
    static const u64 targets[] = {0x20100, 0x30100, 0x41000, 0x41020, 0x41080, 0x410b0, 0x41300, 0x41310, 0x42010};
    u32 reg = draw(8) << 3, rm = draw(8);
    u32 displacement = draw(4) ? draw(64) : 0 - draw(64);
    switch (draw(6)) {
    case 0: /* absolute, or by RIP */
        bytes[at++] = reg | 5;
        displacement = (u32)(draw(4) ? targets[draw(COUNT_OF(targets))] : scenario_sites[draw(SITES)]) + draw(5);
        if (scenario_mode == MODE_64)
            displacement -= (u32)site + at + 4;
        memcpy(bytes + at, &displacement, 4);
        return at + 4;
    case 1:
        bytes[at++] = 0x80 | reg | rm;
        if (rm == 4)
            bytes[at++] = draw(256);
        memcpy(bytes + at, &displacement, 4);
        return at + 4;
    case 2:
        bytes[at++] = 0x40 | reg | rm;
        if (rm == 4)
            bytes[at++] = draw(256);
        bytes[at++] = displacement;
        return at;
    default:
        bytes[at++] = reg | (rm == 5 || rm == 4 ? 7 : rm);
        return at;
    }
}

/* MOV, MOVZX, MOVSX and arithmetic with memory: what emul/quick_run.c has. */
static u32 put_quick(u8 *bytes, u32 at, u64 site)
{
    static const u8 moves[] = {0x88, 0x89, 0x8a, 0x8b, 0xb6, 0xb7, 0xbe, 0xbf, 0xc6, 0xc7, 0x63, 0x84, 0x85};
    static const u8 groups[] = {0x80, 0x81, 0x83, 0xf6, 0xf7};
    u8 opcode = moves[draw(COUNT_OF(moves))];
    u32 kind = draw(4);
    if (kind == 1)
        opcode = draw(8) << 3 | draw(4);
    else if (kind == 2)
        opcode = groups[draw(COUNT_OF(groups))];
    else if (opcode >= 0xb6 && opcode <= 0xbf)
        bytes[at++] = 0x0f;
    bytes[at++] = opcode;
    u32 modrm = at;
    at = put_memory(bytes, at, site);
    if (opcode == 0xc6 || opcode == 0xc7 || opcode == 0xf6 || opcode == 0xf7)
        bytes[modrm] &= ~0x38;
    return at;
}

static u32 put_prefix(u8 *bytes)
{
    static const u8 prefixes[] = {0x66, 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x64, 0x65};
    u32 at = 0;
    if (draw(4) == 0)
        bytes[at++] = prefixes[draw(COUNT_OF(prefixes))];
    if (scenario_mode == MODE_64 && draw(2))
        bytes[at++] = 0x40 | draw(16);
    return at;
}

static void make_code(u8 *bytes, u64 site)
{
    static const u8 strings[] = {0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0x6c, 0x6d, 0x6e, 0x6f};
    for (u32 i = 0; i < INSN_MAX; i++)
        bytes[i] = draw(256);
    u32 kind = draw(12);
    if (kind == 0)
        return;
    u32 at = put_prefix(bytes);
    switch (kind) {
    case 1:
        if (draw(2))
            bytes[at++] = 0xf3 - draw(2);
        bytes[at] = strings[draw(COUNT_OF(strings))];
        break;
    case 2: /* any one-byte opcode with a memory operand, if it has one */
        put_memory(bytes, at + 1, site);
        break;
    case 3:
        bytes[at] = 0x0f;
        put_memory(bytes, at + 2, site);
        break;
    case 4: /* MOV with an offset */
        bytes[at] = 0xa0 + draw(4);
        memcpy(bytes + at + 1, &(u64){0x20000 + 0x10000ull * draw(3) + draw(4096)}, 8);
        break;
    default:
        put_quick(bytes, at, site);
        break;
    }
}

static void rewrite(void)
{
    u8 bytes[INSN_MAX + 1];
    u64 site = scenario_sites[draw(SITES)];
    u32 how = draw(3), in_page = PAGE_SIZE - (u32)(site & ~PAGE_MASK), first = in_page < INSN_MAX ? in_page : INSN_MAX;
    make_code(bytes, site);
    use(PLAIN);
    u64 at = code_frame(site), second = code_frame(site + first);
    scenario_seen.rewritten++;
    if (at >= 2 * MIB - 16 || second >= 2 * MIB - 16)
        return;
    store_code(at, bytes, first, how);
    if (first < INSN_MAX)
        store_code(second, bytes + first, INSN_MAX - first, how);
}

/* Page tables change under the code, or under what it reaches. */
static void remap(void)
{
    u64 linear, flags = 7, frame;
    switch (draw(4)) {
    case 0:
        linear = CODE + draw(16) * PAGE_SIZE;
        break;
    case 1:
        linear = 0x20000 + draw(4) * PAGE_SIZE;
        break;
    default:
        linear = CODE + draw(4) * PAGE_SIZE;
        break;
    }
    frame = linear < CODE + CODE_FRAMES * PAGE_SIZE ? CODE + draw(CODE_FRAMES) * PAGE_SIZE : linear;
    if (draw(8) == 0)
        flags = draw(2) ? 3 : draw(8);
    u64 pte = frame | flags | (draw(64) == 0 ? 1ull << 63 : 0) | (draw(2) ? 0x60 : 0);
    u32 what = draw(8);
    for (EACH_GUEST) {
        if (!paging())
            continue;
        u64 *entry = entry_of(linear);
        if (what == 0 && !(*entry & BIT(7)))
            *entry &= ~0x60ull; /* accessed and dirty */
        else if (what == 1) {   /* a large page instead of its parts, or the other way round */
            u64 pdpt = ((u64 *)(host_guest.ram + host_guest.v.cr3))[0] & BITS(51, 12);
            u64 pd = *(u64 *)(host_guest.ram + pdpt) & BITS(51, 12);
            u64 *pde = (u64 *)(host_guest.ram + pd);
            if (pde[0] & BIT(7))
                pde[0] = pde[511];
            else
                pde[511] = pde[0], pde[0] = 0xe7;
        } else if (!(*entry & BIT(7)))
            *entry = pte;
    }
    scenario_seen.remapped++;
}

/* Everything mapped as at first: what chance took away comes back. */
static void restore_tables(void)
{
    u64 space = draw(2);
    for (EACH_GUEST) {
        struct vcpu *v = &host_guest.v;
        for (u64 at = CODE; paging() && !(*entry_of(0) & BIT(7)) && at < 0x40000; at += PAGE_SIZE)
            *entry_of(at) = at | 7;
        v->cr3 = scenario_roots[space];
    }
}

static void set_mode(void)
{
    static const enum guest_mode modes[] = {MODE_64, MODE_64,   MODE_64, MODE_64,  MODE_64,     MODE_64,    MODE_64,
                                            MODE_16, MODE_REAL, MODE_32, MODE_V86, MODE_COMPAT, MODE_COMPAT};
    enum guest_mode mode = modes[draw(COUNT_OF(modes))];
    bool user = draw(3) == 0, small = draw(2), write_protect = draw(4);
    u64 cr4 = draw(8) ? 0 : (draw(2) ? CR4_SMEP : 0) | (draw(2) ? CR4_SMAP : 0) | (draw(2) ? CR4_PKE : 0);
    u32 pkru = draw(8);
    scenario_mode = mode;
    scenario_user = mode == MODE_V86 || (user && mode != MODE_REAL);
    for (EACH_GUEST) {
        struct vcpu *v = &host_guest.v;
        guests_set_mode(v, mode, scenario_user, small, write_protect);
        v->cr4 |= v->cr0 & CR0_PG ? cr4 : 0;
        v->pkru = pkru;
        v->rflags = (v->rflags & ~(u64)(RFLAGS_VM | RFLAGS_IOPL)) | (mode == MODE_V86 ? RFLAGS_VM | RFLAGS_IOPL : 0);
        if (mode == MODE_16)
            for (u32 i = 0; i < SEG_LDTR; i++)
                v->seg[i].base = 0x10000ull * i;
        if (mode == MODE_64)
            v->seg[SEG_FS].base = v->seg[SEG_GS].base = 0x20000;
    }
    scenario_seen.modes++;
}

/* A page is trapped from now on, or no longer. */
static void hole(void)
{
    struct range range = {CODE + draw(40) * PAGE_SIZE, 0};
    range.end = range.start + PAGE_SIZE;
    for (EACH_GUEST) {
        struct ept *ept = &host_guest.vm.ept;
        if (ept->hole_count > 3) {
            struct range old = ept->holes[ept->holes[3].start >= 2 * MIB ? 0 : 3];
            ept_remove_hole(ept, old);
            if (guest == CACHED) /* what was stored there went to the RAM beneath, as no real device would have it */
                coherence_written(&host_guest.vm.coherence, gpa(old.start));
        } else if (ept_add_hole(ept, range) != EPT_OK) {
            abort();
        }
    }
    scenario_seen.holes++;
}

static u64 draw_target(void)
{
    switch (draw(16)) {
    case 0:
        return draw(2) ? 0x30000 + draw(256) : scenario_sites[draw(SITES)] + draw(8);
    case 1:
        return APIC_AT + draw(6) * PAGE_SIZE + draw(PAGE_SIZE);
    case 2:
        return 0x20000 + PAGE_SIZE * (1 + draw(3)) - draw(16);
    case 3:
        return draw_bits();
    case 4 ... 8:
        return APIC_AT + draw(64) * 16 + (draw(4) ? 0 : draw(16));
    default:
        return 0x20000 + draw(0x1000);
    }
}

/* As if mixed pages had been calm for long. */
static void calm_down(void)
{
    for (u32 i = 0; i < CODE_PAGE_SLOTS; i++) {
        struct code_page *page = &host_guests[CACHED].vm.coherence.pages[i];
        page->patience = 0;
        if (page->state == CODE_PAGE_COMPARED)
            page->calm = CALM_BEFORE_TRUST - 1;
    }
}

static void between(void)
{
    u32 event = draw(1024);
    if (event < 12)
        for (u32 n = 1 + draw(6); n; n--)
            rewrite();
    else if (event < 20)
        remap();
    else if (event < 26)
        set_mode();
    else if (event < 28)
        hole();
    else if (event < 40)
        restore_tables();
    else if (event < 44)
        calm_down();
    else if (event < 60)
        guests_change_privilege(scenario_mode, &scenario_user);
    scenario_now += draw(8) ? 1000 : WRITE_WINDOW / 2;
}

/* ---- one step ---- */

static void set_registers(void)
{
    u32 flags = draw(64), shadow = draw(32), armed = draw(24), count = draw(40);
    u64 dr7 = 0, dr[4] = {0}, rip = scenario_sites[draw(SITES)];
    bool go_on = draw(12) == 0;
    if (armed == 0) {
        dr7 = (1u << draw(8)) | (u64)draw(65536) << 16;
        for (u32 i = 0; i < 4; i++) /* near what the instruction may reach */
            dr[i] = host_guests[PLAIN].v.gpr[draw(GPR_COUNT)] + draw(16);
    }
    u32 redrawn = draw(65536);
    u64 value[GPR_COUNT], stack = 0x20000 + draw(0x3000);
    for (u32 i = 0; i < GPR_COUNT; i++)
        value[i] = redrawn & (1u << i) ? draw_target() : 0;
    for (EACH_GUEST) {
        struct vcpu *v = &host_guest.v;
        u64 base = vcpu_code_size(v) == CODE_64 ? 0 : v->seg[SEG_CS].base;
        for (u32 i = 0; i < GPR_COUNT; i++)
            if (redrawn & (1u << i))
                v->gpr[i] = value[i];
        v->gpr[RSP] = stack - (scenario_mode == MODE_64 ? 0 : v->seg[SEG_SS].base);
        v->gpr[RCX] = count;
        if (!go_on || v->rip + base - CODE >= CODE_SIZE)
            v->rip = rip - base;
        v->rflags &= ~(u64)(RFLAGS_TF | RFLAGS_RF | RFLAGS_AC);
        v->rflags |= (flags == 0 ? RFLAGS_TF : 0) | (flags == 1 ? RFLAGS_RF : 0) | (flags >> 1 == 1 ? RFLAGS_AC : 0);
        v->interruptibility = shadow == 0 ? BLOCKING_BY_STI : shadow == 1 ? BLOCKING_BY_MOV_SS : 0;
        v->dr7 = dr7;
        memcpy(host_guest.dr, dr, sizeof(dr));
        v->pending_debug = 0;
        v->event = (struct event){0};
        v->dirty = 0;
        host_guest.record[0] = 0;
        host_guest.now = scenario_now;
    }
}

static struct emul_expect draw_expectation(const struct insn *known)
{
    static const u8 sizes[] = {1, 2, 4};
    switch (draw(16)) {
    case 0:
    case 1:
    case 2:
        return (struct emul_expect){.kind = EXPECT_ANY};
    case 3:
        return (struct emul_expect){.kind = EXPECT_OP, .op = draw(2) ? OP_MOV : known->op};
    case 4:
        return (struct emul_expect){.kind = EXPECT_IN + draw(4), .port = draw(256), .size = sizes[draw(3)]};
    default:
        return (struct emul_expect){.kind = EXPECT_MEMORY};
    }
}

static bool trouble(const char *what)
{
    snprintf(scenario_trouble, sizeof(scenario_trouble), "step %llu, mode %u, rip %llx: %s",
             (unsigned long long)scenario_seen.steps, scenario_mode, (unsigned long long)host_guests[PLAIN].v.rip,
             what);
    return false;
}

static const char *differing_register(const struct vcpu *a, const struct vcpu *b)
{
    if (memcmp(a->gpr, b->gpr, sizeof(a->gpr)) != 0)
        return "registers";
    if (a->rip != b->rip)
        return "rip";
    const char *control = differing_control(a, b);
    if (control)
        return control;
    return a->dirty != b->dirty ? "dirty parts" : NULL;
}

static const char *differing(const struct test_guest *a, const struct test_guest *b)
{
    const struct ept_counts *x = &a->vm.ept.counts, *y = &b->vm.ept.counts;
    const char *what = differing_register(&a->v, &b->v);
    if (what)
        return what;
    if (strcmp(a->record, b->record) != 0)
        return "what the machine saw";
    if (memcmp(a->vector, b->vector, sizeof(a->vector)) != 0 || memcmp(a->mmx, b->mmx, sizeof(a->mmx)) != 0)
        return "vector registers";
    if (memcmp(&a->vm.device_counts, &b->vm.device_counts, sizeof(a->vm.device_counts)) != 0)
        return "counts of devices";
    if (x->own_reads != y->own_reads || x->own_writes != y->own_writes)
        return "counts of accesses to Exeunt's region";
    if (memcmp(a->device, b->device, 2 * PAGE_SIZE) != 0)
        return "device";
    if (memcmp(a->ram + APIC_GPA, b->ram + APIC_GPA, 2 * PAGE_SIZE) != 0)
        return "LAPIC or trapped page";
    return NULL;
}

static const char *differing_memory(const struct test_guest *a, const struct test_guest *b)
{
    u32 low = scenario_seen.steps % 512 == 0 ? 2 * MIB : COMPARED_LOW;
    if (memcmp(a->ram, b->ram, low) != 0)
        return "memory";
    if (memcmp(a->ram + TABLES_AT, b->ram + TABLES_AT, RAM_SIZE - TABLES_AT) != 0)
        return "page tables";
    return memcmp(a->nothing, b->nothing, PAGE_SIZE) != 0 ? "nothing" : NULL;
}

static bool same_insn(const struct insn *a, const struct insn *b)
{
    return a->length == b->length && (a->length == 0 || (a->op == b->op && a->flags == b->flags &&
                                                         memcmp(a->operand, b->operand, sizeof(a->operand)) == 0 &&
                                                         a->immediate == b->immediate));
}

/* Read-only pages of the cache and of the EPT are the same ones. */
static bool coherence_holds(void)
{
    const struct vm *vm = &host_guests[CACHED].vm;
    u32 read_only = 0;
    for (u32 i = 0; i < CODE_PAGE_SLOTS; i++) {
        const struct code_page *page = &vm->coherence.pages[i];
        if (page->state != CODE_PAGE_READ_ONLY)
            continue;
        read_only++;
        if (!ept_write_protected(&vm->ept, gpa(page->page)))
            return false;
    }
    return read_only == vm->ept.counts.read_only_pages && vm->coherence.counts.unannounced == 0;
}

static enum emul_status step_long(struct vcpu *v, const struct emul_expect *expect, struct insn *insn)
{
    u64 dr7 = v->dr7;
    memset(v->walks, 0, sizeof(*v->walks));
    if (!(dr7 & WATCH_ENABLES))
        v->dr7 = 1; /* of kind "execute": no access matches it */
    enum emul_status status = emul_step(v, expect, insn);
    v->dr7 = dr7;
    return status;
}

static struct insn scenario_last; /* what PLAIN had last: for expectations that are right, and for messages */

/* Its state is fetched part by part. */
static enum emul_status step_cached(struct vcpu *v, const struct emul_expect *expect, struct insn *insn)
{
    guests_take_parts(v);
    access_need(v, EMUL_STEP_PARTS);
    enum emul_status status = emul_step_cached(v, expect, insn, &scenario_seen.hits);
    guests_give_parts(v);
    return status;
}

/* All guests step as they are. False: scenario_trouble says what is not the same after it. */
static bool scenario_perform(const struct emul_expect *expect)
{
    enum emul_status status[HOST_GUESTS];
    struct insn insn[HOST_GUESTS];
    u64 hits = scenario_seen.hits;
    use(PLAIN);
    u64 linear = host_guest.v.rip + (vcpu_code_size(&host_guest.v) == CODE_64 ? 0 : host_guest.v.seg[SEG_CS].base);
    u64 at = code_frame(linear);
    for (EACH_GUEST) {
        struct vcpu *v = &host_guest.v;
        memset(&insn[guest], 0, sizeof(insn[guest]));
        if (guest == CACHED)
            status[guest] = step_cached(v, expect, &insn[guest]);
        else
            status[guest] = (guest == LONG ? step_long : emul_step)(v, expect, &insn[guest]);
    }
    count_quick(at);
    scenario_seen.hits_of_two_pages += scenario_seen.hits != hits &&
                                       (linear & ~PAGE_MASK) + insn[PLAIN].length > PAGE_SIZE;
    scenario_last = insn[PLAIN];
    scenario_seen.steps++;
    scenario_seen.status[status[PLAIN]]++;
    for (u32 other = 0; other < HOST_GUESTS; other += 2) {
        if (status[other] != status[PLAIN])
            return trouble("status");
        const char *what = differing(&host_guests[other], &host_guests[PLAIN]);
        if (!what && scenario_seen.steps % 16 == 0)
            what = differing_memory(&host_guests[other], &host_guests[PLAIN]);
        if (!what && status[PLAIN] != EMUL_DONE && !same_insn(&insn[other], &insn[PLAIN]))
            what = "instruction";
        if (what)
            return trouble(what) || (strcat(scenario_trouble, other == CACHED ? " (cached)" : " (long)"), false);
    }
    return scenario_seen.steps % 16 != 0 || coherence_holds() || trouble("read-only pages");
}

__attribute__((unused)) static bool scenario_step(void)
{
    between();
    set_registers();
    struct emul_expect expect = draw_expectation(&scenario_last);
    return scenario_perform(&expect);
}

static void scenario_end(void)
{
    const struct coherence_counts *counts = &host_guests[CACHED].vm.coherence.counts;
    scenario_seen.written += counts->invalidations_write;
    scenario_seen.evicted += counts->invalidations_eviction;
    scenario_seen.differences += counts->differences;
    scenario_seen.demoted += counts->pages_demoted;
    scenario_seen.trusted += counts->pages_trusted;
}

#endif
