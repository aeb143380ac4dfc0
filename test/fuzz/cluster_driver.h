/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs as drivers have them, which do not fault and go on for long: functions that reach one register of a device,
 * called at several ports and pages, directly, by registers, by memory, by thunks and retpolines; polls; delays;
 * frames. For 32-bit and 64-bit code with flat segments.
 *
 *   ESI  port      RDI  page of a device      EBP  rounds left      EBX  tries left      ECX  delay
 */
#ifndef TEST_FUZZ_CLUSTER_DRIVER_H
#define TEST_FUZZ_CLUSTER_DRIVER_H

#include "test/fuzz/cluster_calls.h"
#include "test/fuzz/cluster_memory.h"
#include "test/fuzz/cluster_program.h"

/* The functions of a driver; what one calls stands before it, thunks excepted. */
enum driver_function {
    DRIVER_IN,
    DRIVER_OUT,
    DRIVER_LOAD,
    DRIVER_STORE,
    DRIVER_POLL,
    DRIVER_LAYER,
    DRIVER_THUNK,
    DRIVER_RETURN,
    DRIVER_FUNCTIONS
};

/* How this one was compiled. */
struct driver_style {
    bool retpolines, return_thunk, port_in_esi, devices;
    u64 fs_base;
};
static struct driver_style driver_style;

#define ADD(code, ...) code_add(code, PUT_BYTES(code, __VA_ARGS__))

/* MOV reg, imm32 */
static void add_constant(struct code *code, u32 reg, u32 value)
{
    code->bytes[code->length] = 0xb8 | reg;
    code_add(code, put_value(code, code->length + 1, value, 4) - code->length);
}

/* The last instruction gets a displacement. */
static void extend(struct code *code, u64 displacement)
{
    u32 last = code->count - 1, at = code->insn[last].at, length = code->insn[last].length;
    code->length = put_value(code, at + length, displacement, 4);
    code->insn[last].length = (u16)(length + 4);
    code->insn[code->count].at = (u16)code->length;
}

/* Jcc or JMP by `back` instructions, or over the `ahead` next ones. */
static void add_jump(struct code *code, u32 opcode, u32 back, u32 ahead)
{
    code->insn[code->count].jump = 1;
    code->insn[code->count].back = (u8)back;
    code->insn[code->count].ahead = (u8)ahead;
    ADD(code, opcode, 0);
}

/* Registers that nothing depends on; now and then any. */
static void add_fillers(struct code *code, u32 most)
{
    for (u32 i = draw(most + 1); i; i--) {
        u32 reg = draw(2) ? RAX : RDX;
        switch (draw(8)) {
        case 0:
            ADD(code, 0x0f, 0xb6, 0xc0 | reg << 3 | reg); /* MOVZX */
            break;
        case 1:
            ADD(code, 0x83, 0xe0 | reg, draw(128)); /* AND */
            break;
        case 2:
            ADD(code, 0xc1, 0xe8 | reg, draw(4)); /* SHR */
            break;
        case 3:
            ADD(code, 0x50 | reg);
            ADD(code, 0x58 | (draw(2) ? RAX : RDX));
            break;
        case 4:
            ADD(code, 0x31, 0xc0 | reg << 3 | (draw(2) ? RAX : RCX));
            break;
        case 5: /* MOV reg, FS:[...] or into it; GS */
            ADD(code, draw(4) ? 0x64 : 0x65, draw(3) ? 0x8b : 0x89, 0x04 | reg << 3, 0x25);
            extend(code, DATA + 0x100 + 8 * draw(8) - driver_style.fs_base);
            break;
        case 6:
            ADD(code, 0x8d, 0x44 | reg << 3, 0x24, draw(32)); /* LEA reg, [rSP + n] */
            break;
        default:
            if (draw(16) == 0)
                code_fill(code, 1, CODE_BYTES, &(struct code_mix){.registers = 64});
            else
                ADD(code, 0x90);
        }
    }
}

/* MOV ECX, n; DEC ECX or PAUSE; JNZ: nothing in it exits. */
static void add_delay(struct code *code)
{
    add_constant(code, RCX, 1 + draw(draw(8) ? 6 : 60));
    if (draw(3) == 0)
        return ADD(code, 0xe2, 0xfe); /* LOOP to itself */
    bool pause = draw(2);
    if (pause)
        ADD(code, 0xf3, 0x90);
    if (code->size == CODE_64)
        ADD(code, 0xff, 0xc9);
    else
        ADD(code, 0x49);
    add_jump(code, 0x75, 1 + pause, 0);
}

/* ---- calls ---- */

/* RAX and a function; `other`: it is another one in every second round. */
static void add_load_function(struct code *code, u64 callee, u64 other)
{
    code_add(code, put_load(code, RAX, callee));
    if (callee == other)
        return;
    code_add(code, put_load(code, RCX, other));
    ADD(code, 0xf7, 0xc5, 1, 0, 0, 0); /* TEST EBP, 1 */
    if (code->size == CODE_64)
        ADD(code, 0x48, 0x0f, 0x44, 0xc1); /* CMOVZ RAX, RCX */
    else
        ADD(code, 0x0f, 0x44, 0xc1);
}

static void add_call(struct code *code, enum driver_function function, enum driver_function other)
{
    u64 callee = code->callees[function];
    u32 kind = draw(12), reg;
    if (kind < 4)
        return code_add(code, put_direct(code, 0xe8, callee));
    if (kind == 4) {
        u32 at = code->length;
        code->bytes[at++] = 0xff;
        return code_add(code, put_place(code, at, 2, code->slots + (u64)code->size * function) - code->length);
    }
    if (kind == 5) {
        reg = draw_call_register(code);
        if (reg == RSI)
            reg = RCX;
        code_add(code, put_load(code, reg, callee));
        return code_add(code, put_through_register(code, 2, reg));
    }
    add_load_function(code, callee, code->callees[other]);
    if (driver_style.retpolines)
        return code_add(code, put_direct(code, 0xe8, code->callees[DRIVER_THUNK]));
    code_add(code, put_through_register(code, 2, RAX));
}

static void add_return(struct code *code)
{
    if (draw(24) == 0)
        code_add(code, put_return(code));
    else if (driver_style.return_thunk)
        code_add(code, put_direct(code, 0xe9, code->callees[DRIVER_RETURN]));
    else
        ADD(code, 0xc3);
}

/* ---- functions ---- */

static void add_port(struct code *code, bool out)
{
    if (driver_style.port_in_esi && draw(3))
        ADD(code, 0x89, 0xf2); /* MOV EDX, ESI */
    else if (driver_style.port_in_esi)
        ADD(code, 0x8d, 0x56, draw(2)); /* LEA EDX, [rSI + n] */
    if (draw(8) == 0)
        ADD(code, 0x66, 0xed | out << 1);
    else
        ADD(code, (draw(4) ? 0xec : 0xed) | out << 1);
}

/* Between DR6 and ICR there is little that a store can harm. */
static void add_access(struct code *code, bool store)
{
    static const u8 plain[] = {0x20, 0x30, 0x80, 0xb0, 0xd0, 0xe0, 0x10, 0x00};
    if (!driver_style.devices)
        return add_port(code, store);
    if (code->size == CODE_64 && draw(4) == 0) { /* FS:[RDI + n], FS:[EDI + n] */
        if (draw(2))
            ADD(code, 0x64, 0x67, store ? 0x89 : 0x8b, 0x87);
        else
            ADD(code, 0x64, store ? 0x89 : 0x8b, 0x87);
        return extend(code, (plain[draw(8)] & 0x7f) - driver_style.fs_base);
    }
    if (draw(3))
        ADD(code, store ? 0x89 : 0x8b, 0x47, plain[draw(8)] & 0x7f); /* [RDI + n] */
    else
        ADD(code, store ? 0x89 : 0x8b, 0x87, plain[draw(8)], draw(16) ? 0 : 3, 0, 0);
}

/* PUSH; tries; the poll; a delay; another try, until one bit has come or gone. */
static void add_poll(struct code *code)
{
    ADD(code, 0x53);
    add_constant(code, RBX, 1 + draw(12));
    u32 top = code->count;
    add_call(code, draw(4) ? DRIVER_IN : DRIVER_LOAD, DRIVER_IN);
    ADD(code, 0xa8, 1 << draw(8));
    u32 leave = code->count;
    add_jump(code, 0x74 | draw(2), 0, 1);
    if (draw(2))
        add_delay(code);
    if (draw(4) == 0)
        add_call(code, draw(4), DRIVER_OUT);
    if (code->size == CODE_64)
        ADD(code, 0xff, 0xcb);
    else
        ADD(code, 0x4b);
    add_jump(code, 0x75, code->count - top, 0);
    code->insn[leave].ahead = (u8)(code->count - leave - 1);
    ADD(code, 0x5b);
}

/* Frame; something saved; one or two calls. */
static void add_layer(struct code *code)
{
    bool wide = code->size == CODE_64, save = draw(2);
    ADD(code, 0x55);
    if (wide)
        ADD(code, 0x48, 0x89, 0xe5);
    else
        ADD(code, 0x89, 0xe5);
    if (wide)
        ADD(code, 0x48, 0x83, 0xec, 16);
    else
        ADD(code, 0x83, 0xec, 16);
    if (save)
        ADD(code, 0x56);
    for (u32 i = 1 + draw(2); i; i--)
        add_call(code, draw(DRIVER_POLL + (i == 1)), DRIVER_OUT);
    if (save)
        ADD(code, 0x5e);
    ADD(code, 0xc9);
}

static void driver_function(struct code *code, enum driver_function function)
{
    code_begin(code);
    if (function == DRIVER_THUNK) {
        code_add(code, draw(3) ? put_retpoline(code, RAX) : put_through_register(code, 4, RAX));
    } else if (function == DRIVER_RETURN) {
        ADD(code, 0xc3);
    } else {
        if (draw(6) == 0)
            ADD(code, 0xf3, 0x0f, 0x1e, code->size == CODE_64 ? 0xfa : 0xfb); /* ENDBR */
        if (function == DRIVER_POLL)
            add_poll(code);
        else if (function == DRIVER_LAYER)
            add_layer(code);
        else if (function == DRIVER_IN || function == DRIVER_OUT)
            add_port(code, function == DRIVER_OUT);
        else
            add_access(code, function == DRIVER_STORE);
        if (function < DRIVER_POLL)
            add_fillers(code, 1);
        add_return(code);
    }
    code_end(code);
    code->bytes[code->length++] = 0xcc;
}

/* ---- the program ---- */

/* Where the next call leads: few ports and pages, so that one function is at several of them. */
static void add_place(struct code *code)
{
    static const u16 ports[] = {0x3f8, 0x3f8, 0x3fd, 0x80, 0x60, 0x40, 0x3fb, 0xcf8};
    if (driver_style.devices && draw(3) == 0)
        add_constant(code, RDI, (u32)(draw(4) ? APIC_AT : MMIO_AT) + 16 * draw(4));
    else if (draw(4))
        add_constant(code, driver_style.port_in_esi ? RSI : RDX, ports[draw(draw(4) ? 4 : 8)]);
}

#define DRIVER_ROOM 16 /* instructions that a block may have, and the end */

static void driver_main(struct code *code)
{
    code_begin(code);
    add_constant(code, RBP, 1 + draw(draw(3) ? 8 : 200));
    u32 top = code->count;
    for (u32 i = 1 + draw(5); i && code->count < CODE_INSNS - DRIVER_ROOM; i--) {
        add_place(code);
        add_fillers(code, 2);
        add_call(code, draw(DRIVER_THUNK), draw(DRIVER_POLL));
        if (draw(3) == 0)
            add_delay(code);
        if (draw(3) == 0)
            ADD(code, 0xa8, 1 << draw(8)), add_jump(code, 0x70 | draw(16), 0, 1 + draw(2));
    }
    if (code->size == CODE_64)
        ADD(code, 0xff, 0xcd);
    else
        ADD(code, 0x4d);
    code->insn[code->count].jump = 4;
    code->insn[code->count].back = (u8)(code->count - top);
    ADD(code, 0x0f, 0x85, 0, 0, 0, 0);
    if (draw(2)) { /* for ever */
        u32 at = code->length;
        code->bytes[at++] = 0xe9;
        code_add(code, put_value(code, at, 0 - (u64)(at + 4), 4) - code->length);
    }
    code_end(code);
    memset(code->bytes + code->length, 0xf4, 16);
    code->length += 16;
}

/* `functions` are where they are. */
static void driver_make(struct code *code, struct functions *functions, u64 fs_base)
{
    driver_style = (struct driver_style){
        .retpolines = draw(2), .return_thunk = draw(2), .port_in_esi = draw(2), .devices = draw(2), .fs_base = fs_base};
    code->callees = functions->rip;
    code->callee_count = functions->count;
    for (u32 i = 0; i < functions->count; i++) {
        functions->code[i] = *code;
        functions->code[i].rip = functions->rip[i];
        driver_function(&functions->code[i], (enum driver_function)i);
    }
    driver_main(code);
}

#endif
