/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What registers hold when a turn begins: addresses of everything there is, ports, stacks, flags, breakpoints.
 */
#ifndef TEST_FUZZ_CLUSTER_REGISTERS_H
#define TEST_FUZZ_CLUSTER_REGISTERS_H

#include "test/fuzz/cluster_guests.h"

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
    static const u16 ports[] = {0x80, 0x80, 0x80, 0x60, 0x64, 0x65, 0xcf8, 0x3f8, 0x3fb};
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

/* Mostly somewhere in data; else at the edge of a page, or where no stack should be. */
static u64 draw_stack(void)
{
    switch (draw(24)) {
    case 0:
        return draw_address();
    case 1:
        return DATA + PAGE_SIZE - 8 + draw(17);
    case 2: /* pushes reach another page than pops */
        return DATA + PAGE_SIZE * draw(3) - 4 + draw(9);
    case 3:
        return READ_ONLY + 8 * draw(6);
    case 4:
        return draw(2) ? MMIO_AT + 16 * draw(64) : SPECIAL + PAGE_SIZE + 16 * draw(8);
    case 5:
        return ABSENT - 8 + draw(24);
    case 6:
        return (cluster_made.rip & PAGE_MASK) + draw(PAGE_SIZE);
    default:
        return DATA + 0x800 + draw(0x400);
    }
}

static void set_for_driver(u64 value[GPR_COUNT], u32 *special)
{
    value[RSP] = DATA + 0x800 + 8 * draw(0x40) + (draw(8) ? 0 : draw(8));
    value[RBP] = 1 + draw(8);
    value[RSI] = value[RDX] = draw(2) ? CLUSTER_CONSOLE : 0x80;
    value[RDI] = draw(4) ? APIC_AT + 0x80 : MMIO_AT;
    *special += draw(4) ? 64 : 0;
}

static void set_registers(void)
{
    u64 value[GPR_COUNT], flags = draw_bits(), dr7 = 0x400;
    u32 special = draw(64), iopl = draw(cluster_driving ? 16 : 4) ? 3 : 0;
    for (u32 i = 0; i < GPR_COUNT; i++)
        value[i] = to_offset(draw_value(i));
    value[RSP] = to_offset(draw_stack());
    if (cluster_driving && draw(16))
        set_for_driver(value, &special);
    flags &= RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF | RFLAGS_IF | RFLAGS_NT | RFLAGS_ID;
    flags |= (draw(8) == 0 ? RFLAGS_DF : 0) | iopl << RFLAGS_IOPL_SHIFT | RFLAGS_FIXED1;
    flags |= special == 0 ? RFLAGS_TF : special == 1 ? RFLAGS_AC : special == 2 ? RFLAGS_RF : 0;
    dr7 |= special == 3 ? 1u << draw(8) | (u64)draw(65536) << 16 : special == 4 ? BIT(13) : 0;
    u32 shadow = special == 5 ? BLOCKING_BY_STI : special == 6 ? BLOCKING_BY_MOV_SS : 0;
    u32 port_value = draw(65536) << 16 | draw(65536), tick = 1 + draw(3);
    u64 dr = draw_address();
    bool held = draw(6) == 0;
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
        cluster_console_begin(cluster_machine(), held);
    }
}

#endif
