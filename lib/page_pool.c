/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/page_pool.h"

#include "lib/string.h"

void page_pool_init(struct page_pool *pool, void *base, hpa_t base_hpa, u32 pages)
{
    *pool = (struct page_pool){.base = base, .base_hpa = base_hpa, .pages = pages};
}

static void *next_page(struct page_pool *pool)
{
    if (pool->free_list) {
        void *page = pool->free_list;
        pool->free_list = *(void **)page;
        return page;
    }
    if (pool->fresh < pool->pages)
        return pool->base + PAGE_SIZE * pool->fresh++;
    return NULL;
}

void *page_pool_take(struct page_pool *pool)
{
    void *page = next_page(pool);
    if (!page)
        return NULL;
    pool->used++;
    if (pool->used > pool->peak)
        pool->peak = pool->used;
    return memset(page, 0, PAGE_SIZE);
}

void page_pool_give(struct page_pool *pool, void *page)
{
    u64 offset = (u64)((char *)page - pool->base);
    /* Only our own bug can bring a foreign page here; going on would hand it out as a page table. */
    if (offset >= PAGE_SIZE * pool->fresh || offset % PAGE_SIZE || !pool->used)
        __builtin_trap();
    *(void **)page = pool->free_list;
    pool->free_list = page;
    pool->used--;
}
