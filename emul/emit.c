/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/emit.h"

#include "lib/string.h"

#define REX_W 0x48u
#define REX_R(reg) ((reg) >= 8 ? 4u : 0u)
#define REX_X(reg) ((reg) != REG_NONE && (reg) >= 8 ? 2u : 0u)
#define REX_B(reg) ((reg) != REG_NONE && (reg) >= 8 ? 1u : 0u)

/* Room for `count` more. */
static u8 *take(struct emitter *e, u32 count)
{
    u8 *at = e->at;
    if ((u64)(e->end - at) < count) {
        e->full = true;
        return NULL;
    }
    e->at = at + count;
    return at;
}

void emit_bytes(struct emitter *e, const void *bytes, u32 count)
{
    u8 *at = take(e, count);
    if (at)
        memcpy(at, bytes, count);
}

/* The last bytes of the room. */
static __attribute__((noinline)) void emit_at_end(struct emitter *e, u64 code, u32 count)
{
    emit_bytes(e, &code, count);
}

/* By one store where there is room for it: what comes next overwrites what is too much. */
void emit_code(struct emitter *e, u64 code, u32 count)
{
    u8 *at = e->at;
    if (__builtin_expect(e->end - at < 8, 0)) {
        emit_at_end(e, code, count);
        return;
    }
    __builtin_memcpy(at, &code, 8);
    e->at = at + count;
}

void emit8(struct emitter *e, u32 byte)
{
    emit_code(e, byte, 1);
}

void emit16(struct emitter *e, u32 value)
{
    emit_code(e, value, 2);
}

void emit32(struct emitter *e, u64 value)
{
    emit_code(e, value, 4);
}

static bool fits8(u64 value)
{
    return value + 0x80 < 0x100;
}

static bool fits32(u64 value)
{
    return value + 0x80000000 < 0x100000000;
}

/* ModRM byte and SIB byte of a slot, without ModRM.mod and ModRM.reg. */
#define SLOT_OPERAND 0x2404u

/* An opcode of one or two bytes, and a slot as its operand. Most slots take a displacement of 32 bits. */
static inline void emit_at_slot(struct emitter *e, u32 opcode, u32 opcode_size, u32 reg, u32 slot)
{
    u64 operand = (u64)slot << 16 | SLOT_OPERAND | (reg & 7) << 3;
    u32 mod = 0x80, size = opcode_size + 6;
    if (slot < 0x80) {
        mod = slot ? 0x40 : 0;
        size -= slot ? 3 : 4;
    }
    emit_code(e, opcode | (operand | mod) << 8 * opcode_size, size);
}

void emit_base(struct emitter *e, u32 reg, u32 base, u32 displacement)
{
    u32 mod = !displacement ? 0 : fits8((u64)(s64)(s32)displacement) ? 1 : 2, size = 1;
    u64 operand = mod << 6 | (reg & 7) << 3 | base;
    if (base == RSP) {
        operand |= 0x2400;
        size = 2;
    }
    emit_code(e, operand | (u64)displacement << 8 * size, size + mod * mod);
}

void emit_slot(struct emitter *e, enum slot_op op, u32 reg, u32 slot)
{
    emit_at_slot(e, REX_W | REX_R(reg) | op << 8, 2, reg, slot);
}

void emit_slot_unary(struct emitter *e, enum slot_unary op, u32 slot)
{
    emit_at_slot(e, (u32)op >> 8, 1, op, slot);
}

void emit_slot32_set(struct emitter *e, u32 slot, u32 value)
{
    emit_slot_unary(e, SLOT_SET, slot);
    emit32(e, value);
}

void emit_slot_set(struct emitter *e, u32 slot, u64 value)
{
    emit8(e, REX_W);
    emit_slot32_set(e, slot, (u32)value);
}

/* Opcode with REX; ModRM byte, SIB byte and displacement of an operand without base and index. */
void emit_word(struct emitter *e, enum slot_op op, u32 reg, const u64 *at)
{
    emit_code(e, REX_W | REX_R(reg) | op << 8 | (0x2504 | (reg & 7) << 3) << 16 | (u64)at << 32, 8);
}

void emit_word_set(struct emitter *e, const u64 *at, u32 value)
{
    emit_code(e, 0x2504c748 | (u64)at << 32, 8);
    emit32(e, value);
}

void emit_slot32_compare(struct emitter *e, u32 slot, u32 value)
{
    emit_slot_unary(e, SLOT_COMPARE, slot);
    emit32(e, value);
}

void emit_slot32_or(struct emitter *e, u32 slot, u32 value)
{
    emit_slot_unary(e, SLOT_OR, slot);
    emit32(e, value);
}

void emit_slot32_test(struct emitter *e, u32 slot, u32 value)
{
    emit_slot_unary(e, SLOT_TEST, slot);
    emit32(e, value);
}

void emit_slot32_decrement(struct emitter *e, u32 slot)
{
    emit_slot_unary(e, SLOT_DECREMENT, slot);
}

void emit_slot_add8(struct emitter *e, u32 slot, s32 value)
{
    emit_slot(e, SLOT_ADD8, 0, slot);
    emit8(e, (u32)value);
}

void emit_store_constant(struct emitter *e, u32 base, u64 value)
{
    bool sign = fits32(value);
    if (sign)
        emit8(e, REX_W);
    emit8(e, 0xc7);
    emit_base(e, 0, base, 0);
    emit32(e, value);
    if (sign)
        return;
    emit8(e, 0xc7);
    emit_base(e, 0, base, 4);
    emit32(e, value >> 32);
}

void emit_compare_constant(struct emitter *e, u32 base, u64 value)
{
    emit_code(e, REX_W | 0x81 << 8, 2);
    emit_base(e, 7, base, 0);
    emit32(e, value);
}

void emit_load(struct emitter *e, u32 reg, u32 base)
{
    emit_code(e, REX_W | REX_R(reg) | 0x8b << 8, 2);
    emit_base(e, reg, base, 0);
}

void emit_store(struct emitter *e, u32 reg, u32 base)
{
    emit_code(e, REX_W | REX_R(reg) | 0x89 << 8, 2);
    emit_base(e, reg, base, 0);
}

u32 emit_slot_jump_unless(struct emitter *e, u32 slot, u64 value, struct fixup32 unequal[2])
{
    bool sign = fits32(value);
    if (sign)
        emit8(e, REX_W);
    emit_slot32_compare(e, slot, (u32)value);
    unequal[0] = emit_jcc(e, CC_NE);
    if (sign)
        return 1;
    emit_slot32_compare(e, slot + 4, (u32)(value >> 32));
    unequal[1] = emit_jcc(e, CC_NE);
    return 2;
}

void emit_constant(struct emitter *e, u32 reg, u64 value)
{
    u32 low = (u32)value;
    if (low == value) {
        if (reg >= 8)
            emit8(e, 0x41);
        emit_code(e, 0xb8 | (reg & 7) | (u64)low << 8, 5);
    } else if (fits32(value)) {
        emit_code(e, REX_W | REX_B(reg) | 0xc7 << 8 | (0xc0 | (reg & 7)) << 16 | (u64)low << 24, 7);
    } else {
        emit_code(e, REX_W | REX_B(reg) | (0xb8 | (reg & 7)) << 8, 2);
        emit_code(e, value, 8);
    }
}

/* [base + index * scale + displacement] with any registers; base may be REG_NONE. */
static void emit_indexed(struct emitter *e, u32 reg, u32 base, const struct memory_operand *memory)
{
    static const u8 scales[] = {[1] = 0, [2] = 1 << 6, [4] = 2 << 6, [8] = 3 << 6};
    u32 displacement = (u32)memory->displacement;
    u32 mod = base == REG_NONE ? 0 : fits8((u64)memory->displacement) ? 1 : 2;
    u32 index = memory->index == REG_NONE ? 4 : memory->index & 7;
    u32 sib = scales[memory->index == REG_NONE ? 1 : memory->scale] | index << 3 | (base == REG_NONE ? 5 : base & 7);
    u32 modrm = mod << 6 | (reg & 7) << 3 | 4;
    emit_code(e, modrm | sib << 8 | (u64)displacement << 16, mod == 1 ? 3 : 6);
}

void emit_lea(struct emitter *e, u32 reg, u32 size, const struct insn *insn, u32 base, u64 next)
{
    const struct memory_operand *memory = &insn->memory;
    u64 constant = (u64)memory->displacement + (memory->rip_relative ? next : 0);
    if (memory->rip_relative || (base == REG_NONE && memory->index == REG_NONE)) {
        constant &= insn->address_size == 4 ? 0xffffffff : ~0ull;
        if (size == 2) { /* the rest of the register stays */
            emit8(e, 0x66);
            if (reg >= 8)
                emit8(e, 0x41);
            emit8(e, 0xb8 | (reg & 7));
            emit16(e, (u32)constant);
        } else {
            emit_constant(e, reg, size == 4 ? (u32)constant : constant);
        }
        return;
    }
    if (size == 2)
        emit8(e, 0x66);
    if (insn->address_size == 4)
        emit8(e, 0x67);
    emit_code(e, 0x40 | (size == 8 ? 8 : 0) | REX_R(reg) | REX_X(memory->index) | REX_B(base) | 0x8d << 8, 2);
    emit_indexed(e, reg, base, memory);
}

void emit_jump_back(struct emitter *e, const u8 *to)
{
    emit_code(e, 0xe9 | (u64)(to - (e->at + 5)) << 8, 5);
}

void emit_jcc_back(struct emitter *e, u32 condition, const u8 *to)
{
    emit_code(e, 0x800f | condition << 8 | (u64)(to - (e->at + 6)) << 16, 6);
}

struct fixup32 emit_jump(struct emitter *e)
{
    emit_code(e, 0xe9, 5);
    return (struct fixup32){e->at - 4};
}

struct fixup32 emit_jcc(struct emitter *e, u32 condition)
{
    emit_code(e, 0x800f | condition << 8, 6);
    return (struct fixup32){e->at - 4};
}

void emit_bind(struct emitter *e, struct fixup32 fixup)
{
    u32 displacement = (u32)(e->at - (fixup.at + 4));
    if (!e->full)
        __builtin_memcpy(fixup.at, &displacement, 4);
}
