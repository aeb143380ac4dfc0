/* SPDX-License-Identifier: BSD-2-Clause */
/* The interpreter: completion (RF, TF, shadows, breakpoints), flags by privilege, segment registers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test/unit/interp_expect.h"

/* ---- completion: RF, TF, shadows ---- */

static void completion(void **state)
{
    v = guest_init(MODE_32, false);
    v->rflags |= RFLAGS_RF;
    expect_done(STEP(0x90), 1);
    assert_false(v->rflags & RFLAGS_RF);
    assert_int_equal(v->pending_debug, 0);
    v->rflags |= RFLAGS_TF;
    expect_done(STEP(0x90), 1);
    assert_int_equal(v->pending_debug, BIT(14));
}

static void single_step(void **state)
{
    v = guest_init(MODE_32, false);
    v->rflags |= RFLAGS_TF;
    v->gpr[RCX] = 3;
    v->gpr[RDI] = 0x5000;
    /* Each element of a string instruction traps, RIP still at it; then the last. */
    assert_int_equal(STEP(0xf3, 0xaa), EMUL_PARTIAL);
    assert_int_equal(v->pending_debug, BIT(14));
    assert_int_equal(v->gpr[RCX], 2);
    assert_int_equal(v->rip, 0x200);
    assert_int_equal(STEP(0xf3, 0xaa), EMUL_PARTIAL);
    expect_done(STEP(0xf3, 0xaa), 2);
    /* POPF that sets TF does not trap; the one that clears it does. */
    v->pending_debug = 0;
    v->rflags &= ~(u64)RFLAGS_TF;
    v->gpr[RSP] = 0x6000;
    *(u32 *)(host_guest.ram + 0x6000) = RFLAGS_TF;
    *(u32 *)(host_guest.ram + 0x6004) = 0;
    expect_done(STEP(0x9d), 1);
    assert_true(v->rflags & RFLAGS_TF);
    assert_int_equal(v->pending_debug, 0);
    expect_done(STEP(0x9d), 1);
    assert_int_equal(v->pending_debug, BIT(14));
}

static void shadows(void **state)
{
    v = guest_init(MODE_REAL, false);
    expect_done(STEP(0xfb), 1);
    assert_int_equal(v->interruptibility, BLOCKING_BY_STI);
    expect_done(STEP(0xfb), 1); /* IF was set: no shadow */
    assert_int_equal(v->interruptibility, 0);
    expect_done(STEP(0x8e, 0xd0), 2); /* mov ss, ax */
    assert_int_equal(v->interruptibility, BLOCKING_BY_MOV_SS);
    expect_done(STEP(0x8e, 0xd0), 2); /* the second in a row has none */
    assert_int_equal(v->interruptibility, 0);
    v->gpr[RSP] = 0x100;
    expect_done(STEP(0x17), 1); /* pop ss */
    assert_int_equal(v->interruptibility, BLOCKING_BY_MOV_SS);
    expect_done(STEP(0x90), 1);
    assert_int_equal(v->interruptibility, 0);
    expect_done(STEP(0x8e, 0xd8), 2); /* mov ds: none */
    assert_int_equal(v->interruptibility, 0);
    v->interruptibility = BLOCKING_BY_NMI | BLOCKING_BY_STI;
    expect_done(STEP(0x90), 1);
    assert_int_equal(v->interruptibility, BLOCKING_BY_NMI);
    v->interruptibility = BLOCKING_BY_STI; /* a fault changes nothing */
    v->seg[SEG_DS].limit = 0;
    expect_event(STEP(0xa1, 0x00, 0x10), VECTOR_GP, 0);
    assert_int_equal(v->interruptibility, BLOCKING_BY_STI);
}

/* Breakpoint n on `at`: kind 1 write, 2 port, 3 read or write; len 0: 1, 1: 2, 3: 4, 2: 8 bytes. */
static void set_breakpoint(u32 n, u64 at, u32 kind, u32 len)
{
    host_guest.dr[n] = at;
    v->dr7 = (v->dr7 & ~(15ull << (16 + 4 * n))) | 2ull << (2 * n) | (u64)(kind | len << 2) << (16 + 4 * n);
    v->pending_debug = 0;
}

static void breakpoints(void **state)
{
    v = guest_init(MODE_64, false);
    v->gpr[RBX] = 0x5004;
    set_breakpoint(1, 0x5005, 1, 3);  /* a write to 0x5004..0x5007 */
    expect_done(STEP(0x8b, 0x03), 2); /* a read does not match */
    assert_int_equal(v->pending_debug, 0);
    expect_done(STEP(0x88, 0x43, 0x03), 3);
    assert_int_equal(v->pending_debug, BIT(12) | BIT(1));
    v->pending_debug = 0;
    expect_done(STEP(0x88, 0x43, 0x04), 3); /* 0x5008 */
    expect_done(STEP(0x88, 0x43, 0xff), 3); /* 0x5003 */
    assert_int_equal(v->pending_debug, 0);
    expect_done(STEP(0x48, 0x01, 0x43, 0xf9), 4); /* add [0x4ffd], rax: the last byte is 0x5004 */
    assert_int_equal(v->pending_debug, BIT(12) | BIT(1));
    set_breakpoint(3, 0x6008, 3, 2);
    expect_done(STEP(0x8a, 0x04, 0x25, 0x0f, 0x60, 0, 0), 7);
    assert_int_equal(v->pending_debug, BIT(12) | BIT(3));
    /* A string instruction stops behind the element that matches; one that faults has met nothing. */
    set_breakpoint(3, 0x6ffc, 3, 3);
    guest_page(0x7000, 0x7000, 0);
    v->gpr[RDI] = 0x6ffa;
    v->gpr[RCX] = 8;
    assert_int_equal(STEP(0xf3, 0xaa), EMUL_PARTIAL);
    assert_int_equal(v->gpr[RDI], 0x6ffd);
    assert_int_equal(v->pending_debug, BIT(12) | BIT(3));
    v->pending_debug = 0;
    v->gpr[RSI] = 0x6ffc;
    v->gpr[RDI] = 0x7000;
    expect_event(STEP(0xa5), VECTOR_PF, 2);
    assert_int_equal(v->pending_debug, 0);
    /* Ports, with CR4.DE only. */
    set_breakpoint(0, 0x3f9, 2, 0);
    v->gpr[RDX] = 0x3f8;
    expect_done(STEP(0xed), 1);
    assert_int_equal(v->pending_debug, 0);
    v->cr4 |= CR4_DE;
    expect_done(STEP(0xed), 1);
    assert_int_equal(v->pending_debug, BIT(12) | BIT(0));
    v->pending_debug = 0;
    expect_done(STEP(0xee), 1);
    assert_int_equal(v->pending_debug, 0);
    v->dr7 = 0;
    expect_done(STEP(0xef), 1);
    assert_int_equal(v->pending_debug, 0);
}

/* ---- the interrupt flag and its relatives ---- */

struct interrupt_case {
    enum guest_mode mode;
    bool user;
    u64 flags, cr4;
    s8 sti, cli; /* 1: IF changes, 2: VIF changes, 0: #GP */
};

static void interrupt_flag(void **state)
{
    static const struct interrupt_case cases[] = {
        {MODE_REAL, false, 0, 0, 1, 1},
        {MODE_32, false, 0, 0, 1, 1},
        {MODE_32, true, RFLAGS_IOPL, 0, 1, 1},
        {MODE_32, true, 2 << RFLAGS_IOPL_SHIFT, 0, 0, 0},
        {MODE_64, true, 0, CR4_PVI, 2, 2},
        {MODE_64, true, RFLAGS_VIP, CR4_PVI, 0, 2},
        {MODE_64, true, 0, CR4_VME, 0, 0},
        {MODE_V86, true, RFLAGS_IOPL, 0, 1, 1},
        {MODE_V86, true, 0, 0, 0, 0},
        {MODE_V86, true, 0, CR4_VME, 2, 2},
        {MODE_V86, true, RFLAGS_VIP, CR4_VME, 0, 2},
        {MODE_V86, true, 0, CR4_PVI, 0, 0},
        {MODE_V86, true, RFLAGS_IOPL | RFLAGS_VIP, CR4_VME, 1, 1},
    };
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        for (u32 set = 0; set < 2; set++) {
            s8 expected = set ? cases[i].sti : cases[i].cli;
            v = guest_init(cases[i].mode, cases[i].user);
            v->rflags |= cases[i].flags | (set ? 0 : RFLAGS_IF | RFLAGS_VIF);
            v->cr4 |= cases[i].cr4;
            u64 before = v->rflags;
            enum emul_status status = set ? STEP(0xfb) : STEP(0xfa);
            if (expected == 0)
                expect_event(status, VECTOR_GP, 0);
            else
                expect_done(status, 1);
            u64 changed = expected == 0 ? 0 : expected == 1 ? RFLAGS_IF : RFLAGS_VIF;
            assert_true((before ^ v->rflags) == changed);
            assert_int_equal(v->interruptibility, set && expected == 1 ? BLOCKING_BY_STI : 0);
        }
    }
}

/* POPF: which flags change, by mode, CPL, IOPL and operand size (SDM "POPF"). */
static void popf(void **state)
{
    static const struct {
        enum guest_mode mode;
        bool user;
        u64 flags, cr4;
        u32 prefix;  /* operand-size prefix */
        s64 changes; /* -1: #GP */
    } cases[] = {
        {MODE_REAL, false, 0, 0, 0, 0x7fd5},
        {MODE_REAL, false, 0, 0, 1, 0x247fd5},
        {MODE_32, false, 0, 0, 0, 0x247fd5},
        {MODE_32, true, 0, 0, 0, 0x244dd5},
        {MODE_32, true, RFLAGS_IOPL, 0, 0, 0x244fd5},
        {MODE_64, true, 0, 0, 1, 0x4dd5},
        {MODE_V86, true, RFLAGS_IOPL, 0, 0, 0x4fd5},
        {MODE_V86, true, RFLAGS_IOPL, 0, 1, 0x244fd5},
        {MODE_V86, true, 0, 0, 0, -1},
        {MODE_V86, true, 0, CR4_VME, 1, -1},
    };
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        v = guest_init(cases[i].mode, cases[i].user);
        u64 before = v->rflags |= cases[i].flags;
        v->cr4 |= cases[i].cr4;
        v->gpr[RSP] = 0x6000;
        u64 image = ~before;
        memcpy(host_guest.ram + v->seg[SEG_SS].base + 0x6000, &image, 8);
        enum emul_status status = cases[i].prefix ? STEP(0x66, 0x9d) : STEP(0x9d);
        if (cases[i].changes < 0) {
            expect_event(status, VECTOR_GP, 0);
            assert_true(v->rflags == before);
            assert_int_equal(v->gpr[RSP], 0x6000);
        } else {
            assert_int_equal(status, EMUL_DONE);
            assert_true((v->rflags ^ before) == (u64)cases[i].changes);
        }
    }
}

/* Below IOPL 3 with CR4.VME, IF in the image is VIF (SDM "Virtual-8086 Mode Extensions"). */
static void vme_flags(void **state)
{
    u16 *stack;
    v = guest_init(MODE_V86, true);
    v->cr4 |= CR4_VME;
    v->rflags |= RFLAGS_IF;
    v->gpr[RSP] = 0x6000;
    stack = (u16 *)(host_guest.ram + v->seg[SEG_SS].base + 0x6000);
    expect_done(STEP(0x9c), 1);
    assert_int_equal(stack[-1], RFLAGS_FIXED1 | RFLAGS_IOPL);
    v->rflags |= RFLAGS_VIF;
    v->gpr[RSP] = 0x6000;
    expect_done(STEP(0x9c), 1);
    assert_int_equal(stack[-1], RFLAGS_FIXED1 | RFLAGS_IOPL | RFLAGS_IF);
    stack[-1] = 0;
    expect_done(STEP(0x9d), 1);
    assert_true((v->rflags & (RFLAGS_IF | RFLAGS_VIF)) == RFLAGS_IF);
    stack[0] = RFLAGS_IF;
    expect_done(STEP(0x9d), 1);
    assert_true(v->rflags & RFLAGS_VIF);
    v->gpr[RSP] = 0x6000;
    v->rflags |= RFLAGS_VIP;
    expect_event(STEP(0x9d), VECTOR_GP, 0);
    stack[0] = RFLAGS_TF;
    expect_event(STEP(0x9d), VECTOR_GP, 0);
    assert_int_equal(v->gpr[RSP], 0x6000);
}

/* ---- segment registers ---- */

static void segment_loads(void **state)
{
    v = guest_init(MODE_REAL, false);
    v->gpr[RAX] = 0x1234;
    v->seg[SEG_DS].limit = 0xffffffff; /* stays (SDM "Real-Address Mode") */
    expect_done(STEP(0x8e, 0xd8), 2);
    assert_int_equal(v->seg[SEG_DS].selector, 0x1234);
    assert_int_equal(v->seg[SEG_DS].base, 0x12340);
    assert_true(v->seg[SEG_DS].limit == 0xffffffff);
    v->seg[SEG_DS].base = 0x10000;
    memcpy(host_guest.ram + 0x13000, "\x78\x56\x00\x40", 4);
    expect_done(STEP(0xc4, 0x1e, 0x00, 0x30), 4); /* les bx, [0x3000] */
    assert_int_equal(v->gpr[RBX], 0x5678);
    assert_int_equal(v->seg[SEG_ES].base, 0x40000);
    v = guest_init(MODE_V86, true);
    v->gpr[RAX] = 0x1234;
    expect_done(STEP(0x8e, 0xc0), 2);
    assert_int_equal(v->seg[SEG_ES].access, 0xf3);
    assert_int_equal(v->seg[SEG_ES].limit, 0xffff);
    v = guest_init(MODE_32, false);
    expect_done(STEP(0x8c, 0xd8), 2); /* reading one is no matter: zero-extended */
    assert_int_equal(v->gpr[RAX], v->seg[SEG_DS].selector);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completion),  cmocka_unit_test(single_step),    cmocka_unit_test(shadows),
        cmocka_unit_test(breakpoints), cmocka_unit_test(interrupt_flag), cmocka_unit_test(popf),
        cmocka_unit_test(vme_flags),   cmocka_unit_test(segment_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
