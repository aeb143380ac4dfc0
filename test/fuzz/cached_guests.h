/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The three guests of test/fuzz/cached_scenario.h, and their memory:
 *
 *   linear 10000..13fff  code, mapped to any of the pages 10000..17fff
 *   20000.., 30000..     data; stacks
 *   41000                LAPIC page, trapped, inside the direct map (guest-physical 600000)
 *   42000                a trap=mmio: page inside the direct map (601000)
 *   43000, 44000         DEVICE_BASE, TRAPPED_BASE: outside the direct map
 *   45000                nothing
 *   46000                Exeunt's own region
 */
#ifndef TEST_FUZZ_CACHED_GUESTS_H
#define TEST_FUZZ_CACHED_GUESTS_H

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
static void scenario_quick(struct vcpu *v, const struct insn *known, emul_undone *undone)
{
    struct interp in = {.v = v, .insn = known, .next = v->rip + known->length};
    u64 performed = v->tcache->counts.performed;
    bool lapic = (operand_address(&in) & PAGE_MASK) == APIC_AT;
    quick_choose(known)(v, known, undone);
    bool done = v->tcache->counts.performed == performed;
    scenario_seen.quick += done;
    scenario_seen.quick_refused += !done;
    scenario_seen.lapic_quick += done && lapic;
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

#endif
