/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ept/guest_walk.h"
#include "test/fuzz/walk_scenario.h"

#define P 1
#define W 2
#define U 4
#define A 0x20
#define D 0x40
#define PS 0x80
#define NX BIT(63)
#define ALL (P | W | U | A | D)

/* Tables at fixed places; the linear address 0x8040201234 uses entry 1 of each level. */
#define T4 0x10000ull
#define T3 0x11000ull
#define T2 0x12000ull
#define T1 0x13000ull
#define LINEAR 0x8040201234ull
#define PAGE 0x5000ull

static struct scene s;
static struct walk_result result;

static u64 *entry(u64 table)
{
    return (u64 *)(scene_memory + table) + 1;
}

static u32 *entry_32(u64 table, u32 index)
{
    return (u32 *)(scene_memory + table) + index;
}

static int set_up(void **state)
{
    memset(&s, 0, sizeof(s));
    scene_machine(&s);
    s.window.page_1g = true;
    s.v.have = PART_ALL;
    s.v.cr0 = CR0_PG | CR0_PE | CR0_WP;
    s.v.cr3 = T4;
    s.v.cr4 = CR4_PAE;
    s.v.efer = EFER_LMA | EFER_LME | EFER_NXE;
    *entry(T4) = T3 | ALL;
    *entry(T3) = T2 | ALL;
    *entry(T2) = T1 | ALL;
    *entry(T1) = PAGE | ALL;
    return 0;
}

/* The same with the tables directly mapped, so that the straight path is tried first. */
static int set_up_direct(void **state)
{
    set_up(state);
    s.window.physmap.direct = scene_memory;
    s.window.physmap.direct_end = SCENE_RAM;
    return 0;
}

static enum walk_status walk(u64 linear, enum walk_access access, bool user)
{
    s.request.linear = gva(linear);
    s.request.access = access;
    s.request.user = user;
    return guest_walk(&s.v, &s.window, &s.request, &result);
}

static void expect_page(u64 linear, u64 at, u64 size)
{
    assert_int_equal(walk(linear, WALK_READ, false), WALK_OK);
    assert_int_equal(result.gpa.at, at);
    assert_int_equal(result.page_size, size);
}

static void expect_fault(enum walk_access access, bool user, u32 error_code)
{
    assert_int_equal(walk(LINEAR, access, user), WALK_FAULT);
    assert_int_equal(result.error_code, error_code);
}

static void four_levels_and_large_pages(void **state)
{
    expect_page(LINEAR, PAGE | 0x234, 4 * KIB);
    assert_int_equal(result.depth, 4);
    assert_int_equal(result.entries[0].at.at, T4 + 8);
    assert_int_equal(result.entries[3].at.at, T1 + 8);
    assert_int_equal(result.entries[3].value, PAGE | ALL);
    *entry(T2) = 0x600000 | ALL | PS | BIT(12); /* bit 12 is PAT */
    expect_page(LINEAR, 0x600000 | 0x1234, 2 * MIB);
    assert_int_equal(result.depth, 3);
    *entry(T3) = GIB | ALL | PS | BIT(12);
    expect_page(LINEAR, GIB | 0x201234, GIB);
    s.v.cr3 |= 0xfff; /* PCID, PWT, PCD */
    expect_page(LINEAR, GIB | 0x201234, GIB);
}

static void not_present_at_each_level(void **state)
{
    static const u64 tables[] = {T4, T3, T2, T1};
    for (u32 i = 0; i < 4; i++) {
        *entry(tables[i]) &= ~(u64)P;
        *entry(tables[i]) |= BIT(45); /* reserved bits of an absent entry are not looked at */
        expect_fault(WALK_READ, false, 0);
        assert_int_equal(result.depth, i + 1);
        expect_fault(WALK_WRITE, true, 6);
        expect_fault(WALK_FETCH, true, 0x14);
        *entry(tables[i]) &= ~BIT(45);
        *entry(tables[i]) |= P;
    }
    expect_page(LINEAR, PAGE | 0x234, 4 * KIB);
}

static void reserved_bits_fault(void **state)
{
    static const u64 tables[] = {T4, T3, T2, T1};
    for (u32 i = 0; i < 4; i++) {
        u64 good = *entry(tables[i]);
        *entry(tables[i]) = good | BIT(36); /* MAXPHYADDR */
        expect_fault(WALK_READ, false, 9);
        *entry(tables[i]) = (good | BIT(51)) & ~(u64)(W | U); /* comes before permission */
        expect_fault(WALK_WRITE, true, 0xf);
        *entry(tables[i]) = good | BITS(58, 52); /* ignored */
        expect_page(LINEAR, PAGE | 0x234, 4 * KIB);
        *entry(tables[i]) = good | NX;
        s.v.efer &= ~EFER_NXE;
        expect_fault(WALK_FETCH, false, 9); /* no I/D flag without NXE and SMEP */
        s.v.cr4 |= CR4_SMEP;
        expect_fault(WALK_FETCH, false, 0x19);
        s.v.cr4 &= ~CR4_SMEP;
        s.v.efer |= EFER_NXE;
        *entry(tables[i]) = good;
    }
    *entry(T4) |= PS;
    expect_fault(WALK_READ, false, 9);
    *entry(T4) &= ~(u64)PS;
    *entry(T2) = 0x602000 | ALL | PS;
    expect_fault(WALK_READ, false, 9);
    *entry(T3) = GIB | BIT(29) | ALL | PS;
    expect_fault(WALK_READ, false, 9);
    *entry(T3) = GIB | ALL | PS;
    s.window.page_1g = false;
    expect_fault(WALK_READ, false, 9);
}

static void user_and_writable_are_the_and_of_all_levels(void **state)
{
    static const u64 tables[] = {T4, T3, T2, T1};
    for (u32 i = 0; i < 4; i++) {
        *entry(tables[i]) &= ~(u64)U;
        expect_fault(WALK_READ, true, 5);
        expect_fault(WALK_FETCH, true, 0x15);
        assert_int_equal(walk(LINEAR, WALK_WRITE, false), WALK_OK);
        *entry(tables[i]) |= U;
        *entry(tables[i]) &= ~(u64)W;
        expect_fault(WALK_WRITE, true, 7);
        expect_fault(WALK_WRITE, false, 3);
        assert_int_equal(walk(LINEAR, WALK_READ, true), WALK_OK);
        s.v.cr0 &= ~CR0_WP;
        assert_int_equal(walk(LINEAR, WALK_WRITE, false), WALK_OK);
        expect_fault(WALK_WRITE, true, 7);
        s.v.cr0 |= CR0_WP;
        *entry(tables[i]) |= W | NX;
        expect_fault(WALK_FETCH, false, 0x11);
        expect_fault(WALK_FETCH, true, 0x15);
        *entry(tables[i]) &= ~NX;
        assert_int_equal(walk(LINEAR, WALK_FETCH, true), WALK_OK);
    }
}

static void smep_and_smap(void **state)
{
    s.v.cr4 |= CR4_SMEP;
    expect_fault(WALK_FETCH, false, 0x11);
    assert_int_equal(walk(LINEAR, WALK_FETCH, true), WALK_OK);
    s.v.cr4 = CR4_PAE | CR4_SMAP;
    assert_int_equal(walk(LINEAR, WALK_FETCH, false), WALK_OK);
    expect_fault(WALK_READ, false, 1);
    s.v.cr0 &= ~CR0_WP;
    expect_fault(WALK_WRITE, false, 3); /* whatever WP says */
    s.v.rflags |= RFLAGS_AC;
    assert_int_equal(walk(LINEAR, WALK_WRITE, false), WALK_OK);
    s.request.implicit = true;
    expect_fault(WALK_READ, false, 1);
    s.request.implicit = false;
    *entry(T1) &= ~(u64)U; /* a supervisor page */
    s.v.rflags = 0;
    assert_int_equal(walk(LINEAR, WALK_WRITE, false), WALK_OK);
}

static void protection_keys(void **state)
{
    *entry(T1) |= 5ull << 59;
    s.v.cr4 |= CR4_PKE;
    s.v.pkru = ~(3u << 10);
    assert_int_equal(walk(LINEAR, WALK_WRITE, true), WALK_OK);
    s.v.pkru = 2u << 10; /* WD */
    assert_int_equal(walk(LINEAR, WALK_READ, true), WALK_OK);
    expect_fault(WALK_WRITE, true, 0x27);
    expect_fault(WALK_WRITE, false, 0x23);
    s.v.cr0 &= ~CR0_WP;
    assert_int_equal(walk(LINEAR, WALK_WRITE, false), WALK_OK);
    s.v.pkru = 1u << 10; /* AD */
    expect_fault(WALK_READ, false, 0x21);
    expect_fault(WALK_READ, true, 0x25);
    assert_int_equal(walk(LINEAR, WALK_FETCH, true), WALK_OK);
    *entry(T1) &= ~(u64)W; /* two reasons: PK is set as well */
    expect_fault(WALK_WRITE, true, 0x27);
    *entry(T1) &= ~(u64)U; /* supervisor pages have no such key */
    assert_int_equal(walk(LINEAR, WALK_READ, false), WALK_OK);
    s.v.cr4 = CR4_PAE;
    *entry(T1) |= U;
    assert_int_equal(walk(LINEAR, WALK_READ, true), WALK_OK);
}

static void clear_flags(void)
{
    static const u64 tables[] = {T4, T3, T2, T1};
    for (u32 i = 0; i < 4; i++)
        *entry(tables[i]) &= ~(u64)(A | D);
}

static void accessed_and_dirty(void **state)
{
    clear_flags();
    s.request.probe = true;
    assert_int_equal(walk(LINEAR, WALK_WRITE, false), WALK_OK);
    assert_int_equal(*entry(T1) & (A | D), 0);
    assert_int_equal(result.entries[3].value & (A | D), 0);
    s.request.probe = false;
    *entry(T1) &= ~(u64)W;
    expect_fault(WALK_WRITE, false, 3); /* not permitted: no flag at all */
    assert_int_equal(*entry(T4) & (A | D), 0);
    *entry(T1) |= W;
    assert_int_equal(walk(LINEAR, WALK_READ, false), WALK_OK);
    assert_int_equal(*entry(T4) & (A | D), A);
    assert_int_equal(*entry(T1) & (A | D), A);
    assert_int_equal(walk(LINEAR, WALK_WRITE, false), WALK_OK);
    assert_int_equal(*entry(T2) & (A | D), A); /* D on the leaf only */
    assert_int_equal(*entry(T1), PAGE | ALL);
    assert_int_equal(result.entries[3].value, PAGE | ALL);
}

/* The other CPU, which takes its turn when the walker asks for the memory of the last entry the `turn`th time. */
static struct {
    u32 turn, seen;
    u64 value;
    bool always;
} other;

static void *racing_map(void *context, hpa_t at)
{
    if (at.at == T1 + 8 && (++other.seen == other.turn || other.always))
        *entry(T1) = other.always ? *entry(T1) ^ BIT(52) : other.value;
    return scene_map(context, at);
}

static void a_lost_race_walks_again(void **state)
{
    s.window.physmap.map = racing_map;
    clear_flags();
    memset(&other, 0, sizeof(other));
    other.turn = 2; /* 1: the walk reads, 2: the flags are set */
    other.value = 0x7000 | P | W | U;
    assert_int_equal(walk(LINEAR, WALK_WRITE, false), WALK_OK);
    assert_int_equal(result.gpa.at, 0x7234);
    assert_int_equal(*entry(T1), 0x7000 | ALL);
    clear_flags();
    other.seen = 0;
    other.value = 0x7000 | P | U;
    expect_fault(WALK_WRITE, false, 3);
    assert_int_equal(*entry(T1), 0x7000 | P | U);
}

static void memory_that_never_holds_still_ends_the_walk(void **state)
{
    s.window.physmap.map = racing_map;
    clear_flags();
    memset(&other, 0, sizeof(other));
    other.always = true;
    expect_fault(WALK_WRITE, false, 2);
}

static void tables_in_exeunt_are_ones(void **state)
{
    static const u64 places[] = {SCENE_OWN, SCENE_TRAPPED, BIT(36) - PAGE_SIZE, SCENE_DEVICE};
    for (u32 i = 0; i < COUNT_OF(places); i++) {
        s.v.cr3 = places[i];
        expect_fault(WALK_READ, false, 9);
        s.v.cr3 = T4;
        *entry(T4) = places[i] | ALL;
        expect_fault(WALK_WRITE, true, 0xf);
        *entry(T4) = T3 | ALL;
        *entry(T2) = places[i] | ALL;
        expect_fault(WALK_FETCH, false, 0x19);
        *entry(T2) = T1 | ALL;
    }
    assert_int_equal(s.ept.counts.own_reads, 3);
    assert_int_equal(s.ept.counts.own_writes, 0);
}

static void trapped_memory_is_not_read_behind_the_policy(void **state)
{
    struct range all = {0, SCENE_RAM};
    expect_page(LINEAR, PAGE | 0x234, 4 * KIB);
    assert_int_equal(ept_add_hole(&s.ept, all), EPT_OK);
    expect_fault(WALK_READ, false, 9);
    ept_remove_hole(&s.ept, all);
    expect_page(LINEAR, PAGE | 0x234, 4 * KIB);
    assert_int_equal(ept_add_hole(&s.ept, (struct range){T2, T1}), EPT_OK);
    expect_fault(WALK_READ, false, 9);
    assert_int_equal(result.depth, 3);
}

static void pae_uses_the_registers(void **state)
{
    s.v.efer = EFER_NXE;
    s.v.cr3 = 0xdead0000; /* not looked at */
    s.v.pdpte[1] = T2 | P;
    s.v.pdpte[3] = T2;
    expect_page(0x40201234, PAGE | 0x234, 4 * KIB);
    expect_page(0xffffffff40201234, PAGE | 0x234, 4 * KIB); /* 32 bits */
    assert_int_equal(result.depth, 2);
    assert_int_equal(walk(0x201234, WALK_READ, false), WALK_FAULT);
    assert_int_equal(result.error_code, 0);
    assert_int_equal(walk(0xc0201234, WALK_WRITE, true), WALK_FAULT);
    assert_int_equal(result.error_code, 6);
    *entry(T2) = 0x600000 | ALL | PS;
    expect_page(0x40201234, 0x601234, 2 * MIB);
    *entry(T2) |= BIT(52); /* reserved here, ignored with four levels */
    assert_int_equal(walk(0x40201234, WALK_READ, false), WALK_FAULT);
    assert_int_equal(result.error_code, 9);
    *entry(T2) = 0x600000 | ALL | PS | NX;
    assert_int_equal(walk(0x40201234, WALK_FETCH, false), WALK_FAULT);
    assert_int_equal(result.error_code, 0x11);
}

static void thirty_two_bits(void **state)
{
    s.v.efer = 0;
    s.v.cr4 = 0;
    s.v.cr3 = T4 | 0xfff;
    *entry_32(T4, 3) = T1 | P | W | U | PS; /* PS means nothing without PSE */
    *entry_32(T1, 5) = PAGE | P | W | U;
    expect_page(0xc05678, PAGE | 0x678, 4 * KIB);
    assert_int_equal(*entry_32(T4, 3), T1 | P | W | U | PS | A);
    assert_int_equal(*entry_32(T1, 4), 0);
    assert_int_equal(*entry_32(T1, 5), PAGE | P | W | U | A);
    assert_int_equal(walk(0xc06678, WALK_FETCH, true), WALK_FAULT);
    assert_int_equal(result.error_code, 4); /* no I/D flag */
    s.v.cr4 = CR4_PSE;
    *entry_32(T4, 3) = 0xff400000 | P | W | U | PS;
    expect_page(0xc05678, 0xff405678, 4 * MIB);
    assert_int_equal(result.depth, 1);
    assert_int_equal(walk(0xc05678, WALK_WRITE, false), WALK_OK);
    assert_int_equal(*entry_32(T4, 3), 0xff400000 | ALL | PS);
    *entry_32(T4, 3) = 0x400000 | 0xf << 13 | BIT(12) | ALL | PS; /* PSE-36; bit 12 is PAT */
    expect_page(0xc05678, 0xf00405678, 4 * MIB);
    *entry_32(T4, 3) |= BIT(17); /* M is 36: 21:17 are reserved */
    assert_int_equal(walk(0xc05678, WALK_READ, false), WALK_FAULT);
    assert_int_equal(result.error_code, 9);
    s.ept.config.physical_bits = 46; /* PSE-36 ends at 40: 20:13 are address, 21 is reserved */
    expect_page(0xc05678, 0x1f00405678, 4 * MIB);
    *entry_32(T4, 3) |= BIT(21);
    assert_int_equal(walk(0xc05678, WALK_READ, false), WALK_FAULT);
}

static void no_paging_and_no_fifth_level(void **state)
{
    s.v.cr4 |= CR4_LA57;
    expect_fault(WALK_READ, true, 4);
    s.v.cr0 = CR0_PE;
    expect_page(0x100000000 + 0x12345, 0x12345, 4 * KIB);
    assert_int_equal(result.depth, 0);
}

static u32 fetched;

static void fetch(struct vcpu *v, u32 parts)
{
    fetched |= parts;
}

static void only_what_matters_is_fetched(void **state)
{
    s.v.have = 0;
    s.v.fetch = fetch;
    fetched = 0;
    assert_int_equal(walk(LINEAR, WALK_READ, false), WALK_OK);
    assert_int_equal(fetched, PART_CR3 | PART_EFER); /* CR0 and CR4: what rules paging is always there */
    s.v.cr4 |= CR4_SMAP | CR4_PKE;
    walk(LINEAR, WALK_READ, false);
    assert_int_equal(fetched, PART_CR3 | PART_EFER | PART_RFLAGS | PART_PKRU);
}

static void equals_the_reference_on_random_scenes(void **state)
{
    static u8 data[64];
    u64 x = 88172645463325252;
    u32 translated = 0;
    for (u32 i = 0; i < 150000; i++) {
        for (u32 j = 0; j < sizeof(data); j++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            data[j] = (u8)(x >> 24);
        }
        translated += walk_scenario(data, sizeof(data));
    }
    assert_in_range(translated, 10000, 140000); /* both outcomes were tried */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(four_levels_and_large_pages, set_up),
        cmocka_unit_test_setup(four_levels_and_large_pages, set_up_direct),
        cmocka_unit_test_setup(not_present_at_each_level, set_up),
        cmocka_unit_test_setup(not_present_at_each_level, set_up_direct),
        cmocka_unit_test_setup(reserved_bits_fault, set_up),
        cmocka_unit_test_setup(reserved_bits_fault, set_up_direct),
        cmocka_unit_test_setup(user_and_writable_are_the_and_of_all_levels, set_up),
        cmocka_unit_test_setup(user_and_writable_are_the_and_of_all_levels, set_up_direct),
        cmocka_unit_test_setup(smep_and_smap, set_up),
        cmocka_unit_test_setup(smep_and_smap, set_up_direct),
        cmocka_unit_test_setup(protection_keys, set_up),
        cmocka_unit_test_setup(protection_keys, set_up_direct),
        cmocka_unit_test_setup(accessed_and_dirty, set_up),
        cmocka_unit_test_setup(accessed_and_dirty, set_up_direct),
        cmocka_unit_test_setup(a_lost_race_walks_again, set_up),
        cmocka_unit_test_setup(memory_that_never_holds_still_ends_the_walk, set_up),
        cmocka_unit_test_setup(tables_in_exeunt_are_ones, set_up),
        cmocka_unit_test_setup(tables_in_exeunt_are_ones, set_up_direct),
        cmocka_unit_test_setup(trapped_memory_is_not_read_behind_the_policy, set_up),
        cmocka_unit_test_setup(trapped_memory_is_not_read_behind_the_policy, set_up_direct),
        cmocka_unit_test_setup(pae_uses_the_registers, set_up),
        cmocka_unit_test_setup(pae_uses_the_registers, set_up_direct),
        cmocka_unit_test_setup(thirty_two_bits, set_up),
        cmocka_unit_test_setup(thirty_two_bits, set_up_direct),
        cmocka_unit_test_setup(no_paging_and_no_fifth_level, set_up),
        cmocka_unit_test_setup(no_paging_and_no_fifth_level, set_up_direct),
        cmocka_unit_test_setup(only_what_matters_is_fetched, set_up),
        cmocka_unit_test_setup(only_what_matters_is_fetched, set_up_direct),
        cmocka_unit_test(equals_the_reference_on_random_scenes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
