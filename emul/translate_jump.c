/* SPDX-License-Identifier: BSD-2-Clause */
/* Control flow within a cluster. */
#include "emul/translator.h"

/* The backedge is taken: goes on there unless it is time to leave. */
static void go_back(struct translator *t, const struct cluster_insn *at, int to)
{
    struct emitter *e = &t->e;
    emit_slot32_decrement(e, at->weak ? SLOT(frame.weak_rounds) : SLOT(frame.rounds));
    emit_jcc_back(e, CC_NE, t->label[to]);
    t->flags = FLAGS_IN_SLOT;
    struct later *l = tr_later(t, at->weak ? LATER_LEAVE : LATER_TIME, emit_jump(e));
    l->rip = t->cluster->at[to].rip;
    l->back = t->label[to];
}

/* From there to an instruction that is to come. */
static void jump_ahead(struct translator *t, u32 to, struct fixup32 from)
{
    t->jump[t->jump_count].from = from;
    t->jump[t->jump_count].other = t->waiting[to];
    t->waiting[to] = (u16)++t->jump_count;
}

void tr_jump_ahead(struct translator *t, u32 to)
{
    jump_ahead(t, to, emit_jump(&t->e));
}

/* Off the path, to `rip`. */
static void leave_aside(struct translator *t, u32 index, u64 rip, struct fixup32 from)
{
    struct later *l = tr_later(t, LATER_LEAVE, from);
    l->rip = rip;
    l->index = (u16)index;
    l->side = true;
}

/* From the instruction at `index` to that at `to`, by a jump; or out, to `rip`. The flags are saved. */
void tr_go(struct translator *t, u32 index, int to, u64 rip)
{
    tr_flags_to_slot(t);
    t->flags = FLAGS_IN_SLOT;
    if (to == CLUSTER_OUT) {
        leave_aside(t, index, rip, emit_jump(&t->e));
        return;
    }
    tr_give_back(t);
    if (to <= (int)index)
        go_back(t, &t->cluster->at[index], to);
    else
        tr_jump_ahead(t, (u32)to);
}

/* To the instruction that follows where no jump is taken. */
void tr_go_on(struct translator *t, u32 index)
{
    int next = t->cluster->at[index].next;
    if (next == CLUSTER_OUT && index + 1 == t->cluster->count) {
        tr_give_back(t);
        tr_leave_aside(t, index, t->flags, tr_rip_after(t, index));
    } else if (next != (int)index + 1)
        tr_go(t, index, next, tr_rip_after(t, index));
}

static void emit_on_count(struct emitter *e, u32 address_size, u32 opcode)
{
    if (address_size == 2)
        emit8(e, 0x66);
    if (address_size == 8)
        emit8(e, 0x48);
    emit_code(e, opcode | 0xc9 << 8, 2);
}

/* Count register minus one, of the address size; the flags are in the slot. */
static void decrement_count(struct emitter *e, u32 address_size)
{
    emit_on_count(e, address_size, 0xff);
}

static void test_count(struct emitter *e, u32 address_size)
{
    emit_on_count(e, address_size, 0x85);
}

/* Whether the jump is not taken: up to two jumps to where it is not. Returns how many. */
static u32 jump_not_taken(struct translator *t, const struct insn *insn, struct fixup32 not_taken[2])
{
    struct emitter *e = &t->e;
    switch (insn->op) {
    case OP_JCC:
        not_taken[0] = emit_jcc(e, insn->condition ^ 1u);
        return 1;
    case OP_JCXZ:
        test_count(e, insn->address_size);
        not_taken[0] = emit_jcc(e, CC_NE);
        return 1;
    case OP_LOOP:
    case OP_LOOPE:
    case OP_LOOPNE:
        decrement_count(e, insn->address_size);
        not_taken[0] = emit_jcc(e, CC_E);
        if (insn->op == OP_LOOP)
            return 1;
        emit8(e, 0xf6); /* TEST byte [slot], ZF */
        emit_base(e, 0, RSP, SLOT(frame.flags));
        emit8(e, RFLAGS_ZF);
        not_taken[1] = emit_jcc(e, insn->op == OP_LOOPE ? CC_E : CC_NE);
        return 2;
    default:
        return 0;
    }
}

static u64 jump_target(const struct translator *t, u32 index)
{
    const struct insn *insn = &t->cluster->at[index].insn;
    u64 target = tr_rip_after(t, index) + (u64)insn->immediate;
    if (t->cluster->code_size == CODE_64)
        return target;
    return insn->operand_size == 2 ? (u16)target : (u32)target;
}

/* Jcc on and out is one jump; the flags are in the machine and in the slot. */
static void go_if(struct translator *t, u32 index, u64 rip)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    u32 flags = t->flags;
    if (at->target != CLUSTER_OUT)
        tr_give_back(t);
    struct fixup32 taken = emit_jcc(&t->e, at->insn.condition);
    t->flags = FLAGS_IN_SLOT;
    if (at->target == CLUSTER_OUT)
        leave_aside(t, index, rip, taken);
    else
        jump_ahead(t, (u32)at->target, taken);
    t->flags = flags;
}

void tr_jump(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    struct fixup32 not_taken[2];
    if (at->insn.op == OP_JMP && at->target == (int)index + 1)
        return;
    tr_flags_to_slot(t);
    if (at->insn.op == OP_JCC)
        tr_flags_to_machine(t);
    if (at->insn.op == OP_JCC && (at->target == CLUSTER_OUT || at->target > (int)index)) {
        go_if(t, index, jump_target(t, index));
        tr_go_on(t, index);
        return;
    }
    u32 flags = t->flags, lent = t->lent;
    u32 count = jump_not_taken(t, &at->insn, not_taken);
    if (at->insn.op != OP_JCC)
        flags &= ~(u32)FLAGS_IN_MACHINE;
    t->flags = FLAGS_IN_SLOT;
    tr_go(t, index, at->target, jump_target(t, index));
    if (at->insn.op == OP_JMP)
        return;
    for (u32 i = 0; i < count; i++)
        emit_bind(&t->e, not_taken[i]);
    t->flags = flags;
    t->lent = lent;
    tr_go_on(t, index);
}

/* Every jump has them in the slot, and only there for sure. */
void tr_label_here(struct translator *t, u32 index)
{
    tr_flags_to_slot(t);
    tr_give_back(t);
    t->flags = FLAGS_IN_SLOT;
    t->label[index] = t->e.at;
    for (u32 i = t->waiting[index]; i; i = t->jump[i - 1].other)
        emit_bind(&t->e, t->jump[i - 1].from);
}
