/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine on which the extended page tables are tried.
 */
#ifndef TEST_EPT_FIXTURE_H
#define TEST_EPT_FIXTURE_H

#include "ept_checker.h"

#define POOL_MAX 700
#define OWN_START 0x7f800000ull
#define OWN_END 0x80000000ull

static _Alignas(4096) char memory[POOL_MAX * PAGE_SIZE];

/* A machine: firmware's MTRRs, RAM with a PCI hole below 4 GiB, Exeunt at the top of low RAM. */
struct fixture {
    struct mtrrs mtrrs;
    struct page_pool pool;
    struct range ram[8];
    struct ept_config config;
    struct ept ept;
    struct ept_check check;
    u32 reused; /* times that before_reuse() was called */
};

static inline struct fixture *fixture(u64 ram_bytes, u32 pages)
{
    static struct fixture f;
    memset(&f, 0, sizeof(f));
    f.mtrrs = (struct mtrrs){.capabilities = 0x508, .default_type = 0xc06, .physical_bits = 40};
    f.mtrrs.fixed[0] = f.mtrrs.fixed[1] = 0x0606060606060606;
    for (u32 i = 3; i < 11; i++)
        f.mtrrs.fixed[i] = 0x0505050505050505;
    f.mtrrs.variable[0].base = 0x80000000 | MEMORY_UC;
    f.mtrrs.variable[0].mask = ((1ull << 40) - 2 * GIB) | 0x800;
    page_pool_init(&f.pool, memory, hpa(OWN_START), pages);
    f.ram[0] = (struct range){0, 0x9fc00};
    f.ram[1] = (struct range){MIB, min_u64(ram_bytes, 2 * GIB)};
    f.ram[2] = (struct range){4 * GIB, ram_bytes + 2 * GIB};
    f.config = (struct ept_config){
        .pool = &f.pool,
        .mtrrs = &f.mtrrs,
        .own = {OWN_START, OWN_END},
        .ram = f.ram,
        .ram_count = ram_bytes > 2 * GIB ? 3 : 2,
        .physical_bits = 40,
        .page_2m = true,
        .page_1g = true,
        .large_executable = true,
    };
    f.check = (struct ept_check){.ept = &f.ept, .ram = f.ram, .ram_count = f.config.ram_count, .complete = true};
    f.check.holes = f.ept.holes;
    return &f;
}

/* The checker's RAM is whole pages without own, as the guest's is. */
static inline enum ept_status start(struct fixture *f)
{
    enum ept_status status = ept_init(&f->ept, &f->config);
    f->check.ram = f->ept.ram;
    f->check.ram_count = f->ept.config.ram_count;
    return status;
}

static inline void verify(struct fixture *f)
{
    f->check.hole_count = f->ept.hole_count;
    ept_check(&f->check);
}

static inline u64 entry_of(const struct fixture *f, u64 at)
{
    u64 size;
    return ept_lookup(&f->ept, gpa(at), &size);
}

static inline u64 size_of(const struct fixture *f, u64 at)
{
    u64 size;
    ept_lookup(&f->ept, gpa(at), &size);
    return size;
}

#endif
