/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter where this machine's CPU cannot be asked in user mode: ports, devices, real mode, expectations,
 * refusals. What user mode can show is in test/fuzz/native.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>

#include "lib/console.h"
#include "test/unit/interp_expect.h"

/* ---- ports ---- */

static void port_forms(void **state)
{
    v = guest_init(MODE_64, false);
    host_guest.port_value = 0x11223344;
    v->gpr[RAX] = ~0ull;
    v->gpr[RDX] = 0xffff03f8;
    expect_done(STEP(0xec), 1); /* in al, dx */
    assert_true(v->gpr[RAX] == 0xffffffffffffff44);
    assert_string_equal(host_guest.record, "in 3f8.1;");
    expect_done(STEP(0x66, 0xed), 2); /* in ax, dx */
    assert_true(v->gpr[RAX] == 0xffffffffffff3345);
    expect_done(STEP(0xe5, 0xcf), 2); /* in eax, 0xcf */
    assert_true(v->gpr[RAX] == 0x11223346);
    assert_string_equal(host_guest.record, "in cf.4;");
    expect_done(STEP(0x48, 0xed), 2); /* REX.W means nothing */
    assert_string_equal(host_guest.record, "in 3f8.4;");
    v->gpr[RAX] = 0xaabbccdd12345678;
    expect_done(STEP(0xe6, 0x80), 2);
    assert_string_equal(host_guest.record, "out 80.1 78;");
    expect_done(STEP(0x66, 0xef), 2);
    assert_string_equal(host_guest.record, "out 3f8.2 5678;");
    expect_done(STEP(0xef), 1);
    assert_string_equal(host_guest.record, "out 3f8.4 12345678;");
}

static void set_bitmap(u16 base, u32 limit, u32 type)
{
    memset(host_guest.ram + 0x3000, 0, 0x1000);
    memcpy(host_guest.ram + 0x3000 + 102, &base, 2);
    v->seg[SEG_TR].limit = limit;
    v->seg[SEG_TR].access = 0x80 | type;
}

static void port_permission(void **state)
{
    v = guest_init(MODE_64, true);
    v->gpr[RDX] = 0x3f9;
    set_bitmap(0x68, 0x68 + 8192, 11);
    assert_int_equal(STEP(0xec), EMUL_DONE);
    host_guest.ram[0x3068 + 0x3f8 / 8] = 1 << 1;
    expect_event(STEP(0xec), VECTOR_GP, 0);
    assert_string_equal(host_guest.record, "");
    v->gpr[RDX] = 0x3f8;
    assert_int_equal(STEP(0xec), EMUL_DONE);
    expect_event(STEP(0x66, 0xed), VECTOR_GP, 0); /* the second of two ports is refused */
    v->gpr[RDX] = 0x3f7;                          /* the bits of four ports lie in two bytes */
    expect_event(STEP(0xed), VECTOR_GP, 0);
    v->rflags |= RFLAGS_IOPL; /* CPL 3 <= IOPL 3: the bitmap is not asked */
    assert_int_equal(STEP(0xed), EMUL_DONE);
    v->rflags &= ~(u64)RFLAGS_IOPL;
    /* Two bytes are read always: the limit must hold the second. */
    set_bitmap(0x68, 0x68 + 0x7f, 11);
    v->gpr[RDX] = 0x3f0;
    assert_int_equal(STEP(0xec), EMUL_DONE);
    v->seg[SEG_TR].limit--;
    expect_event(STEP(0xec), VECTOR_GP, 0);
    set_bitmap(0xffff, 0x67, 11);
    expect_event(STEP(0xec), VECTOR_GP, 0);
    set_bitmap(0x68, 0x2067, 3); /* a 16-bit TSS has no map */
    expect_event(STEP(0xec), VECTOR_GP, 0);
    v->gpr[RCX] = 0; /* nothing is to be done, but permission is asked for first */
    expect_event(STEP(0xf3, 0x6c), VECTOR_GP, 0);
    expect_event(STEP(0xf3, 0x6e), VECTOR_GP, 0);
    v->rflags |= RFLAGS_IOPL;
    expect_done(STEP(0xf3, 0x6c), 2);
    assert_string_equal(host_guest.record, "");
}

/* The map is read as the processor reads it: as a supervisor, and page faults are its own. */
static void port_bitmap_paging(void **state)
{
    v = guest_init(MODE_64, true);
    set_bitmap(0x68, 0x68 + 8192, 11);
    guest_page(0x3000, 0x3000, 3);
    v->gpr[RDX] = 0x80;
    assert_int_equal(STEP(0xec), EMUL_DONE);
    /* The second of the two bytes lies in a page that is not there. */
    u16 base = 0x68;
    guest_page(0x4000, 0x4000, 0);
    v->seg[SEG_TR].base = 0x3f00;
    memcpy(host_guest.ram + 0x3f00 + 102, &base, 2);
    v->gpr[RDX] = (0x100 - base - 1) * 8;
    expect_event(STEP(0xec), VECTOR_PF, 0);
    assert_int_equal(v->cr2, 0x4000);
}

static void port_modes(void **state)
{
    v = guest_init(MODE_REAL, false);
    assert_int_equal(STEP(0xe4, 0x60), EMUL_DONE);
    /* Virtual-8086 mode asks the map whatever IOPL is. */
    v = guest_init(MODE_V86, true);
    v->rflags |= RFLAGS_IOPL;
    set_bitmap(0x68, 0x2068, 11);
    assert_int_equal(STEP(0xe4, 0x60), EMUL_DONE);
    host_guest.ram[0x3068 + 0x60 / 8] = 1;
    expect_event(STEP(0xe4, 0x60), VECTOR_GP, 0);
    v = guest_init(MODE_32, true);
    v->rflags |= 2 << RFLAGS_IOPL_SHIFT;
    set_bitmap(0, 0, 11);
    expect_event(STEP(0xe6, 0x60), VECTOR_GP, 0);
}

static void port_strings(void **state)
{
    v = guest_init(MODE_64, false);
    host_guest.port_value = 0x4142;
    v->gpr[RDI] = 0x5000;
    v->gpr[RCX] = 3;
    v->gpr[RDX] = 0x1f0;
    expect_done(STEP(0xf3, 0x66, 0x6d), 3);
    assert_string_equal(host_guest.record, "in 1f0.2;in 1f0.2;in 1f0.2;");
    assert_memory_equal(host_guest.ram + 0x5000, "BACADA", 6);
    assert_int_equal(v->gpr[RDI], 0x5006);
    assert_int_equal(v->gpr[RCX], 0);
    v->gpr[RSI] = 0x5005;
    v->gpr[RCX] = 2;
    v->rflags |= RFLAGS_DF;
    expect_done(STEP(0xf2, 0x6e), 2); /* REPNE repeats as well */
    assert_string_equal(host_guest.record, "out 1f0.1 41;out 1f0.1 44;");
    assert_int_equal(v->gpr[RSI], 0x5003);
}

/* A fault in the middle: what was done stays done, the port is not read for the element that faults. */
static void string_faults(void **state)
{
    v = guest_init(MODE_64, false);
    guest_page(0x7000, 0x7000, 0);
    v->gpr[RDI] = 0x6ff9;
    v->gpr[RCX] = 8;
    v->gpr[RDX] = 0x1f0;
    expect_event(STEP(0xf3, 0x66, 0x6d), VECTOR_PF, 2);
    assert_string_equal(host_guest.record, "in 1f0.2;in 1f0.2;in 1f0.2;");
    assert_int_equal(v->gpr[RCX], 5);
    assert_int_equal(v->gpr[RDI], 0x6fff);
    assert_int_equal(v->cr2, 0x7000);
    v->gpr[RSI] = 0x6ff8;
    v->gpr[RCX] = 8;
    v->gpr[RDI] = 0x5000;
    expect_event(STEP(0xf3, 0xa5), VECTOR_PF, 0);
    assert_int_equal(v->gpr[RCX], 6);
    assert_int_equal(v->gpr[RSI], 0x7000);
    assert_int_equal(v->gpr[RDI], 0x5008);
}

static struct console_line *console;

static void note_last(u16 port, u32 size, u32 value)
{
    console->last = (u8)value;
}

/* SPEC 6.4: at the time bound the instruction stops between two elements, and may be taken up again. */
static void string_time(void **state)
{
    v = guest_init(MODE_64, false);
    host_guest.tick = 10;
    host_guest.vm.string_deadline_ticks = 40;
    v->interruptibility = BLOCKING_BY_STI;
    v->gpr[RDI] = 0x5000;
    v->gpr[RCX] = 100;
    assert_int_equal(STEP(0xf3, 0x6c), EMUL_PARTIAL);
    assert_int_equal(v->rip, 0x200);
    assert_int_equal(v->gpr[RCX], 96);
    assert_int_equal(v->gpr[RDI], 0x5004);
    assert_true(v->rflags & RFLAGS_RF);
    assert_int_equal(v->interruptibility, 0); /* so that the interrupt comes in */
    u32 rounds = 1;
    while (STEP(0xf3, 0x6c) == EMUL_PARTIAL)
        rounds++;
    assert_int_equal(rounds, 24);
    assert_int_equal(v->gpr[RDI], 0x5064);
    assert_false(v->rflags & RFLAGS_RF);
}

static u64 port_takes;

static u32 slow_in(u16 port, u32 size)
{
    host_guest.now += port_takes;
    return 0;
}

/* The machine's own REP INS goes on for as long as the time bound lets it, however long the port takes. */
static void string_pace(void **state)
{
    static const u64 takes[] = {1, 3, 10, 40, 100, 700, 1500, 5000};
    const u64 bound = 2000;
    for (u32 i = 0; i < COUNT_OF(takes); i++) {
        v = guest_init(MODE_64, false);
        port_takes = takes[i];
        host_guest.machine.port_in = slow_in;
        host_guest.tick = 1;
        host_guest.vm.string_deadline_ticks = bound;
        v->gpr[RDI] = 0x5000;
        v->gpr[RCX] = 4000;
        assert_int_equal(STEP(0xf3, 0x6c), EMUL_PARTIAL);
        u64 moved = 4000 - v->gpr[RCX];
        assert_int_equal(v->gpr[RDI], 0x5000 + moved);
        assert_true(moved >= 1 && moved * (takes[i] + 1) >= bound * 9 / 10);
        assert_true(host_guest.now <= bound + takes[i] + 100);
    }
}

/* Output to the console stops at a line's end while a report waits for that (SPEC 8.5). */
static void string_line(void **state)
{
    for (u32 held = 0; held < 2; held++)
        for (u32 single = 0; single < 2; single++) {
            struct console_line line = {.plain = !held, .last = 'x'};
            v = guest_init(MODE_64, false);
            host_guest.machine.console_line = &line;
            host_guest.machine.port_written = note_last;
            console = &line;
            host_guest.vm.policy.console_data = 0x3f8;
            memcpy(host_guest.ram + 0x5000, "one\ntwo\n", 8);
            v->gpr[RDX] = 0x3f8;
            v->gpr[RSI] = single ? 0x5007 : 0x5000;
            v->gpr[RCX] = single ? 1 : 8;
            assert_int_equal(STEP(0xf3, 0x6e), held && !single ? EMUL_PARTIAL : EMUL_DONE);
            assert_int_equal(v->gpr[RCX], held && !single ? 4 : 0);
            if (held && !single)
                assert_int_equal(STEP(0xf3, 0x6e), EMUL_DONE);
            assert_int_equal(v->gpr[RSI], 0x5008);
            /* Elsewhere it does not matter. */
            v->gpr[RDX] = 0x3f9;
            v->gpr[RSI] = 0x5000;
            v->gpr[RCX] = 8;
            assert_int_equal(STEP(0xf3, 0x6e), EMUL_DONE);
        }
}

/* Runs within a page leave what single elements leave: TF forces the latter. */
static void string_runs(void **state)
{
    static const u8 codes[][3] = {{0xf3, 0xa4},       {0xf3, 0xa5},       {0xf3, 0x48, 0xa5}, {0xf3, 0xaa},
                                  {0xf3, 0x66, 0xab}, {0xf3, 0x48, 0xab}, {0xf3, 0x6c},       {0xf3, 0x66, 0x6d},
                                  {0xf3, 0x6f},       {0xf3, 0x6e}};
    static u8 expected[0x4000];
    static char record[sizeof(host_guest.record)];
    struct vcpu single;
    for (u32 i = 0; i < 200; i++) {
        const u8 *code = codes[i % COUNT_OF(codes)];
        u32 length = code[2] ? 3 : 2;
        for (u32 pass = 0; pass < 2; pass++) {
            v = guest_init(MODE_64, false);
            guest_page(0x7000, 0x20000, 7); /* the pages do not lie in a row */
            guest_page(0x8000, 0x7000, i & 1 ? 7 : 0);
            for (u32 at = 0x5000; at < 0x9000; at++)
                host_guest.ram[at] = (u8)(at * 7 + at / 256);
            memcpy(host_guest.ram + 0x20000, host_guest.ram + 0x5000, PAGE_SIZE);
            v->gpr[RAX] = 0x1122334455667788;
            v->gpr[RDX] = 0x60;
            v->gpr[RSI] = 0x6e00 + i * 5 % 0x300;
            v->gpr[RDI] = 0x6e40 + i * 11 % 0x300; /* overlaps, now and then by less than an element */
            v->gpr[RCX] = i * 37 % 0x400;
            if (code[1] == 0x6c || code[1] == 0x6d || code[1] == 0x6e || code[1] == 0x6f || code[2] == 0x6d)
                v->gpr[RCX] %= 60; /* what the record has room for */
            v->rflags |= pass == 0 ? RFLAGS_TF : 0;
            char all[sizeof(record)] = "";
            enum emul_status status;
            do {
                status = guest_step(code, length);
                strcat(all, host_guest.record);
            } while (status == EMUL_PARTIAL);
            v->rflags &= ~(u64)(RFLAGS_TF | RFLAGS_RF);
            if (pass == 0) {
                single = *v;
                memcpy(expected, host_guest.ram + 0x5000, 0x4000);
                strcpy(record, all);
            } else {
                assert_memory_equal(v->gpr, single.gpr, sizeof(v->gpr));
                assert_int_equal(v->rip, single.rip);
                assert_int_equal(v->event.valid, single.event.valid);
                assert_true(v->cr2 == single.cr2);
                assert_memory_equal(expected, host_guest.ram + 0x5000, 0x4000);
                assert_string_equal(all, record);
            }
        }
    }
}

/* The cache of code hears of a page that a run wrote to. */
static u64 written_page;

static void note_written(void *context, gpa_t page)
{
    written_page = page.at;
}

static void string_runs_are_told(void **state)
{
    v = guest_init(MODE_64, false);
    host_guest.vm.window.written = note_written;
    assert_int_equal(ept_write_protect(&host_guest.vm.ept, gpa(0x9000)), EPT_OK);
    written_page = 0;
    v->gpr[RDI] = 0x8ff0;
    v->gpr[RCX] = 16;
    expect_done(STEP(0xf3, 0xaa), 2);
    assert_int_equal(written_page, 0);
    v->gpr[RCX] = 2;
    expect_done(STEP(0xf3, 0xaa), 2);
    assert_int_equal(written_page, 0x9000);
}

static void string_real_mode(void **state)
{
    v = guest_init(MODE_REAL, false);
    v->gpr[RDI] = 0xaaaafffe;
    v->gpr[RSI] = 0xbbbb0010;
    v->gpr[RCX] = 0xcccc0003;
    memcpy(host_guest.ram + 0x30010, "xyz", 3); /* DS 0x3000 */
    expect_done(STEP(0xf3, 0xa4), 2);
    assert_true(v->gpr[RDI] == 0xaaaa0001); /* SI, DI and CX only: it wraps in 16 bits */
    assert_true(v->gpr[RSI] == 0xbbbb0013);
    assert_true(v->gpr[RCX] == 0xcccc0000);
    assert_memory_equal(host_guest.ram + 0xfffe, "xy", 2); /* ES 0 */
    assert_int_equal(host_guest.ram[0], 'z');
    /* A word at offset 0xffff is beyond the limit. */
    v->gpr[RDI] = 0xffff;
    expect_event(STEP(0xab), VECTOR_GP, 0);
}

/* 32-bit addresses in 64-bit code: the registers that are cut even when nothing moves. */
static void string_cuts_registers(void **state)
{
    static const struct {
        u8 opcode;
        bool counter, source, target;
    } cases[] = {
        {0xa4, true, true, true},   /* MOVS */
        {0xaa, true, false, true},  /* STOS */
        {0xac, true, false, false}, /* LODS */
        {0xa6, true, false, false}, /* CMPS */
        {0xae, true, false, false}, /* SCAS */
    };
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        for (u32 count = 0; count < 2; count++) {
            v = guest_init(MODE_64, true);
            guest_page(0x7000, 0x7000, 0);
            v->gpr[RSI] = v->gpr[RDI] = 0x900007000;
            v->gpr[RCX] = 0x900000000 + count;
            if (count == 0)
                expect_done(STEP(0x67, 0xf3, cases[i].opcode), 3);
            else
                expect_event(STEP(0x67, 0xf3, cases[i].opcode), VECTOR_PF, cases[i].opcode == 0xaa ? 6 : 4);
            assert_int_equal(v->gpr[RCX] >> 32, cases[i].counter ? 0 : 9);
            assert_int_equal(v->gpr[RSI] >> 32, cases[i].source ? 0 : 9);
            assert_int_equal(v->gpr[RDI] >> 32, cases[i].target ? 0 : 9);
            assert_int_equal((u32)v->gpr[RCX], count);
        }
    }
    v = guest_init(MODE_64, true); /* addresses of 64 bits, and no repetition: nothing is cut */
    guest_page(0x7000, 0x7000, 0);
    v->gpr[RSI] = v->gpr[RDI] = 0x900007000;
    v->gpr[RCX] = 0x900000001;
    expect_event(STEP(0x67, 0xa4), VECTOR_PF, 4);
    expect_event(STEP(0xf3, 0xa4), VECTOR_PF, 4);
    assert_true(v->gpr[RSI] == 0x900007000 && v->gpr[RDI] == 0x900007000 && v->gpr[RCX] == 0x900000001);
}

static void cmps_looks_at_target_first(void **state)
{
    v = guest_init(MODE_64, true);
    guest_page(0x7000, 0x7000, 0);
    guest_page(0x8000, 0x8000, 0);
    v->gpr[RSI] = 0x7010;
    v->gpr[RDI] = 0x8020;
    expect_event(STEP(0xa6), VECTOR_PF, 4);
    assert_int_equal(v->cr2, 0x8020);
    v->gpr[RDI] = 0x800000000000;
    expect_event(STEP(0xa6), VECTOR_GP, 0);
}

/* ---- devices in memory ---- */

static void mmio_once(void **state)
{
    v = guest_init(MODE_64, false);
    v->gpr[RBX] = TRAPPED_BASE + 0x10;
    v->gpr[RAX] = 5;
    *(u32 *)(host_guest.device + 0x1010) = 7;
    expect_done(STEP(0x8b, 0x0b), 2); /* mov ecx, [rbx] */
    assert_int_equal(v->gpr[RCX], 7);
    assert_string_equal(host_guest.record, "map d0001010;");
    expect_done(STEP(0x01, 0x03), 2); /* add [rbx], eax: one read, one write */
    assert_string_equal(host_guest.record, "map d0001010;map d0001010;");
    assert_int_equal(*(u32 *)(host_guest.device + 0x1010), 12);
    expect_done(STEP(0xf0, 0x0f, 0xc1, 0x03), 4); /* lock xadd [rbx], eax */
    assert_string_equal(host_guest.record, "map d0001010;map d0001010;");
    assert_int_equal(v->gpr[RAX], 12);
    expect_done(STEP(0x87, 0x03), 2); /* xchg */
    assert_string_equal(host_guest.record, "map d0001010;map d0001010;");
    expect_done(STEP(0x39, 0x03), 2); /* cmp reads only */
    assert_string_equal(host_guest.record, "map d0001010;");
    expect_done(STEP(0xc6, 0x03, 0x55), 3); /* mov writes only */
    assert_string_equal(host_guest.record, "map d0001010;");
    v->gpr[RSP] = 0x6000;
    expect_done(STEP(0xff, 0x33), 2); /* push [rbx] */
    assert_string_equal(host_guest.record, "map d0001010;");
    v->gpr[RSI] = v->gpr[RBX];
    v->gpr[RDI] = TRAPPED_BASE + 0x20;
    v->gpr[RCX] = 2;
    expect_done(STEP(0xf3, 0xa5), 2);
    assert_string_equal(host_guest.record, "map d0001010;map d0001020;map d0001014;map d0001024;");
}

static void mmio_vector(void **state)
{
    v = guest_init(MODE_64, false);
    v->gpr[RBX] = TRAPPED_BASE + 0x40;
    for (u32 i = 0; i < 16; i++)
        host_guest.device[0x1040 + i] = i;
    expect_done(STEP(0x0f, 0x28, 0x0b), 3); /* movaps xmm1, [rbx] */
    assert_true(host_guest.vector[1][1] == 0x0f0e0d0c0b0a0908);
    expect_done(STEP(0x0f, 0x11, 0x4b, 0x14), 4); /* movups [rbx+20], xmm1 */
    assert_int_equal(host_guest.device[0x1054 + 15], 15);
    expect_done(STEP(0xf3, 0x0f, 0x7e, 0x13), 4); /* movq xmm2, [rbx] clears the upper half */
    assert_true(host_guest.vector[2][1] == 0 && host_guest.vector[2][0] == 0x0706050403020100);
    v->gpr[RBX]++;
    expect_event(STEP(0x0f, 0x28, 0x0b), VECTOR_GP, 0);
    v->cr0 |= CR0_TS;
    expect_event(STEP(0x0f, 0x28, 0x0b), VECTOR_NM, -1);
    v->cr0 |= CR0_EM;
    expect_event(STEP(0x0f, 0x28, 0x0b), VECTOR_UD, -1);
    v->cr0 &= ~(CR0_EM | CR0_TS);
    v->cr4 &= ~CR4_OSFXSR;
    expect_event(STEP(0x0f, 0x28, 0x0b), VECTOR_UD, -1);
    v->cr4 |= CR4_OSFXSR;
    expect_event(STEP(0xc5, 0xf8, 0x28, 0x0b), VECTOR_UD, -1); /* vmovaps without CR4.OSXSAVE */
    assert_string_equal(host_guest.record, "");
}

/* What is above the moved bytes, and MMX. */
static void vector_registers(void **state)
{
    v = guest_init(MODE_64, false);
    v->gpr[RBX] = TRAPPED_BASE;
    for (u32 i = 0; i < 32; i++)
        host_guest.device[0x1000 + i] = i;
    memset(host_guest.vector, 0xee, sizeof(host_guest.vector));
    expect_done(STEP(0x0f, 0x6f, 0x1b), 3); /* movq mm3, [rbx] */
    assert_true(host_guest.mmx[3] == 0x0706050403020100);
    expect_done(STEP(0x0f, 0x7e, 0x5b, 0x20), 4); /* movd [rbx+32], mm3 */
    assert_memory_equal(host_guest.device + 0x1020, "\0\1\2\3\0", 5);
    expect_done(STEP(0xf3, 0x0f, 0x10, 0x0b), 4); /* movss xmm1, [rbx] */
    assert_true(host_guest.vector[1][0] == 0x03020100 && host_guest.vector[1][1] == 0);
    expect_done(STEP(0xf3, 0x0f, 0x10, 0xd1), 4); /* movss xmm2, xmm1 */
    assert_true(host_guest.vector[2][0] == 0xeeeeeeee03020100);
    expect_done(STEP(0x66, 0x0f, 0xe7, 0x53, 0x40), 5); /* movntdq [rbx+64], xmm2 */
    assert_memory_equal(host_guest.device + 0x1040, host_guest.vector[2], 16);
    v->gpr[RBX] += 8;
    expect_event(STEP(0x66, 0x0f, 0xe7, 0x13), VECTOR_GP, 0);
    v->gpr[RBX] -= 8;
    v->cr4 |= CR4_OSXSAVE;
    if (!__builtin_cpu_supports("avx"))
        return; /* the guest's XCR0 is the machine's: #UD */
    assert_true(host_guest.vector[1][2] == 0xeeeeeeeeeeeeeeee);
    expect_done(STEP(0xc5, 0xf8, 0x10, 0x0b), 4); /* vmovups xmm1, [rbx] */
    assert_true(host_guest.vector[1][1] == 0x0f0e0d0c0b0a0908 && host_guest.vector[1][2] == 0);
    expect_done(STEP(0xc5, 0x7d, 0x6f, 0x0b), 4); /* vmovdqa ymm9, [rbx] */
    assert_true(host_guest.vector[9][3] == 0x1f1e1d1c1b1a1918);
    v->cr0 |= CR0_TS;
    expect_event(STEP(0xc5, 0xf8, 0x10, 0x0b), VECTOR_NM, -1);
}

static void own_region(void **state)
{
    v = guest_init(MODE_64, false);
    v->gpr[RBX] = OWN_BASE;
    v->gpr[RAX] = 1;
    expect_done(STEP(0x48, 0x8b, 0x03), 3);
    assert_true(v->gpr[RAX] == ~0ull);
    expect_done(STEP(0xf0, 0x48, 0x01, 0x03), 4);
    v->gpr[RDI] = OWN_BASE;
    v->gpr[RCX] = 16;
    expect_done(STEP(0xf3, 0x6c), 2);
    assert_int_equal(host_guest.vm.ept.counts.own_writes, 17);
}

/* ---- what must match, what is refused ---- */

static void expectations(void **state)
{
    static const u8 in[] = {0x66, 0xed}, mov[] = {0x8b, 0x03}, nop[] = {0x90}, none[] = {0x0f, 0x0a};
    struct emul_expect expect = {.kind = EXPECT_IN, .port = 0x70, .size = 2};
    struct insn insn;
    v = guest_init(MODE_64, false);
    v->gpr[RDX] = 0x70;
    guest_code(0x200, in, sizeof(in));
    assert_int_equal(emul_step(v, &expect, &insn), EMUL_DONE);
    assert_int_equal(insn.length, 2);
    host_guest.record[0] = 0;
    for (u32 i = 0; i < 4; i++) {
        guest_code(0x200, in, sizeof(in));
        expect = (struct emul_expect){
            .kind = i == 2 ? EXPECT_OUT : EXPECT_IN, .port = i == 0 ? 0x71 : 0x70, .size = i == 1 ? 1 : 2};
        if (i == 3)
            expect = (struct emul_expect){.kind = EXPECT_MEMORY};
        assert_int_equal(emul_step(v, &expect, &insn), EMUL_MISMATCH);
        assert_int_equal(v->rip, 0x200);
    }
    assert_string_equal(host_guest.record, "");
    expect = (struct emul_expect){.kind = EXPECT_MEMORY};
    v->gpr[RBX] = 0x5000;
    guest_code(0x200, mov, sizeof(mov));
    assert_int_equal(emul_step(v, &expect, &insn), EMUL_DONE);
    guest_code(0x200, nop, sizeof(nop));
    assert_int_equal(emul_step(v, &expect, &insn), EMUL_MISMATCH);
    guest_code(0x200, none, sizeof(none)); /* no instruction at all: the guest will find that out by itself */
    v->event.valid = false;
    assert_int_equal(emul_step(v, &expect, &insn), EMUL_MISMATCH);
    assert_false(v->event.valid);
    expect = (struct emul_expect){.kind = EXPECT_OP, .op = OP_NOP};
    guest_code(0x200, nop, sizeof(nop));
    assert_int_equal(emul_step(v, &expect, &insn), EMUL_DONE);
    expect.op = OP_CPUID;
    guest_code(0x200, nop, sizeof(nop));
    assert_int_equal(emul_step(v, &expect, &insn), EMUL_MISMATCH);
}

static void refused(void **state)
{
    static const u8 codes[][4] = {
        {0x0f, 0xa2},
        {0x0f, 0x32},
        {0x0f, 0x30},
        {0x0f, 0x01, 0xd1},
        {0x0f, 0x01, 0xc1},
        {0x0f, 0x06},
        {0x0f, 0x01, 0xf0},
        {0xf4},
        {0x0f, 0x01, 0x38},
        {0x0f, 0x08},
        {0x0f, 0x09},
        {0xcf},
        {0xcd, 0x80},
        {0xcc},
        {0xf1},
        {0x0f, 0x22, 0xc0},
        {0x0f, 0x20, 0xc0},
        {0x0f, 0x21, 0xc0},
        {0x0f, 0x23, 0xc0},
        {0xd9, 0x00},
        {0x0f, 0x05},
    };
    v = guest_init(MODE_64, false);
    for (u32 i = 0; i < COUNT_OF(codes); i++) {
        struct vcpu before;
        guest_code(0x200, codes[i], 4);
        before = *v;
        assert_int_equal(guest_step(codes[i], 4), EMUL_UNSUPPORTED);
        assert_memory_equal(&before, v, sizeof(before));
    }
    v->cr4 |= CR4_CET;
    assert_int_equal(STEP(0xc3), EMUL_UNSUPPORTED);
    assert_int_equal(STEP(0xe8, 0, 0, 0, 0), EMUL_UNSUPPORTED);
    assert_int_equal(STEP(0xff, 0xe0), EMUL_UNSUPPORTED);
}

static void undecodable(void **state)
{
    u8 too_long[16];
    v = guest_init(MODE_64, false);
    expect_event(STEP(0x0f, 0x0a), VECTOR_UD, -1);
    expect_event(STEP(0xf0, 0x90), VECTOR_UD, -1);
    memset(too_long, 0x66, sizeof(too_long));
    expect_event(guest_step(too_long, sizeof(too_long)), VECTOR_GP, 0);
}

/* Bytes are fetched from the next page only when the instruction reaches there. */
static void fetch_border(void **state)
{
    static const struct emul_expect any = {.kind = EXPECT_ANY};
    static const u8 mov[] = {0xb8, 1, 2, 3, 4};
    struct insn insn;
    v = guest_init(MODE_64, false);
    guest_page(0x7000, 0x7000, 0);
    guest_code(0x6ffb, mov, 5);
    assert_int_equal(emul_step(v, &any, &insn), EMUL_DONE);
    assert_int_equal(v->rip, 0x7000);
    guest_code(0x6ffc, mov, 4);
    assert_int_equal(emul_step(v, &any, &insn), EMUL_EVENT);
    assert_int_equal(v->cr2, 0x7000);
    assert_int_equal(insn.length, 0);
    guest_page(0x7000, 0x20000, 7);
    host_guest.ram[0x20000] = 9;
    v->gpr[RAX] = 0;
    assert_int_equal(emul_step(v, &any, &insn), EMUL_DONE);
    assert_int_equal(v->gpr[RAX], 0x09030201);
    assert_int_equal(v->rip, 0x7001);
}

/* ---- the rest ---- */

static void stack_wrap(void **state)
{
    v = guest_init(MODE_REAL, false);
    v->gpr[RSP] = 0xabcd0000;
    v->gpr[RAX] = 0x1122;
    expect_done(STEP(0x50), 1);
    assert_true(v->gpr[RSP] == 0xabcdfffe);
    assert_int_equal(*(u16 *)(host_guest.ram + 0x2fffe), 0x1122);
    v->gpr[RSP] = 1;
    expect_event(STEP(0x50), VECTOR_SS, 0);
    assert_int_equal(v->gpr[RSP], 1);
    v->gpr[RSP] = 8; /* PUSHA wraps between two elements */
    expect_done(STEP(0x60), 1);
    assert_int_equal(v->gpr[RSP], 0xfff8);
    v->gpr[RSP] = 9;
    expect_event(STEP(0x60), VECTOR_SS, 0);
    assert_int_equal(v->gpr[RSP], 9);
}

/* What was moved before the fault stays, except rSP. */
static void stack_half_done(void **state)
{
    v = guest_init(MODE_COMPAT, true);
    guest_page(0x7000, 0x7000, 0);
    for (u32 i = 0; i < 8; i++)
        v->gpr[i] = 0x1111 * (i + 1);
    v->gpr[RSP] = 0x8008;
    expect_event(STEP(0x60), VECTOR_PF, 6);
    assert_int_equal(v->cr2, 0x7ffc);
    assert_int_equal(v->gpr[RSP], 0x8008);
    assert_int_equal(*(u32 *)(host_guest.ram + 0x8004), 0x1111);
    assert_int_equal(*(u32 *)(host_guest.ram + 0x8000), 0x2222);
    v->gpr[RSP] = 0x6ff8;
    *(u32 *)(host_guest.ram + 0x6ff8) = 0xabcd;
    *(u32 *)(host_guest.ram + 0x6ffc) = 0xef01;
    expect_event(STEP(0x61), VECTOR_PF, 4);
    assert_int_equal(v->cr2, 0x7000);
    assert_int_equal(v->gpr[RSP], 0x6ff8);
    assert_int_equal(v->gpr[RDI], 0xabcd);
    assert_int_equal(v->gpr[RSI], 0xef01);
    assert_int_equal(v->gpr[RBP], 0x6666);
}

/* The stack comes before the target, and the return address is there when the target is refused. */
static void call_order(void **state)
{
    v = guest_init(MODE_64, true);
    v->gpr[RAX] = 0x800000000000;
    v->gpr[RSP] = 0x6008;
    expect_event(STEP(0xff, 0xd0), VECTOR_GP, 0);
    assert_int_equal(v->gpr[RSP], 0x6008);
    assert_int_equal(*(u64 *)(host_guest.ram + 0x6000), 0x202);
    guest_page(0x6000, 0x6000, 0);
    expect_event(STEP(0xff, 0xd0), VECTOR_PF, 6);
    assert_int_equal(v->cr2, 0x6000);
}

static void jump_limits(void **state)
{
    v = guest_init(MODE_16, false);
    expect_done(STEP(0xe9, 0xfd, 0xfd), 3 - 0x203); /* jmp 0 */
    v->seg[SEG_CS].limit = 0x3ff;
    v->gpr[RCX] = 5;
    expect_event(STEP(0xe9, 0xfd, 0x01), VECTOR_GP, 0); /* 0x400 */
    v->seg[SEG_CS].limit = 0x20f;
    expect_event(STEP(0xe2, 0x7f), VECTOR_GP, 0);
    assert_int_equal(v->gpr[RCX], 5); /* LOOP that faults has not counted */
    v = guest_init(MODE_64, false);
    v->gpr[RSP] = 0x6000;
    *(u64 *)(host_guest.ram + 0x6000) = 0x800000000000;
    expect_event(STEP(0xc3), VECTOR_GP, 0);
    assert_int_equal(v->gpr[RSP], 0x6000);
    v->gpr[RAX] = 0x800000000000;
    expect_event(STEP(0xff, 0xd0), VECTOR_GP, 0);
    assert_int_equal(v->gpr[RSP], 0x6000);
}

static void time_stamp(void **state)
{
    v = guest_init(MODE_64, true);
    host_guest.now = 0x123456789a;
    host_guest.tsc_aux = 42;
    expect_done(STEP(0x0f, 0x31), 2);
    assert_int_equal(v->gpr[RAX], 0x3456789b);
    assert_int_equal(v->gpr[RDX], 0x12);
    expect_done(STEP(0x0f, 0x01, 0xf9), 3);
    assert_int_equal(v->gpr[RCX], 42);
    v->cr4 |= CR4_TSD;
    expect_event(STEP(0x0f, 0x31), VECTOR_GP, 0);
    v = guest_init(MODE_REAL, false);
    v->cr4 |= CR4_TSD;
    expect_done(STEP(0x0f, 0x31), 2);
}

static volatile bool stop;

static void *bump(void *counter)
{
    for (u32 i = 0; i < 200000; i++)
        __atomic_fetch_add((u32 *)counter, 1, __ATOMIC_SEQ_CST);
    stop = true;
    return NULL;
}

/* LOCK is atomic against another CPU that touches the same RAM. */
static void lock_is_atomic(void **state)
{
    pthread_t other;
    u32 mine = 0;
    v = guest_init(MODE_64, false);
    u32 *counter = (u32 *)(host_guest.ram + 0x5000);
    *counter = 0;
    v->gpr[RBX] = 0x5000;
    stop = false;
    assert_int_equal(pthread_create(&other, NULL, bump, counter), 0);
    for (; !stop || mine < 1000; mine++)
        assert_int_equal(STEP(0xf0, 0xff, 0x03), EMUL_DONE); /* lock inc dword [rbx] */
    pthread_join(other, NULL);
    assert_int_equal(*counter, 200000 + mine);
}

/* Every op has a handler, and the list of those refused is the one that is meant. */
static void every_op(void **state)
{
    u32 refused_count = 0;
    for (u32 op = 0; op < OP_COUNT; op++) {
        assert_non_null(interp_handler_of(op));
        refused_count += interp_handler_of(op) == interp_refused;
    }
    assert_int_equal(refused_count, 1 + 12 + 4);
    assert_ptr_equal(interp_handler_of(OP_COUNT), interp_refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port_forms),
        cmocka_unit_test(port_permission),
        cmocka_unit_test(port_bitmap_paging),
        cmocka_unit_test(port_modes),
        cmocka_unit_test(port_strings),
        cmocka_unit_test(string_faults),
        cmocka_unit_test(string_time),
        cmocka_unit_test(string_pace),
        cmocka_unit_test(string_line),
        cmocka_unit_test(string_runs),
        cmocka_unit_test(string_runs_are_told),
        cmocka_unit_test(string_real_mode),
        cmocka_unit_test(string_cuts_registers),
        cmocka_unit_test(cmps_looks_at_target_first),
        cmocka_unit_test(mmio_once),
        cmocka_unit_test(mmio_vector),
        cmocka_unit_test(vector_registers),
        cmocka_unit_test(own_region),
        cmocka_unit_test(expectations),
        cmocka_unit_test(refused),
        cmocka_unit_test(undecodable),
        cmocka_unit_test(fetch_border),
        cmocka_unit_test(stack_wrap),
        cmocka_unit_test(stack_half_done),
        cmocka_unit_test(call_order),
        cmocka_unit_test(jump_limits),
        cmocka_unit_test(time_stamp),
        cmocka_unit_test(lock_is_atomic),
        cmocka_unit_test(every_op),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
