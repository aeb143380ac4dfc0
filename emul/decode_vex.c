/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VEX and EVEX (SDM vol. 2, "Intel Advanced Vector Extensions", "Intel AVX-512 Encoding"). Nothing encoded so is
 * interpreted: this file finds lengths, and tells valid from invalid.
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

/* The prefix's fields, those that are stored inverted the right way round. */
struct vex {
    bool evex;
    u8 map, prefix;
    u8 l; /* L, or L'L */
    u8 w;
    u8 vvvv;                 /* with V' as bit 4 */
    u8 r;                    /* R as bit 3, R' as bit 4: to be joined with ModRM.reg */
    u8 x;                    /* as bit 3 of an index, bit 4 of a register in ModRM.rm */
    u8 b;                    /* as bit 3 */
    u8 mask;                 /* aaa */
    bool zeroing, broadcast; /* z, b */
    bool reserved;           /* a fixed bit is wrong */
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

static void read_vex(struct decoder *d, u8 first, struct vex *v)
{
    u32 byte = d->bytes[d->at++];
    v->r = (byte ^ 0x80) >> 4 & 8;
    v->map = 1;
    if (first == 0xc4) {
        v->x = (byte ^ 0x40) >> 3 & 8;
        v->b = (byte ^ 0x20) >> 2 & 8;
        v->map = byte & 0x1f;
        byte = d->bytes[d->at++];
        v->w = byte >> 7;
    }
    v->vvvv = (byte ^ 0x78) >> 3 & 15;
    v->l = byte >> 2 & 1;
    v->prefix = byte & 3;
}

static void read_evex(struct decoder *d, struct vex *v)
{
    u32 p0 = d->bytes[d->at] ^ 0xf0, p1 = d->bytes[d->at + 1] ^ 0x78, p2 = d->bytes[d->at + 2] ^ 0x08;
    d->at += 3;
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
}

/* SDM "Gather": the index; d->bytes[d->at] is the SIB byte. */
static u32 vector_index(const struct decoder *d, const struct vex *v, u32 sib_at)
{
    return (d->bytes[sib_at] >> 3 & 7) | v->x | (v->evex ? v->vvvv & 0x10 : 0);
}

static bool registers_differ(const struct decoder *d, const struct vex *v, const struct vex_class *class, u32 sib_at)
{
    u8 modrm = d->insn->modrm;
    u32 reg = (modrm >> 3 & 7) | v->r;
    u32 vvvv = v->vvvv &
               (d->long_mode ? 0x1f : 7); /* the highest bit of three or four is ignored outside 64-bit code */
    if (class->flags & VSIB) {
        u32 index = vector_index(d, v, sib_at);
        return reg != index && (v->evex || (reg != vvvv && index != vvvv));
    }
    u32 rm = (modrm & 7) | v->b | (v->evex ? v->x << 1 : 0);
    bool from_register = modrm_is_register(modrm);
    if (v->evex)
        return reg != vvvv && !(from_register && reg == rm);
    return reg != vvvv && reg != rm && rm != vvvv;
}

static bool vvvv_valid(const struct decoder *d, const struct vex *v, u32 flags, bool memory)
{
    u32 vvvv = v->vvvv;
    if ((flags & VSIB) && v->evex)
        vvvv &= 15; /* V' belongs to the index */
    if ((flags & NO_VVVV) || ((flags & VVVV_IF_REGISTER) && memory))
        return vvvv == 0;
    return !(flags & VVVV_3_BITS) || !d->long_mode || vvvv < 8;
}

/* SDM "#UD Equations for EVEX" and the exception class of each instruction. */
static bool evex_valid(const struct decoder *d, const struct vex *v, const struct vex_class *class, bool memory)
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
    if (!d->long_mode && (v->vvvv & 0x10))
        return false;
    if (v->mask == 0)
        return !v->zeroing && !(flags & MASK_NEEDED);
    if (v->zeroing && !(flags & ZEROING) && !((flags & ZEROING_IF_REGISTER) && !memory))
        return false;
    return flags & MASK;
}

static bool vex_valid(const struct decoder *d, const struct vex *v, const struct vex_class *class, bool memory)
{
    u32 flags = class->flags;
    if (!(class->lw >> (v->l + 2 * v->w) & 1))
        return false;
    if ((flags & ONLY_64) && !d->long_mode)
        return false;
    if ((flags & NO_B) && v->b)
        return false;
    return !((flags & RM_ZERO) && !memory && (d->insn->modrm & 7));
}

static bool class_valid(const struct decoder *d, const struct vex *v, const struct vex_class *class, u32 sib_at)
{
    u8 modrm = d->insn->modrm;
    bool memory = !modrm_is_register(modrm);
    bool sib = memory && (modrm & 7) == 4 && d->insn->address_size != 2;
    if (class->flags & NO_MODRM & (v->evex ? 0 : NO_MODRM))
        return vvvv_valid(d, v, class->flags, memory);
    if (!(class->forms & (!memory ? IN_REG : sib ? IN_SIB : IN_MEM_ONLY)))
        return false;
    if ((class->flags & VSIB) && !sib)
        return false;
    if (!(class->regs >> (modrm >> 3 & 7) & 1) || ((class->flags & NO_R) && v->r))
        return false;
    if (!vvvv_valid(d, v, class->flags, memory))
        return false;
    if (!(v->evex ? evex_valid : vex_valid)(d, v, class, memory))
        return false;
    return !(class->flags & DISTINCT) || registers_differ(d, v, class, sib_at);
}

/* Outside 64-bit code R, X (fixed by the test for LES, LDS, BOUND), B and R' name nothing. */
static void cut_to_mode(struct decoder *d, struct vex *v)
{
    if (d->long_mode) {
        d->rex = 0x40 | v->w << 3 | (v->r & 8) >> 1 | v->x >> 2 | v->b >> 3;
        return;
    }
    v->r = v->x = v->b = 0;
}

bool decode_vex(struct decoder *d, u8 first)
{
    struct insn *insn = d->insn;
    struct vex v = {0};
    bool illegal = d->rex || d->mandatory || (insn->flags & INSN_LOCK);
    insn->flags |= INSN_VEX;
    if (first == 0x62)
        read_evex(d, &v);
    else
        read_vex(d, first, &v);
    cut_to_mode(d, &v);
    insn->map = v.map;
    insn->opcode = d->bytes[d->at++];
    insn->operand_size = 4;
    const u16 *keys = v.evex ? evex_keys : vex_keys;
    const u8 *rows = v.evex ? evex_rows : vex_rows;
    u32 count = v.evex ? COUNT_OF(evex_rows) : COUNT_OF(vex_rows);
    u32 key = KEY(v.map, v.prefix, insn->opcode);
    u32 row = find_row(keys, count, key);
    if (row == count || v.reserved)
        return false;
    u32 sib_at = d->at + 1;
    if (v.evex || !(classes[rows[row]].flags & NO_MODRM))
        decode_modrm(d);
    d->at += classes[rows[row]].flags & IMM8 ? 1 : classes[rows[row]].flags & IMM32 ? 4 : 0;
    for (; row < count && keys[row] == key; row++)
        if (class_valid(d, &v, &classes[rows[row]], sib_at))
            return !illegal;
    return false;
}
