/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fixed number of 4 KiB pages: all the dynamic memory that Exeunt has. It never grows, and it says how full it is.
 */
#ifndef LIB_PAGE_POOL_H
#define LIB_PAGE_POOL_H

#include "lib/types.h"

struct page_pool {
    char *base;     /* where the pages are mapped */
    hpa_t base_hpa; /* where they are */
    u32 pages;
    u32 used;
    u32 peak;
    u32 fresh;       /* pages from this index on were never handed out */
    void *free_list; /* pages that came back, linked through their first word */
};

/* `base` is page-aligned and maps `pages` pages at `base_hpa`. */
void page_pool_init(struct page_pool *pool, void *base, hpa_t base_hpa, u32 pages);

/* Returns a zeroed page, or NULL when the pool is empty. */
void *page_pool_take(struct page_pool *pool);

/* `page` is one that page_pool_take() returned; anything else is a bug of ours and traps (#UD). */
void page_pool_give(struct page_pool *pool, void *page);

/* How many times page_pool_take() will still succeed. */
static inline u32 page_pool_free(const struct page_pool *pool)
{
    return pool->pages - pool->used;
}

static inline hpa_t page_pool_hpa(const struct page_pool *pool, const void *page)
{
    return hpa(pool->base_hpa.at + (u64)((const char *)page - pool->base));
}

static inline void *page_pool_ptr(const struct page_pool *pool, hpa_t at)
{
    return pool->base + (at.at - pool->base_hpa.at);
}

#endif
