/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder: prefixes, opcode, ModRM and immediates, in one pass over the bytes. What an opcode means stands in
 * opcodes.def; here is only the grammar of SDM vol. 2, chapter "Instruction Format".
 *
 * Reading needs no bounds check: the bytes stand in a window that is longer than anything that can be read, and the
 * count is compared with what is really there once, at the end. A verdict from bytes that are not there is thrown away.
 */
#include "emul/decode.h"

/* SDM "Instruction Prefixes". The last of F2 and F3 is the mandatory one; 64-bit code ignores ES, CS, SS and DS. */
static void take_prefix(struct decoder *d, const struct entry *prefix)
{
    u8 segment = prefix->operand[0];
    bool ignored = segment == REG_NONE || (d->long_mode && segment < SEG_FS);
    d->rex = 0;
    d->insn->flags |= prefix->flags;
    d->mandatory = prefix->op ? prefix->op : d->mandatory;
    d->segment = ignored ? d->segment : segment;
}

/* Returns the entry of the first byte that is no prefix; d->at is behind that byte. A REX that does not end up right
 * before it is lost. */
static const struct entry *take_prefixes(struct decoder *d)
{
    const struct entry *entry;
    for (;;) {
        u8 byte = d->bytes[d->at++];
        entry = &decode_entries[MAP_1 + byte];
        d->insn->opcode = byte;
        if (entry->kind == ENTRY_PREFIX) {
            take_prefix(d, entry);
        } else if ((entry->flags & REX_IN_64) && entry->kind == ENTRY_INSN && d->long_mode) {
            d->rex = byte;
        } else {
            break;
        }
        if (d->at > INSN_MAX)
            break;
    }
    if (!d->mandatory && (d->insn->flags & INSN_OPERAND_PREFIX))
        d->mandatory = MANDATORY_66;
    return entry;
}

static void set_address_size(struct decoder *d)
{
    struct insn *insn = d->insn;
    bool prefix = insn->flags & INSN_ADDRESS_PREFIX;
    if (insn->code_size == CODE_16)
        insn->address_size = prefix ? 4 : 2;
    else if (insn->code_size == CODE_32)
        insn->address_size = prefix ? 2 : 4;
    else
        insn->address_size = prefix ? 4 : 8;
}

static void set_operand_size(struct decoder *d, u32 flags)
{
    struct insn *insn = d->insn;
    bool prefix = insn->flags & INSN_OPERAND_PREFIX;
    if (insn->code_size == CODE_16)
        insn->operand_size = prefix ? 4 : 2;
    else if (insn->code_size == CODE_32)
        insn->operand_size = prefix ? 2 : 4;
    else if ((flags & FORCE64) || (d->rex & 8))
        insn->operand_size = flags & MAX32 ? 4 : 8;
    else if (prefix)
        insn->operand_size = 2;
    else
        insn->operand_size = flags & DEFAULT64 ? 8 : 4;
    if ((flags & MOD_IGNORED) && !d->long_mode)
        insn->operand_size = 4; /* MOV to and from CR and DR */
}

static const struct entry *three_byte_entry(struct decoder *d, u32 map)
{
    static const struct entry simd[2] = {
        {.kind = ENTRY_INSN, .op = OP_OTHER, .operand = {FORM_Ex}, .flags = HAS_MODRM},
        {.kind = ENTRY_INSN, .op = OP_OTHER, .operand = {FORM_Ex, FORM_Ib}, .flags = HAS_MODRM},
    };
    d->insn->opcode = d->bytes[d->at++];
    d->insn->map = map + 2;
    if (decode_simd_valid[map][d->insn->opcode])
        return &simd[map];
    return decode_three_byte_link(map, d->insn->opcode);
}

static const struct entry *two_byte_entry(struct decoder *d)
{
    u8 opcode = d->bytes[d->at++];
    d->insn->opcode = opcode;
    d->insn->map = 1;
    if (opcode == 0x38)
        return three_byte_entry(d, MAP_0F38);
    if (opcode == 0x3a)
        return three_byte_entry(d, MAP_0F3A);
    return &decode_entries[MAP_0F + opcode];
}

/* Follows links to the entry that is meant. NULL: it was VEX, and d->at is at its end; *valid says whether it is valid.
 */
static const struct entry *follow_links(struct decoder *d, const struct entry *entry, bool *peeked)
{
    static const struct entry invalid;
    while (entry->kind >= ENTRY_LINK) {
        const struct entry *target = &decode_entries[entry->flags];
        u8 modrm = d->bytes[d->at];
        *peeked |= entry->kind <= BY_RM_REG;
        switch (entry->kind) {
        case BY_REG:
            entry = target + (modrm >> 3 & 7);
            break;
        case BY_RM:
            entry = target + (modrm & 7);
            break;
        case BY_MOD:
            entry = target + modrm_is_register(modrm);
            break;
        case BY_RM_REG:
            entry = modrm_is_register(modrm) && !(modrm & 7) ? target : &invalid;
            break;
        case BY_PREFIX:
            entry = target + d->mandatory;
            break;
        case BY_REX_B:
            entry = target + (d->rex & 1);
            break;
        case BY_MODE:
            entry = target + d->long_mode;
            break;
        default: /* BY_VEX with a memory operand outside 64-bit code */
            entry = target;
            *peeked = true;
        }
    }
    return entry;
}

/* SDM table "16-Bit Addressing Forms with the ModR/M Byte". */
static void decode_memory16(struct decoder *d, u32 mod, u32 rm)
{
    static const u8 bases[8] = {RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX};
    static const u8 indexes[8] = {RSI, RDI, RSI, RDI, REG_NONE, REG_NONE, REG_NONE, REG_NONE};
    struct memory_operand *memory = &d->insn->memory;
    memory->scale = 1;
    memory->base = bases[rm];
    memory->index = indexes[rm];
    if (mod == 0 && rm == 6) {
        memory->base = REG_NONE;
        memory->displacement = decode_read_signed(d, 2);
    } else if (mod) {
        memory->displacement = decode_read_signed(d, mod == 1 ? 1 : 2);
    }
}

static void decode_sib(struct decoder *d, u32 mod)
{
    struct memory_operand *memory = &d->insn->memory;
    u8 sib = d->bytes[d->at++];
    u32 index = (sib >> 3 & 7) | (d->rex & 2) << 2;
    memory->scale = 1 << (sib >> 6);
    memory->index = index == RSP ? REG_NONE : index;
    memory->base = (sib & 7) | (d->rex & 1) << 3;
    if ((sib & 7) == 5 && mod == 0) {
        memory->base = REG_NONE;
        memory->displacement = decode_read_signed(d, 4);
    }
}

/* SDM tables "32-Bit Addressing Forms with the ModR/M Byte" and "... with the SIB Byte"; "RIP-Relative Addressing". */
static void decode_memory32(struct decoder *d, u32 mod, u32 rm)
{
    struct memory_operand *memory = &d->insn->memory;
    memory->scale = 1;
    memory->index = REG_NONE;
    memory->base = rm | (d->rex & 1) << 3;
    if (rm == 4) {
        decode_sib(d, mod);
    } else if (rm == 5 && mod == 0) {
        memory->base = REG_NONE;
        memory->rip_relative = d->long_mode;
        memory->displacement = decode_read_signed(d, 4);
    }
    if (mod)
        memory->displacement = decode_read_signed(d, mod == 1 ? 1 : 4);
}

void decode_modrm(struct decoder *d)
{
    struct insn *insn = d->insn;
    u8 modrm = d->bytes[d->at++];
    insn->modrm = modrm;
    insn->flags |= INSN_MODRM;
    if (modrm_is_register(modrm))
        return;
    if (insn->address_size == 2)
        decode_memory16(d, modrm >> 6, modrm & 7);
    else
        decode_memory32(d, modrm >> 6, modrm & 7);
    bool stack = insn->memory.base == RSP || insn->memory.base == RBP;
    insn->memory.segment = d->segment != REG_NONE ? d->segment : stack ? SEG_SS : SEG_DS;
}

static u32 operand_bytes(const struct decoder *d, u32 rule)
{
    const struct insn *insn = d->insn;
    switch (rule) {
    case SIZE_V:
        return insn->operand_size;
    case SIZE_V32:
        return insn->operand_size == 2 ? 2 : 4;
    case SIZE_P:
        return insn->operand_size + 2;
    case SIZE_WV:
        return modrm_is_register(insn->modrm) ? insn->operand_size : 2;
    case SIZE_WD:
        return insn->operand_size == 2 ? 2 : 4;
    case SIZE_Y:
        return d->rex & 8 ? 8 : 4;
    case SIZE_YY:
        return d->rex & 8 ? 16 : 8;
    case SIZE_NATIVE:
        return d->long_mode ? 8 : 4;
    default:
        return rule;
    }
}

/* SDM table "Register Operand Field Encoding": without REX, 4 to 7 are AH, CH, DH, BH as bytes. */
static void set_gpr(const struct decoder *d, struct operand *operand, u32 reg)
{
    operand->kind = OPERAND_GPR;
    operand->high8 = operand->size == 1 && !d->rex && reg >= 4;
    operand->reg = operand->high8 ? reg - 4 : reg;
}

static void set_memory_or(struct decoder *d, struct operand *operand, u32 kind)
{
    u8 modrm = d->insn->modrm;
    if (!modrm_is_register(modrm)) {
        operand->kind = OPERAND_MEMORY;
        return;
    }
    operand->kind = kind;
    operand->reg = (modrm & 7) | (kind == OPERAND_MMX ? 0 : (d->rex & 1) << 3);
    if (kind == OPERAND_GPR)
        set_gpr(d, operand, operand->reg);
}

static void set_register(struct decoder *d, struct operand *operand, u32 kind)
{
    u32 reg = d->insn->modrm >> 3 & 7;
    if (kind == OPERAND_GPR) {
        set_gpr(d, operand, reg | (d->rex & 4) << 1);
        return;
    }
    operand->kind = kind;
    operand->reg = kind == OPERAND_XMM ? reg | (d->rex & 4) << 1 : reg;
}

/* SDM "MOV - Move to/from Control Registers", "... Debug Registers", "MOV": REX.R counts for CR and DR, not for
 * segments. */
static void set_system_register(struct decoder *d, struct operand *operand, u32 kind)
{
    static const u32 existing[] = {
        [OPERAND_SEGMENT] = 0x3f,
        [OPERAND_CR] = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 8,
        [OPERAND_DR] = 0xff,
    };
    u32 reg = d->insn->modrm >> 3 & 7;
    if (kind != OPERAND_SEGMENT)
        reg |= (d->rex & 4) << 1;
    operand->kind = kind;
    operand->reg = reg;
    d->reserved = !(existing[kind] >> reg & 1);
}

/* An address that stands in the instruction, without base: MOV's "moffs", and the implied rSI of string instructions.
 */
static void set_direct_memory(struct decoder *d, u32 displacement_size)
{
    struct memory_operand *memory = &d->insn->memory;
    memory->base = REG_NONE;
    memory->index = REG_NONE;
    memory->scale = 1;
    memory->segment = d->segment != REG_NONE ? d->segment : SEG_DS;
    if (displacement_size)
        memory->displacement = (s64)decode_read(d, displacement_size);
}

static void set_immediate(struct decoder *d, struct operand *operand, u32 place)
{
    struct insn *insn = d->insn;
    operand->kind = OPERAND_IMMEDIATE;
    switch (place) {
    case AT_IMMEDIATE:
        insn->immediate = (s64)decode_read(d, operand->size);
        break;
    case AT_SIGNED:
        insn->immediate = decode_read_signed(d, operand->size);
        break;
    case AT_IMMEDIATE2:
        insn->immediate2 = decode_read(d, operand->size);
        break;
    case AT_ONE:
        insn->immediate = 1;
        break;
    case AT_RELATIVE:
        operand->kind = OPERAND_RELATIVE;
        insn->immediate = decode_read_signed(d, operand->size);
        break;
    default: /* AT_FAR */
        operand->kind = OPERAND_FAR;
        insn->immediate = (s64)decode_read(d, operand->size - 2);
        insn->immediate2 = decode_read(d, 2);
    }
}

static void set_operand(struct decoder *d, struct operand *operand, const struct operand_rule *rule)
{
    operand->size = operand_bytes(d, rule->size);
    switch (rule->place) {
    case AT_RM:
        set_memory_or(d, operand, OPERAND_GPR);
        break;
    case AT_REG:
        set_register(d, operand, OPERAND_GPR);
        break;
    case AT_UNNAMED_RM:
        break;
    case AT_SEGMENT:
        set_system_register(d, operand, OPERAND_SEGMENT);
        break;
    case AT_CR:
        set_system_register(d, operand, OPERAND_CR);
        break;
    case AT_DR:
        set_system_register(d, operand, OPERAND_DR);
        break;
    case AT_MMX_REG:
        set_register(d, operand, OPERAND_MMX);
        break;
    case AT_XMM_REG:
        set_register(d, operand, OPERAND_XMM);
        break;
    case AT_MMX_RM:
        set_memory_or(d, operand, OPERAND_MMX);
        break;
    case AT_XMM_RM:
        set_memory_or(d, operand, OPERAND_XMM);
        break;
    case AT_OPCODE:
        set_gpr(d, operand, (d->insn->opcode & 7) | (d->rex & 1) << 3);
        break;
    case AT_FIXED:
        operand->kind = OPERAND_GPR;
        operand->reg = rule->reg;
        break;
    case AT_FIXED_SEGMENT:
        operand->kind = OPERAND_SEGMENT;
        operand->reg = rule->reg;
        break;
    case AT_OFFSET:
        operand->kind = OPERAND_MEMORY;
        set_direct_memory(d, d->insn->address_size);
        break;
    case AT_STRING:
        set_direct_memory(d, 0);
        break;
    default:
        set_immediate(d, operand, rule->place);
    }
}

static bool entry_valid(const struct decoder *d, const struct entry *entry, u32 valid)
{
    const struct insn *insn = d->insn;
    bool memory = (insn->flags & INSN_MODRM) && !modrm_is_register(insn->modrm);
    if (!(valid >> (d->mandatory + (memory ? 0 : 4)) & 1))
        return false;
    if (entry->flags & (d->long_mode ? NO64 : ONLY64))
        return false;
    if ((insn->flags & INSN_LOCK) && !((entry->flags & LOCKABLE) && insn->operand[0].kind == OPERAND_MEMORY))
        return false;
    if ((entry->flags & NOT_CS) && insn->operand[0].reg == SEG_CS)
        return false;
    if (entry->kind == ENTRY_X87 && !decode_x87_valid(insn->opcode, insn->modrm))
        return false;
    return !d->reserved;
}

/* False: invalid, in view of all bytes before d->at. */
static bool decode(struct decoder *d)
{
    struct insn *insn = d->insn;
    const struct entry *entry = take_prefixes(d);
    set_address_size(d);
    if (d->at > INSN_MAX)
        return false;
    if (entry->kind == BY_VEX && (d->long_mode || modrm_is_register(d->bytes[d->at])))
        return decode_vex(d, insn->opcode);
    if (insn->opcode == 0x0f)
        entry = two_byte_entry(d);
    bool peeked = false;
    u32 valid = insn->map >= 2 ? decode_simd_valid[insn->map - 2][insn->opcode] : 0;
    entry = follow_links(d, entry, &peeked);
    if (entry->kind == ENTRY_INVALID) {
        d->at += peeked;
        return false;
    }
    set_operand_size(d, entry->flags);
    if (entry->flags & HAS_MODRM) {
        if (entry->flags & MOD_IGNORED) {
            insn->modrm = d->bytes[d->at++] | 0xc0;
            insn->flags |= INSN_MODRM;
        } else {
            decode_modrm(d);
        }
    }
    insn->op = entry->op;
    insn->condition = entry->flags & CONDITION ? insn->opcode & 15 : 0;
    for (u32 i = 0; i < 3 && entry->operand[i]; i++)
        set_operand(d, &insn->operand[i], &decode_operand_rules[entry->operand[i]]);
    return entry_valid(d, entry, valid ? valid : entry->valid);
}

/* What is readable of the first 15 bytes, and zeros behind them. */
static void fill_window(u8 window[static DECODE_WINDOW], const u8 *bytes, u32 available)
{
    __builtin_memset(window, 0, DECODE_WINDOW);
    if (available >= INSN_MAX)
        __builtin_memcpy(window, bytes, INSN_MAX);
    else
        for (u32 i = 0; i < available; i++)
            window[i] = bytes[i];
}

enum decode_status insn_decode(const u8 *bytes, u32 available, enum code_size code_size, struct insn *insn)
{
    u8 window[DECODE_WINDOW];
    u32 count = available < INSN_MAX ? available : INSN_MAX;
    fill_window(window, bytes, available);
    *insn = (struct insn){.code_size = code_size};
    struct decoder d = {.bytes = window, .long_mode = code_size == CODE_64, .segment = REG_NONE, .insn = insn};
    bool valid = decode(&d);
    if (d.at > count)
        return available < INSN_MAX ? DECODE_TRUNCATED : DECODE_TOO_LONG;
    if (!valid)
        return DECODE_INVALID;
    if (d.rex && !(insn->flags & INSN_VEX))
        insn->flags |= INSN_REX | (d.rex & 8 ? INSN_REX_W : 0);
    insn->length = d.at;
    __builtin_memcpy(insn->bytes, window, INSN_MAX);
    return DECODE_OK;
}
