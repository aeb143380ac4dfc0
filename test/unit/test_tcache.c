/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries are found as long as their bytes are what they were made from, and only then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/tcache.h"
#include "test/unit/emul_fixture.h"

#define PAGE 0x5000ull
#define AT (PAGE + 0x120)
#define MODE CODE_64
#define SET_STRIDE ((u64)CODE_PAGE_SLOTS / CODE_PAGE_WAYS * PAGE_SIZE) /* pages so far apart share a set */

static struct tcache tcache;
static struct tcache *tc = &tcache;
static struct coherence *c;
static struct ept *ept;
static u64 now;
static u32 flushes;
static void (*at_flush)(void); /* what another CPU still did before it acknowledged */

static void flush(void *context)
{
    flushes++;
    ept->flush = false;
    if (at_flush)
        at_flush();
}

static u64 time(void)
{
    return now;
}

static int set_up(void **state)
{
    struct vcpu *v = guest_init(MODE_64, false);
    ept = &v->vm->ept;
    c = &v->vm->coherence;
    now = 5 * WRITE_WINDOW;
    flushes = 0;
    at_flush = NULL;
    for (u32 i = 0; i < 16 * PAGE_SIZE; i++)
        host_guest.ram[i] = (u8)(i * 7 + (i >> 8));
    coherence_init(c, ept, COHERE_PROTECT);
    c->flush = flush;
    c->time = time;
    memset(tc, 0, sizeof(*tc));
    tc_init(tc, c);
    return 0;
}

static struct tc_entry *publish_as(u64 at, u32 length, u64 second, const u8 *bytes)
{
    u32 in_page = PAGE_SIZE - (at & ~PAGE_MASK);
    struct tc_source source = {
        .gpa = gpa(at),
        .second = gpa(second),
        .mode = MODE,
        .length = length,
        .bytes = {host_guest.ram + at, in_page < length ? host_guest.ram + second : NULL},
    };
    return tc_publish(tc, &source, bytes);
}

/* From the bytes that are there; what goes on in another page goes on at `second`. */
static struct tc_entry *publish_over(u64 at, u32 length, u64 second)
{
    u8 bytes[TC_BYTES];
    u32 in_page = PAGE_SIZE - (at & ~PAGE_MASK), first = in_page < length ? in_page : length;
    memcpy(bytes, host_guest.ram + at, first);
    memcpy(bytes + first, host_guest.ram + second, length - first);
    return publish_as(at, length, second, bytes);
}

static struct tc_entry *publish(u64 at)
{
    return publish_over(at, 5, 0);
}

static struct tc_entry *find(u64 at)
{
    return tc_find(tc, gpa(at), MODE);
}

static u64 entries(void)
{
    u64 count = 0;
    for (u32 set = 0; set < TC_SETS; set++)
        for (u32 way = 0; way < TC_WAYS; way++)
            count += tc->entry[set][way].gpa != TC_NONE;
    return count;
}

/* As the guest's own store takes its EPT violation, then proceeds. */
static void guest_writes(u64 at, u8 value)
{
    if (ept_write_protected(ept, gpa(at)))
        coherence_written(c, gpa(at));
    host_guest.ram[at] = value;
}

static void finds_what_was_published(void **state)
{
    assert_null(find(AT));
    struct tc_entry *entry = publish(AT);
    assert_non_null(entry);
    entry->work[0] = 42;
    assert_int_equal(flushes, 1);
    assert_true(ept_write_protected(ept, gpa(AT)));
    assert_ptr_equal(find(AT), entry);
    assert_int_equal(find(AT)->work[0], 42);
    assert_int_equal(entry->length, 5);
    assert_int_equal(entry->first, 5);
    assert_null(entry->page[1]);
    assert_memory_equal(entry->source, host_guest.ram + AT, 5);
    assert_null(find(AT + 1));
    assert_null(tc_find(tc, gpa(AT), CODE_32)); /* the same bytes mean something else there */
    assert_int_equal(tc->counts.entries, 1);
}

static void not_yet_found(void)
{
    assert_true(ept_write_protected(ept, gpa(AT)));
    assert_null(find(AT));
}

static void last_write_before_flush(void)
{
    host_guest.ram[AT + 4] ^= 1;
}

/* SPEC 5.2: protected, acknowledged, read, published. */
static void reads_after_the_flush(void **state)
{
    at_flush = not_yet_found;
    assert_non_null(publish(AT));
    assert_int_equal(flushes, 1);
    guest_writes(AT + 0x800, 1);
    assert_null(find(AT));
    at_flush = last_write_before_flush; /* by a CPU whose TLB still let it */
    assert_null(publish(AT));
    assert_null(find(AT));
    at_flush = NULL;
    assert_non_null(publish(AT));
    assert_non_null(find(AT));
}

static void last_write_after_the_end(void)
{
    host_guest.ram[AT + 5] ^= 1;
}

static void other_bytes_do_not_matter(void **state)
{
    at_flush = last_write_after_the_end;
    assert_non_null(publish(AT));
}

static void a_write_drops_its_page(void **state)
{
    publish(AT);
    publish(AT + 64);
    publish(AT + PAGE_SIZE);
    guest_writes(PAGE + 0xfff, 0);
    assert_null(find(AT));
    assert_null(find(AT + 64));
    assert_non_null(find(AT + PAGE_SIZE));
    assert_int_equal(c->counts.invalidations_write, 2);
}

/* The instruction goes on in a page that lies elsewhere. */
#define SPLIT (PAGE + 0xffd)
#define SECOND 0x9000ull

static void two_pages(void **state)
{
    struct tc_entry *entry = publish_over(SPLIT, 7, SECOND);
    assert_non_null(entry);
    assert_int_equal(entry->first, 3);
    assert_true(ept_write_protected(ept, gpa(SPLIT)) && ept_write_protected(ept, gpa(SECOND)));
    assert_false(ept_write_protected(ept, gpa(PAGE + PAGE_SIZE)));
    assert_ptr_equal(find(SPLIT), entry);
    assert_true(tc_must_check(tc, entry, false)); /* each time */
    assert_true(tc_check(tc, entry, gpa(SECOND)));
    assert_false(tc_check(tc, entry, gpa(PAGE + PAGE_SIZE))); /* another page is mapped there now */
    assert_null(find(SPLIT));
    assert_int_equal(tc->counts.entries, 0);
    assert_int_equal(c->counts.differences, 0);
    entry = publish_over(SPLIT, 7, SECOND);
    guest_writes(SECOND + 0x800, 1); /* behind the instruction */
    assert_ptr_equal(find(SPLIT), entry);
    assert_false(tc_check(tc, entry, gpa(SECOND)));
    entry = publish_over(SPLIT, 7, SECOND);
    guest_writes(PAGE, 1);
    assert_null(find(SPLIT));
}

static void changes_second(void)
{
    host_guest.ram[SECOND + 3]++;
}

static void two_pages_are_read_after_both(void **state)
{
    at_flush = changes_second;
    assert_null(publish_over(SPLIT, 7, SECOND));
    assert_int_equal(flushes, 2);
    assert_null(find(SPLIT));
    assert_int_equal(tc->counts.entries, entries());
}

/* One page twice, by two linear addresses. */
static void the_same_page_twice(void **state)
{
    struct tc_entry *entry = publish_over(SPLIT, 7, PAGE);
    assert_non_null(entry);
    assert_true(tc_check(tc, entry, gpa(PAGE)));
    guest_writes(PAGE + 3, 1);
    assert_null(find(SPLIT));
}

/* No slot for both: the second takes the first one's. */
static void second_evicts_first(void **state)
{
    for (u32 i = 1; i < CODE_PAGE_WAYS; i++)
        for (u32 n = 0; n < 3; n++)
            publish(AT + i * SET_STRIDE + 32 * n);
    assert_null(publish_over(SPLIT, 7, PAGE + 4 * SET_STRIDE));
    assert_null(find(SPLIT));
    assert_false(ept_write_protected(ept, gpa(SPLIT)));
    assert_int_equal(tc->counts.entries, entries());
}

static void no_ram_no_entry(void **state)
{
    assert_int_equal(ept_add_hole(ept, (struct range){PAGE, PAGE + PAGE_SIZE}), EPT_OK);
    assert_null(publish(AT));
    assert_null(publish_over(SECOND + 0xffd, 7, PAGE)); /* the second */
    assert_int_equal(entries(), 0);
}

static void make_compared(u64 page)
{
    for (u32 i = 0; i < WRITES_BEFORE_COMPARING; i++) {
        coherence_hold(c, gpa(page));
        guest_writes(page + 0xfff, (u8)i);
    }
}

static void compares_mixed_pages(void **state)
{
    make_compared(PAGE);
    struct tc_entry *entry = publish(AT);
    assert_true(coherence_compares(entry->page[0]));
    assert_true(tc_must_check(tc, entry, false));
    assert_true(tc_check(tc, entry, entry->second));
    guest_writes(AT + 5, 0x55); /* behind it */
    assert_ptr_equal(find(AT), entry);
    assert_true(tc_check(tc, entry, entry->second));
    guest_writes(AT + 4, (u8)(host_guest.ram[AT + 4] + 1));
    assert_ptr_equal(find(AT), entry);
    assert_false(tc_check(tc, entry, entry->second));
    assert_null(find(AT));
    assert_int_equal(c->counts.differences, 1);
    assert_int_equal(c->counts.unannounced, 0);
    assert_int_equal(c->mode, COHERE_PROTECT);
    entry = publish(AT);
    for (u32 i = 0; i < CALM_BEFORE_TRUST; i++)
        assert_true(tc_check(tc, entry, entry->second));
    assert_null(find(AT)); /* calm: made anew, read-only */
    entry = publish(AT);
    assert_true(ept_write_protected(ept, gpa(AT)));
}

/* Of two pages, the one with the difference is to blame: a guest that writes a mixed page is no device. */
static void blames_the_page_that_differs(void **state)
{
    make_compared(SECOND);
    struct tc_entry *entry = publish_over(SPLIT, 7, SECOND);
    assert_non_null(entry);
    assert_false(coherence_compares(entry->page[0]));
    assert_true(coherence_compares(entry->page[1]));
    guest_writes(SECOND, (u8)(host_guest.ram[SECOND] + 1));
    assert_false(tc_check(tc, entry, gpa(SECOND)));
    assert_int_equal(c->counts.differences, 1);
    assert_int_equal(c->counts.unannounced, 0);
    assert_int_equal(c->mode, COHERE_PROTECT);
    entry = publish_over(SPLIT, 7, SECOND);
    host_guest.ram[SPLIT] ^= 1; /* but this is one */
    assert_false(tc_check(tc, entry, gpa(SECOND)));
    assert_int_equal(c->counts.unannounced, 1);
    assert_int_equal(c->mode, COHERE_COMPARE);
}

/* SPEC 5.3: DMA is found out by and by in supervisor code, at once in user code. */
static void looks_now_and_then(void **state)
{
    struct tc_entry *entry = publish(AT);
    u32 looks = 0;
    for (u32 i = 0; i < 10 * TC_COMPARE_EACH; i++)
        looks += tc_must_check(tc, entry, false);
    assert_int_equal(looks, 10);
    assert_true(tc_must_check(tc, entry, true));
    host_guest.ram[AT] ^= 1; /* a device */
    assert_ptr_equal(find(AT), entry);
    assert_false(tc_check(tc, entry, entry->second));
    assert_int_equal(c->counts.unannounced, 1);
    assert_int_equal(c->mode, COHERE_COMPARE);
    entry = publish(AT);
    assert_true(tc_must_check(tc, entry, false)); /* each time, from now on */
    assert_false(ept_write_protected(ept, gpa(AT)));
}

/* The n-th address that falls into the set of AT. */
static u64 collides(u32 n)
{
    u64 at = AT;
    while (n)
        n -= tc_hash(at += 16, TC_SETS_BITS) == tc_hash(AT, TC_SETS_BITS);
    return at;
}

static void the_colder_way_goes(void **state)
{
    struct tc_entry *hot = publish(AT), *cold = publish(collides(1));
    for (u32 i = 0; i < 20; i++)
        tc_must_check(tc, hot, false);
    for (u32 i = 0; i < 10; i++)
        tc_must_check(tc, cold, false);
    assert_ptr_equal(publish(collides(2)), cold);
    assert_ptr_equal(find(AT), hot);
    assert_null(find(collides(1)));
    assert_int_equal(c->counts.invalidations_eviction, 1);
    assert_int_equal(hot->hits, 10); /* old glory fades */
    for (u32 i = 0; i < 11; i++)
        tc_must_check(tc, cold, false);
    assert_ptr_equal(publish(collides(3)), hot);
    assert_null(find(AT));
    assert_int_equal(tc->counts.entries, 2);
    assert_int_equal(entries(), 2);
}

static void the_dead_go_first(void **state)
{
    u64 far = collides(1);
    while ((far & PAGE_MASK) == PAGE)
        far += 16;
    while (tc_hash(far, TC_SETS_BITS) != tc_hash(AT, TC_SETS_BITS))
        far += 16;
    struct tc_entry *hot = publish(AT), *cold = publish(far);
    for (u32 i = 0; i < 20; i++)
        tc_must_check(tc, hot, false);
    guest_writes(PAGE, 1);
    assert_null(find(AT));
    u64 third = far;
    do
        third += 16;
    while (tc_hash(third, TC_SETS_BITS) != tc_hash(AT, TC_SETS_BITS));
    assert_ptr_equal(publish(third), hot);
    assert_ptr_equal(find(far), cold);
    assert_int_equal(c->counts.invalidations_eviction, 0);
    assert_int_equal(tc->counts.entries, 2);
}

static void one_entry_per_address(void **state)
{
    struct tc_entry *entry = publish(AT);
    u8 bytes[5];
    memcpy(bytes, host_guest.ram + AT, 5);
    struct tc_source source = {.gpa = gpa(AT), .mode = CODE_16, .length = 5, .bytes = {host_guest.ram + AT}};
    assert_ptr_equal(tc_publish(tc, &source, bytes), entry); /* in the other mode now */
    assert_null(find(AT));
    assert_non_null(tc_find(tc, gpa(AT), CODE_16));
    assert_int_equal(tc->counts.entries, 1);
}

static void worth_the_second_time(void **state)
{
    assert_false(tc_worth(tc, gpa(AT)));
    assert_true(tc_worth(tc, gpa(AT)));
    assert_true(tc_worth(tc, gpa(AT)));
    assert_false(tc_worth(tc, gpa(AT + 1)));
    publish(AT);
    host_guest.ram[AT] ^= 1;
    assert_false(tc_check(tc, find(AT), gpa(0)));
    for (u32 i = 0; i < TC_WAIT_AFTER_CHANGE; i++) /* it changes: it must show for a while that it comes back */
        assert_false(tc_worth(tc, gpa(AT)));
    assert_true(tc_worth(tc, gpa(AT)));
    assert_false(tc_worth(tc, gpa(0))); /* an address like any other */
    assert_true(tc_worth(tc, gpa(0)));
}

static void barren(void **state)
{
    tc_worth(tc, gpa(AT));
    for (; tc->fruitless < TC_BARREN; tc->fruitless++)
        assert_true(tc_worth(tc, gpa(AT)));
    u32 worth = 0;
    for (u32 i = 0; i < 10 * TC_BARREN_EACH; i++, tc->fruitless++)
        worth += tc_worth(tc, gpa(AT));
    assert_int_equal(worth, 10);
    tc->fruitless = 0; /* a hit */
    assert_true(tc_worth(tc, gpa(AT)));
}

static void rests(void **state)
{
    u32 asked = 0;
    for (u32 i = 0; i < 100; i++)
        assert_false(tc_rests(tc));
    tc->fruitless = TC_REST + 1;
    for (u32 i = 0; i < 100 * TC_REST_EACH; i++)
        asked += !tc_rests(tc);
    assert_int_equal(asked, 100);
    tc->turn_mask = TC_REST_EACH_LONG - 1;
    for (u32 i = 0; i < 100 * TC_REST_EACH_LONG; i++)
        asked += !tc_rests(tc);
    assert_int_equal(asked, 200);
    tc->fruitless = 0;
    assert_false(tc_rests(tc));
}

/* Code is laid out in strides: of 512 addresses no more than a few may meet in one set. */
static void hashing_spreads(void **state)
{
    static const u64 strides[] = {1, 2, 3, 5, 16, 32, 48, 64, 128, 256, 4096, 4096 + 16, 2 * MIB, 1 * GIB};
    for (u32 s = 0; s < COUNT_OF(strides); s++)
        for (u64 base = 0x100000; base < 0x100000 + 5 * 0x333333; base += 0x333333) {
            u8 used[TC_SETS] = {0};
            u32 sets = 0, most = 0;
            for (u32 i = 0; i < TC_SETS / 2; i++) {
                u64 set = tc_hash(base + i * strides[s], TC_SETS_BITS);
                assert_true(set < TC_SETS);
                sets += used[set]++ == 0;
                most = used[set] > most ? used[set] : most;
            }
            if (most > 4 || sets < TC_SETS / 4)
                fail_msg("stride %llu: %u sets, %u in one", strides[s], sets, most);
        }
}

/* Whatever happens, the count of entries is what is there, and a found one has the bytes it was made from. */
static void counts_are_true(void **state)
{
    u64 seed = 7, found = 0;
    for (u32 i = 0; i < 40000; i++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        u64 page = PAGE + (seed >> 60) % 4 * PAGE_SIZE, at = page + 0xfa0 + (seed >> 33) % 96;
        struct tc_entry *entry = find(at);
        if (entry) {
            found++;
            if (!tc_must_check(tc, entry, false) || tc_check(tc, entry, gpa((at & PAGE_MASK) + PAGE_SIZE)))
                assert_memory_equal(entry->source, host_guest.ram + at, entry->length);
        } else {
            publish_over(at, 1 + (seed >> 50) % 15, (at & PAGE_MASK) + PAGE_SIZE);
        }
        if ((seed >> 40) % 16 == 0) {
            now += (seed >> 20) % (2 * WRITE_WINDOW);
            guest_writes(at, (u8)(seed >> 44));
        }
        if (i % 64 == 0)
            assert_int_equal(tc->counts.entries, entries());
    }
    assert_true(found > 10000);
    assert_true(c->counts.differences > 10 && c->counts.pages_demoted > 0 && c->counts.invalidations_write > 100);
    assert_int_equal(c->counts.unannounced, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(finds_what_was_published, set_up),
        cmocka_unit_test_setup(reads_after_the_flush, set_up),
        cmocka_unit_test_setup(other_bytes_do_not_matter, set_up),
        cmocka_unit_test_setup(a_write_drops_its_page, set_up),
        cmocka_unit_test_setup(two_pages, set_up),
        cmocka_unit_test_setup(two_pages_are_read_after_both, set_up),
        cmocka_unit_test_setup(the_same_page_twice, set_up),
        cmocka_unit_test_setup(second_evicts_first, set_up),
        cmocka_unit_test_setup(no_ram_no_entry, set_up),
        cmocka_unit_test_setup(compares_mixed_pages, set_up),
        cmocka_unit_test_setup(blames_the_page_that_differs, set_up),
        cmocka_unit_test_setup(looks_now_and_then, set_up),
        cmocka_unit_test_setup(the_colder_way_goes, set_up),
        cmocka_unit_test_setup(the_dead_go_first, set_up),
        cmocka_unit_test_setup(one_entry_per_address, set_up),
        cmocka_unit_test_setup(worth_the_second_time, set_up),
        cmocka_unit_test_setup(barren, set_up),
        cmocka_unit_test_setup(rests, set_up),
        cmocka_unit_test_setup(hashing_spreads, set_up),
        cmocka_unit_test_setup(counts_are_true, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
