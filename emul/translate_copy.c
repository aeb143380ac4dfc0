/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest instructions as they are: their own bytes, with other prefixes, or with another memory operand. */
#include "emul/translator.h"

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

struct layout tr_layout_of(const struct insn *insn)
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

/* Bytes that are emitted at once: eight at most. */
struct some_code {
    u64 bytes;
    u32 count;
};

static void add(struct some_code *code, u8 byte)
{
    code->bytes |= (u64)byte << 8 * code->count++;
}

static struct some_code prefixes(const struct insn *insn, const struct layout *l, u8 rex)
{
    struct some_code code = {0};
    bool fence = insn->op >= OP_LFENCE && insn->op <= OP_SFENCE; /* with 66 these are other instructions */
    if (insn->operand_size == 2 && !fence)
        add(&code, 0x66);
    if (l->rep)
        add(&code, l->rep);
    if (rex)
        add(&code, rex);
    return code;
}

/* Its bytes from one offset to another: by eight, as far as they go. */
static void emit_part(struct emitter *e, const struct insn *insn, u32 from, u32 to)
{
    for (; from < to; from += 8) {
        u64 bytes;
        __builtin_memcpy(&bytes, (const u8 *)insn + offsetof(struct insn, bytes) + from, 8);
        emit_code(e, bytes, to - from < 8 ? to - from : 8);
    }
}
_Static_assert(offsetof(struct insn, bytes) + INSN_MAX - 1 + 8 <= sizeof(struct insn), "what emit_part() reads");

void tr_emit_as_it_is(struct translator *t, const struct insn *insn)
{
    struct emitter *e = &t->e;
    struct layout l = tr_layout_of(insn);
    struct some_code code = prefixes(insn, &l, l.rex);
    u8 opcode = insn->bytes[l.opcode];
    bool short_form = insn->code_size != CODE_64 && (opcode & 0xf0) == 0x40;
    if (short_form) { /* INC, DEC: REX prefixes in 64-bit code */
        add(&code, 0xff);
        add(&code, 0xc0 | (opcode & 15));
    } else if (insn->code_size != CODE_64 && opcode == 0x82 && insn->map == 0) { /* an alias that 64-bit code has not */
        add(&code, 0x80);
        l.opcode++;
    }
    emit_code(e, code.bytes, code.count);
    if (!short_form)
        emit_part(e, insn, l.opcode, insn->length);
}

/* The instruction with [base + displacement] for its memory operand. `base` is one of the low eight. */
void tr_emit_with_memory(struct translator *t, const struct insn *insn, u32 base, u32 displacement)
{
    struct layout l = tr_layout_of(insn);
    struct some_code code = prefixes(insn, &l, l.rex & ~3);
    while (l.opcode < l.modrm)
        add(&code, insn->bytes[l.opcode++]);
    emit_code(&t->e, code.bytes, code.count);
    emit_base(&t->e, insn->modrm >> 3 & 7, base, displacement);
    emit_part(&t->e, insn, l.rest, insn->length);
}

/* Registers that the instruction reads or writes without being an address: a set by BIT(). */
u32 tr_registers_of(const struct insn *insn)
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
    case OP_IMUL:
        if (insn->operand[1].kind != OPERAND_NONE) /* the product goes to the first operand alone */
            return set;
        return set | 1u << RAX | 1u << RDX;
    case OP_MUL:
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

u32 tr_memory_size(const struct insn *insn)
{
    for (u32 i = 0; i < COUNT_OF(insn->operand); i++)
        if (insn->operand[i].kind == OPERAND_MEMORY)
            return insn->operand[i].size;
    return 0;
}
