/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/page_pool.h"

#define PAGES 8

static _Alignas(4096) char memory[PAGES * PAGE_SIZE];

static void fresh(struct page_pool *pool)
{
    memset(memory, 0xaa, sizeof(memory));
    page_pool_init(pool, memory, hpa(0x7f000000), PAGES);
}

static bool is_zero(const char *page)
{
    for (u32 i = 0; i < PAGE_SIZE; i++) {
        if (page[i])
            return false;
    }
    return true;
}

static void takes_each_page_once_then_none(void **state)
{
    struct page_pool pool;
    void *pages[PAGES];
    fresh(&pool);
    for (u32 i = 0; i < PAGES; i++) {
        assert_int_equal(page_pool_free(&pool), PAGES - i);
        pages[i] = page_pool_take(&pool);
        assert_non_null(pages[i]);
        assert_int_equal((uintptr_t)pages[i] % PAGE_SIZE, 0);
        assert_true(is_zero(pages[i]));
        for (u32 j = 0; j < i; j++)
            assert_ptr_not_equal(pages[i], pages[j]);
    }
    assert_null(page_pool_take(&pool));
    assert_int_equal(pool.used, PAGES);
    assert_int_equal(pool.peak, PAGES);
}

static void pages_come_back_zeroed(void **state)
{
    struct page_pool pool;
    fresh(&pool);
    char *page = page_pool_take(&pool);
    memset(page, 0x55, PAGE_SIZE);
    page_pool_give(&pool, page);
    assert_int_equal(pool.used, 0);
    assert_int_equal(pool.peak, 1);
    for (u32 i = 0; i < PAGES; i++)
        assert_true(is_zero(page_pool_take(&pool)));
    assert_null(page_pool_take(&pool));
}

static void an_empty_pool_gives_none(void **state)
{
    struct page_pool pool;
    page_pool_init(&pool, memory, hpa(0x1000), 0);
    assert_null(page_pool_take(&pool));
    assert_int_equal(page_pool_free(&pool), 0);
}

static void addresses_translate_both_ways(void **state)
{
    struct page_pool pool;
    fresh(&pool);
    page_pool_take(&pool);
    char *second = page_pool_take(&pool);
    assert_int_equal(page_pool_hpa(&pool, second).at, 0x7f001000);
    assert_ptr_equal(page_pool_ptr(&pool, hpa(0x7f001000)), second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_each_page_once_then_none),
        cmocka_unit_test(pages_come_back_zeroed),
        cmocka_unit_test(an_empty_pool_gives_none),
        cmocka_unit_test(addresses_translate_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
