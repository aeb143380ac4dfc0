/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stack.
 */
#include "emul/interp.h"

u32 stack_size(struct vcpu *v)
{
    if (vcpu_code_size(v) == CODE_64)
        return 8;
    return vcpu_segment(v, SEG_SS)->access & ACCESS_DB ? 4 : 2;
}

u64 stack_moved(struct vcpu *v, u64 rsp, s64 delta)
{
    u64 moved = rsp + (u64)delta;
    switch (stack_size(v)) {
    case 2:
        return (rsp & ~0xffffull) | (u16)moved;
    case 4:
        return (u32)moved;
    default:
        return moved;
    }
}

bool stack_open(struct vcpu *v, u64 rsp, u32 size, enum access_kind kind, struct access_span *span)
{
    return access_open(v, SEG_SS, rsp & size_mask(stack_size(v)), size, kind, span);
}

void stack_set(struct vcpu *v, u64 rsp)
{
    reg_write(v, RSP, 8, rsp);
}

static bool push_at(struct vcpu *v, u64 *rsp, u64 value, u32 size)
{
    struct access_span span;
    u64 moved = stack_moved(v, *rsp, -(s64)size);
    if (!stack_open(v, moved, size, ACCESS_WRITE, &span))
        return false;
    access_put_value(v, &span, value);
    *rsp = moved;
    return true;
}

static bool pop_at(struct vcpu *v, u64 *rsp, u64 *value, u32 size)
{
    struct access_span span;
    if (!stack_open(v, *rsp, size, ACCESS_READ, &span))
        return false;
    *value = access_get_value(v, &span);
    *rsp = stack_moved(v, *rsp, size);
    return true;
}

bool stack_push(struct interp *in, u64 value, u32 size)
{
    u64 rsp = reg_read(in->v, RSP, 8);
    if (!push_at(in->v, &rsp, value, size))
        return false;
    stack_set(in->v, rsp);
    return true;
}

/* A selector moves the stack pointer by 4 but is written as 2 bytes (SDM "PUSH": what all recent processors do). */
static enum emul_status push_selector(struct interp *in, u64 selector)
{
    struct vcpu *v = in->v;
    u32 size = in->insn->operand_size;
    struct access_span span;
    u64 moved = stack_moved(v, reg_read(v, RSP, 8), -(s64)size);
    if (!stack_open(v, moved, size == 4 ? 2 : size, ACCESS_WRITE, &span))
        return EMUL_EVENT;
    access_put_value(v, &span, selector);
    stack_set(v, moved);
    return EMUL_DONE;
}

enum emul_status interp_push(struct interp *in)
{
    u64 value;
    if (!operand_read(in, 0, &value))
        return EMUL_EVENT;
    if (in->insn->operand[0].kind == OPERAND_SEGMENT)
        return push_selector(in, value);
    return stack_push(in, value, in->insn->operand_size) ? EMUL_DONE : EMUL_EVENT;
}

/* SDM "POP": an address that uses rSP is worked out after rSP moved; POP rSP ends with the value that was popped. */
enum emul_status interp_pop(struct interp *in)
{
    struct vcpu *v = in->v;
    const struct operand *target = &in->insn->operand[0];
    u32 size = in->insn->operand_size;
    u64 before = reg_read(v, RSP, 8), rsp = before, value;
    struct place place;
    if (!pop_at(v, &rsp, &value, size))
        return EMUL_EVENT;
    stack_set(v, rsp);
    if (target->kind == OPERAND_SEGMENT) {
        if (segment_load(in, target->reg, (u16)value))
            return EMUL_DONE;
    } else if (place_open(in, 0, ACCESS_WRITE, &place)) {
        place_put(in, &place, value);
        return EMUL_DONE;
    }
    stack_set(v, before);
    return EMUL_EVENT;
}

/* What was pushed before a fault stays in memory; rSP moves at the end. */
enum emul_status interp_pusha(struct interp *in)
{
    struct vcpu *v = in->v;
    u64 before = reg_read(v, RSP, 8), rsp = before;
    for (u32 i = 0; i < 8; i++)
        if (!push_at(v, &rsp, i == RSP ? before : v->gpr[i], in->insn->operand_size))
            return EMUL_EVENT;
    stack_set(v, rsp);
    return EMUL_DONE;
}

/*
 * SDM "Exception Classifications": of POPA that faults half-way, "internal processor state (the general-purpose
 * registers) will have been modified". The place of SP is skipped, not loaded; rSP moves at the end.
 */
enum emul_status interp_popa(struct interp *in)
{
    struct vcpu *v = in->v;
    u32 size = in->insn->operand_size;
    u64 rsp = reg_read(v, RSP, 8), value;
    for (u32 i = 8; i-- > 0;) {
        if (!pop_at(v, &rsp, &value, size))
            return EMUL_EVENT;
        if (i != RSP)
            reg_write(v, i, size, value);
    }
    stack_set(v, rsp);
    return EMUL_DONE;
}

/* Copies the frame pointers of the enclosing procedures (SDM "ENTER"). */
static bool enter_frames(struct interp *in, u32 level, u64 frame, u64 *rsp)
{
    struct vcpu *v = in->v;
    u32 size = in->insn->operand_size;
    u64 rbp = v->gpr[RBP], value;
    for (u32 i = 1; i < level; i++) {
        struct access_span span;
        rbp = stack_moved(v, rbp, -(s64)size);
        if (!stack_open(v, rbp, size, ACCESS_READ, &span))
            return false;
        value = access_get_value(v, &span);
        if (!push_at(v, rsp, value, size))
            return false;
    }
    return level == 0 || push_at(v, rsp, frame, size);
}

enum emul_status interp_enter(struct interp *in)
{
    struct vcpu *v = in->v;
    u32 size = in->insn->operand_size, level = (u32)in->insn->immediate2 & 31;
    u64 rsp = reg_read(v, RSP, 8);
    struct access_span span;
    if (!push_at(v, &rsp, v->gpr[RBP], size))
        return EMUL_EVENT;
    u64 frame = rsp;
    if (!enter_frames(in, level, frame, &rsp))
        return EMUL_EVENT;
    rsp = stack_moved(v, rsp, -(s64)(u16)in->insn->immediate);
    /* The new top must be writable; nothing is written there. */
    if (!stack_open(v, rsp, size, ACCESS_WRITE, &span))
        return EMUL_EVENT;
    reg_write(v, RBP, size, frame);
    stack_set(v, rsp);
    return EMUL_DONE;
}

enum emul_status interp_leave(struct interp *in)
{
    struct vcpu *v = in->v;
    u64 rsp = stack_moved(v, reg_read(v, RSP, 8), 0), value;
    u64 mask = size_mask(stack_size(v));
    rsp = (rsp & ~mask) | (v->gpr[RBP] & mask);
    if (!pop_at(v, &rsp, &value, in->insn->operand_size))
        return EMUL_EVENT;
    stack_set(v, rsp);
    reg_write(v, RBP, in->insn->operand_size, value);
    return EMUL_DONE;
}

/* SDM "Virtual-8086 Mode Extensions": below IOPL 3, 16-bit PUSHF and POPF see VIF in the place of IF. */
static bool v86_below_iopl(struct interp *in)
{
    return vcpu_v86(in->v) && (flags_read(in) & RFLAGS_IOPL) != RFLAGS_IOPL;
}

static bool v86_flags_refused(struct interp *in)
{
    return v86_below_iopl(in) && !(in->insn->operand_size == 2 && (vcpu_cr4(in->v) & CR4_VME));
}

enum emul_status interp_pushf(struct interp *in)
{
    u64 image = flags_read(in) & ~(u64)(RFLAGS_RF | RFLAGS_VM);
    if (v86_flags_refused(in))
        return fault_code(in, VECTOR_GP, 0);
    if (v86_below_iopl(in)) {
        u64 virtual_flag = flags_read(in) & RFLAGS_VIF ? RFLAGS_IF : 0;
        image = (image & ~(u64)RFLAGS_IF) | virtual_flag | RFLAGS_IOPL;
    }
    return stack_push(in, image, in->insn->operand_size) ? EMUL_DONE : EMUL_EVENT;
}

/* The flags that POPF may change here (SDM "POPF", tables by mode, CPL, IOPL and operand size). */
static u64 popf_mask(struct interp *in)
{
    u64 mask = FLAGS_STATUS | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT;
    u32 iopl = (flags_read(in) & RFLAGS_IOPL) >> RFLAGS_IOPL_SHIFT;
    if (in->insn->operand_size != 2)
        mask |= RFLAGS_AC | RFLAGS_ID;
    if (!vcpu_protected(in->v))
        return mask | RFLAGS_IF | RFLAGS_IOPL;
    if (!vcpu_v86(in->v) && vcpu_cpl(in->v) == 0)
        mask |= RFLAGS_IOPL;
    if (vcpu_cpl(in->v) <= iopl)
        mask |= RFLAGS_IF;
    return mask;
}

enum emul_status interp_popf(struct interp *in)
{
    u64 rsp = reg_read(in->v, RSP, 8), image;
    if (v86_flags_refused(in))
        return fault_code(in, VECTOR_GP, 0);
    if (!pop_at(in->v, &rsp, &image, in->insn->operand_size))
        return EMUL_EVENT;
    u64 mask = popf_mask(in);
    if (v86_below_iopl(in)) {
        if ((image & RFLAGS_TF) || ((image & RFLAGS_IF) && (flags_read(in) & RFLAGS_VIP)))
            return fault_code(in, VECTOR_GP, 0);
        mask |= RFLAGS_VIF;
        image = (image & ~(u64)RFLAGS_VIF) | (image & RFLAGS_IF ? RFLAGS_VIF : 0);
    }
    flags_write(in, mask, image);
    stack_set(in->v, rsp);
    return EMUL_DONE;
}
