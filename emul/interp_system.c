/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flags, the interrupt flag with its shadow, fences, the time stamp counter.
 */
#include "emul/interp.h"

#define MSR_TSC_AUX 0xc0000103

enum emul_status interp_nothing(struct interp *in)
{
    return EMUL_DONE;
}

enum emul_status interp_fence(struct interp *in)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return EMUL_DONE;
}

/* Of a trapped page nothing is cached. */
enum emul_status interp_clflush(struct interp *in)
{
    struct access_span span;
    if (!access_open(in->v, in->insn->memory.segment, operand_address(in), 1, ACCESS_READ, &span))
        return EMUL_EVENT;
    if (span.piece[0].ptr)
        __asm__ volatile("clflush %0" : "+m"(*(volatile u8 *)span.piece[0].ptr));
    return EMUL_DONE;
}

enum emul_status interp_flag(struct interp *in)
{
    switch (in->insn->op) {
    case OP_CLC:
        flags_write(in, RFLAGS_CF, 0);
        break;
    case OP_STC:
        flags_write(in, RFLAGS_CF, RFLAGS_CF);
        break;
    case OP_CMC:
        flags_write(in, RFLAGS_CF, ~flags_read(in));
        break;
    case OP_CLD:
        flags_write(in, RFLAGS_DF, 0);
        break;
    default: /* STD */
        flags_write(in, RFLAGS_DF, RFLAGS_DF);
        break;
    }
    return EMUL_DONE;
}

enum emul_status interp_lahf(struct interp *in)
{
    static const struct operand ah = {.kind = OPERAND_GPR, .size = 1, .reg = RAX, .high8 = true};
    gpr_write(in->v, &ah, 1, (flags_read(in) & FLAGS_STATUS) | RFLAGS_FIXED1);
    return EMUL_DONE;
}

enum emul_status interp_sahf(struct interp *in)
{
    flags_write(in, FLAGS_STATUS & ~(u64)RFLAGS_OF, in->v->gpr[RAX] >> 8);
    return EMUL_DONE;
}

/* Which flag CLI and STI act on (SDM "CLI", "STI": decision table); 0: #GP. */
static u64 interrupt_flag_target(struct interp *in)
{
    struct vcpu *v = in->v;
    u64 flags = flags_read(in);
    if (!vcpu_protected(v))
        return RFLAGS_IF;
    u32 iopl = (flags & RFLAGS_IOPL) >> RFLAGS_IOPL_SHIFT, cpl = vcpu_cpl(v);
    if (iopl >= cpl)
        return RFLAGS_IF;
    bool virtual_flag = vcpu_cr4(v) & (vcpu_v86(v) ? CR4_VME : CR4_PVI);
    return cpl == 3 && virtual_flag ? RFLAGS_VIF : 0;
}

enum emul_status interp_interrupt_flag(struct interp *in)
{
    u64 flags = flags_read(in), target = interrupt_flag_target(in);
    bool set = in->insn->op == OP_STI;
    if (target == 0 || (target == RFLAGS_VIF && set && (flags & RFLAGS_VIP)))
        return fault_code(in, VECTOR_GP, 0);
    if (set && target == RFLAGS_IF && !(flags & RFLAGS_IF))
        in->shadow = BLOCKING_BY_STI;
    flags_write(in, target, set ? target : 0);
    return EMUL_DONE;
}

enum emul_status interp_rdtsc(struct interp *in)
{
    struct vcpu *v = in->v;
    const struct machine *machine = v->vm->machine;
    u64 aux = 0;
    if ((vcpu_cr4(v) & CR4_TSD) && vcpu_protected(v) && vcpu_cpl(v) != 0)
        return fault_code(in, VECTOR_GP, 0);
    if (in->insn->op == OP_RDTSCP && !machine->msr_read(MSR_TSC_AUX, &aux))
        return fault(in, VECTOR_UD);
    u64 time = machine->time();
    reg_write(v, RAX, 4, time);
    reg_write(v, RDX, 4, time >> 32);
    if (in->insn->op == OP_RDTSCP)
        reg_write(v, RCX, 4, aux);
    return EMUL_DONE;
}
