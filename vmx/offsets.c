/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compiled to assembly only: the build turns each "->NAME value" into a #define in offsets.h, for the .S files. Offsets
 * from the struct vcpu in struct cpu, where RSP points from exit to entry; those of the vcpu itself are in
 * emul/offsets.c.
 */
#include "vmx/cpu.h"

#define OFFSET(name, member)                                                                                           \
    asm volatile("\n->" #name " %c0" : : "i"((s64)offsetof(struct cpu, member) - (s64)offsetof(struct cpu, vcpu)))
#define CONSTANT(name, value) asm volatile("\n->" #name " %c0" : : "i"(value))

void offsets(void);

void offsets(void)
{
    CONSTANT(CPU_VCPU, offsetof(struct cpu, vcpu));
    OFFSET(CPU_EXITED, exited);
    OFFSET(CPU_ENTERED, entered);
    OFFSET(CPU_ATTENTION, attention);
    OFFSET(CPU_CHORES, chores);
    OFFSET(CPU_CODE_TABLE, code_table);
    OFFSET(CPU_SPACE, spaces.now);
    OFFSET(CPU_OTHER_SPACES, spaces.known);
    CONSTANT(SPACE_TABLE, offsetof(struct space, table));
    CONSTANT(SPACE_SIZE, sizeof(struct space));
    OFFSET(CPU_ANSWERS, answers);
    OFFSET(CPU_STATISTICS_SERVED, statistics.served);
    OFFSET(CPU_STATISTICS_GUEST, statistics.guest);
    OFFSET(CPU_STATISTICS_ACCOUNTED, statistics.accounted);
    CONSTANT(CHORE_PERIOD, CHORE_PERIOD);
    CONSTANT(ACCOUNT_TIME, offsetof(struct account, time));
    CONSTANT(ACCOUNT_COUNT, offsetof(struct account, count));
    CONSTANT(ACCOUNT_TALLY, offsetof(struct account, tally));
    CONSTANT(TALLY_MIN, offsetof(struct tally, min));
    CONSTANT(TALLY_MAX, offsetof(struct tally, max));
    CONSTANT(TALLY_SQUARES, offsetof(struct tally, squares));
    CONSTANT(TALLY_BUCKET, offsetof(struct tally, bucket));
}
