/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random guest code for clusters: of each way to be carried (emul/cluster.h) every instruction there is, with all
 * prefixes, registers, operands in memory that point somewhere, and jumps among them. All chance comes from draw().
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
    u64 rip; /* of the first byte */
    u32 count, length;
    struct {
        u16 at, length;
        u8 jump; /* bytes of a displacement at its end that is still to be set */
    } insn[CODE_INSNS + 1];
    u8 bytes[CODE_BYTES + 32];
    const u64 *targets; /* linear addresses that operands may name */
    u32 target_count;
};

/* What instructions are made of: each figure is a share of 64. */
struct code_mix {
    u32 port, device, debug, registers, memory, perform, jump, never;
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
static u32 put_target(struct code *code, u32 at, u32 reg)
{
    u64 target = code->targets[draw(code->target_count)] + draw(9);
    u32 length = code->size == CODE_64 ? 4 : code->size;
    code->bytes[at++] = (reg & 7) << 3 | (code->size == CODE_16 ? 6 : 5);
    if (code->size == CODE_64)
        target -= code->rip + at + 4;
    return put_value(code, at, target, length);
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

static u32 put_one(struct code *code, const struct code_mix *mix)
{
    u32 choice = draw(64);
    if (choice < mix->port)
        return draw(12) ? put_port(code) : put_string_port(code);
    choice -= mix->port;
    if (choice < mix->device)
        return put_any(code, CARRY_MEMORY, device_pointers[draw(3)]);
    choice -= mix->device;
    if (choice < mix->debug)
        return put_debug(code);
    choice -= mix->debug;
    if (choice < mix->jump)
        return put_jump(code);
    choice -= mix->jump;
    if (choice < mix->memory)
        return put_any(code, code->size == CODE_64 ? CARRY_MEMORY : CARRY_PERFORM, draw_pointer());
    choice -= mix->memory;
    if (choice < mix->perform)
        return put_any(code, CARRY_PERFORM, draw_pointer());
    choice -= mix->perform;
    if (choice < mix->never)
        return put_any(code, CARRY_NOT, draw_pointer());
    return put_any(code, CARRY_REGISTERS, draw_pointer());
}

/* To another instruction, forward or back; now and then into one, or away. */
static void aim_jump(struct code *code, u32 i)
{
    u32 end = code->insn[i].at + code->insn[i].length, size = code->insn[i].jump;
    u32 to = draw(3) ? i + 1 + draw(6) : i - draw(i < 8 ? i + 1 : 8);
    u64 displacement = (u64)code->insn[to < code->count ? to : code->count].at - end;
    if (draw(48) == 0)
        displacement += draw(32);
    if (size == 1 && (u64)(s64)(s8)displacement != displacement)
        displacement = 0;
    memcpy(code->bytes + end - size, &displacement, size);
}

/* Up to `count` instructions from code->rip on. */
static void code_make(struct code *code, u32 count, const struct code_mix *mix)
{
    code->count = code->length = 0;
    while (code->count < count && code->length < CODE_BYTES - 16) {
        code->insn[code->count].jump = 0;
        u32 length = put_one(code, mix);
        if (!length)
            continue;
        code->insn[code->count].at = (u16)code->length;
        code->insn[code->count++].length = (u16)length;
        code->length += length;
    }
    code->insn[code->count].at = (u16)code->length;
    for (u32 i = 0; i < code->count; i++)
        if (code->insn[i].jump)
            aim_jump(code, i);
    memset(code->bytes + code->length, 0x90, 16); /* HLT, and what is behind it is decoded too */
    code->bytes[code->length] = 0xf4;
    code->length += 16;
}

#endif
