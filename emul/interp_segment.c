/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segment registers: MOV and POP to them, LDS and its kin, and the far jumps, calls and returns that stay at their
 * privilege level. Gates, task switches and returns to outer levels are refused.
 */
#include "emul/interp_rare.h"

bool rare_refuse(struct vcpu *v, enum vector vector, u16 selector)
{
    vcpu_raise_code(v, vector, selector_error(selector));
    return false;
}

/* Null selectors are refused here: who may load one asks before. */
static bool fetch_descriptor(struct vcpu *v, u16 selector, u64 *raw)
{
    enum descriptor_status status = DESCRIPTOR_OUTSIDE;
    if (!selector_is_null(selector))
        status = descriptor_read(v, selector, raw);
    return status == DESCRIPTOR_OUTSIDE ? rare_refuse(v, VECTOR_GP, selector) : status == DESCRIPTOR_OK;
}

/* SS may be null in 64-bit code below CPL 3, at its own RPL. */
static bool null_allowed(struct vcpu *v, enum segment_name name, u16 selector)
{
    if (!selector_is_null(selector))
        return false;
    u32 cpl = rare_cpl(v);
    return name != SEG_SS || (access_is_64(v) && cpl != 3 && (selector & SELECTOR_RPL) == cpl);
}

static bool load_by_descriptor(struct vcpu *v, enum segment_name name, u16 selector)
{
    u64 raw;
    if (null_allowed(v, name, selector)) {
        v->seg[name] = descriptor_null_segment(selector, name == SEG_SS ? rare_cpl(v) : 0);
        vcpu_dirty(v, 1u << name);
        return true;
    }
    if (!fetch_descriptor(v, selector, &raw))
        return false;
    switch (descriptor_judge(raw, selector, name, rare_cpl(v))) {
    case DESCRIPTOR_FITS:
        break;
    case DESCRIPTOR_BAD:
        return rare_refuse(v, VECTOR_GP, selector);
    case DESCRIPTOR_ABSENT:
        return rare_refuse(v, name == SEG_SS ? VECTOR_SS : VECTOR_NP, selector);
    }
    if (!descriptor_set_accessed(v, selector, raw))
        return false;
    v->seg[name] = descriptor_segment(raw, selector);
    vcpu_dirty(v, 1u << name);
    return true;
}

/* Real and virtual-8086 mode: base is selector * 16. In real mode limit and rights stay. */
static __attribute__((noinline)) void load_simple(struct vcpu *v, enum segment_name name, u16 selector)
{
    struct segment *segment = vcpu_segment(v, name);
    segment->selector = selector;
    segment->base = (u64)selector << 4;
    if (v->rflags & RFLAGS_VM) {
        segment->limit = 0xffff;
        segment->access = 0xf3; /* SDM "Checks on Guest Segment Registers": in virtual-8086 mode */
    }
    vcpu_dirty(v, 1u << name);
}

bool segment_load(struct interp *in, enum segment_name name, u16 selector)
{
    struct vcpu *v = in->v;
    vcpu_need(v, RARE_PARTS);
    if (!rare_descriptors_rule(v))
        load_simple(v, name, selector);
    else if (!load_by_descriptor(v, name, selector))
        return false;
    if (name == SEG_SS && in->insn->op != OP_LSS)
        in->shadow = BLOCKING_BY_MOV_SS;
    return true;
}

/* A far pointer: in the instruction, or in memory with the selector above the offset. */
static bool pointer_read(struct interp *in, const struct operand *operand, u64 *offset, u16 *selector)
{
    const struct insn *insn = in->insn;
    u32 size = insn->operand_size;
    if (operand->kind == OPERAND_FAR) {
        *offset = (u64)insn->immediate & size_mask(size);
        *selector = (u16)insn->immediate2;
        return true;
    }
    u64 address = operand_address(in);
    *offset = 0;
    return access_read(in->v, insn->memory.segment, address, offset, size) &&
           access_read(in->v, insn->memory.segment, (address + size) & size_mask(insn->address_size), selector, 2);
}

enum emul_status interp_load_far(struct interp *in)
{
    static const u8 names[] = {[OP_LES - OP_LES] = SEG_ES,
                               [OP_LDS - OP_LES] = SEG_DS,
                               [OP_LSS - OP_LES] = SEG_SS,
                               [OP_LFS - OP_LES] = SEG_FS,
                               [OP_LGS - OP_LES] = SEG_GS};
    const struct operand *operand = in->insn->operand;
    u64 offset;
    u16 selector;
    if (!pointer_read(in, &operand[1], &offset, &selector) || !segment_load(in, names[in->insn->op - OP_LES], selector))
        return EMUL_EVENT;
    gpr_write(in->v, &operand[0], in->insn->operand_size, offset);
    return EMUL_DONE;
}

/* Where a far transfer goes. */
struct far_target {
    u64 offset, raw;
    u16 selector;
};

/* SDM "JMP", "CALL", "RET": a code segment that runs at the present CPL. */
static enum emul_status code_descriptor(struct interp *in, struct far_target *to)
{
    struct vcpu *v = in->v;
    u32 cpl = rare_cpl(v);
    if (!fetch_descriptor(v, to->selector, &to->raw))
        return EMUL_EVENT;
    bool is_return = in->insn->op == OP_RET_FAR;
    u32 dpl = descriptor_dpl(to->raw), access = descriptor_access(to->raw), rpl = to->selector & SELECTOR_RPL;
    if (is_return ? rpl > cpl : !(access & ACCESS_S))
        return EMUL_UNSUPPORTED; /* to an outer level; a gate or a TSS */
    bool both_sizes = (v->efer & EFER_LMA) && (access & ACCESS_L) && (access & ACCESS_DB);
    bool level_fits = access & ACCESS_TYPE_EXPAND_DOWN ? dpl <= cpl : dpl == cpl && rpl <= cpl; /* conforming */
    if (!descriptor_is_code(to->raw) || both_sizes || !level_fits || (is_return && rpl < cpl))
        return rare_fault(in, VECTOR_GP, to->selector);
    if (!(access & ACCESS_P))
        return rare_fault(in, VECTOR_NP, to->selector);
    to->selector = (to->selector & ~SELECTOR_RPL) | cpl;
    return EMUL_DONE;
}

/* The last that can fault. */
static bool target_check(struct vcpu *v, const struct far_target *to, bool descriptors)
{
    u32 limit = descriptors ? descriptor_limit(to->raw) : v->seg[SEG_CS].limit;
    bool is_64 = descriptors && (v->efer & EFER_LMA) && (descriptor_access(to->raw) & ACCESS_L);
    if (!(is_64 ? access_canonical(v, to->offset) : to->offset <= limit))
        return rare_refuse(v, VECTOR_GP, 0);
    return !descriptors || descriptor_set_accessed(v, to->selector, to->raw);
}

/* Two places on the stack for CS and the offset below it. */
static bool stack_pair(struct interp *in, u64 top, enum access_kind kind, struct access_span span[2])
{
    u32 size = in->insn->operand_size;
    return stack_open(in->v, top, size, kind, &span[0]) &&
           stack_open(in->v, stack_moved(in->v, top, size), size, kind, &span[1]);
}

/* JMP, CALL, RET. */
enum emul_status interp_far(struct interp *in)
{
    struct vcpu *v = in->v;
    u16 op = in->insn->op;
    s64 size = in->insn->operand_size;
    struct access_span span[2];
    struct far_target to = {.raw = 0};
    vcpu_need(v, RARE_PARTS);
    u64 rsp = v->gpr[RSP], top = stack_moved(v, rsp, -2 * size);
    if (v->cr4 & CR4_CET)
        return EMUL_UNSUPPORTED;
    if (op == OP_RET_FAR) {
        if (!stack_pair(in, rsp, ACCESS_READ, span))
            return EMUL_EVENT;
        to.offset = access_get_value(v, &span[0]);
        to.selector = (u16)access_get_value(v, &span[1]);
        top = stack_moved(v, rsp, 2 * size + (in->insn->opcode == 0xca ? (u16)in->insn->immediate : 0));
    } else if (!pointer_read(in, &in->insn->operand[0], &to.offset, &to.selector)) {
        return EMUL_EVENT;
    }
    bool descriptors = rare_descriptors_rule(v);
    enum emul_status status = descriptors ? code_descriptor(in, &to) : EMUL_DONE;
    if (status != EMUL_DONE)
        return status;
    if ((op == OP_CALL_FAR && !stack_pair(in, top, ACCESS_WRITE, span)) || !target_check(v, &to, descriptors))
        return EMUL_EVENT;
    if (op == OP_CALL_FAR) {
        access_put_value(v, &span[1], v->seg[SEG_CS].selector);
        access_put_value(v, &span[0], in->next);
    }
    if (op != OP_JMP_FAR)
        stack_set(v, top);
    if (descriptors)
        v->seg[SEG_CS] = descriptor_segment(to.raw, to.selector);
    else
        load_simple(v, SEG_CS, to.selector);
    vcpu_dirty(v, PART_SEG_CS);
    in->next = to.offset;
    return EMUL_DONE;
}
