/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A random program: main code, and little functions that it calls, which stand anywhere else in the code pages.
 */
#ifndef TEST_FUZZ_CLUSTER_PROGRAM_H
#define TEST_FUZZ_CLUSTER_PROGRAM_H

#include "test/fuzz/cluster_calls.h"

#define FUNCTIONS 6
#define FUNCTIONS_MAX 8
#define FUNCTION_BYTES 96

struct functions {
    u32 count;
    u64 rip[FUNCTIONS_MAX]; /* linear */
    struct code code[FUNCTIONS_MAX];
};

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
    if (choice < mix->call)
        return draw(6) ? put_call(code) : put_poll(code);
    choice -= mix->call;
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
    if (code->insn[i].back)
        to = i - code->insn[i].back;
    if (code->insn[i].ahead)
        to = i + 1 + code->insn[i].ahead;
    u64 displacement = (u64)code->insn[to < code->count ? to : code->count].at - end;
    if (!code->insn[i].back && !code->insn[i].ahead && draw(48) == 0)
        displacement += draw(32);
    if (size == 1 && (u64)(s64)(s8)displacement != displacement)
        displacement = 0;
    memcpy(code->bytes + end - size, &displacement, size);
}

static void code_begin(struct code *code)
{
    code->count = code->length = 0;
    code->insn[0].at = code->insn[0].jump = code->insn[0].back = code->insn[0].ahead = 0;
}

/* Up to `count` instructions more. */
static void code_fill(struct code *code, u32 count, u32 bytes, const struct code_mix *mix)
{
    for (u32 end = code->count + count; code->count < end && code->length < bytes;) {
        u32 length = put_one(code, mix);
        if (length)
            code_add(code, length);
        else
            code->insn[code->count].jump = code->insn[code->count].back = 0;
    }
}

static void code_end(struct code *code)
{
    for (u32 i = 0; i < code->count; i++)
        if (code->insn[i].jump)
            aim_jump(code, i);
}

/* From code->rip on. */
static void code_make(struct code *code, u32 count, const struct code_mix *mix)
{
    code_begin(code);
    code_fill(code, count, CODE_BYTES - 48, mix);
    code_end(code);
    memset(code->bytes + code->length, 0x90, 16); /* HLT, and what is behind it is decoded too */
    code->bytes[code->length] = 0xf4;
    code->length += 16;
}

/* ---- functions ---- */

/* What drivers have to reach a register of a device, from which clusters begin. */
static void accessor_make(struct code *code, const struct code_mix *mix)
{
    const struct code_mix access = {.port = mix->device ? 32 : 64, .device = 32};
    code_fill(code, draw(3), FUNCTION_BYTES / 2, &(struct code_mix){.registers = 64});
    code_fill(code, 1 + draw(4) / 3, FUNCTION_BYTES / 2, &access);
    code_fill(code, draw(2), FUNCTION_BYTES / 2, mix);
}

/* PUSH rBP; MOV rBP, rSP; something; POP rBP or LEAVE. */
static void framed_make(struct code *code, const struct code_mix *mix)
{
    code_add(code, PUT_BYTES(code, 0x55));
    code_add(code, code->size == CODE_64 ? PUT_BYTES(code, 0x48, 0x89, 0xe5) : PUT_BYTES(code, 0x89, 0xe5));
    code_fill(code, draw(4), FUNCTION_BYTES / 2, mix);
    code_add(code, PUT_BYTES(code, draw(2) ? 0x5d : 0xc9));
}

/* "jmp function", or where memory says. */
static void thunk_make(struct code *code)
{
    code_add(code, draw(3) ? put_direct(code, 0xe9, draw_callee(code)) : put_through_memory(code, 4));
}

static void function_make(struct code *code, const struct code_mix *mix)
{
    u32 kind = draw(10);
    code_begin(code);
    if (draw(6) == 0)
        code_add(code, PUT_BYTES(code, 0xf3, 0x0f, 0x1e, code->size == CODE_64 ? 0xfa : 0xfb)); /* ENDBR */
    if (kind < 5)
        accessor_make(code, mix);
    else if (kind < 7)
        framed_make(code, mix);
    else if (kind == 7)
        thunk_make(code);
    else if (kind == 8)
        code_fill(code, draw(8), FUNCTION_BYTES / 2, mix);
    code_add(code, put_return(code));
    code_end(code);
    code->bytes[code->length++] = 0xcc;
}

/* `code` says where it is and what it may name, and the functions where they are. */
static void program_make(struct code *code, struct functions *functions, u32 count, const struct code_mix *mix)
{
    code->callees = functions->rip;
    code->callee_count = functions->count;
    for (u32 i = 0; i < functions->count; i++) {
        functions->code[i] = *code;
        functions->code[i].rip = functions->rip[i];
        function_make(&functions->code[i], mix);
    }
    code_make(code, count, mix);
}

#endif
