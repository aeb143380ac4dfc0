/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the guest's flags are, the ways out of translated code, and what is counted on the way. */
#include "emul/translator.h"

enum flags_use tr_flags_use(const struct insn *insn)
{
    switch (insn->op) {
    case OP_MOV:
    case OP_MOVZX:
    case OP_MOVSX:
    case OP_LEA:
    case OP_XCHG:
    case OP_BSWAP:
    case OP_NOT:
    case OP_NOP:
    case OP_PAUSE:
    case OP_LFENCE:
    case OP_MFENCE:
    case OP_SFENCE:
    case OP_CBW:
    case OP_CWD:
    case OP_CRC32:
    case OP_PUSH:
    case OP_POP:
    case OP_CALL:
    case OP_RET:
    case OP_JMP:
    case OP_RDTSC:
    case OP_RDTSCP:
        return FLAGS_UNTOUCHED;
    case OP_ADD:
    case OP_OR:
    case OP_AND:
    case OP_SUB:
    case OP_XOR:
    case OP_CMP:
    case OP_TEST:
    case OP_NEG:
    case OP_XADD:
        return FLAGS_REPLACED;
    default:
        return FLAGS_USED;
    }
}

/* Those that read the flags and leave them. */
static bool flags_kept(const struct insn *insn)
{
    return insn->op == OP_CMOVCC || insn->op == OP_SETCC || insn->op == OP_JCC || insn->op == OP_LAHF;
}

/* Before code of our own that changes them. */
void tr_flags_save(struct translator *t)
{
    if (t->flags & (FLAGS_IN_SLOT | FLAGS_IN_VCPU)) {
        t->flags &= ~(u32)FLAGS_IN_MACHINE;
        return;
    }
    emit8(&t->e, 0x9c); /* PUSHF */
    emit_slot_unary(&t->e, SLOT_POP, SLOT(frame.flags));
    t->flags = FLAGS_IN_SLOT;
}

/* PUSHF and POP change none: they are in the slot too, and stay in the machine. */
void tr_flags_to_slot(struct translator *t)
{
    if (t->flags & FLAGS_IN_SLOT)
        return;
    emit8(&t->e, 0x9c);
    emit_slot_unary(&t->e, SLOT_POP, SLOT(frame.flags));
    t->flags |= FLAGS_IN_SLOT;
}

/* The slot has them from the start where they matter (begin()), so that it is the only place to look. */
void tr_flags_to_machine(struct translator *t)
{
    if (t->flags & FLAGS_IN_MACHINE)
        return;
    emit_slot_unary(&t->e, SLOT_PUSH, SLOT(frame.flags));
    emit8(&t->e, 0x9d); /* POPF */
    t->flags |= FLAGS_IN_MACHINE;
}

/* What an instruction that is about to be emitted needs, and then what it leaves. */
void tr_flags_before(struct translator *t, const struct insn *insn)
{
    if (tr_flags_use(insn) == FLAGS_USED)
        tr_flags_to_machine(t);
}

void tr_flags_after(struct translator *t, const struct insn *insn)
{
    if (tr_flags_use(insn) != FLAGS_UNTOUCHED && !flags_kept(insn))
        t->flags = FLAGS_IN_MACHINE;
}

/* MOV slot, register: every way out has these. */
static void store_first_registers(struct emitter *e)
{
    for (u32 reg = RAX; reg <= RDX; reg++)
        emit_code(e, 0x24448948 | reg << 19 | (u64)GPR_SLOT(reg) << 32, 5);
}
_Static_assert(RCX == RAX + 1 && RDX == RCX + 1 && GPR_SLOT(RDX) < 0x80, "displacements of eight bits");

/* At v->rip, as tr_perform() left it: with the flags in v->rflags. */
void tr_leave_here(struct translator *t)
{
    store_first_registers(&t->e);
    emit_slot(&t->e, SLOT_LOAD, RAX, SLOT(rip));
    emit_slot_unary(&t->e, SLOT_JUMP, SLOT(frame.end_dirty));
}

void tr_leave_now(struct translator *t, u32 flags, u64 rip)
{
    struct emitter *e = &t->e;
    bool in_vcpu = flags & FLAGS_IN_VCPU;
    if (!in_vcpu && !(flags & FLAGS_IN_SLOT)) {
        emit8(e, 0x9c);
        emit_slot_unary(e, SLOT_POP, SLOT(frame.flags));
    }
    if (!t->request->alone)
        store_first_registers(e);
    emit_constant(e, RAX, rip);
    u32 end = t->dirties ? SLOT(frame.end_dirty) : SLOT(frame.end);
    emit_slot_unary(e, SLOT_JUMP, in_vcpu ? end : SLOT(frame.end_flags));
}

/* Off the path that was recorded. */
void tr_leave_aside(struct translator *t, u32 index, u32 flags, u64 rip)
{
    if (t->request->watch)
        emit_slot32_set(&t->e, SLOT(frame.side), index + 1);
    tr_leave_now(t, flags, rip);
}

struct later *tr_later(struct translator *t, enum later_kind kind, struct fixup32 from)
{
    if (t->later_count == LATER_MAX) {
        t->failed = true;
        return &t->later[0];
    }
    struct later *l = &t->later[t->later_count++];
    *l = (struct later){.from = from, .kind = (u8)kind, .flags = (u8)t->flags, .lent = (u8)t->lent};
    return l;
}

void tr_leave_if(struct translator *t, u32 condition, u64 rip)
{
    tr_later(t, LATER_LEAVE, emit_jcc(&t->e, condition))->rip = rip;
}

/* RIP outside 64-bit code has 32 bits; of 16-bit jumps 16, which the cluster's maker saw to. */
u64 tr_rip_after(const struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    u64 next = at->rip + at->insn.length;
    return t->cluster->code_size == CODE_64 ? next : (u32)next;
}

/* The one that is entered at. */
const struct cluster_insn *tr_entry_of(const struct translator *t)
{
    return &t->cluster->at[t->cluster->entry];
}

/* The entry is what exited; where a loop comes back to it, begin() has taken that one off. */
static u32 would_be_avoided(const struct translator *t, const struct cluster_insn *at)
{
    return at == tr_entry_of(t) && !at->joins ? WOULD_NOT : at->would;
}

void tr_perform(struct translator *t, u32 index, u32 flags)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    if (t->performed_count == t->performed_max) {
        t->failed = true;
        return;
    }
    struct performed *p = &t->performed[t->performed_count++];
    p->insn = at->insn;
    p->rip = at->rip;
    p->would = (u8)would_be_avoided(t, at);
    p->flags_in_slot = !(flags & FLAGS_IN_VCPU);
    emit_slot_unary(&t->e, SLOT_CALL, SLOT(frame.perform));
    emit32(&t->e, (u64)p);
}

/* INC or DEC of the count for its kind of exit, at the start of the piece: an address of 32 bits. */
void tr_count(struct translator *t, const struct cluster_insn *at, u32 extension)
{
    emit_code(&t->e, 0x2504ff48 | extension << 19 | (u64)&t->avoided[at->would] << 32, 8);
}

void tr_count_avoided(struct translator *t, const struct cluster_insn *at)
{
    if (!would_be_avoided(t, at))
        return;
    tr_flags_save(t);
    tr_count(t, at, 0);
}
