/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SSE, MMX and AVX moves, whose registers live in the machine: MOVAPS, MOVUPS, MOVQ, MOVD, MOVSS and their kin, with
 * VEX too. Arithmetic on vectors is refused, and so is EVEX.
 */
#include "emul/interp.h"
#include "lib/cpu.h"
#include "lib/string.h"

#define VECTOR_BYTES 32
#define FSW_ES BIT(7) /* x87 status word: an unmasked exception waits */
#define XCR0_AVX (BIT(1) | BIT(2))

static bool is_vector(const struct operand *operand)
{
    return operand->kind == OPERAND_XMM || operand->kind == OPERAND_MMX;
}

static bool uses_mmx(const struct insn *insn)
{
    return insn->operand[0].kind == OPERAND_MMX || insn->operand[1].kind == OPERAND_MMX;
}

static bool raise(struct vcpu *v, enum vector vector)
{
    vcpu_raise(v, vector);
    return false;
}

/* The x87 unit's exception of an earlier instruction comes now (SDM "Interrupt 16"). */
static bool x87_quiet(struct vcpu *v)
{
    u16 status;
    __asm__ volatile("fnstsw %0" : "=a"(status));
    return !(status & FSW_ES) || raise(v, VECTOR_MF);
}

static bool vex_enabled(struct vcpu *v)
{
    return (vcpu_cr4(v) & CR4_OSXSAVE) && vcpu_protected(v) && !vcpu_v86(v) && (xgetbv(0) & XCR0_AVX) == XCR0_AVX;
}

/* SDM "Exceptions Type 4", "MMX Instructions", "Effect of Combinations of CR0 and CR4 Bits": #UD before #NM. */
static bool vector_allowed(struct interp *in)
{
    struct vcpu *v = in->v;
    u64 cr0 = vcpu_cr0(v);
    bool enabled;
    if (in->insn->flags & INSN_VEX)
        enabled = vex_enabled(v);
    else
        enabled = !(cr0 & CR0_EM) && (uses_mmx(in->insn) || (vcpu_cr4(v) & CR4_OSFXSR));
    if (!enabled)
        return raise(v, VECTOR_UD);
    if (cr0 & CR0_TS)
        return raise(v, VECTOR_NM);
    return !uses_mmx(in->insn) || x87_quiet(v);
}

static bool vector_open(struct interp *in, const struct operand *operand, enum access_kind kind,
                        struct access_span *span)
{
    enum segment_name segment = in->insn->memory.segment;
    u64 offset = operand_address(in);
    if (in->insn->op == OP_MOVAPS && (access_linear_unchecked(in->v, segment, offset) & (operand->size - 1))) {
        vcpu_raise_code(in->v, VECTOR_GP, 0);
        return false;
    }
    return access_open(in->v, segment, offset, operand->size, kind, span);
}

/*
 * Which of enum vector_register an operand is. A VEX instruction that writes 16 bytes or less clears what is above
 * them: it writes 32.
 */
static u32 register_of(const struct insn *insn, const struct operand *operand, bool written)
{
    if (operand->kind == OPERAND_MMX)
        return VECTOR_MMX + operand->reg;
    bool wide = operand->size == 32 || (written && (insn->flags & INSN_VEX));
    return (wide ? VECTOR_YMM : VECTOR_XMM) + operand->reg;
}

/* `size` bytes of operand `n`, zeros above them. */
static bool vector_read(struct interp *in, u32 n, u32 size, u8 value[static VECTOR_BYTES])
{
    const struct operand *operand = &in->insn->operand[n];
    struct access_span span;
    memset(value, 0, VECTOR_BYTES);
    if (is_vector(operand)) {
        in->v->vm->machine->vector_get(register_of(in->insn, operand, false), value);
        memset(value + size, 0, VECTOR_BYTES - size);
        return true;
    }
    if (operand->kind == OPERAND_GPR) {
        u64 number = gpr_read(in->v, operand, operand->size);
        memcpy(value, &number, sizeof(number));
        return true;
    }
    if (!vector_open(in, operand, ACCESS_READ, &span))
        return false;
    access_get(in->v, &span, value);
    return true;
}

static bool vector_write(struct interp *in, const struct operand *target, const u8 value[static VECTOR_BYTES])
{
    struct access_span span;
    u64 number;
    if (is_vector(target)) {
        in->v->vm->machine->vector_set(register_of(in->insn, target, true), value);
    } else if (target->kind == OPERAND_GPR) {
        memcpy(&number, value, sizeof(number));
        gpr_write(in->v, target, target->size, number);
    } else {
        if (!vector_open(in, target, ACCESS_WRITE, &span))
            return false;
        access_put(in->v, &span, value);
    }
    return true;
}

/* MOVSS, MOVSD between registers leave the upper part of the target. */
static void keep_upper(struct interp *in, u32 size, u8 value[static VECTOR_BYTES])
{
    const struct operand *target = &in->insn->operand[0];
    u8 old[VECTOR_BYTES];
    if (in->insn->op != OP_MOVSS || target->kind != OPERAND_XMM || in->insn->operand[1].kind != OPERAND_XMM)
        return;
    in->v->vm->machine->vector_get(VECTOR_XMM + target->reg, old);
    memcpy(value + size, old + size, 16 - size);
}

enum emul_status interp_mov_vector(struct interp *in)
{
    const struct operand *operand = in->insn->operand;
    u32 size = (u32)min_u64(operand[0].size, operand[1].size);
    u8 value[VECTOR_BYTES];
    if (!in->v->vm->machine->vector_get)
        return EMUL_UNSUPPORTED;
    if (!vector_allowed(in) || !vector_read(in, 1, size, value))
        return EMUL_EVENT;
    keep_upper(in, size, value);
    return vector_write(in, &operand[0], value) ? EMUL_DONE : EMUL_EVENT;
}
