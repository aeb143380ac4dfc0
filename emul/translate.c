/* SPDX-License-Identifier: BSD-2-Clause */
/* A cluster, instruction by instruction; then the code that stands out of the straight way. */
#include "emul/translate.h"

#include "emul/translator.h"
#include "lib/string.h"

/* The slot is filled where flags are touched at all. */
static bool touches_flags(const struct cluster *cluster)
{
    for (u32 i = 0; i < cluster->count; i++)
        if (cluster->at[i].carry == CARRY_JUMP || tr_flags_use(&cluster->at[i].insn) != FLAGS_UNTOUCHED)
            return true;
    return false;
}

static bool has_loop(const struct cluster *cluster, bool weak)
{
    for (u32 i = 0; i < cluster->count; i++)
        if (cluster->at[i].loops && cluster->at[i].weak == weak)
            return true;
    return false;
}

/* RDTSC; SHL RDX, 32; OR RAX, RDX */
static const u8 rdtsc_to_rax[] = {0x0f, 0x31, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0};

static void begin(struct translator *t)
{
    struct emitter *e = &t->e;
    t->flags = FLAGS_IN_VCPU;
    if (touches_flags(t->cluster)) {
        emit_slot(e, SLOT_LOAD, RAX, SLOT(rflags));
        emit8(e, 0x25); /* AND EAX */
        emit32(e, FLAGS_MASK);
        emit_slot(e, SLOT_STORE, RAX, SLOT(frame.flags));
        t->flags |= FLAGS_IN_SLOT;
    }
    if (t->request->alone)
        return;
    for (u32 i = 0; i < t->lines; i++)
        emit_slot_set(e, tr_line_slot(i) + (u32)offsetof(struct code_line, limit), 0);
    if (tr_entry_of(t)->joins)
        tr_count(t, tr_entry_of(t), 1);
    if (has_loop(t->cluster, false)) {
        emit_slot32_set(e, SLOT(frame.rounds), t->rounds);
        emit_bytes(e, rdtsc_to_rax, sizeof(rdtsc_to_rax));
        emit_slot(e, SLOT_ADD, RAX, SLOT(frame.budget));
        emit_slot(e, SLOT_STORE, RAX, SLOT(frame.deadline));
    }
    if (has_loop(t->cluster, true))
        emit_slot32_set(e, SLOT(frame.weak_rounds), CLUSTER_WEAK_ROUNDS);
    emit_slot(e, SLOT_LOAD, RAX, GPR_SLOT(RAX));
    emit_slot(e, SLOT_LOAD, RCX, GPR_SLOT(RCX));
    emit_slot(e, SLOT_LOAD, RDX, GPR_SLOT(RDX));
}

/* The exit has proved where the entry goes, unless a loop comes back to it: then it is the first instruction. */
static bool is_proved(const struct translator *t, u32 index)
{
    return index == 0 && !t->cluster->at[0].joins && t->request->register_at;
}

static bool primes_line(struct translator *t)
{
    const struct cluster_insn *at = tr_entry_of(t);
    bool simple = t->request->page_at || (t->request->register_at && tr_memory_size(&at->insn) == 4);
    return at->carry == CARRY_MEMORY && at->role == ROLE_WEAK && simple && !t->request->alone &&
           !is_proved(t, t->cluster->entry) && tr_line_for(t, at) != NO_LINE;
}

/* From begin(), past instructions that only a loop comes to. */
static void enter(struct translator *t)
{
    if (primes_line(t))
        tr_prime_line(t);
    if (!t->cluster->entry)
        return;
    t->jump[t->jump_count].from = emit_jump(&t->e);
    t->jump[t->jump_count++].to = t->cluster->entry;
    t->flags = FLAGS_IN_SLOT;
}

static void registers_only(struct translator *t, u32 index)
{
    const struct insn *insn = &t->cluster->at[index].insn;
    tr_flags_before(t, insn);
    if (insn->op == OP_LEA)
        emit_lea(&t->e, insn->operand[0].reg, insn->operand_size, insn, insn->memory.base, tr_rip_after(t, index));
    else if (insn->op != OP_NOP)
        tr_emit_as_it_is(t, insn);
    tr_flags_after(t, insn);
}

static void perform_instead(struct translator *t, u32 index)
{
    t->failed |= t->request->alone || t->cluster->at[index].carry == CARRY_NOT;
    tr_flags_save(t);
    tr_perform(t, index, t->flags);
    t->flags = FLAGS_IN_VCPU | FLAGS_IN_SLOT;
}

static void carry(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    if (at->joins)
        tr_label_here(t, index);
    t->failed |= at->carry <= CARRY_MEMORY && tr_registers_of(&at->insn) & 1u << RSP;
    switch (at->carry) {
    case CARRY_REGISTERS:
        registers_only(t, index);
        break;
    case CARRY_MEMORY:
        if (is_proved(t, index) && tr_register_access(t))
            break;
        if (t->request->alone)
            t->failed = true;
        else if (tr_line_for(t, at) == NO_LINE)
            perform_instead(t, index);
        else
            tr_memory_through_line(t, index);
        break;
    case CARRY_JUMP:
        tr_jump(t, index);
        break;
    case CARRY_PORT:
        tr_port(t, index);
        break;
    case CARRY_DEBUG:
        tr_debug_register(t, index);
        break;
    default:
        perform_instead(t, index);
        break;
    }
}

/* A strong loop after TRANSLATE_TIME_EVERY rounds; the flags are in the slot. */
static void emit_time(struct translator *t, const struct later *l)
{
    struct emitter *e = &t->e;
    emit_slot32_set(e, SLOT(frame.rounds), t->rounds);
    emit_slot(e, SLOT_STORE, RAX, SLOT(frame.save));
    emit_slot(e, SLOT_STORE, RDX, SLOT(frame.save2));
    emit_bytes(e, rdtsc_to_rax, sizeof(rdtsc_to_rax));
    emit_slot(e, SLOT_CMP, RAX, SLOT(frame.deadline));
    emit_slot(e, SLOT_LOAD, RAX, SLOT(frame.save));
    emit_slot(e, SLOT_LOAD, RDX, SLOT(frame.save2));
    emit_jcc_back(e, CC_B, l->back);
    tr_leave_now(t, FLAGS_IN_SLOT, l->rip);
}

/* v->rip and all registers are where they belong, and the flags in v->rflags. */
static void emit_performed(struct translator *t)
{
    emit_slot_unary(&t->e, SLOT_JUMP, SLOT(frame.end_care));
}

/* Code that is jumped to makes no further such code but by tr_perform(), so this ends. */
static void emit_later(struct translator *t)
{
    for (u32 i = 0; i < t->later_count && !t->failed; i++) {
        struct later l = t->later[i];
        emit_bind(&t->e, l.from);
        switch (l.kind) {
        case LATER_LEAVE:
            tr_leave_now(t, l.flags, l.rip);
            break;
        case LATER_REACH:
            tr_emit_reach(t, &l);
            break;
        case LATER_TIME:
            emit_time(t, &l);
            break;
        default:
            emit_performed(t);
            break;
        }
    }
}

/* Room for what the interpreter may have to perform: all of it but what is surely machine code. */
static u32 count_performed(const struct cluster *cluster)
{
    u32 count = 0;
    for (u32 i = 0; i < cluster->count; i++)
        count += cluster->at[i].carry == CARRY_PERFORM || cluster->at[i].carry == CARRY_MEMORY;
    return count;
}

u32 translate(const struct translate_request *request, u8 *room, u32 *entry)
{
    static struct translator scratch; /* one CPU translates at a time */
    struct translator *t = &scratch;
    u32 head = request->head + count_performed(request->cluster) * (u32)sizeof(struct performed);
    if (head >= TC_PIECE_MAX)
        return 0;
    *t = (struct translator){
        .e = {.at = room + head, .end = room + TC_PIECE_MAX},
        .request = request,
        .cluster = request->cluster,
        .avoided = (u64 *)room,
        .performed = (struct performed *)(room + request->head),
    };
    *entry = head;
    t->rounds = TRANSLATE_TIME_EVERY > t->cluster->exiting ? TRANSLATE_TIME_EVERY / t->cluster->exiting : 1;
    for (u32 i = 0; i < t->cluster->count; i++)
        if (t->cluster->at[i].carry == CARRY_MEMORY && !is_proved(t, i))
            tr_line_for(t, &t->cluster->at[i]);
    for (u32 i = 0; i < t->cluster->count; i++)
        t->dirties |= t->cluster->at[i].carry == CARRY_PERFORM || t->cluster->at[i].carry == CARRY_DEBUG ||
                      (t->cluster->at[i].carry == CARRY_MEMORY && !is_proved(t, i));
    begin(t);
    enter(t);
    for (u32 i = 0; i < t->cluster->count; i++)
        carry(t, i);
    tr_leave_now(t, t->flags, tr_rip_after(t, t->cluster->count - 1));
    emit_later(t);
    return t->failed || t->e.full ? 0 : (u32)(t->e.at - room);
}
