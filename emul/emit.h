/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing 64-bit machine code. An emitter that ran out of room stays so: it is asked once, at the end (`full`). Slots
 * are 64-bit members of struct vcpu, named by their offset: RSP points at it when the code runs.
 */
#ifndef EMUL_EMIT_H
#define EMUL_EMIT_H

#include "emul/insn.h"
#include "lib/types.h"

struct emitter {
    u8 *at, *end;
    bool full;
};

/* A 32-bit displacement that is not known yet: where it stands. */
struct fixup32 {
    u8 *at;
};

/* Conditions of Jcc, as they are encoded. */
enum condition { CC_B = 2, CC_AE = 3, CC_E = 4, CC_NE = 5, CC_A = 7 };

/* 64-bit instructions with a slot as their memory operand: opcode of the form OP r, r/m (or OP r/m, r). */
enum slot_op {
    SLOT_ADD = 0x03,
    SLOT_SUB = 0x2b,
    SLOT_CMP = 0x3b,
    SLOT_ADD8 = 0x83, /* emit_slot_add8() */
    SLOT_STORE = 0x89,
    SLOT_LOAD = 0x8b
};

/* Those of group 5 and their kin: opcode << 8 | extension. The first four are of 64 bits without REX.W. */
enum slot_unary {
    SLOT_CALL = 0xff02,
    SLOT_JUMP = 0xff04,
    SLOT_PUSH = 0xff06,
    SLOT_POP = 0x8f00,
    /* Of 32 bits; an immediate follows, but for the last. */
    SLOT_OR = 0x8101,
    SLOT_AND = 0x8104,
    SLOT_COMPARE = 0x8107,
    SLOT_SET = 0xc700,
    SLOT_TEST = 0xf700,
    SLOT_DECREMENT = 0xff01
};

/* Up to eight bytes, the lowest one first. */
void emit_code(struct emitter *e, u64 code, u32 count);
void emit8(struct emitter *e, u32 byte);
void emit16(struct emitter *e, u32 value);
void emit32(struct emitter *e, u64 value);
void emit_bytes(struct emitter *e, const void *bytes, u32 count);

void emit_slot(struct emitter *e, enum slot_op op, u32 reg, u32 slot);
void emit_slot_unary(struct emitter *e, enum slot_unary op, u32 slot);
/* The low 32 bits of a slot: MOV, CMP, OR, TEST with an immediate; DEC. */
void emit_slot32_set(struct emitter *e, u32 slot, u32 value);
void emit_slot32_compare(struct emitter *e, u32 slot, u32 value);
void emit_slot32_decrement(struct emitter *e, u32 slot);
void emit_slot32_or(struct emitter *e, u32 slot, u32 value);
void emit_slot32_test(struct emitter *e, u32 slot, u32 value);
/* All 64 bits of a slot, from a value that is sign-extended from 32. */
void emit_slot_set(struct emitter *e, u32 slot, u64 value);

/* The same for what is at an address of 32 bits, rather than in a slot. */
void emit_word(struct emitter *e, enum slot_op op, u32 reg, const u64 *at);
void emit_word_set(struct emitter *e, const u64 *at, u32 value);

/* ADD of a signed byte to a slot. */
void emit_slot_add8(struct emitter *e, u32 slot, s32 value);
/* MOV [base], value; 64 bits, in two halves where it is not sign-extended from 32. `base` is one of the low eight. */
void emit_store_constant(struct emitter *e, u32 base, u64 value);
/* CMP [base], value: 64 bits, sign-extended from 32. `base` is one of the low eight. */
void emit_compare_constant(struct emitter *e, u32 base, u64 value);
/* MOV from [base] to a register, and from a register. */
void emit_load(struct emitter *e, u32 reg, u32 base);
void emit_store(struct emitter *e, u32 reg, u32 base);
/* CMP slot, value: 64 bits. *other gets a second jump, where one is needed; returns how many are. */
u32 emit_slot_jump_unless(struct emitter *e, u32 slot, u64 value, struct fixup32 unequal[2]);

/* MOV reg, value: the shortest. */
void emit_constant(struct emitter *e, u32 reg, u64 value);

/* What follows a ModRM byte's reg field for [base + displacement]; `base` is RSP or any of the low eight but RBP. */
void emit_base(struct emitter *e, u32 reg, u32 base, u32 displacement);

/*
 * LEA reg, operand: `size` is LEA's operand size. RIP-relative operands become a constant; `next` is the address of the
 * guest's next instruction. The base is not RSP: `base` stands for what the guest's base register is (mostly itself).
 */
void emit_lea(struct emitter *e, u32 reg, u32 size, const struct insn *insn, u32 base, u64 next);

/* Jumps: back to `to`, or forward, to be bound. */
void emit_jump_back(struct emitter *e, const u8 *to);
void emit_jcc_back(struct emitter *e, u32 condition, const u8 *to);
struct fixup32 emit_jump(struct emitter *e);
struct fixup32 emit_jcc(struct emitter *e, u32 condition);
void emit_bind(struct emitter *e, struct fixup32 fixup);

#endif
