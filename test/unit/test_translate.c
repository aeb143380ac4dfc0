/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translated code leaves what the interpreter leaves: cases that were once not so, by name, and random ones
 * (test/fuzz/cluster_scenario.h; many more of them by build/fast/clusters).
 */
#define _GNU_SOURCE /* register names of ucontext.h */
#include "test/unit/translate_case.h"

/* Turns until translated code runs, and one more. */
static void play(void)
{
    u64 runs = 0;
    for (u32 i = 0; i < 5; i++)
        runs += turn_once();
    assert_true(runs >= 2);
}

static u32 last_length(void)
{
    return cluster_sites->one->count;
}

static bool is_in_trace(u64 rip)
{
    for (u32 i = 0; i < cluster_sites->one->count; i++)
        if (cluster_sites->one->at[i].rip == rip)
            return true;
    return false;
}

/* OUT; DIV by 0; OUT: the fault's RIP is that of DIV. */
static void rip_of_fault(void **state)
{
    begin(MODE_64, false);
    PUT(HERE, 0xe6, 0x80, 0xf7, 0xf1, 0xe6, 0x80);
    initial.gpr[RCX] = 1;
    play();
    assert_int_equal(last_length(), 3);
    initial.gpr[RCX] = 0;
    assert_int_equal(turn_once(), 1);
    assert_int_equal(host_guests[RUNS].v.rip, HERE + 2);
}

/* OUTS; OUT: one exit is avoided, not two. */
static void exit_is_not_avoided(void **state)
{
    begin(MODE_64, false);
    PUT(HERE, 0x6e, 0xe6, 0x80);
    initial.gpr[RSI] = DATA;
    initial.gpr[RDX] = 0x80;
    play();
    assert_int_equal(last_length(), 2);
}

/* OUT; MOV from DR0; OUT with CPL 3. */
static void debug_registers_of_user(void **state)
{
    begin(MODE_64, true);
    PUT(HERE, 0xe6, 0x80, 0x0f, 0x21, 0xc3, 0xe6, 0x80);
    play();
    assert_int_equal(host_guests[RUNS].v.rip, HERE + 2);
}

/* MOV to DR7 with a breakpoint: it is performed, not begun for ever. OUT before it: it is left to the exit. */
static void arming(void **state)
{
    begin(MODE_64, false);
    PUT(HERE, 0x0f, 0x23, 0xf8, 0xe6, 0x80);
    for (u32 i = 0; i < 5; i++)
        turn_once();
    initial.gpr[RAX] = 0x401;
    for (u32 i = 0; i < 3; i++)
        turn_once();
    assert_int_equal(host_guests[RUNS].v.dr7, 0x401);
    begin(MODE_64, false);
    PUT(HERE, 0xe6, 0x80, 0x0f, 0x23, 0xf8, 0xe6, 0x80);
    play();
    initial.gpr[RAX] = 0x401;
    assert_true(turn_once());
    assert_int_equal(host_guests[RUNS].v.dr7, 0x401);
}

/* OUT; MOV to DR7; DIV; OUT: what was written stays when the interpreter asks for the state. */
static void debug_register_and_interpreter(void **state)
{
    begin(MODE_64, false);
    PUT(HERE, 0xe6, 0x80, 0x0f, 0x23, 0xf8, 0xf7, 0xf1, 0xe6, 0x80);
    initial.gpr[RAX] = 0x500;
    initial.gpr[RCX] = 1;
    for (u32 i = 0; i < 20; i++)
        turn_once();
    assert_int_equal(last_length(), 4);
    assert_int_equal(host_guests[RUNS].v.dr7, 0x500);
}

static void general_detect(void **state)
{
    begin(MODE_64, false);
    PUT(HERE, 0xe6, 0x80, 0x0f, 0x21, 0xc3, 0xe6, 0x80);
    play();
    initial.dr7 = 0x2400;
    assert_int_equal(turn_once(), 0);
    assert_int_equal(host_guests[RUNS].v.rip, HERE + 2);
}

/* REX.W INC BX with the 66 behind REX. */
static void lost_rex(void **state)
{
    begin(MODE_64, false);
    PUT(HERE, 0xe6, 0x80, 0x48, 0x66, 0xff, 0xc3, 0xe6, 0x80);
    initial.gpr[RBX] = 0x1ffff;
    play();
    assert_int_equal(last_length(), 3);
}

/* OUT; RDTSCP; OUT: #UD where the control is not there, which is not for root mode. */
static void time_and_processor(void **state)
{
    for (u32 there = 0; there < 2; there++) {
        begin(MODE_64, false);
        for (EACH_GUEST)
            host_guest.vm.policy.rdtscp = there;
        PUT(HERE, 0xe6, 0x80, 0x0f, 0x01, 0xf9, 0xe6, 0x80);
        play();
        assert_int_equal(translations_find(&cluster_sites->tc, HERE)->count, there ? 3 : 1);
        assert_int_equal((u32)host_guests[RUNS].v.gpr[RCX], host_guests[RUNS].tsc_aux);
    }
}

static void fences_of_16_bits(void **state)
{
    begin(MODE_REAL, false);
    PUT(HERE, 0xe6, 0x80, 0x0f, 0xae, 0xf0, 0x0f, 0xae, 0xe8, 0x0f, 0xae, 0xf8, 0xe6, 0x80);
    play();
    assert_int_equal(last_length(), 5);
}

/* OUT 40; OUT 21, which the TSS forbids. */
static void another_iopl(void **state)
{
    begin(MODE_64, true);
    PUT(HERE, 0xe6, 0x40, 0xe6, 0x21);
    play();
    assert_int_equal(last_length(), 2);
    initial.rflags &= ~(u64)RFLAGS_IOPL;
    turn_once();
    assert_int_equal(host_guests[RUNS].v.rip, HERE + 2);
}

/* OUT; MOV [RDI], RAX; OUT: RDI leads to an entry of each table that maps the code. */
static void store_into_tables(void **state)
{
    static const u64 own[] = {TABLES, TABLES + PAGE_SIZE, TABLES + 2 * PAGE_SIZE,
                              TABLES + 3 * PAGE_SIZE + 8 * (CODE >> PAGE_SHIFT & 511)};
    for (u32 i = 0; i < COUNT_OF(own); i++) {
        begin(MODE_64, false);
        PUT(HERE, 0xe6, 0x80, 0x48, 0x89, 0x07, 0xe6, 0x80);
        initial.gpr[RDI] = DATA;
        play();
        assert_int_equal(last_length(), 3);
        initial.gpr[RDI] = own[i];
        assert_int_equal(turn_once(), 1);
        assert_int_equal(host_guests[RUNS].v.event.vector, VECTOR_PF);
    }
}

/* The same by PUSH, which the interpreter performs; and with code over two pages, of which the second goes. */
static void push_into_tables(void **state)
{
    begin(MODE_64, false);
    PUT(HERE, 0xe6, 0x80, 0x50, 0xe6, 0x80);
    play();
    initial.gpr[RSP] = TABLES + 3 * PAGE_SIZE + 8 * (CODE >> PAGE_SHIFT & 511) + 8;
    assert_int_equal(turn_once(), 1);
    assert_int_equal(host_guests[RUNS].v.event.vector, VECTOR_PF);
    begin(MODE_64, false);
    PUT(2 * MIB - 5, 0xe6, 0x80, 0x48, 0x89, 0x07, 0xe6, 0x80);
    initial.gpr[RDI] = DATA;
    play();
    assert_int_equal(last_length(), 3);
    initial.gpr[RDI] = SHARED_TABLE;
    assert_int_equal(turn_once(), 1);
    assert_int_equal(host_guests[RUNS].v.event.vector, VECTOR_PF);
}

/* The leaf entry of a page of code: becomes read-only, as a kernel's text does. */
static void make_read_only(u64 entry)
{
    u8 flags;
    memcpy(&flags, &host_guests[RUNS].ram[entry], 1);
    flags &= (u8)~BIT(1);
    store_code(entry, &flags, 1);
}

/* Other flags stand in the paging entries: vmx/entry.S has to know them. */
static void other_flags_on_the_way(void **state)
{
    begin(MODE_64, false);
    PUT(HERE, 0xe6, 0x80, 0xe6, 0x80);
    play();
    const struct translation *t = translations_find(&cluster_sites->tc, HERE);
    u64 leaf = t->value[TC_WALK - 1];
    make_read_only(TABLES + 3 * PAGE_SIZE + 8 * (CODE >> PAGE_SHIFT & 511));
    assert_int_equal(turn_once(), 1);
    assert_int_equal(leaf & ~t->value[TC_WALK - 1], BIT(1));
    begin(MODE_64, false);
    PUT(2 * MIB - 3, 0xe6, 0x80, 0xe6, 0x80);
    play();
    t = translations_find(&cluster_sites->tc, 2 * MIB - 3);
    make_read_only(SHARED_TABLE);
    assert_int_equal(turn_once(), 1);
    for (const struct tc_word *word = t->word; word->at; word++)
        assert_int_equal(*word->at, word->value);
}

/* All lines are taken, by operands of other kinds, when the LAPIC is read by 8 bytes. */
static void more_operands_than_lines(void **state)
{
    begin(MODE_64, false);
    PUT(HERE, 0xe6, 0x80, 0x8a, 0x03, 0x66, 0x8b, 0x03, 0x8b, 0x03, 0x48, 0x8b, 0x03,       /* MOV rAX, [RBX] */
        0xe6, 0x80, 0x88, 0x03, 0x66, 0x89, 0x03, 0x89, 0x03, 0x48, 0x89, 0x03,             /* MOV [RBX], rAX */
        0xe6, 0x80, 0x48, 0x8b, 0x0f, 0x48, 0x0f, 0xaf, 0x17, 0x39, 0x16, 0x39, 0x55, 0x00, /* MOV RCX, [RDI]... */
        0xe6, 0x80);
    initial.gpr[RBX] = DATA + 0x10;
    initial.gpr[RSI] = initial.gpr[RBP] = DATA + 0x20;
    initial.gpr[RDI] = APIC_AT + 0x10;
    play();
}

/* IN; MOV EAX, [DATA]; MOV ECX, [TABLES]; DEC EBX; JNZ: each of the two pages is walked to once, not in each round. */
static void two_variables(void **state)
{
    begin(MODE_64, false);
    PUT(HERE, 0xe4, 0x80, 0x8b, 0x04, 0x25, (u8)DATA, (u8)(DATA >> 8), (u8)(DATA >> 16), (u8)(DATA >> 24), /* MOV */
        0x8b, 0x0c, 0x25, (u8)TABLES, (u8)(TABLES >> 8), (u8)(TABLES >> 16), (u8)(TABLES >> 24),           /* MOV */
        0xff, 0xcb, 0x75, 0xec);
    initial.gpr[RBX] = 5;
    play();
    assert_int_equal(last_length(), 5);
    const struct code_line *line = translations_find(&cluster_sites->tc, HERE)->kept->lines.line;
    assert_true(line[0].limit && line[0].linear == (DATA & PAGE_MASK));
    assert_true(line[1].limit && line[1].linear == (TABLES & PAGE_MASK));
}

/* MOV EAX, FS:[RDI]; OUT 80: where FS begins within a page, the offset's page is not the operand's. */
static void fs_within_a_page(void **state)
{
    begin(MODE_64, false);
    for (EACH_GUEST)
        host_guest.v.seg[SEG_FS].base = DATA + 0x345;
    PUT(HERE, 0x64, 0x8b, 0x07, 0xe6, 0x80);
    initial.gpr[RDI] = MMIO_AT + 0x20 - (DATA + 0x345);
    play();
    assert_int_equal(last_length(), 2);
}

/* REP OUTSB that the time ends, at the start of a loop: what is avoided is not less than nothing. */
static void loop_to_a_string(void **state)
{
    begin(MODE_64, false);
    PUT(HERE, 0xf3, 0x6e, 0xe6, 0x80, 0xff, 0xcb, 0x75, 0xf8);
    initial.gpr[RSI] = DATA;
    initial.gpr[RDX] = 0x80;
    initial.gpr[RBX] = 3;
    initial.gpr[RCX] = 2;
    play();
    initial.gpr[RCX] = 1000;
    turn_once();
}

/* OUT; JMP beyond the limit of CS; OUT. The limit may also shrink while the translation is there. */
static void jump_beyond_the_limit(void **state)
{
    begin(MODE_REAL, false);
    PUT(HERE, 0xe6, 0x80, 0x66, 0x0f, 0x84, 0x00, 0x00, 0x10, 0x00, 0xe6, 0x80); /* JZ +100000 */
    play();
    initial.rflags |= RFLAGS_ZF;
    turn_once();
    assert_int_equal(host_guests[RUNS].v.event.vector, VECTOR_GP);
    begin(MODE_REAL, false);
    PUT(HERE, 0xe6, 0x80, 0x74, 0x7f, 0xe6, 0x80); /* JZ +7f */
    play();
    for (EACH_GUEST)
        host_guest.v.seg[SEG_CS].limit = (u32)(HERE - LOW_CODE) + 0x40;
    initial.rflags |= RFLAGS_ZF;
    turn_once();
    assert_int_equal(host_guests[RUNS].v.event.vector, VECTOR_GP);
}

/* What the state asks for is not what translated code does. */
static void states_that_refuse(void **state)
{
    static const u64 flags[] = {RFLAGS_TF, RFLAGS_AC, RFLAGS_RF};
    for (u32 i = 0; i < COUNT_OF(flags); i++) {
        begin(MODE_64, false);
        PUT(HERE, 0xe6, 0x80, 0xe6, 0x80);
        play();
        initial.rflags |= flags[i];
        set_initial(HERE);
        u64 runs = cluster_seen.runs;
        go_on();
        assert_int_equal(cluster_seen.runs, runs);
        assert_string_equal(cluster_trouble, "");
    }
    begin(MODE_64, false);
    PUT(HERE, 0xe6, 0x80, 0xe6, 0x80);
    play();
    initial.interruptibility = BLOCKING_BY_STI;
    assert_int_equal(turn_once(), 1); /* from the second OUT on */
    initial.interruptibility = 0;
    initial.dr7 = 0x401;
    assert_int_equal(turn_once(), 0);
}

/* Code that was written, or is elsewhere, does not run. */
static void code_that_changed(void **state)
{
    begin(MODE_64, false);
    PUT(HERE, 0xe6, 0x80, 0xb0, 0x11, 0xe6, 0x80);
    play();
    store_code(HERE + 3, (const u8[]){0x22}, 1);
    assert_int_equal(turn_once() > 1, 0);
    assert_int_equal(host_guests[RUNS].v.gpr[RAX] & 0xff, 0x22);
    play();
    for (EACH_GUEST) {
        memcpy(host_guest.ram + BLOCK + 0x400, (const u8[]){0xe6, 0x80, 0xb0, 0x33, 0xe6, 0x80, 0xf4}, 7);
        *entry_of(0, CODE) = BLOCK | 7;
    }
    turn_once();
    assert_int_equal(host_guests[RUNS].v.gpr[RAX] & 0xff, 0x33);
}

/* Other rules for fetching: what goes beyond the page of the exit is walked to before it runs again, and stays. */
static void rules_that_are_doubted(void **state)
{
    begin(MODE_64, false);
    PUT(HERE + PAGE_SIZE - (HERE & ~PAGE_MASK) - 2, 0xe6, 0x80, 0xe6, 0x80);
    play();
    const struct translation *made = translations_find(&cluster_sites->tc, cluster_made.rip);
    assert_int_equal(made->pages, 2);
    sites_doubt_far(cluster_sites);
    assert_true(made->doubted);
    assert_int_equal(turn_once(), 1);
    assert_ptr_equal(translations_find(&cluster_sites->tc, cluster_made.rip), made);
    assert_false(made->doubted);
    begin(MODE_64, false);
    PUT(HERE, 0xe6, 0x80, 0xe6, 0x80);
    play();
    sites_doubt_far(cluster_sites);
    assert_false(translations_find(&cluster_sites->tc, HERE)->doubted);
}

/* Where what code means has changed, what goes beyond the page of the exit, or calls, is dropped, and nothing else. */
static void rules_that_changed(void **state)
{
    begin(MODE_64, false);
    PUT(HERE, 0xe6, 0x80, 0xe6, 0x80);
    play();
    sites_forget_far(cluster_sites);
    assert_int_equal(translations_find(&cluster_sites->tc, HERE)->count, 2);
    PUT(HERE + PAGE_SIZE - (HERE & ~PAGE_MASK) - 2, 0xe6, 0x80, 0xe6, 0x80);
    play();
    assert_int_equal(translations_find(&cluster_sites->tc, cluster_made.rip)->pages, 2);
    sites_forget_far(cluster_sites);
    assert_null(translations_find(&cluster_sites->tc, cluster_made.rip));
    begin_traces();
    PUT(HERE, 0xe6, 0x80, 0xeb, 0x00, 0xe6, 0x80, 0xe8, 0x00, 0, 0, 0, 0x58, 0xe6, 0x80); /* JMP; CALL; POP */
    turn_once();
    assert_true(made_at(HERE)->traced && made_at(HERE)->pages == 1);
    sites_forget_far(cluster_sites);
    assert_null(translations_find(&cluster_sites->tc, HERE));
}

/* A poll that the deadline ends at every look at the time. */
static void budgets(void **state)
{
    begin(MODE_64, false);
    PUT(HERE, 0xec, 0x84, 0xc0, 0xff, 0xcb, 0x75, 0xf9); /* IN AL, DX; TEST; DEC EBX; JNZ */
    initial.gpr[RDX] = 0x60;
    initial.gpr[RBX] = 100;
    play();
    assert_int_equal(last_length(), 4);
    for (u32 i = 0; i < 100; i++)
        assert_true(turn_once() >= 1);
}

/* OUT; JZ back, taken: the byte behind it is a device's, and nobody reads it. */
static void code_up_to_device(void **state)
{
    begin(MODE_64, false);
    for (EACH_GUEST) {
        bus_begin(true);
        map_page(0, ABSENT, DATA | 0x27); /* right before the page of the device */
    }
    cluster_now += 2 * WRITE_WINDOW;
    cluster_made = (struct code){.size = CODE_64, .rip = SPECIAL - 4, .length = 4, .count = 1};
    store_code(DATA + PAGE_SIZE - 4, (const u8[]){0xe6, 0x80, 0x74, 0xe0}, 4);
    store_code(DATA + PAGE_SIZE - 32, (const u8[]){0xf4}, 1);
    initial.rflags |= RFLAGS_ZF;
    play();
}

/* The trace has one side of a branch; the guest takes the other; it is made again, with both. */
static void left_aside(void **state)
{
    begin_traces();
    PUT(HERE, 0xe8, 0xfb, 0, 0, 0, 0x85, 0xc9, 0x75, 0x08, /* CALL; TEST ECX, ECX; JNZ */
        0xe6, 0x80, 0xff, 0xcb, 0x75, 0xf1, 0xeb, 0x06,    /* OUT 80; DEC EBX; JNZ; JMP to the end */
        0xe6, 0x81, 0xff, 0xcb, 0x75, 0xe9);               /* OUT 81; DEC EBX; JNZ */
    store_code(HERE + 0x100, (const u8[]){0xec, 0xc3}, 2); /* IN AL, DX; RET */
    initial.gpr[RDX] = 0x60;
    initial.gpr[RBX] = 4;
    turn_once();
    assert_true(made_at(HERE + 0x100)->watched && is_in_trace(HERE + 9) && !is_in_trace(HERE + 17));
    u64 sides = cluster_seen.sides;
    initial.gpr[RCX] = 1;
    turn_once();
    assert_true(cluster_seen.sides > sides);
    for (u32 i = 0; i < 2 * WATCHED_USES; i++) {
        initial.gpr[RCX] = i & 1;
        turn_once();
    }
    assert_false(made_at(HERE + 0x100)->watched);
    assert_true(is_in_trace(HERE + 9) && is_in_trace(HERE + 17));
    assert_true(cluster_seen.sides <= sides + RECORD_SIDES);
}

/* A function that is called for one port, then from elsewhere for another: the first path is not lost. */
static void another_place(void **state)
{
    begin_traces();
    PUT(HERE, 0x85, 0xc9, 0x75, 0x09,                      /* TEST ECX, ECX; JNZ */
        0xe8, 0xf7, 0, 0, 0, 0xe6, 0x80, 0xeb, 0x07,       /* CALL; OUT 80; JMP to the end */
        0xe8, 0xee, 0, 0, 0, 0xe6, 0x81);                  /* CALL; OUT 81 */
    store_code(HERE + 0x100, (const u8[]){0xec, 0xc3}, 2); /* IN AL, DX; RET */
    initial.gpr[RDX] = 0x60;
    for (u32 i = 0; i < 8; i++)
        turn_once();
    assert_true(is_in_trace(HERE + 9) && !is_in_trace(HERE + 18));
    initial.gpr[RCX] = 1;
    initial.gpr[RDX] = 0x61;
    for (u32 i = 0; i < 8; i++)
        turn_once();
    assert_true(made_at(HERE + 0x100)->several);
    assert_true(is_in_trace(HERE + 9) && is_in_trace(HERE + 18));
}

/* What the guest takes aside leads back to where it has been, and from there it is long until the next exit. */
static void back_far_from_exits(void **state)
{
    static const u8 loop[] = {0xe8, 0xfb, 0, 0, 0, 0x85, 0xc9, 0x75, 0x2e}; /* CALL; TEST ECX, ECX; JNZ to INC */
    static const u8 end[] = {0xff, 0xcb, 0x75, 0xcb, 0xeb, 0x04, 0xff, 0xc6, 0xeb, 0xce};
    u8 code[sizeof(loop) + 40 + sizeof(end)]; /* 40 NOPs; DEC EBX; JNZ to CALL; JMP to the end; INC ESI; JMP to NOP */
    begin_traces();
    memset(code, 0x90, sizeof(code));
    memcpy(code, loop, sizeof(loop));
    memcpy(code + sizeof(loop) + 40, end, sizeof(end));
    put(HERE, code, sizeof(code));
    store_code(HERE + 0x100, (const u8[]){0xec, 0xc3}, 2); /* IN AL, DX; RET */
    initial.gpr[RDX] = 0x60;
    initial.gpr[RBX] = 4;
    turn_once();
    assert_true(made_at(HERE + 0x100)->watched && !is_in_trace(HERE + 55));
    initial.gpr[RCX] = 1;
    for (u32 i = 0; i < 4; i++)
        turn_once();
    assert_true(is_in_trace(HERE + 55) && is_in_trace(HERE + 57));
}

/* Less than the path promised, each time that it is made, and more than the cluster before it: the trace stays. */
static void trace_made_again(void **state)
{
    static const u8 once[] = {0xe6, 0x81, 0xc3}, often[] = {0xe6, 0x82, 0xe6, 0x82, 0xe6, 0x82, 0xe6, 0x82, 0xc3};
    begin_traces();
    cluster_sites->paths_at_once = false;
    PUT(HERE, 0xe6, 0x80, 0xe8, 0xf9, 0, 0, 0, 0x85, 0xc9, 0x74, 0x05, 0xe8, 0x10, 1, 0, 0);
    store_code(HERE + 0x100, once, sizeof(once)); /* OUT 80; CALL; TEST ECX, ECX; JZ; CALL */
    store_code(HERE + 0x120, often, sizeof(often));
    const struct translation *now = NULL;
    for (u32 i = 0; i < 2 * CLUSTER_CHECK + 4 * TRACE_CHECK; i++) {
        now = translations_find(&cluster_sites->tc, HERE);
        initial.gpr[RCX] = !now || !now->traced;
        turn_once();
    }
    assert_true(now && now->traced && now->remade == REMADE_MAX && now->promise > 3);
}

/* The guest never goes the path's way to its end again: the cluster that was there before, and is shorter, comes back.
 */
static void trace_in_vain(void **state)
{
    begin_traces();
    cluster_sites->paths_at_once = false;
    PUT(HERE, 0xe6, 0x80, 0xe6, 0x80, 0x85, 0xc9, 0x74, 0x05, 0xe8, 0xf3, 0, 0, 0); /* OUT, OUT, TEST ECX, JZ, CALL */
    store_code(HERE + 0x100, (const u8[]){0xe6, 0x81, 0xc3}, 3);                    /* OUT 81; RET */
    initial.gpr[RCX] = 1;
    for (u32 i = 0; i < 2 * CLUSTER_CHECK; i++)
        turn_once();
    assert_true(made_at(HERE)->promise == 3);
    initial.gpr[RCX] = 0;
    for (u32 i = 0; i < 2 * TRACE_CHECK; i++)
        turn_once();
    const struct translation *now = translations_find(&cluster_sites->tc, HERE);
    assert_true(now && !now->traced && now->exiting == 2);
}

/* IN by a function, between two OUTs; ECX is added to where it returns to. */
static void put_returning(void)
{
    static const u8 function[] = {0xe4, 0x60, 0x48, 0x01, 0x0c, 0x24, 0xc3}; /* IN AL, 60; ADD [RSP], RCX; RET */
    PUT(HERE, 0xe6, 0x80, 0xe8, 0xf9, 0, 0, 0, 0xe6, 0x81, 0xe6, 0x82);
    store_code(HERE + 0x100, function, sizeof(function));
    for (u32 i = 0; i < 5; i++)
        turn_once();
    assert_true(made_at(HERE)->traced && is_in_trace(HERE + 0x106) && is_in_trace(HERE + 9));
}

/* Over two pages, in a device, where it faults. */
static void stacks_without_lines(void **state)
{
    static const u64 stacks[] = {DATA + PAGE_SIZE + 4, SPECIAL + 0x100, MMIO_AT + 0x100, READ_ONLY + 8,
                                 ABSENT + 8,           ABSENT + 0x100,  APIC_AT + 0x100, SPECIAL + 2 * PAGE_SIZE + 8,
                                 DATA + 0x803,         HERE + 0x200,    TABLES + 0x100};
    for (u32 i = 0; i < COUNT_OF(stacks); i++) {
        begin_traces();
        put_returning();
        initial.gpr[RSP] = stacks[i];
        u64 runs = turn_once();
        assert_true(runs || stacks[i] == HERE + 0x200);
        turn_once();
    }
}

/* A return that goes elsewhere is the guest's; what it reads, it reads once, also from a device. */
static void returns_elsewhere(void **state)
{
    static const u64 stacks[] = {DATA + 0x800, SPECIAL + 0x100};
    for (u32 i = 0; i < COUNT_OF(stacks); i++) {
        begin_traces();
        for (EACH_GUEST)
            bus_begin(true);
        initial.gpr[RSP] = stacks[i];
        put_returning();
        initial.gpr[RCX] = 2;
        assert_true(turn_once() >= 1);
        assert_int_equal(host_guests[RUNS].v.rip, HERE + 11);
        for (u32 n = 0; n < 3; n++)
            turn_once();
    }
}

/* OUT 80; MOV word [HERE], ...; OUT 81: what exited is something else when the trace is made. */
static void changed_while_recorded(void **state)
{
    static const u8 others[][2] = {{0x90, 0x90}, {0xe4, 0x60}, {0xee, 0x90}, {0x75, 0x00}, {0xff, 0xd0}};
    for (u32 i = 0; i < COUNT_OF(others); i++) {
        begin_traces();
        for (u32 n = 0; n < 4; n++) {
            PUT(HERE, 0xe6, 0x80, 0x66, 0xc7, 0x04, 0x25, (u8)HERE, (u8)(HERE >> 8), (u8)(HERE >> 16), 0, others[i][0],
                others[i][1], 0xe6, 0x81);
            turn_once();
        }
    }
}

/* Many guests, for their policies and modes; now and then one that lives until the ring of code comes round. */
static u32 draw_life(void)
{
    return draw(4) ? 100 : 600;
}

/* Figures are about half of what the poorest of many seeds had. */
static void random_clusters(void **state)
{
    draw_from(1);
    cluster_signals();
    memset(&cluster_seen, 0, sizeof(cluster_seen));
    while (cluster_seen.made < 6000) {
        cluster_begin();
        for (u32 i = draw_life(); i && !cluster_over; i--)
            if (!cluster_scenario() && !cluster_over)
                fail_msg("%s\n%s", cluster_trouble, cluster_states);
        cluster_finish();
    }
    assert_true(cluster_seen.left[LEFT_END] > 3000 && cluster_seen.left[LEFT_DIRTY] > 6000);
    assert_true(cluster_seen.left[LEFT_CARE] > 150 && cluster_seen.events > 35);
    assert_true(cluster_seen.quick > 2000 && cluster_seen.uncounted * 100 < cluster_seen.runs);
    assert_true(cluster_seen.lost_to_ring > 250 && cluster_seen.lost_to_table > 40 && cluster_seen.stale > 1);
    assert_true(cluster_seen.paging[PAGING_32] > 30 && cluster_seen.paging[PAGING_PAE] > 25);
    assert_true(cluster_seen.bus > 1000 && cluster_seen.kept > 1000);
    assert_true(cluster_seen.traced > 250 && cluster_seen.traced_insns > 20 * cluster_seen.traced);
    assert_true(cluster_seen.sides > 200 && cluster_seen.roaming > 35 && cluster_seen.several > 35 &&
                cluster_seen.recorded > 40000);
    assert_true(cluster_seen.calls > 60000 && cluster_seen.returns > 60000 && cluster_seen.computed > 25000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rip_of_fault),
        cmocka_unit_test(exit_is_not_avoided),
        cmocka_unit_test(debug_registers_of_user),
        cmocka_unit_test(arming),
        cmocka_unit_test(debug_register_and_interpreter),
        cmocka_unit_test(general_detect),
        cmocka_unit_test(lost_rex),
        cmocka_unit_test(time_and_processor),
        cmocka_unit_test(fences_of_16_bits),
        cmocka_unit_test(another_iopl),
        cmocka_unit_test(store_into_tables),
        cmocka_unit_test(push_into_tables),
        cmocka_unit_test(other_flags_on_the_way),
        cmocka_unit_test(more_operands_than_lines),
        cmocka_unit_test(two_variables),
        cmocka_unit_test(fs_within_a_page),
        cmocka_unit_test(loop_to_a_string),
        cmocka_unit_test(jump_beyond_the_limit),
        cmocka_unit_test(states_that_refuse),
        cmocka_unit_test(code_that_changed),
        cmocka_unit_test(rules_that_are_doubted),
        cmocka_unit_test(rules_that_changed),
        cmocka_unit_test(budgets),
        cmocka_unit_test(code_up_to_device),
        cmocka_unit_test(left_aside),
        cmocka_unit_test(another_place),
        cmocka_unit_test(back_far_from_exits),
        cmocka_unit_test(trace_made_again),
        cmocka_unit_test(trace_in_vain),
        cmocka_unit_test(stacks_without_lines),
        cmocka_unit_test(returns_elsewhere),
        cmocka_unit_test(changed_while_recorded),
        cmocka_unit_test(random_clusters),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
