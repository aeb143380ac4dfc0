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

static void say_code(void)
{
    for (u32 i = 0; i < cluster_made.count; i++) {
        struct insn insn;
        const u8 *bytes = cluster_made.bytes + cluster_made.insn[i].at;
        insn_decode(bytes, INSN_MAX, cluster_made.size, &insn);
        printf("  %llx %-8s", (unsigned long long)cluster_made.rip + cluster_made.insn[i].at, op_name(insn.op));
        for (u32 n = 0; n < insn.length; n++)
            printf(" %02x", bytes[n]);
        printf("\n");
    }
}

static bool live(u64 count, u64 first_seed)
{
    draw_from(first_seed);
    while (cluster_seen.made < count) {
        cluster_begin();
        for (u32 i = 0; i < LIFE; i++) {
            alarm(20);
            if (cluster_scenario())
                continue;
            printf("seed %llu: %s\n", (unsigned long long)first_seed, cluster_trouble);
            printf("%s", cluster_states);
            say_code();
            return false;
        }
        cluster_finish();
    }
    return true;
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
           "quickly; %.1f instructions each; clusters of %.1f instructions, up to %llu\n",
           (unsigned long long)left[LEFT_END], (unsigned long long)left[LEFT_DIRTY],
           (unsigned long long)left[LEFT_CARE], (unsigned long long)cluster_seen.events,
           (unsigned long long)cluster_seen.quick, (double)insns / (double)cluster_seen.runs,
           (double)lengths / (double)cluster_seen.made, (unsigned long long)longest);
    printf("  exits met: none %llu, in %llu, out %llu, LAPIC %llu, MMIO %llu, DR %llu; lost to the ring %llu, to the "
           "table %llu, stale %llu\n",
           (unsigned long long)cluster_seen.exits[0], (unsigned long long)cluster_seen.exits[1],
           (unsigned long long)cluster_seen.exits[2], (unsigned long long)cluster_seen.exits[3],
           (unsigned long long)cluster_seen.exits[4], (unsigned long long)cluster_seen.exits[5],
           (unsigned long long)cluster_seen.lost_to_ring, (unsigned long long)cluster_seen.lost_to_table,
           (unsigned long long)cluster_seen.stale);
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
    if (!live(count, first_seed))
        return 1;
    say(first_seed);
    return 0;
}
