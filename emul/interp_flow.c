/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Near jumps, calls and returns.
 */
#include "emul/interp.h"

bool jump_to(struct interp *in, u64 target)
{
    struct vcpu *v = in->v;
    bool allowed;
    target &= size_mask(in->insn->operand_size);
    if (vcpu_code_size(v) == CODE_64)
        allowed = access_canonical(v, target);
    else
        allowed = target <= vcpu_segment(v, SEG_CS)->limit;
    if (!allowed) {
        vcpu_raise_code(v, VECTOR_GP, 0);
        return false;
    }
    in->next = target;
    return true;
}

/* Shadow stacks and branch tracking follow calls and computed jumps: what they would do is not performed here. */
static bool flow_is_tracked(struct interp *in)
{
    return vcpu_cr4(in->v) & CR4_CET;
}

/* Operand 0: a displacement, or where the target is found. */
static bool target_read(struct interp *in, u64 *target)
{
    if (!operand_read(in, 0, target))
        return false;
    if (in->insn->operand[0].kind == OPERAND_RELATIVE)
        *target += in->next;
    return true;
}

enum emul_status interp_jcc(struct interp *in)
{
    if (!flags_condition(flags_read(in), in->insn->condition))
        return EMUL_DONE;
    return jump_to(in, in->next + (u64)in->insn->immediate) ? EMUL_DONE : EMUL_EVENT;
}

enum emul_status interp_jmp(struct interp *in)
{
    u64 target;
    if (in->insn->operand[0].kind != OPERAND_RELATIVE && flow_is_tracked(in))
        return EMUL_UNSUPPORTED;
    return target_read(in, &target) && jump_to(in, target) ? EMUL_DONE : EMUL_EVENT;
}

/* The return address is written before the target is checked, as Intel's processors do; rSP moves when all is well. */
enum emul_status interp_call(struct interp *in)
{
    u64 target, rsp = reg_read(in->v, RSP, 8);
    if (flow_is_tracked(in))
        return EMUL_UNSUPPORTED;
    if (!target_read(in, &target) || !stack_push(in, in->next, in->insn->operand_size))
        return EMUL_EVENT;
    if (jump_to(in, target))
        return EMUL_DONE;
    stack_set(in->v, rsp);
    return EMUL_EVENT;
}

/* C3, and C2 with the bytes of arguments to release. */
enum emul_status interp_ret(struct interp *in)
{
    struct vcpu *v = in->v;
    u32 size = in->insn->operand_size;
    u64 rsp = reg_read(v, RSP, 8);
    struct access_span span;
    if (flow_is_tracked(in))
        return EMUL_UNSUPPORTED;
    if (!stack_open(v, rsp, size, ACCESS_READ, &span) || !jump_to(in, access_get_value(v, &span)))
        return EMUL_EVENT;
    s64 release = in->insn->opcode == 0xc2 ? (u16)in->insn->immediate : 0;
    stack_set(v, stack_moved(v, rsp, size + release));
    return EMUL_DONE;
}

/* LOOP, LOOPE, LOOPNE, JCXZ: the counter has the address size. */
enum emul_status interp_loop(struct interp *in)
{
    const struct insn *insn = in->insn;
    u32 size = insn->address_size;
    bool zero = flags_read(in) & RFLAGS_ZF;
    u64 count = reg_read(in->v, RCX, size);
    bool taken;
    if (insn->op == OP_JCXZ)
        taken = count == 0;
    else
        taken = (--count & size_mask(size)) != 0;
    if ((insn->op == OP_LOOPE && !zero) || (insn->op == OP_LOOPNE && zero))
        taken = false;
    if (taken && !jump_to(in, in->next + (u64)insn->immediate))
        return EMUL_EVENT;
    if (insn->op != OP_JCXZ)
        reg_write(in->v, RCX, size, count);
    return EMUL_DONE;
}
