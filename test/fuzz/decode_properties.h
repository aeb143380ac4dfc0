/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold for the result of decoding any bytes: used by the fuzzer and by the unit test. */
#ifndef TEST_FUZZ_DECODE_PROPERTIES_H
#define TEST_FUZZ_DECODE_PROPERTIES_H

#include <string.h>

#include "emul/insn.h"

static inline bool is_size(u32 size)
{
    return size == 2 || size == 4 || size == 8;
}

static inline bool gpr_or_none(u8 reg, u32 limit)
{
    return reg == REG_NONE || reg < limit;
}

/* `widest`: bytes of the widest vector register that this encoding reaches. */
static inline bool operand_sane(const struct operand *o, u32 registers, u32 widest)
{
    switch (o->kind) {
    case OPERAND_NONE:
        return !o->high8;
    case OPERAND_GPR:
        return o->reg < registers && (!o->high8 || (o->size == 1 && o->reg < 4)) && o->size && o->size <= 8;
    case OPERAND_SEGMENT:
        return o->reg <= SEG_GS;
    case OPERAND_CR:
        return o->reg < registers && o->reg <= 8 && o->reg != 1 && (o->reg < 5 || o->reg == 8);
    case OPERAND_DR:
    case OPERAND_MMX:
        return o->reg < 8;
    case OPERAND_XMM:
        return o->reg < registers;
    default:
        return o->kind <= OPERAND_FAR && o->size <= widest;
    }
}

/* What is wrong with a decoded instruction, or NULL. */
static inline const char *insn_fault(const struct insn *insn, enum code_size code_size)
{
    u32 registers = code_size == CODE_64 ? 16 : 8;
    if (insn->length < 1 || insn->length > INSN_MAX)
        return "length";
    if (insn->op >= OP_COUNT || insn->code_size != code_size)
        return "op or code size";
    if (!is_size(insn->operand_size) || !is_size(insn->address_size))
        return "operand or address size";
    if (code_size != CODE_64 && (insn->operand_size == 8 || insn->address_size == 8 || insn->memory.rip_relative))
        return "64-bit form outside 64-bit code";
    if (code_size == CODE_64 && insn->address_size == 2)
        return "16-bit addressing in 64-bit code";
    for (u32 i = 0; i < 3; i++) {
        const struct operand *o = &insn->operand[i];
        if (!operand_sane(o, registers, insn->flags & INSN_VEX ? 32 : 16))
            return "operand";
        if (o->kind == OPERAND_MEMORY &&
            (!gpr_or_none(insn->memory.base, registers) || !gpr_or_none(insn->memory.index, registers) ||
             insn->memory.segment > SEG_GS || insn->memory.index == RSP))
            return "memory operand";
    }
    bool first_is_memory = insn->operand[0].kind == OPERAND_MEMORY;
    if ((insn->flags & INSN_LOCK) && !first_is_memory)
        return "LOCK without a memory destination";
    return NULL;
}

/* All fields; `bytes` only as far as they count. */
static inline bool same_insn(const struct insn *a, const struct insn *b)
{
    const struct memory_operand *m = &a->memory, *n = &b->memory;
    return a->op == b->op && a->flags == b->flags && a->length == b->length && a->code_size == b->code_size &&
           a->operand_size == b->operand_size && a->address_size == b->address_size && a->map == b->map &&
           a->opcode == b->opcode && a->modrm == b->modrm && a->condition == b->condition &&
           memcmp(a->operand, b->operand, sizeof(a->operand)) == 0 && m->segment == n->segment && m->base == n->base &&
           m->index == n->index && m->scale == n->scale && m->rip_relative == n->rip_relative &&
           m->displacement_size == n->displacement_size && m->displacement == n->displacement &&
           a->immediate == b->immediate && a->immediate2 == b->immediate2 && memcmp(a->bytes, b->bytes, a->length) == 0;
}

/* What is wrong with the decoding of these bytes, or NULL. */
static inline const char *decode_fault(const u8 *bytes, u32 available, enum code_size code_size)
{
    struct insn insn, again;
    u8 changed[INSN_WINDOW];
    memset(&insn, 0x55, sizeof(insn)); /* all fields must be set */
    memset(&again, 0xaa, sizeof(again));
    enum decode_status status = insn_decode(bytes, available, code_size, &insn);
    memset(changed, 0xff, sizeof(changed));
    if (available)
        memcpy(changed, bytes, available < sizeof(changed) ? available : sizeof(changed));
    if (insn_decode_padded(changed, available, code_size, &again) != status)
        return "status differs with what stands behind the bytes";
    if (status == DECODE_TRUNCATED)
        return available >= INSN_MAX ? "truncated with 15 bytes" : NULL;
    if (status == DECODE_TOO_LONG)
        return available < INSN_MAX ? "too long with less than 15 bytes" : NULL;
    if (status == DECODE_INVALID)
        return NULL;
    if (status != DECODE_OK || insn.length > available)
        return "status or length";
    if (memcmp(insn.bytes, bytes, insn.length) != 0)
        return "bytes";
    if (insn_fault(&insn, code_size))
        return insn_fault(&insn, code_size);
    if (!same_insn(&insn, &again))
        return "a field is not set, or depends on what stands behind the bytes";
    for (u32 i = 0; i < insn.length; i++)
        if (insn_decode(bytes, i, code_size, &again) != DECODE_TRUNCATED)
            return "a valid instruction that is cut off is not truncated";
    memset(changed, 0xff, sizeof(changed));
    memcpy(changed, bytes, insn.length);
    if (insn_decode(changed, sizeof(changed), code_size, &again) != DECODE_OK)
        return "bytes behind the instruction matter";
    return !same_insn(&insn, &again) ? "bytes behind the instruction change it" : NULL;
}

#endif
