/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptor-table registers and the machine status word, from and to memory: SGDT, SIDT, LGDT, LIDT, SLDT, STR, LLDT,
 * LTR, SMSW.
 */
#include "emul/interp_rare.h"

static bool privileged(struct vcpu *v)
{
    vcpu_need(v, RARE_PARTS);
    return (v->cr0 & CR0_PE) && rare_cpl(v) != 0;
}

/* SDM "SGDT", "SMSW"...: with CR4.UMIP they are privileged too. */
static bool store_refused(struct interp *in)
{
    return privileged(in->v) && (vcpu_cr4(in->v) & CR4_UMIP);
}

/* SLDT, STR, SMSW. */
enum emul_status interp_store_word(struct interp *in)
{
    struct vcpu *v = in->v;
    u16 op = in->insn->op;
    struct place place;
    vcpu_need(v, RARE_PARTS | PART_SEG_LDTR | PART_SEG_TR);
    if (op != OP_SMSW && !rare_descriptors_rule(v))
        return fault(in, VECTOR_UD);
    if (store_refused(in))
        return rare_fault(in, VECTOR_GP, 0);
    if (!place_open(in, 0, ACCESS_WRITE, &place))
        return EMUL_EVENT;
    place_put(in, &place, op == OP_SMSW ? vcpu_cr0(v) : v->seg[op == OP_STR ? SEG_TR : SEG_LDTR].selector);
    return EMUL_DONE;
}

/* The limit's two bytes, and the base above them. */
static bool table_open(struct interp *in, enum access_kind kind, struct access_span *limit, struct access_span *base)
{
    const struct insn *insn = in->insn;
    u64 at = operand_address(in);
    u32 size = insn->code_size == CODE_64 ? 8 : 4;
    return access_open(in->v, insn->memory.segment, at, 2, kind, limit) &&
           access_open(in->v, insn->memory.segment, (at + 2) & size_mask(insn->address_size), size, kind, base);
}

/* SGDT, SIDT, LGDT, LIDT. */
enum emul_status interp_table(struct interp *in)
{
    struct vcpu *v = in->v;
    u16 op = in->insn->op;
    bool load = op == OP_LGDT || op == OP_LIDT, gdt = op == OP_LGDT || op == OP_SGDT;
    struct descriptor_table *table = gdt ? &v->gdtr : &v->idtr, loaded;
    struct access_span limit, base;
    if (load ? privileged(v) : store_refused(in))
        return rare_fault(in, VECTOR_GP, 0);
    if (!table_open(in, load ? ACCESS_READ : ACCESS_WRITE, &limit, &base))
        return EMUL_EVENT;
    if (!load) {
        vcpu_need(v, gdt ? PART_GDTR : PART_IDTR);
        access_put_value(v, &limit, table->limit);
        access_put_value(v, &base, table->base);
        return EMUL_DONE;
    }
    loaded.limit = (u32)access_get_value(v, &limit);
    loaded.base = access_get_value(v, &base) & (in->insn->operand_size == 2 ? 0xffffff : ~0ull);
    if (!access_canonical(v, loaded.base))
        return rare_fault(in, VECTOR_GP, 0);
    *table = loaded;
    vcpu_dirty(v, gdt ? PART_GDTR : PART_IDTR);
    return EMUL_DONE;
}

/*
 * The descriptor of an LDT or an available TSS. In IA-32e mode it has 16 bytes, and the type bits of the upper half are
 * clear. Returns the vector to raise with the selector, NOTHING, or RAISED.
 */
enum { NOTHING = 0x100, RAISED };
static u32 system_descriptor(struct vcpu *v, u16 selector, bool task, struct segment *segment)
{
    u64 raw, upper = 0;
    bool long_mode = v->efer & EFER_LMA;
    if (selector_is_null(selector) || (selector & SELECTOR_LDT))
        return VECTOR_GP;
    enum descriptor_status status = descriptor_read(v, selector, &raw);
    if (status == DESCRIPTOR_OK && long_mode)
        status = descriptor_read(v, selector + 8, &upper);
    if (status != DESCRIPTOR_OK)
        return status == DESCRIPTOR_RAISED ? RAISED : VECTOR_GP;
    u32 type = descriptor_type(raw);
    bool fits = task ? type == SYSTEM_TSS_32 || (type == SYSTEM_TSS_16 && !long_mode) : type == SYSTEM_LDT;
    *segment = descriptor_segment(raw, selector);
    segment->base |= upper << 32;
    if (descriptor_is_segment(raw) || !fits || (upper & BITS(44, 40)) || !access_canonical(v, segment->base))
        return VECTOR_GP;
    return descriptor_present(raw) ? NOTHING : VECTOR_NP;
}

/* LLDT, LTR. */
enum emul_status interp_load_system(struct interp *in)
{
    struct vcpu *v = in->v;
    bool task = in->insn->op == OP_LTR;
    u64 value;
    vcpu_need(v, RARE_PARTS);
    if (!rare_descriptors_rule(v))
        return fault(in, VECTOR_UD);
    if (rare_cpl(v) != 0)
        return rare_fault(in, VECTOR_GP, 0);
    if (!operand_read(in, 0, &value))
        return EMUL_EVENT;
    u16 selector = (u16)value;
    struct segment segment = descriptor_null_segment(selector, 0);
    if (task || !selector_is_null(selector)) {
        u32 vector = system_descriptor(v, selector, task, &segment);
        if (vector == RAISED || (vector == NOTHING && task && !descriptor_set_type(v, selector, SYSTEM_TYPE_BUSY)))
            return EMUL_EVENT;
        if (vector != NOTHING)
            return rare_fault(in, vector, selector);
    }
    if (task)
        segment.access |= SYSTEM_TYPE_BUSY;
    v->seg[task ? SEG_TR : SEG_LDTR] = segment;
    vcpu_dirty(v, task ? PART_SEG_TR : PART_SEG_LDTR);
    return EMUL_DONE;
}
