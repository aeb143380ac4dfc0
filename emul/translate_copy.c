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

void tr_emit_as_it_is(struct translator *t, const struct insn *insn)
{
    struct emitter *e = &t->e;
    struct layout l = tr_layout_of(insn);
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
void tr_emit_with_memory(struct translator *t, const struct insn *insn, u32 base, u32 displacement)
{
    struct layout l = tr_layout_of(insn);
    emit_prefixes(t, insn, &l, l.rex & ~3);
    emit_bytes(&t->e, insn->bytes + l.opcode, l.modrm - l.opcode);
    emit_base(&t->e, insn->modrm >> 3 & 7, base, displacement);
    emit_bytes(&t->e, insn->bytes + l.rest, insn->length - l.rest);
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
