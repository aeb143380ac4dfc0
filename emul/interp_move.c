/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moves between registers and memory, exchanges, conditional moves.
 */
#include "emul/interp.h"

enum emul_status interp_lea(struct interp *in)
{
    const struct operand *target = &in->insn->operand[0];
    gpr_write(in->v, target, target->size, operand_address(in));
    return EMUL_DONE;
}

/* With a memory operand XCHG is locked by itself. */
enum emul_status interp_xchg(struct interp *in)
{
    struct place first, second;
    u64 a, b;
    if (!place_open(in, 0, ACCESS_MODIFY, &first) || !place_open(in, 1, ACCESS_MODIFY, &second))
        return EMUL_EVENT;
    bool memory_second = second.operand->kind == OPERAND_MEMORY;
    const struct place *memory = memory_second ? &second : &first, *other = memory_second ? &first : &second;
    do {
        a = place_get(in, memory);
        b = place_get(in, other);
    } while (!place_update(in, memory, a, b, true));
    place_put(in, other, a);
    return EMUL_DONE;
}

/*
 * A memory destination is always written, with its old value when it was not equal (SDM "CMPXCHG"); a register is left
 * alone then, upper half and all, as processors do.
 */
enum emul_status interp_cmpxchg(struct interp *in)
{
    u32 size = in->insn->operand[0].size;
    u64 accumulator = reg_read(in->v, RAX, size), source, old, value;
    struct place place;
    if (!operand_read(in, 1, &source) || !place_open(in, 0, ACCESS_MODIFY, &place))
        return EMUL_EVENT;
    do {
        old = place_get(in, &place);
        value = old == accumulator ? source : old;
        if (old != accumulator && place.operand->kind == OPERAND_GPR)
            break;
    } while (!place_update(in, &place, old, value, in->insn->flags & INSN_LOCK));
    if (old != accumulator)
        reg_write(in->v, RAX, size, old);
    u64 result = (accumulator - old) & size_mask(size);
    flags_write(in, FLAGS_STATUS, flags_of_sub(accumulator, old, result, size));
    return EMUL_DONE;
}

/* CMPXCHG8B, CMPXCHG16B: rDX:rAX against memory, rCX:rBX into it. */
enum emul_status interp_cmpxchg8b(struct interp *in)
{
    struct vcpu *v = in->v;
    u32 size = in->insn->operand[0].size, half = size / 2;
    u8 old[16], value[16];
    u64 low, high;
    struct access_span span;
    u64 address = operand_address(in);
    if (size == 16 && (access_linear_unchecked(v, in->insn->memory.segment, address) & 15))
        return fault_code(in, VECTOR_GP, 0);
    if (!access_open(v, in->insn->memory.segment, address, size, ACCESS_MODIFY, &span))
        return EMUL_EVENT;
    bool equal, written;
    do {
        low = high = 0;
        access_get(v, &span, old);
        __builtin_memcpy(&low, old, half);
        __builtin_memcpy(&high, old + half, half);
        equal = low == reg_read(v, RAX, half) && high == reg_read(v, RDX, half);
        __builtin_memcpy(value, equal ? (const u8 *)&v->gpr[RBX] : old, half);
        __builtin_memcpy(value + half, equal ? (const u8 *)&v->gpr[RCX] : old + half, half);
        written = true;
        if (in->insn->flags & INSN_LOCK)
            written = access_exchange(v, &span, old, value);
        else
            access_put(v, &span, value);
    } while (!written);
    if (!equal) {
        reg_write(v, RAX, half, low);
        reg_write(v, RDX, half, high);
    }
    flags_write(in, RFLAGS_ZF, equal ? RFLAGS_ZF : 0);
    return EMUL_DONE;
}

enum emul_status interp_xadd(struct interp *in)
{
    u32 size = in->insn->operand[0].size;
    struct place target, source;
    u64 a, b, sum;
    if (!place_open(in, 0, ACCESS_MODIFY, &target) || !place_open(in, 1, ACCESS_MODIFY, &source))
        return EMUL_EVENT;
    b = place_get(in, &source);
    if (target.operand->kind == OPERAND_MEMORY) {
        do {
            a = place_get(in, &target);
            sum = (a + b) & size_mask(size);
        } while (!place_update(in, &target, a, sum, in->insn->flags & INSN_LOCK));
        place_put(in, &source, a);
    } else {
        a = place_get(in, &target);
        sum = (a + b) & size_mask(size);
        place_put(in, &source, a); /* first: the same register twice ends as the sum */
        place_put(in, &target, sum);
    }
    flags_write(in, FLAGS_STATUS, flags_of_add(a, b, sum, size));
    return EMUL_DONE;
}

static u64 swapped(u64 value, u32 size)
{
    return __builtin_bswap64(value) >> (64 - size * 8);
}

enum emul_status interp_movbe(struct interp *in)
{
    struct place place;
    u64 value;
    if (!operand_read(in, 1, &value) || !place_open(in, 0, ACCESS_WRITE, &place))
        return EMUL_EVENT;
    place_put(in, &place, swapped(value, in->insn->operand[0].size));
    return EMUL_DONE;
}

/* Of 2 bytes undefined by the SDM; processors give 0. */
enum emul_status interp_bswap(struct interp *in)
{
    const struct operand *operand = &in->insn->operand[0];
    u64 value = gpr_read(in->v, operand, operand->size);
    gpr_write(in->v, operand, operand->size, operand->size == 2 ? 0 : swapped(value, operand->size));
    return EMUL_DONE;
}

enum emul_status interp_xlat(struct interp *in)
{
    const struct insn *insn = in->insn;
    u64 offset = (in->v->gpr[RBX] + (u8)in->v->gpr[RAX]) & size_mask(insn->address_size);
    u8 value;
    if (!access_read(in->v, insn->memory.segment, offset, &value, 1))
        return EMUL_EVENT;
    reg_write(in->v, RAX, 1, value);
    return EMUL_DONE;
}

enum emul_status interp_setcc(struct interp *in)
{
    struct place place;
    if (!place_open(in, 0, ACCESS_WRITE, &place))
        return EMUL_EVENT;
    place_put(in, &place, flags_condition(flags_read(in), in->insn->condition));
    return EMUL_DONE;
}

/* The source is read whether it is moved or not; a 4-byte destination loses its upper half either way. */
enum emul_status interp_cmovcc(struct interp *in)
{
    const struct operand *target = &in->insn->operand[0];
    u64 value;
    if (!operand_read(in, 1, &value))
        return EMUL_EVENT;
    if (!flags_condition(flags_read(in), in->insn->condition))
        value = gpr_read(in->v, target, target->size);
    gpr_write(in->v, target, target->size, value);
    return EMUL_DONE;
}
