/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A decoded instruction: everything that decoding can know from the bytes and the code size alone.
 */
#ifndef EMUL_INSN_H
#define EMUL_INSN_H

#include "lib/types.h"
#include "lib/vcpu.h"

#define INSN_MAX 15 /* SDM "Instruction Format": a longer one is #GP */

/* What insn_decode_padded() may read, whatever the bytes are. */
#define INSN_WINDOW 32

/* OP_ADD, OP_MOV...: the mnemonics of opcodes.def. OP_OTHER is valid, of known length, and not interpreted. */
enum op {
    OP_OTHER,
#define OP(name) OP_##name,
#include "emul/ops.def"
#undef OP
    OP_COUNT
};

enum operand_kind {
    OPERAND_NONE,
    OPERAND_GPR,       /* reg 0..15; high8: AH, CH, DH, BH (reg is then 0..3) */
    OPERAND_MEMORY,    /* at insn.memory */
    OPERAND_IMMEDIATE, /* insn.immediate, sign- or zero-extended as the instruction says */
    OPERAND_SEGMENT,   /* reg is a segment_name */
    OPERAND_CR,
    OPERAND_DR,
    OPERAND_MMX,
    OPERAND_XMM,
    OPERAND_RELATIVE, /* jump displacement in insn.immediate */
    OPERAND_FAR,      /* pointer in the instruction: offset in insn.immediate, selector in insn.immediate2 */
};

struct operand {
    u8 kind; /* enum operand_kind */
    u8 size; /* bytes; 0 where it has none (LEA's memory operand, INVLPG) */
    u8 reg;
    bool high8;
};

#define REG_NONE 0xff

/* The memory operand, before segmentation: base + index * scale + displacement, cut to the address size. */
struct memory_operand {
    u8 segment;           /* segment_name after defaults and overrides */
    u8 base;              /* enum gpr or REG_NONE */
    u8 index;             /* enum gpr or REG_NONE */
    u8 scale;             /* 1, 2, 4, 8 */
    bool rip_relative;    /* base is the address of the next instruction */
    u8 displacement_size; /* bytes in the instruction: 0, 1, 2, 4, 8 */
    u8 reserved[2];
    s64 displacement;
};

enum insn_flag {
    INSN_LOCK = 1 << 0,           /* prefix present */
    INSN_REP = 1 << 1,            /* F3 */
    INSN_REPNE = 1 << 2,          /* F2 */
    INSN_OPERAND_PREFIX = 1 << 3, /* 66 */
    INSN_ADDRESS_PREFIX = 1 << 4, /* 67 */
    INSN_REX = 1 << 5,
    INSN_REX_W = 1 << 6,
    INSN_MODRM = 1 << 7,
    INSN_VEX = 1 << 8, /* VEX, EVEX or XOP encoded */
    INSN_SEGMENT_PREFIX = 1 << 9,
};

struct insn {
    u16 op;          /* enum op */
    u16 flags;       /* enum insn_flag */
    u8 length;       /* bytes, 1..15 */
    u8 code_size;    /* enum code_size it was decoded for */
    u8 operand_size; /* 2, 4, 8 */
    u8 address_size; /* 2, 4, 8 */
    u8 map;          /* 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A (also for VEX) */
    u8 opcode;       /* last opcode byte */
    u8 modrm;
    u8 condition; /* opcode & 15: of Jcc, SETcc, CMOVcc the condition */
    /*
     * In the SDM's (Intel) order, as far as the SDM writes them, for what is interpreted.
     * - IN, OUT: the port is an immediate, or GPR RDX of size 2.
     * - String instructions, XLAT: none is named (OPERAND_NONE), but operand[0].size is the element's size, and
     *   memory.segment the segment of the rSI or rBX side.
     * - Shifts by one: the immediate 1. BT and its kin with an immediate: the whole byte.
     * - MOV from a segment register, SMSW: a register destination has the operand size, a memory destination 2.
     * - CMPXCHG8B: size 16 with REX.W (CMPXCHG16B).
     * - MOV to and from CR, DR: both of size 8 in 64-bit code, else 4; ModRM.mod is ignored.
     */
    struct operand operand[3];
    struct memory_operand memory;
    s64 immediate;
    u8 bytes[INSN_MAX]; /* `length` of them count */
    u16 immediate2;     /* ENTER's nesting level, a far pointer's selector */
};

enum decode_status {
    DECODE_OK,
    DECODE_TRUNCATED, /* valid so far, more bytes needed */
    DECODE_TOO_LONG,  /* more than 15 bytes: #GP */
    DECODE_INVALID,   /* #UD: no such instruction in this mode, or LOCK where it must not stand */
};

/*
 * Decodes the instruction that starts at bytes[0], of which `available` (any number; 15 always suffice) can be read. On
 * DECODE_OK all of *insn is set; a valid instruction that Exeunt does not interpret has op OP_OTHER and its exact
 * length. Otherwise *insn is undefined.
 */
enum decode_status insn_decode(const u8 *bytes, u32 available, enum code_size code_size, struct insn *insn);

/*
 * The same where INSN_WINDOW bytes can be read, of which `available` (any number) are the guest's: saves a copy. What
 * stands in the others has no influence.
 */
enum decode_status insn_decode_padded(const u8 *bytes, u32 available, enum code_size code_size, struct insn *insn);

/* Mnemonic of insn.op as ops.def writes it, for dumps; "other" for OP_OTHER. */
const char *op_name(enum op op);

#endif
