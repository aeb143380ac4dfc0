/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Performing one guest instruction: the reference that every faster engine must equal (SPEC 4, `interp`).
 */
#ifndef EMUL_EMUL_H
#define EMUL_EMUL_H

#include "emul/access.h"
#include "emul/insn.h"
#include "emul/retire.h"
#include "emul/vm.h"
#include "lib/vcpu.h"

enum emul_status {
    EMUL_DONE, /* performed; RIP is at the next instruction */
    /* A REP string instruction stopped between two elements (time bound, single step, breakpoint); registers are exact,
     * RIP still at it, RF set, the shadow of the instruction before has ended. */
    EMUL_PARTIAL,
    EMUL_EVENT,       /* a fault was raised in v->event (CR2 in v->cr2); state as the SDM has it for that fault */
    EMUL_MISMATCH,    /* the bytes are not what exited (SPEC 4): nothing was done, resume the guest */
    EMUL_UNSUPPORTED, /* valid, but not interpreted: nothing was done */
};

/* What the exit said about the instruction; the fetched one must agree. */
enum expect_kind {
    EXPECT_ANY,
    EXPECT_IN,
    EXPECT_OUT,
    EXPECT_INS,
    EXPECT_OUTS,   /* port and size */
    EXPECT_MEMORY, /* some access to guest-physical memory (EPT violation) */
    EXPECT_OP,     /* `op` exactly */
};

struct emul_expect {
    enum expect_kind kind;
    u16 port;
    u8 size;
    u16 op; /* enum op */
};

/*
 * What the caller (vmx/) still has to do:
 *   - a fault pushes RFLAGS with RF set: whoever delivers v->event sets it; here RFLAGS stays as it was;
 *   - v->event carries an error code in real mode too, where none is pushed;
 *   - IA32_DEBUGCTL.BTF is not known here: single step is reported for every instruction;
 *   - v->event is not cleared at the start, and says nothing unless EMUL_EVENT was returned.
 */

/* What nearly every instruction asks of the guest's state; who has it fetched at once saves calls. */
#define EMUL_STEP_PARTS (ACCESS_PARTS | RETIRE_PARTS | PART_DR7)

/*
 * Fetches at CS:RIP, decodes, checks against `expect`, performs, advances RIP; sets RF, single-step (#DB pending) and
 * interruptibility as the completed instruction would have left them. *insn gets what was decoded (length 0 if the
 * fetch faulted). EMUL_STEP_PARTS are there.
 */
enum emul_status emul_step(struct vcpu *v, const struct emul_expect *expect, struct insn *insn);

/* The same for an already decoded instruction at RIP. */
enum emul_status emul_perform(struct vcpu *v, const struct insn *insn);

/*
 * What is told of a step that did not end with EMUL_DONE, where nobody waits for a status; *insn as emul_step() leaves
 * it.
 */
typedef void emul_undone(struct vcpu *v, const struct insn *insn, enum emul_status status);

/*
 * IN/OUT permission of the running code for `size` ports from `port` (SDM "I/O Permission Bit Map"): CPL, IOPL,
 * virtual-8086 mode, TSS bitmap. False: raised.
 */
bool emul_port_allowed(struct vcpu *v, u16 port, u32 size);

#endif
