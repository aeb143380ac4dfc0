/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/translate.h"

#include "emul/emit.h"
#include "lib/string.h"

#define SLOT(member) ((u32)offsetof(struct vcpu, member))
#define GPR_SLOT(reg) (SLOT(gpr) + 8 * (reg))
#define FLAGS_MASK (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* Places that code jumps to from a place before: at most a few for each instruction. */
#define LATER_MAX (3 * CLUSTER_MAX)

/* Where the guest's status flags are now. Several may be true. */
enum flags_at {
    FLAGS_IN_VCPU = 1,    /* v->rflags */
    FLAGS_IN_SLOT = 2,    /* frame.flags */
    FLAGS_IN_MACHINE = 4, /* RFLAGS */
};

enum later_kind { LATER_LEAVE, LATER_REACH, LATER_TIME, LATER_PERFORMED };

/* Code that stands out of the straight way. */
struct later {
    struct fixup32 from;
    u8 kind;
    u8 flags;              /* enum flags_at: at the jump */
    u8 after;              /* LATER_REACH: what is expected when coming back */
    u8 scratch;            /* LATER_REACH */
    u16 index;             /* of the instruction */
    u64 rip;               /* LATER_LEAVE, LATER_TIME: where the guest goes on */
    const u8 *back, *past; /* where the code comes back to: LATER_REACH, LATER_TIME */
};

struct translator {
    struct emitter e;
    const struct translate_request *request;
    const struct cluster *cluster;
    u32 flags;  /* enum flags_at */
    u32 lines;  /* used */
    u32 rounds; /* of a strong loop between two looks at the time */
    u32 performed_count, later_count, jump_count;
    bool failed;
    bool dirties; /* some instruction may leave something in v->dirty */
    u64 *avoided;
    struct performed *performed;
    const u8 *label[CLUSTER_MAX];
    struct {
        struct fixup32 from;
        u32 to;
    } jump[CLUSTER_MAX]; /* forward, within the cluster */
    struct code_line_key {
        u8 base, index, size, kind;
    } line_key[CODE_LINES];
    struct later later[LATER_MAX];
};

/* How an instruction treats the status flags. */
enum flags_use {
    FLAGS_UNTOUCHED,
    FLAGS_REPLACED, /* all written, none read */
    FLAGS_USED,     /* read, or written in part */
};

static enum flags_use flags_use(const struct insn *insn)
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

/* ---- flags ---- */

/* Before code of our own that changes them. */
static void flags_save(struct translator *t)
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
static void flags_to_slot(struct translator *t)
{
    if (t->flags & FLAGS_IN_SLOT)
        return;
    emit8(&t->e, 0x9c);
    emit_slot_unary(&t->e, SLOT_POP, SLOT(frame.flags));
    t->flags |= FLAGS_IN_SLOT;
}

/* The slot has them from the start where they matter (begin()), so that it is the only place to look. */
static void flags_to_machine(struct translator *t)
{
    if (t->flags & FLAGS_IN_MACHINE)
        return;
    emit_slot_unary(&t->e, SLOT_PUSH, SLOT(frame.flags));
    emit8(&t->e, 0x9d); /* POPF */
    t->flags |= FLAGS_IN_MACHINE;
}

/* What an instruction that is about to be emitted needs, and then what it leaves. */
static void flags_before(struct translator *t, const struct insn *insn)
{
    if (flags_use(insn) == FLAGS_USED)
        flags_to_machine(t);
}

static void flags_after(struct translator *t, const struct insn *insn)
{
    if (flags_use(insn) != FLAGS_UNTOUCHED && !flags_kept(insn))
        t->flags = FLAGS_IN_MACHINE;
}

/* ---- the ways out ---- */

static void leave_now(struct translator *t, u32 flags, u64 rip)
{
    struct emitter *e = &t->e;
    bool in_vcpu = flags & FLAGS_IN_VCPU;
    if (!in_vcpu && !(flags & FLAGS_IN_SLOT)) {
        emit8(e, 0x9c);
        emit_slot_unary(e, SLOT_POP, SLOT(frame.flags));
    }
    if (!t->request->alone) {
        emit_slot(e, SLOT_STORE, RAX, GPR_SLOT(RAX));
        emit_slot(e, SLOT_STORE, RCX, GPR_SLOT(RCX));
        emit_slot(e, SLOT_STORE, RDX, GPR_SLOT(RDX));
    }
    emit_constant(e, RAX, rip);
    u32 end = t->dirties ? SLOT(frame.end_dirty) : SLOT(frame.end);
    emit_slot_unary(e, SLOT_JUMP, in_vcpu ? end : SLOT(frame.end_flags));
}

static struct later *later(struct translator *t, enum later_kind kind, struct fixup32 from)
{
    if (t->later_count == LATER_MAX) {
        t->failed = true;
        return &t->later[0];
    }
    struct later *l = &t->later[t->later_count++];
    *l = (struct later){.from = from, .kind = (u8)kind, .flags = (u8)t->flags};
    return l;
}

static void leave_if(struct translator *t, u32 condition, u64 rip)
{
    later(t, LATER_LEAVE, emit_jcc(&t->e, condition))->rip = rip;
}

/* RIP outside 64-bit code has 32 bits; of 16-bit jumps 16, which the cluster's maker saw to. */
static u64 rip_after(const struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    u64 next = at->rip + at->insn.length;
    return t->cluster->code_size == CODE_64 ? next : (u32)next;
}

/* ---- instructions as they are ---- */

/* Offsets of the last opcode byte and of what follows the memory operand, and what stands before. */
struct layout {
    u32 opcode;  /* of the first opcode byte */
    u32 modrm;   /* of the ModRM byte; where there is none: of what follows the opcode */
    u32 rest;    /* of the immediate */
    u8 rex, rep; /* the prefixes, or 0 */
};

static bool is_legacy_prefix(u8 byte)
{
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
    case 0x66:
    case 0x67:
    case 0xf0:
    case 0xf2:
    case 0xf3:
        return true;
    default:
        return false;
    }
}

static struct layout layout_of(const struct insn *insn)
{
    struct layout l = {0};
    for (;; l.opcode++) {
        u8 byte = insn->bytes[l.opcode];
        bool rex = insn->code_size == CODE_64 && (byte & 0xf0) == 0x40;
        if (!rex && !is_legacy_prefix(byte))
            break;
        l.rex = rex ? byte : 0; /* one that is not right before the opcode is lost */
        if (byte >= 0xf2)
            l.rep = byte;
    }
    static const u8 opcode_bytes[] = {1, 2, 3, 3};
    l.modrm = l.opcode + opcode_bytes[insn->map & 3];
    l.rest = l.modrm;
    if (insn->flags & INSN_MODRM) {
        bool sib = insn->modrm < 0xc0 && (insn->modrm & 7) == 4 && insn->address_size != 2;
        l.rest += 1 + sib + (insn->modrm < 0xc0 ? insn->memory.displacement_size : 0);
    }
    return l;
}

static void emit_prefixes(struct translator *t, const struct insn *insn, const struct layout *l, u8 rex)
{
    bool fence = insn->op >= OP_LFENCE && insn->op <= OP_SFENCE; /* with 66 these are other instructions */
    if (insn->operand_size == 2 && !fence)
        emit8(&t->e, 0x66);
    if (l->rep)
        emit8(&t->e, l->rep);
    if (rex)
        emit8(&t->e, rex);
}

static void emit_as_it_is(struct translator *t, const struct insn *insn)
{
    struct emitter *e = &t->e;
    struct layout l = layout_of(insn);
    emit_prefixes(t, insn, &l, l.rex);
    u8 opcode = insn->bytes[l.opcode];
    if (insn->code_size != CODE_64 && (opcode & 0xf0) == 0x40) { /* INC, DEC: REX prefixes in 64-bit code */
        emit8(e, 0xff);
        emit8(e, 0xc0 | (opcode & 15));
        return;
    }
    if (insn->code_size != CODE_64 && opcode == 0x82 && insn->map == 0) { /* an alias that 64-bit code has not */
        emit8(e, 0x80);
        l.opcode++;
    }
    emit_bytes(e, insn->bytes + l.opcode, insn->length - l.opcode);
}

/* The instruction with [base + displacement] for its memory operand. `base` is one of the low eight. */
static void emit_with_memory(struct translator *t, const struct insn *insn, u32 base, u32 displacement)
{
    struct layout l = layout_of(insn);
    emit_prefixes(t, insn, &l, l.rex & ~3);
    emit_bytes(&t->e, insn->bytes + l.opcode, l.modrm - l.opcode);
    emit_base(&t->e, insn->modrm >> 3 & 7, base, displacement);
    emit_bytes(&t->e, insn->bytes + l.rest, insn->length - l.rest);
}

/* Registers that the instruction reads or writes without being an address: a set by BIT(). */
static u32 registers_of(const struct insn *insn)
{
    u32 set = 0;
    for (u32 i = 0; i < COUNT_OF(insn->operand); i++)
        if (insn->operand[i].kind == OPERAND_GPR)
            set |= 1u << insn->operand[i].reg;
    switch (insn->op) {
    case OP_CMPXCHG:
    case OP_LAHF:
    case OP_SAHF:
    case OP_CBW:
        return set | 1u << RAX;
    case OP_MUL:
    case OP_IMUL:
    case OP_CWD:
        return set | 1u << RAX | 1u << RDX;
    default:
        return set;
    }
}

bool translate_writes_memory(const struct insn *insn)
{
    if (insn->op == OP_XCHG || insn->op == OP_XADD || insn->op == OP_CMPXCHG)
        return true;
    return insn->operand[0].kind == OPERAND_MEMORY && insn->op != OP_CMP && insn->op != OP_TEST && insn->op != OP_BT &&
           insn->op != OP_MUL && insn->op != OP_IMUL;
}

static u32 memory_size(const struct insn *insn)
{
    for (u32 i = 0; i < COUNT_OF(insn->operand); i++)
        if (insn->operand[i].kind == OPERAND_MEMORY)
            return insn->operand[i].size;
    return 0;
}

/* The one that is entered at. */
static const struct cluster_insn *entry_of(const struct translator *t)
{
    return &t->cluster->at[t->cluster->entry];
}

/* The entry is what exited; where a loop comes back to it, begin() has taken that one off. */
static u32 would_be_avoided(const struct translator *t, const struct cluster_insn *at)
{
    return at == entry_of(t) && !at->joins ? WOULD_NOT : at->would;
}

/* ---- performed by the interpreter ---- */

static void perform(struct translator *t, u32 index, u32 flags)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    struct performed *p = &t->performed[t->performed_count++];
    *p = (struct performed){.insn = at->insn,
                            .rip = at->rip,
                            .would = (u8)would_be_avoided(t, at),
                            .flags_in_slot = !(flags & FLAGS_IN_VCPU)};
    emit_slot_set(&t->e, SLOT(frame.performed), (u64)p);
    emit_slot_unary(&t->e, SLOT_CALL, SLOT(frame.perform));
    emit_slot32_compare(&t->e, SLOT(frame.left), 0);
    later(t, LATER_PERFORMED, emit_jcc(&t->e, CC_NE));
}

/* ---- memory ---- */

#define NO_LINE CODE_LINES

/*
 * The line for this operand: that of an earlier one that looks the same, or a new one. When all are taken, one that is
 * for the same size and kind of access will do; NO_LINE: there is none.
 */
static u32 line_for(struct translator *t, const struct cluster_insn *at)
{
    const struct memory_operand *memory = &at->insn.memory;
    struct code_line_key key = {memory->base, memory->index, (u8)memory_size(&at->insn),
                                (u8)(translate_writes_memory(&at->insn) << 1 | (at->role == ROLE_WEAK))};
    u32 kin = NO_LINE;
    for (u32 i = 0; i < t->lines; i++) {
        if (!memcmp(&t->line_key[i], &key, sizeof(key)))
            return i;
        if (t->line_key[i].size == key.size && t->line_key[i].kind == key.kind)
            kin = i;
    }
    if (t->lines == CODE_LINES)
        return kin;
    t->line_key[t->lines] = key;
    return t->lines++;
}

/* A register that can be lent to such an instruction for its operand's address. */
static u32 scratch_for(const struct insn *insn)
{
    return registers_of(insn) & 1u << RBX ? RSI : RBX;
}

/* AND RBX or RSI, PAGE_MASK */
static void emit_page_of(struct emitter *e, u32 reg)
{
    emit8(e, 0x48);
    emit8(e, 0x81);
    emit8(e, 0xe0 | reg);
    emit32(e, PAGE_MASK);
}

static void emit_address(struct translator *t, u32 index, u32 scratch)
{
    const struct insn *insn = &t->cluster->at[index].insn;
    u32 base = insn->memory.base;
    if (base == RSP) {
        emit_slot(&t->e, SLOT_LOAD, scratch, GPR_SLOT(RSP));
        base = scratch;
    }
    emit_lea(&t->e, scratch, 8, insn, base, rip_after(t, index));
}

/* INC or DEC of the count for its kind of exit, at the start of the piece: an address of 32 bits. */
static void count(struct translator *t, const struct cluster_insn *at, u32 extension)
{
    static const u8 rex_group5[] = {0x48, 0xff};
    emit_bytes(&t->e, rex_group5, sizeof(rex_group5));
    emit8(&t->e, extension << 3 | 4);
    emit8(&t->e, 0x25);
    emit32(&t->e, (u64)&t->avoided[at->would]);
}

static void count_avoided(struct translator *t, const struct cluster_insn *at)
{
    if (!would_be_avoided(t, at))
        return;
    flags_save(t);
    count(t, at, 0);
}

static u32 line_slot(u32 line)
{
    return SLOT(frame.line) + line * (u32)sizeof(struct code_line);
}

static void memory_through_line(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    const struct insn *insn = &at->insn;
    struct emitter *e = &t->e;
    u32 scratch = scratch_for(insn), line = line_for(t, at);
    flags_save(t);
    emit_slot(e, SLOT_STORE, scratch, SLOT(frame.save));
    const u8 *back = e->at;
    emit_address(t, index, scratch);
    emit_slot(e, SLOT_SUB, scratch, line_slot(line) + (u32)offsetof(struct code_line, linear));
    emit_slot(e, SLOT_CMP, scratch, line_slot(line) + (u32)offsetof(struct code_line, limit));
    struct later *l = later(t, LATER_REACH, emit_jcc(e, CC_AE));
    emit_slot(e, SLOT_ADD, scratch, line_slot(line) + (u32)offsetof(struct code_line, host));
    flags_before(t, insn);
    emit_with_memory(t, insn, scratch, 0);
    flags_after(t, insn);
    emit_slot(e, SLOT_LOAD, scratch, SLOT(frame.save));
    if (at->role != ROLE_FILLER)
        count_avoided(t, at);
    l->index = (u16)index;
    l->scratch = (u8)scratch;
    l->after = (u8)t->flags;
    l->back = back;
    l->past = e->at;
    l->rip = line;
}

/* The line does not reach: walk; and where that does not help either, the interpreter performs the instruction. */
static void emit_reach(struct translator *t, const struct later *l)
{
    struct emitter *e = &t->e;
    const struct cluster_insn *at = &t->cluster->at[l->index];
    struct code_reach request = {
        .line = (u8)l->rip,
        .size = (u8)memory_size(&at->insn),
        .write = translate_writes_memory(&at->insn),
        .trapped = at->role != ROLE_FILLER,
    };
    u32 word;
    memcpy(&word, &request, sizeof(word));
    emit_slot(e, SLOT_ADD, l->scratch, line_slot(request.line) + (u32)offsetof(struct code_line, linear));
    emit_slot(e, SLOT_STORE, l->scratch, SLOT(frame.linear));
    emit_slot(e, SLOT_LOAD, l->scratch, SLOT(frame.save));
    emit_slot32_set(e, SLOT(frame.request), word);
    emit_slot_unary(e, SLOT_CALL, SLOT(frame.reach));
    emit_slot32_compare(e, line_slot(request.line) + (u32)offsetof(struct code_line, limit), 0);
    emit_jcc_back(e, CC_NE, l->back);
    perform(t, l->index, l->flags);
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
static bool register_access(struct translator *t)
{
    const struct insn *insn = &t->cluster->at[0].insn;
    struct emitter *e = &t->e;
    u32 used = registers_of(insn), size = memory_size(insn);
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
        flags_before(t, insn);
        emit_with_memory(t, insn, RSP, SLOT(frame.bounce) + (at & 3));
    } else {
        flags_before(t, insn);
        emit_with_memory(t, insn, scratch, 0);
    }
    flags_after(t, insn);
    for (u32 reg = RAX; alone && reg <= RDX; reg++)
        if (used & 1u << reg)
            emit_slot(e, SLOT_STORE, reg, GPR_SLOT(reg));
    if (!alone)
        emit_slot(e, SLOT_LOAD, scratch, GPR_SLOT(scratch));
    return true;
}

/* ---- ports, debug registers ---- */

static u32 port_size(const struct insn *insn)
{
    return insn->operand[insn->op == OP_IN ? 0 : 1].size;
}

/* The entry's port is what the exit said; DX of others is looked at. */
static void port(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    const struct insn *insn = &at->insn;
    struct emitter *e = &t->e;
    bool alone = t->request->alone, by_dx = insn->operand[insn->op == OP_IN ? 1 : 0].kind == OPERAND_GPR;
    if (alone) {
        emit_slot(e, SLOT_LOAD, RAX, GPR_SLOT(RAX));
        if (by_dx)
            emit_slot(e, SLOT_LOAD, RDX, GPR_SLOT(RDX));
    } else if (by_dx && (at != entry_of(t) || at->joins)) {
        flags_save(t);
        emit8(e, 0x66); /* CMP DX, port */
        emit8(e, 0x81);
        emit8(e, 0xfa);
        emit16(e, (u32)at->page);
        leave_if(t, CC_NE, at->rip);
    }
    if (port_size(insn) == 2)
        emit8(e, 0x66);
    struct layout l = layout_of(insn);
    emit_bytes(e, insn->bytes + l.opcode, insn->length - l.opcode);
    if (alone && insn->op == OP_IN)
        emit_slot(e, SLOT_STORE, RAX, GPR_SLOT(RAX));
    if (!alone)
        count_avoided(t, at);
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
    leave_if(t, CC_NE, rip);
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
static void debug_register(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    const struct insn *insn = &at->insn;
    bool from = insn->operand[1].kind == OPERAND_DR;
    u32 reg = insn->operand[from ? 0 : 1].reg, number = insn->operand[from ? 1 : 0].reg;
    struct emitter *e = &t->e;
    flags_save(t);
    if (!from)
        cut_register(t, reg);
    if (!from && number >= 6) {
        emit_slot(e, SLOT_STORE, reg, SLOT(frame.linear));
        emit_slot32_compare(e, SLOT(frame.linear) + 4, 0);
        leave_if(t, CC_NE, at->rip);
    }
    if (number != 7)
        emit_move_dr(e, from ? 0x21 : 0x23, number, reg);
    else if (from)
        emit_slot(e, SLOT_LOAD, reg, SLOT(dr7));
    else
        write_dr7(t, reg, at->rip);
    if (from)
        cut_register(t, reg);
    count_avoided(t, at);
}

/* ---- control flow ---- */

static void to_target(struct translator *t, u32 index, struct fixup32 from)
{
    t->jump[t->jump_count].from = from;
    t->jump[t->jump_count++].to = (u32)t->cluster->at[index].target;
}

/* The backedge is taken: goes on there unless it is time to leave. */
static void go_back(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    const struct cluster_insn *target = &t->cluster->at[at->target];
    struct emitter *e = &t->e;
    emit_slot32_decrement(e, at->weak ? SLOT(frame.weak_rounds) : SLOT(frame.rounds));
    emit_jcc_back(e, CC_NE, t->label[at->target]);
    t->flags = FLAGS_IN_SLOT;
    struct later *l = later(t, at->weak ? LATER_LEAVE : LATER_TIME, emit_jump(e));
    l->rip = target->rip;
    l->back = t->label[at->target];
}

/* Count register minus one, of the address size; the flags are in the slot. */
static void decrement_count(struct emitter *e, u32 address_size)
{
    if (address_size == 2)
        emit8(e, 0x66);
    if (address_size == 8)
        emit8(e, 0x48);
    emit8(e, 0xff);
    emit8(e, 0xc9);
}

static void test_count(struct emitter *e, u32 address_size)
{
    if (address_size == 2)
        emit8(e, 0x66);
    if (address_size == 8)
        emit8(e, 0x48);
    emit8(e, 0x85);
    emit8(e, 0xc9);
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
    u64 target = rip_after(t, index) + (u64)insn->immediate;
    if (t->cluster->code_size == CODE_64)
        return target;
    return insn->operand_size == 2 ? (u16)target : (u32)target;
}

static void jump(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    struct fixup32 not_taken[2];
    flags_to_slot(t);
    if (at->insn.op == OP_JCC)
        flags_to_machine(t);
    u32 flags = t->flags;
    u32 count = jump_not_taken(t, &at->insn, not_taken);
    if (at->insn.op != OP_JCC)
        flags &= ~(u32)FLAGS_IN_MACHINE;
    t->flags = FLAGS_IN_SLOT;
    if (at->target == CLUSTER_OUT)
        later(t, LATER_LEAVE, emit_jump(&t->e))->rip = jump_target(t, index);
    else if (at->loops)
        go_back(t, index);
    else
        to_target(t, index, emit_jump(&t->e));
    for (u32 i = 0; i < count; i++)
        emit_bind(&t->e, not_taken[i]);
    t->flags = flags;
}

/* Every jump has them in the slot, and only there for sure. */
static void label_here(struct translator *t, u32 index)
{
    flags_to_slot(t);
    t->flags = FLAGS_IN_SLOT;
    t->label[index] = t->e.at;
    for (u32 i = 0; i < t->jump_count; i++)
        if (t->jump[i].to == index)
            emit_bind(&t->e, t->jump[i].from);
}

/* ---- the whole ---- */

/* The slot is filled where flags are touched at all. */
static bool touches_flags(const struct cluster *cluster)
{
    for (u32 i = 0; i < cluster->count; i++)
        if (cluster->at[i].carry == CARRY_JUMP || flags_use(&cluster->at[i].insn) != FLAGS_UNTOUCHED)
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
        emit_slot_set(e, line_slot(i) + (u32)offsetof(struct code_line, limit), 0);
    if (entry_of(t)->joins)
        count(t, entry_of(t), 1);
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

/* The exit has proved where the entry's line leads; the line itself sees to an operand over two pages. */
static void prime_line(struct translator *t)
{
    const struct cluster_insn *at = entry_of(t);
    struct emitter *e = &t->e;
    bool one_register = t->request->register_at;
    u32 scratch = scratch_for(&at->insn), line = line_slot(line_for(t, at));
    u64 limit = one_register ? 1 : PAGE_SIZE - memory_size(&at->insn) + 1;
    emit_slot(e, SLOT_STORE, scratch, SLOT(frame.save));
    emit_address(t, t->cluster->entry, scratch);
    if (!one_register)
        emit_page_of(e, scratch);
    emit_slot(e, SLOT_STORE, scratch, line + (u32)offsetof(struct code_line, linear));
    emit_slot_set(e, line + (u32)offsetof(struct code_line, limit), limit);
    emit_constant(e, scratch, (u64)(one_register ? t->request->register_at : t->request->page_at));
    emit_slot(e, SLOT_STORE, scratch, line + (u32)offsetof(struct code_line, host));
    emit_slot(e, SLOT_LOAD, scratch, SLOT(frame.save));
}

static bool primes_line(struct translator *t)
{
    const struct cluster_insn *at = entry_of(t);
    bool simple = t->request->page_at || (t->request->register_at && memory_size(&at->insn) == 4);
    return at->carry == CARRY_MEMORY && at->role == ROLE_WEAK && simple && !t->request->alone &&
           !is_proved(t, t->cluster->entry) && line_for(t, at) != NO_LINE;
}

/* From begin(), past instructions that only a loop comes to. */
static void enter(struct translator *t)
{
    if (primes_line(t))
        prime_line(t);
    if (!t->cluster->entry)
        return;
    t->jump[t->jump_count].from = emit_jump(&t->e);
    t->jump[t->jump_count++].to = t->cluster->entry;
    t->flags = FLAGS_IN_SLOT;
}

static void registers_only(struct translator *t, u32 index)
{
    const struct insn *insn = &t->cluster->at[index].insn;
    flags_before(t, insn);
    if (insn->op == OP_LEA)
        emit_lea(&t->e, insn->operand[0].reg, insn->operand_size, insn, insn->memory.base, rip_after(t, index));
    else if (insn->op != OP_NOP)
        emit_as_it_is(t, insn);
    flags_after(t, insn);
}

static void perform_instead(struct translator *t, u32 index)
{
    t->failed |= t->request->alone || t->cluster->at[index].carry == CARRY_NOT;
    flags_save(t);
    perform(t, index, t->flags);
    t->flags = FLAGS_IN_VCPU | FLAGS_IN_SLOT;
}

static void carry(struct translator *t, u32 index)
{
    const struct cluster_insn *at = &t->cluster->at[index];
    if (at->joins)
        label_here(t, index);
    t->failed |= at->carry <= CARRY_MEMORY && registers_of(&at->insn) & 1u << RSP;
    switch (at->carry) {
    case CARRY_REGISTERS:
        registers_only(t, index);
        break;
    case CARRY_MEMORY:
        if (is_proved(t, index) && register_access(t))
            break;
        if (t->request->alone)
            t->failed = true;
        else if (line_for(t, at) == NO_LINE)
            perform_instead(t, index);
        else
            memory_through_line(t, index);
        break;
    case CARRY_JUMP:
        jump(t, index);
        break;
    case CARRY_PORT:
        port(t, index);
        break;
    case CARRY_DEBUG:
        debug_register(t, index);
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
    leave_now(t, FLAGS_IN_SLOT, l->rip);
}

/* v->rip and all registers are where they belong, and the flags in v->rflags. */
static void emit_performed(struct translator *t)
{
    emit_slot_unary(&t->e, SLOT_JUMP, SLOT(frame.end_care));
}

/* Code that is jumped to makes no further such code but by perform(), so this ends. */
static void emit_later(struct translator *t)
{
    for (u32 i = 0; i < t->later_count && !t->failed; i++) {
        struct later l = t->later[i];
        emit_bind(&t->e, l.from);
        switch (l.kind) {
        case LATER_LEAVE:
            leave_now(t, l.flags, l.rip);
            break;
        case LATER_REACH:
            emit_reach(t, &l);
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
    u32 counts = TC_KINDS * sizeof(u64);
    u32 head = counts + count_performed(request->cluster) * (u32)sizeof(struct performed);
    if (head >= TC_PIECE_MAX)
        return 0;
    *t = (struct translator){
        .e = {.at = room + head, .end = room + TC_PIECE_MAX},
        .request = request,
        .cluster = request->cluster,
        .avoided = (u64 *)room,
        .performed = (struct performed *)(room + counts),
    };
    memset(room, 0, counts);
    *entry = head;
    t->rounds = TRANSLATE_TIME_EVERY > t->cluster->exiting ? TRANSLATE_TIME_EVERY / t->cluster->exiting : 1;
    for (u32 i = 0; i < t->cluster->count; i++)
        if (t->cluster->at[i].carry == CARRY_MEMORY && !is_proved(t, i))
            line_for(t, &t->cluster->at[i]);
    for (u32 i = 0; i < t->cluster->count; i++)
        t->dirties |= t->cluster->at[i].carry == CARRY_PERFORM || t->cluster->at[i].carry == CARRY_DEBUG ||
                      (t->cluster->at[i].carry == CARRY_MEMORY && !is_proved(t, i));
    begin(t);
    enter(t);
    for (u32 i = 0; i < t->cluster->count; i++)
        carry(t, i);
    leave_now(t, t->flags, rip_after(t, t->cluster->count - 1));
    emit_later(t);
    return t->failed || t->e.full ? 0 : (u32)(t->e.at - room);
}
