/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares insn_decode() with libzydis, an independent decoder: length and validity of generated and mutated byte
 * strings, and for what Exeunt interprets also the memory operand and the immediates. Differences are collected in
 * classes; those that docs/DECODER.md accepts are counted apart. Exit status 1 if any other is left.
 *
 *   decode_zydis MODE COUNT [SEED]        MODE: 16, 32, 64
 *   decode_zydis MODE scan FILE [OFFSET [LENGTH]]  decodes FILE linearly, byte after byte where invalid
 *   decode_zydis MODE time [FILE [OFFSET]]  time per instruction of both, on FILE's code or generated strings
 */
#include <Zydis/Zydis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "emul/insn.h"

#define STRING_MAX 24
#define CLASSES 4096

struct class
{
    char name[120];
    u64 count;
    u8 example[STRING_MAX];
    u32 length;
    bool accepted;
};

static struct class classes[CLASSES];
static u32 class_count;
static ZydisDecoder zydis;
static enum code_size code_size;
static u64 random_state;
static u64 total, both_valid, both_invalid;

static u32 random32(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (u32)(random_state >> 16);
}

static u32 below(u32 limit)
{
    return (u32)(((u64)random32() * limit) >> 32);
}

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

static int print_classes(void)
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
    printf("%d-bit: %" PRIu64 " strings, %" PRIu64 " valid in both, %" PRIu64 " invalid in both, %" PRIu64
           " unexplained\n",
           code_size * 8, total, both_valid, both_invalid, unexplained);
    return unexplained != 0;
}

/* Conversions from and to a general register, where W gives its size. */
static bool evex_w_ignored(const struct insn *insn)
{
    u8 op = insn->opcode;
    return (insn->map == 1 || insn->map == 5) &&
           (op == 0x2a || op == 0x2c || op == 0x2d || op == 0x78 || op == 0x79 || op == 0x7b);
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
        const char *names[5];
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
        {OP_MOVAPS, {"movaps", "movapd", "movdqa"}},
        {OP_MOVUPS, {"movups", "movupd", "movdqu"}},
        {OP_MOVD, {"movd", "movq"}},
        {OP_CMPXCHG8B, {"cmpxchg8b", "cmpxchg16b"}},
        {OP_NOP, {"nop", "prefetch", "cldemote", "endbr", "rdssp"}},
    };
    for (u32 i = 0; i < COUNT_OF(others); i++)
        if (others[i].op == insn->op)
            return number < 5 ? others[i].names[number] : NULL;
    return number ? NULL : op_name(insn->op);
}

static bool mnemonic_agrees(const struct insn *insn, ZydisMnemonic mnemonic)
{
    const char *theirs = ZydisMnemonicGetString(mnemonic);
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
    if (z->mnemonic == ZYDIS_MNEMONIC_PAUSE && (z->raw.rex.B & 1))
        return "F3 90 with REX.B is XCHG";
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

static u32 compare(const u8 *bytes, u32 available)
{
    struct insn insn;
    ZydisDecodedInstruction z;
    char text[120];
    enum decode_status ours = insn_decode(bytes, available, code_size, &insn);
    ZyanStatus theirs = ZydisDecoderDecodeInstruction(&zydis, NULL, bytes, available, &z);
    total++;
    if (ours == DECODE_OK && ZYAN_SUCCESS(theirs) && insn.length == z.length) {
        both_valid++;
        if (insn.op != OP_OTHER)
            compare_operands(&insn, bytes, available);
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

static u32 put_prefixes(u8 *bytes)
{
    static const u8 prefixes[] = {0x66, 0x66, 0xf2, 0xf3, 0xf0, 0x67, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
    u32 count = below(4) ? below(3) : below(16);
    for (u32 i = 0; i < count; i++)
        bytes[i] = below(24) ? prefixes[below(sizeof(prefixes))] : (u8)(0x40 + below(16));
    if (below(3) == 0)
        bytes[count++] = (u8)(0x40 + below(16));
    return count;
}

/* A string that begins like an instruction of some map; the rest is random. */
static void generate(u8 *bytes)
{
    for (u32 i = 0; i < STRING_MAX; i++)
        bytes[i] = (u8)random32();
    u32 at = below(8) ? put_prefixes(bytes) : 0;
    switch (below(10)) {
    case 0:
    case 1:
    case 2:
        bytes[at] = 0x0f;
        break;
    case 3:
        bytes[at] = 0x0f;
        bytes[at + 1] = below(2) ? 0x38 : 0x3a;
        break;
    case 4:
        at = below(4) ? 0 : at;
        bytes[at] = 0xc5;
        bytes[at + 1] |= 0xc0;
        bytes[at + 1] |= below(2) ? 0x78 : 0;
        break;
    case 5:
        at = below(4) ? 0 : at;
        bytes[at] = 0xc4;
        bytes[at + 1] = (u8)((bytes[at + 1] & 0xe0) | (below(16) ? below(4) : below(32)) | (below(2) ? 0xc0 : 0));
        bytes[at + 2] |= below(2) ? 0x78 : 0;
        break;
    case 6:
    case 7:
        at = below(4) ? 0 : at;
        bytes[at] = 0x62;
        bytes[at + 1] = (u8)((bytes[at + 1] & 0xf0) | (below(16) ? below(8) : below(16)) | (below(2) ? 0xc0 : 0));
        bytes[at + 2] |= 4;
        bytes[at + 2] |= below(2) ? 0x78 : 0;
        bytes[at + 3] = (u8)(below(2) ? (bytes[at + 3] & 0x70) | 8 : bytes[at + 3]);
        break;
    default:
        break;
    }
}

static u32 next_string(u8 *bytes)
{
    if (total % 8 && below(3))
        bytes[below(12)] = (u8)random32(); /* mutate the last one */
    else if (total % 8 && below(4) == 0)
        bytes[below(6)] ^= (u8)(1 << below(8));
    else
        generate(bytes);
    return below(16) ? STRING_MAX : below(16);
}

static int run_generated(u64 count)
{
    u8 bytes[STRING_MAX] = {0};
    for (u64 i = 0; i < count; i++) {
        u32 available = next_string(bytes);
        u8 exact[STRING_MAX];
        memcpy(exact, bytes, available);
        compare(exact, available);
    }
    return print_classes();
}

static u8 *read_file(const char *path, u64 *size)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(2);
    }
    fseek(file, 0, SEEK_END);
    *size = (u64)ftell(file);
    rewind(file);
    u8 *data = malloc(*size + STRING_MAX);
    if (!data || fread(data, 1, *size, file) != *size)
        exit(2);
    memset(data + *size, 0, STRING_MAX);
    fclose(file);
    return data;
}

static int run_scan(const char *path, u64 offset, u64 length)
{
    u64 size;
    u8 *data = read_file(path, &size);
    u64 end = length && offset + length < size ? offset + length : size;
    for (u64 at = offset; at < end;)
        at += compare(data + at, STRING_MAX);
    free(data);
    return print_classes();
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

#define TIMED_STRINGS 8192

static u8 timed[TIMED_STRINGS][STRING_MAX];

/* Instructions that Exeunt interprets: from `path`'s code (linearly), or generated. */
static void fill_timed(const char *path, u64 offset)
{
    struct insn insn;
    u64 size = 0, at = offset;
    u8 *data = path ? read_file(path, &size) : NULL;
    for (u64 i = 0; i < TIMED_STRINGS;) {
        if (data && at >= size)
            at = offset;
        if (data)
            memcpy(timed[i], data + at, STRING_MAX);
        else
            generate(timed[i]);
        bool valid = insn_decode(timed[i], STRING_MAX, code_size, &insn) == DECODE_OK;
        at += valid ? insn.length : 1;
        i += valid && insn.op != OP_OTHER;
    }
    free(data);
}

enum engine { ENGINE_OURS, ENGINE_ZYDIS_BARE, ENGINE_ZYDIS, ENGINES };

static double time_round(enum engine engine)
{
    struct insn insn;
    ZydisDecodedInstruction z;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    volatile u64 sum = 0;
    double start = seconds();
    for (u32 i = 0; i < TIMED_STRINGS; i++) {
        if (engine == ENGINE_OURS)
            sum += insn_decode(timed[i], STRING_MAX, code_size, &insn);
        else if (engine == ENGINE_ZYDIS_BARE)
            sum += ZydisDecoderDecodeInstruction(&zydis, NULL, timed[i], STRING_MAX, &z);
        else
            sum += ZydisDecoderDecodeFull(&zydis, timed[i], STRING_MAX, &z, operands);
    }
    return (seconds() - start) * 1e9 / TIMED_STRINGS;
}

/* The best of many rounds: the machine does other things too. */
static int run_timing(const char *path, u64 offset)
{
    double best[ENGINES] = {1e9, 1e9, 1e9};
    fill_timed(path, offset);
    for (u32 round = 0; round < 100; round++) {
        for (u32 engine = 0; engine < ENGINES; engine++) {
            double time = time_round(engine);
            best[engine] = time < best[engine] ? time : best[engine];
        }
    }
    printf("%d-bit, ns per instruction: insn_decode %.1f, zydis without operands %.1f (x%.1f), zydis %.1f (x%.1f)\n",
           code_size * 8, best[ENGINE_OURS], best[ENGINE_ZYDIS_BARE], best[ENGINE_ZYDIS_BARE] / best[ENGINE_OURS],
           best[ENGINE_ZYDIS], best[ENGINE_ZYDIS] / best[ENGINE_OURS]);
    return 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: decode_zydis 16|32|64 COUNT [SEED] | scan FILE [OFFSET [LENGTH]] | time [FILE [OFFSET]]\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return usage();
    int bits = atoi(argv[1]);
    if (bits != 16 && bits != 32 && bits != 64)
        return usage();
    code_size = (enum code_size)(bits / 8);
    ZydisMachineMode machine = bits == 64   ? ZYDIS_MACHINE_MODE_LONG_64
                               : bits == 32 ? ZYDIS_MACHINE_MODE_LEGACY_32
                                            : ZYDIS_MACHINE_MODE_LEGACY_16;
    ZydisStackWidth stack = bits == 64   ? ZYDIS_STACK_WIDTH_64
                            : bits == 32 ? ZYDIS_STACK_WIDTH_32
                                         : ZYDIS_STACK_WIDTH_16;
    if (!ZYAN_SUCCESS(ZydisDecoderInit(&zydis, machine, stack)))
        return 2;
    random_state = strtoull(argc > 3 ? argv[3] : "1", NULL, 0) * 0x9e3779b97f4a7c15 + 1;
    if (strcmp(argv[2], "scan") == 0)
        return argc < 4 ? usage()
                        : run_scan(argv[3], argc > 4 ? strtoull(argv[4], NULL, 0) : 0,
                                   argc > 5 ? strtoull(argv[5], NULL, 0) : 0);
    if (strcmp(argv[2], "time") == 0)
        return run_timing(argc > 3 ? argv[3] : NULL, argc > 4 ? strtoull(argv[4], NULL, 0) : 0);
    return run_generated(strtoull(argv[2], NULL, 0));
}
