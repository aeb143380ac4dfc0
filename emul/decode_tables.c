/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables that follow from opcodes.def, operands.def and ops.def. */
#include "emul/decode.h"

#include "lib/string.h"

_Static_assert(sizeof(struct entry) == 6, "an opcode takes six bytes");
_Static_assert(OP_COUNT <= 255, "entry.op is a byte");
_Static_assert(ENTRY_COUNT < 0x10000, "a link's target is 16 bits");

/* What follows from an operand's place: its kind, which number names its register, what it reads behind ModRM. */
enum { FROM_NOTHING, FROM_REG, FROM_RM };
#define PLACE(name, kind, from, immediate)                                                                             \
    name##_KIND = OPERAND_##kind, name##_FROM = FROM_##from, name##_IMM = IMM_##immediate,
enum place_facts {
    PLACE(AT_NOTHING, NONE, NOTHING, NONE) PLACE(AT_RM, GPR, RM, NONE) PLACE(AT_UNNAMED_RM, NONE, NOTHING, NONE)
        PLACE(AT_REG, GPR, REG, NONE) PLACE(AT_SEGMENT, SEGMENT, REG, NONE) PLACE(AT_CR, CR, REG, NONE)
            PLACE(AT_DR, DR, REG, NONE) PLACE(AT_MMX_REG, MMX, REG, NONE) PLACE(AT_MMX_RM, MMX, RM, NONE)
                PLACE(AT_XMM_REG, XMM, REG, NONE) PLACE(AT_XMM_RM, XMM, RM, NONE) PLACE(AT_OPCODE, GPR, RM, NONE)
                    PLACE(AT_FIXED, GPR, NOTHING, NONE) PLACE(AT_IMMEDIATE, IMMEDIATE, NOTHING, V)
                        PLACE(AT_SIGNED, IMMEDIATE, NOTHING, SIGNED_V32)
                            PLACE(AT_IMMEDIATE2, IMMEDIATE, NOTHING, SECOND) PLACE(AT_ONE, IMMEDIATE, NOTHING, ONE)
                                PLACE(AT_RELATIVE, RELATIVE, NOTHING, SIGNED_V32) PLACE(AT_FAR, FAR, NOTHING, FAR)
                                    PLACE(AT_OFFSET, MEMORY, NOTHING, OFFSET) PLACE(AT_STRING, NONE, NOTHING, STRING)
                                        PLACE(AT_FIXED_SEGMENT, SEGMENT, NOTHING, NONE)
};
#undef PLACE

/* F_Ib_SIZE...: the columns of operands.def, and what follows from the place. */
enum form_facts {
#define OPERAND_FORM(name, place, size, reg)                                                                           \
    F_##name##_IS_RM = place == AT_RM || place == AT_MMX_RM || place == AT_XMM_RM, F_##name##_KIND = place##_KIND,     \
    F_##name##_FROM = place##_FROM, F_##name##_SIZE = size, F_##name##_REG = reg,
#include "emul/operands.def"
#undef OPERAND_FORM
};

/* FORM_IMM_Ib...: the immediate class of a form. */
#define IMMEDIATE_OF(imm, size)                                                                                        \
    ((imm) == IMM_V && (size) == 1            ? IMM_BYTE                                                               \
     : (imm) == IMM_V && (size) == 2          ? IMM_WORD                                                               \
     : (imm) == IMM_SIGNED_V32 && (size) == 1 ? IMM_SIGNED_BYTE                                                        \
                                              : (imm))
enum form_immediate {
#define OPERAND_FORM(name, place, size, reg) FORM_IMM_##name = IMMEDIATE_OF((u32)place##_IMM, size),
#include "emul/operands.def"
#undef OPERAND_FORM
};

#define FORM_MODRM(a) (FORM_##a > FORM_none && FORM_##a <= FORM_LAST_MODRM)
#define FORM_CHECKED(a)                                                                                                \
    (FORM_##a == FORM_Sw || FORM_##a == FORM_Cn || FORM_##a == FORM_Dn || FORM_##a == FORM_Pq ||                       \
     FORM_##a == FORM_Qq || FORM_##a == FORM_Ewv)
#define FORM_FLAGS(a)                                                                                                  \
    ((FORM_MODRM(a) ? HAS_MODRM : 0) | (FORM_CHECKED(a) ? CHECKED : 0) | FORM_IMM_##a << IMMEDIATE_SHIFT)
#define INSN(table, index, name, a, b, c, f, v)                                                                        \
    [table + (index)] = {                                                                                              \
        .kind = (f)&REX_IN_64 ? ENTRY_REX : ENTRY_INSN,                                                                \
        .op = OP_##name,                                                                                               \
        .valid = (v),                                                                                                  \
        .pattern = PATTERN_##a##_##b##_##c,                                                                            \
        .flags = (f) | FORM_FLAGS(a) | FORM_FLAGS(b) | FORM_FLAGS(c) |                                                 \
                 ((f) & (NO64 | ONLY64 | NOT_CS) || (v) != ANY ? CHECKED : 0),                                         \
    },
#define LINK(table, index, selector, target) [table + (index)] = {.kind = selector, .valid = ANY, .flags = target},
#define PREFIX(index, flag, segment, mandatory)                                                                        \
    [MAP_1 + (index)] = {.kind = ENTRY_PREFIX, .op = mandatory, .pattern = segment, .flags = flag},
#define X87(index, ...) [MAP_1 + (index)] = {.kind = ENTRY_X87, .valid = ANY, .flags = HAS_MODRM | CHECKED},
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

/* SIZE_WV is V for a register; finish_rare() puts it right in memory. */
#define COLUMN(size)                                                                                                   \
    ((size) < SIZE_RULES                       ? COLUMN_FIXED                                                          \
     : (size) == SIZE_V || (size) == SIZE_WV   ? COLUMN_V                                                              \
     : (size) == SIZE_V32 || (size) == SIZE_WD ? COLUMN_V32                                                            \
     : (size) == SIZE_P                        ? COLUMN_P                                                              \
     : (size) == SIZE_Y                        ? COLUMN_Y                                                              \
     : (size) == SIZE_YY                       ? COLUMN_YY                                                             \
                                               : COLUMN_NATIVE)
#define FORM_COLUMN(a) COLUMN((u32)F_##a##_SIZE)
/* struct operand as a number */
#define FIXED(a, memory)                                                                                               \
    ((u64)((memory) && F_##a##_IS_RM ? OPERAND_MEMORY : (u32)F_##a##_KIND) |                                           \
     (u64)((u32)F_##a##_SIZE < SIZE_RULES ? (u32)F_##a##_SIZE : 0) << 8 | (u64)F_##a##_REG << 16)
#define PLACE_OF(a, b, from)                                                                                           \
    ((u32)F_##a##_FROM == (from) ? IN_FIRST : (u32)F_##b##_FROM == (from) ? IN_SECOND : IN_NEITHER)
#define HIGH(a, from)                                                                                                  \
    ((u32)F_##a##_FROM == (from) && (u32)F_##a##_KIND == OPERAND_GPR && (u32)F_##a##_SIZE == 1 ? 4 : 0)
#define RARE(a)                                                                                                        \
    (((u32)F_##a##_KIND == OPERAND_MMX || ((u32)F_##a##_KIND == OPERAND_SEGMENT && (u32)F_##a##_FROM != FROM_NOTHING)  \
          ? NO_REX_R                                                                                                   \
          : 0) |                                                                                                       \
     ((u32)F_##a##_SIZE == SIZE_WV ? WORD_IN_MEMORY : 0))
const struct pattern decode_patterns[PATTERN_COUNT] = {
#define PATTERN(a, b, c)                                                                                               \
    {                                                                                                                  \
        .fixed = {FIXED(a, false) | FIXED(b, false) << 32, FIXED(a, true) | FIXED(b, true) << 32},                     \
        .size0 = FORM_COLUMN(a),                                                                                       \
        .size1 = FORM_COLUMN(b),                                                                                       \
        .rm_place = PLACE_OF(a, b, FROM_RM),                                                                           \
        .reg_place = PLACE_OF(a, b, FROM_REG),                                                                         \
        .rm_high = HIGH(a, FROM_RM) | HIGH(b, FROM_RM),                                                                \
        .reg_high = HIGH(a, FROM_REG) | HIGH(b, FROM_REG),                                                             \
        .third = FORM_##c,                                                                                             \
        .rare = RARE(a) | RARE(b),                                                                                     \
    },
#include "emul/patterns.def"
#undef PATTERN
};

const u64 decode_places[] = {[IN_FIRST] = 1ull << 16, [IN_SECOND] = 1ull << 48};

struct operand decode_third_operand(enum operand_form form, const u16 sizes[SIZE_COLUMNS])
{
    static const struct {
        struct operand fixed;
        u8 column;
    } forms[] = {
#define OPERAND_FORM(name, place, bytes, reg_)                                                                         \
    {{.kind = (u32)place##_KIND, .size = (bytes) < SIZE_RULES ? (bytes) : 0, .reg = (reg_)}, COLUMN(bytes)},
#include "emul/operands.def"
#undef OPERAND_FORM
    };
    struct operand operand = forms[form].fixed;
    operand.size += sizes[forms[form].column] >> 8;
    return operand;
}

/* L: 64-bit code; W: with REX.W; C: 16- and 32-bit code. The figure is the operand size. */
#define SIZES(v, y, native)                                                                                            \
    {                                                                                                                  \
        [COLUMN_V] = (v) << 8, [COLUMN_V32] = ((v) == 2 ? 2 : 4) << 8, [COLUMN_P] = ((v) + 2) << 8,                    \
        [COLUMN_Y] = (y) << 8, [COLUMN_YY] = 2 * (y) << 8, [COLUMN_NATIVE] = (native) << 8,                            \
    }
enum { L2 = 0, L4 = 16, L8 = 32, W4 = 48, W8 = 64, C2 = 80, C4 = 96 };
const u16 decode_sizes[][SIZE_COLUMNS] = {
    [L2 / 16] = SIZES(2, 4, 8), [L4 / 16] = SIZES(4, 4, 8), [L8 / 16] = SIZES(8, 4, 8), [W4 / 16] = SIZES(4, 8, 8),
    [W8 / 16] = SIZES(8, 8, 8), [C2 / 16] = SIZES(2, 4, 4), [C4 / 16] = SIZES(4, 4, 4),
};

/* Columns: nothing, DEFAULT64, FORCE64, NATIVE; then the same with MAX32. */
const u8 decode_size_index[8][8] = {
    {C2, C2, C2, C4, C2, C2, C2, C4}, /* 16-bit code */
    {C4, C4, C4, C4, C4, C4, C4, C4}, /* with 66 */
    {C4, C4, C4, C4, C4, C4, C4, C4}, /* 32-bit code */
    {C2, C2, C2, C4, C2, C2, C2, C4}, /* with 66 */
    {L4, L8, L8, L8, L4, L8, L4, L4}, /* 64-bit code */
    {L2, L2, L8, L8, L2, L2, L4, L4}, /* with 66 */
    {W8, W8, W8, W8, W4, W4, W4, W4}, /* with REX.W */
    {W8, W8, W8, W8, W4, W4, W4, W4}, /* with both */
};

/* SDM tables "16-Bit Addressing Forms with the ModR/M Byte", "32-Bit Addressing Forms ...", "RIP-Relative Addressing".
 */
#define FORM(segment, base, index, rip, bytes)                                                                         \
    ((u64)(segment) | (u64)(base) << 8 | (u64)(index) << 16 | 1ull << 24 | (u64)(rip) << 32 | (u64)(bytes) << 40)
#define FORMS_16(bytes, segment6, base6, bytes6)                                                                       \
    {                                                                                                                  \
        FORM(SEG_DS, RBX, RSI, 0, bytes), FORM(SEG_DS, RBX, RDI, 0, bytes), FORM(SEG_SS, RBP, RSI, 0, bytes),          \
            FORM(SEG_SS, RBP, RDI, 0, bytes), FORM(SEG_DS, RSI, REG_NONE, 0, bytes),                                   \
            FORM(SEG_DS, RDI, REG_NONE, 0, bytes), FORM(segment6, base6, REG_NONE, 0, bytes6),                         \
            FORM(SEG_DS, RBX, REG_NONE, 0, bytes),                                                                     \
    }
#define FORM_32(number, bytes, b) FORM(SEG_DS, (number) + (b), REG_NONE, 0, bytes)
#define FORMS_32(bytes, b, form5)                                                                                      \
    {                                                                                                                  \
        FORM_32(RAX, bytes, b), FORM_32(RCX, bytes, b), FORM_32(RDX, bytes, b), FORM_32(RBX, bytes, b), 0, form5,      \
            FORM_32(RSI, bytes, b), FORM_32(RDI, bytes, b),                                                            \
    }
#define MEMORY_FORMS_32(b, segment5, rip)                                                                              \
    {                                                                                                                  \
        FORMS_32(0, b, FORM(SEG_DS, REG_NONE, REG_NONE, rip, 4)),                                                      \
            FORMS_32(1, b, FORM(segment5, RBP + (b), REG_NONE, 0, 1)),                                                 \
            FORMS_32(4, b, FORM(segment5, RBP + (b), REG_NONE, 0, 4)),                                                 \
    }
const u64 decode_memory_forms[MEMORY_TABLES][3][8] = {
    [MEMORY_16] = {FORMS_16(0, SEG_DS, REG_NONE, 2), FORMS_16(1, SEG_SS, RBP, 1), FORMS_16(2, SEG_SS, RBP, 2)},
    [MEMORY_32] = MEMORY_FORMS_32(0, SEG_SS, 0),
    [MEMORY_64] = MEMORY_FORMS_32(0, SEG_SS, 1),
    [MEMORY_64_B] = MEMORY_FORMS_32(8, SEG_DS, 1),
};

const struct immediate_rule decode_immediate_rules[] = {
    [IMM_BYTE] = {1, COLUMN_FIXED, false},
    [IMM_WORD] = {2, COLUMN_FIXED, false},
    [IMM_SIGNED_BYTE] = {1, COLUMN_FIXED, true},
    [IMM_SIGNED_V32] = {0, COLUMN_V32, true},
    [IMM_V] = {0, COLUMN_V, false},
};

const struct entry decode_simd_entries[2] = {
    [MAP_0F38] = {.kind = ENTRY_INSN, .pattern = PATTERN_Ex_none_none, .flags = FORM_FLAGS(Ex) | CHECKED},
    [MAP_0F3A] = {.kind = ENTRY_INSN,
                  .pattern = PATTERN_Ex_Ib_none,
                  .flags = FORM_FLAGS(Ex) | FORM_FLAGS(Ib) | CHECKED},
};

const struct entry decode_vex_entries[] = {
    [VEX_PLAIN] = {.kind = BY_VEX, .valid = ANY, .flags = CHECKED},
    [VEX_MODRM] = {.kind = BY_VEX, .valid = ANY, .flags = CHECKED | FORM_FLAGS(Ex)},
    [VEX_MODRM_IMM8] = {.kind = BY_VEX, .valid = ANY, .flags = CHECKED | FORM_FLAGS(Ex) | FORM_FLAGS(Ib)},
    [VEX_MODRM_IMM32] = {.kind = BY_VEX, .valid = ANY, .flags = CHECKED | FORM_FLAGS(Ex) | FORM_FLAGS(Iz)},
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
    static const char names[] = "other\0"
#define OP(name) #name "\0"
#include "emul/ops.def"
#undef OP
        ;
    const char *name = names;
    for (u32 i = OP_OTHER; i < op && *name; i++)
        name += strlen(name) + 1;
    return *name ? name : "?";
}
