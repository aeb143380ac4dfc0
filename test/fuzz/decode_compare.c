/* SPDX-License-Identifier: BSD-2-Clause */
#include "test/fuzz/decode_compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CLASSES 4096

struct class
{
    char name[120];
    u64 count;
    u8 example[STRING_MAX];
    u32 length;
    bool accepted;
};

ZydisDecoder zydis;
enum code_size code_size;
static struct class classes[CLASSES];
static u32 class_count;
static u64 total, both_valid, both_invalid, not_interpreted;

static void report(const char *name, bool accepted, const u8 *bytes, u32 length)
{
    u32 i = 0;
    while (i < class_count && strcmp(classes[i].name, name) != 0)
        i++;
    if (i == CLASSES)
        return;
    if (i == class_count) {
        class_count++;
        snprintf(classes[i].name, sizeof(classes[i].name), "%s", name);
        memcpy(classes[i].example, bytes, length);
        classes[i].length = length;
        classes[i].accepted = accepted;
    }
    classes[i].count++;
}

static int compare_class(const void *a, const void *b)
{
    const struct class *x = a, *y = b;
    return x->accepted != y->accepted ? x->accepted - y->accepted : x->count < y->count ? 1 : -1;
}

int print_classes(void)
{
    u64 unexplained = 0;
    qsort(classes, class_count, sizeof(classes[0]), compare_class);
    for (u32 i = 0; i < class_count; i++) {
        printf("%s %10" PRIu64 "  %-90s ", classes[i].accepted ? "accepted" : "DIFFERS ", classes[i].count,
               classes[i].name);
        for (u32 k = 0; k < classes[i].length; k++)
            printf("%02x", classes[i].example[k]);
        printf("\n");
        unexplained += classes[i].accepted ? 0 : classes[i].count;
    }
    printf("%d-bit: %" PRIu64 " strings, %" PRIu64 " valid in both (%" PRIu64 " not interpreted), %" PRIu64
           " invalid in both, %" PRIu64 " unexplained\n",
           code_size * 8, total, both_valid, not_interpreted, both_invalid, unexplained);
    return unexplained != 0;
}

/* Conversions from and to a general register, where W gives its size. */
static bool evex_w_ignored(const struct insn *insn)
{
    u8 op = insn->opcode;
    return (insn->map == 1 || insn->map == 5) &&
           (op == 0x2a || op == 0x2c || op == 0x2d || op == 0x78 || op == 0x79 || op == 0x7b);
}

/* Instructions that the SDM has and libzydis 4.0 has not yet. */
static bool newer_than_zydis(const struct insn *insn)
{
    static const struct {
        bool vex;
        u8 map, first, last;
    } newer[] = {
        {true, 2, 0x50, 0x51},                                                 /* AVX-VNNI-INT8 */
        {true, 2, 0x5c, 0x5c},  {true, 2, 0x6c, 0x6c},                         /* AMX-FP16, AMX-COMPLEX */
        {true, 2, 0x72, 0x72},  {true, 2, 0xb0, 0xb1},                         /* AVX-NE-CONVERT */
        {true, 2, 0xb4, 0xb5},                                                 /* AVX-IFMA */
        {true, 2, 0xcb, 0xcd},  {true, 2, 0xda, 0xda},  {true, 3, 0xde, 0xde}, /* SHA512, SM3, SM4 */
        {true, 2, 0xd2, 0xd3},                                                 /* AVX-VNNI-INT16 */
        {true, 2, 0xe0, 0xef},                                                 /* CMPccXADD */
        {true, 7, 0xf8, 0xf8},  {false, 2, 0xf8, 0xf8},                        /* USER_MSR */
        {false, 2, 0xfc, 0xfc},                                                /* RAO-INT */
        {false, 1, 0x00, 0x01}, /* LKGS, WRMSRNS, MSRLIST, PBNDKB, ERETS, ERETU */
    };
    for (u32 i = 0; i < COUNT_OF(newer); i++)
        if (newer[i].vex == !!(insn->flags & INSN_VEX) && newer[i].map == insn->map && insn->opcode >= newer[i].first &&
            insn->opcode <= newer[i].last)
            return true;
    return false;
}

/* Why a difference is right, or NULL. docs/DECODER.md has the SDM's word for each. */
static const char *accepted_reason(enum decode_status ours, const struct insn *insn, ZyanStatus theirs,
                                   const ZydisDecodedInstruction *z)
{
    if (ZYAN_SUCCESS(theirs) && ours == DECODE_INVALID) {
        switch (z->meta.isa_set) {
        case ZYDIS_ISA_SET_AMD:
        case ZYDIS_ISA_SET_AMD3DNOW:
        case ZYDIS_ISA_SET_AMD_INVLPGB:
        case ZYDIS_ISA_SET_CLZERO:
        case ZYDIS_ISA_SET_MCOMMIT:
        case ZYDIS_ISA_SET_MONITORX:
        case ZYDIS_ISA_SET_RDPRU:
        case ZYDIS_ISA_SET_SNP:
        case ZYDIS_ISA_SET_SSE4A:
        case ZYDIS_ISA_SET_SVM:
        case ZYDIS_ISA_SET_TBM:
        case ZYDIS_ISA_SET_XOP:
        case ZYDIS_ISA_SET_FMA4:
        case ZYDIS_ISA_SET_LWP:
            return "AMD only";
        case ZYDIS_ISA_SET_PADLOCK_ACE:
        case ZYDIS_ISA_SET_PADLOCK_PHE:
        case ZYDIS_ISA_SET_PADLOCK_PMM:
        case ZYDIS_ISA_SET_PADLOCK_RNG:
            return "VIA only";
        case ZYDIS_ISA_SET_KNCE:
        case ZYDIS_ISA_SET_KNCJKBR:
        case ZYDIS_ISA_SET_KNCSTREAM:
        case ZYDIS_ISA_SET_KNCV:
        case ZYDIS_ISA_SET_KNC_MISC:
        case ZYDIS_ISA_SET_KNC_PF_HINT:
            return "Knights Corner only";
        default:
            break;
        }
    }
    if (ours == DECODE_INVALID && (theirs == ZYDIS_STATUS_NO_MORE_DATA || theirs == ZYDIS_STATUS_INSTRUCTION_TOO_LONG))
        return "invalid by prefix and opcode alone: nothing more is fetched";
    if (!ZYAN_SUCCESS(theirs) && ours == DECODE_OK && insn->op == OP_OTHER && newer_than_zydis(insn))
        return "in the SDM, not yet in libzydis 4.0";
    if (ours == DECODE_OK && insn->map == 1 && (insn->opcode == 0x1a || insn->opcode == 0x1b) &&
        !(insn->flags & INSN_VEX))
        return "MPX encodings are NOP where MPX is off";
    if (ours == DECODE_OK && code_size != CODE_64 && (insn->flags & INSN_VEX) && evex_w_ignored(insn))
        return "EVEX.W is ignored outside 64-bit code";
    return NULL;
}

static const char *status_name(enum decode_status status)
{
    static const char *const names[] = {"ok", "truncated", "too-long", "invalid"};
    return names[status];
}

static const char *zydis_name(ZyanStatus status)
{
    switch (status) {
    case ZYDIS_STATUS_NO_MORE_DATA:
        return "truncated";
    case ZYDIS_STATUS_DECODING_ERROR:
        return "invalid";
    case ZYDIS_STATUS_INSTRUCTION_TOO_LONG:
        return "too-long";
    case ZYDIS_STATUS_BAD_REGISTER:
        return "bad-register";
    case ZYDIS_STATUS_ILLEGAL_LOCK:
        return "illegal-lock";
    case ZYDIS_STATUS_ILLEGAL_LEGACY_PFX:
        return "illegal-prefix";
    case ZYDIS_STATUS_ILLEGAL_REX:
        return "illegal-rex";
    case ZYDIS_STATUS_INVALID_MAP:
        return "invalid-map";
    case ZYDIS_STATUS_MALFORMED_EVEX:
        return "malformed-evex";
    case ZYDIS_STATUS_MALFORMED_MVEX:
        return "malformed-mvex";
    case ZYDIS_STATUS_INVALID_MASK:
        return "invalid-mask";
    default:
        return ZYAN_SUCCESS(status) ? "ok" : "other";
    }
}

static void describe(char *text, size_t size, enum decode_status ours, const struct insn *insn, ZyanStatus theirs,
                     const ZydisDecodedInstruction *z)
{
    if (ZYAN_SUCCESS(theirs))
        snprintf(text, size, "ours %s %d, zydis %d %s/%s map%d %02x", status_name(ours), ours ? 0 : insn->length,
                 z->length, ZydisMnemonicGetString(z->mnemonic), ZydisISASetGetString(z->meta.isa_set), z->opcode_map,
                 z->opcode);
    else
        snprintf(text, size, "ours %s, zydis %s: %s map%d %02x%s", status_name(ours), zydis_name(theirs),
                 ours ? "" : op_name(insn->op), insn->map, insn->opcode, insn->flags & INSN_VEX ? " vex" : "");
}

/* The encoding's number. Zydis counts its byte registers AL..BL, AH..BH, SPL..DIL, R8B..; AH to BH become 0 to 3 here.
 */
static u32 zydis_gpr(ZydisRegister reg)
{
    if (reg == ZYDIS_REGISTER_NONE)
        return REG_NONE;
    if (reg >= ZYDIS_REGISTER_AL && reg <= ZYDIS_REGISTER_BH)
        return (u32)(reg - ZYDIS_REGISTER_AL) & 3;
    if (reg >= ZYDIS_REGISTER_SPL && reg <= ZYDIS_REGISTER_R15B)
        return (u32)(reg - ZYDIS_REGISTER_SPL) + RSP;
    return (u32)ZydisRegisterGetId(reg);
}

static const char *memory_difference(const struct insn *insn, const ZydisDecodedOperand *z)
{
    const struct memory_operand *m = &insn->memory;
    bool rip = z->mem.base == ZYDIS_REGISTER_RIP || z->mem.base == ZYDIS_REGISTER_EIP;
    if (m->rip_relative != rip)
        return "rip-relative";
    if (m->base != (rip ? REG_NONE : zydis_gpr(z->mem.base)))
        return "base";
    if (m->index != zydis_gpr(z->mem.index))
        return "index";
    if (m->index != REG_NONE && m->scale != z->mem.scale)
        return "scale";
    u64 mask = insn->address_size == 8 ? ~0ull : (1ull << (8 * insn->address_size)) - 1;
    if (z->mem.disp.has_displacement && ((u64)m->displacement & mask) != ((u64)z->mem.disp.value & mask))
        return "displacement";
    if (m->segment != (u32)ZydisRegisterGetId(z->mem.segment))
        return "segment";
    return NULL;
}

static const char *operand_difference(const struct insn *insn, const struct operand *o, const ZydisDecodedOperand *z)
{
    u32 bits = o->size * 8u;
    switch (o->kind) {
    case OPERAND_NONE:
        return NULL;
    case OPERAND_GPR:
        if (z->type != ZYDIS_OPERAND_TYPE_REGISTER)
            return "kind";
        if (zydis_gpr(z->reg.value) != o->reg)
            return "register";
        if (o->size == 1 && o->high8 != (z->reg.value >= ZYDIS_REGISTER_AH && z->reg.value <= ZYDIS_REGISTER_BH))
            return "high byte";
        return z->size != bits ? "register size" : NULL;
    case OPERAND_MEMORY:
        if (z->type != ZYDIS_OPERAND_TYPE_MEMORY)
            return "kind";
        if (o->size && z->size != bits)
            return "memory size";
        return memory_difference(insn, z);
    case OPERAND_IMMEDIATE:
        if (z->type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
            return "kind";
        u64 mine = z == NULL || o != &insn->operand[1] || insn->op != OP_ENTER ? (u64)insn->immediate
                                                                               : insn->immediate2;
        u64 mask = insn->operand_size == 8 ? ~0ull : (1ull << (8 * insn->operand_size)) - 1;
        return ((mine ^ z->imm.value.u) & mask) && ((mine ^ z->imm.value.u) & 0xff) ? "immediate" : NULL;
    case OPERAND_RELATIVE:
        return z->type != ZYDIS_OPERAND_TYPE_IMMEDIATE || insn->immediate != z->imm.value.s ? "relative" : NULL;
    case OPERAND_FAR:
        return z->type != ZYDIS_OPERAND_TYPE_POINTER || (u64)insn->immediate != z->ptr.offset ||
                       insn->immediate2 != z->ptr.segment
                   ? "far pointer"
                   : NULL;
    case OPERAND_SEGMENT:
    case OPERAND_CR:
    case OPERAND_DR:
    case OPERAND_MMX:
    case OPERAND_XMM:
        return z->type != ZYDIS_OPERAND_TYPE_REGISTER || ZydisRegisterGetId(z->reg.value) != o->reg ? "register" : NULL;
    default:
        return "kind";
    }
}

/* Beginnings of zydis mnemonics, where they are not op_name() in lower case. */
static const char *expected_mnemonic(const struct insn *insn, u32 number)
{
    static const struct {
        u16 op;
        const char *names[9];
    } others[] = {
        {OP_SETCC, {"set"}},
        {OP_CMOVCC, {"cmov"}},
        {OP_JCC, {"j"}},
        {OP_JMP_FAR, {"jmp"}},
        {OP_CALL_FAR, {"call"}},
        {OP_RET_FAR, {"ret"}},
        {OP_CBW, {"cbw", "cwde", "cdqe"}},
        {OP_CWD, {"cwd", "cdq", "cqo"}},
        {OP_JCXZ, {"jcxz", "jecxz", "jrcxz"}},
        {OP_MOVAPS, {"movaps", "movapd", "movdqa", "movntps", "movntpd", "movntdq", "movntdqa"}},
        {OP_MOVUPS, {"movups", "movupd", "movdqu", "lddqu"}},
        {OP_MOVQ, {"movq", "movntq"}},
        {OP_MOVSS, {"movss", "movsd"}},
        {OP_CLFLUSH, {"clflush", "clflushopt"}},
        {OP_MOVD, {"movd", "movq"}},
        {OP_CMPXCHG8B, {"cmpxchg8b", "cmpxchg16b"}},
        {OP_NOP, {"nop", "prefetch", "cldemote", "endbr", "rdssp"}},
    };
    for (u32 i = 0; i < COUNT_OF(others); i++)
        if (others[i].op == insn->op)
            return number < 9 ? others[i].names[number] : NULL;
    return number ? NULL : op_name(insn->op);
}

static bool mnemonic_agrees(const struct insn *insn, ZydisMnemonic mnemonic)
{
    const char *theirs = ZydisMnemonicGetString(mnemonic) + (insn->flags & INSN_VEX ? 1 : 0);
    const char *ours;
    for (u32 i = 0; (ours = expected_mnemonic(insn, i)) != NULL; i++)
        if (strncasecmp(theirs, ours, strlen(ours)) == 0)
            return true;
    return false;
}

/* Not for byte forms, nor where the operand size does not show; zydis gives those other figures. */
static bool operand_size_matters(const struct insn *insn)
{
    switch (insn->op) {
    case OP_MOVAPS:
    case OP_MOVUPS:
    case OP_MOVQ:
    case OP_MOVD:
    case OP_MOVSS:
    case OP_CRC32:
    case OP_CLFLUSH:
    case OP_SGDT:
    case OP_SIDT:
    case OP_LGDT:
    case OP_LIDT:
    case OP_INVLPG:
    case OP_CMPXCHG8B:
    case OP_NOP:
    case OP_INS:
    case OP_OUTS:
        return false;
    case OP_OUT:
        return insn->operand[1].size != 1;
    default:
        return insn->operand[0].size != 1;
    }
}

/* Operand size as zydis has it: 8 for byte forms; and the number of operands that the SDM writes, where the form names
 * them. */
static const char *form_difference(const struct insn *insn, const ZydisDecodedInstruction *z)
{
    u32 named = 0;
    while (named < 3 && insn->operand[named].kind)
        named++;
    if (!mnemonic_agrees(insn, z->mnemonic))
        return "mnemonic";
    if (insn->address_size * 8 != z->address_width)
        return "address size";
    if (operand_size_matters(insn) && insn->operand_size * 8 != z->operand_width)
        return "operand size";
    if (named != z->operand_count_visible && insn->operand[0].kind)
        return "operand count";
    return NULL;
}

/* Where zydis names an operand in another way, or is wrong. */
static const char *accepted_operand(const struct insn *insn, const ZydisDecodedInstruction *z, const char *difference)
{
    bool segment = strcmp(difference, "segment") == 0;
    if (segment && insn->op == OP_LEA)
        return "LEA accesses nothing";
    if (segment && (insn->op == OP_JMP || insn->op == OP_CALL) && (z->attributes & ZYDIS_ATTRIB_HAS_NOTRACK))
        return "NOTRACK is also a DS override";
    if (z->mnemonic == ZYDIS_MNEMONIC_MOVSXD && insn->operand_size == 2)
        return "MOVSXD with 66 reads a word";
    if (strcmp(difference, "base") == 0 && insn->address_size == 4 && z->raw.sib.base == 5 && z->raw.modrm.mod == 0)
        return "no base with mod 00, SIB.base 101, whatever REX.B";
    return NULL;
}

static void compare_operands(const struct insn *insn, const u8 *bytes, u32 available)
{
    ZydisDecodedInstruction z;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    char text[100];
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&zydis, bytes, available, &z, operands)))
        return;
    const char *difference = form_difference(insn, &z);
    for (u32 i = 0; !difference && i < 3 && insn->operand[i].kind; i++) {
        difference = i < z.operand_count ? operand_difference(insn, &insn->operand[i], &operands[i]) : "operand count";
    }
    if (!difference)
        return;
    const char *reason = accepted_operand(insn, &z, difference);
    snprintf(text, sizeof(text), "%s: %s is %s in zydis", op_name(insn->op), difference,
             ZydisMnemonicGetString(z.mnemonic));
    report(reason ? reason : text, reason != NULL, bytes, insn->length);
}

/*
 * Zydis may say "invalid" before it needs a byte that is missing, where the CPU would fetch on. It looks at a whole
 * displacement or immediate when it says "too long", where the CPU would first fault on a byte within the fifteen.
 */
static bool same_failure(enum decode_status ours, ZyanStatus theirs)
{
    if (theirs == ZYDIS_STATUS_NO_MORE_DATA)
        return ours == DECODE_TRUNCATED;
    if (theirs == ZYDIS_STATUS_INSTRUCTION_TOO_LONG)
        return ours == DECODE_TOO_LONG || ours == DECODE_TRUNCATED;
    return true;
}

u32 compare(const u8 *bytes, u32 available)
{
    struct insn insn = {0};
    ZydisDecodedInstruction z;
    char text[120];
    enum decode_status ours = insn_decode(bytes, available, code_size, &insn);
    ZyanStatus theirs = ZydisDecoderDecodeInstruction(&zydis, NULL, bytes, available, &z);
    total++;
    if (ours == DECODE_OK && ZYAN_SUCCESS(theirs) && insn.length == z.length) {
        both_valid++;
        if (insn.op != OP_OTHER)
            compare_operands(&insn, bytes, available);
        else
            not_interpreted++;
        return insn.length;
    }
    if (ours != DECODE_OK && !ZYAN_SUCCESS(theirs) && same_failure(ours, theirs)) {
        both_invalid++;
        return 1;
    }
    const char *reason = accepted_reason(ours, &insn, theirs, &z);
    if (reason)
        snprintf(text, sizeof(text), "%s", reason);
    else
        describe(text, sizeof(text), ours, &insn, theirs, &z);
    report(text, reason != NULL, bytes, available < STRING_MAX ? available : STRING_MAX);
    return ours == DECODE_OK ? insn.length : 1;
}
