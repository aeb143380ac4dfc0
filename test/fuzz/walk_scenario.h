/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds guest page tables, a paging mode and an access from a string of bytes, walks them with guest_walk() and with a
 * second walker that goes through the SDM's tables bit by bit, and stops at the first difference: in status, address,
 * error code, page size, entries, or any byte of the tables. Used by the fuzzer and, with random bytes, by the unit
 * test.
 */
#ifndef TEST_WALK_SCENARIO_H
#define TEST_WALK_SCENARIO_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ept/guest_walk.h"

#define SCENE_RAM (256 * KIB)
#define SCENE_TABLES 0x10000ull /* 16 pages of tables */
#define SCENE_TABLES_SIZE (16 * PAGE_SIZE)
#define SCENE_TRAPPED 0x24000ull
#define SCENE_OWN 0x28000ull
#define SCENE_OWN_SIZE (8 * PAGE_SIZE)
#define SCENE_DEVICE 0x80000ull /* and all else: no memory answers, all ones */

static _Alignas(4096) char scene_memory[SCENE_RAM];
static _Alignas(4096) char scene_bus[PAGE_SIZE];

struct scene {
    const u8 *data;
    size_t size;
    struct mtrrs mtrrs;
    struct page_pool pool;
    struct ept ept;
    struct window window;
    struct vcpu v;
    struct walk_request request;
};

enum reference_mode { REFERENCE_OFF, REFERENCE_32, REFERENCE_PAE, REFERENCE_4LEVEL };

struct reference {
    bool ok;
    u64 gpa, page_size;
    u32 error_code, depth;
    u64 at[4], entry[4];
};

static void scene_fail(const char *what)
{
    fprintf(stderr, "guest_walk differs from the reference: %s\n", what);
    abort();
}

static void *scene_map(void *context, hpa_t at)
{
    (void)context;
    if (at.at >= SCENE_OWN && at.at < SCENE_OWN + SCENE_OWN_SIZE)
        scene_fail("Exeunt's region was mapped");
    if (at.at < SCENE_RAM)
        return scene_memory + at.at;
    memset(scene_bus, 0xff, sizeof(scene_bus));
    return scene_bus + (at.at & ~PAGE_MASK);
}

static u64 reference_read(u64 at, u32 size)
{
    u64 value = 0;
    bool ones = at >= SCENE_RAM || (at >= SCENE_OWN && at < SCENE_OWN + SCENE_OWN_SIZE) ||
                (at >= SCENE_TRAPPED && at < SCENE_TRAPPED + PAGE_SIZE);
    if (ones)
        return size == 4 ? 0xffffffff : ~0ull;
    memcpy(&value, scene_memory + at, size);
    return value;
}

static bool reference_bit(u64 value, unsigned bit)
{
    return value >> bit & 1;
}

static enum reference_mode reference_mode(const struct vcpu *v)
{
    if (!reference_bit(v->cr0, 31))
        return REFERENCE_OFF;
    if (!reference_bit(v->cr4, 5))
        return REFERENCE_32;
    return reference_bit(v->efer, 10) ? REFERENCE_4LEVEL : REFERENCE_PAE;
}

/* Whether the entry maps a page: it is in the last table, or a large page as the mode and the CPU have them. */
static bool reference_is_leaf(const struct scene *s, enum reference_mode mode, unsigned shift, u64 entry)
{
    if (shift == 12)
        return true;
    if (mode == REFERENCE_32)
        return reference_bit(entry, 7) && reference_bit(s->v.cr4, 4);
    return reference_bit(entry, 7) && (shift == 21 || (shift == 30 && s->window.page_1g));
}

static bool reference_reserved(const struct scene *s, enum reference_mode mode, unsigned shift, u64 entry)
{
    unsigned width = s->ept.config.physical_bits;
    bool is_leaf = reference_is_leaf(s, mode, shift, entry);
    for (unsigned bit = 0; bit < 64; bit++) {
        bool reserved = false;
        if (mode == REFERENCE_32) {
            reserved = is_leaf && shift == 22 && bit >= (width < 40 ? width : 40) - 19 && bit <= 21;
        } else {
            reserved |= bit >= width && bit <= 51;
            reserved |= mode == REFERENCE_PAE && bit >= 52 && bit <= 62;
            reserved |= bit == 63 && !reference_bit(s->v.efer, 11);
            reserved |= bit == 7 && shift == 39;
            reserved |= bit == 7 && shift == 30 && !s->window.page_1g;
            reserved |= is_leaf && shift > 12 && bit >= 13 && bit < shift;
        }
        if (reserved && reference_bit(entry, bit))
            return true;
    }
    return false;
}

/* SDM "Determination of Access Rights", sentence by sentence. */
static bool reference_rights(const struct scene *s, const struct reference *r)
{
    bool user_page = true, writable = true, xd = false;
    bool wp = reference_bit(s->v.cr0, 16), ac = reference_bit(s->v.rflags, 18) && !s->request.implicit;
    bool smep = reference_bit(s->v.cr4, 20), smap = reference_bit(s->v.cr4, 21);
    for (u32 i = 0; i < r->depth; i++) {
        user_page &= reference_bit(r->entry[i], 2);
        writable &= reference_bit(r->entry[i], 1);
        xd |= reference_bit(r->entry[i], 63);
    }
    if (!s->request.user) {
        switch (s->request.access) {
        case WALK_READ:
            return !user_page || !smap || ac;
        case WALK_WRITE:
            if (user_page && smap && !ac)
                return false;
            return !wp || writable;
        case WALK_FETCH:
            return user_page ? !smep && !xd : !xd;
        }
    }
    if (!user_page)
        return false;
    return s->request.access == WALK_READ ? true : s->request.access == WALK_WRITE ? writable : !xd;
}

static bool reference_key_fault(const struct scene *s, const struct reference *r)
{
    bool user_page = true;
    for (u32 i = 0; i < r->depth; i++)
        user_page &= reference_bit(r->entry[i], 2);
    unsigned key = r->entry[r->depth - 1] >> 59 & 15;
    if (!reference_bit(s->v.efer, 10) || !reference_bit(s->v.cr4, 22) || !user_page || s->request.access == WALK_FETCH)
        return false;
    if (reference_bit(s->v.pkru, 2 * key))
        return true;
    return reference_bit(s->v.pkru, 2 * key + 1) && s->request.access == WALK_WRITE &&
           (s->request.user || reference_bit(s->v.cr0, 16));
}

static void reference_fault(const struct scene *s, struct reference *r, u32 p, u32 rsvd, u32 pk)
{
    bool nxe = reference_bit(s->v.cr4, 5) && reference_bit(s->v.efer, 11);
    bool fetch = s->request.access == WALK_FETCH && (reference_bit(s->v.cr4, 20) || nxe);
    r->ok = false;
    r->error_code = p | (s->request.access == WALK_WRITE) << 1 | s->request.user << 2 | rsvd << 3 | fetch << 4 |
                    pk << 5;
}

static u64 reference_address(enum reference_mode mode, unsigned shift, u64 entry)
{
    u64 address = entry & 0x000ffffffffff000;
    if (mode == REFERENCE_32 && shift == 22)
        address = (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32;
    return address >> shift << shift;
}

/* True: entry[depth-1] is the leaf. False: a fault is in *r. */
static bool reference_translate(const struct scene *s, enum reference_mode mode, struct reference *r)
{
    static const unsigned shifts[][4] = {{0}, {22, 12}, {21, 12}, {39, 30, 21, 12}};
    u32 size = mode == REFERENCE_32 ? 4 : 8, mask = mode == REFERENCE_32 ? 1023 : 511;
    u64 linear = mode == REFERENCE_4LEVEL ? s->request.linear.at : s->request.linear.at & 0xffffffff;
    u64 table = s->v.cr3 & (mode == REFERENCE_32 ? 0xfffff000 : 0x000ffffffffff000);
    if (mode == REFERENCE_PAE) {
        table = s->v.pdpte[linear >> 30] & 0x000ffffffffff000;
        if (!reference_bit(s->v.pdpte[linear >> 30], 0))
            return reference_fault(s, r, 0, 0, 0), false;
    }
    for (u32 i = 0;; i++) {
        unsigned shift = shifts[mode][i];
        r->at[i] = table + (linear >> shift & mask) * size;
        u64 entry = r->entry[i] = reference_read(r->at[i], size);
        r->depth = i + 1;
        if (!reference_bit(entry, 0))
            return reference_fault(s, r, 0, 0, 0), false;
        if (reference_reserved(s, mode, shift, entry))
            return reference_fault(s, r, 1, 1, 0), false;
        if (reference_is_leaf(s, mode, shift, entry)) {
            r->page_size = 1ull << shift;
            r->gpa = reference_address(mode, shift, entry) + (linear & (r->page_size - 1));
            return true;
        }
        table = reference_address(mode, 12, entry);
    }
}

static struct reference reference_walk(const struct scene *s)
{
    struct reference r = {.ok = true, .gpa = s->request.linear.at & 0xffffffff, .page_size = 4096};
    enum reference_mode mode = reference_mode(&s->v);
    if (mode == REFERENCE_OFF || !reference_translate(s, mode, &r))
        return r;
    bool key = reference_key_fault(s, &r);
    if (key || !reference_rights(s, &r)) {
        reference_fault(s, &r, 1, 0, key);
        return r;
    }
    for (u32 i = 0; i < r.depth && !s->request.probe; i++) {
        r.entry[i] |= 0x20;
        if (i == r.depth - 1 && s->request.access == WALK_WRITE)
            r.entry[i] |= 0x40;
    }
    return r;
}

static u8 scene_byte(struct scene *s)
{
    if (!s->size)
        return 0;
    s->size--;
    return *s->data++;
}

static u64 scene_number(struct scene *s, u32 bytes)
{
    u64 number = 0;
    while (bytes--)
        number = number << 8 | scene_byte(s);
    return number;
}

/* A page for a table: mostly one of the 16, sometimes one that is no memory. */
static u64 scene_page(struct scene *s, u64 physical_bits)
{
    u8 choice = scene_byte(s);
    switch (choice) {
    case 0xf0 ... 0xf3:
        return SCENE_OWN + (choice & 3) * PAGE_SIZE;
    case 0xf4 ... 0xf7:
        return SCENE_TRAPPED;
    case 0xf8 ... 0xfb:
        return SCENE_DEVICE;
    case 0xfc ... 0xff:
        return (1ull << physical_bits) - PAGE_SIZE; /* the last one there can be */
    }
    return SCENE_TABLES + (choice & 15) * PAGE_SIZE;
}

/* A byte of flags, a page, and now and then something odd: a wild bit, or a wild entry. */
static u64 scene_entry(struct scene *s)
{
    u64 entry = scene_byte(s), odd;
    entry = (entry & 0x60) | (entry & 0x1f ? 7 : 6) | (entry & 0x80 ? 0x80 : 0);
    entry |= scene_page(s, s->ept.config.physical_bits);
    odd = scene_byte(s);
    if (odd < 0x30)
        entry ^= odd & 7; /* other permissions */
    else if (odd < 0x48)
        entry |= odd & 1 ? BIT(63) : 0;
    else if (odd < 0x60)
        entry |= (u64)(odd & 15) << 59; /* key */
    else if (odd < 0x80)
        entry ^= BIT(scene_byte(s) & 63);
    else if (odd < 0x84)
        entry = scene_number(s, 8);
    else if (odd < 0xc0)
        entry &= ~0x3ff000ull; /* the low address bits that large pages must not have */
    return entry;
}

/* What stands where the reference does not go: nothing, or entries that a walker who goes wrong would believe. */
static void scene_background(struct scene *s)
{
    u8 fill = scene_byte(s);
    u64 entry = fill & 1 ? (SCENE_TABLES + (fill >> 4) * PAGE_SIZE) | 0x67 : 0;
    for (u64 at = 0; at < SCENE_TABLES_SIZE; at += 8)
        memcpy(scene_memory + SCENE_TABLES + at, &entry, 8);
}

/* Follows the linear address through the tables and puts an entry wherever the walk will look. */
static void scene_tables(struct scene *s)
{
    enum reference_mode mode = reference_mode(&s->v);
    u32 size = mode == REFERENCE_32 ? 4 : 8;
    for (u32 i = 0; i < 4; i++) {
        struct reference r = {0};
        reference_translate(s, mode, &r);
        if (r.depth <= i)
            return;
        u64 entry = scene_entry(s), at = r.at[i];
        if (at >= SCENE_TABLES && at < SCENE_TABLES + SCENE_TABLES_SIZE)
            memcpy(scene_memory + at, &entry, size);
    }
}

static void scene_mode(struct scene *s)
{
    static const u8 widths[] = {32, 36, 36, 39, 40, 42, 46, 52};
    u8 mode = scene_byte(s), bits = scene_byte(s);
    struct vcpu *v = &s->v;
    v->have = PART_ALL;
    v->cr0 = (mode & 0xf ? CR0_PG : 0) | CR0_PE | (bits & 1 ? CR0_WP : 0);
    v->cr4 = (mode & 0x10 ? CR4_PAE : 0) | (bits & 2 ? CR4_PSE : 0) | (bits & 4 ? CR4_SMEP : 0) |
             (bits & 8 ? CR4_SMAP : 0) | (bits & 16 ? CR4_PKE : 0);
    v->efer = bits & 32 ? EFER_NXE : 0;
    if ((v->cr4 & CR4_PAE) && (mode & 0xe0))
        v->efer |= EFER_LMA | EFER_LME;
    v->rflags = bits & 64 ? RFLAGS_AC : 0;
    s->window.page_1g = bits & 128;
    s->ept.config.physical_bits = widths[scene_byte(s) & 7];
    v->pkru = (u32)scene_number(s, 4);
    v->cr3 = scene_page(s, 32) | (scene_byte(s) & 0xfff);
    for (u32 i = 0; i < 4; i++)
        v->pdpte[i] = scene_page(s, s->ept.config.physical_bits) | (scene_byte(s) % 8 > 0);
    s->request.linear = gva(scene_number(s, 8));
    if (v->efer & EFER_LMA)
        s->request.linear.at = (u64)((s64)(s->request.linear.at << 16) >> 16);
}

static void scene_request(struct scene *s)
{
    u8 bits = scene_byte(s);
    s->request.access = (enum walk_access)(bits % 3);
    s->request.user = bits & 0x10;
    s->request.implicit = (bits & 0x20) && !s->request.user;
    s->request.probe = (bits & 0xc0) == 0xc0;
}

static void scene_machine(struct scene *s)
{
    static const struct range ram = {0, SCENE_RAM};
    s->mtrrs = (struct mtrrs){.default_type = 0x806, .physical_bits = 52};
    page_pool_init(&s->pool, scene_memory + SCENE_OWN, hpa(SCENE_OWN), SCENE_OWN_SIZE / PAGE_SIZE);
    struct ept_config config = {
        .pool = &s->pool,
        .mtrrs = &s->mtrrs,
        .own = {SCENE_OWN, SCENE_OWN + SCENE_OWN_SIZE},
        .ram = &ram,
        .ram_count = 1,
        .physical_bits = 36,
        .page_2m = true,
        .large_executable = true,
    };
    memset(scene_memory, 0, sizeof(scene_memory));
    if (ept_init(&s->ept, &config) != EPT_OK ||
        ept_add_hole(&s->ept, (struct range){SCENE_TRAPPED, SCENE_TRAPPED + PAGE_SIZE}) != EPT_OK)
        scene_fail("the scene could not be set");
    s->window = (struct window){.ept = &s->ept, .physmap = {.map = scene_map}};
}

static void scene_compare(struct scene *s)
{
    static char expected[SCENE_TABLES_SIZE];
    struct walk_result result;
    struct reference r = reference_walk(s);
    u32 size = s->v.cr4 & CR4_PAE ? 8 : 4;
    memcpy(expected, scene_memory + SCENE_TABLES, sizeof(expected));
    for (u32 i = 0; i < r.depth && r.ok && !s->request.probe; i++) {
        if (r.at[i] >= SCENE_TABLES && r.at[i] < SCENE_TABLES + SCENE_TABLES_SIZE)
            memcpy(expected + (r.at[i] - SCENE_TABLES), &r.entry[i], size);
    }
    enum walk_status status = guest_walk(&s->v, &s->window, &s->request, &result);
    if ((status == WALK_OK) != r.ok)
        scene_fail("status");
    if (!r.ok && result.error_code != r.error_code)
        scene_fail("error code");
    if (r.ok && (result.gpa.at != r.gpa || result.page_size != r.page_size))
        scene_fail("address");
    if (result.depth != r.depth)
        scene_fail("depth");
    for (u32 i = 0; i < r.depth; i++) {
        if (result.entries[i].at.at != r.at[i] || result.entries[i].value != r.entry[i])
            scene_fail("entry");
    }
    if (memcmp(expected, scene_memory + SCENE_TABLES, sizeof(expected)))
        scene_fail("tables");
}

/* One scene: any bytes will do. Returns whether the last walk found a translation. */
static bool walk_scenario(const u8 *data, size_t size)
{
    static struct scene s;
    static bool standing;
    if (!standing)
        scene_machine(&s);
    standing = true;
    s.data = data;
    s.size = size;
    scene_background(&s);
    scene_mode(&s);
    if (reference_mode(&s.v) != REFERENCE_OFF)
        scene_tables(&s);
    for (u32 i = 0; i < 4; i++) {
        scene_request(&s);
        s.window.physmap.direct = scene_memory;
        s.window.physmap.direct_end = i == 1 ? 0 : SCENE_RAM;
        scene_compare(&s);
    }
    return reference_walk(&s).ok;
}

#endif
