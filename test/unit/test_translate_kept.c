/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines that are kept from one run to the next (emul/kept_lines.h). Each run is held against the interpreter. */
#define _GNU_SOURCE /* REG_RIP */
#include "test/unit/translate_case.h"

#include "emul/kept_lines.h"

extern const char kept_lines_open[], kept_lines_open_based[], kept_lines_closed[];

/* vmx/entry.S enters what it can. */
static void begin_kept(void)
{
    begin(MODE_64, false);
    cluster_entering = ENTER_QUICKLY;
}

static struct kept_lines *kept(void)
{
    const struct translation *found = translations_find(&cluster_sites->tc, HERE);
    assert_non_null(found);
    assert_non_null(found->kept);
    return found->kept;
}

static bool is_open(void)
{
    return kept()->open == kept_lines_open || kept()->open == kept_lines_open_based;
}

static struct vcpu *runs(void)
{
    return &host_guests[RUNS].v;
}

/* Nothing is remembered of the guest's data. */
static void forget_walks(void)
{
    for (u32 i = 0; i < WALK_MEMO_LINES / 2; i++)
        runs()->walks->line[i].key = 0;
}

/* How many walks to data are remembered. */
static u32 walks(void)
{
    u32 count = 0;
    for (u32 i = 0; i < WALK_MEMO_LINES / 2; i++)
        count += runs()->walks->line[i].key != 0;
    return count;
}

static void turns(u32 times)
{
    for (u32 i = 0; i < times; i++)
        turn_once();
}

/* IN AL, 80; MOV RCX, [RSI]; MOV [RDI], RCX; OUT 80, AL; three turns, so that it has run once. */
static void put_copy(void)
{
    begin_kept();
    initial.gpr[RSI] = DATA + 0x20;
    initial.gpr[RDI] = DATA + PAGE_SIZE + 0x40;
    PUT(HERE, 0xe4, 0x80, 0x48, 0x8b, 0x0e, 0x48, 0x89, 0x0f, 0xe6, 0x80);
    turns(3);
    assert_true(is_open());
    assert_int_equal(kept()->count, 2);
}

/* With the lines of the run before no page is walked to. */
static void no_walks(void **state)
{
    put_copy();
    u32 uses = kept()->uses;
    forget_walks();
    turns(5);
    assert_int_equal(walks(), 0);
    assert_int_equal(kept()->uses, uses - 5);
    initial.gpr[RSI] = TABLES + 8; /* another page, for which the line is made anew */
    turns(1);
    assert_int_equal(walks(), 1);
    assert_true(is_open());
    assert_int_equal(kept()->lines.filled, BIT(0));
    forget_walks();
    initial.gpr[RSI] = DATA + 0x20; /* back: it is put back */
    turns(1);
    assert_int_equal(walks(), 0);
    assert_int_equal(kept()->lines.filled, 0);
}

/* They are learned again after a while: so they are in the new page then. */
static void learned_again(void **state)
{
    put_copy();
    initial.gpr[RSI] = TABLES + 8;
    turns(KEPT_USES);
    assert_true(is_open());
    assert_int_equal(kept()->uses, KEPT_USES);
    forget_walks();
    turns(3);
    assert_int_equal(walks(), 0);
}

/* One paging entry after the other is another one: it leads elsewhere, or an accessed or dirty flag is cleared. */
static void entries_that_change(void **state)
{
    put_copy();
    for (EACH_GUEST)
        map_page(0, DATA, READ_ONLY | 0x27);
    turns(1);
    assert_true(!is_open() || kept()->uses == KEPT_USES);
    for (u32 i = 0; i < 2 * KEPT_PAYS; i++) {
        turns(40);
        for (EACH_GUEST)
            *entry_of(0, DATA + i % 2 * PAGE_SIZE) &= ~(i & 2 ? BIT(5) : BIT(6));
        turns(1);
        assert_true(*entry_of(0, DATA + i % 2 * PAGE_SIZE) & BIT(5));
    }
}

/* What changes all the time is learned less and less often. */
static void patience(void **state)
{
    put_copy();
    u32 learned = 0;
    for (u32 i = 0; i < 600; i++) {
        for (EACH_GUEST)
            map_page(0, DATA, (i & 1 ? DATA : READ_ONLY) | 0x27);
        turns(1);
        learned += is_open();
    }
    assert_true(learned > 3 && learned < 12);
    assert_true(kept()->patience >= 256);
}

/* The page comes to have code that a translation stands for, and may not be written unseen. */
static void page_with_code(void **state)
{
    put_copy();
    store_code(DATA + PAGE_SIZE + 0x200, (const u8[]){0xe6, 0x80, 0xe6, 0x80, 0xf4}, 5);
    u64 main = cluster_made.rip;
    cluster_made.rip = DATA + PAGE_SIZE + 0x200;
    cluster_now += 2 * WRITE_WINDOW;
    turns(4);
    const struct translation *other = translations_find(&cluster_sites->tc, DATA + PAGE_SIZE + 0x200);
    assert_non_null(other);
    assert_true(translation_is_fresh(other));
    cluster_made.rip = main;
    turns(1);
    assert_false(translation_is_fresh(other));
}

/* CR0.WP: the page cannot be written any more. */
static void rules_that_change(void **state)
{
    put_copy();
    for (EACH_GUEST) {
        host_guest.v.cr0 &= ~(u64)CR0_WP;
        map_page(0, DATA + PAGE_SIZE, (DATA + PAGE_SIZE) | 0x65);
    }
    turns(40);
    assert_true(is_open());
    for (EACH_GUEST)
        host_guest.v.cr0 |= CR0_WP;
    turns(1);
    assert_int_equal(runs()->event.vector, VECTOR_PF);
    assert_false(is_open());
}

/* IN; MOV RAX, FS:[RSI]; OUT: the base changes, and the offset leads to another page. */
static void segment_base(void **state)
{
    begin_kept();
    PUT(HERE, 0xe4, 0x80, 0x64, 0x48, 0x8b, 0x06, 0xe6, 0x80);
    initial.gpr[RSI] = 0x30;
    for (u32 i = 0; i < 8; i++) {
        for (EACH_GUEST)
            host_guest.v.seg[SEG_FS].base = i & 4 ? DATA + 0x234 : TABLES + 0x100;
        turns(i < 4 ? 4 : 30);
        assert_true(i >= 4 || is_open());
    }
    forget_walks();
    turns(30);
    assert_true(kept()->open == kept_lines_open_based);
}

/* The run that they would be learned from is left by the interpreter: IN; MOV RCX, [RSI]; DIV BL by 0; OUT. */
static void left_with_care(void **state)
{
    begin_kept();
    cluster_sites->keep_after = 2;
    PUT(HERE, 0xe4, 0x80, 0x48, 0x8b, 0x0e, 0xf6, 0xf3, 0xe6, 0x80);
    initial.gpr[RSI] = DATA;
    initial.gpr[RBX] = 0x70;
    const struct code_frame *frame = &runs()->frame;
    turns(3);
    const void *dirty = frame->end_dirty, *care = frame->end_care;
    initial.gpr[RBX] = 0; /* #DE */
    turns(1);
    assert_false(is_open());
    assert_true(frame->end_dirty == dirty && frame->end_care == care);
    initial.gpr[RBX] = 0x70;
    turns(1);
    assert_true(is_open());
    assert_true(frame->end_dirty == dirty && frame->end_care == care);
}

/* More pages than entries can be kept of: those lines are empty at first, the others filled. */
static void more_than_is_kept(void **state)
{
    static const u64 pages[] = {DATA, DATA + PAGE_SIZE, READ_ONLY,       SUPERVISOR,
                                TSS,  TABLES,           TABLES + 0x1000, CODE + 0x2000};
    u8 code[160] = {0xe4, 0x80};
    u32 at = 2;
    begin_kept();
    for (u32 i = 0; i < 16; i++, at += 8) {
        u32 address = (u32)(i < 8 ? pages[i] : BLOCK + (i - 8) % 4 * PAGE_SIZE + 0x40);
        memcpy(code + at, (const u8[]){0x48, 0x8b, 0x04, 0x25}, 4); /* MOV RAX, [address] */
        memcpy(code + at + 4, &address, 4);
        if (i % 4 == 3)
            memcpy(code + at + 8, (const u8[]){0xe6, 0x80}, 2), at += 2;
    }
    put(HERE, code, at);
    turns(6);
    assert_true(is_open());
    forget_walks();
    turns(1);
    assert_int_equal(kept()->count, 12);
    assert_true(walks() <= 4);
}

/* They are in the table of another address space, which is then the one that CR3 names: the code's own. */
static void table_of_cr3(void **state)
{
    begin_kept();
    cluster_mapping.common = true;
    for (EACH_GUEST)
        map_all();
    u64 root = cluster_roots[1], entry = *(u64 *)(host_guests[RUNS].ram + root);
    PUT(HERE, 0xe4, 0x80, 0x48, 0x89, 0x0f, 0xe6, 0x80);
    initial.gpr[RDI] = root;
    initial.gpr[RCX] = entry;
    turns(6);
    assert_true(is_open());
    assert_int_equal(kept()->lines.line[0].limit, PAGE_SIZE - 7);
    for (EACH_GUEST)
        set_space(1);
    turns(3);
    initial.gpr[RCX] = 0; /* nothing is mapped any more */
    turns(1);
    assert_int_equal(runs()->event.vector, VECTOR_PF);
}

/* The long way says nothing of them where the code is reached as before; by other tables they are not used. */
static void the_long_way(void **state)
{
    put_copy();
    u32 uses = kept()->uses;
    cluster_entering = ENTER_THE_LONG_WAY;
    turns(2);
    assert_int_equal(kept()->uses, uses - 2);
    for (EACH_GUEST) {
        u8 *tables = host_guest.ram + cluster_roots[0], *others = host_guest.ram + cluster_roots[1];
        memcpy(others + 3 * PAGE_SIZE, tables + 3 * PAGE_SIZE, PAGE_SIZE);
        *(u64 *)(tables + 2 * PAGE_SIZE) = (cluster_roots[1] + 3 * PAGE_SIZE) | 0x27;
    }
    turns(1);
    assert_false(is_open());
    turns(1);
    assert_true(is_open());
}

/* MOV EAX, [RDI]; OUT 80, AL: what the exit proves needs no keeping. */
static void proved_alone(void **state)
{
    begin_kept();
    PUT(HERE, 0x8b, 0x07, 0xe6, 0x80);
    initial.gpr[RDI] = MMIO_AT + 0x20;
    turns(6);
    const struct translation *found = translations_find(&cluster_sites->tc, HERE);
    assert_non_null(found);
    assert_int_equal(found->count, 2);
    assert_null(found->kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_walks),     cmocka_unit_test(learned_again),  cmocka_unit_test(entries_that_change),
        cmocka_unit_test(patience),     cmocka_unit_test(page_with_code), cmocka_unit_test(rules_that_change),
        cmocka_unit_test(segment_base), cmocka_unit_test(left_with_care), cmocka_unit_test(more_than_is_kept),
        cmocka_unit_test(proved_alone), cmocka_unit_test(table_of_cr3),   cmocka_unit_test(the_long_way),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
