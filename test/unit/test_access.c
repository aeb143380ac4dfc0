/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest memory by segment and offset: what is checked, in what order, and where the bytes go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test/unit/emul_fixture.h"

static struct vcpu *v;
static struct access_span span;

static void expect_fault(bool allowed, u32 vector, u32 error_code)
{
    assert_false(allowed);
    assert_true(v->event.valid);
    assert_int_equal(v->event.vector, vector);
    assert_true(v->event.has_error_code);
    assert_int_equal(v->event.error_code, error_code);
    assert_int_equal(v->event.type, EVENT_HARDWARE_EXCEPTION);
    v->event.valid = false;
}

static void limits_expand_up(void **state)
{
    v = guest_init(MODE_32, true);
    v->seg[SEG_DS].limit = 0x4fff;
    assert_true(access_open(v, SEG_DS, 0x4ffc, 4, ACCESS_READ, &span));
    expect_fault(access_open(v, SEG_DS, 0x4ffd, 4, ACCESS_READ, &span), VECTOR_GP, 0);
    expect_fault(access_open(v, SEG_DS, 0x5000, 1, ACCESS_READ, &span), VECTOR_GP, 0);
    v->seg[SEG_SS].limit = 0x4fff;
    expect_fault(access_open(v, SEG_SS, 0x4fff, 2, ACCESS_WRITE, &span), VECTOR_SS, 0);
    v->seg[SEG_DS].limit = 0xfffffffe;
    expect_fault(access_open(v, SEG_DS, 0xfffffffe, 4, ACCESS_READ, &span), VECTOR_GP, 0);
    v->seg[SEG_DS].limit = 0xffffffff; /* nothing is beyond: it wraps, as on Intel's processors */
    assert_true(access_open(v, SEG_DS, 0xfffffffe, 4, ACCESS_READ, &span));
    assert_int_equal(span.count, 2);
    assert_int_equal(span.piece[0].at.at, 0xfffffffe);
    assert_int_equal(span.piece[1].at.at, 0);
}

static void limits_expand_down(void **state)
{
    v = guest_init(MODE_32, true);
    v->seg[SEG_ES].access = 0xf7 | ACCESS_DB;
    v->seg[SEG_ES].limit = 0xfff;
    expect_fault(access_open(v, SEG_ES, 0xfff, 2, ACCESS_READ, &span), VECTOR_GP, 0);
    assert_true(access_open(v, SEG_ES, 0x1000, 2, ACCESS_WRITE, &span));
    assert_true(access_open(v, SEG_ES, 0x1ffff, 1, ACCESS_READ, &span));
    v->seg[SEG_ES].access &= ~(u32)ACCESS_DB; /* the upper bound is 64 KiB now */
    expect_fault(access_open(v, SEG_ES, 0xffff, 2, ACCESS_READ, &span), VECTOR_GP, 0);
    assert_true(access_open(v, SEG_ES, 0xfffe, 2, ACCESS_READ, &span));
    v->seg[SEG_ES].access |= ACCESS_DB;
    expect_fault(access_open(v, SEG_ES, 0xffffffff, 2, ACCESS_READ, &span), VECTOR_GP, 0); /* never wraps */
    v->seg[SEG_ES].access &= ~(u32)ACCESS_DB;
    v->seg[SEG_ES].limit = 0xffff; /* nothing is left */
    expect_fault(access_open(v, SEG_ES, 0x8000, 1, ACCESS_READ, &span), VECTOR_GP, 0);
}

static void types(void **state)
{
    static const struct {
        u32 access;
        bool read, write;
    } cases[] = {
        {0xf1, true, false}, /* read-only data */
        {0xf3, true, true},
        {0xf5, true, false},
        {0xf7, true, true},
        {0xf9, false, false}, /* execute-only code */
        {0xfb, true, false},
        {0xfd, false, false},
        {0xff, true, false},
        {ACCESS_UNUSABLE, false, false}, /* null selector */
        {ACCESS_UNUSABLE | 0xf3, false, false},
    };
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        v = guest_init(MODE_32, true);
        v->seg[SEG_DS].access = cases[i].access | ACCESS_DB | ACCESS_G;
        v->seg[SEG_DS].limit = 0xfffff;
        bool down = (cases[i].access & 0x1c) == 0x14;
        u64 offset = down ? 0x100000 : 0x2000;
        assert_int_equal(access_open(v, SEG_DS, offset, 1, ACCESS_READ, &span), cases[i].read);
        assert_int_equal(access_open(v, SEG_DS, offset, 1, ACCESS_WRITE, &span), cases[i].write);
        assert_int_equal(access_open(v, SEG_DS, offset, 1, ACCESS_MODIFY, &span), cases[i].write);
    }
    /* An unusable SS is #SS. Real and virtual-8086 mode check no types. */
    v = guest_init(MODE_32, true);
    v->seg[SEG_SS].access |= ACCESS_UNUSABLE;
    expect_fault(access_open(v, SEG_SS, 0x2000, 1, ACCESS_READ, &span), VECTOR_SS, 0);
    v = guest_init(MODE_REAL, false);
    v->seg[SEG_DS].access = 0x9b;
    assert_true(access_open(v, SEG_DS, 0x2000, 1, ACCESS_WRITE, &span));
    expect_fault(access_open(v, SEG_DS, 0xffff, 2, ACCESS_WRITE, &span), VECTOR_GP, 0);
    v->seg[SEG_DS].limit = 0xffffffff; /* as left by a visit to protected mode */
    assert_true(access_open(v, SEG_DS, 0xffff, 2, ACCESS_WRITE, &span));
}

static void canonical(void **state)
{
    v = guest_init(MODE_64, true);
    expect_fault(access_open(v, SEG_DS, 0x800000000000, 1, ACCESS_READ, &span), VECTOR_GP, 0);
    expect_fault(access_open(v, SEG_SS, 0x7ffffffffffd, 8, ACCESS_READ, &span), VECTOR_SS, 0);
    expect_fault(access_open(v, SEG_DS, 0x7ffffffffffd, 2, ACCESS_READ, &span), VECTOR_PF, 4);
    expect_fault(access_open(v, SEG_DS, 0xffff7fffffffffff, 2, ACCESS_READ, &span), VECTOR_GP, 0);
    v->rflags |= RFLAGS_AC; /* begins in canonical form: the alignment is checked first */
    v->cr0 |= CR0_AM;
    expect_fault(access_open(v, SEG_DS, 0x7ffffffffffd, 8, ACCESS_READ, &span), VECTOR_AC, 0);
    expect_fault(access_open(v, SEG_DS, 0x800000000001, 8, ACCESS_READ, &span), VECTOR_GP, 0);
    v->rflags &= ~(u64)RFLAGS_AC;
    expect_fault(access_open(v, SEG_DS, 0x7ffffffffffd, 8, ACCESS_READ, &span), VECTOR_GP, 0);
    /* Limits, unusable segments and the bases of all but FS and GS mean nothing. */
    v->seg[SEG_DS].limit = 0;
    v->seg[SEG_DS].base = 0x1000000;
    v->seg[SEG_DS].access = ACCESS_UNUSABLE;
    v->seg[SEG_GS].base = 0x2000;
    assert_true(access_open(v, SEG_DS, 0x3000, 8, ACCESS_WRITE, &span));
    assert_int_equal(span.piece[0].at.at, 0x3000);
    assert_true(access_open(v, SEG_GS, 0x1008, 8, ACCESS_WRITE, &span));
    assert_int_equal(span.piece[0].at.at, 0x3008);
    /* Five-level paging makes more addresses canonical, but only with CR4.LA57. */
    host_guest.vm.linear_bits = 57;
    assert_false(access_canonical(v, 0x800000000000));
    v->cr4 |= CR4_LA57;
    assert_true(access_canonical(v, 0x800000000000));
    assert_false(access_canonical(v, 1ull << 56));
}

static void alignment(void **state)
{
    v = guest_init(MODE_64, true);
    v->rflags |= RFLAGS_AC;
    expect_fault(access_open(v, SEG_DS, 0x2001, 2, ACCESS_READ, &span), VECTOR_AC, 0);
    expect_fault(access_open(v, SEG_DS, 0x2004, 8, ACCESS_WRITE, &span), VECTOR_AC, 0);
    assert_true(access_open(v, SEG_DS, 0x2004, 4, ACCESS_READ, &span));
    assert_true(access_open_linear(v, gva(0x2001), 8, ACCESS_READ, true, &span)); /* implicit */
    v->cr0 &= ~CR0_AM;
    assert_true(access_open(v, SEG_DS, 0x2001, 2, ACCESS_READ, &span));
    v = guest_init(MODE_64, false);
    v->rflags |= RFLAGS_AC;
    assert_true(access_open(v, SEG_DS, 0x2001, 2, ACCESS_READ, &span));
}

static void page_faults(void **state)
{
    u64 value = ~0ull;
    v = guest_init(MODE_64, true);
    guest_page(0x6000, 0x6000, 5); /* read-only */
    guest_page(0x7000, 0x7000, 0);
    guest_page(0x8000, 0x8000, 3); /* supervisor */
    expect_fault(access_write(v, SEG_DS, 0x6008, &value, 8), VECTOR_PF, 7);
    assert_int_equal(v->cr2, 0x6008);
    expect_fault(access_read(v, SEG_DS, 0x8008, &value, 8), VECTOR_PF, 5);
    assert_true(access_linear_read(v, gva(0x8008), &value, 8, true));
    /* Over the border: the second page's address is CR2, and the first page stays as it was. */
    memset(host_guest.ram + 0x5ff8, 0x11, 8);
    expect_fault(access_write(v, SEG_DS, 0x5ffc, &value, 8), VECTOR_PF, 7);
    assert_int_equal(v->cr2, 0x6000);
    assert_int_equal(host_guest.ram[0x5ffc], 0x11);
    expect_fault(access_read(v, SEG_DS, 0x6ffe, &value, 4), VECTOR_PF, 4);
    assert_int_equal(v->cr2, 0x7000);
    /* ACCESS_MODIFY faults as a write. */
    expect_fault(access_open(v, SEG_DS, 0x6000, 4, ACCESS_MODIFY, &span), VECTOR_PF, 7);
}

/* A page that follows linearly may lie anywhere. */
static void scattered_pages(void **state)
{
    u64 value = 0;
    v = guest_init(MODE_64, true);
    guest_page(0x6000, 0x20000, 7);
    guest_page(0x7000, 0x10000, 7);
    memcpy(host_guest.ram + 0x20ffd, "abc", 3);
    memcpy(host_guest.ram + 0x10000, "defgh", 5);
    assert_true(access_read(v, SEG_DS, 0x6ffd, &value, 8));
    assert_memory_equal(&value, "abcdefgh", 8);
    assert_true(access_write(v, SEG_DS, 0x6ffd, "ABCDEFGH", 8));
    assert_memory_equal(host_guest.ram + 0x20ffd, "ABC", 3);
    assert_memory_equal(host_guest.ram + 0x10000, "DEFGH", 5);
}

static void devices(void **state)
{
    u64 value = 0;
    v = guest_init(MODE_64, true);
    memcpy(host_guest.device + 0xffc, "abcdefgh", 8);
    assert_true(access_read(v, SEG_DS, DEVICE_BASE + 0xff8, &value, 4));
    assert_string_equal(host_guest.record, "");
    /* Four bytes pass through, four are trapped. */
    assert_true(access_read(v, SEG_DS, TRAPPED_BASE - 4, &value, 8));
    assert_memory_equal(&value, "abcdefgh", 8);
    assert_string_equal(host_guest.record, "map d0001000;");
    host_guest.record[0] = 0;
    assert_true(access_write(v, SEG_DS, TRAPPED_BASE - 1, "12", 2));
    assert_memory_equal(host_guest.device + 0xfff, "12", 2);
    assert_string_equal(host_guest.record, "map d0001000;");
    /* Exeunt's own region reads ones and swallows writes, and both are counted. */
    value = 0;
    assert_true(access_write(v, SEG_DS, OWN_BASE, &value, 8));
    assert_true(access_read(v, SEG_DS, OWN_BASE, &value, 8));
    assert_true(value == ~0ull);
    assert_int_equal(host_guest.vm.ept.counts.own_reads, 1);
    assert_int_equal(host_guest.vm.ept.counts.own_writes, 1);
}

static void exchange(void **state)
{
    static const u32 sizes[] = {1, 2, 4, 8, 16};
    v = guest_init(MODE_64, true);
    for (u32 i = 0; i < COUNT_OF(sizes); i++) {
        u8 old[16], new[16];
        memset(old, 0x5a, 16);
        memset(new, 0xa5, 16);
        memset(host_guest.ram + 0x3000, 0x5a, 32);
        assert_true(access_open(v, SEG_DS, 0x3000, sizes[i], ACCESS_MODIFY, &span));
        old[sizes[i] - 1] ^= 1;
        assert_false(access_exchange(v, &span, old, new));
        assert_int_equal(host_guest.ram[0x3000], 0x5a);
        old[sizes[i] - 1] ^= 1;
        assert_true(access_exchange(v, &span, old, new));
        assert_int_equal(host_guest.ram[0x3000 + sizes[i] - 1], 0xa5);
        assert_int_equal(host_guest.ram[0x3000 + sizes[i]], 0x5a);
    }
    /* Across pages that lie together it is still one exchange; across others and on devices a plain write. */
    u32 old = 0, new = 0x01020304;
    memset(host_guest.ram + 0x3ffc, 1, 8);
    assert_true(access_open(v, SEG_DS, 0x3ffe, 4, ACCESS_MODIFY, &span));
    assert_false(access_exchange(v, &span, &old, &new));
    guest_page(0x6000, 0x20000, 7);
    assert_true(access_open(v, SEG_DS, 0x5ffe, 4, ACCESS_MODIFY, &span));
    assert_true(access_exchange(v, &span, &old, &new));
    assert_int_equal(host_guest.ram[0x20001], 1);
}

static u64 invalidated;

static void note_written(void *context, gpa_t page)
{
    invalidated = page.at;
}

/* What Exeunt writes for the guest into a page of cached code is told to the owner of the cache. */
static void protected_pages(void **state)
{
    u32 value = 0;
    v = guest_init(MODE_64, true);
    host_guest.vm.window.written = note_written;
    assert_int_equal(ept_write_protect(&host_guest.vm.ept, gpa(0x9000)), EPT_OK);
    invalidated = 0;
    assert_true(access_write(v, SEG_DS, 0x8ff0, &value, 4));
    assert_int_equal(invalidated, 0);
    assert_true(access_write(v, SEG_DS, 0x8ffe, &value, 4));
    assert_int_equal(invalidated, 0x9000);
    invalidated = 0;
    memset(host_guest.ram + 0x9000, 0, 4);
    assert_true(access_open(v, SEG_DS, 0x9000, 4, ACCESS_MODIFY, &span));
    assert_true(access_exchange(v, &span, &value, &value));
    assert_int_equal(invalidated, 0x9000);
}

static void cursor(void **state)
{
    struct access_cursor c = {.page = ACCESS_NO_PAGE};
    v = guest_init(MODE_64, true);
    guest_page(0x6000, 0x20000, 7);
    guest_page(0x7000, 0x30000, 7);
    assert_true(access_open_next(v, &c, SEG_DS, 0x6ff0, 8, ACCESS_READ, &span));
    guest_page(0x6000, 0x40000, 7); /* not looked at again */
    assert_true(access_open_next(v, &c, SEG_DS, 0x6ff8, 8, ACCESS_READ, &span));
    assert_int_equal(span.piece[0].at.at, 0x20ff8);
    assert_ptr_equal(span.piece[0].ptr, host_guest.ram + 0x20ff8);
    assert_true(access_open_next(v, &c, SEG_DS, 0x6ffc, 8, ACCESS_READ, &span));
    assert_int_equal(span.count, 2);
    assert_int_equal(span.piece[0].at.at, 0x40ffc);
    assert_int_equal(span.piece[1].at.at, 0x30000);
    assert_true(access_open_next(v, &c, SEG_DS, 0x7000, 8, ACCESS_READ, &span));
    assert_int_equal(span.piece[0].at.at, 0x30000);
    assert_true(access_open_next(v, &c, SEG_DS, TRAPPED_BASE + 8, 8, ACCESS_READ, &span));
    assert_true(access_open_next(v, &c, SEG_DS, TRAPPED_BASE + 16, 8, ACCESS_READ, &span));
    assert_null(span.piece[0].ptr);
    assert_int_equal(span.piece[0].class, EPT_CLASS_TRAPPED);
}

static void fetch(void **state)
{
    u8 bytes[15];
    u32 available;
    v = guest_init(MODE_64, true);
    guest_page(0x6000, 0x6000, 5);
    guest_page(0x7000, 0x7000, 5 | 1ull << 63); /* no execute */
    v->rip = 0x6ffc;
    assert_true(access_fetch(v, bytes, &available));
    assert_int_equal(available, 4);
    assert_false(v->event.valid);
    assert_true(access_fetch_first(v, bytes, &available));
    expect_fault(access_fetch_more(v, bytes, &available), VECTOR_PF, 0x15);
    assert_int_equal(v->cr2, 0x7000);
    v->rip = 0x7004;
    expect_fault(access_fetch(v, bytes, &available), VECTOR_PF, 0x15);
    assert_int_equal(v->cr2, 0x7004);
    v->rip = 0x800000000000;
    expect_fault(access_fetch(v, bytes, &available), VECTOR_GP, 0);
    v->rip = 0x200;
    v->rflags |= RFLAGS_AC; /* alignment is not checked */
    v->rip = 0x203;
    assert_true(access_fetch(v, bytes, &available));
    assert_int_equal(available, 15);
    v = guest_init(MODE_16, true);
    v->rip = 0xfffa;
    assert_true(access_fetch(v, bytes, &available));
    assert_int_equal(available, 6);
    expect_fault(access_fetch_more(v, bytes, &available), VECTOR_GP, 0);
    v->rip = 0x10000;
    expect_fault(access_fetch(v, bytes, &available), VECTOR_GP, 0);
}

/* A 4 GiB address space is a ring for linear addresses. */
static void linear_wrap(void **state)
{
    gva_t linear;
    v = guest_init(MODE_32, true);
    v->seg[SEG_DS].base = 0xfffff000;
    assert_true(access_linear(v, SEG_DS, 0x3000, 4, ACCESS_READ, &linear));
    assert_int_equal(linear.at, 0x2000);
    v->seg[SEG_DS].limit = 0xfffff;
    host_guest.ram[0] = 0x77;
    assert_true(access_open(v, SEG_DS, 0xfff, 2, ACCESS_READ, &span));
    assert_int_equal(span.count, 2);
    assert_int_equal(span.piece[1].at.at, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_expand_up),
        cmocka_unit_test(limits_expand_down),
        cmocka_unit_test(types),
        cmocka_unit_test(canonical),
        cmocka_unit_test(alignment),
        cmocka_unit_test(page_faults),
        cmocka_unit_test(scattered_pages),
        cmocka_unit_test(devices),
        cmocka_unit_test(exchange),
        cmocka_unit_test(protected_pages),
        cmocka_unit_test(cursor),
        cmocka_unit_test(fetch),
        cmocka_unit_test(linear_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
