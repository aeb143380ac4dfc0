/* SPDX-License-Identifier: BSD-2-Clause */
/* From an exit to the interpreter, and what its status means for the guest. */
#include "emul/cached.h"
#include "lib/console.h"
#include "lib/counters.h"
#include "lib/print.h"
#include "vmx/exit.h"
#include "vmx/exit_reasons.h"
#include "vmx/insn.h"
#include "vmx/state.h"
#include "vmx/vmcs.h"

/* The first ones are worth a line each at once; all are counted. */
#define UNSUPPORTED_LINES 16

/*
 * What was fetched is not what exited: another CPU changed the code, and the guest is resumed (SPEC 4). So often in a
 * row at one address, it is an instruction that the decoder does not know, and would exit for ever.
 */
#define MISMATCHES_MAX 16

static void report_unsupported(struct cpu *cpu, const struct insn *insn)
{
    char bytes[3 * INSN_MAX + 1] = "";
    if (++counters.unsupported_instructions > UNSUPPORTED_LINES)
        return;
    for (u32 i = 0; i < insn->length; i++)
        format(bytes + 3 * i, sizeof(bytes) - 3 * i, " %02x", insn->bytes[i]);
    console_begin();
    print("instruction not interpreted: %s at %lx, bytes%s, exit %s: the guest gets #UD\n", op_name(insn->op),
          vcpu_rip(&cpu->vcpu), bytes, exit_reason_name(cpu->reason));
    console_end();
}

static void refuse(struct cpu *cpu, const struct insn *insn)
{
    report_unsupported(cpu, insn);
    vcpu_raise(&cpu->vcpu, VECTOR_UD);
}

static void count_mismatch(struct cpu *cpu, const struct insn *insn)
{
    u64 rip = vcpu_rip(&cpu->vcpu);
    counters.mismatches++;
    cpu->mismatches = cpu->mismatch_rip == rip ? cpu->mismatches + 1 : 1;
    cpu->mismatch_rip = rip;
    if (cpu->mismatches < MISMATCHES_MAX)
        return;
    cpu->mismatches = 0;
    refuse(cpu, insn);
}

static __attribute__((noinline)) void undone(struct vcpu *v, const struct insn *insn, enum emul_status status)
{
    struct cpu *cpu = CONTAINER_OF(v, struct cpu, vcpu);
    if (status == EMUL_PARTIAL)
        counters.partial_strings++;
    else if (status == EMUL_MISMATCH)
        count_mismatch(cpu, insn);
    else if (status != EMUL_EVENT)
        refuse(cpu, insn);
}

static __attribute__((noinline)) void emulate_afresh(struct cpu *cpu, const struct emul_expect *expect)
{
    struct insn insn;
    state_fetch_for_step(cpu);
    enum emul_status status = emul_step(&cpu->vcpu, expect, &insn);
    if (status != EMUL_DONE)
        undone(&cpu->vcpu, &insn, status);
}

static __attribute__((noinline)) void emulate_remembered(struct cpu *cpu, const struct emul_expect *expect)
{
    vcpu_need(&cpu->vcpu, EMUL_STEP_PARTS);
    emul_step_cached(&cpu->vcpu, expect, undone, statistics_hits(&cpu->statistics));
}

/* What is remembered is performed without a call on the way, so without a register saved: emul/cached.c. */
void exit_emulate(struct cpu *cpu, const struct emul_expect *expect)
{
    if (!cpu->vcpu.tcache || tc_rests(&cpu->tcache)) {
        emulate_afresh(cpu, expect);
    } else if (cpu->vcpu.have != PART_RIP) {
        emulate_remembered(cpu, expect);
    } else {
        state_fetch_step_parts(cpu, PART_RFLAGS);
        emul_step_cached(&cpu->vcpu, expect, undone, statistics_hits(&cpu->statistics));
    }
}

void exit_flush_linear(struct cpu *cpu)
{
    if (!(cpu->controls.secondary & SECONDARY_ENABLE_VPID))
        return;
    if (cpu->controls.ept_vpid & EPT_VPID_INVVPID_SINGLE)
        invvpid(INVVPID_SINGLE_CONTEXT, GUEST_VPID, 0);
    else
        invvpid(INVVPID_ALL_CONTEXT, 0, 0);
}
