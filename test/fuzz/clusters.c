/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translated code against the interpreter (test/fuzz/cluster_scenario.h).
 *
 *   clusters [count] [seed]    until `count` clusters were made
 */
#define _GNU_SOURCE /* register names of ucontext.h */
#include "test/fuzz/chance.h"
#include "test/fuzz/cluster_scenario.h"

#define LIFE 1000 /* pieces of code of one set of guests */

/* As it was made, and what of it has been rewritten since. */
static void say_code(const struct code *code)
{
    for (u32 i = 0; i < code->count; i++) {
        struct insn insn;
        const u8 *bytes = code->bytes + code->insn[i].at;
        u64 at = code->rip + code->insn[i].at;
        insn_decode(bytes, INSN_MAX, code->size, &insn);
        printf("  %llx %-8s", (unsigned long long)at, op_name(insn.op));
        for (u32 n = 0; n < code->insn[i].length; n++)
            printf(bytes[n] == host_guests[STEPS].ram[at + n] ? " %02x" : " %02x, now %02x", bytes[n],
                   host_guests[STEPS].ram[at + n]);
        printf("\n");
    }
}

static void say_trouble(u64 first_seed)
{
    printf("seed %llu: %s\n%s", (unsigned long long)first_seed, cluster_trouble, cluster_states);
    say_code(&cluster_made);
    for (u32 i = 0; i < cluster_functions.count; i++) {
        printf("  function\n");
        say_code(&cluster_functions.code[i]);
    }
}

/* What a stray access would reach, for the end of a life. */
static bool differs_elsewhere(void)
{
    const struct test_guest *runs = &host_guests[RUNS], *steps = &host_guests[STEPS];
    return memcmp(runs->ram, steps->ram, BLOCK) != 0 ||
           memcmp(runs->ram + BLOCK_END, steps->ram + BLOCK_END, RAM_SIZE - BLOCK_END) != 0 ||
           memcmp(runs->nothing, steps->nothing, PAGE_SIZE) != 0;
}

/* Until they are old, or over. False: cluster_trouble. */
static bool live(void)
{
    cluster_begin();
    for (u32 i = 0; i < LIFE; i++) {
        cluster_goes_on();
        if (!cluster_scenario())
            break;
    }
    if (!cluster_over && !cluster_trouble[0] && differs_elsewhere())
        trouble("memory elsewhere");
    cluster_finish();
    return !cluster_trouble[0];
}

static void say(u64 first_seed)
{
    const u64 *left = cluster_seen.left;
    u64 insns = 0, longest = 0, lengths = 0;
    for (u32 i = 0; i <= CLUSTER_MAX; i++) {
        insns += i * cluster_seen.insns[i];
        lengths += i * cluster_seen.lengths[i];
        longest = cluster_seen.lengths[i] ? i : longest;
    }
    printf("  runs: %llu by the straight end, %llu with flags, %llu with care, %llu of them by a fault; %llu entered "
           "quickly, %llu with pages that they may write, %llu with the lines of an earlier run; %.1f instructions "
           "each; clusters of %.1f instructions, up to "
           "%llu\n",
           (unsigned long long)left[LEFT_END], (unsigned long long)left[LEFT_DIRTY],
           (unsigned long long)left[LEFT_CARE], (unsigned long long)cluster_seen.events,
           (unsigned long long)cluster_seen.quick, (unsigned long long)cluster_seen.proved,
           (unsigned long long)cluster_seen.kept, (double)insns / (double)cluster_seen.runs,
           (double)lengths / (double)cluster_seen.made, (unsigned long long)longest);
    printf("  exits met: none %llu, in %llu, out %llu, LAPIC %llu, MMIO %llu, DR %llu; lost to the ring %llu, to the "
           "table %llu, stale %llu; entries that changed under a line %llu, "
           "under their instruction %llu\n",
           (unsigned long long)cluster_seen.exits[0], (unsigned long long)cluster_seen.exits[1],
           (unsigned long long)cluster_seen.exits[2], (unsigned long long)cluster_seen.exits[3],
           (unsigned long long)cluster_seen.exits[4], (unsigned long long)cluster_seen.exits[5],
           (unsigned long long)cluster_seen.lost_to_ring, (unsigned long long)cluster_seen.lost_to_table,
           (unsigned long long)cluster_seen.stale, (unsigned long long)cluster_seen.stale_tables,
           (unsigned long long)cluster_seen.over_itself);
    printf("  drivers %llu; traces %llu of %.1f instructions, %llu ways, at several places %llu; instructions "
           "performed to "
           "see the paths %llu, by ways out %llu; slices of making %llu\n",
           (unsigned long long)cluster_seen.drivers, (unsigned long long)cluster_seen.traced,
           (double)cluster_seen.traced_insns / (double)cluster_seen.traced, (unsigned long long)cluster_seen.ways,
           (unsigned long long)cluster_seen.roaming, (unsigned long long)cluster_seen.recorded,
           (unsigned long long)cluster_seen.sides, (unsigned long long)cluster_seen.slices);
    printf("  runs whose avoided exits could not be compared %llu\n", (unsigned long long)cluster_seen.uncounted);
    printf("  accesses that devices saw %llu; calls %llu, returns %llu, computed %llu\n",
           (unsigned long long)cluster_seen.bus, (unsigned long long)cluster_seen.calls,
           (unsigned long long)cluster_seen.returns, (unsigned long long)cluster_seen.computed);
    printf("  modes: paging none %llu, 32-bit %llu, PAE %llu, 4-level %llu; with SMEP, SMAP or keys %llu\n",
           (unsigned long long)cluster_seen.paging[PAGING_NONE], (unsigned long long)cluster_seen.paging[PAGING_32],
           (unsigned long long)cluster_seen.paging[PAGING_PAE], (unsigned long long)cluster_seen.paging[PAGING_4],
           (unsigned long long)cluster_seen.protection);
    printf("clusters: %llu made of %llu codes, %llu runs, %llu exits avoided, seed %llu: 0 differences\n",
           (unsigned long long)cluster_seen.made, (unsigned long long)cluster_seen.codes,
           (unsigned long long)cluster_seen.runs, (unsigned long long)cluster_seen.avoided,
           (unsigned long long)first_seed);
}

int main(int argc, char **argv)
{
    u64 count = argc > 1 ? strtoull(argv[1], NULL, 0) : 100000, first_seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    cluster_code_memory();
    cluster_signals();
    draw_from(first_seed);
    while (cluster_seen.made < count)
        if (!live()) {
            say_trouble(first_seed);
            return 1;
        }
    say(first_seed);
    if (cluster_seen.uncounted * 100 > cluster_seen.runs) {
        printf("too many runs whose avoided exits could not be compared\n");
        return 1;
    }
    return 0;
}
