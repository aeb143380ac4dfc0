/* SPDX-License-Identifier: BSD-2-Clause */
/* The workloads and their loops, for main.c which measures them. */
#ifndef GUEST_BENCH_H
#define GUEST_BENCH_H

#include "test/guest/lib/guest.h"

/* A site performs its op `count` times, in code and with registers of its own. */
typedef void site(word count);

/* Calls each site from first to before end, with `inner`, all of that `rounds` times. */
typedef void bench_runner(site *const *first, site *const *end, word inner, word rounds);

struct workload {
    const char *name; /* NULL ends a table */
    site *const *first, *const *end;
    u32 inner, rounds;
    u32 ops_in_pass;           /* of a site: how many ops one pass of its loop has, 0 is 1 */
    bench_runner *runner;      /* NULL: bench_run() */
    void (*run)(word rounds);  /* instead of sites */
    u32 ops_in_round, warm_up; /* of `run`; warm_up: rounds */
    bool (*prepare)(void);     /* before; false: it said why this cannot be measured */
    void (*restore)(void);
    enum { ANYWHERE, EXEUNT, BARE } where;
};

/* What this guest performs: workloads64.c, workloads32.c. */
extern const struct workload workloads[];

#define TABLE(label, table, times, again)                                                                              \
    .name = label, .first = sites_##table, .end = sites_##table##_end, .inner = times, .rounds = again
#define LOOPS(label, table) TABLE(label, table, 32, 8)
#define FEWER_LOOPS(label, table) TABLE(label, table, 32, 2) /* where a pass exits often */

#define SITES(name) extern site *const sites_##name[], *const sites_##name##_end[]

/* In the mode that the guest runs in. Sites may change all registers. */
bench_runner bench_run;

/* 16-bit sites, in real mode; with no rounds, just the way there and back. In the 32-bit guest. */
bench_runner bench_run_real;

/* Writes `lines` lines of SERIAL_LINE characters to COM1 as Linux's 8250 driver writes its console. */
#define SERIAL_LINE 48
void serial_console(word lines);

/* Performs NEVER_HIT_SITES loads from the LAPIC, each by an instruction that has never run, in each of `rounds`. */
#define NEVER_HIT_SITES 2048
bool never_hit_prepare(void);
void never_hit(word rounds);

#endif
