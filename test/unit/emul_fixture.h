/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest on the host: a struct vcpu and a struct vm over an array, with the real EPT, window, page walk and device
 * policy, and a machine that records what reaches it, in order.
 *
 *   guest-physical 0 .. 8 MiB        RAM (the tables of the guest's paging are taken from its top)
 *   4 MiB .. 5 MiB                   Exeunt's own region, not RAM
 *   0xd0000000, one page             DEVICE: passed through
 *   0xd0001000, one page             TRAPPED (trap=mmio:)
 */
#ifndef TEST_EMUL_FIXTURE_H
#define TEST_EMUL_FIXTURE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emul/access.h"
#include "emul/emul.h"

#define RAM_SIZE (8 * MIB)
#define OWN_BASE (4 * MIB)
#define DEVICE_BASE 0xd0000000ull
#define TRAPPED_BASE 0xd0001000ull
#define POOL_PAGES 64

/* Between a guest and the next: where the next one's struct vcpu is used as a stack pointer. */
#ifndef HOST_STACK
#define HOST_STACK 16
#endif

enum guest_mode { MODE_REAL, MODE_V86, MODE_16, MODE_32, MODE_COMPAT, MODE_64 };

struct test_guest {
    struct vcpu v;
    struct vm vm;
    struct machine machine;
    struct walk_memo walks;
    struct mtrrs mtrrs;
    struct range ram_range;
    struct page_pool pool;
    u8 *ram;                   /* guest-physical 0 */
    u8 *device;                /* two pages from DEVICE_BASE: the second is trapped */
    u64 free_table;            /* the guest's page tables grow down from here */
    u64 vector[16][4], mmx[8]; /* YMM registers, with XMM as their lower half */
    char record[4096];         /* "out 80.1 5;" "in 60.1;" "map d0001010;" */
    u32 port_value;            /* what ports give; each IN adds one */
    u64 now, tick;             /* the machine's time, and how much each look at it adds */
    u64 tsc_aux;
    u64 dr[4];
    u8 nothing[PAGE_SIZE]; /* what is at addresses where there is nothing */
    u8 stack[HOST_STACK] __attribute__((aligned(128)));
};

/* Tests that hold two guests against each other define HOST_GUESTS; host_guest is the one that host_guest_now names. */
#ifndef HOST_GUESTS
#define HOST_GUESTS 1
#endif
static struct test_guest host_guests[HOST_GUESTS], *host_guest_now = host_guests;
#define host_guest (*host_guest_now)

__attribute__((unused)) static void guest_note(const char *format, ...)
{
    size_t used = strlen(host_guest.record);
    va_list list;
    va_start(list, format);
    vsnprintf(host_guest.record + used, sizeof(host_guest.record) - used, format, list);
    va_end(list);
}

static u32 guest_port_in(u16 port, u32 size)
{
    guest_note("in %x.%u;", port, size);
    return host_guest.port_value++;
}

static void guest_port_out(u16 port, u32 size, u32 value)
{
    guest_note("out %x.%u %x;", port, size, value);
}

static void guest_port_ins(u16 port, u32 size, void *to, u64 count)
{
    for (u64 i = 0; i < count; i++) {
        u32 value = host_guest.machine.port_in(port, size);
        memcpy((u8 *)to + i * size, &value, size);
    }
}

static void guest_port_outs(u16 port, u32 size, const void *from, u64 count)
{
    for (u64 i = 0; i < count; i++) {
        u32 value = 0;
        memcpy(&value, (const u8 *)from + i * size, size);
        host_guest.machine.port_out(port, size, value);
    }
}

static bool guest_msr_read(u32 msr, u64 *value)
{
    *value = host_guest.tsc_aux;
    return msr == 0xc0000103;
}

static bool guest_msr_write(u32 msr, u64 value)
{
    return false;
}

static void guest_vector_get(u32 index, void *value)
{
    if (index >= VECTOR_END)
        abort();
    if (index >= VECTOR_MMX)
        memcpy(value, &host_guest.mmx[index - VECTOR_MMX], 8);
    else
        memcpy(value, host_guest.vector[index % 16], index >= VECTOR_YMM ? 32 : 16);
}

static void guest_vector_set(u32 index, const void *value)
{
    if (index >= VECTOR_END)
        abort();
    if (index >= VECTOR_MMX) {
        memcpy(&host_guest.mmx[index - VECTOR_MMX], value, 8);
        return;
    }
    memcpy(host_guest.vector[index % 16], value, index >= VECTOR_YMM ? 32 : 16);
}

static u64 guest_time(void)
{
    return host_guest.now += host_guest.tick;
}

static u64 guest_debug_address(u32 index)
{
    return host_guest.dr[index];
}

static void guest_ends(enum end_cause cause)
{
    guest_note("end %s;", end_cause_name(cause));
}

/* The trapped page is noted: device_mmio_read() and _write() come here once for each access. */
static void *guest_map(void *context, hpa_t at)
{
    if (at.at < RAM_SIZE && (at.at < OWN_BASE || at.at >= OWN_BASE + MIB))
        return host_guest.ram + at.at;
    if ((at.at & PAGE_MASK) == TRAPPED_BASE)
        guest_note("map %x;", (u32)at.at);
    if (at.at >= DEVICE_BASE && at.at < DEVICE_BASE + 2 * PAGE_SIZE)
        return host_guest.device + (at.at - DEVICE_BASE);
    if ((at.at >= OWN_BASE && at.at < OWN_BASE + MIB) || at.at >> 40)
        abort(); /* Exeunt's own, or beyond anything */
    return host_guest.nothing + (at.at & ~PAGE_MASK);
}

static struct segment guest_segment(u16 selector, u64 base, u32 limit, u32 access)
{
    return (struct segment){.selector = selector, .base = base, .limit = limit, .access = access};
}

/* Segments as boot code of each mode has them: flat where there are descriptors, base 0x10000 * n where there are none.
 */
static void guest_segments(struct vcpu *v, enum guest_mode mode, u32 cpl)
{
    u32 dpl = cpl << ACCESS_DPL_SHIFT;
    for (u32 i = 0; i < SEG_LDTR; i++) {
        if (mode == MODE_REAL || mode == MODE_V86)
            v->seg[i] = guest_segment(0x1000 * i, 0x10000ull * i, 0xffff, mode == MODE_V86 ? 0xf3 : 0x93);
        else
            v->seg[i] = guest_segment(0x18 | cpl, 0, mode == MODE_16 ? 0xffff : 0xffffffff,
                                      0x93 | dpl | (mode == MODE_16 ? 0 : ACCESS_DB | ACCESS_G));
    }
    if (mode == MODE_REAL)
        v->seg[SEG_CS].access = 0x93;
    else if (mode != MODE_V86)
        v->seg[SEG_CS].access = 0x9b | dpl;
    if (mode == MODE_32 || mode == MODE_COMPAT)
        v->seg[SEG_CS].access |= ACCESS_DB | ACCESS_G;
    if (mode == MODE_64)
        v->seg[SEG_CS].access |= ACCESS_L | ACCESS_G;
    v->seg[SEG_LDTR] = guest_segment(0, 0, 0, ACCESS_UNUSABLE);
    v->seg[SEG_TR] = guest_segment(0x40, 0x3000, 0x67, 0x8b);
}

/* One 4 KiB page of the guest's own 4-level paging. `flags` are those of the PTE: 1 present, 2 writable, 4 user. */
static void guest_page(u64 linear, u64 at, u64 flags)
{
    u64 table = host_guest.v.cr3;
    for (u32 shift = 39; shift > 12; shift -= 9) {
        u64 *entry = (u64 *)(host_guest.ram + table) + ((linear >> shift) & 511);
        if (!(*entry & 1)) {
            host_guest.free_table -= PAGE_SIZE;
            memset(host_guest.ram + host_guest.free_table, 0, PAGE_SIZE);
            *entry = host_guest.free_table | 7;
        }
        table = *entry & BITS(51, 12);
    }
    ((u64 *)(host_guest.ram + table))[(linear >> 12) & 511] = at | flags;
}

static void guest_start_paging(void)
{
    struct vcpu *v = &host_guest.v;
    host_guest.free_table = RAM_SIZE - PAGE_SIZE;
    v->cr3 = host_guest.free_table;
    memset(host_guest.ram + v->cr3, 0, PAGE_SIZE);
    v->cr0 |= CR0_PG | CR0_WP | CR0_AM;
    v->cr4 |= CR4_PAE;
    v->efer |= EFER_LME | EFER_LMA | EFER_NXE;
    for (u64 at = 0; at < 2 * MIB; at += PAGE_SIZE)
        guest_page(at, at, 7);
    for (u64 at = OWN_BASE; at < OWN_BASE + 2 * PAGE_SIZE; at += PAGE_SIZE)
        guest_page(at, at, 7);
    for (u64 at = 0; at < 2 * PAGE_SIZE; at += PAGE_SIZE)
        guest_page(DEVICE_BASE + at, DEVICE_BASE + at, 7);
}

static void guest_memory(void)
{
    struct test_guest *g = &host_guest;
    static _Alignas(4096) u8 pools[HOST_GUESTS][POOL_PAGES * PAGE_SIZE];
    if (!g->ram) {
        g->ram = aligned_alloc(PAGE_SIZE, RAM_SIZE);
        g->device = aligned_alloc(PAGE_SIZE, 2 * PAGE_SIZE);
        memset(g->ram, 0, RAM_SIZE);
    }
    memset(g->device, 0, 2 * PAGE_SIZE);
    page_pool_init(&g->pool, pools[g - host_guests], hpa(OWN_BASE), POOL_PAGES);
    g->mtrrs = (struct mtrrs){.default_type = BIT(11) | MEMORY_WB, .physical_bits = 40};
    g->ram_range = (struct range){0, RAM_SIZE};
    struct ept_config config = {
        .pool = &g->pool,
        .mtrrs = &g->mtrrs,
        .own = {OWN_BASE, OWN_BASE + MIB},
        .ram = &g->ram_range,
        .ram_count = 1,
        .physical_bits = 40,
        .page_2m = true,
        .large_executable = true,
    };
    if (ept_init(&g->vm.ept, &config) != EPT_OK ||
        ept_add_hole(&g->vm.ept, (struct range){TRAPPED_BASE, TRAPPED_BASE + PAGE_SIZE}) != EPT_OK)
        abort();
    g->vm.window = (struct window){.ept = &g->vm.ept,
                                   .physmap = {.map = guest_map, .direct = (char *)g->ram, .direct_end = RAM_SIZE}};
}

/* A fresh guest in `mode`, at CPL 3 where that is possible and `user` says so. RAM keeps what it had. */
__attribute__((unused)) static struct vcpu *guest_init(enum guest_mode mode, bool user)
{
    struct test_guest *g = &host_guest;
    u8 *ram = g->ram, *device = g->device;
    memset(g, 0, sizeof(*g));
    g->ram = ram;
    g->device = device;
    guest_memory();
    g->tick = 1;
    g->machine = (struct machine){
        .port_in = guest_port_in,
        .port_out = guest_port_out,
        .port_ins = guest_port_ins,
        .port_outs = guest_port_outs,
        .msr_read = guest_msr_read,
        .msr_write = guest_msr_write,
        .vector_get = guest_vector_get,
        .vector_set = guest_vector_set,
        .debug_address = guest_debug_address,
        .time = guest_time,
        .guest_ends = guest_ends,
    };
    g->vm.machine = &g->machine;
    g->vm.physical_bits = 40;
    g->vm.linear_bits = 48;
    g->v.vm = &g->vm;
    memset(&g->walks, 0, sizeof(g->walks));
    g->v.walks = &g->walks;
    g->v.have = PART_ALL;
    g->v.rflags = RFLAGS_FIXED1 | (mode == MODE_V86 ? RFLAGS_VM : 0);
    g->v.cr0 = CR0_ET | CR0_NE | (mode == MODE_REAL ? 0 : CR0_PE);
    g->v.cr4 = CR4_OSFXSR;
    guest_segments(&g->v, mode, mode == MODE_V86 || (user && mode != MODE_REAL) ? 3 : 0);
    if (mode == MODE_COMPAT || mode == MODE_64)
        guest_start_paging();
    return &g->v;
}

/* Puts code at CS:`rip`; the address must lie in identity-mapped RAM. */
__attribute__((unused)) static void guest_code(u64 rip, const void *bytes, u32 size)
{
    struct vcpu *v = &host_guest.v;
    u64 base = vcpu_code_size(v) == CODE_64 ? 0 : v->seg[SEG_CS].base;
    memcpy(host_guest.ram + base + rip, bytes, size);
    v->rip = rip;
}

/* Performs one instruction at CS:0x200, whatever it is. */
__attribute__((unused)) static enum emul_status guest_step(const void *bytes, u32 size)
{
    static const struct emul_expect any = {.kind = EXPECT_ANY};
    struct insn insn;
    guest_code(0x200, bytes, size);
    host_guest.v.event.valid = false;
    host_guest.record[0] = 0;
    return emul_step(&host_guest.v, &any, &insn);
}
#define STEP(...) guest_step((const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

#endif
