/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to code between two runs, while translations of it are there: it is made, rewritten, mapped elsewhere,
 * and seen with other rights.
 */
#ifndef TEST_FUZZ_CLUSTER_CHANGE_H
#define TEST_FUZZ_CLUSTER_CHANGE_H

#include "test/fuzz/cluster_guests.h"

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

static void draw_mix(struct code_mix *mix)
{
    mix->port = 2 + draw(20);
    mix->device = cluster_mode == MODE_64 ? draw(20) : 0;
    mix->debug = draw(3) ? 0 : draw(6);
    mix->memory = draw(3) ? draw(10) : 0;
    mix->perform = draw(3) ? 0 : draw(10);
    mix->jump = draw(2) ? draw(10) : 0;
    mix->call = cluster_functions.count ? 2 + draw(14) : 0;
    mix->never = draw(8) == 0;
}

static const u64 cluster_targets[] = {DATA + 0x100,   DATA + 0xff8,   READ_ONLY - 4,   SUPERVISOR + 8, APIC_AT,
                                      APIC_AT + 0x80, APIC_AT + 0xb0, APIC_AT + 0x300, MMIO_AT,        MMIO_AT + 0x40,
                                      ABSENT,         SPECIAL,        CODE + 0x10,     DATA + 0x200};

/* Where offsets of functions are kept. */
#define SLOTS (DATA + 0x180)

static void store_slots(void)
{
    u32 size = cluster_made.size;
    for (u32 i = 0; i < cluster_functions.count; i++) {
        u64 offset = cluster_functions.rip[i] - cs_base();
        store_code(SLOTS + i * size, (const u8 *)&offset, size);
    }
}

/* In the page of the code or another, now and then over the end of one; mostly not in the code itself. */
static void place_functions(u64 code)
{
    cluster_functions.count = draw(2) ? 1 + draw(FUNCTIONS) : 0;
    for (u32 i = 0; i < cluster_functions.count; i++) {
        u64 page = draw(3) ? code & PAGE_MASK : CODE + draw(4) * PAGE_SIZE, at = page + draw(PAGE_SIZE);
        if (draw(6) == 0)
            at = (page | ~PAGE_MASK) - draw(FUNCTION_BYTES);
        if (at - code + FUNCTION_BYTES < CODE_BYTES + FUNCTION_BYTES)
            at = code < CODE + CODE_SIZE / 2 ? code + CODE_BYTES + 64 : code - FUNCTION_BYTES;
        cluster_functions.rip[i] = at < CODE + CODE_SIZE - FUNCTION_BYTES ? at : at - FUNCTION_BYTES;
    }
}

/* Of a driver: each has room for itself. */
#define DRIVER_SPACE 160u

static void place_driver(u64 code)
{
    u32 first = draw(64), step = 1 + draw(12), shift = draw(2) * 64;
    cluster_functions.count = 0;
    for (u32 i = 0; cluster_functions.count < DRIVER_FUNCTIONS; i += step) {
        u64 at = CODE + (first + i) * DRIVER_SPACE % (CODE_SIZE - DRIVER_SPACE) / DRIVER_SPACE * DRIVER_SPACE + shift;
        if (at - code + DRIVER_SPACE >= CODE_BYTES + DRIVER_SPACE)
            cluster_functions.rip[cluster_functions.count++] = at;
    }
}

/* Where there are flat segments, and operands that are named as in 64-bit code. */
static bool may_drive(void)
{
    return cs_base() == 0 && vcpu_code_size(&host_guest.v) != CODE_16;
}

__attribute__((unused)) static void new_code(void)
{
    struct code *code = &cluster_made;
    struct code_mix mix;
    u64 at = draw(6) ? CODE + draw(CODE_SIZE - CODE_BYTES - 64) : CODE + (1 + draw(3)) * PAGE_SIZE - draw(200);
    if (draw(6) == 0 || cluster_seen.codes == 0)
        set_mode();
    if (draw(8)) /* the guest has been elsewhere for long: what was recorded is given up */
        cluster_sites->recording.patience = draw(8);
    use(STEPS);
    cluster_driving = may_drive() && draw(4);
    draw_mapping();
    for (EACH_GUEST)
        map_all();
    use(STEPS);
    *code = (struct code){.size = vcpu_code_size(&host_guest.v),
                          .rip = at,
                          .targets = cluster_targets,
                          .target_count = COUNT_OF(cluster_targets),
                          .base = cs_base(),
                          .slots = to_offset(SLOTS)};
    if (cluster_driving) {
        place_driver(at);
        driver_make(code, &cluster_functions, host_guest.v.seg[SEG_FS].base);
    } else {
        place_functions(at);
        draw_mix(&mix);
        program_make(code, &cluster_functions, 2 + draw(CODE_INSNS - 2), &mix);
    }
    for (u32 i = 0; i < cluster_functions.count; i++)
        store_code(cluster_functions.rip[i], cluster_functions.code[i].bytes, cluster_functions.code[i].length);
    store_code(at, code->bytes, code->length);
    cluster_now += draw(8) ? 2 * WRITE_WINDOW : 1000;
    cluster_seen.codes++;
    cluster_seen.drivers += cluster_driving;
}

/* The main code or a function. */
static const struct code *draw_code(u32 main)
{
    u32 count = cluster_functions.count;
    return count && draw(main + 1) == 0 ? &cluster_functions.code[draw(count)] : &cluster_made;
}

/* Some bytes of the code, which may come to be any instructions. */
static void rewrite(void)
{
    const struct code *code = draw_code(2);
    u32 i = draw(code->count), at = code->insn[i].at + draw(code->insn[i].length), size = 1 + draw(3);
    u8 bytes[4];
    for (u32 n = 0; n < size; n++)
        bytes[n] = draw(256);
    store_code(code->rip + at, bytes, size);
    cluster_seen.rewritten++;
}

static void remap(void)
{
    u64 linear = draw_code(2)->rip & PAGE_MASK, to = BLOCK + draw(6) * PAGE_SIZE;
    u32 space = draw(SPACES);
    u64 flags = draw(8) ? cluster_mapping.code : draw(8);
    linear += draw(2) * PAGE_SIZE;
    for (EACH_GUEST)
        map_page(space, linear, to | flags);
    cluster_seen.remapped++;
}

/* Data and the stack elsewhere, or with other rights: what lines are kept across. */
static void remap_data(void)
{
    static const u64 to[] = {DATA, DATA + PAGE_SIZE, DATA + PAGE_SIZE, READ_ONLY, MMIO_AT, CODE};
    u64 linear = DATA + draw(2) * PAGE_SIZE, page = draw(3) ? linear : to[draw(COUNT_OF(to))];
    u64 flags = cluster_mapping.data[0];
    u32 space = draw(SPACES), kind = draw(8);
    if (kind < 4)
        flags |= kind << 5; /* accessed, dirty */
    else if (kind == 4)
        flags ^= 1u << draw(3);
    for (EACH_GUEST)
        map_page(space, linear, page | flags);
    cluster_seen.remapped++;
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
    if (cluster_driving && draw(3))
        event = 63;
    if (event < 4)
        rewrite();
    else if (event < 7)
        remap();
    else if (event < 9)
        guests_change_privilege(cluster_mode, &cluster_user);
    else if (event < 13)
        for (EACH_GUEST)
            set_space(space);
    else if (event < 17)
        set_limit();
    else if (event < 21 && cluster_mapping.paging != PAGING_NONE)
        remap_data();
    cluster_now += draw(4) ? 1000 : WRITE_WINDOW / 2;
}

#endif
