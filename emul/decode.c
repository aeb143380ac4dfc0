/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder: prefixes, opcode, ModRM and immediates, in one pass over the bytes. What an opcode means stands in
 * opcodes.def; here is only the grammar of SDM vol. 2, chapter "Instruction Format".
 *
 * Reading needs no bounds check: INSN_WINDOW bytes can be read, more than the decoder can get to, and the count of
 * bytes used is compared with what is really there once, at the end. A verdict from bytes that are not there is thrown
 * away.
 *
 * The way of a plain instruction has few branches, and none that depends on its operands' kinds: operands and sizes
 * come out of tables. What is rare stands in functions of its own.
 */
#include "emul/decode.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define RARE static __attribute__((noinline, cold))
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* Two operands are made as one number. */
_Static_assert(sizeof(struct operand) == 4 && offsetof(struct operand, size) == 1 &&
                   offsetof(struct operand, reg) == 2 && offsetof(struct operand, high8) == 3,
               "an operand is a 32-bit number");
_Static_assert(INSN_OPERAND_PREFIX == 1 << 3 && INSN_ADDRESS_PREFIX == 1 << 4 && MANDATORY_66 == 1, "used as numbers");
_Static_assert(INSN_REX == 0x40 >> 1 && INSN_REX_W == 8 << 3, "made of the REX byte by shifts");
_Static_assert((u32)HAS_MODRM == INSN_MODRM, "one is the other");
_Static_assert(offsetof(struct memory_operand, rip_relative) == 4 &&
                   offsetof(struct memory_operand, displacement_size) == 5 &&
                   offsetof(struct memory_operand, displacement) == 8,
               "FORM() of decode_tables.c");

struct decoder {
    const u8 *at; /* next byte */
    u32 mode;     /* 0, 1, 2: 16, 32, 64 bits */
    u32 flags;    /* enum insn_flag */
    u32 rex;      /* 0, or 40..4F; after VEX and EVEX: their R, X and B in REX form */
    u32 segment;  /* segment_name of the last override that counts, or REG_NONE */
    u32 mandatory;
    u32 opcode, map;
    u32 valid;        /* enum entry_valid, where the entry does not say it */
    u32 context;      /* first index into decode_size_index */
    u32 address_size; /* bytes */
    u32 memory_table; /* enum memory_table */
    struct vex *vex;
};

#define MODE_LONG 2
#define NOT_BEFORE_VEX (INSN_LOCK | INSN_REP | INSN_REPNE | INSN_OPERAND_PREFIX | INSN_REX)

ALWAYS_INLINE u32 load32(const u8 *at)
{
    u32 value;
    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

ALWAYS_INLINE u64 load64(const u8 *at)
{
    u64 value;
    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

/* SDM "Instruction Prefixes". The last of F2 and F3 is the mandatory one; 64-bit code ignores ES, CS, SS and DS. */
ALWAYS_INLINE void take_prefix(struct decoder *d, const struct entry *prefix)
{
    u32 segment = prefix->pattern;
    bool ignored = segment == REG_NONE || (d->mode == MODE_LONG && segment < SEG_FS);
    d->rex = 0; /* a REX that does not end up right before the opcode is lost */
    d->flags |= prefix->flags;
    d->mandatory = prefix->op ? prefix->op : d->mandatory;
    d->segment = ignored ? d->segment : segment;
}

/* The entry of the first byte that is no prefix; d->at is behind that byte. NULL: no such byte before `limit`. */
ALWAYS_INLINE const struct entry *take_prefixes(struct decoder *d, const u8 *limit)
{
    do {
        u32 byte = *d->at++;
        const struct entry *entry = &decode_entries[MAP_1 + byte];
        d->opcode = byte;
        if (likely(entry->kind < ENTRY_PREFIX))
            return entry;
        if (entry->kind == ENTRY_PREFIX)
            take_prefix(d, entry);
        else if (d->mode == MODE_LONG)
            d->rex = byte;
        else
            return entry;
    } while (d->at != limit);
    return NULL;
}

RARE const struct entry *three_byte_entry(struct decoder *d, u32 map)
{
    d->opcode = *d->at++;
    d->map = map + 2;
    d->valid = decode_simd_valid[map][d->opcode];
    return d->valid ? &decode_simd_entries[map] : decode_three_byte_link(map, d->opcode);
}

/* What a link's selector says. */
static u32 selected(const struct decoder *d, u32 kind, u8 modrm)
{
    switch (kind) {
    case BY_RM:
        return modrm & 7;
    case BY_MOD:
        return modrm_is_register(modrm);
    case BY_PREFIX:
        return d->mandatory;
    case BY_REX_B:
        return d->rex & 1;
    case BY_MODE:
        return d->mode == MODE_LONG;
    default:
        return 0; /* BY_RM_REG; BY_VEX with a memory operand outside 64-bit code */
    }
}

/* Follows links to the entry that is meant. NULL: invalid; d->at is then behind what that verdict was drawn from. */
static const struct entry *follow_links(struct decoder *d, const struct entry *entry)
{
    u8 modrm = *d->at;
    bool peeked = false;
    while (entry->kind >= ENTRY_LINK) {
        u32 kind = entry->kind;
        bool nothing = kind == BY_RM_REG && (!modrm_is_register(modrm) || (modrm & 7));
        peeked |= kind <= BY_RM_REG || kind == BY_VEX;
        entry = &decode_entries[entry->flags] + (kind == BY_REG ? modrm >> 3 & 7u : selected(d, kind, modrm));
        if (nothing || entry->kind == ENTRY_INVALID) {
            d->at += peeked;
            return NULL;
        }
    }
    return entry->kind == ENTRY_INVALID ? NULL : entry;
}

/* From an entry that is no plain instruction to that of the instruction; NULL: invalid. */
RARE const struct entry *find_entry_slowly(struct decoder *d, const struct entry *entry)
{
    if (d->map == 1 && (d->opcode == 0x38 || d->opcode == 0x3a))
        entry = three_byte_entry(d, d->opcode == 0x38 ? MAP_0F38 : MAP_0F3A);
    return entry->kind >= ENTRY_PREFIX ? entry : follow_links(d, entry);
}

/* From the entry of the opcode's first byte to that of the instruction; NULL: invalid. */
ALWAYS_INLINE const struct entry *find_entry(struct decoder *d, const struct entry *entry)
{
    if (d->opcode == 0x0f) {
        d->opcode = *d->at++;
        d->map = 1;
        entry = &decode_entries[MAP_0F + d->opcode];
    }
    const struct entry *found = entry;
    if (entry->kind == BY_REG)
        found = &decode_entries[entry->flags] + (*d->at >> 3 & 7);
    if (likely(found->kind == ENTRY_INSN))
        return found;
    struct decoder slow = *d; /* so that *d itself can stay in registers */
    entry = find_entry_slowly(&slow, entry);
    d->at = slow.at;
    d->opcode = slow.opcode;
    d->map = slow.map;
    d->valid = slow.valid;
    return entry;
}

/* SDM table "32-Bit Addressing Forms with the SIB Byte". Returns what decode_memory_forms has for other forms. */
static __attribute__((noinline)) u64 sib_form(u32 sib, u32 mod, u32 rex)
{
    struct memory_operand memory = {.scale = 1 << (sib >> 6), .displacement_size = mod == 2 ? 4 : mod};
    u32 index = (sib >> 3 & 7) | (rex & 2) << 2;
    memory.index = index == RSP ? REG_NONE : index;
    memory.base = (sib & 7) | (rex & 1) << 3;
    memory.segment = (memory.base & ~1u) == RSP ? SEG_SS : SEG_DS; /* RSP and RBP */
    if ((sib & 7) == RBP && mod == 0) {
        memory.base = REG_NONE;
        memory.segment = SEG_DS;
        memory.displacement_size = 4;
    }
    u64 form;
    __builtin_memcpy(&form, &memory, sizeof(form));
    return form;
}

ALWAYS_INLINE void decode_memory(struct decoder *d, u32 modrm, struct memory_operand *memory)
{
    /* By size in bytes. The sign is extended by flipping and subtracting the sign bit. */
    static const struct {
        u32 mask, sign;
    } fields[] = {[0] = {0, 0}, [1] = {0xff, 0x80}, [2] = {0xffff, 0x8000}, [4] = {0xffffffff, 0x80000000}};
    u64 form = decode_memory_forms[d->memory_table + (d->rex & 1)][modrm >> 6][modrm & 7];
    if (form == 0)
        form = sib_form(*d->at++, modrm >> 6, d->rex);
    __builtin_memcpy(memory, &form, sizeof(form));
    if (d->segment != REG_NONE)
        memory->segment = d->segment;
    u32 size = form >> 40;
    memory->displacement = (s64)((load32(d->at) & fields[size].mask) ^ fields[size].sign) - (s64)fields[size].sign;
    d->at += size;
}

/* The first two operands; `rm` and `reg` are register numbers, `rm` 0 where ModRM names memory. */
ALWAYS_INLINE void set_operands(struct operand *operands, const struct pattern *pattern, u32 memory, const u16 *sizes,
                                u32 rm, u32 reg, u32 rex)
{
    /* AH to BH: number - 4, and high8, which is 0x100 here. */
    if (pattern->rm_high + pattern->reg_high && !rex) {
        rm += (rm & pattern->rm_high) * (0x100 / 4 - 1);
        reg += (reg & pattern->reg_high) * (0x100 / 4 - 1);
    }
    u64 both = pattern->fixed[memory] + sizes[pattern->size0] + ((u64)sizes[pattern->size1] << 32) +
               rm * decode_places[pattern->rm_place] + reg * decode_places[pattern->reg_place];
    __builtin_memcpy(operands, &both, sizeof(both));
    operands[2] = (struct operand){0};
}

/* An address that stands in the instruction, without base: MOV's "moffs", and the implied rSI of string instructions.
 */
static void set_direct_memory(struct insn *insn, u32 segment, u32 size, u64 displacement)
{
    struct memory_operand *memory = &insn->memory;
    memory->base = REG_NONE;
    memory->index = REG_NONE;
    memory->scale = 1;
    memory->segment = segment != REG_NONE ? segment : SEG_DS;
    memory->displacement_size = size;
    memory->displacement = (s64)displacement;
}

ALWAYS_INLINE u64 load_bytes(const u8 *at, u32 size) /* 1 to 8 */
{
    return load64(at) & ~0ull >> (64 - 8 * size);
}

/* What is not just one immediate. Returns where the instruction ends. */
RARE const u8 *special_immediate(struct insn *insn, enum immediate_class class, const u8 *at, u32 segment)
{
    u32 size = insn->operand_size;
    switch (class) {
    case IMM_ONE:
        insn->immediate = 1;
        return at;
    case IMM_WORD_BYTE:
        insn->immediate = (s64)load_bytes(at, 2);
        insn->immediate2 = at[2];
        return at + 3;
    case IMM_FAR:
        insn->immediate = (s64)load_bytes(at, size);
        insn->immediate2 = (u16)load32(at + size);
        return at + size + 2;
    case IMM_OFFSET:
        set_direct_memory(insn, segment, insn->address_size, load_bytes(at, insn->address_size));
        return at + insn->address_size;
    default: /* IMM_STRING */
        set_direct_memory(insn, segment, 0, 0);
        return at;
    }
}

ALWAYS_INLINE s64 plain_immediate(struct decoder *d, enum immediate_class class, const u16 *sizes)
{
    const struct immediate_rule *rule = &decode_immediate_rules[class];
    u32 size = rule->size + (sizes[rule->column] >> 8);
    u32 unused = 64 - 8 * size;
    u64 value = load64(d->at) << unused;
    d->at += size;
    return rule->is_signed ? (s64)value >> unused : (s64)(value >> unused);
}

/* SDM "MOV - Move to/from Control Registers", "... Debug Registers", "MOV": the registers that exist. */
static bool register_exists(const struct operand *operand)
{
    switch (operand->kind) {
    case OPERAND_SEGMENT:
        return operand->reg <= SEG_GS;
    case OPERAND_CR:
        return (1 << 0 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 8) >> operand->reg & 1;
    case OPERAND_DR:
        return operand->reg < 8;
    default:
        return true;
    }
}

/* The rules that few entries have, and LOCK's. False: invalid. */
RARE bool finish_rare(const struct entry *entry, u32 valid, u32 mandatory, const struct vex *vex, u8 sib,
                      struct insn *insn)
{
    bool memory = (insn->flags & INSN_MODRM) && !modrm_is_register(insn->modrm);
    u32 flags = entry->flags, lock = insn->flags & INSN_LOCK, rare = decode_patterns[entry->pattern].rare;
    if (entry->kind == BY_VEX)
        return !(insn->flags & NOT_BEFORE_VEX) && decode_vex_valid(vex, insn, sib);
    if (!((valid ? valid : entry->valid) >> (mandatory + (memory ? 0 : 4)) & 1))
        return false;
    if (flags & (insn->code_size == CODE_64 ? NO64 : ONLY64))
        return false;
    if (lock && !((flags & LOCKABLE) && insn->operand[0].kind == OPERAND_MEMORY))
        return false;
    if (entry->kind == ENTRY_X87)
        return decode_x87_valid(insn->opcode, insn->modrm);
    for (u32 i = 0; (rare & NO_REX_R) && i < 2; i++)
        if (insn->operand[i].kind == OPERAND_SEGMENT || insn->operand[i].kind == OPERAND_MMX)
            insn->operand[i].reg &= 7;
    if ((rare & WORD_IN_MEMORY) && insn->operand[0].kind == OPERAND_MEMORY)
        insn->operand[0].size = 2;
    if ((flags & NOT_CS) && insn->operand[0].reg == SEG_CS)
        return false;
    return register_exists(&insn->operand[0]) && register_exists(&insn->operand[1]);
}

/* What is wrong when `used` bytes were looked at, and the instruction is invalid in view of them, or longer than can
 * be. */
static enum decode_status verdict(u32 used, u32 available)
{
    if (used > INSN_MAX && available >= INSN_MAX)
        return DECODE_TOO_LONG;
    return used > available ? DECODE_TRUNCATED : DECODE_INVALID;
}

/* VEX and EVEX: what decode_vex() finds takes the place of prefixes and opcode. */
ALWAYS_INLINE const struct entry *take_vex(struct decoder *d, struct vex *vex)
{
    const u8 *end;
    const struct entry *entry = decode_vex(vex, d->opcode, d->at, d->mode == MODE_LONG, &end);
    d->at = end;
    d->flags |= INSN_VEX;
    d->rex = (vex->r & 8) >> 1 | vex->x >> 2 | vex->b >> 3;
    d->opcode = vex->opcode;
    d->map = vex->map;
    d->context = 2 * MODE_LONG; /* operand size 4 in every mode */
    return entry;
}

/* The longest instruction's bytes, by two loads that overlap. */
ALWAYS_INLINE void copy_bytes(u8 *to, const u8 *from)
{
    u64 low = load64(from), high = load64(from + INSN_MAX - 8);
    __builtin_memcpy(to, &low, 8);
    __builtin_memcpy(to + INSN_MAX - 8, &high, 8);
}

/* From the entry to the end. `available`: of the bytes. */
ALWAYS_INLINE enum decode_status decode_rest(struct decoder *d, const struct entry *entry, const u8 *bytes,
                                             u32 available, struct insn *insn)
{
    u32 entry_flags = entry->flags, names = d->opcode, memory = 0;
    const u16 *sizes = (const u16 *)((const u8 *)decode_sizes +
                                     decode_size_index[d->context][ENTRY_SIZE_CLASS(entry_flags)]);
    const u8 *modrm_at = d->at;
    insn->op = entry->op;
    insn->flags = d->flags | (entry_flags & HAS_MODRM);
    insn->operand_size = sizes[COLUMN_V] >> 8;
    insn->address_size = d->address_size;
    insn->map = d->map;
    insn->opcode = d->opcode;
    insn->modrm = 0;
    insn->condition = d->opcode & 15;
    insn->immediate = 0;
    insn->immediate2 = 0;
    if (entry_flags & HAS_MODRM) {
        names = *d->at++;
        if (unlikely(entry_flags & MOD_IGNORED))
            names |= 0xc0;
        insn->modrm = names;
        memory = !modrm_is_register(names);
    }
    if (memory)
        decode_memory(d, names, &insn->memory);
    else
        insn->memory = (struct memory_operand){0};
    const struct pattern *pattern = &decode_patterns[entry->pattern];
    u32 rm = memory ? 0 : (names & 7) | (d->rex & 1) << 3;
    set_operands(insn->operand, pattern, memory, sizes, rm, (names >> 3 & 7) | (d->rex & 4) << 1, d->rex);
    if (unlikely(pattern->third))
        insn->operand[2] = decode_third_operand(pattern->third, sizes);
    if (entry_flags & IMM_SPECIAL << IMMEDIATE_SHIFT)
        d->at = special_immediate(insn, entry_flags >> IMMEDIATE_SHIFT & 15, d->at, d->segment);
    else if (entry_flags & IMMEDIATE_MASK)
        insn->immediate = plain_immediate(d, entry_flags >> IMMEDIATE_SHIFT & 15, sizes);
    u32 length = d->at - bytes;
    insn->length = length;
    if (unlikely(length > available || length > INSN_MAX))
        return verdict(length, available);
    bool rare = (entry_flags & CHECKED) || (d->flags & INSN_LOCK);
    if (unlikely(rare) && !finish_rare(entry, d->valid, d->mandatory, d->vex, modrm_at[1], insn))
        return DECODE_INVALID;
    copy_bytes(insn->bytes, bytes);
    return DECODE_OK;
}

static const u8 address_sizes[3][2] = {{2, 4}, {4, 2}, {8, 4}};
static const u8 memory_tables[3][2] = {{MEMORY_16, MEMORY_32}, {MEMORY_32, MEMORY_16}, {MEMORY_64, MEMORY_64}};

/* Any instruction. */
static __attribute__((noinline)) enum decode_status decode_any(const u8 *bytes, u32 available, struct insn *insn)
{
    struct vex vex;
    struct decoder d = {.at = bytes, .mode = insn->code_size >> 2, .segment = REG_NONE, .vex = &vex};
    const struct entry *entry = take_prefixes(&d, bytes + INSN_MAX);
    if (unlikely(!entry))
        return verdict(INSN_MAX + 1, available);
    u32 operand_prefix = d.flags / INSN_OPERAND_PREFIX & 1, address_prefix = d.flags / INSN_ADDRESS_PREFIX & 1;
    d.context = 2 * d.mode + operand_prefix + (d.rex >> 2 & 2);
    d.address_size = address_sizes[d.mode][address_prefix];
    d.memory_table = memory_tables[d.mode][address_prefix];
    d.mandatory = d.mandatory ? d.mandatory : operand_prefix;
    d.flags |= (d.rex >> 1 & INSN_REX) | (d.rex << 3 & INSN_REX_W);
    if (entry->kind == BY_VEX && (d.mode == MODE_LONG || modrm_is_register(*d.at)))
        entry = take_vex(&d, &vex);
    else if (entry->kind != ENTRY_INSN)
        entry = find_entry(&d, entry);
    if (unlikely(!entry || d.at > bytes + INSN_MAX)) /* from here on, at most 14 bytes more are looked at */
        return verdict(d.at - bytes, available);
    return decode_rest(&d, entry, bytes, available, insn);
}

/* REX, 0F and groups here, as far as they are plain. */
enum decode_status insn_decode_padded(const u8 *bytes, u32 available, enum code_size code_size, struct insn *insn)
{
    u32 mode = code_size >> 2;
    struct decoder d = {
        .at = bytes,
        .mode = mode,
        .segment = REG_NONE,
        .context = 2 * mode,
        .address_size = address_sizes[mode][0],
        .memory_table = memory_tables[mode][0],
    };
    insn->code_size = code_size;
    d.opcode = *d.at++;
    const struct entry *entry = &decode_entries[MAP_1 + d.opcode];
    if (entry->kind != ENTRY_INSN) {
        if (entry->kind == ENTRY_REX && mode == MODE_LONG) {
            d.rex = d.opcode;
            d.context += d.rex >> 2 & 2;
            d.flags = (d.rex >> 1 & INSN_REX) | (d.rex << 3 & INSN_REX_W);
            d.opcode = *d.at++;
            entry = &decode_entries[MAP_1 + d.opcode];
        }
        if (d.opcode == 0x0f) {
            d.map = 1;
            d.opcode = *d.at++;
            entry = &decode_entries[MAP_0F + d.opcode];
        }
        if (entry->kind == BY_REG)
            entry = &decode_entries[entry->flags] + (*d.at >> 3 & 7);
        if (entry->kind != ENTRY_INSN)
            return decode_any(bytes, available, insn);
    }
    return decode_rest(&d, entry, bytes, available, insn);
}

/* What is readable of the first 15 bytes, and zeros behind them. */
enum decode_status insn_decode(const u8 *bytes, u32 available, enum code_size code_size, struct insn *insn)
{
    if (available >= INSN_WINDOW)
        return insn_decode_padded(bytes, available, code_size, insn);
    u8 window[INSN_WINDOW] = {0};
    if (available >= INSN_MAX)
        copy_bytes(window, bytes);
    else
        for (u32 i = 0; i < available; i++)
            window[i] = bytes[i];
    return insn_decode_padded(window, available, code_size, insn);
}
