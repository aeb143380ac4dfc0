/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random instructions for clusters: of each way to be carried (emul/cluster.h) every one there is, with all prefixes,
 * registers, operands in memory that point somewhere, and jumps. All chance comes from draw().
 */
#ifndef TEST_FUZZ_CLUSTER_CODE_H
#define TEST_FUZZ_CLUSTER_CODE_H

#include <string.h>

#include "emul/cluster.h"

#define CODE_INSNS 48
#define CODE_BYTES 512

static u32 draw(u32 n); /* 0 .. n - 1 */

/* An opcode, with ModRM's reg where that is part of it. */
struct shape {
    u8 map, opcode, reg;
    bool modrm, memory;
};

#define SHAPES_MAX 2048
struct shapes {
    u32 count[CARRY_PERFORM + 1];
    struct shape at[CARRY_PERFORM + 1][SHAPES_MAX];
};
static struct shapes code_shapes[3]; /* 16, 32, 64 bits */

static u32 shapes_of(enum code_size code_size)
{
    return code_size == CODE_16 ? 0 : code_size == CODE_32 ? 1 : 2;
}

/* ModRM's reg is no register that numbers say. */
static bool is_group(u32 map, u32 opcode)
{
    static const u8 one[] = {0x80, 0x81, 0x82, 0x83, 0x8c, 0x8e, 0x8f, 0xc0, 0xc1, 0xc6,
                             0xc7, 0xd0, 0xd1, 0xd2, 0xd3, 0xf6, 0xf7, 0xfe, 0xff};
    static const u8 two[] = {0x00, 0x01, 0x0d, 0x18, 0x1f, 0x20, 0x21, 0x22, 0x23, 0xae, 0xba, 0xc7};
    return memchr(map ? two : one, (int)opcode, map ? sizeof(two) : sizeof(one));
}

static void try_shape(enum code_size code_size, struct shape shape)
{
    struct shapes *shapes = &code_shapes[shapes_of(code_size)];
    u8 bytes[INSN_MAX] = {0};
    u32 at = 0;
    struct insn insn;
    if (shape.map)
        bytes[at++] = 0x0f;
    bytes[at++] = shape.opcode;
    bytes[at] = (shape.memory ? 0 : 0xc0) | shape.reg << 3;
    if (insn_decode(bytes, INSN_MAX, code_size, &insn) != DECODE_OK)
        return;
    shape.modrm = insn.flags & INSN_MODRM;
    if ((!shape.modrm && shape.memory) || (shape.reg && !(shape.modrm && is_group(shape.map, shape.opcode))))
        return;
    u32 carry = cluster_carry(&insn), count = shapes->count[carry]++;
    if (count >= SHAPES_MAX)
        abort();
    shapes->at[carry][count] = shape;
}

static void code_find_shapes(void)
{
    static const enum code_size sizes[] = {CODE_16, CODE_32, CODE_64};
    if (code_shapes[0].count[CARRY_REGISTERS])
        return;
    for (u32 i = 0; i < 3; i++)
        for (u32 n = 0; n < 2 * 256 * 16; n++)
            try_shape(sizes[i], (struct shape){.map = n >> 12, .opcode = n >> 4, .reg = n & 7, .memory = n & 8});
}

/* What is being made. */
struct code {
    enum code_size size;
    u64 rip; /* linear, of the first byte */
    u32 count, length;
    struct {
        u16 at, length;
        u8 jump;  /* bytes of a displacement at its end that is still to be set */
        u8 back;  /* to so many instructions before; 0: anywhere */
        u8 ahead; /* or over so many; 0: the same */
    } insn[CODE_INSNS + 10];
    u8 bytes[CODE_BYTES + 32];
    const u64 *targets; /* linear addresses that operands may name */
    u32 target_count;
    u64 base;           /* of CS */
    const u64 *callees; /* linear addresses of functions */
    u32 callee_count;
    u64 slots; /* where their offsets are kept, as an operand names it; as wide as the code */
};

/* What instructions are made of: each figure is a share of 64. */
struct code_mix {
    u32 port, device, debug, registers, memory, perform, jump, call, never;
};

/* Registers that mostly hold addresses, and all others. */
static const u8 pointers[] = {RBX, RSP, RBP, RDI, R8, R12, R13, R15};
static const u8 numbers[] = {RAX, RCX, RAX, RSI, R9, R10, R11, R14};
/* Of them those that point at trapped pages. */
static const u8 device_pointers[] = {RDI, R8, RBX};

static u32 draw_number(void)
{
    return draw(6) ? numbers[draw(8)] : draw(16);
}

static u32 draw_pointer(void)
{
    return draw(12) ? pointers[draw(8)] : draw(16);
}

static u32 put_value(struct code *code, u32 at, u64 value, u32 size)
{
    memcpy(code->bytes + at, &value, size);
    return at + size;
}

/* The instruction of `length` bytes at the end stands. */
static void code_add(struct code *code, u32 length)
{
    code->insn[code->count].at = (u16)code->length;
    code->insn[code->count++].length = (u16)length;
    code->length += length;
    code->insn[code->count].at = (u16)code->length;
    code->insn[code->count].jump = code->insn[code->count].back = code->insn[code->count].ahead = 0;
}

/* Bytes at the end; how many. */
static u32 put_bytes(struct code *code, const void *bytes, u32 size)
{
    memcpy(code->bytes + code->length, bytes, size);
    return size;
}
#define PUT_BYTES(code, ...) put_bytes(code, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

/* ModRM, SIB and displacement with `base`; the REX bits that it needs. */
static u32 put_operand(struct code *code, u32 at, u32 reg, u32 base, u32 *rex)
{
    u32 mod = draw(4) == 0 ? 2 : draw(2), index = draw(4) == 0 ? draw_number() : RSP;
    u8 displacement = draw(3) ? 16 * draw(4) : draw(256);
    bool sib = (base & 7) == 4 || index != RSP || draw(16) == 0;
    if (mod == 0 && (base & 7) == 5)
        mod = 1;
    *rex |= (base >> 3) | (index != RSP ? index >> 3 << 1 : 0);
    code->bytes[at++] = mod << 6 | (reg & 7) << 3 | (sib ? 4 : base & 7);
    if (sib)
        code->bytes[at++] = (index == RSP ? draw(4) << 6 | 4 << 3 : draw(4) << 6 | (index & 7) << 3) | (base & 7);
    if (mod == 1)
        code->bytes[at++] = displacement;
    else if (mod == 2)
        at = put_value(code, at, draw(8) ? displacement : 0 - (u64)displacement, 4);
    return at;
}

/* By RIP, or absolute. */
static u32 put_place(struct code *code, u32 at, u32 reg, u64 target)
{
    u32 length = code->size == CODE_64 ? 4 : code->size;
    code->bytes[at++] = (reg & 7) << 3 | (code->size == CODE_16 ? 6 : 5);
    if (code->size == CODE_64)
        target -= code->rip + at + 4;
    return put_value(code, at, target, length);
}

static u32 put_target(struct code *code, u32 at, u32 reg)
{
    return put_place(code, at, reg, code->targets[draw(code->target_count)] + draw(9));
}

/* In 16-bit code any form; in the others what the base says. */
static u32 put_memory(struct code *code, u32 at, u32 reg, u32 base, u32 *rex)
{
    if (draw(8) == 0)
        return put_target(code, at, reg);
    if (code->size != CODE_16)
        return put_operand(code, at, reg, code->size == CODE_64 ? base : base & 7, rex);
    u32 mod = draw(2);
    code->bytes[at++] = mod << 6 | (reg & 7) << 3 | draw(8);
    return put_value(code, at, draw(8) ? 16 * draw(6) : draw(65536), (code->bytes[at - 1] & 0xc7) == 6 ? 2 : mod);
}

static u32 put_prefixes(struct code *code, u32 at, u32 carry)
{
    static const u8 rare[] = {0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x67};
    if (draw(4) == 0)
        code->bytes[at++] = 0x66;
    if (draw(carry == CARRY_PERFORM ? 4 : 16) == 0)
        code->bytes[at++] = rare[draw(carry == CARRY_PERFORM ? 3 : 10)];
    return at;
}

/* One instruction of this shape at `start`. Returns its length; 0: it came to nothing. */
static u32 put_shape(struct code *code, u32 start, const struct shape *shape, u32 carry, u32 base)
{
    u32 at = start;
    if (code->size == CODE_64 && draw(64) == 0) /* lost, if another prefix follows */
        code->bytes[at++] = 0x40 | draw(16);
    at = put_prefixes(code, at, carry);
    u32 rex_at = at, rex = 0;
    u32 reg = draw_number(), rm = draw_number();
    struct insn insn;
    if (code->size == CODE_64 && draw(2))
        rex |= draw(2) << 3;
    if (shape->modrm && is_group(shape->map, shape->opcode))
        reg = shape->reg | (reg & 8);
    at++; /* for REX */
    if (shape->map)
        code->bytes[at++] = 0x0f;
    code->bytes[at++] = shape->opcode;
    if (shape->modrm && shape->memory)
        at = put_memory(code, at, reg, base, &rex);
    else if (shape->modrm)
        code->bytes[at++] = 0xc0 | (reg & 7) << 3 | (rm & 7);
    if (shape->modrm)
        rex |= reg >> 3 << 2 | (shape->memory ? 0 : rm >> 3);
    else
        rex |= draw(2);
    for (u32 i = 0; i < 8; i++) /* immediates: small ones, and any */
        code->bytes[at + i] = i == 0 || draw(2) ? draw(256) : 0;
    if (code->size == CODE_64 && (rex || draw(4) == 0)) {
        code->bytes[rex_at] = 0x40 | rex;
    } else {
        memmove(code->bytes + rex_at, code->bytes + rex_at + 1, 24);
    }
    if (insn_decode(code->bytes + start, INSN_MAX, code->size, &insn) != DECODE_OK || insn.op == OP_OTHER)
        return 0;
    if (carry != CARRY_NOT && cluster_carry(&insn) == CARRY_NOT)
        return 0;
    return insn.length;
}

static u32 put_any(struct code *code, enum carry carry, u32 base)
{
    if (carry == CARRY_PERFORM && draw(24) == 0)
        return PUT_BYTES(code, 0x0f, 0x01, 0xf9); /* RDTSCP, which is no shape: ModRM is a part of its opcode */
    const struct shapes *shapes = &code_shapes[shapes_of(code->size)];
    const struct shape *shape = &shapes->at[carry][draw(shapes->count[carry])];
    return put_shape(code, code->length, shape, carry, base);
}

static u32 put_port(struct code *code)
{
    static const u8 ports[] = {0x80, 0x80, 0x80, 0x60, 0x64, 0x21, 0x92, 0x40};
    u32 at = code->length;
    u8 opcode = 0xe4 | draw(4) | (draw(2) ? 8 : 0);
    if (draw(4) == 0)
        code->bytes[at++] = 0x66;
    if (code->size == CODE_64 && draw(8) == 0)
        code->bytes[at++] = 0x40 | draw(16);
    code->bytes[at++] = opcode;
    if (!(opcode & 8))
        code->bytes[at++] = ports[draw(8)];
    return at - code->length;
}

/* String ports, with what repeats them. */
static u32 put_string_port(struct code *code)
{
    u32 at = code->length;
    if (draw(2))
        code->bytes[at++] = 0xf3 - draw(2);
    code->bytes[at++] = 0x6c | draw(4);
    return at - code->length;
}

static u32 put_debug(struct code *code)
{
    u32 at = code->length, reg = draw_number(), number = draw(4) ? draw(4) : draw(8);
    if (code->size == CODE_64 && (reg >= 8 || draw(8) == 0))
        code->bytes[at++] = 0x40 | reg >> 3;
    code->bytes[at++] = 0x0f;
    code->bytes[at++] = draw(2) ? 0x21 : 0x23;
    code->bytes[at++] = 0xc0 | number << 3 | (reg & 7);
    return at - code->length;
}

/* A jump whose displacement is set when all are there. */
static u32 put_jump(struct code *code)
{
    u32 at = code->length, kind = draw(16), wide = 1;
    if (kind == 0 && draw(2))
        code->bytes[at++] = 0x66;
    if (kind <= 3 && draw(3) == 0)
        code->bytes[at++] = 0x67;
    if (kind <= 3) {
        code->bytes[at++] = 0xe0 | kind;
    } else if (kind <= 5) {
        code->bytes[at++] = 0xeb - (kind == 5 ? 2 : 0);
        wide = kind == 5 ? 4 : 1;
    } else if (kind <= 7) {
        code->bytes[at++] = 0x0f;
        code->bytes[at++] = 0x80 | draw(16);
        wide = 4;
    } else {
        code->bytes[at++] = 0x70 | draw(16);
    }
    if (wide == 4 && code->size == CODE_16)
        wide = 2;
    code->insn[code->count].jump = wide;
    return put_value(code, at, 0, wide) - code->length;
}

#endif
