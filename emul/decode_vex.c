/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VEX and EVEX (SDM vol. 2, "Intel Advanced Vector Extensions", "Intel AVX-512 Encoding"). Of what is
 * encoded so only VEX moves are interpreted: this file finds lengths, and tells valid from invalid.
 */
#include "emul/decode.h"

enum vex_flag {
    NO_VVVV = 1 << 0,          /* vvvv (and V' where it is no index) must name nothing */
    VVVV_IF_REGISTER = 1 << 1, /* the same with a memory operand */
    VVVV_3_BITS = 1 << 2,      /* mask and tile registers: eight of them */
    NO_R = 1 << 3,             /* ModRM.reg names one of eight */
    NO_B = 1 << 4,             /* VEX: ModRM.rm names one of eight */
    NO_R2 = 1 << 4,            /* EVEX: ModRM.reg names a general register, one of sixteen */
    ONLY_64 = 1 << 5,
    MASK_NEEDED = 1 << 5,
    RM_ZERO = 1 << 6, /* ModRM.rm must be 0 in the register form */
    MASK = 1 << 6,
    NO_MODRM = 1 << 7,
    ZEROING = 1 << 7,
    IMM8 = 1 << 8,
    VSIB = 1 << 9,      /* the index is a vector register */
    DISTINCT = 1 << 10, /* destination must differ from the sources, an index from both */
    ZEROING_IF_REGISTER = 1 << 11,
    ROUND_W0 = 1 << 12, /* EVEX.b with registers: rounding control or suppressed exceptions */
    ROUND_W1 = 1 << 13,
    IMM32 = 1 << 14,
};

/* ModRM forms. In 16-bit addressing there is no SIB byte. */
enum vex_form { IN_MEM_ONLY = 1, IN_SIB = 2, IN_MEM = 3, IN_REG = 4, IN_MEM_REG = 7, IN_MEM_SIB_REG = 7 };
enum broadcast { NO_BROADCAST, BROADCAST = 8 };

/* VEX: bit L + 2 * W. EVEX: bit L'L + 4 * W; L'L is 0 for 128, 1 for 256, 2 for 512 bits. */
enum vex_lw {
    LW_W0_L0 = 0x1,
    LW_W0_L1 = 0x2,
    LW_W0 = 0x3,
    LW_L0 = 0x5,
    LW_W1_L1 = 0x8,
    LW_L1 = 0xa,
    LW_W1 = 0xc,
    LW_ANY = 0xf,
    WL_W0_L128 = 0x01,
    WL_W0_L512 = 0x04,
    WL_W0 = 0x07,
    WL_W1_L128 = 0x10,
    WL_L128 = 0x11,
    WL_L512 = 0x44,
    WL_W1_L256_512 = 0x60,
    WL_L256_512 = 0x66,
    WL_W1 = 0x70,
    WL_ANY = 0x77,
};

struct vex_class {
    u8 lw;     /* enum vex_lw */
    u8 forms;  /* enum vex_form | enum broadcast */
    u8 regs;   /* bit n: ModRM.reg may be n */
    u16 flags; /* enum vex_flag */
};

enum vex_class_name {
#define VEX_CLASS(name, lw, forms, flags, regs) name,
#define VEX(map, prefix, opcode, class)
#define EVEX_CLASS(name, wl, forms, broadcast, flags, regs) name,
#define EVEX(map, prefix, opcode, class)
#include "emul/opcodes_evex.def"
#include "emul/opcodes_vex.def"
#undef VEX_CLASS
#undef VEX
#undef EVEX_CLASS
#undef EVEX
    VEX_CLASS_COUNT
};

_Static_assert(VEX_CLASS_COUNT <= 256, "a row's class is a byte");

static const struct vex_class classes[VEX_CLASS_COUNT] = {
#define VEX_CLASS(name, lw, forms, flags, regs) [name] = {lw, forms, regs, flags},
#define VEX(map, prefix, opcode, class)
#define EVEX_CLASS(name, wl, forms, broadcast, flags, regs) [name] = {wl, (forms) | (broadcast), regs, flags},
#define EVEX(map, prefix, opcode, class)
#include "emul/opcodes_evex.def"
#include "emul/opcodes_vex.def"
#undef VEX_CLASS
#undef EVEX_CLASS
};

/* The place of a row in its list: map, prefix as VEX.pp has it, opcode. */
enum { PREFIX_NP, PREFIX_P66, PREFIX_PF3, PREFIX_PF2 };
#define KEY(map, prefix, opcode) ((map) << 10 | (prefix) << 8 | (opcode))

#define VEX_CLASS(name, lw, forms, flags, regs)
#define EVEX_CLASS(name, wl, forms, broadcast, flags, regs)
#undef VEX
#undef EVEX
#define VEX(map, prefix, opcode, class) KEY(map, PREFIX_##prefix, opcode),
#define EVEX(map, prefix, opcode, class) KEY(map, PREFIX_##prefix, opcode),
static const u16 vex_keys[] = {
#include "emul/opcodes_vex.def"
};
static const u16 evex_keys[] = {
#include "emul/opcodes_evex.def"
};
#undef VEX
#undef EVEX
#define VEX(map, prefix, opcode, class) class,
#define EVEX(map, prefix, opcode, class) class,
static const u8 vex_rows[] = {
#include "emul/opcodes_vex.def"
};
static const u8 evex_rows[] = {
#include "emul/opcodes_evex.def"
};

/* The first row with this key, or the count. */
static u32 find_row(const u16 *keys, u32 count, u32 key)
{
    u32 low = 0, high = count;
    while (low < high) {
        u32 middle = (low + high) / 2;
        if (keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && keys[low] == key ? low : count;
}

static const u8 *read_vex(struct vex *v, u8 first, const u8 *at)
{
    u32 byte = *at++;
    v->r = (byte ^ 0x80) >> 4 & 8;
    v->map = 1;
    if (first == 0xc4) {
        v->x = (byte ^ 0x40) >> 3 & 8;
        v->b = (byte ^ 0x20) >> 2 & 8;
        v->map = byte & 0x1f;
        byte = *at++;
        v->w = byte >> 7;
    }
    v->vvvv = (byte ^ 0x78) >> 3 & 15;
    v->l = byte >> 2 & 1;
    v->prefix = byte & 3;
    return at;
}

static const u8 *read_evex(struct vex *v, const u8 *at)
{
    u32 p0 = at[0] ^ 0xf0, p1 = at[1] ^ 0x78, p2 = at[2] ^ 0x08;
    v->evex = true;
    v->r = (p0 >> 4 & 8) | (p0 & 0x10);
    v->x = p0 >> 3 & 8;
    v->b = p0 >> 2 & 8;
    v->map = p0 & 7;
    v->w = p1 >> 7;
    v->vvvv = (p1 >> 3 & 15) | (p2 << 1 & 0x10);
    v->prefix = p1 & 3;
    v->zeroing = p2 >> 7;
    v->l = p2 >> 5 & 3;
    v->broadcast = p2 >> 4 & 1;
    v->mask = p2 & 7;
    v->reserved = (p0 & 8) || !(p1 & 4);
    return at + 3;
}

/* SDM "Gather": the index. */
static u32 vector_index(const struct vex *v, u8 sib)
{
    return (sib >> 3 & 7) | v->x | (v->evex ? v->vvvv & 0x10 : 0);
}

static bool is_64(const struct insn *insn)
{
    return insn->code_size == CODE_64;
}

static bool registers_differ(const struct insn *insn, const struct vex *v, const struct vex_class *class, u8 sib)
{
    u8 modrm = insn->modrm;
    u32 reg = (modrm >> 3 & 7) | v->r;
    /* The highest bit of three or four is ignored outside 64-bit code. */
    u32 vvvv = v->vvvv & (is_64(insn) ? 0x1f : 7);
    if (class->flags & VSIB) {
        u32 index = vector_index(v, sib);
        return reg != index && (v->evex || (reg != vvvv && index != vvvv));
    }
    u32 rm = (modrm & 7) | v->b | (v->evex ? v->x << 1 : 0);
    bool from_register = modrm_is_register(modrm);
    if (v->evex)
        return reg != vvvv && !(from_register && reg == rm);
    return reg != vvvv && reg != rm && rm != vvvv;
}

static bool vvvv_valid(const struct insn *insn, const struct vex *v, u32 flags, bool memory)
{
    u32 vvvv = v->vvvv;
    if ((flags & VSIB) && v->evex)
        vvvv &= 15; /* V' belongs to the index */
    if ((flags & NO_VVVV) || ((flags & VVVV_IF_REGISTER) && memory))
        return vvvv == 0;
    return !(flags & VVVV_3_BITS) || !is_64(insn) || vvvv < 8;
}

/* SDM "#UD Equations for EVEX" and the exception class of each instruction. */
static bool evex_valid(const struct insn *insn, const struct vex *v, const struct vex_class *class, bool memory)
{
    u32 flags = class->flags;
    if (v->broadcast && !memory) {
        if (!(flags & (v->w ? ROUND_W1 : ROUND_W0)))
            return false;
    } else if (!(class->lw >> (v->l + 4 * v->w) & 1) || (v->broadcast && !(class->forms & BROADCAST))) {
        return false;
    }
    if ((flags & NO_R2) && (v->r & 0x10))
        return false;
    if (!is_64(insn) && (v->vvvv & 0x10))
        return false;
    if (v->mask == 0)
        return !v->zeroing && !(flags & MASK_NEEDED);
    if (v->zeroing && !(flags & ZEROING) && !((flags & ZEROING_IF_REGISTER) && !memory))
        return false;
    return flags & MASK;
}

static bool vex_valid(const struct insn *insn, const struct vex *v, const struct vex_class *class, bool memory)
{
    u32 flags = class->flags;
    if (!(class->lw >> (v->l + 2 * v->w) & 1))
        return false;
    if ((flags & ONLY_64) && !is_64(insn))
        return false;
    if ((flags & NO_B) && v->b)
        return false;
    return !((flags & RM_ZERO) && !memory && (insn->modrm & 7));
}

static bool class_valid(const struct insn *insn, const struct vex *v, const struct vex_class *class, u8 sib)
{
    u8 modrm = insn->modrm;
    bool memory = !modrm_is_register(modrm);
    bool has_sib = memory && (modrm & 7) == 4 && insn->address_size != 2;
    if (class->flags & NO_MODRM & (v->evex ? 0 : NO_MODRM))
        return vvvv_valid(insn, v, class->flags, memory);
    if (!(class->forms & (!memory ? IN_REG : has_sib ? IN_SIB : IN_MEM_ONLY)))
        return false;
    if ((class->flags & VSIB) && !has_sib)
        return false;
    if (!(class->regs >> (modrm >> 3 & 7) & 1) || ((class->flags & NO_R) && v->r))
        return false;
    if (!vvvv_valid(insn, v, class->flags, memory))
        return false;
    if (!(v->evex ? evex_valid : vex_valid)(insn, v, class, memory))
        return false;
    return !(class->flags & DISTINCT) || registers_differ(insn, v, class, sib);
}

static const struct entry *entry_of(const struct vex *v, u32 flags)
{
    if (flags & IMM32)
        return &decode_vex_entries[VEX_MODRM_IMM32];
    if (flags & IMM8)
        return &decode_vex_entries[VEX_MODRM_IMM8];
    return &decode_vex_entries[v->evex || !(flags & NO_MODRM) ? VEX_MODRM : VEX_PLAIN];
}

const struct entry *decode_vex(struct vex *v, u8 first, const u8 *at, bool long_mode, const u8 **end)
{
    *v = (struct vex){0};
    at = first == 0x62 ? read_evex(v, at) : read_vex(v, first, at);
    if (!long_mode) /* R, X (fixed by the test for LES, LDS, BOUND), B and R' name nothing */
        v->r = v->x = v->b = 0;
    v->opcode = *at++;
    *end = at;
    u32 count = v->evex ? COUNT_OF(evex_rows) : COUNT_OF(vex_rows);
    u32 row = find_row(v->evex ? evex_keys : vex_keys, count, KEY(v->map, v->prefix, v->opcode));
    if (row == count || v->reserved)
        return NULL;
    v->row = row;
    return entry_of(v, classes[(v->evex ? evex_rows : vex_rows)[row]].flags);
}

/*
 * A VEX instruction that moves has the operands of the legacy one with the same prefix and opcode, of 32 bytes where
 * those have 16 and VEX.L is set. Others stay OP_OTHER.
 */
static __attribute__((noinline)) void name_move(const struct vex *v, struct insn *insn)
{
    const struct entry *entry = decode_three_byte_link(MAP_0F38, v->opcode);
    bool memory = !modrm_is_register(insn->modrm);
    if (v->map == 1)
        entry = &decode_entries[MAP_0F + v->opcode];
    if (entry->kind == BY_PREFIX)
        entry = &decode_entries[entry->flags + v->prefix];
    if (entry->kind != ENTRY_INSN || entry->op < OP_MOVAPS || (entry->op == OP_MOVSS && !memory))
        return; /* MOVSS of registers has three operands */
    const struct pattern *pattern = &decode_patterns[entry->pattern];
    insn->op = entry->op;
    __builtin_memcpy(insn->operand, &pattern->fixed[memory], sizeof(pattern->fixed[memory]));
    insn->operand[pattern->reg_place - 1].reg = (insn->modrm >> 3 & 7) | v->r;
    if (!memory)
        insn->operand[pattern->rm_place - 1].reg = (insn->modrm & 7) | v->b;
    for (u32 i = 0; i < 2; i++) {
        u8 *size = &insn->operand[i].size;
        if (*size == 0) /* Ey */
            *size = v->w && is_64(insn) ? 8 : 4;
        *size <<= *size == 16 && v->l;
    }
}

bool decode_vex_valid(const struct vex *v, struct insn *insn, u8 sib)
{
    const u16 *keys = v->evex ? evex_keys : vex_keys;
    const u8 *rows = v->evex ? evex_rows : vex_rows;
    u32 count = v->evex ? COUNT_OF(evex_rows) : COUNT_OF(vex_rows);
    u32 key = KEY(v->map, v->prefix, v->opcode);
    for (u32 row = v->row; row < count && keys[row] == key; row++)
        if (class_valid(insn, v, &classes[rows[row]], sib)) {
            if (!v->evex && v->map <= 2)
                name_move(v, insn);
            return true;
        }
    return false;
}
