/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stack, and control flow by it, by registers or by memory: 64-bit code. The guest's RSP is in v->gpr. A call,
 * return or jump that does not go where it was seen to go is left to the guest: the cluster ends before it.
 */
#include "emul/translator.h"

static void move_rsp(struct translator *t, s32 bytes)
{
    emit_slot_add8(&t->e, GPR_SLOT(RSP), bytes);
}

/* ---- PUSH, POP, RSP as an operand ---- */

void tr_stack(struct translator *t, u32 index)
{
    const struct insn *insn = &t->cluster->at[index].insn;
    const struct operand *operand = &insn->operand[0];
    struct line_use use = tr_line_begin(t, index, LATER_REACH);
    if (operand->kind == OPERAND_IMMEDIATE)
        emit_store_constant(&t->e, use.scratch, (u64)insn->immediate);
    else if (insn->op == OP_PUSH)
        emit_store(&t->e, operand->reg, use.scratch);
    else
        emit_load(&t->e, operand->reg, use.scratch);
    if (insn->op == OP_POP)
        move_rsp(t, 8);
    tr_line_end(t, &use);
}

void tr_rsp(struct translator *t, u32 index)
{
    const struct insn *insn = &t->cluster->at[index].insn;
    struct emitter *e = &t->e;
    u32 reg = insn->operand[0].reg;
    if (reg == RSP) {
        tr_flags_before(t, insn);
        tr_emit_with_memory(t, insn, RSP, GPR_SLOT(RSP));
        tr_flags_after(t, insn);
        return;
    }
    emit_slot(e, SLOT_LOAD, reg, GPR_SLOT(RSP));
    if (insn->op == OP_LEA)
        emit_lea(e, reg, 8, insn, reg, 0);
}

/* ---- guards ---- */

typedef void before_going(struct translator *t, u32 index);

/* The last of the ways that are in the cluster; CLUSTER_NO_WAY: none is. */
static u32 last_way(const struct cluster *cluster, u32 first)
{
    u32 last = CLUSTER_NO_WAY;
    for (u32 way = first; way != CLUSTER_NO_WAY; way = cluster->way[way].other)
        if (cluster->way[way].to != CLUSTER_OUT)
            last = way;
    return last;
}

/* The one way that is in the cluster; NULL: there are more, or none. */
static const struct cluster_way *only_way(const struct cluster *cluster, u32 first)
{
    const struct cluster_way *only = NULL;
    for (u32 way = first; way != CLUSTER_NO_WAY; way = cluster->way[way].other) {
        if (cluster->way[way].to == CLUSTER_OUT)
            continue;
        if (only)
            return NULL;
        only = &cluster->way[way];
    }
    return only;
}

static void leave_by(struct translator *t, u32 index, enum later_kind kind, struct fixup32 from)
{
    struct later *l = tr_later(t, kind, from);
    l->rip = t->cluster->at[index].rip;
    l->index = (u16)index;
    l->side = true;
}

/*
 * What stands in the slot is compared with where the instruction went before; `act` comes between that and going there.
 * To anywhere else the cluster is left, in the way of `otherwise`.
 */
static void go_by_slot(struct translator *t, u32 index, u32 slot, before_going *act, enum later_kind otherwise)
{
    const struct cluster *cluster = t->cluster;
    u32 flags = t->flags, last = last_way(cluster, cluster->at[index].way);
    struct fixup32 unequal[2];
    tr_give_back(t);
    for (u32 way = cluster->at[index].way; last != CLUSTER_NO_WAY; way = cluster->way[way].other) {
        const struct cluster_way *one = &cluster->way[way];
        if (one->to == CLUSTER_OUT)
            continue;
        u32 count = emit_slot_jump_unless(&t->e, slot, one->rip, unequal);
        for (u32 i = 0; way == last && i < count; i++)
            leave_by(t, index, otherwise, unequal[i]);
        if (act)
            act(t, index);
        if (way != last || one->to != (int)index + 1)
            tr_go(t, index, one->to, 0);
        if (way == last)
            return;
        for (u32 i = 0; i < count; i++)
            emit_bind(&t->e, unequal[i]);
        t->flags = flags;
    }
    leave_by(t, index, otherwise, emit_jump(&t->e));
}

/* ---- calls, returns, jumps ---- */

static bool is_by_memory(const struct cluster_insn *at)
{
    return at->insn.operand[0].kind == OPERAND_MEMORY;
}

/*
 * Where the stack is not for a line, the interpreter performs the call: it goes where this goes, but for what stands in
 * memory, and may have changed until it looks there.
 */
static void push_return(struct translator *t, u32 index)
{
    bool again = is_by_memory(&t->cluster->at[index]);
    struct line_use use = tr_line_begin(t, index, again ? LATER_REACH_AND_LEAVE : LATER_REACH);
    emit_store_constant(&t->e, use.scratch, tr_rip_after(t, index));
    tr_line_end(t, &use);
}

static bool is_direct(const struct insn *insn)
{
    return insn->operand[0].kind == OPERAND_RELATIVE;
}

static void go_direct(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    u64 target = tr_rip_after(t, index) + (u64)at->insn.immediate;
    if (at->target != (int)index + 1)
        tr_go(t, index, at->target, target);
}

static void note_target_in_memory(struct translator *t, u32 index)
{
    struct line_use use = tr_target_line_begin(t, index, LATER_REACH_AND_LEAVE);
    emit_load(&t->e, use.scratch, use.scratch);
    emit_slot(&t->e, SLOT_STORE, use.scratch, SLOT(frame.linear));
    tr_line_end(t, &use);
}

/* Where it leads goes to frame.linear. */
static void note_target(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    if (is_by_memory(at)) {
        note_target_in_memory(t, index);
        return;
    }
    tr_flags_save(t);
    emit_slot(&t->e, SLOT_STORE, at->insn.operand[0].reg, SLOT(frame.linear));
}

static bool has_line(struct translator *t, u32 index)
{
    return tr_line_for(t, &t->cluster->at[index]) != NO_LINE;
}

static bool has_target_line(struct translator *t, const struct cluster_insn *at)
{
    return !is_by_memory(at) || tr_target_line_for(t, at) != NO_LINE;
}

void tr_call(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    if (!has_line(t, index) || !has_target_line(t, at)) {
        tr_leave_now(t, t->flags, at->rip);
        return;
    }
    if (is_direct(&at->insn)) {
        push_return(t, index);
        go_direct(t, index);
        return;
    }
    note_target(t, index);
    go_by_slot(t, index, SLOT(frame.linear), push_return, LATER_LEAVE);
}

void tr_computed(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    if (!has_target_line(t, at)) {
        tr_leave_now(t, t->flags, at->rip);
        return;
    }
    note_target(t, index);
    go_by_slot(t, index, SLOT(frame.linear), NULL, LATER_LEAVE);
}

static void pop_return(struct translator *t, u32 index)
{
    move_rsp(t, 8);
}

void tr_return(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    if (!has_line(t, index)) {
        tr_leave_now(t, t->flags, at->rip);
        return;
    }
    struct line_use use = tr_line_begin(t, index, LATER_REACH_OR_LEAVE);
    const struct cluster_way *only = only_way(t->cluster, at->way);
    if (only && only->rip == (u64)(s32)only->rip) {
        emit_compare_constant(&t->e, use.scratch, only->rip);
        tr_line_end(t, &use);
        leave_by(t, index, LATER_LEAVE, emit_jcc(&t->e, CC_NE));
        pop_return(t, index);
        if (only->to != (int)index + 1)
            tr_go(t, index, only->to, 0);
        return;
    }
    emit_load(&t->e, use.scratch, use.scratch);
    emit_slot(&t->e, SLOT_STORE, use.scratch, SLOT(frame.linear));
    tr_line_end(t, &use);
    go_by_slot(t, index, SLOT(frame.linear), pop_return, LATER_LEAVE);
}

/* ---- those that the interpreter performs ---- */

bool tr_flows(const struct cluster_insn *at)
{
    return at->insn.op == OP_CALL || at->insn.op == OP_RET || at->insn.op == OP_JMP;
}

void tr_performed_flow(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    struct fixup32 unequal[2];
    if (!is_direct(&at->insn) || at->target == CLUSTER_OUT) {
        go_by_slot(t, index, SLOT(rip), NULL, LATER_LEAVE_HERE);
        return;
    }
    u32 count = emit_slot_jump_unless(&t->e, SLOT(rip), t->cluster->at[at->target].rip, unequal);
    for (u32 i = 0; i < count; i++)
        tr_later(t, LATER_LEAVE_HERE, unequal[i]);
    if (at->target != (int)index + 1)
        tr_go(t, index, at->target, 0);
}
