/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instructions that device registers are mostly reached by, each in one piece, for the case without ifs. Those that
 * are remembered (emul/cached.c) have been chosen among once; MOV takes this way also when it is interpreted.
 */
#include "emul/quick_run.h"

#include "emul/device_apic.h"
#include "emul/quick.h"

#define DR7_GENERAL_DETECT BIT(13) /* MOV DR is #DB */

bool quick_runs(const struct vcpu *v)
{
    u64 flags = v->rflags & (RFLAGS_AC | RFLAGS_RF | RFLAGS_TF);
    u64 armed = v->dr7 & (WATCH_ENABLES | DR7_GENERAL_DETECT);
    return !(flags | armed | (v->interruptibility & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS)));
}

/* What device_apic_page_read() and _write() perform as the access itself: reads inside the low four bytes, and writes.
 */
QUICK bool lapic_form(u64 within, u32 size, enum access_kind kind)
{
    return kind == ACCESS_READ ? (within & 15) + size <= 4 : size == 4 && device_apic_is_plain(within);
}

/*
 * Where the memory operand can be touched: RAM, passed-through, or trapped where performing it is nothing but the
 * access itself. NULL: none of these.
 */
QUICK void *reach(struct vcpu *v, const struct insn *insn, u32 size, enum access_kind kind, bool *lapic)
{
    struct interp in = {.v = v, .insn = insn, .next = v->rip + insn->length};
    u64 linear = operand_address_of(&in), within = linear & ~PAGE_MASK;
    const struct walk_memo_line *line = walk_memo_find(v, linear, walk_access_of(kind), access_cpl(v));
    if (!line || within + size > PAGE_SIZE || !line->touch)
        return NULL;
    *lapic = line->lapic;
    if (line->lapic && !lapic_form(within, size, kind))
        return NULL;
    if (kind != ACCESS_READ && line->class == EPT_CLASS_RAM && v->vm->ept.counts.read_only_pages)
        return NULL;
    return line->touch + within;
}

/* The LAPIC is read 32 bits at a time, whatever part the guest wants. */
QUICK u64 load(const void *at, u32 size, bool lapic)
{
    if (!lapic)
        return access_load(at, size);
    u64 value = access_load((const void *)((u64)at & ~3ull), 4);
    return value >> 8 * ((u64)at & 3) & size_mask(size);
}

/* MOV, MOVZX, MOVSX from memory. */
bool quick_load(struct vcpu *v, const struct insn *insn)
{
    const struct operand *to = &insn->operand[0];
    u32 size = insn->operand[1].size;
    bool lapic;
    const void *at = reach(v, insn, size, ACCESS_READ, &lapic);
    if (!at)
        return false;
    u64 value = load(at, size, lapic);
    if (insn->op == OP_MOVSX)
        value = sign_extend(value, size);
    gpr_write_inline(v, to, to->size, value);
    return true;
}

QUICK u64 plain_operand(struct vcpu *v, const struct insn *insn, const struct operand *operand, u32 size)
{
    u64 value = operand->kind == OPERAND_GPR ? gpr_read(v, operand, size) : (u64)insn->immediate;
    return value & size_mask(size);
}

/* MOV to memory. */
bool quick_store(struct vcpu *v, const struct insn *insn)
{
    u32 size = insn->operand[0].size;
    bool lapic;
    void *at = reach(v, insn, size, ACCESS_WRITE, &lapic);
    if (!at)
        return false;
    access_store(at, size, plain_operand(v, insn, &insn->operand[1], size));
    return true;
}

/* Out of line for those that have more to do than to get there. */
static __attribute__((noinline)) void *reach_far(struct vcpu *v, const struct insn *insn, u32 size,
                                                 enum access_kind kind, bool *lapic)
{
    return reach(v, insn, size, kind, lapic);
}

/* Arithmetic and comparisons of a register or an immediate with memory, in either direction; without LOCK. */
static bool alu(struct vcpu *v, const struct insn *insn)
{
    const struct operand *to = &insn->operand[0], *from = &insn->operand[1];
    bool memory_first = to->kind == OPERAND_MEMORY, compares = insn->op == OP_CMP || insn->op == OP_TEST, lapic;
    u32 size = to->size;
    u64 flags = v->rflags;
    void *at = reach_far(v, insn, size, memory_first && !compares ? ACCESS_WRITE : ACCESS_READ, &lapic);
    if (!at)
        return false;
    u64 memory = load(at, size, lapic), other = plain_operand(v, insn, memory_first ? from : to, size);
    u64 result = alu_result(insn->op, memory_first ? memory : other, memory_first ? other : memory, size, &flags);
    if (!compares && memory_first)
        access_store(at, size, result);
    else if (!compares)
        gpr_write(v, to, size, result);
    v->rflags = (v->rflags & ~(u64)FLAGS_STATUS) | (flags & FLAGS_STATUS);
    v->dirty |= PART_RFLAGS;
    return true;
}

static bool is_plain(const struct operand *operand)
{
    return operand->kind == OPERAND_GPR || operand->kind == OPERAND_IMMEDIATE;
}

static quick_run *choose_move(const struct insn *insn)
{
    const struct operand *to = &insn->operand[0], *from = &insn->operand[1];
    if (to->kind == OPERAND_GPR && from->kind == OPERAND_MEMORY)
        return quick_load;
    return insn->op == OP_MOV && to->kind == OPERAND_MEMORY && is_plain(from) ? quick_store : NULL;
}

static quick_run *choose_alu(const struct insn *insn)
{
    const struct operand *to = &insn->operand[0], *from = &insn->operand[1];
    if (to->kind == OPERAND_GPR && from->kind == OPERAND_MEMORY)
        return alu;
    return to->kind == OPERAND_MEMORY && is_plain(from) && !(insn->flags & INSN_LOCK) ? alu : NULL;
}

quick_run *quick_choose(const struct insn *insn)
{
    u32 segment = insn->memory.segment;
    if (insn->code_size != CODE_64 || segment == SEG_FS || segment == SEG_GS || insn->operand[0].size > 8)
        return NULL;
    switch (insn->op) {
    case OP_MOV:
    case OP_MOVZX:
    case OP_MOVSX:
        return choose_move(insn);
    case OP_ADD:
    case OP_OR:
    case OP_ADC:
    case OP_SBB:
    case OP_AND:
    case OP_SUB:
    case OP_XOR:
    case OP_CMP:
    case OP_TEST:
        return choose_alu(insn);
    default:
        return NULL;
    }
}
