/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports and debug registers. */
#include "emul/translator.h"
#include "lib/console.h"

static u32 port_size(const struct insn *insn)
{
    return insn->operand[insn->op == OP_IN ? 0 : 1].size;
}

static bool is_console(const struct translator *t, const struct cluster_insn *at)
{
    return t->request->console_data && at->insn.op == OP_OUT && at->page == t->request->console_data;
}

static bool is_any_port(const struct translator *t, const struct cluster_insn *at)
{
    return t->request->any_port && at == tr_entry_of(t);
}

/* Where the condition holds the interpreter performs the instruction: the entry, so that the exit is not for nothing.
 */
static void perform_if(struct translator *t, u32 index, u32 condition)
{
    tr_later(t, LATER_PERFORM, emit_jcc(&t->e, condition))->index = (u16)index;
}

/*
 * A character for the console: no plain one, or somebody waits for the end of the line. The interpreter writes it if it
 * is what exited; else the cluster ends before it.
 */
static void follow_console(struct translator *t, u32 index)
{
    static const u8 is_plain[] = {0x80, 0x3b, 0x01}; /* CMP byte [RBX], 1 */
    const struct cluster_insn *at = &t->cluster->at[index];
    struct emitter *e = &t->e;
    tr_flags_save(t);
    emit_slot(e, SLOT_STORE, RBX, SLOT(frame.save));
    emit_slot(e, SLOT_LOAD, RBX, SLOT(frame.console_line));
    emit_bytes(e, is_plain, sizeof(is_plain));
    emit_slot(e, SLOT_LOAD, RBX, SLOT(frame.save));
    if (at == tr_entry_of(t))
        perform_if(t, index, CC_NE);
    else
        tr_leave_if(t, CC_NE, at->rip);
    emit_slot(e, SLOT_LOAD, RBX, SLOT(frame.console_line));
    emit8(e, 0x88); /* MOV byte [RBX + 1], AL */
    emit_base(e, RAX, RBX, offsetof(struct console_line, last));
    emit_slot(e, SLOT_LOAD, RBX, SLOT(frame.save));
}

/* CMP DX, port */
static void compare_port(struct emitter *e, u32 port)
{
    emit_code(e, 0xfa8166 | (u64)port << 24, 5);
}

/* Whatever port is in DX: if it is no plain one, the interpreter performs the instruction. */
static void ask_port(struct translator *t, u32 index)
{
    static const u8 ask[] = {0x0f, 0xb7, 0xf2, 0x0f, 0xa3, 0x33}; /* MOVZX ESI, DX; BT [RBX], ESI */
    struct emitter *e = &t->e;
    struct fixup32 usual = {NULL};
    tr_flags_save(t);
    if (t->request->usual_port) {
        compare_port(e, t->request->usual_port);
        usual = emit_jcc(e, CC_E);
    }
    emit_slot(e, SLOT_STORE, RBX, SLOT(frame.save));
    emit_slot(e, SLOT_STORE, RSI, SLOT(frame.save2));
    emit_slot(e, SLOT_LOAD, RBX, SLOT(frame.plain_ports));
    emit_bytes(e, ask, sizeof(ask));
    emit_slot(e, SLOT_LOAD, RBX, SLOT(frame.save));
    emit_slot(e, SLOT_LOAD, RSI, SLOT(frame.save2));
    perform_if(t, index, CC_AE);
    if (usual.at)
        emit_bind(e, usual);
}

/* At one port now and at another one then; one of them may be the console's. */
static void at_any_port(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    if (at->insn.op != OP_OUT || !t->request->console_data || !t->request->console_followed) {
        ask_port(t, index);
        return;
    }
    tr_flags_save(t);
    compare_port(&t->e, t->request->console_data);
    struct fixup32 other = emit_jcc(&t->e, CC_NE);
    follow_console(t, index);
    struct fixup32 go_on = emit_jump(&t->e);
    emit_bind(&t->e, other);
    ask_port(t, index);
    emit_bind(&t->e, go_on);
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
    } else if (by_dx && !is_any_port(t, at) && (at != tr_entry_of(t) || at->joins)) {
        tr_flags_save(t);
        compare_port(e, (u32)at->page);
        tr_leave_if(t, CC_NE, at->rip);
    }
    u32 first = t->later_count;
    if (is_any_port(t, at))
        at_any_port(t, index);
    else if (is_console(t, at))
        follow_console(t, index);
    if (port_size(insn) == 2)
        emit8(e, 0x66);
    struct layout l = tr_layout_of(insn);
    emit_bytes(e, insn->bytes + l.opcode, insn->length - l.opcode);
    if (alone && insn->op == OP_IN)
        emit_slot(e, SLOT_STORE, RAX, GPR_SLOT(RAX));
    if (!alone)
        tr_count_avoided(t, at);
    for (; first < t->later_count; first++) /* where LATER_PERFORM goes on */
        t->later[first].past = e->at;
}

/* MOV DR7: the guest's is in the VMCS. What arms a breakpoint is left to the exit. */
#define DR7_ARMED (BITS(7, 0) | BIT(13))
#define DR7_FIXED_0 (BIT(12) | BITS(15, 14))
#define DR7_FIXED_1 BIT(10)

/* AND, OR, TEST of the low half of a slot with a constant. */
static void emit_mask(struct emitter *e, enum slot_unary op, u32 slot, u64 mask)
{
    emit_slot_unary(e, op, slot);
    emit32(e, mask);
}

static void write_dr7(struct translator *t, u32 reg, u64 rip)
{
    struct emitter *e = &t->e;
    emit_mask(e, SLOT_TEST, SLOT(frame.linear), DR7_ARMED);
    tr_leave_if(t, CC_NE, rip);
    emit_slot(e, SLOT_STORE, reg, SLOT(dr7));
    emit_mask(e, SLOT_AND, SLOT(dr7), ~DR7_FIXED_0);
    emit_mask(e, SLOT_OR, SLOT(dr7), DR7_FIXED_1);
    emit_mask(e, SLOT_OR, SLOT(have), PART_DR7); /* or it would be fetched over */
    emit_mask(e, SLOT_OR, SLOT(dirty), PART_DR7);
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
