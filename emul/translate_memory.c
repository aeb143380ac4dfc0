/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory operands: through lines, which are walked once for each cluster, or at a register that the exit proved. */
#include "emul/translator.h"

#include "lib/string.h"

/* PUSH, CALL; POP, RET: the stack, without an operand that says so. */
static bool is_on_stack(const struct cluster_insn *at)
{
    return at->carry == CARRY_STACK || at->carry == CARRY_CALL || at->carry == CARRY_RET;
}

static bool pushes(const struct insn *insn)
{
    return insn->op == OP_PUSH || insn->op == OP_CALL;
}

/* Other segments begin at 0 in 64-bit code. */
static u8 segment_of(const struct memory_operand *memory)
{
    bool based = memory->segment == SEG_FS || memory->segment == SEG_GS;
    return based ? memory->segment : SEG_DS;
}

/* Two variables that are named by their addresses, in two pages, would take one line from each other in each round. */
static u64 page_of(const struct translator *t, const struct cluster_insn *at)
{
    const struct memory_operand *memory = &at->insn.memory;
    if (memory->base != REG_NONE || memory->index != REG_NONE)
        return 0;
    u64 next = memory->rip_relative ? tr_rip_after(t, (u32)(at - t->cluster->at)) : 0;
    return ((u64)memory->displacement + next) & PAGE_MASK;
}

/*
 * What is no device's is reached by lines for eight bytes, whatever its size. A return that goes elsewhere than it went
 * before has read the stack, and is left to the guest, which reads it again: the stack is for lines only in RAM.
 */
static struct code_line_key key_of(const struct translator *t, const struct cluster_insn *at)
{
    const struct memory_operand *memory = &at->insn.memory;
    bool trapped = at->role == ROLE_WEAK;
    if (is_on_stack(at))
        return (struct code_line_key){RSP, REG_NONE, 8, REACH_RAM | (pushes(&at->insn) ? REACH_WRITE : 0), SEG_DS, 0};
    return (struct code_line_key){
        .base = memory->base,
        .index = memory->index,
        .size = trapped ? (u8)tr_memory_size(&at->insn) : 8,
        .kind = (u8)((translate_writes_memory(&at->insn) ? REACH_WRITE : 0) | (trapped ? REACH_TRAPPED : 0) |
                     (memory->base == RSP && !trapped ? REACH_RAM : 0)),
        .segment = segment_of(memory),
        .page = page_of(t, at),
    };
}

/* Where a call or jump by what stands in memory reads it: twice, if it does not go where it went before. */
static struct code_line_key target_key_of(const struct translator *t, const struct cluster_insn *at)
{
    const struct memory_operand *memory = &at->insn.memory;
    return (struct code_line_key){memory->base, memory->index, 8, REACH_RAM, segment_of(memory), page_of(t, at)};
}

static bool same_line(const struct code_line_key *a, const struct code_line_key *b)
{
    return a->base == b->base && a->index == b->index && a->size == b->size && a->kind == b->kind &&
           a->segment == b->segment && a->page == b->page;
}

static u32 find_line(struct translator *t, struct code_line_key key)
{
    u32 kin = NO_LINE;
    for (u32 i = 0; i < t->lines; i++) {
        const struct code_line_key *one = &t->line_key[i];
        if (same_line(one, &key))
            return i;
        if (one->size == key.size && one->kind == key.kind && one->segment == key.segment)
            kin = i;
    }
    if (t->lines == CODE_LINES)
        return kin;
    t->line_key[t->lines] = key;
    return t->lines++;
}

/*
 * The line for this operand: that of an earlier one that looks the same, or a new one. When all are taken, one that is
 * for the same size, kind of access and segment will do; NO_LINE: there is none. Looked up once for each instruction.
 */
u32 tr_line_for(struct translator *t, const struct cluster_insn *at)
{
    u8 *line = &t->line_of[at - t->cluster->at];
    if (*line == LINE_UNKNOWN)
        *line = (u8)find_line(t, key_of(t, at));
    return *line;
}

u32 tr_target_line_for(struct translator *t, const struct cluster_insn *at)
{
    return find_line(t, target_key_of(t, at));
}

/* A register that can be lent to such an instruction for its operand's address: rather the one that is lent. */
static u32 scratch_for(const struct translator *t, const struct insn *insn)
{
    u32 used = tr_registers_of(insn);
    if (t->lent != NOT_LENT && !(used >> t->lent & 1))
        return t->lent;
    return used & 1u << RBX ? RSI : RBX;
}

/*
 * A register that was lent stays so until somebody needs the guest's value, since the next operand mostly needs one as
 * well. At labels none is lent.
 */
void tr_give_back(struct translator *t)
{
    if (t->lent != NOT_LENT)
        emit_slot(&t->e, SLOT_LOAD, t->lent, SLOT(frame.save));
    t->lent = NOT_LENT;
}

/* For an operand whose address has `base` and `index`: what is lent already has the guest's value again for it. */
static void lend(struct translator *t, u32 reg, u32 base, u32 index)
{
    if (t->lent == reg && (base == reg || index == reg))
        emit_slot(&t->e, SLOT_LOAD, reg, SLOT(frame.save));
    if (t->lent == reg)
        return;
    tr_give_back(t);
    emit_slot(&t->e, SLOT_STORE, reg, SLOT(frame.save));
    t->lent = reg;
}

/* AND RBX or RSI, PAGE_MASK */
static void emit_page_of(struct emitter *e, u32 reg)
{
    emit_code(e, 0xe08148 | reg << 16 | PAGE_MASK << 24, 7);
}

static void emit_address(struct translator *t, u32 index, u32 scratch)
{
    const struct insn *insn = &t->cluster->at[index].insn;
    u32 base = insn->memory.base;
    if (base == RSP) {
        emit_slot(&t->e, SLOT_LOAD, scratch, GPR_SLOT(RSP));
        base = scratch;
    }
    emit_lea(&t->e, scratch, 8, insn, base, tr_rip_after(t, index));
}

/*
 * The scratch register becomes the operand's host address, and is lent from then on. Where the line does not reach and
 * cannot be made to: `otherwise`. The flags are saved; what comes next is the access, then tr_line_end().
 */
static struct line_use begin_line(struct translator *t, u32 index, enum later_kind otherwise, u32 line, bool on_stack)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    struct emitter *e = &t->e;
    struct line_use use = {.scratch = scratch_for(t, &at->insn)};
    const struct code_line *line_at = &t->line_table->line[line];
    t->failed |= line == NO_LINE; /* carry() has asked */
    tr_flags_save(t);
    if (on_stack && pushes(&at->insn))
        emit_slot_add8(e, GPR_SLOT(RSP), -8); /* taken back where it is not pushed here: tr_emit_reach() */
    lend(t, use.scratch, on_stack ? REG_NONE : at->insn.memory.base, on_stack ? REG_NONE : at->insn.memory.index);
    use.back = e->at;
    if (on_stack)
        emit_slot(e, SLOT_LOAD, use.scratch, GPR_SLOT(RSP));
    else
        emit_address(t, index, use.scratch);
    emit_word(e, SLOT_SUB, use.scratch, &line_at->linear);
    emit_word(e, SLOT_CMP, use.scratch, &line_at->limit);
    use.later = tr_later(t, otherwise, emit_jcc(e, CC_AE));
    emit_word(e, SLOT_ADD, use.scratch, &line_at->host);
    use.later->index = (u16)index;
    use.later->scratch = (u8)use.scratch;
    use.later->line = (u8)line;
    use.later->back = use.back;
    use.later->rip = at->rip;
    use.later->pushes = on_stack && pushes(&at->insn);
    return use;
}

struct line_use tr_line_begin(struct translator *t, u32 index, enum later_kind otherwise)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    return begin_line(t, index, otherwise, tr_line_for(t, at), is_on_stack(at));
}

/* The same for tr_target_line_for(). */
struct line_use tr_target_line_begin(struct translator *t, u32 index, enum later_kind otherwise)
{
    return begin_line(t, index, otherwise, tr_target_line_for(t, &t->cluster->at[index]), false);
}

/* The instruction is done. */
void tr_line_end(struct translator *t, const struct line_use *use)
{
    use->later->after = (u8)t->flags;
    use->later->past = t->e.at;
}

void tr_memory_through_line(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    const struct insn *insn = &at->insn;
    struct line_use use = tr_line_begin(t, index, LATER_REACH);
    tr_flags_before(t, insn);
    tr_emit_with_memory(t, insn, use.scratch, 0);
    tr_flags_after(t, insn);
    if (at->role != ROLE_FILLER)
        tr_count_avoided(t, at);
    tr_line_end(t, &use);
}

struct code_reach tr_line_asks(const struct translator *t, u32 line)
{
    const struct code_line_key *key = &t->line_key[line];
    return (struct code_reach){.line = (u8)line, .size = key->size, .segment = key->segment, .kind = key->kind};
}

/* Where the address of what sees to it is. */
static u32 slot_of_reach(const struct code_reach *request)
{
    bool write = request->kind & REACH_WRITE, rsi = request->kind & REACH_BY_RSI;
    if (request->kind & REACH_TRAPPED || request->segment != SEG_DS || request->size != 8)
        return SLOT(frame.reach);
    return SLOT(frame.reach_plain) + (2 * write + rsi) * (u32)sizeof(void *);
}

/* The line does not reach: walk; and where that does not help either, the interpreter performs the instruction. */
void tr_emit_reach(struct translator *t, const struct later *l)
{
    struct emitter *e = &t->e;
    struct code_reach request = tr_line_asks(t, l->line);
    u32 word;
    if (l->scratch == RSI)
        request.kind |= REACH_BY_RSI;
    memcpy(&word, &request, sizeof(word));
    emit_slot_unary(e, SLOT_CALL, slot_of_reach(&request));
    emit32(e, word);
    emit32(e, (u64)t->line_table);
    emit_jcc_back(e, CC_NE, l->back);
    if (l->pushes)
        emit_slot_add8(e, GPR_SLOT(RSP), 8);
    if (l->kind == LATER_REACH_OR_LEAVE) {
        tr_leave_now(t, l->flags, l->rip);
        return;
    }
    tr_perform(t, l->index, l->flags);
    if (l->kind == LATER_REACH_AND_LEAVE) {
        tr_leave_here(t);
        return;
    }
    /* It has put the flags into the slot and into v->rflags. */
    if (l->after & FLAGS_IN_MACHINE) {
        emit_slot_unary(e, SLOT_PUSH, SLOT(frame.flags));
        emit8(e, 0x9d);
    }
    emit_jump_back(e, l->past);
}

/*
 * The first instruction at a LAPIC register that the exit proved. RAX, RCX and RDX are in v->gpr as well (alone: only
 * there), so one of them can be had without saving it.
 */
bool tr_register_access(struct translator *t)
{
    const struct insn *insn = &t->cluster->at[0].insn;
    struct emitter *e = &t->e;
    u32 used = tr_registers_of(insn), size = tr_memory_size(insn);
    u32 scratch = !(used & 1u << RCX) ? RCX : !(used & 1u << RDX) ? RDX : RAX;
    bool alone = t->request->alone;
    u64 at = (u64)t->request->register_at;
    if (used & 1u << scratch)
        return false;
    for (u32 reg = RAX; alone && reg <= RDX; reg++)
        if (used & 1u << reg)
            emit_slot(e, SLOT_LOAD, reg, GPR_SLOT(reg));
    emit_constant(e, scratch, at & ~3ull);
    if (size < 4) {
        emit8(e, 0x8b); /* MOV r32, [scratch] */
        emit_base(e, scratch, scratch, 0);
        emit_slot(e, SLOT_STORE, scratch, SLOT(frame.bounce));
        tr_flags_before(t, insn);
        tr_emit_with_memory(t, insn, RSP, SLOT(frame.bounce) + (at & 3));
    } else {
        tr_flags_before(t, insn);
        tr_emit_with_memory(t, insn, scratch, 0);
    }
    tr_flags_after(t, insn);
    for (u32 reg = RAX; alone && reg <= RDX; reg++)
        if (used & 1u << reg)
            emit_slot(e, SLOT_STORE, reg, GPR_SLOT(reg));
    if (!alone)
        emit_slot(e, SLOT_LOAD, scratch, GPR_SLOT(scratch));
    return true;
}

/* What is known when it is entered. */
static void prime_with_exit(struct emitter *e, u32 scratch, const struct code_line *line)
{
    emit_slot(e, SLOT_LOAD, scratch, SLOT(frame.exit_limit));
    emit_word(e, SLOT_STORE, scratch, &line->limit);
    emit_slot(e, SLOT_LOAD, scratch, SLOT(frame.exit_host));
    emit_word(e, SLOT_STORE, scratch, &line->host);
}

/* What is known now. */
static void prime_with_constants(struct translator *t, u32 scratch, const struct code_line *line)
{
    struct emitter *e = &t->e;
    bool one_register = t->request->register_at;
    emit_word_set(e, &line->limit, one_register ? 1 : PAGE_SIZE - tr_memory_size(&tr_entry_of(t)->insn) + 1);
    emit_constant(e, scratch, (u64)(one_register ? t->request->register_at : t->request->page_at));
    emit_word(e, SLOT_STORE, scratch, &line->host);
}

/* The exit has proved where the entry's line leads; the line itself sees to an operand over two pages. */
void tr_prime_line(struct translator *t)
{
    const struct cluster_insn *at = tr_entry_of(t);
    struct emitter *e = &t->e;
    const struct code_line *line = &t->line_table->line[tr_line_for(t, at)];
    u32 scratch = scratch_for(t, &at->insn);
    emit_slot(e, SLOT_STORE, scratch, SLOT(frame.save));
    emit_address(t, t->cluster->entry, scratch);
    if (t->request->page_at)
        emit_page_of(e, scratch);
    emit_word(e, SLOT_STORE, scratch, &line->linear);
    if (t->request->any_register)
        prime_with_exit(e, scratch, line);
    else
        prime_with_constants(t, scratch, line);
    emit_slot(e, SLOT_LOAD, scratch, SLOT(frame.save));
}
