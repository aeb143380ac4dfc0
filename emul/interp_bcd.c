/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decimal adjustment (not in 64-bit mode, where the decoder refuses it).
 */
#include "emul/interp.h"

#define DIGIT_FLAGS ((u64)(RFLAGS_SF | RFLAGS_ZF | RFLAGS_PF))

/* AAA, AAS. OF, SF, ZF and PF are undefined: they stay. */
enum emul_status interp_bcd_unpacked(struct interp *in)
{
    u64 ax = reg_read(in->v, RAX, 2);
    bool adjust = (ax & 15) > 9 || (flags_read(in) & RFLAGS_AF);
    if (adjust)
        ax = in->insn->op == OP_AAA ? ax + 0x106 : ax - 0x106;
    reg_write(in->v, RAX, 2, ax & 0xff0f);
    flags_write(in, RFLAGS_AF | RFLAGS_CF, adjust ? RFLAGS_AF | RFLAGS_CF : 0);
    return EMUL_DONE;
}

/* DAA, DAS. OF is undefined: it stays. */
enum emul_status interp_bcd_packed(struct interp *in)
{
    u8 al = (u8)in->v->gpr[RAX];
    u64 old = flags_read(in), flags = 0;
    bool add = in->insn->op == OP_DAA;
    u8 result = al;
    if ((al & 15) > 9 || (old & RFLAGS_AF)) {
        result = add ? result + 6 : result - 6;
        flags |= RFLAGS_AF;
        if (!add && al < 6)
            flags |= RFLAGS_CF;
    }
    if (al > 0x99 || (old & RFLAGS_CF)) {
        result = add ? result + 0x60 : result - 0x60;
        flags |= RFLAGS_CF;
    }
    reg_write(in->v, RAX, 1, result);
    flags_write(in, FLAGS_STATUS & ~(u64)RFLAGS_OF, flags | flags_of_result(result, 1));
    return EMUL_DONE;
}

enum emul_status interp_aam(struct interp *in)
{
    u8 base = (u8)in->insn->immediate, al = (u8)in->v->gpr[RAX];
    if (base == 0)
        return fault(in, VECTOR_DE);
    reg_write(in->v, RAX, 2, (u64)(al / base) << 8 | al % base);
    flags_write(in, DIGIT_FLAGS, flags_of_result(al % base, 1));
    return EMUL_DONE;
}

enum emul_status interp_aad(struct interp *in)
{
    u64 ax = reg_read(in->v, RAX, 2);
    u8 result = (u8)(ax + (ax >> 8) * (u8)in->insn->immediate);
    reg_write(in->v, RAX, 2, result);
    flags_write(in, DIGIT_FLAGS, flags_of_result(result, 1));
    return EMUL_DONE;
}
