/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The status flags that the SDM leaves undefined are this processor's, in the interpreter too: else they would tell
 * which instructions of a cluster ran on it and which the interpreter performed. The linker puts these handlers around
 * the interpreter's (-Wl,--wrap); what they change are flags, after all else is done.
 */
#ifndef TEST_FUZZ_CLUSTER_FLAGS_H
#define TEST_FUZZ_CLUSTER_FLAGS_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "emul/flags.h"
#include "emul/interp.h"

u64 cluster_flags_of(const u64 gpr[16], u64 flags, const void *code);
extern char cluster_flags_back[];

/* Where the instruction stands, and its operand in memory. */
static struct {
    u8 code[64];
    u64 back, memory;
} * flags_stub;

static bool is_prefix(u8 byte)
{
    return byte == 0x26 || byte == 0x2e || byte == 0x36 || byte == 0x3e || (byte >= 0x64 && byte <= 0x67) ||
           byte == 0xf0 || byte == 0xf2 || byte == 0xf3;
}

/* Of C0, C1, 69, 6B, 0F A4, 0F AC. */
static u32 immediate_size(const struct insn *insn)
{
    if (insn->map == 1)
        return insn->opcode == 0xa4 || insn->opcode == 0xac;
    if (insn->opcode == 0x69)
        return insn->operand_size == 2 ? 2 : 4;
    return insn->opcode == 0xc0 || insn->opcode == 0xc1 || insn->opcode == 0x6b;
}

/* The same instruction as 64-bit code, with flags_stub->memory for its operand in memory, and a jump to `back`. */
static void write_stub(const struct insn *insn)
{
    const u8 *from = insn->bytes;
    u8 *to = flags_stub->code;
    u32 wide = immediate_size(insn);
    if (insn->operand_size == 2)
        *to++ = 0x66;
    const u8 *rex = NULL;
    for (;; from++) {
        bool is_rex = insn->code_size == CODE_64 && (*from & 0xf0) == 0x40;
        if (!is_rex && !is_prefix(*from))
            break;
        rex = is_rex ? from : NULL;
        if (*from >= 0xf2)
            *to++ = *from;
    }
    if (rex)
        *to++ = *rex & (insn->modrm < 0xc0 ? ~3 : ~0);
    if (insn->map == 1)
        *to++ = *from++;
    *to++ = *from++;
    *to++ = insn->modrm < 0xc0 ? (insn->modrm & 0x38) | 5 : insn->modrm;
    if (insn->modrm < 0xc0) {
        s32 displacement = (s32)((u8 *)&flags_stub->memory - (to + 4 + wide));
        memcpy(to, &displacement, 4);
        to += 4;
    }
    memcpy(to, insn->bytes + insn->length - wide, wide);
    to += wide;
    s32 back = (s32)((u8 *)&flags_stub->back - (to + 6));
    *to++ = 0xff;
    *to++ = 0x25;
    memcpy(to, &back, 4);
}

static bool flags_peeking; /* what is read now is not read by the guest */

/* The operand in memory as it is before; nothing is left of the reading. */
static bool peek(struct interp *in, u64 *value)
{
    struct vcpu *v = in->v;
    struct event event = v->event;
    struct device_counts counts = v->vm->device_counts;
    u64 cr2 = v->cr2, pending = v->pending_debug;
    u32 dirty = v->dirty;
    bool done = true;
    flags_peeking = true;
    for (u32 i = 0; i < COUNT_OF(in->insn->operand); i++)
        if (in->insn->operand[i].kind == OPERAND_MEMORY)
            done = operand_read(in, i, value);
    flags_peeking = false;
    v->event = event;
    v->cr2 = cr2;
    v->dirty = dirty;
    v->pending_debug = pending;
    v->vm->device_counts = counts;
    return done;
}

static bool has_rsp(const struct insn *insn)
{
    for (u32 i = 0; i < COUNT_OF(insn->operand); i++)
        if (insn->operand[i].kind == OPERAND_GPR && insn->operand[i].reg == RSP && !insn->operand[i].high8)
            return true;
    return false;
}

typedef enum emul_status handler(struct interp *in);

static enum emul_status with_processor_flags(struct interp *in, handler *real)
{
    struct vcpu *v = in->v;
    u64 gpr[GPR_COUNT], before = vcpu_rflags(v) & FLAGS_STATUS, memory = 0;
    memcpy(gpr, v->gpr, sizeof(gpr));
    bool known = peek(in, &memory) && !has_rsp(in->insn);
    enum emul_status status = real(in);
    if (status != EMUL_DONE || !known)
        return status;
    if (!flags_stub) {
        flags_stub = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (flags_stub == MAP_FAILED)
            abort();
        flags_stub->back = (u64)cluster_flags_back;
    }
    write_stub(in->insn);
    flags_stub->memory = memory;
    u64 flags = cluster_flags_of(gpr, before | RFLAGS_FIXED1, flags_stub->code);
    v->rflags = (v->rflags & ~(u64)FLAGS_STATUS) | (flags & FLAGS_STATUS);
    vcpu_dirty(v, PART_RFLAGS);
    return status;
}

#define WRAP(name)                                                                                                     \
    handler __real_##name, __wrap_##name;                                                                              \
    enum emul_status __wrap_##name(struct interp *in)                                                                  \
    {                                                                                                                  \
        return with_processor_flags(in, __real_##name);                                                                \
    }
WRAP(interp_shift)
WRAP(interp_shift_double)
WRAP(interp_bit_scan)
WRAP(interp_bit_count)
WRAP(interp_multiply)
#undef WRAP

#endif
