/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the groups of the interpreter share. Only emul/interp*.c and emul/step.c include this.
 *
 * A handler checks everything that can fault or be refused first, then acts. EMUL_DONE with `next` and `shadow` as it
 * wants them; EMUL_EVENT with the fault raised and nothing changed, but for what Intel's processors leave behind
 * (docs/INTERPRETER.md): string instructions all completed elements, PUSHA, POPA and CALL what they had moved.
 */
#ifndef EMUL_INTERP_H
#define EMUL_INTERP_H

#include "emul/access.h"
#include "emul/emul.h"
#include "emul/flags.h"

struct interp {
    struct vcpu *v;
    const struct insn *insn;
    u64 next;   /* RIP when the instruction completes; jumps change it */
    bool quick; /* quick_possible() */
    u32 shadow; /* BLOCKING_BY_STI or BLOCKING_BY_MOV_SS: what the instruction leaves behind */
};

typedef enum emul_status interp_handler(struct interp *in);

/* Handler of an op; never NULL. */
extern interp_handler *const interp_handlers[OP_COUNT];
interp_handler *interp_handler_of(u16 op);

#define INTERP(op, handler) interp_handler interp_##handler;
#include "emul/interp.def"
#undef INTERP

/* interp_alu() where its usual case does not hold. */
enum emul_status interp_alu_slow(struct interp *in);

/* Registers. A 4-byte write clears the upper half, 1 and 2 bytes leave the rest (SDM "General-Purpose Registers in
 * 64-Bit Mode"). */
static inline __attribute__((always_inline)) u64 reg_read_inline(struct vcpu *v, u32 reg, u32 size)
{
    if (reg == RSP)
        vcpu_need(v, PART_RSP);
    return v->gpr[reg] & size_mask(size);
}

static inline __attribute__((always_inline)) void reg_write_inline(struct vcpu *v, u32 reg, u32 size, u64 value)
{
    if (reg == RSP) {
        vcpu_need(v, PART_RSP);
        vcpu_dirty(v, PART_RSP);
    }
    switch (size) {
    case 1:
        v->gpr[reg] = (v->gpr[reg] & ~0xffull) | (u8)value;
        break;
    case 2:
        v->gpr[reg] = (v->gpr[reg] & ~0xffffull) | (u16)value;
        break;
    case 4:
        v->gpr[reg] = (u32)value;
        break;
    default:
        v->gpr[reg] = value;
        break;
    }
}

/* A GPR operand, which may be AH, CH, DH or BH. */
static inline __attribute__((always_inline)) u64 gpr_read_inline(struct vcpu *v, const struct operand *operand,
                                                                 u32 size)
{
    if (operand->high8)
        return (v->gpr[operand->reg] >> 8) & 0xff;
    return reg_read_inline(v, operand->reg, size);
}

static inline __attribute__((always_inline)) void gpr_write_inline(struct vcpu *v, const struct operand *operand,
                                                                   u32 size, u64 value)
{
    if (operand->high8)
        v->gpr[operand->reg] = (v->gpr[operand->reg] & ~0xff00ull) | (u64)(u8)value << 8;
    else
        reg_write_inline(v, operand->reg, size, value);
}

/* The same out of line, for the size of the code; fast paths use those above. */
u64 reg_read(struct vcpu *v, u32 reg, u32 size);
void reg_write(struct vcpu *v, u32 reg, u32 size, u64 value);
u64 gpr_read(struct vcpu *v, const struct operand *operand, u32 size);
void gpr_write(struct vcpu *v, const struct operand *operand, u32 size, u64 value);

static inline u64 flags_read(struct interp *in)
{
    return vcpu_rflags(in->v);
}

/* Replaces the flags of `mask`. */
static inline void flags_write(struct interp *in, u64 mask, u64 flags)
{
    in->v->rflags = (vcpu_rflags(in->v) & ~mask) | (flags & mask);
    vcpu_dirty(in->v, PART_RFLAGS);
}

static inline enum emul_status fault(struct interp *in, enum vector vector)
{
    vcpu_raise(in->v, vector);
    return EMUL_EVENT;
}

static inline enum emul_status fault_code(struct interp *in, enum vector vector, u32 error_code)
{
    vcpu_raise_code(in->v, vector, error_code);
    return EMUL_EVENT;
}

/* Protected mode proper: descriptors mean something. */
static inline bool descriptors_rule(struct vcpu *v)
{
    return vcpu_protected(v) && !vcpu_v86(v);
}

/* Offset of the memory operand in its segment, cut to the address size. */
static inline __attribute__((always_inline)) u64 operand_address_of(struct interp *in)
{
    const struct memory_operand *memory = &in->insn->memory;
    u64 address = (u64)memory->displacement;
    if (memory->base != REG_NONE)
        address += reg_read(in->v, memory->base, 8);
    if (memory->index != REG_NONE)
        address += in->v->gpr[memory->index] * memory->scale;
    if (memory->rip_relative)
        address += in->next;
    u32 size = in->insn->address_size;
    return size == 8 ? address : address & size_mask(size);
}
u64 operand_address(struct interp *in);

/* An operand that is not a register: read from memory, a segment register or the instruction. False: fault raised. */
bool operand_read_other(struct interp *in, const struct operand *operand, u64 *value);

/* Operand `n` as a value, zero-extended from its size (immediates as decoded). False: fault raised. */
bool operand_read(struct interp *in, u32 n, u64 *value);

/* An operand that is written, or read and written: opened first, so that what follows cannot fault. */
struct place {
    const struct operand *operand;
    struct access_span span; /* of a memory operand */
};

/* Opens the memory operand. False: fault raised. */
bool memory_open(struct interp *in, const struct operand *operand, enum access_kind kind, struct access_span *span);

bool place_open(struct interp *in, u32 n, enum access_kind kind, struct place *place);

u64 place_get(struct interp *in, const struct place *place);

void place_put(struct interp *in, const struct place *place, u64 value);

/* Writes what was worked out from `old`. False: locked, and memory had changed meanwhile: get and work it out again. */
bool place_update(struct interp *in, const struct place *place, u64 old, u64 value, bool locked);

/*
 * ADD, ADC, SUB, SBB, CMP, AND, OR, XOR, TEST of two values that are cut to `size`; *flags has CF on entry and the
 * status flags on return.
 */
u64 alu_result(u16 op, u64 a, u64 b, u32 size, u64 *flags);
/* The same for INC, DEC, NEG, NOT. */
u64 unary_result(u16 op, u64 a, u32 size, u64 *flags);

/* SDM "Address-Size Attribute for Stack": 2, 4 or 8. */
u32 stack_size(struct vcpu *v);
/* RSP moved by `delta` in the stack's address size; the rest of RSP is what a write of that size leaves. */
u64 stack_moved(struct vcpu *v, u64 rsp, s64 delta);
/* Opens [SS:rsp]; RSP itself is set by the handler when all has been checked. */
bool stack_open(struct vcpu *v, u64 rsp, u32 size, enum access_kind kind, struct access_span *span);
void stack_set(struct vcpu *v, u64 rsp);
bool stack_push(struct interp *in, u64 value, u32 size);

/*
 * Loads ES, SS, DS, FS or GS as MOV does, by descriptor or, in real and virtual-8086 mode, from the selector alone;
 * sets the shadow of SS. False: fault raised, nothing changed.
 */
bool segment_load(struct interp *in, enum segment_name name, u16 selector);

/* SDM "Near Branches": checks `target`, cut to the operand size, and makes it `next`. False: #GP raised. */
bool jump_to(struct interp *in, u64 target);

/* Whether a string or port instruction used its time up: `start` is 0 on the first call of an instruction. */
bool time_is_up(struct interp *in, u64 *start);

#endif
