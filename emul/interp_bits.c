/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shifts, rotates, and instructions on single bits.
 */
#include "emul/interp.h"

#define ROTATE_FLAGS ((u64)(RFLAGS_CF | RFLAGS_OF))

static u64 bit_at(u64 value, u32 n)
{
    return (value >> n) & 1;
}

/* CF and OF in their places. OF is defined for a count of 1; for others it follows the same rule. */
static u64 carry_overflow(u64 carry, u64 overflow)
{
    return (carry ? RFLAGS_CF : 0) | (overflow ? RFLAGS_OF : 0);
}

/* `count` 1 to 63, already masked. Only CF and OF change. */
static u64 rotate(u16 op, u64 a, u32 count, u32 bits, u64 *flags)
{
    u64 mask = size_mask(bits / 8), carry = *flags & RFLAGS_CF, result = a;
    bool left = op == OP_ROL || op == OP_RCL;
    if (op == OP_ROL || op == OP_ROR) {
        u32 n = count % bits;
        if (n != 0)
            result = left ? (a << n | a >> (bits - n)) & mask : (a >> n | a << (bits - n)) & mask;
        carry = left ? result & 1 : bit_at(result, bits - 1);
    } else {
        u32 n = count % (bits + 1);
        if (n != 0 && left) {
            result = (a << n | carry << (n - 1) | (n > 1 ? a >> (bits + 1 - n) : 0)) & mask;
            carry = bit_at(a, bits - n);
        } else if (n != 0) {
            result = (a >> n | carry << (bits - n) | (n > 1 ? a << (bits + 1 - n) : 0)) & mask;
            carry = bit_at(a, n - 1);
        }
    }
    u64 top = bit_at(result, bits - 1);
    u64 overflow = left ? top ^ carry : top ^ bit_at(result, bits - 2);
    *flags = (*flags & ~ROTATE_FLAGS) | carry_overflow(carry, overflow);
    return result;
}

static u64 shift_plain(u16 op, u64 a, u32 count, u32 bits, u64 *flags)
{
    u64 result, carry, overflow;
    switch (op) {
    case OP_SHL:
        result = count < bits ? (a << count) & size_mask(bits / 8) : 0;
        carry = count <= bits ? bit_at(a, bits - count) : 0;
        overflow = bit_at(result, bits - 1) ^ carry;
        break;
    case OP_SHR:
        result = a >> count;
        carry = bit_at(a, count - 1);
        overflow = bit_at(a, bits - 1);
        break;
    default: /* SAR */
        a = sign_extend(a, bits / 8);
        result = (u64)((s64)a >> count) & size_mask(bits / 8);
        carry = bit_at((u64)((s64)a >> (count - 1)), 0);
        overflow = 0;
        break;
    }
    *flags = flags_of_result(result, bits / 8) | carry_overflow(carry, overflow);
    return result;
}

static u64 shift_result(u16 op, u64 a, u32 count, u32 bits, u64 *flags)
{
    if (op == OP_SHL || op == OP_SHR || op == OP_SAR)
        return shift_plain(op, a, count, bits, flags);
    return rotate(op, a, count, bits, flags);
}

/* The count of C0/C1 (imm8), D0/D1 (1), D2/D3 (CL), masked as the processor does. */
static u32 shift_count(struct interp *in, u32 size)
{
    u32 count = 1;
    if (in->insn->opcode < 0xd0)
        count = (u8)in->insn->immediate;
    else if (in->insn->opcode >= 0xd2)
        count = (u8)in->v->gpr[RCX];
    return count & (size == 8 ? 63 : 31);
}

/* A count of 0 changes nothing, but a 4-byte register operand is still written. */
enum emul_status interp_shift(struct interp *in)
{
    u32 size = in->insn->operand[0].size;
    u32 count = shift_count(in, size);
    struct place place;
    if (!place_open(in, 0, ACCESS_MODIFY, &place))
        return EMUL_EVENT;
    u64 old = place_get(in, &place), flags = flags_read(in);
    u64 result = count ? shift_result(in->insn->op, old, count, size * 8, &flags) : old;
    place_put(in, &place, result);
    flags_write(in, FLAGS_STATUS, flags);
    return EMUL_DONE;
}

/* `bits` 16, 32 or 64. Where a 16-bit count passes 16 the result is undefined: the operands then follow each other
 * round. */
static u64 double_result(bool left, u64 a, u64 b, u32 count, u32 bits, u64 *carry)
{
    u64 mask = size_mask(bits / 8);
    if (count > bits) {
        u32 more = count - bits;
        *carry = left ? bit_at(b, bits - more) : bit_at(b, more - 1);
        return left ? (b << more | a >> (bits - more)) & mask : (b >> more | a << (bits - more)) & mask;
    }
    *carry = left ? bit_at(a, bits - count) : bit_at(a, count - 1);
    if (count == bits)
        return b;
    return left ? (a << count | b >> (bits - count)) & mask : (a >> count | b << (bits - count)) & mask;
}

enum emul_status interp_shift_double(struct interp *in)
{
    const struct insn *insn = in->insn;
    u32 size = insn->operand[0].size, bits = size * 8;
    u32 count = (insn->opcode & 1 ? (u8)in->v->gpr[RCX] : (u8)insn->immediate) & (size == 8 ? 63 : 31);
    struct place place;
    u64 source, carry;
    if (!operand_read(in, 1, &source) || !place_open(in, 0, ACCESS_MODIFY, &place))
        return EMUL_EVENT;
    u64 old = place_get(in, &place);
    if (count == 0) {
        place_put(in, &place, old);
        return EMUL_DONE;
    }
    u64 result = double_result(insn->op == OP_SHLD, old, source, count, bits, &carry);
    place_put(in, &place, result);
    u64 overflow = bit_at(result ^ old, bits - 1);
    flags_write(in, FLAGS_STATUS, flags_of_result(result, size) | carry_overflow(carry, overflow));
    return EMUL_DONE;
}

/* SDM "BT": a register offset reaches beyond the memory operand, in units of its size. */
static bool bit_open(struct interp *in, u64 offset, enum access_kind kind, struct place *place)
{
    const struct insn *insn = in->insn;
    u32 size = insn->operand[0].size;
    if (insn->operand[0].kind != OPERAND_MEMORY || insn->operand[1].kind == OPERAND_IMMEDIATE)
        return place_open(in, 0, kind, place);
    s64 units = (s64)sign_extend(offset, size) >> (size == 2 ? 4 : size == 4 ? 5 : 6);
    u64 address = (operand_address(in) + (u64)units * size) & size_mask(insn->address_size);
    place->operand = &insn->operand[0];
    return access_open(in->v, insn->memory.segment, address, size, kind, &place->span);
}

/* ZF is unaffected; OF, SF, AF and PF are undefined: they stay. */
enum emul_status interp_bit_test(struct interp *in)
{
    u16 op = in->insn->op;
    u32 size = in->insn->operand[0].size;
    struct place place;
    u64 offset, old, value;
    if (!operand_read(in, 1, &offset) || !bit_open(in, offset, op == OP_BT ? ACCESS_READ : ACCESS_MODIFY, &place))
        return EMUL_EVENT;
    u64 bit = 1ull << (offset & (size * 8 - 1));
    do {
        old = place_get(in, &place);
        value = op == OP_BTS ? old | bit : op == OP_BTR ? old & ~bit : old ^ bit;
    } while (op != OP_BT && !place_update(in, &place, old, value, in->insn->flags & INSN_LOCK));
    flags_write(in, RFLAGS_CF, old & bit ? RFLAGS_CF : 0);
    return EMUL_DONE;
}

static u64 highest_bit(u64 value)
{
    return 63 - (u64)__builtin_clzll(value);
}

static u64 lowest_bit(u64 value)
{
    return (u64)__builtin_ctzll(value);
}

/*
 * F3 before BSF and BSR makes TZCNT and LZCNT where the processor has them, and nothing where it has not. Asked of the
 * processor, because CPUID may hide them and does not take them away.
 */
static bool is_count(u16 op)
{
    u64 result = 0;
    if (op == OP_LZCNT)
        __asm__("lzcnt %1, %0" : "+r"(result) : "r"(1ull) : "cc");
    else if (op == OP_TZCNT)
        __asm__("tzcnt %1, %0" : "+r"(result) : "r"(0ull) : "cc");
    else
        return op == OP_POPCNT;
    return result != 0;
}

/* With a source of 0 the destination is undefined by the SDM; processors leave it, all 64 bits of it. */
enum emul_status interp_bit_scan(struct interp *in)
{
    const struct operand *target = &in->insn->operand[0];
    u64 source;
    if (!operand_read(in, 1, &source))
        return EMUL_EVENT;
    bool from_right = in->insn->op == OP_BSF || in->insn->op == OP_TZCNT;
    if (source != 0)
        gpr_write(in->v, target, target->size, from_right ? lowest_bit(source) : highest_bit(source));
    flags_write(in, RFLAGS_ZF, source == 0 ? RFLAGS_ZF : 0);
    return EMUL_DONE;
}

/* CRC-32C, bit-reflected. The SDM's page works in the other direction and reverses its operands. */
#define CRC32C_POLYNOMIAL 0x82f63b78u

enum emul_status interp_crc32(struct interp *in)
{
    const struct operand *operand = in->insn->operand;
    u64 value;
    if (!operand_read(in, 1, &value))
        return EMUL_EVENT;
    u32 crc = (u32)gpr_read(in->v, &operand[0], 4);
    for (u32 bit = 0; bit < operand[1].size * 8u; bit++, value >>= 1)
        crc = crc >> 1 ^ ((crc ^ value) & 1 ? CRC32C_POLYNOMIAL : 0);
    gpr_write(in->v, &operand[0], 4, crc);
    return EMUL_DONE;
}

static u64 population(u64 value)
{
    u64 count = 0;
    for (; value != 0; value &= value - 1)
        count++;
    return count;
}

/* POPCNT, LZCNT, TZCNT. */
enum emul_status interp_bit_count(struct interp *in)
{
    const struct operand *target = &in->insn->operand[0];
    u32 bits = target->size * 8;
    u64 source, result, flags;
    if (!is_count(in->insn->op))
        return interp_bit_scan(in);
    if (!operand_read(in, 1, &source))
        return EMUL_EVENT;
    if (in->insn->op == OP_POPCNT) {
        result = population(source);
        flags = source == 0 ? RFLAGS_ZF : 0;
        flags_write(in, FLAGS_STATUS, flags);
    } else {
        result = bits;
        if (source != 0)
            result = in->insn->op == OP_TZCNT ? lowest_bit(source) : bits - 1 - highest_bit(source);
        flags = (source == 0 ? RFLAGS_CF : 0) | (result == 0 ? RFLAGS_ZF : 0);
        flags_write(in, RFLAGS_CF | RFLAGS_ZF, flags);
    }
    gpr_write(in->v, target, target->size, result);
    return EMUL_DONE;
}
