/* SPDX-License-Identifier: BSD-2-Clause */
/* Hardware task switches on a guest in host memory: what is stored, loaded, marked, and what each bad table raises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "emul/descriptor.h"
#include "emul_fixture.h"
#include "vmx/task_switch.h"

#define GDT 0x1000u
#define LDT 0x1800u
#define OLD_TSS 0x2000u
#define NEW_TSS 0x3000u

/* Slots of the GDT. */
enum {
    CODE0 = 0x08,
    DATA0 = 0x10,
    CODE3 = 0x18,
    DATA3 = 0x20,
    LDT_SLOT = 0x28,
    OLD_SLOT = 0x30,
    NEW_SLOT = 0x38,
    NARROW_SLOT = 0x40,
    ODD = 0x48, /* for whatever a case wants */
    GDT_LIMIT = 0x4f,
};

static struct vcpu *v;
static struct task_switch task;

static u64 descriptor(u32 base, u32 limit, u32 access)
{
    return (u64)(base & 0xffffff) << 16 | (u64)(base >> 24) << 56 | (limit & 0xffff) | (u64)(limit & 0xf0000) << 32 |
           (u64)access << 40;
}

static void put(u32 at, const void *data, u32 size)
{
    memcpy(host_guest.ram + at, data, size);
}

static void put16(u32 at, u32 value)
{
    put(at, &value, 2);
}

static void put32(u32 at, u32 value)
{
    put(at, &value, 4);
}

static u32 get16(u32 at)
{
    u16 value;
    memcpy(&value, host_guest.ram + at, 2);
    return value;
}

static u32 get32(u32 at)
{
    u32 value;
    memcpy(&value, host_guest.ram + at, 4);
    return value;
}

static void set_slot(u32 slot, u64 raw)
{
    put(GDT + slot, &raw, 8);
}

static u32 slot_type(u32 slot)
{
    return host_guest.ram[GDT + slot + 5];
}

static void build_tables(void)
{
    memset(host_guest.ram, 0, 0x20000);
    set_slot(CODE0, descriptor(0, 0xfffff, 0xc09a));
    set_slot(DATA0, descriptor(0, 0xfffff, 0xc092));
    set_slot(CODE3, descriptor(0, 0xfffff, 0xc0fa));
    set_slot(DATA3, descriptor(0, 0xfffff, 0xc0f2));
    set_slot(LDT_SLOT, descriptor(LDT, 15, 0x82));
    set_slot(OLD_SLOT, descriptor(OLD_TSS, 0x67, 0x8b));
    set_slot(NEW_SLOT, descriptor(NEW_TSS, 0x67, 0x89));
    set_slot(NARROW_SLOT, descriptor(NEW_TSS, 0x2b, 0x81));
}

static void build_new_tss(void)
{
    put32(NEW_TSS + 0x20, 0x5000);     /* EIP */
    put32(NEW_TSS + 0x24, 0x00000246); /* EFLAGS */
    for (u32 i = 0; i < 8; i++)
        put32(NEW_TSS + 0x28 + 4 * i, 0xa0000000 + i);
    put32(NEW_TSS + 0x28 + 4 * RSP, 0x8000);
    static const u16 segments[] = {DATA0, CODE0, DATA0, DATA0, 0, DATA3 | 3};
    for (u32 i = 0; i < 6; i++)
        put32(NEW_TSS + 0x48 + 4 * i, segments[i]);
    put32(NEW_TSS + 0x60, LDT_SLOT);
}

static void build_narrow_tss(void)
{
    memset(host_guest.ram + NEW_TSS, 0, 0x100);
    put16(NEW_TSS + 0x0e, 0x5000);
    put16(NEW_TSS + 0x10, 0x0246);
    for (u32 i = 0; i < 8; i++)
        put16(NEW_TSS + 0x12 + 2 * i, 0xb000 + i);
    static const u16 segments[] = {DATA0, CODE0, DATA0, DATA0};
    for (u32 i = 0; i < 4; i++)
        put16(NEW_TSS + 0x22 + 2 * i, segments[i]);
}

static int setup(void **state)
{
    v = guest_init(MODE_32, false);
    build_tables();
    build_new_tss();
    v->gdtr = (struct descriptor_table){GDT, GDT_LIMIT};
    v->seg[SEG_TR] = guest_segment(OLD_SLOT, OLD_TSS, 0x67, 0x8b);
    v->rip = 0x4000;
    v->rflags = RFLAGS_FIXED1 | RFLAGS_CF;
    for (u32 i = 0; i < 8; i++)
        v->gpr[i] = 0x10 + i;
    for (u32 i = 0; i < 6; i++)
        v->seg[i].selector = (u16)(i == SEG_CS ? CODE0 : DATA0);
    v->dr7 = 0x7ff;
    v->interruptibility = BLOCKING_BY_STI | BLOCKING_BY_NMI;
    return 0;
}

/* An event of that type with (code >= 0) or without error code, whose delivery met the task gate. */
static enum task_status gate(enum event_type type, u8 vector, s32 code)
{
    struct event event = {
        .valid = true, .type = type, .vector = vector, .has_error_code = code >= 0, .error_code = (u32)code};

    event.instruction_length = type >= EVENT_SOFTWARE_INTERRUPT ? 2 : 0;
    task = task_switch_decode(3u << 30 | NEW_SLOT, &event, 2);
    return task_switch_perform(v, &task);
}

static enum task_status go(enum task_source source, u16 selector)
{
    struct event none = {0};

    task = task_switch_decode((u64)source << 30 | selector, &none, 7);
    return task_switch_perform(v, &task);
}

static void expect_fault(enum vector vector, u32 code)
{
    assert_true(v->event.valid);
    assert_int_equal(v->event.vector, vector);
    assert_int_equal(v->event.type, EVENT_HARDWARE_EXCEPTION);
    assert_true(v->event.has_error_code);
    assert_int_equal(v->event.error_code, code);
}

/* Nothing happened: no register, no byte of the tables. */
static void expect_old_task(void)
{
    assert_int_equal(v->rip, 0x4000);
    assert_int_equal(v->seg[SEG_TR].selector, OLD_SLOT);
    assert_int_equal(slot_type(OLD_SLOT), 0x8b);
    assert_int_equal(get32(OLD_TSS + 0x20), 0);
    assert_int_equal(v->cr0 & CR0_TS, 0);
    assert_false(task.flush_linear);
    assert_int_equal(v->dr7, 0x7ff);
}

static void test_decode(void **state)
{
    struct event event = {.valid = true, .vector = 8};
    struct task_switch t = task_switch_decode(0xffffffff40001234, &event, 5);

    assert_int_equal(t.source, TASK_IRET);
    assert_int_equal(t.selector, 0x1234);
    assert_false(t.event.valid);
    t = task_switch_decode(0xc0000038, &event, 5);
    assert_int_equal(t.source, TASK_GATE_IN_IDT);
    assert_true(t.event.valid);
    assert_int_equal(task_switch_decode(0, &event, 5).source, TASK_CALL);
    assert_int_equal(task_switch_decode(0x80000000, &event, 5).source, TASK_JMP);
}

static void expect_saved(u32 eip, u32 eflags)
{
    assert_int_equal(get32(OLD_TSS + 0x20), eip);
    assert_int_equal(get32(OLD_TSS + 0x24), eflags);
    for (u32 i = 0; i < 8; i++)
        assert_int_equal(get32(OLD_TSS + 0x28 + 4 * i), 0x10 + i);
    for (u32 i = 0; i < 6; i++)
        assert_int_equal(get16(OLD_TSS + 0x48 + 4 * i), i == SEG_CS ? CODE0 : DATA0);
    assert_int_equal(get32(OLD_TSS + 0x1c), 0); /* CR3 and LDT are not stored */
    assert_int_equal(get32(OLD_TSS + 0x60), 0);
}

static void expect_new_task(u64 rflags)
{
    assert_false(v->event.valid);
    assert_int_equal(v->rip, 0x5000);
    assert_int_equal(v->rflags, rflags);
    assert_int_equal(v->gpr[RAX], 0xa0000000);
    assert_int_equal(v->gpr[RDI], 0xa0000007);
    assert_int_equal(v->gpr[RSP], 0x8000);
    assert_int_equal(v->seg[SEG_CS].selector, CODE0);
    assert_int_equal(v->seg[SEG_CS].access, 0xc09b);
    assert_int_equal(v->seg[SEG_CS].limit, 0xffffffff);
    assert_int_equal(v->seg[SEG_SS].access, 0xc093);
    assert_true(v->seg[SEG_FS].access & ACCESS_UNUSABLE);
    assert_int_equal(v->seg[SEG_GS].selector, DATA3 | 3);
    assert_int_equal(v->seg[SEG_LDTR].base, LDT);
    assert_int_equal(v->seg[SEG_LDTR].access, 0x82);
    assert_int_equal(v->seg[SEG_TR].selector, NEW_SLOT);
    assert_int_equal(v->seg[SEG_TR].base, NEW_TSS);
    assert_int_equal(v->seg[SEG_TR].access, 0x8b);
    assert_int_equal(slot_type(NEW_SLOT), 0x8b);
    assert_int_equal(slot_type(CODE0), 0x9b); /* accessed */
    assert_int_equal(slot_type(DATA3), 0xf3);
    assert_true(v->cr0 & CR0_TS);
    assert_int_equal(v->dr7, 0x7ff & ~0x155);
    assert_int_equal(v->interruptibility & BLOCKING_BY_STI, 0);
}

static void test_jmp(void **state)
{
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_DONE);
    expect_saved(0x4007, 3);
    expect_new_task(0x246);
    assert_int_equal(slot_type(OLD_SLOT), 0x89);
    assert_int_equal(get16(NEW_TSS), 0);
    assert_true(v->interruptibility & BLOCKING_BY_NMI);
    assert_true(v->dirty & PART_SEG_TR && v->dirty & PART_RIP && v->dirty & PART_RSP && v->dirty & PART_DR7);
}

static void test_call(void **state)
{
    v->rflags |= RFLAGS_RF | RFLAGS_NT;
    assert_int_equal(go(TASK_CALL, NEW_SLOT | 3), TASK_DONE);
    expect_saved(0x4007, 3 | RFLAGS_NT); /* RF was used up; NT stays in the saved image */
    assert_int_equal(v->seg[SEG_TR].selector, NEW_SLOT | 3);
    v->seg[SEG_TR].selector = NEW_SLOT;
    expect_new_task(0x246 | RFLAGS_NT);
    assert_int_equal(slot_type(OLD_SLOT), 0x8b);
    assert_int_equal(get16(NEW_TSS), OLD_SLOT);
}

static void test_iret(void **state)
{
    set_slot(NEW_SLOT, descriptor(NEW_TSS, 0x67, 0x8b));
    v->rflags |= RFLAGS_NT;
    assert_int_equal(go(TASK_IRET, NEW_SLOT), TASK_DONE);
    expect_saved(0x4007, 3);
    expect_new_task(0x246);
    assert_int_equal(slot_type(OLD_SLOT), 0x89);
    assert_int_equal(v->interruptibility & BLOCKING_BY_NMI, 0);
}

static void test_interrupt_gate(void **state)
{
    v->rflags |= RFLAGS_RF;
    v->interruptibility = 0;
    assert_int_equal(gate(EVENT_EXTERNAL_INTERRUPT, 0x30, -1), TASK_DONE);
    expect_saved(0x4000, 3 | RFLAGS_RF); /* as the exit has them */
    expect_new_task(0x246 | RFLAGS_NT);
    assert_int_equal(v->interruptibility, 0);
}

static void test_software_interrupt(void **state)
{
    assert_int_equal(gate(EVENT_SOFTWARE_INTERRUPT, 0x80, -1), TASK_DONE);
    expect_saved(0x4002, 3);
    setup(NULL);
    assert_int_equal(gate(EVENT_PRIVILEGED_SOFTWARE_EXCEPTION, 1, -1), TASK_DONE);
    expect_saved(0x4002, 3);
}

static void test_nmi(void **state)
{
    v->interruptibility = 0;
    assert_int_equal(gate(EVENT_NMI, 2, -1), TASK_DONE);
    assert_int_equal(v->interruptibility, BLOCKING_BY_NMI);
}

static void test_error_code(void **state)
{
    assert_int_equal(gate(EVENT_HARDWARE_EXCEPTION, VECTOR_GP, 0x1234), TASK_DONE);
    expect_saved(0x4000, 3);
    assert_int_equal(v->gpr[RSP], 0x7ffc);
    assert_int_equal(get32(0x7ffc), 0x1234);
}

static void test_error_code_no_room(void **state)
{
    set_slot(ODD, descriptor(0, 0x100, 0x4092)); /* a stack segment of 257 bytes */
    put32(NEW_TSS + 0x50, ODD);
    assert_int_equal(gate(EVENT_HARDWARE_EXCEPTION, VECTOR_GP, 0x1234), TASK_FAULT);
    expect_fault(VECTOR_SS, 1);
    assert_int_equal(v->seg[SEG_TR].selector, NEW_SLOT);
    assert_int_equal(v->gpr[RSP], 0x8000);
}

static void test_to_narrow(void **state)
{
    build_narrow_tss();
    v->gpr[RAX] = 0x12345678;
    assert_int_equal(go(TASK_JMP, NARROW_SLOT), TASK_DONE);
    assert_int_equal(get32(OLD_TSS + 0x20), 0x4007);
    assert_int_equal(v->rip, 0x5000);
    assert_int_equal(v->rflags, 0x246);
    assert_int_equal(v->gpr[RAX], 0x1234b000);
    assert_int_equal(v->gpr[RDI], 0xb007);
    assert_true(v->seg[SEG_GS].access & ACCESS_UNUSABLE);
    assert_true(v->seg[SEG_LDTR].access & ACCESS_UNUSABLE);
    assert_int_equal(v->seg[SEG_TR].access, 0x83);
    assert_false(task.flush_linear);
}

static void test_from_narrow(void **state)
{
    v->seg[SEG_TR] = guest_segment(OLD_SLOT, OLD_TSS, 0x2b, 0x83);
    v->rip = 0xfffd;
    memset(host_guest.ram + OLD_TSS, 0xcc, 0x100);
    assert_int_equal(go(TASK_CALL, NEW_SLOT), TASK_DONE);
    assert_int_equal(get16(OLD_TSS + 0x0c), 0xcccc);
    assert_int_equal(get16(OLD_TSS + 0x0e), 0x0004);
    assert_int_equal(get16(OLD_TSS + 0x10), 3);
    assert_int_equal(get16(OLD_TSS + 0x12), 0x10);
    assert_int_equal(get16(OLD_TSS + 0x20), 0x17);
    assert_int_equal(get16(OLD_TSS + 0x24), CODE0);
    assert_int_equal(get16(OLD_TSS + 0x28), DATA0);
    assert_int_equal(get16(OLD_TSS + 0x2a), 0xcccc);
}

static void test_to_v86(void **state)
{
    put32(NEW_TSS + 0x24, RFLAGS_VM | 0x3202);
    put32(NEW_TSS + 0x4c, 0x1234);
    put32(NEW_TSS + 0x20, 0xfff0);
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_DONE);
    assert_int_equal(v->seg[SEG_CS].base, 0x12340);
    assert_int_equal(v->seg[SEG_CS].limit, 0xffff);
    for (u32 i = 0; i < 6; i++)
        assert_int_equal(v->seg[i].access, 0xf3);
    assert_int_equal(vcpu_cpl(v), 3);
    setup(NULL);
    put32(NEW_TSS + 0x24, RFLAGS_VM);
    put32(NEW_TSS + 0x20, 0x10000);
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_FAULT);
    expect_fault(VECTOR_GP, 0);
}

static void test_to_user(void **state)
{
    static const u16 segments[] = {DATA3 | 3, CODE3 | 3, DATA3 | 3, DATA3, 0, 3};
    for (u32 i = 0; i < 6; i++)
        put32(NEW_TSS + 0x48 + 4 * i, segments[i]);
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_DONE);
    assert_int_equal(vcpu_cpl(v), 3);
    assert_int_equal(v->seg[SEG_GS].selector, 3);
    assert_true(v->seg[SEG_GS].access & ACCESS_UNUSABLE);
}

static void test_trap_flag(void **state)
{
    put16(NEW_TSS + 0x64, 1);
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_DONE);
    assert_true(task.debug_trap);
    assert_true(v->event.valid);
    assert_int_equal(v->event.vector, VECTOR_DB);
    assert_false(v->event.has_error_code);
    assert_int_equal(v->rip, 0x5000);
}

static void test_reserved_flags(void **state)
{
    put32(NEW_TSS + 0x24, 0xffffffff & ~RFLAGS_VM);
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_DONE);
    assert_int_equal(v->rflags, 0x003d7fd7);
}

/* ---- faults in the old task ---- */

static void test_bad_selectors(void **state)
{
    static const struct {
        enum task_source source;
        u16 selector;
        enum vector vector;
    } cases[] = {
        {TASK_JMP, NEW_SLOT | 4, VECTOR_GP}, {TASK_IRET, NEW_SLOT | 4, VECTOR_TS}, {TASK_CALL, 0x50, VECTOR_GP},
        {TASK_CALL, 0xfff8, VECTOR_GP},      {TASK_IRET, 0xfffb, VECTOR_TS},       {TASK_JMP, 0, VECTOR_GP},
        {TASK_JMP, CODE0, VECTOR_GP},        {TASK_IRET, DATA0, VECTOR_TS},        {TASK_JMP, LDT_SLOT, VECTOR_GP},
        {TASK_JMP, OLD_SLOT, VECTOR_GP},  /* busy */
        {TASK_IRET, NEW_SLOT, VECTOR_TS}, /* not busy */
    };
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        setup(NULL);
        assert_int_equal(go(cases[i].source, cases[i].selector), TASK_FAULT);
        expect_fault(cases[i].vector, cases[i].selector & 0xfffc);
        expect_old_task();
    }
}

/* All eight bytes of a descriptor have to be within the limit. */
static void test_descriptor_across_limit(void **state)
{
    v->gdtr.limit = NEW_SLOT + 6;
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_FAULT);
    expect_fault(VECTOR_GP, NEW_SLOT);
    expect_old_task();
    v->gdtr.limit = NEW_SLOT + 7;
    put32(NEW_TSS + 0x60, 0);
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_DONE);
}

static void test_bad_descriptors(void **state)
{
    set_slot(NEW_SLOT, descriptor(NEW_TSS, 0x67, 0x09));
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_FAULT);
    expect_fault(VECTOR_NP, NEW_SLOT);
    set_slot(NEW_SLOT, descriptor(NEW_TSS, 0x66, 0x89));
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_FAULT);
    expect_fault(VECTOR_TS, NEW_SLOT);
    set_slot(NARROW_SLOT, descriptor(NEW_TSS, 0x2a, 0x81));
    assert_int_equal(go(TASK_JMP, NARROW_SLOT), TASK_FAULT);
    expect_fault(VECTOR_TS, NARROW_SLOT);
    expect_old_task();
    assert_int_equal(slot_type(NEW_SLOT), 0x89);
}

static void test_old_tss_too_small(void **state)
{
    v->seg[SEG_TR].limit = 0x5e;
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_FAULT);
    expect_fault(VECTOR_TS, OLD_SLOT);
    expect_old_task();
    v->seg[SEG_TR].limit = 0x5f;
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_DONE);
}

static void test_external_bit(void **state)
{
    set_slot(NEW_SLOT, descriptor(NEW_TSS, 0x67, 0x09));
    assert_int_equal(gate(EVENT_EXTERNAL_INTERRUPT, 0x30, -1), TASK_FAULT);
    expect_fault(VECTOR_NP, NEW_SLOT | 1);
    assert_int_equal(gate(EVENT_SOFTWARE_INTERRUPT, 0x30, -1), TASK_FAULT);
    expect_fault(VECTOR_NP, NEW_SLOT);
    assert_int_equal(gate(EVENT_SOFTWARE_EXCEPTION, 3, -1), TASK_FAULT);
    expect_fault(VECTOR_NP, NEW_SLOT);
    assert_int_equal(gate(EVENT_PRIVILEGED_SOFTWARE_EXCEPTION, 1, -1), TASK_FAULT);
    expect_fault(VECTOR_NP, NEW_SLOT | 1);
    expect_old_task();
}

static void test_in_ia32e_mode(void **state)
{
    v->efer |= EFER_LMA;
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_FAULT);
    expect_fault(VECTOR_GP, NEW_SLOT);
    expect_old_task();
}

/* ---- paging: 32-bit tables at 0x10000, identity; the new task's at 0x12000 ---- */

static void start_paging(void)
{
    for (u32 space = 0; space < 2; space++) {
        u32 directory = 0x10000 + 0x2000 * space;
        put32(directory, (directory + 0x1000) | 3);
        for (u32 i = 0; i < 1024; i++)
            put32(directory + 0x1000 + 4 * i, i << 12 | 3);
    }
    v->cr0 |= CR0_PG | CR0_WP;
    v->cr3 = 0x10000;
    put32(NEW_TSS + 0x1c, 0x12000);
}

static void set_page(u32 space, u32 linear, u32 entry)
{
    put32(0x11000 + 0x2000 * space + 4 * (linear >> 12), entry);
}

static void test_cr3(void **state)
{
    start_paging();
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_DONE);
    assert_true(task.flush_linear);
    assert_int_equal(v->cr3, 0x12000);
    assert_true(v->dirty & PART_CR3);
    expect_new_task(0x246);
}

static void test_page_faults_before(void **state)
{
    start_paging();
    set_page(0, NEW_TSS, 0);
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_FAULT);
    expect_fault(VECTOR_PF, 0);
    assert_int_equal(v->cr2, NEW_TSS);
    expect_old_task();

    set_page(0, NEW_TSS, NEW_TSS | 1); /* read-only: only a nesting switch writes there */
    assert_int_equal(go(TASK_CALL, NEW_SLOT), TASK_FAULT);
    expect_fault(VECTOR_PF, 3);
    expect_old_task();

    set_page(0, OLD_TSS, OLD_TSS | 1);
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_FAULT);
    expect_fault(VECTOR_PF, 3);
    assert_int_equal(v->cr2, OLD_TSS + 0x20);
    set_page(0, OLD_TSS, OLD_TSS | 3);

    set_page(0, GDT, GDT | 1); /* the busy flag cannot be written */
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_FAULT);
    expect_fault(VECTOR_PF, 3);
    expect_old_task();
    assert_int_equal(slot_type(NEW_SLOT), 0x89);
}

/* The new task's descriptors are read through the new task's paging. */
static void test_page_fault_after(void **state)
{
    start_paging();
    set_page(1, GDT, 0);
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_FAULT);
    expect_fault(VECTOR_PF, 0);
    assert_int_equal(v->cr2, GDT + LDT_SLOT);
    assert_int_equal(v->seg[SEG_TR].selector, NEW_SLOT);
    assert_int_equal(v->rip, 0x5000);
    assert_true(task.flush_linear);
}

/* A TSS across two pages, the second of them missing. */
static void test_tss_across_pages(void **state)
{
    start_paging();
    memcpy(host_guest.ram + 0x6fc0, host_guest.ram + NEW_TSS, 104);
    set_slot(NEW_SLOT, descriptor(0x6fc0, 0x67, 0x89));
    set_page(0, 0x7000, 0);
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_FAULT);
    expect_fault(VECTOR_PF, 0);
    assert_int_equal(v->cr2, 0x7000);
    expect_old_task();
    set_page(0, 0x7000, 0x7003);
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_DONE);
    assert_int_equal(v->rip, 0x5000);
}

static void test_pae(void **state)
{
    v->cr0 |= CR0_PG;
    v->cr4 |= CR4_PAE;
    v->cr3 = 0x10000;
    put32(0x10000, 0x11001);
    put32(0x11000, 0x83); /* 2 MiB identity */
    v->pdpte[0] = 0x11001;
    put32(NEW_TSS + 0x1c, 0x10020);
    put32(0x10020, 0x11021); /* reserved bit */
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_FAULT);
    expect_fault(VECTOR_GP, 0);
    expect_old_task();
    put32(0x10020, 0x11001);
    put32(0x10028, 0xfffffffe); /* not present: not looked at */
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_DONE);
    assert_int_equal(v->pdpte[1], 0xfffffffe);
    assert_int_equal(v->cr3, 0x10020);
    assert_true(v->dirty & PART_PDPTES);
}

/* ---- faults in the new task ---- */

struct segment_case {
    u32 slot_in_tss; /* offset of the selector */
    u16 selector;
    u64 odd; /* for the ODD slot */
    enum vector vector;
};

static void expect_new_context(void)
{
    assert_int_equal(v->seg[SEG_TR].selector, NEW_SLOT);
    assert_true(v->cr0 & CR0_TS);
    /* What VM entry demands of CS and SS. */
    u32 cs = v->seg[SEG_CS].access, ss = v->seg[SEG_SS].access;
    assert_true((cs & 0x99) == 0x99 && !(cs & ACCESS_UNUSABLE));
    assert_int_equal((ss >> 5) & 3, v->seg[SEG_CS].selector & 3);
    assert_int_equal((ss >> 5) & 3, v->seg[SEG_SS].selector & 3);
}

static void test_bad_segments(void **state)
{
    static const struct segment_case cases[] = {
        {0x60, LDT_SLOT | 4, 0, VECTOR_TS},         /* LDT in the LDT */
        {0x60, 0xfff8, 0, VECTOR_TS},               /* outside the GDT */
        {0x60, DATA0, 0, VECTOR_TS},                /* no LDT */
        {0x60, ODD, 0x0000020000000000, VECTOR_TS}, /* absent LDT */
        {0x4c, 0, 0, VECTOR_TS},                    /* null CS */
        {0x4c, 3, 0, VECTOR_TS},
        {0x4c, 0x1000, 0, VECTOR_TS},
        {0x4c, DATA0, 0, VECTOR_TS},
        {0x4c, OLD_SLOT, 0, VECTOR_TS},
        {0x4c, CODE3, 0, VECTOR_TS},                /* DPL 3, RPL 0 */
        {0x4c, CODE0 | 3, 0, VECTOR_TS},            /* DPL 0, RPL 3 */
        {0x4c, ODD, 0x00cf1a000000ffff, VECTOR_NP}, /* absent */
        {0x4c, ODD, 0x00cffe000000ffff, VECTOR_TS}, /* conforming, DPL above RPL */
        {0x4c, 0x0c, 0, VECTOR_TS},                 /* LDT: no code there */
        {0x4c, 0x14, 0, VECTOR_TS},                 /* beyond the LDT */
        {0x50, 0, 0, VECTOR_TS},                    /* null SS */
        {0x50, CODE0, 0, VECTOR_TS},
        {0x50, DATA3 | 3, 0, VECTOR_TS},
        {0x50, DATA3, 0, VECTOR_TS},                /* DPL 3 */
        {0x50, DATA0 | 1, 0, VECTOR_TS},            /* RPL 1 */
        {0x50, ODD, 0x00cf90000000ffff, VECTOR_TS}, /* read-only */
        {0x50, ODD, 0x00cf12000000ffff, VECTOR_SS}, /* absent */
        {0x54, ODD, 0x00cf98000000ffff, VECTOR_TS}, /* execute-only */
        {0x54, OLD_SLOT, 0, VECTOR_TS},             /* a system descriptor */
        {0x48, ODD, 0x00cf12000000ffff, VECTOR_NP}, /* absent */
        {0x48, DATA0 | 3, 0, VECTOR_TS},            /* RPL above DPL */
        {0x58, 0x58, 0, VECTOR_TS},                 /* beyond the GDT */
        {0x5c, 0x14, 0, VECTOR_TS},
    };
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        setup(NULL);
        set_slot(ODD, cases[i].odd);
        put32(NEW_TSS + cases[i].slot_in_tss, cases[i].selector);
        if (go(TASK_JMP, NEW_SLOT) != TASK_FAULT)
            fail_msg("case %u", i);
        expect_fault(cases[i].vector, cases[i].selector & 0xfffc);
        expect_new_context();
    }
}

static void test_good_segments(void **state)
{
    static const struct segment_case cases[] = {
        {0x4c, ODD, 0x00cf9e000000ffff, VECTOR_DE}, /* conforming, DPL 0 */
        {0x54, ODD, 0x00cffe000000ffff, VECTOR_DE}, /* readable conforming code as data */
        {0x54, DATA3 | 3, 0, VECTOR_DE},
        {0x54, CODE0, 0, VECTOR_DE},                /* readable code */
        {0x50, ODD, 0x00cf96000000ffff, VECTOR_DE}, /* expand-down stack */
    };
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        setup(NULL);
        set_slot(ODD, cases[i].odd);
        put32(NEW_TSS + cases[i].slot_in_tss, cases[i].selector);
        if (go(TASK_JMP, NEW_SLOT) != TASK_DONE)
            fail_msg("case %u", i);
    }
    setup(NULL);
    u64 local = descriptor(0, 0xfffff, 0xc092);
    put(LDT + 8, &local, 8);
    put32(NEW_TSS + 0x54, 0x0c);
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_DONE);
    assert_int_equal(host_guest.ram[LDT + 13], 0x93);
}

static void test_eip_beyond_limit(void **state)
{
    set_slot(ODD, descriptor(0, 0x4fff, 0x409a));
    put32(NEW_TSS + 0x4c, ODD);
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_FAULT);
    expect_fault(VECTOR_GP, 0);
    setup(NULL);
    set_slot(ODD, descriptor(0, 0x5000, 0x409a));
    put32(NEW_TSS + 0x4c, ODD);
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_DONE);
}

/* Tables in Exeunt's region read ones, so that no descriptor there is good; nothing is written there. */
static void test_own_region(void **state)
{
    v->gdtr = (struct descriptor_table){OWN_BASE, 0xffff};
    assert_int_equal(go(TASK_JMP, NEW_SLOT), TASK_FAULT);
    expect_fault(VECTOR_GP, NEW_SLOT);
    setup(NULL);
    v->seg[SEG_TR].base = OWN_BASE + 0x100;
    set_slot(NEW_SLOT, descriptor(OWN_BASE, 0x67, 0x89));
    u8 before[0x200];
    memcpy(before, host_guest.ram + OWN_BASE, sizeof(before));
    assert_int_equal(go(TASK_CALL, NEW_SLOT), TASK_FAULT); /* all selectors are 0xffff: beyond the GDT */
    expect_fault(VECTOR_TS, 0xfffc);
    assert_memory_equal(before, host_guest.ram + OWN_BASE, sizeof(before));
}

/* Limit, type and flag bytes of descriptors; not the bases, since only RAM answers here. */
static u32 random_place(u32 number)
{
    static const u8 bytes[] = {0, 1, 5, 6};
    u32 half = number / 2;

    return number & 1 ? GDT + half / 4 % 10 * 8 + bytes[half % 4] : NEW_TSS + half % 104;
}

/* Random tables: any outcome is typed, and the guest can be entered. */
static void test_random(void **state)
{
    u32 seed = 1;
    for (u32 round = 0; round < 3000; round++) {
        setup(NULL);
        for (u32 i = 0; i < 3; i++) {
            seed = seed * 1664525 + 1013904223;
            host_guest.ram[random_place(seed >> 8 & 0xffff)] = (u8)(seed >> 24);
        }
        enum task_status status = go((enum task_source)(round % 3), NEW_SLOT);
        if (status == TASK_FAULT && !v->event.valid)
            fail_msg("round %u", round);
        if (v->seg[SEG_TR].selector == NEW_SLOT && !(v->rflags & RFLAGS_VM))
            expect_new_context();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test_setup(test_jmp, setup),
        cmocka_unit_test_setup(test_call, setup),
        cmocka_unit_test_setup(test_iret, setup),
        cmocka_unit_test_setup(test_interrupt_gate, setup),
        cmocka_unit_test_setup(test_software_interrupt, setup),
        cmocka_unit_test_setup(test_nmi, setup),
        cmocka_unit_test_setup(test_error_code, setup),
        cmocka_unit_test_setup(test_error_code_no_room, setup),
        cmocka_unit_test_setup(test_to_narrow, setup),
        cmocka_unit_test_setup(test_from_narrow, setup),
        cmocka_unit_test_setup(test_to_v86, setup),
        cmocka_unit_test_setup(test_to_user, setup),
        cmocka_unit_test_setup(test_trap_flag, setup),
        cmocka_unit_test_setup(test_reserved_flags, setup),
        cmocka_unit_test_setup(test_bad_selectors, setup),
        cmocka_unit_test_setup(test_descriptor_across_limit, setup),
        cmocka_unit_test_setup(test_bad_descriptors, setup),
        cmocka_unit_test_setup(test_old_tss_too_small, setup),
        cmocka_unit_test_setup(test_external_bit, setup),
        cmocka_unit_test_setup(test_in_ia32e_mode, setup),
        cmocka_unit_test_setup(test_cr3, setup),
        cmocka_unit_test_setup(test_page_faults_before, setup),
        cmocka_unit_test_setup(test_page_fault_after, setup),
        cmocka_unit_test_setup(test_tss_across_pages, setup),
        cmocka_unit_test_setup(test_pae, setup),
        cmocka_unit_test_setup(test_bad_segments, setup),
        cmocka_unit_test_setup(test_good_segments, setup),
        cmocka_unit_test_setup(test_eip_beyond_limit, setup),
        cmocka_unit_test_setup(test_own_region, setup),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
