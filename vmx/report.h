/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exit report (SPEC 8): tables for people, JSON lines for machines, from the same figures. Pure: takes figures,
 * gives lines.
 */
#ifndef VMX_REPORT_H
#define VMX_REPORT_H

#include "emul/site.h"
#include "emul/vm.h"
#include "lib/counters.h"
#include "lib/page_pool.h"
#include "vmx/exit_statistics.h"
#include "vmx/hypercall.h"

/* Gets one line, without line break: of the table (`json` false: to be prefixed), or a JSON line with its own prefix.
 */
typedef void report_emit(void *context, bool json, const char *line);

/* The translation cache's figures (SPEC 8.3). */
struct cache_figures {
    u64 entries, bytes;
    u64 hits, misses;
    u64 invalidations_write, invalidations_remap, invalidations_eviction;
    u64 pages_demoted;            /* to byte comparison */
    u64 pages_trusted;            /* and back */
    u64 pages_compared;           /* now */
    u64 differences, unannounced; /* comparisons that found other bytes; of them on pages that nobody wrote: DMA */
};

/* So many exit sites are printed (SPEC 8.2), and of each so many bytes, in so many places. */
#define REPORT_SITES 16
#define REPORT_SITE_BYTES 96
#define REPORT_SITE_RUNS 12

struct report_input {
    const struct exit_statistics *statistics; /* closed: statistics_close() */
    u64 tsc;                                  /* of the close */
    const char *engine;                       /* `engine=` as it is in force */
    const char *trap;                         /* `trap=` likewise; NULL: not said */
    const struct cache_figures *cache;        /* NULL: the engine has none */
    const struct sites *sites;                /* counted: exit_site_fold(); NULL: the engine translates nothing */
    u64 rests;                                /* with `sites`: struct site_rest */
    const struct vm *vm;                      /* whose they are */
    const struct ept_counts *ept;
    const struct page_pool *pool;
    const struct device_counts *devices; /* vm->device_counts; NULL: none */
    const struct counters *counters;     /* everything else that was counted */
    u64 memory_owned;                    /* bytes */
    struct marks *marks;                 /* emptied; may be NULL */
    const char *cause;                   /* end_cause_name() at the guest's end, else NULL */
};

/* The whole report: summary, table, cache, EPT, memory, counters, marks, and at the end the cause. */
void report_print(const struct report_input *input, report_emit *emit, void *context);

/* Only the marks, and empties them. */
void report_marks(struct marks *marks, report_emit *emit, void *context);

/* What the boot log says about machine and build, as the JSON line `boot`. Strings may be NULL. */
struct report_boot {
    const char *version;
    const char *options; /* as given */
    const char *engine;
    const char *flow;            /* NULL: no clusters */
    const char *guest;           /* "linux", "multiboot", "disk" */
    const char *cpu;             /* brand string */
    const char *const *features; /* useful ones that are there and used, by SDM name */
    u32 feature_count;
    const char *const *absent; /* useful ones that are not */
    u32 absent_count;
    u32 cpus_present, cpus_used;
    u64 memory_owned, image_bytes;  /* bytes */
    u64 start_ticks, console_ticks; /* TSC from Exeunt's first instruction to the guest's; of these in printing */
};

void report_boot(const struct report_boot *boot, report_emit *emit, void *context);

#endif
