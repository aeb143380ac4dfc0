/* SPDX-License-Identifier: BSD-2-Clause */
/* Port I/O that the policy traps: fetched, checked against the exit, performed for the guest. */
#include "vmx/exit.h"
#include "vmx/exit_site.h"
#include "vmx/insn.h"

/* SDM "Exit Qualification for I/O Instructions". */
#define IO_SIZE 7
#define IO_IN BIT(3)
#define IO_STRING BIT(4)

void exit_io(struct cpu *cpu)
{
    u64 qualification = exit_qualification(cpu);
    bool in = qualification & IO_IN, string = qualification & IO_STRING;
    struct emul_expect expect = {
        .port = (u16)(qualification >> 16),
        .size = (qualification & IO_SIZE) + 1,
    };
    if (string)
        expect.kind = in ? EXPECT_INS : EXPECT_OUTS;
    else
        expect.kind = in ? EXPECT_IN : EXPECT_OUT;
    statistics_detail(&cpu->statistics, detail_key_of_io(qualification));
    if (exit_has_site(cpu) && exit_by_site(cpu, qualification, (struct track_cause){TRACK_PORT, expect.port}))
        return;
    exit_emulate(cpu, &expect);
}
