/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports and debug registers. */
#include "emul/translator.h"

static u32 port_size(const struct insn *insn)
{
    return insn->operand[insn->op == OP_IN ? 0 : 1].size;
}

/* The entry's port is what the exit said; DX of others is looked at. */
void tr_port(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    const struct insn *insn = &at->insn;
    struct emitter *e = &t->e;
    bool alone = t->request->alone, by_dx = insn->operand[insn->op == OP_IN ? 1 : 0].kind == OPERAND_GPR;
    if (alone) {
        emit_slot(e, SLOT_LOAD, RAX, GPR_SLOT(RAX));
        if (by_dx)
            emit_slot(e, SLOT_LOAD, RDX, GPR_SLOT(RDX));
    } else if (by_dx && (at != tr_entry_of(t) || at->joins)) {
        tr_flags_save(t);
        emit8(e, 0x66); /* CMP DX, port */
        emit8(e, 0x81);
        emit8(e, 0xfa);
        emit16(e, (u32)at->page);
        tr_leave_if(t, CC_NE, at->rip);
    }
    if (port_size(insn) == 2)
        emit8(e, 0x66);
    struct layout l = tr_layout_of(insn);
    emit_bytes(e, insn->bytes + l.opcode, insn->length - l.opcode);
    if (alone && insn->op == OP_IN)
        emit_slot(e, SLOT_STORE, RAX, GPR_SLOT(RAX));
    if (!alone)
        tr_count_avoided(t, at);
}

/* MOV DR7: the guest's is in the VMCS. What arms a breakpoint is left to the exit. */
#define DR7_ARMED (BITS(7, 0) | BIT(13))
#define DR7_FIXED_0 (BIT(12) | BITS(15, 14))
#define DR7_FIXED_1 BIT(10)

/* AND, OR, TEST of the low half of a slot with a constant. */
enum { MASK_OR = 0x8101, MASK_AND = 0x8104, MASK_TEST = 0xf700 };
static void emit_mask(struct emitter *e, u32 op, u32 slot, u64 mask)
{
    emit8(e, op >> 8);
    emit_base(e, op & 7, RSP, slot);
    emit32(e, mask);
}

static void write_dr7(struct translator *t, u32 reg, u64 rip)
{
    struct emitter *e = &t->e;
    emit_mask(e, MASK_TEST, SLOT(frame.linear), DR7_ARMED);
    tr_leave_if(t, CC_NE, rip);
    emit_slot(e, SLOT_STORE, reg, SLOT(dr7));
    emit_mask(e, MASK_AND, SLOT(dr7), ~DR7_FIXED_0);
    emit_mask(e, MASK_OR, SLOT(dr7), DR7_FIXED_1);
    emit_mask(e, MASK_OR, SLOT(have), PART_DR7); /* or it would be fetched over */
    emit_mask(e, MASK_OR, SLOT(dirty), PART_DR7);
}

static void emit_move_dr(struct emitter *e, u32 opcode, u32 number, u32 reg)
{
    if (reg >= 8)
        emit8(e, 0x41);
    emit8(e, 0x0f);
    emit8(e, opcode);
    emit8(e, 0xc0 | number << 3 | (reg & 7));
}

/* MOV r32, r32: outside 64-bit code only these 32 bits are there. */
static void cut_register(struct translator *t, u32 reg)
{
    if (t->cluster->code_size == CODE_64)
        return;
    emit8(&t->e, 0x89);
    emit8(&t->e, 0xc0 | reg << 3 | reg);
}

/*
 * MOV to and from DR0 to DR3 and DR6, which hold the guest's values in root mode, and DR7. A value of DR6 or DR7 with
 * upper bits is #GP: that one exits.
 */
void tr_debug_register(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    const struct insn *insn = &at->insn;
    bool from = insn->operand[1].kind == OPERAND_DR;
    u32 reg = insn->operand[from ? 0 : 1].reg, number = insn->operand[from ? 1 : 0].reg;
    struct emitter *e = &t->e;
    tr_flags_save(t);
    if (!from)
        cut_register(t, reg);
    if (!from && number >= 6) {
        emit_slot(e, SLOT_STORE, reg, SLOT(frame.linear));
        emit_slot32_compare(e, SLOT(frame.linear) + 4, 0);
        tr_leave_if(t, CC_NE, at->rip);
    }
    if (number != 7)
        emit_move_dr(e, from ? 0x21 : 0x23, number, reg);
    else if (from)
        emit_slot(e, SLOT_LOAD, reg, SLOT(dr7));
    else
        write_dr7(t, reg, at->rip);
    if (from)
        cut_register(t, reg);
    tr_count_avoided(t, at);
}
