/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables that follow from opcodes.def, operands.def and ops.def. */
#include "emul/decode.h"

_Static_assert(sizeof(struct entry) == 8, "an opcode takes eight bytes");
_Static_assert(OP_COUNT <= 255, "entry.op is a byte");
_Static_assert(ENTRY_COUNT < 0x10000, "a link's target is 16 bits");

#define FORM_MODRM(a) (FORM_##a > FORM_none && FORM_##a <= FORM_LAST_MODRM)
#define INSN(table, index, name, a, b, c, f, v)                                                                        \
    [table + (index)] = {                                                                                              \
        .kind = ENTRY_INSN,                                                                                            \
        .op = OP_##name,                                                                                               \
        .valid = (v),                                                                                                  \
        .operand = {FORM_##a, FORM_##b, FORM_##c},                                                                     \
        .flags = (f) | (FORM_MODRM(a) || FORM_MODRM(b) ? HAS_MODRM : 0),                                               \
    },
#define LINK(table, index, selector, target) [table + (index)] = {.kind = selector, .valid = ANY, .flags = target},
#define PREFIX(index, flag, segment, mandatory)                                                                        \
    [MAP_1 + (index)] = {.kind = ENTRY_PREFIX, .op = mandatory, .operand = {segment}, .flags = flag},
#define X87(index, ...) [MAP_1 + (index)] = {.kind = ENTRY_X87, .valid = ANY, .flags = HAS_MODRM},
#define SIMD(table, index, v) INSN(table, index, OTHER, Ex, none, none, 0, v)
#define SIMD_IMM8(table, index, v) INSN(table, index, OTHER, Ex, Ib, none, 0, v)
#define SIMD_3BYTE(map, index, v)
#define LINK_3BYTE(map, index, selector, target)
const struct entry decode_entries[ENTRY_COUNT] = {
#include "emul/opcodes.def"
};
#undef INSN
#undef LINK
#undef PREFIX
#undef X87
#undef SIMD
#undef SIMD_IMM8
#undef SIMD_3BYTE
#undef LINK_3BYTE

#define INSN(table, index, name, a, b, c, f, v)
#define LINK(table, index, selector, target)
#define PREFIX(index, flag, segment, mandatory)
#define SIMD(table, index, v)
#define SIMD_IMM8(table, index, v)
#define X87(index, ...)
#define SIMD_3BYTE(map, index, v) [map][index] = (v),
#define LINK_3BYTE(map, index, selector, target)
const u8 decode_simd_valid[2][256] = {
#include "emul/opcodes.def"
};
#undef SIMD_3BYTE
#undef LINK_3BYTE

#define SIMD_3BYTE(map, index, v)
#define LINK_3BYTE(map_, index, selector, target)                                                                      \
    {.map = map_, .opcode = (index), .entry = {.kind = selector, .valid = ANY, .flags = target}},
static const struct {
    u8 map, opcode;
    struct entry entry;
} three_byte_links[] = {
#include "emul/opcodes.def"
};
#undef LINK_3BYTE
#undef X87

#define LINK_3BYTE(map, index, selector, target)
#define X87(index, ...) {__VA_ARGS__},
static const u8 x87_valid[8][9] = {
#include "emul/opcodes.def"
};

const struct operand_rule decode_operand_rules[] = {
#define OPERAND_FORM(name, place, size, reg) {place, size, reg},
#include "emul/operands.def"
#undef OPERAND_FORM
};

static const struct entry invalid;

const struct entry *decode_three_byte_link(u32 map, u8 opcode)
{
    for (u32 i = 0; i < COUNT_OF(three_byte_links); i++)
        if (three_byte_links[i].map == map && three_byte_links[i].opcode == opcode)
            return &three_byte_links[i].entry;
    return &invalid;
}

bool decode_x87_valid(u8 opcode, u8 modrm)
{
    const u8 *valid = x87_valid[opcode & 7];
    u32 reg = modrm >> 3 & 7;
    return modrm_is_register(modrm) ? valid[1 + reg] >> (modrm & 7) & 1 : valid[0] >> reg & 1;
}

const char *op_name(enum op op)
{
    static const char names[OP_COUNT][11] = {
        [OP_OTHER] = "other",
#define OP(name) [OP_##name] = #name,
#include "emul/ops.def"
#undef OP
    };
    return op < OP_COUNT ? names[op] : "?";
}
