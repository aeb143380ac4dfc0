/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to the guests of test/fuzz/cached_scenario.h between two steps: code is rewritten, mapped elsewhere,
 * taken away and given back.
 */
#ifndef TEST_FUZZ_CACHED_CHANGE_H
#define TEST_FUZZ_CACHED_CHANGE_H

#include "test/fuzz/cached_guests.h"

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

/* The rest of what emul/quick_run.c has: IMUL, XCHG, INC, DEC, NOT, NEG; CMOVcc, BT and its like. */
static u32 put_other(u8 *bytes, u32 at, u64 site)
{
    static const u8 plain[] = {0x69, 0x6b, 0x86, 0x87, 0xfe, 0xff, 0xf6, 0xf7};
    u32 kind = draw(4);
    if (kind < 2) {
        bytes[at++] = plain[draw(COUNT_OF(plain))];
    } else {
        bytes[at++] = 0x0f;
        bytes[at++] = kind == 2 ? 0x40 + draw(16) : draw(2) ? 0xaf : 0xba;
    }
    return put_memory(bytes, at, site);
}

/* LODS, STOS. */
static u32 put_string(u8 *bytes, u32 at)
{
    bytes[at++] = 0xaa + draw(4);
    return at;
}

/* MOV, MOVZX, MOVSX and arithmetic with memory: what emul/quick_run.c has. */
static u32 put_quick(u8 *bytes, u32 at, u64 site)
{
    u32 which = draw(8);
    if (which < 2)
        return put_other(bytes, at, site);
    if (which == 2 && draw(2))
        return put_string(bytes, at);
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

#endif
