/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of the decoder: the form of an opcode-table entry, and the state that is carried through one instruction. Only
 * decode*.c and their tests include this.
 */
#ifndef EMUL_DECODE_H
#define EMUL_DECODE_H

#include "emul/insn.h"

/* Where an operand stands in the instruction, and how its size follows. */
enum operand_place {
    AT_NOTHING,
    AT_RM,
    AT_UNNAMED_RM, /* a ModRM byte that names nothing the interpreter asks for */
    AT_REG,
    AT_SEGMENT,
    AT_CR,
    AT_DR,
    AT_MMX_REG,
    AT_MMX_RM,
    AT_XMM_REG,
    AT_XMM_RM,
    AT_OPCODE,
    AT_FIXED,
    AT_IMMEDIATE,
    AT_SIGNED,
    AT_IMMEDIATE2,
    AT_ONE,
    AT_RELATIVE,
    AT_FAR,
    AT_OFFSET,
    AT_STRING,
    AT_FIXED_SEGMENT,
};

enum operand_size_rule {
    SIZE_RULES = 32,
    SIZE_V = 32,
    SIZE_V32,
    SIZE_P,
    SIZE_WV,
    SIZE_WD,
    SIZE_Y,
    SIZE_YY,
    SIZE_NATIVE
};

enum operand_form {
#define OPERAND_FORM(name, place, size, reg) FORM_##name,
#include "emul/operands.def"
#undef OPERAND_FORM
    FORM_LAST_MODRM = FORM_Wq,
};

enum entry_kind {
    ENTRY_INVALID,
    ENTRY_INSN,
    ENTRY_PREFIX,
    ENTRY_X87,
    /* Links: `flags` is the first entry of the table that the selector chooses from. */
    ENTRY_LINK,
    BY_REG = ENTRY_LINK, /* ModRM.reg */
    BY_RM,               /* ModRM.rm */
    BY_MOD,              /* 0 memory, 1 register */
    BY_RM_REG,           /* register 0 is the entry, anything else invalid */
    BY_PREFIX,           /* mandatory prefix */
    BY_REX_B,
    BY_MODE, /* 1 in 64-bit code */
    BY_VEX,  /* a VEX or EVEX prefix, or else (16 and 32 bits, memory) the entry */
};

enum entry_flag {
    LOCKABLE = 1 << 0,
    NO64 = 1 << 1, /* invalid in 64-bit code */
    ONLY64 = 1 << 2,
    DEFAULT64 = 1 << 3, /* operand size 8 in 64-bit code, 2 with prefix 66 */
    FORCE64 = 1 << 4,   /* operand size 8 in 64-bit code whatever the prefixes say */
    MAX32 = 1 << 5,     /* operand size 4 with REX.W */
    CONDITION = 1 << 6, /* low four opcode bits are one */
    REX_IN_64 = 1 << 7,
    MOD_IGNORED = 1 << 8, /* ModRM.rm is a register whatever mod says */
    NOT_CS = 1 << 9,      /* destination is a segment register, and CS is none */
    HAS_MODRM = 1 << 10,
};

/* Mandatory prefixes as `valid` has them: bits 0..3 for a memory operand, 4..7 for mod 11 (or no ModRM). */
enum entry_valid { NP = 0x11, P66 = 0x22, PF3 = 0x44, PF2 = 0x88, ANY = 0xff, MEM = 0x0f, REG = 0xf0 };

enum mandatory_prefix { MANDATORY_NONE, MANDATORY_66, MANDATORY_F3, MANDATORY_F2 };

/* Of a prefix: flags is its enum insn_flag, op its enum mandatory_prefix, operand[0] its segment or REG_NONE. */
struct entry {
    u8 kind; /* enum entry_kind */
    u8 op;
    u8 valid;
    u8 operand[3]; /* enum operand_form */
    u16 flags;     /* enum entry_flag; of a link: its target */
};

/* The tables that opcodes.def fills, laid end to end in one array. */
enum entry_table {
#define TABLE(name, count) name, name##_LAST = name + (count)-1,
#include "emul/opcode_tables.def"
#undef TABLE
    ENTRY_COUNT
};

/* Pages of decode_simd_valid. */
enum three_byte_map { MAP_0F38, MAP_0F3A };

extern const struct entry decode_entries[ENTRY_COUNT];
extern const u8 decode_simd_valid[2][256];
const struct entry *decode_three_byte_link(u32 map, u8 opcode);
bool decode_x87_valid(u8 opcode, u8 modrm);

struct operand_rule {
    u8 place; /* enum operand_place */
    u8 size;  /* bytes, or enum operand_size_rule */
    u8 reg;
};
extern const struct operand_rule decode_operand_rules[];

/* More than 15 prefixes and the longest rest of an instruction, so that reading needs no check. */
#define DECODE_WINDOW 48

struct decoder {
    const u8 *bytes; /* DECODE_WINDOW readable bytes */
    u32 at;          /* next byte */
    bool long_mode;
    u8 rex;        /* 0, or 40..4F; from VEX and EVEX: their W, R, X and B in REX form */
    u8 segment;    /* segment_name of the last override that counts, or REG_NONE */
    u8 mandatory;  /* enum mandatory_prefix */
    bool reserved; /* an operand names a register that does not exist */
    struct insn *insn;
};

static inline bool modrm_is_register(u8 modrm)
{
    return modrm >= 0xc0;
}

/* ModRM at d->at with all that follows from it (SIB, displacement); sets insn->memory. */
void decode_modrm(struct decoder *d);

/* VEX or EVEX prefix: d->at is behind C4, C5 or 62. False: invalid. */
bool decode_vex(struct decoder *d, u8 first);

/* `size` is 1 to 8. Eight bytes are loaded whatever the size: the window allows it. */
static inline u64 decode_read(struct decoder *d, u32 size)
{
    u64 value;
    __builtin_memcpy(&value, d->bytes + d->at, sizeof(value));
    d->at += size;
    return value & ~0ull >> (64 - 8 * size);
}

static inline s64 decode_read_signed(struct decoder *d, u32 size)
{
    u32 shift = 64 - 8 * size;
    return (s64)(decode_read(d, size) << shift) >> shift;
}

#endif
