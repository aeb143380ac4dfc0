/* SPDX-License-Identifier: BSD-2-Clause */
/* The decoder: golden cases, rules over whole tables, and properties over random bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "emul/decode.h"
#include "emul/insn.h"
#include "emul/interp.h"
#include "test/fuzz/decode_properties.h"

static u32 parse_hex(const char *hex, u8 *bytes)
{
    u32 count = 0;
    for (unsigned value; sscanf(hex, " %2x", &value) == 1; count++) {
        bytes[count] = (u8)value;
        hex += strspn(hex, " ") + 2;
    }
    return count;
}

static enum decode_status decode_hex(const char *hex, enum code_size code_size, struct insn *insn)
{
    u8 bytes[64];
    return insn_decode(bytes, parse_hex(hex, bytes), code_size, insn);
}

static struct insn must_decode(const char *hex, enum code_size code_size)
{
    struct insn insn;
    u8 bytes[64];
    if (decode_hex(hex, code_size, &insn) != DECODE_OK || insn.length != parse_hex(hex, bytes))
        fail_msg("%d-bit %s: status or length", code_size * 8, hex);
    return insn;
}

static void must_be(const char *hex, enum code_size code_size, enum decode_status expected)
{
    struct insn insn;
    enum decode_status status = decode_hex(hex, code_size, &insn);
    if (status != expected)
        fail_msg("%d-bit %s: status %d, not %d", code_size * 8, hex, status, expected);
}

/* ---- golden cases: the whole string is one instruction ---- */

struct golden {
    enum code_size code_size;
    const char *hex;
    enum op op;
    u8 operand_size, address_size;
    u8 kind0, size0, reg0;
    u8 kind1, size1, reg1;
};

#define R OPERAND_GPR
#define M OPERAND_MEMORY
#define I OPERAND_IMMEDIATE
#define J OPERAND_RELATIVE
#define N OPERAND_NONE
#define S OPERAND_SEGMENT

static const struct golden golden[] = {
    {CODE_64, "01 d8", OP_ADD, 4, 8, R, 4, RAX, R, 4, RBX},
    {CODE_64, "48 01 d8", OP_ADD, 8, 8, R, 8, RAX, R, 8, RBX},
    {CODE_64, "66 01 d8", OP_ADD, 2, 8, R, 2, RAX, R, 2, RBX},
    {CODE_64, "66 48 01 d8", OP_ADD, 8, 8, R, 8, RAX, R, 8, RBX},
    {CODE_64, "48 66 01 d8", OP_ADD, 2, 8, R, 2, RAX, R, 2, RBX}, /* REX not right before the opcode */
    {CODE_64, "4d 01 c8", OP_ADD, 8, 8, R, 8, R8, R, 8, R9},
    {CODE_64, "00 e0", OP_ADD, 4, 8, R, 1, RAX, R, 1, RAX},    /* AH, see high8 below */
    {CODE_64, "40 00 e0", OP_ADD, 4, 8, R, 1, RAX, R, 1, RSP}, /* SPL */
    {CODE_64, "f0 48 0f c7 0f", OP_CMPXCHG8B, 8, 8, M, 16, 0, N, 0, 0},
    {CODE_64, "0f c7 0f", OP_CMPXCHG8B, 4, 8, M, 8, 0, N, 0, 0},
    {CODE_64, "ec", OP_IN, 4, 8, R, 1, RAX, R, 2, RDX},
    {CODE_64, "48 ed", OP_IN, 4, 8, R, 4, RAX, R, 2, RDX},
    {CODE_64, "66 ef", OP_OUT, 2, 8, R, 2, RDX, R, 2, RAX},
    {CODE_64, "e4 80", OP_IN, 4, 8, R, 1, RAX, I, 1, 0},
    {CODE_64, "e6 80", OP_OUT, 4, 8, I, 1, 0, R, 1, RAX},
    {CODE_64, "f3 48 6d", OP_INS, 4, 8, N, 4, 0, N, 0, 0},
    {CODE_64, "f3 6e", OP_OUTS, 4, 8, N, 1, 0, N, 0, 0},
    {CODE_64, "48 a5", OP_MOVS, 8, 8, N, 8, 0, N, 0, 0},
    {CODE_64, "50", OP_PUSH, 8, 8, R, 8, RAX, N, 0, 0},
    {CODE_64, "66 41 50", OP_PUSH, 2, 8, R, 2, R8, N, 0, 0},
    {CODE_64, "6a ff", OP_PUSH, 8, 8, I, 1, 0, N, 0, 0},
    {CODE_64, "66 68 34 12", OP_PUSH, 2, 8, I, 2, 0, N, 0, 0},
    {CODE_64, "66 e8 00 00 00 00", OP_CALL, 8, 8, J, 4, 0, N, 0, 0}, /* 66 ignored */
    {CODE_64, "66 ff d0", OP_CALL, 8, 8, R, 8, RAX, N, 0, 0},
    {CODE_64, "66 c3", OP_RET, 8, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "cb", OP_RET_FAR, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "48 cf", OP_IRET, 8, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "67 e3 fe", OP_JCXZ, 8, 4, J, 1, 0, N, 0, 0},
    {CODE_64, "48 b8 88 77 66 55 44 33 22 11", OP_MOV, 8, 8, R, 8, RAX, I, 8, 0},
    {CODE_64, "c7 05 00 00 00 00 78 56 34 12", OP_MOV, 4, 8, M, 4, 0, I, 4, 0},
    {CODE_64, "a1 88 77 66 55 44 33 22 11", OP_MOV, 4, 8, R, 4, RAX, M, 4, 0},
    {CODE_64, "67 a1 44 33 22 11", OP_MOV, 4, 4, R, 4, RAX, M, 4, 0},
    {CODE_64, "44 0f 20 c0", OP_MOV, 8, 8, R, 8, RAX, OPERAND_CR, 8, 8},
    {CODE_64, "66 0f 22 18", OP_MOV, 8, 8, OPERAND_CR, 8, 3, R, 8, RAX}, /* mod ignored */
    {CODE_32, "0f 23 f8", OP_MOV, 4, 4, OPERAND_DR, 4, 7, R, 4, RAX},
    {CODE_16, "0f 20 c0", OP_MOV, 4, 2, R, 4, RAX, OPERAND_CR, 4, 0},
    {CODE_64, "8c d8", OP_MOV, 4, 8, R, 4, RAX, S, 2, SEG_DS},
    {CODE_64, "48 8c 18", OP_MOV, 8, 8, M, 2, 0, S, 2, SEG_DS},
    {CODE_64, "8e d0", OP_MOV, 4, 8, S, 2, SEG_SS, R, 2, RAX},
    {CODE_64, "48 63 c1", OP_MOVSX, 8, 8, R, 8, RAX, R, 4, RCX},
    {CODE_64, "66 63 c1", OP_MOVSX, 2, 8, R, 2, RAX, R, 2, RCX},
    {CODE_64, "0f b6 c4", OP_MOVZX, 4, 8, R, 4, RAX, R, 1, RAX},
    {CODE_64, "48 8d 04 8b", OP_LEA, 8, 8, R, 8, RAX, M, 0, 0},
    {CODE_64, "48 d1 e0", OP_SHL, 8, 8, R, 8, RAX, I, 1, 0},
    {CODE_64, "d3 f0", OP_SHL, 4, 8, R, 4, RAX, R, 1, RCX},
    {CODE_64, "c0 f8 07", OP_SAR, 4, 8, R, 1, RAX, I, 1, 0},
    {CODE_64, "0f ba 28 1f", OP_BTS, 4, 8, M, 4, 0, I, 1, 0},
    {CODE_64, "0f a5 c8", OP_SHLD, 4, 8, R, 4, RAX, R, 4, RCX},
    {CODE_64, "90", OP_NOP, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "f3 90", OP_PAUSE, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "41 90", OP_XCHG, 4, 8, R, 4, R8, R, 4, RAX},
    {CODE_64, "f3 41 90", OP_PAUSE, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "66 f3 41 90", OP_PAUSE, 2, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "f2 41 90", OP_XCHG, 4, 8, R, 4, R8, R, 4, RAX},
    {CODE_64, "f3 0f 1e fa", OP_NOP, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "66 0f 1f 84 00 00 00 00 00", OP_NOP, 2, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "0f 38 f0 08", OP_MOVBE, 4, 8, R, 4, RCX, M, 4, 0},
    {CODE_64, "66 0f 38 f1 08", OP_MOVBE, 2, 8, M, 2, 0, R, 2, RCX},
    {CODE_64, "f3 0f b8 c1", OP_POPCNT, 4, 8, R, 4, RAX, R, 4, RCX},
    {CODE_64, "f3 0f bc c1", OP_TZCNT, 4, 8, R, 4, RAX, R, 4, RCX},
    {CODE_64, "0f bc c1", OP_BSF, 4, 8, R, 4, RAX, R, 4, RCX},
    {CODE_64, "0f 01 c1", OP_VMCALL, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "0f 01 f9", OP_RDTSCP, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "0f 01 d1", OP_XSETBV, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "0f 01 38", OP_INVLPG, 4, 8, M, 0, 0, N, 0, 0},
    {CODE_64, "0f 01 e0", OP_SMSW, 4, 8, R, 4, RAX, N, 0, 0},
    {CODE_64, "0f 01 f0", OP_LMSW, 4, 8, R, 2, RAX, N, 0, 0},
    {CODE_64, "0f 01 f8", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0}, /* SWAPGS */
    {CODE_64, "0f ae e8", OP_LFENCE, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "0f ae f0", OP_MFENCE, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "48 0f c3 08", OP_MOVNTI, 8, 8, M, 8, 0, R, 8, RCX},
    {CODE_64, "66 48 0f 7e c0", OP_MOVD, 8, 8, R, 8, RAX, OPERAND_XMM, 16, 0},
    {CODE_64, "44 0f 29 08", OP_MOVAPS, 4, 8, M, 16, 0, OPERAND_XMM, 16, 9},
    {CODE_64, "41 ff 28", OP_JMP_FAR, 4, 8, M, 6, 0, N, 0, 0},
    {CODE_64, "48 ff 28", OP_JMP_FAR, 8, 8, M, 10, 0, N, 0, 0},
    {CODE_32, "40", OP_INC, 4, 4, R, 4, RAX, N, 0, 0},
    {CODE_32, "4f", OP_DEC, 4, 4, R, 4, RDI, N, 0, 0},
    {CODE_32, "c4 08", OP_LES, 4, 4, R, 4, RCX, M, 6, 0},
    {CODE_32, "62 08", OP_OTHER, 4, 4, N, 0, 0, N, 0, 0}, /* BOUND */
    {CODE_32, "ea 78 56 34 12 08 00", OP_JMP_FAR, 4, 4, OPERAND_FAR, 6, 0, N, 0, 0},
    {CODE_16, "ea 34 12 00 f0", OP_JMP_FAR, 2, 2, OPERAND_FAR, 4, 0, N, 0, 0},
    {CODE_16, "66 ea 78 56 34 12 08 00", OP_JMP_FAR, 4, 2, OPERAND_FAR, 6, 0, N, 0, 0},
    {CODE_16, "c8 10 00 02", OP_ENTER, 2, 2, I, 2, 0, I, 1, 0},
    {CODE_16, "66 67 8b 00", OP_MOV, 4, 4, R, 4, RAX, M, 4, 0},
    {CODE_16, "0f 84 00 10", OP_JCC, 2, 2, J, 2, 0, N, 0, 0},
    {CODE_16, "07", OP_POP, 2, 2, S, 2, SEG_ES, N, 0, 0},
    {CODE_32, "0f a8", OP_PUSH, 4, 4, S, 4, SEG_GS, N, 0, 0},
    {CODE_32, "d5 0a", OP_AAD, 4, 4, I, 1, 0, N, 0, 0},
    {CODE_32, "d7", OP_XLAT, 4, 4, N, 1, 0, N, 0, 0},
    /* Not interpreted: lengths. */
    {CODE_64, "d9 05 00 00 00 00", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "0f 70 c1 1b", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "66 0f 3a 0f 04 25 00 00 00 00 08", OP_OTHER, 2, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "c5 f8 77", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "c4 e3 7d 18 c0 01", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "62 f1 7c 48 58 40 01", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "62 f3 75 48 25 44 24 01 ff", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "c4 e2 77 cb d0", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0}, /* newer than libzydis 4.0, from here */
    {CODE_64, "c4 e2 7f cc c8", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "c4 e2 71 6c da", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_32, "c4 e2 57 da f4", OP_OTHER, 4, 4, N, 0, 0, N, 0, 0},
    {CODE_64, "c4 43 21 de ca 3e", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "c4 e2 61 d2 d4", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "c4 e7 7b f8 c0 79 00 00 00", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0}, /* URDMSR, imm32 */
    {CODE_64, "f2 0f 38 f8 c1", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "c4 22 29 ee 8c a1 00 10 00 00", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "f2 0f 01 c6", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "f2 0f 01 ca", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "f2 0f 00 f0", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "0f 0b", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "0f b9 c0", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "0f ff 04 24", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "c6 f8 01", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_64, "c7 f8 00 00 00 00", OP_OTHER, 4, 8, N, 0, 0, N, 0, 0},
    {CODE_16, "c5 f8 77", OP_OTHER, 4, 2, N, 0, 0, N, 0, 0},
};

static void check_operand(const struct golden *g, const struct operand *o, u8 kind, u8 size, u8 reg)
{
    bool has_register = kind != M && kind != I && kind != J && kind != N && kind != OPERAND_FAR;
    if (o->kind != kind || o->size != size || (has_register && o->reg != reg))
        fail_msg("%d-bit %s: operand kind %d size %d reg %d", g->code_size * 8, g->hex, o->kind, o->size, o->reg);
}

static void golden_cases(void **state)
{
    for (u32 i = 0; i < COUNT_OF(golden); i++) {
        const struct golden *g = &golden[i];
        struct insn insn = must_decode(g->hex, g->code_size);
        if (insn.op != g->op || insn.address_size != g->address_size)
            fail_msg("%s: op %s, address size %d", g->hex, op_name(insn.op), insn.address_size);
        if (insn.op == OP_OTHER)
            continue;
        if (insn.operand_size != g->operand_size)
            fail_msg("%s: operand size %d", g->hex, insn.operand_size);
        check_operand(g, &insn.operand[0], g->kind0, g->size0, g->reg0);
        check_operand(g, &insn.operand[1], g->kind1, g->size1, g->reg1);
    }
}

/* Cut off anywhere, a valid instruction is TRUNCATED; with more bytes behind it, it is the same. */
static void golden_properties(void **state)
{
    for (u32 i = 0; i < COUNT_OF(golden); i++) {
        u8 bytes[64];
        u32 count = parse_hex(golden[i].hex, bytes);
        const char *fault = decode_fault(bytes, count, golden[i].code_size);
        if (fault)
            fail_msg("%s: %s", golden[i].hex, fault);
    }
}

/* ---- memory operands and immediates ---- */

struct memory_case {
    enum code_size code_size;
    const char *hex; /* MOV EAX or AX, memory */
    u8 segment, base, index, scale;
    bool rip_relative;
    s64 displacement;
};

#define NO REG_NONE

static const struct memory_case memory_cases[] = {
    {CODE_64, "8b 00", SEG_DS, RAX, NO, 1, false, 0},
    {CODE_64, "8b 45 fc", SEG_SS, RBP, NO, 1, false, -4},
    {CODE_64, "8b 04 24", SEG_SS, RSP, NO, 1, false, 0},
    {CODE_64, "41 8b 45 00", SEG_DS, R13, NO, 1, false, 0},
    {CODE_64, "41 8b 04 24", SEG_DS, R12, NO, 1, false, 0},
    {CODE_64, "42 8b 04 20", SEG_DS, RAX, R12, 1, false, 0},
    {CODE_64, "8b 04 e5 44 33 22 91", SEG_DS, NO, NO, 8, false, (s32)0x91223344},
    {CODE_64, "8b 05 fc ff ff ff", SEG_DS, NO, NO, 1, true, -4},
    {CODE_64, "41 8b 05 fc ff ff ff", SEG_DS, NO, NO, 1, true, -4},
    {CODE_64, "65 8b 04 25 10 00 00 00", SEG_GS, NO, NO, 1, false, 16},
    {CODE_64, "2e 8b 00", SEG_DS, RAX, NO, 1, false, 0},    /* CS ignored */
    {CODE_64, "3e 8b 45 00", SEG_SS, RBP, NO, 1, false, 0}, /* DS ignored */
    {CODE_64, "64 2e 8b 00", SEG_FS, RAX, NO, 1, false, 0},
    {CODE_64, "a1 88 77 66 55 44 33 22 91", SEG_DS, NO, NO, 1, false, (s64)0x9122334455667788},
    {CODE_32, "8b 05 44 33 22 11", SEG_DS, NO, NO, 1, false, 0x11223344},
    {CODE_32, "3e 8b 45 00", SEG_DS, RBP, NO, 1, false, 0},
    {CODE_32, "26 2e 8b 00", SEG_CS, RAX, NO, 1, false, 0}, /* the last one counts */
    {CODE_32, "67 8b 02", SEG_SS, RBP, RSI, 1, false, 0},
    {CODE_32, "8b 44 8d 80", SEG_SS, RBP, RCX, 4, false, -128},
    {CODE_16, "8b 00", SEG_DS, RBX, RSI, 1, false, 0},
    {CODE_16, "8b 46 80", SEG_SS, RBP, NO, 1, false, -128},
    {CODE_16, "8b 06 34 92", SEG_DS, NO, NO, 1, false, (s16)0x9234},
    {CODE_16, "8b 83 34 12", SEG_SS, RBP, RDI, 1, false, 0x1234},
    {CODE_16, "26 a1 34 92", SEG_ES, NO, NO, 1, false, 0x9234},
    {CODE_16, "67 8b 04 24", SEG_SS, RSP, NO, 1, false, 0},
};

static void memory_operands(void **state)
{
    for (u32 i = 0; i < COUNT_OF(memory_cases); i++) {
        const struct memory_case *c = &memory_cases[i];
        struct insn insn = must_decode(c->hex, c->code_size);
        const struct memory_operand *m = &insn.memory;
        if (m->segment != c->segment || m->base != c->base || m->index != c->index || m->scale != c->scale ||
            m->rip_relative != c->rip_relative || m->displacement != c->displacement)
            fail_msg("%d-bit %s: segment %d base %d index %d scale %d displacement %lld", c->code_size * 8, c->hex,
                     m->segment, m->base, m->index, m->scale, (long long)m->displacement);
    }
}

static void immediates(void **state)
{
    static const struct {
        enum code_size code_size;
        const char *hex;
        s64 immediate;
        u64 immediate2;
    } cases[] = {
        {CODE_64, "48 83 c0 ff", -1, 0},
        {CODE_64, "48 81 c0 00 00 00 80", (s32)0x80000000, 0},
        {CODE_64, "b8 00 00 00 80", 0x80000000, 0},
        {CODE_64, "48 b8 88 77 66 55 44 33 22 91", (s64)0x9122334455667788, 0},
        {CODE_64, "b0 ff", 0xff, 0},
        {CODE_64, "cd 80", 0x80, 0},
        {CODE_64, "e4 f0", 0xf0, 0},
        {CODE_64, "c2 fe ff", 0xfffe, 0},
        {CODE_64, "c8 fe ff 1f", 0xfffe, 0x1f},
        {CODE_64, "eb fe", -2, 0},
        {CODE_64, "e9 fb ff ff ff", -5, 0},
        {CODE_16, "e9 fd ff", -3, 0},
        {CODE_16, "ea f0 ff 00 f0", 0xfff0, 0xf000},
        {CODE_32, "9a 78 56 34 92 08 00", 0x92345678, 8},
        {CODE_64, "d1 f8", 1, 0},
        {CODE_64, "6b c1 80", -128, 0},
        {CODE_64, "0f ba e0 ff", 0xff, 0},
    };
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        struct insn insn = must_decode(cases[i].hex, cases[i].code_size);
        if (insn.immediate != cases[i].immediate || insn.immediate2 != cases[i].immediate2)
            fail_msg("%s: immediate %llx", cases[i].hex, (long long)insn.immediate);
    }
}

static void high_bytes_and_conditions(void **state)
{
    struct insn insn = must_decode("00 e7", CODE_64); /* ADD BH, AH */
    assert_true(insn.operand[0].high8 && insn.operand[0].reg == RBX);
    assert_true(insn.operand[1].high8 && insn.operand[1].reg == RAX);
    insn = must_decode("40 00 e7", CODE_64); /* ADD DIL, SPL */
    assert_true(!insn.operand[0].high8 && insn.operand[0].reg == RDI);
    insn = must_decode("b4 01", CODE_16); /* MOV AH, 1 */
    assert_true(insn.operand[0].high8 && insn.operand[0].reg == RAX);
    insn = must_decode("41 b4 01", CODE_64); /* MOV R12B, 1 */
    assert_true(!insn.operand[0].high8 && insn.operand[0].reg == R12);
    assert_int_equal(must_decode("7f 00", CODE_64).condition, 15);
    assert_int_equal(must_decode("0f 94 c0", CODE_64).condition, 4);
    assert_int_equal(must_decode("0f 42 c1", CODE_64).condition, 2);
}

static void flags(void **state)
{
    assert_int_equal(must_decode("f3 a4", CODE_64).flags, INSN_REP);
    assert_int_equal(must_decode("f2 ae", CODE_64).flags, INSN_REPNE);
    assert_int_equal(must_decode("f0 01 00", CODE_64).flags, INSN_LOCK | INSN_MODRM);
    assert_int_equal(must_decode("66 67 64 90", CODE_32).flags,
                     INSN_OPERAND_PREFIX | INSN_ADDRESS_PREFIX | INSN_SEGMENT_PREFIX);
    assert_int_equal(must_decode("48 99", CODE_64).flags, INSN_REX | INSN_REX_W);
    assert_int_equal(must_decode("48 66 99", CODE_64).flags, INSN_OPERAND_PREFIX);
    assert_int_equal(must_decode("c5 f8 77", CODE_64).flags, INSN_VEX);
}

/* ---- what is no instruction ---- */

static void invalid(void **state)
{
    static const char *const always[] = {
        "0f 04",          "0f 0a",          "0f 0c",          "0f 0e",
        "0f 0f c0 9e",    "0f 24 c0",       "0f 25 c0",       "0f 26 c0",
        "0f 36",          "0f 39",          "0f 3b",          "0f 7a c0",
        "0f a6 c0",       "0f a7 c0", /* holes; 3DNow; VIA */
        "fe d0",          "fe 3c 24",       "ff f8",          "8f 48 00",
        "8f e8 78 a2 c0", "c6 c8 00",       "c6 f9 00",       "c7 c8 00 00 00 00",
        "0f 00 30",       "0f 00 38",       "0f ba 00 00",    "0f ba d8 00",
        "0f c7 00",       "0f c7 10",       "0f c7 c8", /* groups */
        "ff d8",          "ff e8",          "8d c0",          "0f b2 c0",
        "0f c3 c0",       "66 0f 01 c6",    "0f 01 d8",       "0f 01 fa",
        "0f ae c0",       "66 0f ae 00",    "8e c8",          "8e f0",
        "8c f0",          "0f 20 c8",       "0f 20 e8",       "0f 22 f8", /* registers that are none */
        "f2 0f 6f c0",    "66 0f 77",       "f3 0f 14 c0",                /* mandatory prefixes */
        "d9 d1",          "d9 08",          "da e8",          "db e5",
        "db 20",          "dd f0",          "de d8",          "df e1", /* x87 */
        "0f 38 f0 c0",    "f3 0f 38 00 c0", "0f 3a 08 c0 00", "66 0f 78 c0 00 00",
        "f3 0f c3 00",
    };
    for (u32 i = 0; i < COUNT_OF(always); i++)
        for (enum code_size size = CODE_16; size <= CODE_64; size *= 2)
            must_be(always[i], size, DECODE_INVALID);
    static const char *const in_64[] = {"06",          "07",          "0e",         "16",       "17",
                                        "1e",          "1f",          "27",         "2f",       "37",
                                        "3f",          "60",          "61",         "82 c0 00", "9a 00 00 00 00 00 00",
                                        "ce",          "d4 0a",       "d5 0a",      "d6",       "ea 00 00 00 00 00 00",
                                        "44 0f 21 c0", "44 0f 23 c0", "4c 0f 20 c8"};
    for (u32 i = 0; i < COUNT_OF(in_64); i++)
        must_be(in_64[i], CODE_64, DECODE_INVALID);
    static const char *const not_in_64[] = {"0f 05", "0f 07", "0f 01 f8", "f3 0f ae c0", "f3 0f 01 ee", "f3 0f c7 f0"};
    for (u32 i = 0; i < COUNT_OF(not_in_64); i++) {
        must_be(not_in_64[i], CODE_32, DECODE_INVALID);
        must_decode(not_in_64[i], CODE_64);
    }
}

static void vex_rules(void **state)
{
    static const char *const wrong[] = {
        "66 c5 f8 58 c0",
        "f2 c5 f8 58 c0",
        "f3 c5 f8 58 c0",
        "f0 c5 f8 58 c0",
        "40 c5 f8 58 c0", /* prefixes before VEX */
        "c5 f0 77",
        "c5 f0 28 c0", /* vvvv where none is named */
        "c4 e0 78 58 c0",
        "c4 e4 78 58 c0",
        "c4 ff 78 58 c0", /* maps */
        "c5 fc 12 c0",    /* VMOVHLPS has no 256-bit form */
        "c4 e2 79 90 04 20",
        "c4 e2 79 90 00", /* gather: same register, no SIB */
        "62 f9 7c 48 58 c0",
        "62 f1 78 48 58 c0",
        "62 f0 7c 48 58 c0",
        "62 f4 7c 48 58 c0",    /* reserved bits and maps */
        "62 f1 7c c8 58 c0",    /* zeroing without a mask */
        "62 f1 7c 68 58 c0",    /* L'L 11 without rounding control */
        "62 f1 fc 48 58 c0",    /* W1 */
        "62 f1 7c 58 10 00",    /* broadcast of a plain load */
        "62 f2 7d 48 92 04 08", /* gather without a mask */
    };
    for (u32 i = 0; i < COUNT_OF(wrong); i++)
        must_be(wrong[i], CODE_64, DECODE_INVALID);
    static const char *const right[] = {"c5 f8 58 c0",       "c4 e2 69 90 04 20",    "62 f1 7c c9 58 c0",
                                        "62 f1 7c 78 58 c0", "62 f2 7d 49 92 04 08", "62 f1 7c 58 58 00",
                                        "c4 41 30 58 c8"};
    for (u32 i = 0; i < COUNT_OF(right); i++)
        must_decode(right[i], CODE_64);
    /* Outside 64-bit code the bits that would be mod decide. */
    assert_int_equal(must_decode("c5 38", CODE_32).op, OP_LDS);
    assert_int_equal(must_decode("c5 f8 58 c0", CODE_32).op, OP_OTHER);
}

static void lengths_at_the_limit(void **state)
{
    must_decode("66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", CODE_64);
    must_be("66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", CODE_64, DECODE_TOO_LONG);
    must_be("66 66 66 66 66 66 66 66 66 66 66 66 66 66 0f 0b", CODE_64, DECODE_TOO_LONG);
    must_be("2e 2e 2e 2e 2e 2e 81 84 24 00 00 00 00 00 00 00 00", CODE_64, DECODE_TOO_LONG);
    must_decode("2e 2e 2e 2e 81 84 24 00 00 00 00 00 00 00 00", CODE_64);
    must_be("66 66 66 66 66 66 66 66 66 66 66 66 66 66 66", CODE_64, DECODE_TOO_LONG);
    must_be("66 66 66 66 66 66 66 66 66 66 66 66 66 66", CODE_64, DECODE_TRUNCATED);
    must_be("", CODE_64, DECODE_TRUNCATED);
    must_be("f0 00", CODE_64, DECODE_TRUNCATED); /* the fetch fault comes before #UD of LOCK */
    must_be("f0 00 c0", CODE_64, DECODE_INVALID);
}

/* What stands furthest behind: EVEX, SIB, displacement and immediate behind 14 prefixes. The sanitizer watches the end.
 */
static void window_suffices(void **state)
{
    static const char hex[] = "2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 62 f3 75 48 25 84 24 00 00 00 00 ff";
    struct insn insn;
    u8 *window = calloc(1, INSN_WINDOW);
    assert_non_null(window);
    parse_hex(hex, window);
    assert_int_equal(insn_decode_padded(window, INSN_WINDOW, CODE_64, &insn), DECODE_TOO_LONG);
    assert_int_equal(insn_decode_padded(window, INSN_MAX, CODE_64, &insn), DECODE_TOO_LONG);
    assert_int_equal(insn_decode_padded(window, INSN_MAX - 1, CODE_64, &insn), DECODE_TRUNCATED);
    free(window);
}

/* ---- rules over the whole table ---- */

static bool may_be_locked(enum op op)
{
    static const enum op ops[] = {OP_ADD, OP_ADC, OP_AND, OP_BTC, OP_BTR, OP_BTS, OP_CMPXCHG, OP_CMPXCHG8B, OP_DEC,
                                  OP_INC, OP_NEG, OP_NOT, OP_OR,  OP_SBB, OP_SUB, OP_XOR,     OP_XADD,      OP_XCHG};
    for (u32 i = 0; i < COUNT_OF(ops); i++)
        if (ops[i] == op)
            return true;
    return false;
}

/* SDM "LOCK": these instructions, with a memory destination; for all opcodes and all ModRM bytes. */
static void lock(void **state)
{
    u32 accepted = 0;
    for (u32 map = 0; map < 4; map++) {
        for (u32 code = 0; code < 0x10000; code++) {
            static const char *const escapes[] = {"\xf0", "\xf0\x0f", "\xf0\x0f\x38", "\xf0\x0f\x3a"};
            static const u8 length[] = {1, 2, 3, 3};
            u8 bytes[20] = {0};
            struct insn with, without;
            memcpy(bytes, escapes[map], length[map]);
            bytes[length[map]] = (u8)(code >> 8);
            bytes[length[map] + 1] = (u8)code;
            if (insn_decode(bytes + 1, 19, CODE_32, &without) != DECODE_OK)
                continue;
            bool expected = may_be_locked(without.op) && without.operand[0].kind == OPERAND_MEMORY;
            bool locked = insn_decode(bytes, 20, CODE_32, &with) == DECODE_OK;
            if (locked != expected && !(without.flags & INSN_LOCK))
                fail_msg("LOCK with map %d opcode %02x modrm %02x: %d", map, code >> 8, code & 255, locked);
            accepted += locked;
        }
    }
    assert_true(accepted > 5000);
}

static void every_op_is_decoded(void **state)
{
    bool seen[OP_COUNT] = {false};
    for (u32 i = 0; i < ENTRY_COUNT; i++)
        if (decode_entries[i].kind == ENTRY_INSN)
            seen[decode_entries[i].op] = true;
    for (u32 op = 0; op < OP_COUNT; op++)
        if (!seen[op])
            fail_msg("no opcode for %s", op_name(op));
}

static void op_names(void **state)
{
    assert_string_equal(op_name(OP_OTHER), "other");
    assert_string_equal(op_name(OP_CMPXCHG8B), "CMPXCHG8B");
    assert_string_equal(op_name(OP_MOVD), "MOVD");
    assert_string_equal(op_name(OP_COUNT), "?");
}

/* ---- docs/DECODER.md ---- */

static char page[65536];

/* The page's next list (between lines of three backquotes) holds the mnemonics that are performed, or those that are
 * not. */
static char *check_list(char *at, bool performed)
{
    at = strstr(at, "\n```\n");
    assert_non_null(at);
    char *end = strstr(at + 5, "\n```\n");
    assert_non_null(end);
    *end = 0;
    char *word = strtok(at + 5, " \n");
    for (u32 op = OP_OTHER + 1; op < OP_COUNT; op++) {
        if ((interp_handler_of(op) != interp_refused) != performed)
            continue;
        if (!word || strcmp(word, op_name(op)) != 0)
            fail_msg("docs/DECODER.md has %s where ops.def has %s", word ? word : "nothing", op_name(op));
        word = strtok(NULL, " \n");
    }
    if (word)
        fail_msg("docs/DECODER.md lists %s too often", word);
    return end + 1;
}

static void documented(void **state)
{
    FILE *file = fopen("docs/DECODER.md", "r");
    assert_non_null(file); /* run this from the root of the source tree */
    page[fread(page, 1, sizeof(page) - 1, file)] = 0;
    fclose(file);
    check_list(check_list(page, true), false);
}

/* Binary search needs it. */
static void vex_rows_are_sorted(void **state)
{
    enum { PREFIX_NP, PREFIX_P66, PREFIX_PF3, PREFIX_PF2 };
#define VEX_CLASS(...)
#define EVEX_CLASS(...)
#define VEX(map, prefix, opcode, class) (map) << 10 | PREFIX_##prefix << 8 | (opcode),
#define EVEX(map, prefix, opcode, class) (map) << 10 | PREFIX_##prefix << 8 | (opcode),
    static const u16 vex[] = {
#include "emul/opcodes_vex.def"
    };
    static const u16 evex[] = {
#include "emul/opcodes_evex.def"
    };
    for (u32 i = 1; i < COUNT_OF(vex); i++)
        assert_true(vex[i - 1] < vex[i]);
    for (u32 i = 1; i < COUNT_OF(evex); i++)
        assert_true(evex[i - 1] <= evex[i]);
}

static u64 random_next(u64 *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void random_bytes(void **state)
{
    u64 seed = 0x123456789abcdef;
    for (u32 i = 0; i < 300000; i++) {
        u8 bytes[24];
        for (u32 k = 0; k < sizeof(bytes); k += 8) {
            u64 value = random_next(&seed);
            memcpy(bytes + k, &value, 8);
        }
        if (i & 1)
            bytes[random_next(&seed) % 3] = 0x0f;
        u32 available = i % 5 ? sizeof(bytes) : (u32)(random_next(&seed) % 16);
        enum code_size size = 2u << i % 3;
        const char *fault = decode_fault(bytes, available, size);
        if (fault)
            fail_msg("%d-bit %02x %02x %02x %02x...: %s", size * 8, bytes[0], bytes[1], bytes[2], bytes[3], fault);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_cases),
        cmocka_unit_test(golden_properties),
        cmocka_unit_test(memory_operands),
        cmocka_unit_test(immediates),
        cmocka_unit_test(high_bytes_and_conditions),
        cmocka_unit_test(flags),
        cmocka_unit_test(invalid),
        cmocka_unit_test(vex_rules),
        cmocka_unit_test(lengths_at_the_limit),
        cmocka_unit_test(window_suffices),
        cmocka_unit_test(lock),
        cmocka_unit_test(every_op_is_decoded),
        cmocka_unit_test(op_names),
        cmocka_unit_test(documented),
        cmocka_unit_test(vex_rows_are_sorted),
        cmocka_unit_test(random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
