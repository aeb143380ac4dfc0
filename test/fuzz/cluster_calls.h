/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random control flow between functions, and what compilers and kernels make of it: calls, returns that match and that
 * do not, computed calls and jumps, retpolines, thunks.
 */
#ifndef TEST_FUZZ_CLUSTER_CALLS_H
#define TEST_FUZZ_CLUSTER_CALLS_H

#include "test/fuzz/cluster_code.h"

static u64 draw_callee(const struct code *code)
{
    return code->callees[draw(code->callee_count)];
}

/* Registers that computed calls use. */
static u32 draw_call_register(const struct code *code)
{
    static const u8 registers[] = {RAX, RSI, RAX, RCX, R11, R9};
    return registers[draw(code->size == CODE_64 ? 6 : 4)];
}

/* CALL (E8), JMP (E9) rel16 or rel32; with 66 the other, which cuts RIP where it is 16 bits. */
static u32 put_direct(struct code *code, u8 opcode, u64 to)
{
    u32 at = code->length, size = code->size == CODE_16 ? 2 : 4;
    if (draw(48) == 0) {
        code->bytes[at++] = 0x66;
        size = code->size == CODE_64 ? 4 : 6 - size;
    }
    code->bytes[at++] = opcode;
    return put_value(code, at, to - (code->rip + at + size), size) - code->length;
}

/* MOV reg, imm or LEA: the offset of a function. */
static u32 put_load(struct code *code, u32 reg, u64 to)
{
    u32 at = code->length, size = code->size == CODE_16 ? 2 : 4;
    bool relative = code->size == CODE_64 && draw(3) == 0;
    if (relative || reg >= 8)
        code->bytes[at++] = relative ? 0x48 | reg >> 3 << 2 : 0x41;
    if (!relative) {
        code->bytes[at++] = 0xb8 | (reg & 7);
        return put_value(code, at, to - code->base, size) - code->length;
    }
    code->bytes[at++] = 0x8d;
    return put_place(code, at, reg, to) - code->length;
}

/* FF with `reg` 2 (CALL) or 4 (JMP), through a register. */
static u32 put_through_register(struct code *code, u32 reg, u32 through)
{
    u32 at = code->length;
    if (draw(12) == 0)
        code->bytes[at++] = draw(4) ? 0x3e : 0x66; /* NOTRACK */
    if (through >= 8)
        code->bytes[at++] = 0x41;
    code->bytes[at++] = 0xff;
    code->bytes[at++] = 0xc0 | reg << 3 | (through & 7);
    return at - code->length;
}

/* The same, through memory: mostly a place where an offset is kept. */
static u32 put_through_memory(struct code *code, u32 reg)
{
    u32 at = code->length, rex = 0;
    code->bytes[at++] = 0xff;
    if (draw(8))
        return put_place(code, at, reg, code->slots + (u64)code->size * draw(code->callee_count)) - code->length;
    at = put_memory(code, at, reg, pointers[draw(4)], &rex);
    return at - code->length;
}

/* "call 1f; 0: pause; lfence; jmp 0b; 1: mov %reg,(%rsp); ret" with the function in `reg`. */
static u32 put_retpoline(struct code *code, u32 reg)
{
    static const u8 turn[] = {0xf3, 0x90, 0x0f, 0xae, 0xe8, 0xeb, 0xf9};
    u32 at = code->length;
    code->bytes[at++] = 0xe8;
    code_add(code, put_value(code, at, sizeof(turn), code->size == CODE_16 ? 2 : 4) - code->length);
    code_add(code, put_bytes(code, turn, 2));
    code_add(code, put_bytes(code, turn + 2, 3));
    code_add(code, put_bytes(code, turn + 5, 2));
    at = code->length;
    if (code->size != CODE_32)
        code->bytes[at++] = code->size == CODE_16 ? 0x67 : 0x48 | reg >> 3 << 2;
    code->bytes[at++] = 0x89;
    code->bytes[at++] = 0x04 | (reg & 7) << 3;
    code->bytes[at++] = 0x24;
    code_add(code, at - code->length);
    return PUT_BYTES(code, 0xc3);
}

/* To a function and back, if it comes back. */
static u32 put_call(struct code *code)
{
    u32 kind = draw(16), reg = draw_call_register(code);
    if (kind < 8)
        return put_direct(code, 0xe8, draw_callee(code));
    if (kind == 8)
        return put_direct(code, 0xe9, draw_callee(code));
    if (kind <= 10)
        return put_through_memory(code, draw(4) ? 2 : 4);
    if (draw(8))
        code_add(code, put_load(code, reg, draw_callee(code)));
    if (kind == 11)
        return put_retpoline(code, reg);
    return put_through_register(code, kind == 12 ? 4 : 2, reg);
}

/* CALL; TEST AL, imm; Jcc back to the CALL. */
static u32 put_poll(struct code *code)
{
    code_add(code, put_direct(code, 0xe8, draw_callee(code)));
    code_add(code, PUT_BYTES(code, 0xa8, draw(256)));
    code->insn[code->count].jump = 1;
    code->insn[code->count].back = 2;
    return PUT_BYTES(code, 0x74 | draw(2), 0);
}

/* ADD byte [rSP], imm: what RET is going to take. */
static u32 put_change_return(struct code *code)
{
    static const u8 add[] = {0x67, 0x80, 0x04, 0x24};
    u32 skip = code->size == CODE_16 ? 0 : 1;
    put_bytes(code, add + skip, sizeof(add) - skip);
    code->bytes[code->length + sizeof(add) - skip] = draw(8) ? draw(6) : draw(256);
    return sizeof(add) - skip + 1;
}

/* How a function ends. */
static u32 put_return(struct code *code)
{
    u32 reg = draw(4);
    switch (draw(20)) {
    case 0:
        return PUT_BYTES(code, 0xf2 | draw(2), 0xc3);
    case 1:
    case 2:
        return PUT_BYTES(code, 0xc2, draw(4) ? draw(5) * 4 : draw(256), draw(8) == 0);
    case 3:
        return PUT_BYTES(code, 0x66, 0xc3);
    case 4:
    case 5: /* a thunk for returns, or a tail call */
        return put_direct(code, 0xe9, draw_callee(code));
    case 6: /* to the caller's caller */
        code_add(code, PUT_BYTES(code, 0x58 | reg));
        return PUT_BYTES(code, 0xc3);
    case 7:
        code_add(code, PUT_BYTES(code, 0x58 | reg));
        return put_through_register(code, 4, reg);
    case 8:
        code_add(code, put_change_return(code));
        return PUT_BYTES(code, 0xc3);
    case 9: /* into another function, which returns to the caller */
        code->bytes[code->length] = 0x68;
        code_add(code,
                 put_value(code, code->length + 1, draw_callee(code) - code->base, code->size == CODE_16 ? 2 : 4) -
                     code->length);
        return PUT_BYTES(code, 0xc3);
    case 10:
        reg = draw_call_register(code);
        code_add(code, put_load(code, reg, draw_callee(code)));
        return put_retpoline(code, reg);
    case 11: /* goes on behind it */
        return PUT_BYTES(code, 0x90);
    default:
        return PUT_BYTES(code, 0xc3);
    }
}

#endif
