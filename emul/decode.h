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

/* The order is used: what needs no more than its entry, links, prefixes. */
enum entry_kind {
    ENTRY_INVALID,
    ENTRY_INSN,
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
    ENTRY_PREFIX,
    ENTRY_REX, /* in 64-bit code a REX prefix, else an instruction */
};

enum entry_flag {
    DEFAULT64 = 1 << 0,           /* operand size 8 in 64-bit code, 2 with prefix 66 */
    FORCE64 = 1 << 1,             /* operand size 8 in 64-bit code whatever the prefixes say */
    MAX32 = 1 << 2,               /* operand size 4 with REX.W */
    NATIVE = DEFAULT64 | FORCE64, /* operand size 8 in 64-bit code, else 4 */
    LOCKABLE = 1 << 3,
    NO64 = 1 << 4, /* invalid in 64-bit code */
    ONLY64 = 1 << 5,
    REX_IN_64 = 1 << 6,
    HAS_MODRM = 1 << 7,
    MOD_IGNORED = 1 << 8, /* ModRM.rm is a register whatever mod says */
    NOT_CS = 1 << 9,      /* destination is a segment register, and CS is none */
    CHECKED = 1 << 10,    /* decode.c, finish_rare(), has something to say */
    IMMEDIATE_SHIFT = 11, /* bits 11..14: enum immediate_class */
    IMMEDIATE_MASK = 15 << IMMEDIATE_SHIFT,
};

#define ENTRY_SIZE_CLASS(flags) ((flags)&7) /* DEFAULT64, FORCE64, MAX32 */

/* What an entry's operands read behind ModRM. Those of two operands are ored. */
enum immediate_class {
    IMM_NONE,
    IMM_BYTE,
    IMM_WORD,
    IMM_SIGNED_BYTE,
    IMM_SIGNED_V32, /* 2 or 4 bytes by operand size */
    IMM_V,          /* 2, 4 or 8 bytes by operand size */
    IMM_SPECIAL = 8,
    IMM_SECOND = 8,
    IMM_ONE = 9, /* nothing is read: it is 1 */
    IMM_WORD_BYTE = IMM_WORD | IMM_SECOND,
    IMM_FAR = 11,
    IMM_OFFSET = 12, /* a memory operand without ModRM */
    IMM_STRING = 13, /* nothing is read: memory is the rSI or rBX side */
};

/* Mandatory prefixes as `valid` has them: bits 0..3 for a memory operand, 4..7 for mod 11 (or no ModRM). */
enum entry_valid { NP = 0x11, P66 = 0x22, PF3 = 0x44, PF2 = 0x88, ANY = 0xff, MEM = 0x0f, REG = 0xf0 };

enum mandatory_prefix { MANDATORY_NONE, MANDATORY_66, MANDATORY_F3, MANDATORY_F2 };

enum operand_pattern {
#define PATTERN(a, b, c) PATTERN_##a##_##b##_##c,
#include "emul/patterns.def"
#undef PATTERN
    PATTERN_COUNT
};

/* Of a prefix: flags is its enum insn_flag, op its enum mandatory_prefix, pattern its segment or REG_NONE. */
struct entry {
    u8 kind; /* enum entry_kind */
    u8 op;
    u8 valid;
    u8 pattern; /* enum operand_pattern */
    u16 flags;  /* enum entry_flag; of a link: its target */
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
extern const struct entry decode_simd_entries[2]; /* what decode_simd_valid names, per map */
const struct entry *decode_three_byte_link(u32 map, u8 opcode);
bool decode_x87_valid(u8 opcode, u8 modrm);

/*
 * How the operands of a pattern are made. The first two are one 64-bit word, a sum:
 *   fixed[1 if ModRM names memory, else 0]      what follows from the forms alone
 *   decode_sizes[size index][size0], [size1]    in the place of each
 *   register number * decode_places[...]        that of ModRM.rm (or the opcode) by rm_place, of ModRM.reg by reg_place
 */
struct pattern {
    u64 fixed[2];
    u8 size0, size1; /* enum size_column */
    u8 rm_place, reg_place;
    u8 rm_high, reg_high; /* 4 for a byte register: without REX, 4 to 7 are AH, CH, DH, BH */
    u8 third;             /* enum operand_form */
    u8 rare;              /* enum pattern_rare; entries of these are CHECKED */
};
extern const struct pattern decode_patterns[PATTERN_COUNT];

enum pattern_rare {
    NO_REX_R = 1 << 0,      /* segment and MMX registers: eight of them */
    WORD_IN_MEMORY = 1 << 1 /* the first operand's size is 2 there */
};

enum { IN_NEITHER, IN_FIRST, IN_SECOND };
extern const u64 decode_places[];

/* What SIZE_V, SIZE_V32... mean, as bits 8..15. */
enum size_column {
    COLUMN_FIXED,
    COLUMN_V,
    COLUMN_V32,
    COLUMN_P,
    COLUMN_Y,
    COLUMN_YY,
    COLUMN_NATIVE,
    SIZE_COLUMNS = 8 /* 16 bytes */
};

/*
 * First index: 16-bit code 0, 32-bit 2, 64-bit 4; plus 1 with prefix 66, plus 2 with REX.W. Second: ENTRY_SIZE_CLASS.
 * The answer is a byte offset into decode_sizes.
 */
extern const u8 decode_size_index[8][8];
extern const u16 decode_sizes[][SIZE_COLUMNS];

/*
 * Memory operands without SIB and overrides, struct memory_operand but for the displacement as a number; 0: SIB. First
 * index: enum memory_table (plus 1 with REX.B in 64-bit code); then ModRM.mod and ModRM.rm.
 */
enum memory_table { MEMORY_16, MEMORY_32, MEMORY_64, MEMORY_64_B, MEMORY_TABLES };
extern const u64 decode_memory_forms[MEMORY_TABLES][3][8];

struct operand decode_third_operand(enum operand_form form, const u16 sizes[SIZE_COLUMNS]);

struct immediate_rule {
    u8 size, column; /* bytes; plus that of the size column */
    bool is_signed;
};
extern const struct immediate_rule decode_immediate_rules[];

/* The prefix's fields, those that are stored inverted the right way round, and the row that they lead to. */
struct vex {
    bool evex;
    u8 map, prefix, opcode;
    u8 l; /* L, or L'L */
    u8 w;
    u8 vvvv;                 /* with V' as bit 4 */
    u8 r;                    /* R as bit 3, R' as bit 4: to be joined with ModRM.reg */
    u8 x;                    /* as bit 3 of an index, bit 4 of a register in ModRM.rm */
    u8 b;                    /* as bit 3 */
    u8 mask;                 /* aaa */
    bool zeroing, broadcast; /* z, b */
    bool reserved;           /* a fixed bit is wrong */
    u16 row;
};

/*
 * A VEX or EVEX prefix, whose first byte is `first`, and the opcode behind it; `at` is behind `first`. Returns the
 * entry by which to go on (decode_vex_entries), or NULL if there is no such instruction. *end: behind the opcode.
 */
const struct entry *decode_vex(struct vex *v, u8 first, const u8 *at, bool long_mode, const u8 **end);

/* Whether the instruction that decode_vex() found exists with this ModRM and SIB byte. Names moves and their operands.
 */
bool decode_vex_valid(const struct vex *v, struct insn *insn, u8 sib);

extern const struct entry decode_vex_entries[];
enum { VEX_PLAIN, VEX_MODRM, VEX_MODRM_IMM8, VEX_MODRM_IMM32 };

static inline bool modrm_is_register(u8 modrm)
{
    return modrm >= 0xc0;
}

#endif
