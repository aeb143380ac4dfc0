/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Binary and unary arithmetic, multiplication and division.
 */
#include "emul/interp.h"

u64 alu_result(u16 op, u64 a, u64 b, u32 size, u64 *flags)
{
    u64 mask = size_mask(size), carry = *flags & RFLAGS_CF, result;
    switch (op) {
    case OP_ADD:
        carry = 0;
        /* fallthrough */
    case OP_ADC:
        result = (a + b + carry) & mask;
        *flags = flags_of_add(a, b, result, size);
        return result;
    case OP_SUB:
    case OP_CMP:
        carry = 0;
        /* fallthrough */
    case OP_SBB:
        result = (a - b - carry) & mask;
        *flags = flags_of_sub(a, b, result, size);
        return result;
    case OP_OR:
        result = a | b;
        break;
    case OP_XOR:
        result = a ^ b;
        break;
    default: /* AND, TEST */
        result = a & b;
        break;
    }
    *flags = flags_of_result(result, size); /* CF and OF 0; AF undefined: 0 */
    return result;
}

enum emul_status interp_alu_slow(struct interp *in)
{
    u16 op = in->insn->op;
    bool writes = op != OP_CMP && op != OP_TEST;
    u32 size = in->insn->operand[0].size;
    bool locked = in->insn->flags & INSN_LOCK;
    struct place place;
    u64 source, old, result, flags;
    if (!operand_read(in, 1, &source) || !place_open(in, 0, writes ? ACCESS_MODIFY : ACCESS_READ, &place))
        return EMUL_EVENT;
    source &= size_mask(size);
    do {
        old = place_get(in, &place);
        flags = flags_read(in);
        result = alu_result(op, old, source, size, &flags);
    } while (writes && !place_update(in, &place, old, result, locked));
    flags_write(in, FLAGS_STATUS, flags);
    return EMUL_DONE;
}

u64 unary_result(u16 op, u64 a, u32 size, u64 *flags)
{
    u64 mask = size_mask(size), result;
    u64 carry = *flags & RFLAGS_CF;
    switch (op) {
    case OP_INC:
        result = (a + 1) & mask;
        *flags = (flags_of_add(a, 1, result, size) & ~(u64)RFLAGS_CF) | carry;
        return result;
    case OP_DEC:
        result = (a - 1) & mask;
        *flags = (flags_of_sub(a, 1, result, size) & ~(u64)RFLAGS_CF) | carry;
        return result;
    case OP_NEG:
        result = (0 - a) & mask;
        *flags = flags_of_sub(0, a, result, size);
        return result;
    default: /* NOT changes no flag */
        return ~a & mask;
    }
}

enum emul_status interp_unary(struct interp *in)
{
    u32 size = in->insn->operand[0].size;
    bool locked = in->insn->flags & INSN_LOCK;
    struct place place;
    u64 old, result, flags;
    if (!place_open(in, 0, ACCESS_MODIFY, &place))
        return EMUL_EVENT;
    do {
        old = place_get(in, &place);
        flags = flags_read(in);
        result = unary_result(in->insn->op, old, size, &flags);
    } while (!place_update(in, &place, old, result, locked));
    flags_write(in, FLAGS_STATUS, flags);
    return EMUL_DONE;
}

/* rDX:rAX, or AX for bytes. */
static void write_pair(struct vcpu *v, u32 size, u64 low, u64 high)
{
    if (size == 1) {
        reg_write(v, RAX, 2, (low & 0xff) | high << 8);
    } else {
        reg_write(v, RAX, size, low);
        reg_write(v, RDX, size, high);
    }
}

/* The product's upper half goes to *high; true when it says more than an extension of the lower half does. */
static bool product(bool is_signed, u64 a, u64 b, u32 size, u64 *low, u64 *high)
{
    u32 bits = size * 8;
    u64 mask = size_mask(size);
    u128 wide;
    if (is_signed)
        wide = (u128)((__int128)(s64)sign_extend(a, size) * (s64)sign_extend(b, size));
    else
        wide = (u128)a * b;
    *low = (u64)wide & mask;
    *high = (u64)(wide >> bits) & mask;
    return *high != (is_signed && (*low & size_sign(size)) ? mask : 0);
}

/* MUL r/m; IMUL r/m; IMUL r, r/m; IMUL r, r/m, imm. SF, ZF, AF and PF are undefined: SF, ZF and PF of the low half. */
enum emul_status interp_multiply(struct interp *in)
{
    const struct insn *insn = in->insn;
    u32 size = insn->operand[0].size;
    bool one = insn->operand[1].kind == OPERAND_NONE;
    bool three = insn->operand[2].kind != OPERAND_NONE;
    u64 a, b, low, high;
    if (!operand_read(in, one ? 0 : 1, &a))
        return EMUL_EVENT;
    if (one)
        b = reg_read(in->v, RAX, size);
    else
        operand_read(in, three ? 2 : 0, &b);
    bool more = product(insn->op == OP_IMUL, a, b & size_mask(size), size, &low, &high);
    if (one)
        write_pair(in->v, size, low, high);
    else
        gpr_write(in->v, &insn->operand[0], size, low);
    flags_write(in, FLAGS_STATUS, flags_of_result(low, size) | (more ? RFLAGS_CF | RFLAGS_OF : 0));
    return EMUL_DONE;
}

/* high:low / by of `size` bytes each; false when the quotient does not fit, or by is 0. */
static bool divide_unsigned(u64 low, u64 high, u64 by, u32 size, u64 *quotient, u64 *remainder)
{
    if (high >= by)
        return false;
    if (size < 8) {
        u64 wide = high << (size * 8) | low;
        *quotient = wide / by;
        *remainder = wide % by;
        return true;
    }
    /* A 128-bit division in C would call the compiler's library. It fits: high < by. */
    __asm__("divq %[by]" : "=a"(*quotient), "=d"(*remainder) : [by] "r"(by), "a"(low), "d"(high) : "cc");
    return true;
}

static bool divide_signed(u64 low, u64 high, u64 by, u32 size, u64 *quotient, u64 *remainder)
{
    u64 mask = size_mask(size), sign = size_sign(size);
    bool negative = high & sign, by_negative = by & sign;
    if (negative) {
        low = (0 - low) & mask;
        high = (~high + (low == 0)) & mask;
    }
    if (by_negative)
        by = (0 - by) & mask;
    if (!divide_unsigned(low, high, by, size, quotient, remainder))
        return false;
    bool quotient_negative = negative != by_negative;
    if (*quotient > sign - !quotient_negative)
        return false;
    if (quotient_negative)
        *quotient = 0 - *quotient;
    if (negative)
        *remainder = 0 - *remainder;
    return true;
}

/* All status flags are undefined: they stay. */
enum emul_status interp_divide(struct interp *in)
{
    u32 size = in->insn->operand[0].size;
    u64 by, quotient, remainder;
    if (!operand_read(in, 0, &by))
        return EMUL_EVENT;
    u64 low = reg_read(in->v, RAX, size);
    u64 high = size == 1 ? reg_read(in->v, RAX, 2) >> 8 : reg_read(in->v, RDX, size);
    bool fits = in->insn->op == OP_DIV ? divide_unsigned(low, high, by, size, &quotient, &remainder)
                                       : divide_signed(low, high, by, size, &quotient, &remainder);
    if (!fits)
        return fault(in, VECTOR_DE);
    write_pair(in->v, size, quotient & size_mask(size), remainder & size_mask(size));
    return EMUL_DONE;
}

/* CBW, CWDE, CDQE: rAX from its lower half. CWD, CDQ, CQO: rDX from rAX's sign. */
enum emul_status interp_widen(struct interp *in)
{
    u32 size = in->insn->operand_size;
    if (in->insn->op == OP_CBW)
        reg_write(in->v, RAX, size, sign_extend(reg_read(in->v, RAX, size / 2), size / 2));
    else
        reg_write(in->v, RDX, size, reg_read(in->v, RAX, size) & size_sign(size) ? ~0ull : 0);
    return EMUL_DONE;
}
