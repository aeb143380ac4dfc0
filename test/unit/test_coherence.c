/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages that cached work depends on: read-only before anything may be published, writable when nothing depends on them
 * or when work is compared instead (SPEC 5.2, 5.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/coherence.h"
#include "test/unit/emul_fixture.h"

#define PAGE 0x5000ull
#define SET_STRIDE ((u64)CODE_PAGE_SLOTS / CODE_PAGE_WAYS * PAGE_SIZE) /* pages so far apart share a set */

static struct vcpu *v;
static struct ept *ept;
static struct coherence *c;
static u64 now;

/* What the flush callback saw. */
static struct {
    u32 count;
    bool writable;
    u32 works;
    u64 page;
} flushed;

static bool writable(u64 at)
{
    u64 size;
    return ept_lookup(ept, gpa(at), &size) & EPT_W;
}

static struct code_page *slot_of(u64 page)
{
    for (u32 i = 0; i < CODE_PAGE_SLOTS; i++)
        if (c->pages[i].state != CODE_PAGE_FREE && c->pages[i].page == page)
            return &c->pages[i];
    return NULL;
}

static void flush(void *context)
{
    const struct code_page *page = slot_of(flushed.page);
    assert_ptr_equal(context, &flushed);
    flushed.count++;
    flushed.writable = writable(flushed.page);
    flushed.works = page ? page->works : ~0u;
    ept->flush = false;
}

static u64 time(void)
{
    return now;
}

static void own_store(void *context, gpa_t page)
{
    coherence_written(context, page);
}

static int set_up(void **state)
{
    v = guest_init(MODE_64, false);
    ept = &v->vm->ept;
    c = &v->vm->coherence;
    now = 5 * WRITE_WINDOW;
    memset(&flushed, 0, sizeof(flushed));
    flushed.page = PAGE;
    coherence_init(c, ept, COHERE_PROTECT);
    c->flush = flush;
    c->context = &flushed;
    c->time = time;
    v->vm->window.written = own_store;
    v->vm->window.written_context = c;
    return 0;
}

/* Published, written, `times` times. */
static struct code_page *write_again(u32 times, u64 apart)
{
    struct code_page *page = NULL;
    for (u32 i = 0; i < times; i++) {
        page = coherence_hold(c, gpa(PAGE));
        now += apart;
        coherence_written(c, gpa(PAGE + 8 * i));
    }
    return page;
}

static void protects_before_it_flushes(void **state)
{
    struct code_page *page = coherence_hold(c, gpa(PAGE + 0x123));
    assert_non_null(page);
    assert_int_equal(page->page, PAGE);
    assert_int_equal(page->state, CODE_PAGE_READ_ONLY);
    assert_false(coherence_compares(page));
    assert_int_equal(flushed.count, 1);
    assert_false(flushed.writable);     /* the CPUs flushed what was already read-only... */
    assert_int_equal(flushed.works, 0); /* ...and nothing depended on it before they had */
    assert_false(ept->flush);
    assert_int_equal(page->works, 1);
    assert_false(writable(PAGE));
    assert_true(writable(PAGE + PAGE_SIZE) && writable(PAGE - PAGE_SIZE));
    assert_ptr_equal(coherence_hold(c, gpa(PAGE + 0xfff)), page);
    assert_int_equal(flushed.count, 1); /* it is read-only already */
    assert_int_equal(page->works, 2);
    assert_int_equal(ept->counts.read_only_pages, 1);
}

static void holds_only_ram(void **state)
{
    const u64 not_ram[] = {DEVICE_BASE, TRAPPED_BASE, OWN_BASE, 1ull << 41, ~0ull};
    for (u32 i = 0; i < COUNT_OF(not_ram); i++)
        assert_null(coherence_hold(c, gpa(not_ram[i])));
    assert_int_equal(ept_add_hole(ept, (struct range){PAGE, PAGE + PAGE_SIZE}), EPT_OK);
    assert_null(coherence_hold(c, gpa(PAGE)));
    assert_int_equal(flushed.count, 0);
    assert_int_equal(ept->counts.read_only_pages, 0);
}

/* No memory to split a large page: nothing may be published, and nothing is left behind. */
static void holds_nothing_without_tables(void **state)
{
    void *taken[POOL_PAGES], *page;
    u32 count = 0;
    u64 at = PAGE;
    while ((page = page_pool_take(&host_guest.pool)))
        taken[count++] = page;
    while (coherence_hold(c, gpa(at))) /* tables that can be had again on demand are given up first */
        at += 2 * MIB;
    assert_true(at < OWN_BASE);
    u32 flushes = flushed.count;
    assert_null(coherence_hold(c, gpa(at)));
    assert_int_equal(flushed.count, flushes);
    assert_int_equal(ept->counts.read_only_pages, flushes);
    assert_true(writable(at));
    while (count)
        page_pool_give(&host_guest.pool, taken[--count]);
    assert_non_null(coherence_hold(c, gpa(at)));
    assert_int_equal(flushed.count, flushes + 1);
    assert_false(writable(at));
}

static void writing_drops(void **state)
{
    struct code_page *page = coherence_hold(c, gpa(PAGE));
    coherence_hold(c, gpa(PAGE));
    u32 generation = page->generation;
    coherence_written(c, gpa(PAGE + PAGE_SIZE)); /* another page */
    coherence_written(c, gpa(PAGE + SET_STRIDE));
    assert_int_equal(page->generation, generation);
    coherence_written(c, gpa(PAGE + 0xfff));
    assert_int_not_equal(page->generation, generation);
    assert_int_equal(page->state, CODE_PAGE_OPEN);
    assert_int_equal(c->counts.invalidations_write, 2);
    assert_true(writable(PAGE));
    assert_int_equal(ept->counts.read_only_pages, 0);
    generation = page->generation;
    coherence_written(c, gpa(PAGE)); /* it was writable: nobody depends on it */
    assert_int_equal(page->generation, generation);
    assert_int_equal(c->counts.invalidations_write, 2);
    assert_ptr_equal(coherence_hold(c, gpa(PAGE)), page); /* read-only again, with a flush of its own */
    assert_int_equal(flushed.count, 2);
    assert_false(flushed.writable);
    assert_int_equal(page->generation, generation);
}

static void compares_what_is_written_often(void **state)
{
    struct code_page *page = write_again(WRITES_BEFORE_COMPARING - 1, 1000);
    assert_int_equal(page->state, CODE_PAGE_OPEN);
    write_again(1, 1000);
    assert_int_equal(page->state, CODE_PAGE_COMPARED);
    assert_int_equal(c->counts.pages_demoted, 1);
    assert_int_equal(coherence_pages_compared(c), 1);
    u32 generation = page->generation;
    assert_ptr_equal(coherence_hold(c, gpa(PAGE)), page);
    assert_true(coherence_compares(page));
    assert_true(writable(PAGE));
    assert_int_equal(flushed.count, WRITES_BEFORE_COMPARING);
    coherence_written(c, gpa(PAGE)); /* what is compared is not dropped */
    assert_int_equal(page->generation, generation);
}

/* The window is counted from one write to the next. */
static void rare_writes_do_not_count(void **state)
{
    struct code_page *page = write_again(10 * WRITES_BEFORE_COMPARING, WRITE_WINDOW + 1);
    assert_int_equal(page->state, CODE_PAGE_OPEN);
    assert_int_equal(c->counts.pages_demoted, 0);
    write_again(WRITES_BEFORE_COMPARING - 1, WRITE_WINDOW);
    assert_int_equal(page->state, CODE_PAGE_COMPARED);
}

/* How many comparisons without a difference until the page is trusted again. */
static u32 calm_until_trusted(struct code_page *page)
{
    u32 count = 0;
    while (page->state == CODE_PAGE_COMPARED && count < 64 * CALM_BEFORE_TRUST) {
        coherence_same(c, page);
        count++;
    }
    return count;
}

static void trusts_again_with_patience(void **state)
{
    struct code_page *page = write_again(WRITES_BEFORE_COMPARING, 1000);
    for (u32 i = 0; i < CALM_BEFORE_TRUST - 1; i++)
        coherence_same(c, page);
    coherence_different(c, page); /* not calm after all */
    assert_int_equal(page->state, CODE_PAGE_COMPARED);
    assert_int_equal(c->counts.unannounced, 0);
    assert_int_equal(c->mode, COHERE_PROTECT);
    u32 generation = page->generation, expected = CALM_BEFORE_TRUST;
    assert_int_equal(calm_until_trusted(page), expected);
    assert_int_equal(page->state, CODE_PAGE_OPEN);
    assert_int_not_equal(page->generation, generation); /* what was compared is published anew, read-only */
    assert_int_equal(coherence_pages_compared(c), 0);
    for (u32 i = 0; i < 3; i++) {
        write_again(WRITES_BEFORE_COMPARING, 1000);
        assert_int_equal(page->state, CODE_PAGE_COMPARED);
        expected *= 2;
        assert_int_equal(calm_until_trusted(page), expected);
    }
    assert_int_equal(c->counts.pages_trusted, 4);
    coherence_hold(c, gpa(PAGE));
    assert_false(coherence_compares(page));
    assert_false(writable(PAGE));
}

static void patience_has_an_end(void **state)
{
    struct code_page *page = write_again(WRITES_BEFORE_COMPARING, 1000);
    page->patience = 16;
    page->calm = (CALM_BEFORE_TRUST << 16) - 2;
    coherence_same(c, page);
    assert_int_equal(page->state, CODE_PAGE_COMPARED);
    coherence_same(c, page);
    assert_int_equal(page->state, CODE_PAGE_OPEN);
    assert_int_equal(page->patience, 16);
}

static void the_coldest_slot_goes(void **state)
{
    struct code_page *page[CODE_PAGE_WAYS + 1];
    for (u32 i = 0; i < CODE_PAGE_WAYS; i++)
        for (u32 works = 0; works < (i == 2 ? 2 : 5 + i); works++)
            page[i] = coherence_hold(c, gpa(PAGE + i * SET_STRIDE));
    u32 generation = page[2]->generation;
    page[4] = coherence_hold(c, gpa(PAGE + 4 * SET_STRIDE));
    assert_ptr_equal(page[4], page[2]);
    assert_int_not_equal(page[4]->generation, generation); /* what depended on it does not count for the new one */
    assert_int_equal(page[4]->works, 1);
    assert_int_equal(c->counts.invalidations_eviction, 2);
    assert_true(writable(PAGE + 2 * SET_STRIDE));
    assert_false(writable(PAGE + 4 * SET_STRIDE));
    assert_int_equal(ept->counts.read_only_pages, CODE_PAGE_WAYS);
    coherence_written(c, gpa(PAGE + 3 * SET_STRIDE)); /* nothing depends on it now: it goes before all others */
    assert_ptr_equal(coherence_hold(c, gpa(PAGE + 5 * SET_STRIDE)), page[3]);
    assert_int_equal(c->counts.invalidations_eviction, 2);
    assert_int_equal(ept->counts.read_only_pages, CODE_PAGE_WAYS);
}

/* What was learned about a mixed page is not given up for a page that is read-only as easily. */
static void compared_pages_stay(void **state)
{
    struct code_page *mixed = write_again(WRITES_BEFORE_COMPARING, 1000);
    for (u32 i = 1; i < 12; i++)
        coherence_hold(c, gpa(PAGE + i * SET_STRIDE));
    assert_int_equal(mixed->page, PAGE);
    assert_int_equal(mixed->state, CODE_PAGE_COMPARED);
}

/* A slot's generation never comes again, whatever pages it had: stale work cannot come to life. */
static void generations_never_repeat(void **state)
{
    u32 last[CODE_PAGE_SLOTS] = {0};
    u64 seed = 1;
    for (u32 i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        u64 at = PAGE + (seed >> 33) % 8 * SET_STRIDE;
        struct code_page *page = coherence_hold(c, gpa(at));
        assert_int_equal(page->page, at);
        u32 slot = (u32)(page - c->pages), before = page->generation;
        assert_true(before >= last[slot]);
        last[slot] = before;
        if (i % 5 < 2 || page->state == CODE_PAGE_COMPARED) {
            now += WRITE_WINDOW / 2;
            coherence_written(c, gpa(at));
            calm_until_trusted(page);
            assert_true(page->state == CODE_PAGE_COMPARED || page->generation > before);
            page->patience = 0;
        }
        u32 read_only = 0;
        for (u32 n = 0; n < CODE_PAGE_SLOTS; n++)
            read_only += c->pages[n].state == CODE_PAGE_READ_ONLY;
        assert_int_equal(read_only, ept->counts.read_only_pages);
    }
    assert_true(c->counts.pages_demoted > 10 && c->counts.invalidations_eviction > 10);
}

/* SPEC 5.3: a device wrote code, so it can do it again anywhere. */
static void a_device_was_caught(void **state)
{
    struct code_page *page = coherence_hold(c, gpa(PAGE)), *other = coherence_hold(c, gpa(PAGE + 3 * PAGE_SIZE));
    u32 generation = other->generation;
    coherence_different(c, page);
    assert_int_equal(c->counts.unannounced, 1);
    assert_int_equal(c->counts.differences, 1);
    assert_int_equal(c->mode, COHERE_COMPARE);
    assert_int_equal(ept->counts.read_only_pages, 0);
    assert_true(writable(PAGE) && writable(PAGE + 3 * PAGE_SIZE));
    assert_true(coherence_compares(page) && coherence_compares(other));
    assert_int_equal(other->generation, generation); /* it may still be right: it is compared from now on */
    u32 flushes = flushed.count;
    struct code_page *third = coherence_hold(c, gpa(PAGE + 4 * PAGE_SIZE));
    assert_true(coherence_compares(third));
    assert_int_equal(flushed.count, flushes);
    for (u32 i = 0; i < 4 * CALM_BEFORE_TRUST; i++)
        coherence_same(c, third);
    assert_ptr_equal(coherence_hold(c, gpa(PAGE + 4 * PAGE_SIZE)), third);
    assert_true(coherence_compares(third)); /* for good */
    assert_int_equal(ept->counts.read_only_pages, 0);
}

static void compares_from_the_start(void **state)
{
    coherence_init(c, ept, COHERE_COMPARE);
    struct code_page *page = coherence_hold(c, gpa(PAGE));
    assert_true(coherence_compares(page));
    assert_true(writable(PAGE));
    assert_int_equal(flushed.count, 0);
    coherence_different(c, page);
    assert_int_equal(c->counts.unannounced, 0); /* nobody had to announce it */
}

/* Every way in which Exeunt stores for the guest takes the generation along (SPEC 5.2). */
static u32 generation_after(struct code_page *page, bool done)
{
    assert_true(done);
    u32 generation = page->generation;
    page->writes = 0; /* it shall not be compared instead */
    coherence_hold(c, gpa(PAGE));
    assert_false(writable(PAGE));
    return generation;
}

static void own_stores(void **state)
{
    struct code_page *page = coherence_hold(c, gpa(PAGE));
    struct window *window = &v->vm->window;
    u32 before = page->generation;
    u64 value = 0x1234;
    assert_true(window_read(window, gpa(PAGE), &value, 8));
    assert_int_equal(page->generation, before);
    assert_true(window_write(window, gpa(PAGE - 16), &value, 8)); /* not in it */
    assert_int_equal(page->generation, before);
    assert_int_equal(generation_after(page, window_write(window, gpa(PAGE - 4), &value, 8)),
                     before + 1); /* ends there */
    assert_int_equal(generation_after(page, window_write(window, gpa(PAGE + 0xff8), &value, 8)), before + 2);
    memcpy(&value, host_guest.ram + PAGE + 8, 8);
    assert_false(window_compare_exchange(window, gpa(PAGE + 8), 8, value + 1, value));
    assert_int_equal(page->generation, before + 2); /* nothing was stored */
    assert_int_equal(generation_after(page, window_compare_exchange(window, gpa(PAGE + 8), 8, value, value)),
                     before + 3);
    assert_int_equal(generation_after(page, access_write(v, SEG_DS, PAGE + 1, &value, 4)), before + 4);
    assert_int_equal(generation_after(page, access_write(v, SEG_DS, PAGE - 2, &value, 4)), before + 5);
    assert_int_equal(generation_after(page, access_linear_write(v, gva(PAGE), &value, 2, true)), before + 6);
}

/* The same by instructions: stores, read-modify-writes, locked ones, strings, pushes, vectors. */
static void own_instructions(void **state)
{
    static const u8 code[][8] = {
        {0x88, 0x07},                   /* mov %al, (%rdi) */
        {0x48, 0x89, 0x07},             /* mov %rax, (%rdi) */
        {0xc6, 0x07, 0x90},             /* mov $0x90, (%rdi) */
        {0x00, 0x07},                   /* add %al, (%rdi) */
        {0xf0, 0x48, 0x0f, 0xc1, 0x07}, /* lock xadd %rax, (%rdi) */
        {0x87, 0x07},                   /* xchg %eax, (%rdi) */
        {0xfe, 0x07},                   /* incb (%rdi) */
        {0xf3, 0xaa},                   /* rep stosb */
        {0xf3, 0xa4},                   /* rep movsb */
        {0x50},                         /* push %rax */
        {0x0f, 0x11, 0x07},             /* movups %xmm0, (%rdi) */
        {0x0f, 0xc3, 0x07},             /* movnti %eax, (%rdi) */
        {0x0f, 0x94, 0x07},             /* sete (%rdi) */
        {0x0f, 0xab, 0x07},             /* bts %eax, (%rdi) */
    };
    struct code_page *page = coherence_hold(c, gpa(PAGE));
    for (u32 i = 0; i < 2 * COUNT_OF(code); i++) {
        u32 before = page->generation;
        v->gpr[RDI] = PAGE + 0x80;
        v->gpr[RSI] = 0x9000;
        v->gpr[RSP] = PAGE + 0x200;
        v->gpr[RCX] = 3;
        v->gpr[RAX] = 1;
        assert_int_equal(guest_step(code[i / 2], sizeof(code[0])), EMUL_DONE);
        assert_int_not_equal(generation_after(page, true), before);
    }
}

/* Accessed and dirty flags are stores too, where the guest's tables and code share a page. */
static void flags_of_page_tables(void **state)
{
    u64 table = 0;
    for (u64 at = v->cr3 & BITS(51, 12), shift = 39; shift > 12; shift -= 9)
        table = at = ((u64 *)(host_guest.ram + at))[(0x7000ull >> shift) & 511] & BITS(51, 12);
    u64 value;
    struct code_page *page = coherence_hold(c, gpa(table));
    u32 before = page->generation;
    assert_true(access_read(v, SEG_DS, 0x7000, &value, 8));
    assert_int_not_equal(page->generation, before);
    assert_true(writable(table));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(protects_before_it_flushes, set_up),
        cmocka_unit_test_setup(holds_only_ram, set_up),
        cmocka_unit_test_setup(holds_nothing_without_tables, set_up),
        cmocka_unit_test_setup(writing_drops, set_up),
        cmocka_unit_test_setup(compares_what_is_written_often, set_up),
        cmocka_unit_test_setup(rare_writes_do_not_count, set_up),
        cmocka_unit_test_setup(trusts_again_with_patience, set_up),
        cmocka_unit_test_setup(patience_has_an_end, set_up),
        cmocka_unit_test_setup(the_coldest_slot_goes, set_up),
        cmocka_unit_test_setup(compared_pages_stay, set_up),
        cmocka_unit_test_setup(generations_never_repeat, set_up),
        cmocka_unit_test_setup(a_device_was_caught, set_up),
        cmocka_unit_test_setup(compares_from_the_start, set_up),
        cmocka_unit_test_setup(own_stores, set_up),
        cmocka_unit_test_setup(own_instructions, set_up),
        cmocka_unit_test_setup(flags_of_page_tables, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
