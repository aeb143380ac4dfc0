/* SPDX-License-Identifier: BSD-2-Clause */
/* Segment registers, far transfers, descriptor-table registers: what the micro-guest `forms` does not reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "emul/descriptor.h"
#include "test/unit/interp_expect.h"

#define GDT 0x5000u
enum {
    DATA = 0x18,
    CODE = 0x20,
    GATE = 0x28,
    TSS = 0x30,
    LDT = 0x40,
    ABSENT = 0x50,
    READ_ONLY = 0x58,
    CONFORMING = 0x60
};

static u64 *slot(u16 selector)
{
    return (u64 *)(void *)(host_guest.ram + GDT + (selector & 0xfff8));
}

static void start(enum guest_mode mode, bool user)
{
    u64 dpl = user ? 3ull << 45 : 0;
    v = guest_init(mode, user);
    memset(host_guest.ram + GDT, 0, 0x80);
    *slot(DATA) = 0x00cf92001234ffff | dpl;
    *slot(CODE) = (mode == MODE_64 ? 0x00af9a000000ffff : 0x00409a0000000fff) | dpl;
    *slot(GATE) = 0x00008c0000200300;
    *slot(TSS) = 0x0000890030000067;
    *slot(LDT) = 0x0000820040000017;
    *slot(ABSENT) = 0x00cf12000000ffff | dpl;
    *slot(READ_ONLY) = 0x00cf90000000ffff | dpl;
    *slot(CONFORMING) = 0x00cf9e000000ffff;
    v->gdtr = (struct descriptor_table){GDT, 0x7f};
    v->gpr[RBX] = 0x6000;
    v->gpr[RSP] = 0x7000;
}

static enum emul_status mov_to_ds(u16 selector)
{
    v->gpr[RAX] = selector;
    return STEP(0x8e, 0xd8);
}

static enum emul_status mov_to_ss(u16 selector)
{
    v->gpr[RAX] = selector;
    return STEP(0x8e, 0xd0);
}

static void loads(void **state)
{
    start(MODE_32, false);
    expect_done(mov_to_ds(DATA), 2);
    assert_int_equal(v->seg[SEG_DS].base, 0x1234);
    assert_int_equal(v->seg[SEG_DS].access, 0xc093);
    assert_true(v->seg[SEG_DS].limit == 0xffffffff);
    assert_true(*slot(DATA) & BIT(40)); /* accessed */
    expect_done(mov_to_ds(2), 2);
    assert_true(v->seg[SEG_DS].access & ACCESS_UNUSABLE);
    expect_event(mov_to_ds(0x80), VECTOR_GP, 0x80);
    expect_event(mov_to_ds(GATE), VECTOR_GP, GATE);
    expect_event(mov_to_ds(ABSENT), VECTOR_NP, ABSENT);
    expect_event(mov_to_ds(DATA | 4), VECTOR_GP, DATA | 4); /* there is no LDT */
    assert_false(*slot(ABSENT) & BIT(40));
    expect_event(mov_to_ds(DATA | 3), VECTOR_GP, DATA); /* RPL 3, DPL 0 */
    expect_event(mov_to_ss(0), VECTOR_GP, 0);
    expect_event(mov_to_ss(CODE), VECTOR_GP, CODE);
    expect_event(mov_to_ss(READ_ONLY), VECTOR_GP, READ_ONLY);
    expect_event(mov_to_ss(ABSENT), VECTOR_SS, ABSENT);
    expect_event(mov_to_ss(DATA | 1), VECTOR_GP, DATA);
    expect_done(mov_to_ss(DATA), 2);
    assert_int_equal(v->interruptibility, BLOCKING_BY_MOV_SS);
    start(MODE_32, true);
    expect_done(mov_to_ds(CONFORMING | 3), 2);
    expect_event(mov_to_ds(TSS | 3), VECTOR_GP, TSS);
    *slot(DATA) &= ~(3ull << 45);
    expect_event(mov_to_ds(DATA), VECTOR_GP, DATA); /* CPL 3, DPL 0 */
    start(MODE_64, false);
    expect_done(mov_to_ss(0), 2);
    assert_int_equal(v->seg[SEG_SS].access, ACCESS_UNUSABLE);
    expect_event(mov_to_ss(3), VECTOR_GP, 0);
}

/* POP that cannot load leaves the stack pointer; LSS leaves no shadow; both fields of LDS come or none. */
static void pops(void **state)
{
    start(MODE_32, false);
    *(u32 *)(void *)(host_guest.ram + 0x7000) = READ_ONLY;
    expect_event(STEP(0x17), VECTOR_GP, READ_ONLY); /* pop ss */
    assert_int_equal(v->gpr[RSP], 0x7000);
    memcpy(host_guest.ram + 0x6000, "\x44\x33\x22\x11\x18\x00", 6);
    expect_done(STEP(0x0f, 0xb2, 0x13), 3); /* lss edx, [ebx] */
    assert_int_equal(v->gpr[RDX], 0x11223344);
    assert_int_equal(v->interruptibility, 0);
    host_guest.ram[0x6004] = GATE;
    v->gpr[RDX] = 0;
    expect_event(STEP(0xc5, 0x13), VECTOR_GP, GATE); /* lds edx, [ebx] */
    assert_int_equal(v->gpr[RDX], 0);
}

static void put_pointer(u64 offset, u16 selector, u32 size)
{
    memcpy(host_guest.ram + 0x6000, &offset, size);
    memcpy(host_guest.ram + 0x6000 + size, &selector, 2);
}

static void far_transfers(void **state)
{
    start(MODE_32, false);
    put_pointer(0x300, CODE | 0, 4);
    assert_int_equal(STEP(0xff, 0x2b), EMUL_DONE); /* jmp far [ebx] */
    assert_int_equal(v->rip, 0x300);
    assert_int_equal(v->seg[SEG_CS].selector, CODE);
    assert_int_equal(v->seg[SEG_CS].limit, 0xfff);
    assert_true(*slot(CODE) & BIT(40));
    start(MODE_32, false);
    put_pointer(0x1000, CODE, 4);
    expect_event(STEP(0xff, 0x2b), VECTOR_GP, 0); /* beyond the new limit */
    assert_int_equal(v->seg[SEG_CS].selector, 0x18);
    put_pointer(0x300, CODE, 4);
    assert_int_equal(STEP(0xff, 0x1b), EMUL_DONE); /* call far [ebx] */
    assert_int_equal(v->gpr[RSP], 0x6ff8);
    assert_memory_equal(host_guest.ram + 0x6ff8, "\x02\x02\0\0\x18\0\0\0", 8);
    start(MODE_32, false);
    put_pointer(0, GATE, 4);
    assert_int_equal(STEP(0xff, 0x2b), EMUL_UNSUPPORTED);
    assert_int_equal(STEP(0xff, 0x1b), EMUL_UNSUPPORTED);
    put_pointer(0, TSS, 4);
    assert_int_equal(STEP(0xff, 0x2b), EMUL_UNSUPPORTED);
    put_pointer(0, DATA, 4);
    expect_event(STEP(0xff, 0x2b), VECTOR_GP, DATA);
    memcpy(host_guest.ram + 0x7000, "\x40\x03\0\0\x23\0\0\0", 8);
    assert_int_equal(STEP(0xcb), EMUL_UNSUPPORTED); /* to CPL 3 */
    host_guest.ram[0x7004] = CODE;
    assert_int_equal(STEP(0xca, 0x10, 0x00), EMUL_DONE);
    assert_int_equal(v->gpr[RSP], 0x7018);
    assert_int_equal(v->rip, 0x340);
    v->cr4 |= CR4_CET;
    assert_int_equal(STEP(0xcb), EMUL_UNSUPPORTED);
    start(MODE_64, false);
    put_pointer(0xffff800000000000, CODE, 8);
    assert_int_equal(STEP(0x48, 0xff, 0x2b), EMUL_DONE);
    assert_true(v->rip == 0xffff800000000000);
    put_pointer(0x8000000000000000, CODE, 8);
    expect_event(STEP(0x48, 0xff, 0x2b), VECTOR_GP, 0);
    *slot(CODE) |= BIT(54); /* D with L */
    put_pointer(0, CODE, 8);
    expect_event(STEP(0x48, 0xff, 0x2b), VECTOR_GP, CODE);
    start(MODE_REAL, false);
    v->seg[SEG_DS].base = 0;
    memcpy(host_guest.ram + 0x6000, "\x34\x12\x00\x20", 4);
    assert_int_equal(STEP(0xff, 0x2e, 0x00, 0x60), EMUL_DONE); /* jmp far [0x6000] */
    assert_int_equal(v->rip, 0x1234);
    assert_int_equal(v->seg[SEG_CS].base, 0x20000);
}

static void table_registers(void **state)
{
    start(MODE_32, false);
    v->gpr[RAX] = TSS;
    expect_done(STEP(0x0f, 0x00, 0xd8), 3); /* ltr ax */
    assert_int_equal(v->seg[SEG_TR].base, 0x3000);
    assert_int_equal(v->seg[SEG_TR].access & ACCESS_TYPE, SYSTEM_TSS_32_BUSY);
    assert_int_equal(descriptor_type(*slot(TSS)), SYSTEM_TSS_32_BUSY);
    expect_event(STEP(0x0f, 0x00, 0xd8), VECTOR_GP, TSS); /* busy */
    v->gpr[RAX] = LDT;
    expect_event(STEP(0x0f, 0x00, 0xd8), VECTOR_GP, LDT);
    expect_done(STEP(0x0f, 0x00, 0xd0), 3); /* lldt ax */
    assert_int_equal(v->seg[SEG_LDTR].limit, 0x17);
    *slot(LDT) &= ~BIT(47);
    expect_event(STEP(0x0f, 0x00, 0xd0), VECTOR_NP, LDT);
    memcpy(host_guest.ram + 0x6000, "\x34\x12\x78\x56\x34\x12", 6);
    expect_done(STEP(0x0f, 0x01, 0x1b), 3); /* lidt [ebx] */
    assert_int_equal(v->idtr.base, 0x12345678);
    expect_done(STEP(0x66, 0x0f, 0x01, 0x13), 4); /* lgdt with a 24-bit base */
    assert_int_equal(v->gdtr.base, 0x345678);
    assert_int_equal(v->gdtr.limit, 0x1234);
    start(MODE_64, false);
    slot(TSS)[1] = 0xffff8000;
    v->gpr[RAX] = TSS;
    expect_done(STEP(0x0f, 0x00, 0xd8), 3);
    assert_true(v->seg[SEG_TR].base == 0xffff800000003000);
    *slot(TSS) ^= 2ull << 40;
    slot(TSS)[1] |= BIT(41);
    expect_event(STEP(0x0f, 0x00, 0xd8), VECTOR_GP, TSS);
    v->gdtr.limit = TSS + 7; /* half of it */
    expect_event(STEP(0x0f, 0x00, 0xd8), VECTOR_GP, TSS);
    start(MODE_64, true);
    expect_event(STEP(0x0f, 0x01, 0x1b), VECTOR_GP, 0);
    expect_event(STEP(0x0f, 0x00, 0xd8), VECTOR_GP, 0);
    expect_done(STEP(0x0f, 0x01, 0x03), 3); /* sgdt [rbx] */
    assert_memory_equal(host_guest.ram + 0x6000, "\x7f\0\0\x50\0\0\0\0\0\0", 10);
    v->cr4 |= CR4_UMIP;
    expect_event(STEP(0x0f, 0x01, 0x03), VECTOR_GP, 0);
    expect_event(STEP(0x0f, 0x00, 0x03), VECTOR_GP, 0);
    expect_event(STEP(0x0f, 0x01, 0xe0), VECTOR_GP, 0); /* smsw eax */
    start(MODE_REAL, false);
    expect_event(STEP(0x0f, 0x00, 0xc0), VECTOR_UD, -1); /* sldt ax */
    expect_done(STEP(0x0f, 0x01, 0xe0), 3);
    assert_int_equal(v->gpr[RAX], (u16)v->cr0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads),
        cmocka_unit_test(pops),
        cmocka_unit_test(far_transfers),
        cmocka_unit_test(table_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
