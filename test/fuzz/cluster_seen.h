/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the rig for clusters came to: a test demands that all of it happened.
 */
#ifndef TEST_FUZZ_CLUSTER_SEEN_H
#define TEST_FUZZ_CLUSTER_SEEN_H

#include "emul/cluster.h"
#include "test/fuzz/cluster_memory.h"

enum cluster_left { LEFT_END, LEFT_DIRTY, LEFT_CARE, LEFT_CRASHED };

static struct {
    u64 codes, drivers, made, runs, quick, proved, steps, avoided, left[LEFT_CRASHED], events;
    u64 insns[CLUSTER_MAX + 1];      /* runs by instructions that were performed, the last: that many or more */
    u64 lengths[CLUSTER_MAX + 1];    /* clusters by length */
    u64 exits[WOULD_END], surprises; /* instructions that exit, or do not, unlike what was predicted */
    /* Traces made, and their instructions; instructions performed to see where paths lead; paths by a way out of a
     * trace */
    u64 traced, traced_insns, recorded, sides;
    u64 kept;          /* runs that began with the lines of an earlier one */
    u64 slices;        /* of the making of traces */
    u64 several;       /* translations for several places that have a table of accounts */
    u64 ways, roaming; /* computed jumps that are followed; traces of an instruction that is at several places */
    u64 uncounted;     /* runs whose avoided exits could not be compared */
    u64 bus;           /* accesses of which devices were watched */
    u64 calls, returns, computed; /* performed; `computed`: jumps and calls through a register or memory */
    u64 over_itself;              /* instructions whose operand's walk sets flags in their own bytes */
    u64 rewritten, remapped, lost_to_ring, lost_to_table, stale, stale_tables, modes[MODE_64 + 1];
    u64 paging[PAGING_4 + 1], protection; /* `protection`: SMEP, SMAP or protection keys */
} cluster_seen;

#endif
