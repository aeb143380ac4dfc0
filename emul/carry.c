/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a cluster carries each instruction (emul/cluster.h).
 */
#include "emul/cluster.h"

enum kind {
    NEVER,
    PLAIN,    /* its operands decide: registers, memory */
    NOTHING,  /* has no operands that matter */
    REGISTER, /* as PLAIN, but the interpreter performs it on memory */
    ADDRESS,  /* LEA */
    JUMP,
    CALL,
    RETURN,
    STACK,
    PORT,
    PERFORM,
    KIND_MASK = 15,
    ACCESS = 16, /* times the accesses to memory that no operand names */
};

/*
 * POPCNT, CRC32 and MOVBE stay out because not every CPU has them: then they are #UD, which root mode would
 * take. PUSHA, POPA and ENTER make more accesses than a gap may have.
 */
static const u8 kinds[OP_COUNT] = {
    [OP_ADD... OP_NOT] = PLAIN,
    [OP_MUL] = REGISTER,
    [OP_IMUL] = PLAIN,
    [OP_DIV... OP_IDIV] = PERFORM,
    [OP_MOV... OP_MOVSX] = PLAIN,
    [OP_LEA] = ADDRESS,
    [OP_XCHG] = REGISTER,
    [OP_CMPXCHG] = PLAIN,
    [OP_CMPXCHG8B] = PERFORM,
    [OP_XADD] = PLAIN,
    [OP_MOVNTI] = PERFORM,
    [OP_XLAT] = PERFORM + ACCESS,
    [OP_BSWAP... OP_SHRD] = PLAIN,
    [OP_CLFLUSH] = PERFORM,
    [OP_BT... OP_BSR] = PLAIN,
    [OP_LZCNT... OP_CMOVCC] = PLAIN,
    [OP_JCC... OP_JMP] = JUMP,
    [OP_LOOP... OP_JCXZ] = JUMP,
    [OP_PUSH... OP_POP] = STACK + ACCESS,
    [OP_CALL] = CALL + ACCESS,
    [OP_RET] = RETURN + ACCESS,
    [OP_PUSHF... OP_POPF] = PERFORM + ACCESS,
    [OP_LEAVE] = PERFORM + ACCESS,
    [OP_CBW... OP_CMC] = NOTHING,
    [OP_CLD... OP_CLI] = PERFORM,
    [OP_MOVS... OP_CMPS] = PERFORM + 2 * ACCESS,
    [OP_STOS... OP_OUTS] = PERFORM + ACCESS,
    [OP_IN... OP_OUT] = PORT,
    [OP_NOP... OP_SFENCE] = NOTHING,
    [OP_RDTSC... OP_RDTSCP] = PERFORM,
    [OP_AAA... OP_DAS] = PERFORM,
};

static bool names_rsp(const struct operand *operand)
{
    return operand->kind == OPERAND_GPR && operand->reg == RSP;
}

/* DR4 and DR5 depend on CR4.DE. */
static enum carry carry_debug(const struct insn *insn)
{
    bool from = insn->operand[1].kind == OPERAND_DR;
    u8 number = insn->operand[from].reg;

    return number > 7 || number == 4 || number == 5 || names_rsp(&insn->operand[!from]) ? CARRY_NOT : CARRY_DEBUG;
}

/* Outside 64-bit code an address needs its segment. */
static enum carry carry_memory(const struct insn *insn)
{
    bool one_operand_multiply = insn->op == OP_IMUL && insn->operand[1].kind == OPERAND_NONE;
    /* The bit may be far from the operand. */
    bool bit_in_register = insn->op >= OP_BT && insn->op <= OP_BTC && insn->operand[1].kind == OPERAND_GPR;

    return insn->code_size == CODE_64 && (insn->flags & (INSN_MODRM | INSN_LOCK)) == INSN_MODRM &&
                   !one_operand_multiply && !bit_in_register
               ? CARRY_MEMORY
               : CARRY_PERFORM;
}

/* Whether what ModRM.r/m names is the first operand, of an ALU operation, TEST or MOV that is no byte's. */
static bool writes_rm(const struct insn *insn)
{
    switch (insn->opcode) {
    case 0x81:
    case 0x83:
    case 0x85:
    case 0x89:
    case 0xc7:
    case 0xf7:
        return true;
    default:
        return insn->opcode < 0x40 && (insn->opcode & 7) == 1;
    }
}

/* 64-bit ALU operations and MOV with RSP in place of a memory operand: on what holds the guest's RSP. */
static bool on_rsp(const struct insn *insn)
{
    bool alu = insn->op <= OP_CMP || insn->op == OP_TEST || insn->op == OP_MOV;
    bool plain = insn->operand[1].kind == OPERAND_GPR || insn->operand[1].kind == OPERAND_IMMEDIATE;

    return alu && plain && insn->map == 0 && writes_rm(insn) && insn->code_size == CODE_64 &&
           insn->operand[0].size == 8 && insn->modrm >= 0xc0 && names_rsp(&insn->operand[0]) &&
           !names_rsp(&insn->operand[1]) && !(insn->flags & INSN_LOCK);
}

/* MOV from RSP to another register; LEA of a place above it. */
static bool from_rsp(const struct insn *insn)
{
    bool to = insn->operand[0].kind == OPERAND_GPR && !names_rsp(&insn->operand[0]);

    if (insn->code_size != CODE_64 || insn->operand[0].size != 8 || !to)
        return false;
    if (insn->op == OP_LEA)
        return insn->memory.base == RSP && insn->memory.index == REG_NONE && insn->address_size == 8;
    return insn->op == OP_MOV && names_rsp(&insn->operand[1]);
}

/*
 * SDM "SHLD", "SHRD": a count beyond the operand leaves what the SDM does not say. The interpreter knows what Intel's
 * processors do, and random clusters are held against it on others too.
 */
static bool may_be_undefined(const struct insn *insn)
{
    return (insn->op == OP_SHLD || insn->op == OP_SHRD) && insn->operand_size == 2;
}

static enum carry carry_operands(const struct insn *insn)
{
    enum carry carry = may_be_undefined(insn) ? CARRY_PERFORM : CARRY_REGISTERS;

    if ((names_rsp(&insn->operand[0]) || names_rsp(&insn->operand[1])) && (on_rsp(insn) || from_rsp(insn)))
        return CARRY_RSP;
    for (u32 i = 0; i < COUNT_OF(insn->operand); i++) {
        const struct operand *operand = &insn->operand[i];
        switch (operand->kind) {
        case OPERAND_NONE:
        case OPERAND_IMMEDIATE:
            break;
        case OPERAND_GPR:
            if (names_rsp(operand))
                carry = CARRY_PERFORM;
            break;
        case OPERAND_MEMORY:
            if (carry != CARRY_PERFORM)
                carry = carry_memory(insn);
            break;
        case OPERAND_SEGMENT:
            if (i == 0)
                return CARRY_NOT;
            carry = CARRY_PERFORM;
            break;
        case OPERAND_DR:
            return carry_debug(insn);
        default:
            return CARRY_NOT;
        }
    }
    return carry;
}

static enum carry carry_address(const struct insn *insn)
{
    if (from_rsp(insn))
        return CARRY_RSP;
    return insn->address_size == 2 || insn->memory.base == RSP || names_rsp(&insn->operand[0]) ? CARRY_PERFORM
                                                                                               : CARRY_REGISTERS;
}

/* Calls and computed jumps: direct, by a register, or by what stands in memory. */
static enum carry carry_computed(const struct insn *insn, enum carry carry)
{
    const struct operand *operand = &insn->operand[0];
    bool memory = operand->kind == OPERAND_MEMORY && operand->size == 8 && carry_memory(insn) == CARRY_MEMORY;
    bool simple = operand->kind == OPERAND_RELATIVE || (operand->kind == OPERAND_GPR && operand->reg != RSP) || memory;

    return simple && insn->code_size == CODE_64 && insn->operand_size == 8 ? carry : CARRY_PERFORM;
}

static enum carry carry_stack(const struct insn *insn)
{
    const struct operand *operand = &insn->operand[0];

    if (operand->kind == OPERAND_SEGMENT && insn->op == OP_POP) /* loads it */
        return CARRY_NOT;
    bool simple = operand->kind == OPERAND_IMMEDIATE || (operand->kind == OPERAND_GPR && operand->reg != RSP);
    return simple && insn->code_size == CODE_64 && insn->operand_size == 8 ? CARRY_STACK : CARRY_PERFORM;
}

enum carry cluster_carry(const struct insn *insn)
{
    enum carry carry;

    switch (kinds[insn->op] & KIND_MASK) {
    case PLAIN:
        return carry_operands(insn);
    case NOTHING:
        return CARRY_REGISTERS;
    case REGISTER:
        carry = carry_operands(insn);
        return carry == CARRY_MEMORY ? CARRY_PERFORM : carry;
    case ADDRESS:
        return carry_address(insn);
    case JUMP:
        return insn->operand[0].kind == OPERAND_RELATIVE ? CARRY_JUMP : carry_computed(insn, CARRY_COMPUTED);
    case CALL:
        return carry_computed(insn, CARRY_CALL);
    case RETURN:
        return insn->code_size == CODE_64 && insn->operand_size == 8 && insn->opcode == 0xc3 ? CARRY_RET
                                                                                             : CARRY_PERFORM;
    case STACK:
        return carry_stack(insn);
    case PORT:
        return CARRY_PORT;
    case PERFORM:
        return CARRY_PERFORM;
    default:
        return CARRY_NOT;
    }
}

u32 cluster_accesses(const struct insn *insn)
{
    u32 count = kinds[insn->op] / ACCESS;

    if (insn->op >= OP_MOVS && insn->op <= OP_OUTS && (insn->flags & (INSN_REP | INSN_REPNE)))
        return CLUSTER_ACCESSES_MANY;
    for (u32 i = 0; i < COUNT_OF(insn->operand); i++)
        count += insn->operand[i].kind == OPERAND_MEMORY && insn->op != OP_LEA;
    return count;
}
