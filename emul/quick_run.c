/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instructions that device registers are mostly reached by, each in one piece, for the case without ifs. Those that
 * are remembered (emul/cached.c) have been chosen among once; MOV takes this way also when it is interpreted.
 */
#include "emul/quick_run.h"

#include "emul/device_apic.h"
#include "emul/quick.h"

/* What device_apic_page_read() and _write() perform as the access itself: reads inside the low four bytes, and writes.
 */
QUICK bool lapic_form(u64 within, u32 size, enum access_kind kind)
{
    return kind == ACCESS_READ ? (within & 15) + size <= 4 : size == 4 && device_apic_is_plain(within);
}

QUICK bool page_form(const struct vcpu *v, const struct walk_memo_line *line, u64 within, u32 size,
                     enum access_kind kind)
{
    if (within + size > PAGE_SIZE)
        return false;
    return kind == ACCESS_READ || line->class != EPT_CLASS_RAM || !v->vm->ept.counts.read_only_pages;
}

/*
 * Where the memory operand can be touched: RAM, passed-through, or trapped where performing it is nothing but the
 * access itself. NULL: none of these.
 */
QUICK void *reach(struct vcpu *v, u64 linear, u32 cpl, u32 size, enum access_kind kind, bool *lapic)
{
    u64 within = linear & ~PAGE_MASK;
    const struct walk_memo_line *line = walk_memo_find(v, linear, walk_access_of(kind), cpl);
    if (!line || !line->touch)
        return NULL;
    *lapic = line->lapic;
    if (!(line->lapic ? lapic_form(within, size, kind) : page_form(v, line, within, size, kind)))
        return NULL;
    return line->touch + within;
}

/* The LAPIC is read 32 bits at a time, whatever part the guest wants. */
QUICK u64 load(const void *at, u32 size, bool lapic)
{
    if (size == 4 || !lapic)
        return access_load(at, size);
    u64 value = access_load((const void *)((u64)at & ~3ull), 4);
    return value >> 8 * ((u64)at & 3) & size_mask(size);
}

/* Base, index and displacement. RSP, which is not always there, is none of them. */
QUICK u64 memory_address(const struct vcpu *v, const struct insn *insn)
{
    const struct memory_operand *memory = &insn->memory;
    u64 address = (u64)memory->displacement;
    if (memory->base != REG_NONE)
        address += v->gpr[memory->base];
    if (memory->index != REG_NONE)
        address += v->gpr[memory->index] * memory->scale;
    return address;
}

/* A register, but not RSP, or an immediate. */
QUICK u64 plain_operand(const struct vcpu *v, const struct insn *insn, const struct operand *operand, u32 size)
{
    u64 value = (u64)insn->immediate;
    if (operand->kind == OPERAND_GPR)
        value = v->gpr[operand->reg] >> (operand->high8 ? 8 : 0);
    return value & size_mask(size);
}

/* alu_result() of 32 bits, by the machine's own instruction; after logical ones AF is undefined: 0. */
#define ALU_32(name, instruction, affected)                                                                            \
    case OP_##name:                                                                                                    \
        asm("btl $0, %[carry]\n\t" instruction "\n\tlahf\n\tseto %%al"                                                 \
            : [a] "+&r"(a), "=&a"(got)                                                                                 \
            : [b] "r"(b), [carry] "r"((u32)*flags)                                                                     \
            : "cc");                                                                                                   \
        *flags = (got >> 8 & (u8)(affected)) | (got & 1) << 11;                                                        \
        break;
#define LOGICAL (FLAGS_STATUS & ~RFLAGS_AF)

QUICK u32 alu_32(u16 op, u32 a, u32 b, u64 *flags)
{
    u32 got;
    switch (op) {
        ALU_32(ADD, "addl %[b], %[a]", FLAGS_STATUS)
        ALU_32(ADC, "adcl %[b], %[a]", FLAGS_STATUS)
        ALU_32(SUB, "subl %[b], %[a]", FLAGS_STATUS)
        ALU_32(SBB, "sbbl %[b], %[a]", FLAGS_STATUS)
        ALU_32(CMP, "cmpl %[b], %[a]", FLAGS_STATUS)
        ALU_32(OR, "orl %[b], %[a]", LOGICAL)
        ALU_32(XOR, "xorl %[b], %[a]", LOGICAL)
        ALU_32(AND, "andl %[b], %[a]", LOGICAL)
    default:
        ALU_32(TEST, "testl %[b], %[a]", LOGICAL)
    }
    return a;
}

QUICK u64 alu_any(u16 op, u64 a, u64 b, u32 size, u64 *flags)
{
    return size == 4 ? alu_32(op, (u32)a, (u32)b, flags) : alu_result(op, a, b, size, flags);
}

/* The result's status flags in place of those that are there. */
QUICK void set_status(struct vcpu *v, u64 flags)
{
    v->rflags = (v->rflags & ~(u64)FLAGS_STATUS) | flags;
    v->dirty |= PART_RFLAGS;
}

QUICK bool is_compare(const struct insn *insn)
{
    return insn->op == OP_CMP || insn->op == OP_TEST;
}

/* ---- for the interpreter ---- */

/* The memory operand of an instruction that was decoded this moment. */
QUICK void *decoded_reach(struct vcpu *v, const struct insn *insn, u32 size, enum access_kind kind, bool *lapic)
{
    u64 address = memory_address(v, insn);
    if (insn->memory.rip_relative)
        address += v->rip + insn->length;
    if (insn->address_size != 8)
        address &= size_mask(insn->address_size);
    return reach(v, address, access_cpl(v), size, kind, lapic);
}

bool quick_load_32(struct vcpu *v, const struct insn *insn)
{
    bool lapic;
    const void *at = decoded_reach(v, insn, 4, ACCESS_READ, &lapic);
    if (at)
        v->gpr[insn->operand[0].reg] = access_load(at, 4);
    return at;
}

bool quick_load(struct vcpu *v, const struct insn *insn)
{
    const struct operand *to = &insn->operand[0];
    u32 size = insn->operand[1].size;
    bool lapic;
    const void *at = decoded_reach(v, insn, size, ACCESS_READ, &lapic);
    if (!at)
        return false;
    u64 value = load(at, size, lapic);
    if (insn->op == OP_MOVSX)
        value = sign_extend(value, size);
    gpr_write_inline(v, to, to->size, value);
    return true;
}

bool quick_store(struct vcpu *v, const struct insn *insn)
{
    u32 size = insn->operand[0].size;
    bool lapic;
    void *at = decoded_reach(v, insn, size, ACCESS_WRITE, &lapic);
    if (!at)
        return false;
    access_store(at, size, plain_operand(v, insn, &insn->operand[1], size));
    return true;
}

QUICK bool decoded_alu(struct vcpu *v, const struct insn *insn, u32 size)
{
    const struct operand *to = &insn->operand[0], *from = &insn->operand[1];
    bool memory_first = to->kind == OPERAND_MEMORY, writes = !is_compare(insn), lapic;
    u64 flags = v->rflags;
    void *at = decoded_reach(v, insn, size, memory_first && writes ? ACCESS_WRITE : ACCESS_READ, &lapic);
    if (!at)
        return false;
    u64 memory = load(at, size, lapic), other = plain_operand(v, insn, memory_first ? from : to, size);
    u64 result = alu_any(insn->op, memory_first ? memory : other, memory_first ? other : memory, size, &flags);
    if (writes && memory_first)
        access_store(at, size, result);
    else if (writes)
        gpr_write_inline(v, to, size, result);
    set_status(v, flags);
    return true;
}

bool quick_alu(struct vcpu *v, const struct insn *insn)
{
    u32 size = insn->operand[0].size;
    return size == 4 ? decoded_alu(v, insn, 4) : decoded_alu(v, insn, size);
}

/* ---- for what is remembered: quick_choose() has looked at all that the bytes say ---- */

QUICK void *known_reach(struct vcpu *v, const struct insn *known, u32 size, enum access_kind kind, bool *lapic)
{
    return reach(v, memory_address(v, known), 0, size, kind, lapic);
}

/* Each all but moving RIP, or nothing and false. MOV, MOVZX, MOVSX from memory. */
QUICK bool load_any(struct vcpu *v, const struct insn *known)
{
    const struct operand *to = &known->operand[0];
    u32 size = known->operand[1].size;
    bool lapic;
    const void *at = known_reach(v, known, size, ACCESS_READ, &lapic);
    if (!at)
        return false;
    u64 value = load(at, size, lapic);
    if (known->op == OP_MOVSX)
        value = sign_extend(value, size);
    gpr_write_inline(v, to, to->size, value);
    return true;
}

/* MOV of 32 bits, which is nearly all that drivers do. */
QUICK bool load_32(struct vcpu *v, const struct insn *known)
{
    bool lapic;
    const void *at = known_reach(v, known, 4, ACCESS_READ, &lapic);
    if (!at)
        return false;
    v->gpr[known->operand[0].reg] = access_load(at, 4);
    return true;
}

/* MOV to memory. */
QUICK bool store(struct vcpu *v, const struct insn *known, u32 size)
{
    bool lapic;
    void *at = known_reach(v, known, size, ACCESS_WRITE, &lapic);
    if (!at)
        return false;
    access_store(at, size, plain_operand(v, known, &known->operand[1], size));
    return true;
}

/* Arithmetic and comparisons of a register with memory. */
QUICK bool alu_load(struct vcpu *v, const struct insn *known, u32 size)
{
    const struct operand *to = &known->operand[0];
    u64 flags = v->rflags;
    bool lapic;
    const void *at = known_reach(v, known, size, ACCESS_READ, &lapic);
    if (!at)
        return false;
    u64 result = alu_any(known->op, plain_operand(v, known, to, size), load(at, size, lapic), size, &flags);
    if (known->op != OP_CMP)
        gpr_write_inline(v, to, size, result);
    set_status(v, flags);
    return true;
}

/* Memory with a register or an immediate; without LOCK. */
QUICK bool alu_memory(struct vcpu *v, const struct insn *known, u32 size, bool writes)
{
    u64 flags = v->rflags;
    bool lapic;
    void *at = known_reach(v, known, size, writes ? ACCESS_WRITE : ACCESS_READ, &lapic);
    if (!at)
        return false;
    u64 other = plain_operand(v, known, &known->operand[1], size);
    u64 result = alu_any(known->op, load(at, size, lapic), other, size, &flags);
    if (writes)
        access_store(at, size, result);
    set_status(v, flags);
    return true;
}

/* IMUL with two or three operands, as interp_multiply() does it. */
QUICK u64 multiply(struct vcpu *v, u64 a, u64 b, u32 size)
{
    __int128 wide = (__int128)(s64)sign_extend(a, size) * (s64)sign_extend(b, size);
    u64 low = (u64)wide & size_mask(size);
    set_status(v, flags_of_result(low, size) | (wide != (s64)sign_extend(low, size) ? RFLAGS_CF | RFLAGS_OF : 0));
    return low;
}

QUICK u64 bit_of(const struct insn *known, u32 size)
{
    return 1ull << ((u64)known->immediate & (size * 8 - 1));
}

QUICK void set_carry(struct vcpu *v, bool carry)
{
    v->rflags = (v->rflags & ~(u64)RFLAGS_CF) | carry;
    v->dirty |= PART_RFLAGS;
}

/* What else reads memory: CMOVcc, IMUL, BT by an immediate. */
QUICK bool read_otherwise(struct vcpu *v, const struct insn *known)
{
    const struct operand *to = &known->operand[0];
    u32 size = to->size;
    bool lapic;
    const void *at = known_reach(v, known, size, ACCESS_READ, &lapic);
    if (!at)
        return false;
    u64 value = load(at, size, lapic);
    if (known->op == OP_BT) {
        set_carry(v, value & bit_of(known, size));
        return true;
    }
    if (known->op == OP_IMUL)
        value = multiply(v, value, plain_operand(v, known, known->operand[2].kind ? &known->operand[2] : to, size),
                         size);
    else if (!flags_condition(v->rflags, known->condition))
        value = plain_operand(v, known, to, size);
    gpr_write_inline(v, to, size, value);
    return true;
}

/* What else changes memory: INC and its like, BTS and its like by an immediate; without LOCK. */
QUICK bool change_otherwise(struct vcpu *v, const struct insn *known)
{
    u32 size = known->operand[0].size;
    u64 flags = v->rflags, bit = bit_of(known, size);
    bool lapic;
    void *at = known_reach(v, known, size, ACCESS_WRITE, &lapic);
    if (!at)
        return false;
    u64 value = load(at, size, lapic);
    if (known->op <= OP_NOT)
        value = unary_result(known->op, value, size, &flags);
    else
        flags = (flags & ~(u64)RFLAGS_CF) | (value & bit ? RFLAGS_CF : 0);
    if (known->op == OP_BTS)
        value |= bit;
    else if (known->op == OP_BTR)
        value &= ~bit;
    else if (known->op == OP_BTC)
        value ^= bit;
    access_store(at, size, value);
    set_status(v, flags & FLAGS_STATUS);
    return true;
}

/* XCHG is locked, which means something in RAM only. */
QUICK bool exchange(struct vcpu *v, const struct insn *known)
{
    const struct operand *to = &known->operand[0], *from = &known->operand[1];
    const struct operand *plain = to->kind == OPERAND_MEMORY ? from : to;
    bool lapic;
    void *at = known_reach(v, known, to->size, ACCESS_WRITE, &lapic);
    if (!at || !lapic)
        return false;
    u64 value = access_load(at, 4); /* what is written of the LAPIC is 32 bits */
    access_store(at, 4, plain_operand(v, known, plain, 4));
    gpr_write_inline(v, plain, 4, value);
    return true;
}

/* LODS, STOS, once. */
QUICK bool string_element(struct vcpu *v, const struct insn *known)
{
    bool loads = known->op == OP_LODS, lapic;
    u64 *pointer = &v->gpr[loads ? RSI : RDI];
    u32 size = known->operand[0].size;
    void *at = reach(v, *pointer, 0, size, loads ? ACCESS_READ : ACCESS_WRITE, &lapic);
    if (!at)
        return false;
    if (loads)
        reg_write_inline(v, RAX, size, load(at, size, lapic));
    else
        access_store(at, size, v->gpr[RAX]);
    *pointer += v->rflags & RFLAGS_DF ? 0 - (u64)size : size;
    return true;
}

/* Each for any size, and for 32 bits, which are nearly all that drivers use. RIP is all that completing takes:
 * quick_runs(). */
#define RUN(name, call)                                                                                                \
    static void run_##name(struct vcpu *v, const struct insn *known, emul_undone *undone)                              \
    {                                                                                                                  \
        if (!call) {                                                                                                   \
            cached_perform(v, known, undone);                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        v->rip += known->length;                                                                                       \
        v->dirty |= PART_RIP;                                                                                          \
    }
RUN(load, load_any(v, known))
RUN(load_32, load_32(v, known))
RUN(store, store(v, known, known->operand[0].size))
RUN(store_32, store(v, known, 4))
RUN(alu_load, alu_load(v, known, known->operand[0].size))
RUN(alu_load_32, alu_load(v, known, 4))
RUN(alu_memory, alu_memory(v, known, known->operand[0].size, !is_compare(known)))
RUN(alu_compare_32, alu_memory(v, known, 4, false))
RUN(alu_store_32, alu_memory(v, known, 4, true))
RUN(read_otherwise, read_otherwise(v, known))
RUN(change_otherwise, change_otherwise(v, known))
RUN(exchange, exchange(v, known))
RUN(string_element, string_element(v, known))

/* ---- which ---- */

static bool is_plain(const struct operand *operand)
{
    return operand->kind == OPERAND_GPR || operand->kind == OPERAND_IMMEDIATE;
}

static quick_run *choose_move(const struct insn *insn)
{
    const struct operand *to = &insn->operand[0], *from = &insn->operand[1];
    if (to->kind == OPERAND_GPR && from->kind == OPERAND_MEMORY)
        return to->size == 4 && from->size == 4 ? run_load_32 : run_load;
    if (insn->op != OP_MOV || to->kind != OPERAND_MEMORY || !is_plain(from))
        return NULL;
    return to->size == 4 ? run_store_32 : run_store;
}

static quick_run *choose_alu(const struct insn *insn)
{
    const struct operand *to = &insn->operand[0], *from = &insn->operand[1];
    bool of_32 = to->size == 4;
    if (to->kind == OPERAND_GPR && from->kind == OPERAND_MEMORY)
        return of_32 ? run_alu_load_32 : run_alu_load;
    if (to->kind != OPERAND_MEMORY || !is_plain(from) || insn->flags & INSN_LOCK)
        return NULL;
    if (!of_32)
        return run_alu_memory;
    return is_compare(insn) ? run_alu_compare_32 : run_alu_store_32;
}

static quick_run *choose_other(const struct insn *insn)
{
    const struct operand *to = &insn->operand[0], *from = &insn->operand[1];
    bool reads = to->kind == OPERAND_GPR && from->kind == OPERAND_MEMORY;
    bool by_immediate = to->kind == OPERAND_MEMORY && from->kind == OPERAND_IMMEDIATE;
    switch (insn->op) {
    case OP_CMOVCC:
    case OP_IMUL:
        return reads ? run_read_otherwise : NULL;
    case OP_BT:
        return by_immediate ? run_read_otherwise : NULL;
    case OP_BTS:
    case OP_BTR:
    case OP_BTC:
        return by_immediate && !(insn->flags & INSN_LOCK) ? run_change_otherwise : NULL;
    case OP_INC ... OP_NOT:
        return to->kind == OPERAND_MEMORY && !(insn->flags & INSN_LOCK) ? run_change_otherwise : NULL;
    case OP_XCHG:
        return reads || (to->kind == OPERAND_MEMORY && from->kind == OPERAND_GPR) ? run_exchange : NULL;
    case OP_LODS:
    case OP_STOS:
        return insn->flags & (INSN_REP | INSN_REPNE) ? NULL : run_string_element;
    default:
        return NULL;
    }
}

/* No RSP, which is not always there; no base address that comes from elsewhere. */
static bool is_simple(const struct insn *insn)
{
    const struct memory_operand *memory = &insn->memory;
    bool stack = memory->base == RSP || memory->index == RSP;
    for (u32 i = 0; i < COUNT_OF(insn->operand); i++)
        stack |= insn->operand[i].kind == OPERAND_GPR && insn->operand[i].reg == RSP;
    return insn->code_size == CODE_64 && insn->address_size == 8 && !memory->rip_relative && !stack &&
           memory->segment != SEG_FS && memory->segment != SEG_GS;
}

quick_run *quick_choose(const struct insn *insn)
{
    if (!is_simple(insn) || insn->operand[0].size > 8)
        return NULL;
    switch (insn->op) {
    case OP_MOV:
    case OP_MOVZX:
    case OP_MOVSX:
        return choose_move(insn);
    case OP_ADD ... OP_TEST:
        return choose_alu(insn);
    default:
        return choose_other(insn);
    }
}
