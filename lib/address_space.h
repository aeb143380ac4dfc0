/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exeunt's own page tables, laid out as lib/layout.h says. No page is writable and executable; the image's text is
 * reachable through one mapping only, because the direct map leaves Exeunt's region out.
 */
#ifndef LIB_ADDRESS_SPACE_H
#define LIB_ADDRESS_SPACE_H

#include "lib/layout.h"
#include "lib/page_pool.h"
#include "lib/types.h"

struct address_space {
    hpa_t region;           /* Exeunt's region, 2 MiB-aligned */
    u64 region_size;        /* a multiple of 2 MiB, at most 1 GiB */
    u64 direct_end;         /* the direct map reaches from 0 to here: at least 4 GiB, a multiple of 1 GiB */
    bool page_1g;           /* CPUID.80000001H:EDX.Page1GB */
    bool no_execute;        /* IA32_EFER.NXE is set */
    const char *code;       /* memory of the image that is mapped executable at CODE_MAP, */
    u64 code_size;          /* whole pages of it */
    struct page_pool *pool; /* where tables come from */
    hpa_t slots;            /* page table of MAP_SLOTS */
    hpa_t root;
};

/*
 * Builds the tables and sets `root`. The struct's other members are input; it must live as long as the tables are used.
 * False: the pool is too small.
 */
bool address_space_build(struct address_space *space);

/* The address space in use, after start-up has moved the image. */
extern struct address_space own_space;

static inline void *direct(hpa_t at)
{
    return (void *)(DIRECT_MAP + at.at);
}

/* Where an object of Exeunt's own image or page pool lies. */
static inline hpa_t own_hpa(const void *object)
{
    return hpa(own_space.region.at + ((u64)object - EXEUNT_BASE));
}

/*
 * A pointer to the byte at `at`, usable up to the end of its 4 KiB page. What lies beyond the direct map is no RAM: it
 * is mapped uncached, in one of MAP_SLOTS_PER_CPU slots of CPU `cpu` (0 to 63), of which the next call for a page that
 * has none reuses the oldest.
 */
void *address_space_map(hpa_t at, u32 cpu);

#endif
