/* SPDX-License-Identifier: BSD-2-Clause */
/* The page tables come to mean other code at the same address. */
#include "test/guest/coherence/coherence.h"
#include "test/guest/lib/cpu.h"

#define SITE 64
#define LEVELS (LONG_MODE ? 4u : 2u)
#define INDEX_BITS (LONG_MODE ? 9u : 10u)
#define TABLE_ENTRIES (1u << INDEX_BITS)
#define ALL (PAGE_U | PAGE_W | PAGE_P)

static u8 *page_with(u32 reg)
{
    u8 *page = code_pages(1);
    site_put(page + SITE, reg);
    return page;
}

u32 danger_remap(void)
{
    map(ALIAS, page_with(OLD));
    site_learn((u8 *)ALIAS + SITE);
    switch_later();
    map(ALIAS, page_with(NEW));
    return site_run((u8 *)ALIAS + SITE);
}

/* Before INVLPG the CPU may still fetch from the old page; after it, no more. */
u32 danger_remap_late(void)
{
    map(ALIAS, page_with(OLD));
    site_learn((u8 *)ALIAS + SITE);
    switch_later();
    *page_entry(ALIAS) = (word)page_with(NEW) | ALL;
    u32 between = site_run((u8 *)ALIAS + SITE);
    invlpg((void *)ALIAS);
    return between == OLD || between == NEW ? site_run((u8 *)ALIAS + SITE) : 0;
}

/* A large page becomes small ones, of which one is another than before. */
u32 danger_split(void)
{
    word large = 0x40800000, frame = 0x3000000; /* RAM that nobody uses */
    volatile word *directory = directory_entry(large);
    u8 *site = (u8 *)large + SITE;
    *directory = frame | PAGE_PS | ALL;
    write_cr3(read_cr3());
    site_put(site, OLD);
    site_learn(site);
    switch_later();
    page_entry(large); /* splits: all as before */
    u32 before = site_run(site);
    map(large, page_with(NEW));
    return before == OLD ? site_run(site) : 0;
}

static word *copy_of(word table)
{
    word *from = (word *)(table & ~0xffful), *to = page_take();
    for (u32 i = 0; i < PAGE_SIZE / sizeof(word); i++)
        to[i] = from[i];
    return to;
}

/* CR3 of an address space that differs from this one in one page. */
static word other_space(word linear, const void *page)
{
    word *top = copy_of(read_cr3()), *table = top;
    for (u32 level = LEVELS - 1; level; level--) {
        word *entry = &table[linear >> (12 + level * INDEX_BITS) & (TABLE_ENTRIES - 1)];
        table = copy_of(*entry);
        *entry = (word)table | ALL;
    }
    table[linear >> 12 & (TABLE_ENTRIES - 1)] = (word)page | ALL;
    return (word)top;
}

u32 danger_spaces(void)
{
    word here = read_cr3();
    map(ALIAS, page_with(OLD));
    word there = other_space(ALIAS, page_with(NEW));
    site_learn((u8 *)ALIAS + SITE);
    switch_later();
    write_cr3(there);
    u32 got = site_run((u8 *)ALIAS + SITE);
    write_cr3(here);
    return got == NEW && site_run((u8 *)ALIAS + SITE) != OLD ? 0 : got;
}

/* A site whose displacement begins the second page. */
#define STRADDLE (PAGE_SIZE - AIM)

u32 danger_second_write(void)
{
    u8 *site = code_pages(2) + STRADDLE;
    site_put(site, OLD);
    site_learn(site);
    site_aim(site, NEW);
    return site_run(site);
}

/* The second page is one that is compared, the first is not. */
u32 danger_second_mixed(void)
{
    u8 *site = code_pages(2) + STRADDLE;
    site_put(site, OLD);
    for (u32 i = 0; i < 8; i++) {
        site_learn(site);
        ++*(volatile u8 *)(site + 2048);
    }
    site_learn(site);
    site_aim(site, NEW);
    return site_run(site);
}

u32 danger_second_remap(void)
{
    u8 *first = code_pages(4), *second = first + PAGE_SIZE, *other = first + 3 * PAGE_SIZE,
       *site = (u8 *)ALIAS + STRADDLE;
    site_put(first + STRADDLE, OLD);
    site_put(other - AIM, NEW);
    map(ALIAS, first);
    map(ALIAS2, second);
    site_learn(site);
    map(ALIAS2, other);
    return site_run(site);
}

/* ---- other rules ---- */

#define CR4_SMEP 0x100000u
#define FAULT_PRESENT_FETCH 0x11u
#define IMAGE_END 0x1000000ul /* and all that it lies in */

bool has_smep(void)
{
    return cpuid(0, 0).eax >= 7 && cpuid(7, 0).ebx >> 7 & 1;
}

/* The image becomes the supervisor's, or anybody's again. */
static void image_for_user(bool user)
{
    for (word at = 0; at < IMAGE_END; at += 0x200000) {
        volatile word *entry = directory_entry(at);
        *entry = user ? *entry | PAGE_U : *entry & ~(word)PAGE_U;
    }
    write_cr3(read_cr3());
}

/* At the end of the supervisor's page the code goes on in a user's. */
static u8 *put_over_two_pages(void)
{
    u8 *first = code_pages(2), *site = (u8 *)ALIAS2 - (SITE_BYTES - 1);
    site_put(first + PAGE_SIZE - (SITE_BYTES - 1), OLD);
    site_put(first + PAGE_SIZE, OLD);
    map(ALIAS, first);
    map(ALIAS2, first + PAGE_SIZE);
    *page_entry(ALIAS) &= ~(word)PAGE_U;
    invlpg((void *)ALIAS);
    return site;
}

/*
 * SMEP forbids the second page to the supervisor, though no entry changes. By then another site has been found again,
 * so that the quick way is open.
 */
u32 danger_rules(void)
{
    if (!has_smep())
        return NEW;
    u8 *site = put_over_two_pages(), *other = page_with(OLD) + SITE;
    for (u32 i = 0; i < 4; i++) {
        site_learn(site);
        site_learn(other);
    }
    image_for_user(false);
    site_learn(site);
    site_learn(other);
    write_cr4(read_cr4() | CR4_SMEP);
    site_learn(other);
    ATTEMPT(site_run(site));
    write_cr4(read_cr4() & ~(word)CR4_SMEP);
    image_for_user(true);
    if (!fault.happened || fault.ip != ALIAS2)
        return OLD;
    return fault.vector == VECTOR_PF && fault.error == FAULT_PRESENT_FETCH && fault.address == ALIAS2 ? NEW : 0;
}
