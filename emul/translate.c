/* SPDX-License-Identifier: BSD-2-Clause */
/* A cluster, instruction by instruction; then the code that stands out of the straight way. */
#include "emul/translate.h"

#include "emul/translator.h"
#include "lib/string.h"

/* Whether code for it jumps: what is jumped to has the flags in the slot. */
static bool goes_elsewhere(const struct cluster *cluster, u32 index)
{
    const struct cluster_insn *at = &cluster->at[index];
    return (at->carry >= CARRY_CALL && at->carry <= CARRY_COMPUTED) || at->carry == CARRY_JUMP || tr_flows(at) ||
           (at->next != (int)index + 1 && index + 1 != cluster->count);
}

/* The slot is filled where flags are touched at all. */
static bool touches_flags(const struct cluster *cluster)
{
    for (u32 i = 0; i < cluster->count; i++)
        if (goes_elsewhere(cluster, i) || tr_flags_use(&cluster->at[i].insn) != FLAGS_UNTOUCHED)
            return true;
    return false;
}

/* RDTSC; SHL RDX, 32; OR RAX, RDX */
static const u8 rdtsc_to_rax[] = {0x0f, 0x31, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0};

/* As they were at the end of an earlier run, or empty; what enter() fills needs neither. RAX, RCX, RDX are changed. */
static void open_lines(struct translator *t)
{
    if (!t->kept)
        return;
    emit_constant(&t->e, RDX, (u64)t->kept);
    emit_code(&t->e, 0x52ff | (u32)offsetof(struct kept_lines, open) << 16, 3); /* CALL [RDX + open] */
}

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
    if (t->writes_rsp) {
        emit_slot32_or(e, SLOT(have), PART_RSP);
        emit_slot32_or(e, SLOT(dirty), PART_RSP);
    }
    open_lines(t);
    if (tr_entry_of(t)->joins)
        tr_count(t, tr_entry_of(t), 1);
    if (t->loops) {
        emit_slot32_set(e, SLOT(frame.rounds), t->rounds);
        emit_bytes(e, rdtsc_to_rax, sizeof(rdtsc_to_rax));
        emit_slot(e, SLOT_ADD, RAX, SLOT(frame.budget));
        emit_slot32_test(e, SLOT(rflags), RFLAGS_IF);
        struct fixup32 interrupts = emit_jcc(e, CC_NE);
        emit_slot(e, SLOT_ADD, RAX, SLOT(frame.more_budget));
        emit_bind(e, interrupts);
        emit_slot(e, SLOT_STORE, RAX, SLOT(frame.deadline));
    }
    if (t->weak_loops)
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

/* Where FS and GS begin the code does not know: an offset there says nothing of its page. */
static bool primes_line(struct translator *t)
{
    const struct cluster_insn *at = tr_entry_of(t);
    bool based = at->insn.memory.segment == SEG_FS || at->insn.memory.segment == SEG_GS;
    bool one_register = (t->request->register_at || t->request->any_register) && tr_memory_size(&at->insn) == 4;
    bool simple = (t->request->page_at && !based) || one_register;
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
    tr_jump_ahead(t, t->cluster->entry);
    t->flags = FLAGS_IN_SLOT;
}

/* The guest's TSC and IA32_TSC_AUX are the machine's. */
static void time_stamp(struct translator *t, const struct insn *insn)
{
    static const u8 rdtsc[] = {0x0f, 0x31}, rdtscp[] = {0x0f, 0x01, 0xf9};
    if (insn->op == OP_RDTSC)
        emit_bytes(&t->e, rdtsc, sizeof(rdtsc));
    else
        emit_bytes(&t->e, rdtscp, sizeof(rdtscp));
}

static void registers_only(struct translator *t, u32 index)
{
    static const u8 pause[] = {0xf3, 0x90};
    const struct insn *insn = &t->cluster->at[index].insn;
    tr_flags_before(t, insn);
    if (insn->op == OP_LEA)
        emit_lea(&t->e, insn->operand[0].reg, insn->operand_size, insn, insn->memory.base, tr_rip_after(t, index));
    else if (insn->op == OP_RDTSC || insn->op == OP_RDTSCP)
        time_stamp(t, insn);
    else if (insn->op == OP_PAUSE)
        emit_bytes(&t->e, pause, sizeof(pause));
    else if (insn->op != OP_NOP)
        tr_emit_as_it_is(t, insn);
    tr_flags_after(t, insn);
}

/* Whatever needs a line, and has one. */
static bool through_line(struct translator *t, u32 index)
{
    if (!t->request->alone && tr_line_for(t, &t->cluster->at[index]) != NO_LINE)
        return true;
    return false;
}

static void perform_instead(struct translator *t, u32 index)
{
    t->failed |= t->request->alone || t->cluster->at[index].carry == CARRY_NOT;
    tr_flags_save(t);
    tr_perform(t, index, t->flags);
    t->flags = FLAGS_IN_VCPU | FLAGS_IN_SLOT;
}

static void memory(struct translator *t, u32 index)
{
    if (is_proved(t, index) && tr_register_access(t))
        return;
    if (through_line(t, index))
        tr_memory_through_line(t, index);
    else
        perform_instead(t, index);
}

/* All but the way to the next instruction. */
static void carry(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    t->failed |= at->carry <= CARRY_MEMORY && tr_registers_of(&at->insn) & 1u << RSP;
    switch (at->carry) {
    case CARRY_REGISTERS:
        registers_only(t, index);
        break;
    case CARRY_MEMORY:
        memory(t, index);
        break;
    case CARRY_PORT:
        tr_port(t, index);
        break;
    case CARRY_DEBUG:
        tr_debug_register(t, index);
        break;
    case CARRY_RSP:
        tr_rsp(t, index);
        break;
    case CARRY_STACK:
        if (through_line(t, index))
            tr_stack(t, index);
        else
            perform_instead(t, index);
        break;
    default:
        perform_instead(t, index);
        break;
    }
}

/* A set by BIT(), those of an address among them. */
static u32 named_registers(const struct insn *insn)
{
    u32 set = tr_registers_of(insn), base = insn->memory.base, index = insn->memory.index;
    return set | (base < GPR_COUNT ? 1u << base : 0) | (index < GPR_COUNT ? 1u << index : 0);
}

/* Whether a register that is lent is of no concern here, or will be given back where it is. */
static bool may_stay_lent(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    u32 by_line = 1u << CARRY_MEMORY | 1u << CARRY_STACK | 1u << CARRY_RET;
    if (t->lent == NOT_LENT || at->carry == CARRY_JUMP)
        return true;
    if (at->carry == CARRY_REGISTERS || at->carry == CARRY_CALL)
        return !(named_registers(&at->insn) >> t->lent & 1);
    return by_line >> at->carry & 1 && through_line(t, index);
}

/* With the ways out of it. */
static void carry_and_go_on(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    if (at->joins)
        tr_label_here(t, index);
    if (!may_stay_lent(t, index))
        tr_give_back(t);
    switch (at->carry) {
    case CARRY_JUMP:
        tr_jump(t, index);
        return;
    case CARRY_CALL:
        tr_call(t, index);
        return;
    case CARRY_RET:
        tr_return(t, index);
        return;
    case CARRY_COMPUTED:
        tr_computed(t, index);
        return;
    default:
        carry(t, index);
        break;
    }
    if (tr_flows(at))
        tr_performed_flow(t, index);
    else
        tr_go_on(t, index);
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

static void emit_later(struct translator *t)
{
    for (u32 i = 0; i < t->later_count && !t->failed; i++) {
        slices_pause(t->request->slices);
        const struct later *l = &t->later[i];
        emit_bind(&t->e, l->from);
        switch (l->kind) {
        case LATER_LEAVE:
            t->lent = l->lent;
            tr_give_back(t);
            if (l->side)
                tr_leave_aside(t, l->index, l->flags, l->rip);
            else
                tr_leave_now(t, l->flags, l->rip);
            break;
        case LATER_LEAVE_HERE:
            tr_leave_here(t);
            break;
        case LATER_REACH:
        case LATER_REACH_OR_LEAVE:
        case LATER_REACH_AND_LEAVE:
            tr_emit_reach(t, l);
            break;
        case LATER_TIME:
            emit_time(t, l);
            break;
        default:
            tr_perform(t, l->index, l->flags);
            emit_jump_back(&t->e, l->past);
            break;
        }
    }
}

/* How often the interpreter may have to perform it: all of it but what is surely machine code. */
static u32 times_performed(u8 carry)
{
    static const u8 times[] = {
        [CARRY_PERFORM] = 1,  [CARRY_MEMORY] = 1,
        [CARRY_STACK] = 1,    [CARRY_PORT] = 2, /* the console's port, and another one: at_any_port() */
        [CARRY_CALL] = 1,                       /* and by each way */
        [CARRY_COMPUTED] = 1,
    };
    return times[carry];
}

static bool reads_target(const struct cluster_insn *at)
{
    return (at->carry == CARRY_CALL || at->carry == CARRY_COMPUTED) && at->insn.operand[0].kind == OPERAND_MEMORY;
}

/* What is reached by a line, which is looked for here so that begin() knows how many there are. */
static bool finds_line(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    u32 by_line = 1u << CARRY_MEMORY | 1u << CARRY_STACK | 1u << CARRY_CALL | 1u << CARRY_RET;
    bool by_target = reads_target(at),
         line = by_line >> at->carry & 1 && !(at->carry == CARRY_MEMORY && is_proved(t, index));
    if (line)
        tr_line_for(t, at);
    if (by_target)
        tr_target_line_for(t, at);
    return line || by_target;
}

/* What begin() has to know of all instructions. */
static void look_over(struct translator *t)
{
    u32 on_stack = 1u << CARRY_STACK | 1u << CARRY_CALL | 1u << CARRY_RET;
    u32 dirty = 1u << CARRY_PERFORM | 1u << CARRY_DEBUG | (t->request->alone ? 0 : 1u << CARRY_PORT);
    t->performed_max = t->cluster->ways;
    for (u32 i = 0; i < t->cluster->count; i++) {
        const struct cluster_insn *at = &t->cluster->at[i];
        t->performed_max += times_performed(at->carry);
        t->loops |= at->loops && !at->weak;
        t->weak_loops |= at->loops && at->weak;
        t->writes_rsp |= on_stack >> at->carry & 1 || (at->carry == CARRY_RSP && at->insn.operand[0].reg == RSP);
        t->dirties |= finds_line(t, i) || dirty >> at->carry & 1;
        slices_pause(t->request->slices);
    }
    t->dirties |= t->writes_rsp;
}

bool translate_uses_rsp(const struct cluster_insn *at)
{
    return at->carry == CARRY_STACK || at->carry == CARRY_CALL || at->carry == CARRY_RET || at->carry == CARRY_RSP ||
           ((at->carry == CARRY_MEMORY || reads_target(at)) && at->insn.memory.base == RSP);
}

static u32 size_of_lines(struct translator *t)
{
    if (t->lines > primes_line(t))
        return kept_lines_size(t->lines);
    return t->lines ? (u32)(sizeof(struct code_lines) + t->lines * sizeof(struct code_line)) : 0;
}

/* They stand in size_of_lines() bytes at `room`. What the exit proves is filled at each use. */
static void place_lines(struct translator *t, void *room)
{
    struct kept_lines *kept = room;
    u32 proved = primes_line(t) ? tr_line_for(t, tr_entry_of(t)) : NO_LINE;
    t->line_table = room;
    if (t->lines <= primes_line(t))
        return;
    t->kept = kept;
    t->line_table = &kept->lines;
    kept_lines_init(kept, t->lines, t->request->keep_after);
    for (u32 i = 0; i < t->lines; i++) {
        struct code_reach asked = tr_line_asks(t, i);
        asked.size = i == proved ? 0 : asked.size;
        kept_lines_asked(kept)[i] = asked;
    }
}

u32 translate(const struct translate_request *request, u8 *room, u32 *entry, struct kept_lines **kept_lines)
{
    static struct translator scratch; /* one CPU translates at a time */
    struct translator *t = &scratch;
    memset(t, 0, offsetof(struct translator, jump));
    t->request = request;
    t->cluster = request->cluster;
    t->lent = NOT_LENT;
    memset(t->line_of, LINE_UNKNOWN, t->cluster->count);
    look_over(t);
    u32 lines = request->head + t->performed_max * (u32)sizeof(struct performed);
    u32 head = (u32)align_up(lines + size_of_lines(t), 64); /* what is written at each use is in other cache lines */
    if (head >= TC_PIECE_MAX)
        return 0;
    t->e = (struct emitter){.at = room + head, .end = room + TC_PIECE_MAX};
    t->avoided = (u64 *)room;
    t->performed = (struct performed *)(room + request->head);
    place_lines(t, room + lines);
    *entry = head;
    *kept_lines = t->kept;
    t->rounds = TRANSLATE_TIME_EVERY > t->cluster->exiting ? TRANSLATE_TIME_EVERY / t->cluster->exiting : 1;
    begin(t);
    enter(t);
    for (u32 i = 0; i < t->cluster->count; i++) {
        carry_and_go_on(t, i);
        slices_pause(t->request->slices);
    }
    emit_later(t);
    return t->failed || t->e.full ? 0 : (u32)(t->e.at - room);
}
