/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/disassembly.h"

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <string.h>

/* What an instruction could exit on. */
enum trait { TRAIT_NONE, TRAIT_IN, TRAIT_OUT, TRAIT_DEBUG, TRAIT_MEMORY };

static int hex_digit(char character)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = character ? strchr(digits, character) : NULL;
    return found ? (int)(found - digits) : -1;
}

static bool read_bytes(struct disassembly *d, const char *hex)
{
    for (; *hex && d->size < CODE_MAX; hex += 2) {
        int high = hex_digit(hex[0]), low = high < 0 ? -1 : hex_digit(hex[1]);
        if (low < 0)
            return false;
        d->bytes[d->size++] = (u8)(high << 4 | low);
    }
    return true;
}

static bool decoder_for(ZydisDecoder *decoder, u64 bits)
{
    if (bits == 64)
        return ZYAN_SUCCESS(ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64));
    if (bits == 32)
        return ZYAN_SUCCESS(ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32));
    return bits == 16 && ZYAN_SUCCESS(ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16));
}

static bool is_debug(const ZydisDecodedOperand *operand)
{
    return operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
           ZydisRegisterGetClass(operand->reg.value) == ZYDIS_REGCLASS_DEBUG;
}

static enum trait trait_of(const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *operands)
{
    switch (insn->mnemonic) {
    case ZYDIS_MNEMONIC_IN:
    case ZYDIS_MNEMONIC_INSB:
    case ZYDIS_MNEMONIC_INSW:
    case ZYDIS_MNEMONIC_INSD:
        return TRAIT_IN;
    case ZYDIS_MNEMONIC_OUT:
    case ZYDIS_MNEMONIC_OUTSB:
    case ZYDIS_MNEMONIC_OUTSW:
    case ZYDIS_MNEMONIC_OUTSD:
        return TRAIT_OUT;
    default:
        break;
    }
    for (u32 i = 0; i < insn->operand_count; i++) {
        if (is_debug(&operands[i]))
            return TRAIT_DEBUG;
        if (operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY && operands[i].mem.type == ZYDIS_MEMOP_TYPE_MEM &&
            operands[i].visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT)
            return TRAIT_MEMORY;
    }
    return TRAIT_NONE;
}

static enum trait trait_of_exit(const char *exit)
{
    if (!strcmp(exit, "IO_IN"))
        return TRAIT_IN;
    if (!strcmp(exit, "IO_OUT"))
        return TRAIT_OUT;
    if (!strcmp(exit, "MOV_DR"))
        return TRAIT_DEBUG;
    return !strcmp(exit, "APIC_ACCESS") || !strcmp(exit, "MMIO") ? TRAIT_MEMORY : TRAIT_NONE;
}

/* The port in the instruction, or -1: in DX. */
static long constant_port(const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *operands)
{
    for (u32 i = 0; i < insn->operand_count; i++)
        if (operands[i].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
            return (long)operands[i].imm.value.u;
    return -1;
}

static bool could_be_site(enum trait trait, long port, const struct site *site)
{
    if (trait == TRAIT_NONE || trait != trait_of_exit(site->exit))
        return false;
    return (trait != TRAIT_IN && trait != TRAIT_OUT) || port < 0 || (u64)port == site->where;
}

/* What is known of one instruction while the others are read. */
struct decoded {
    ZydisDecodedInstruction insn;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    bool valid;
    enum trait trait;
    bool candidate; /* it can have exited as the site did */
    s64 target;     /* with `jumps`: an offset into the code */
};

static void decode(const ZydisDecoder *decoder, const struct disassembly *d, u32 offset, struct decoded *out,
                   const struct site *site)
{
    *out = (struct decoded){0};
    out->valid = ZYAN_SUCCESS(
        ZydisDecoderDecodeFull(decoder, d->bytes + offset, d->size - offset, &out->insn, out->operands));
    if (!out->valid)
        return;
    out->trait = trait_of(&out->insn, out->operands);
    out->candidate = could_be_site(out->trait, constant_port(&out->insn, out->operands), site);
}

/* Addresses of memory and of jumps are real ones only if the code's own is known. */
static bool formatter_for(ZydisFormatter *formatter, bool placed)
{
    return ZYAN_SUCCESS(ZydisFormatterInit(formatter, ZYDIS_FORMATTER_STYLE_INTEL)) &&
           ZYAN_SUCCESS(ZydisFormatterSetProperty(formatter, ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE,
                                                  ZYDIS_PADDING_DISABLED)) &&
           ZYAN_SUCCESS(ZydisFormatterSetProperty(formatter, ZYDIS_FORMATTER_PROP_FORCE_RELATIVE_BRANCHES, !placed)) &&
           ZYAN_SUCCESS(ZydisFormatterSetProperty(formatter, ZYDIS_FORMATTER_PROP_FORCE_RELATIVE_RIPREL, !placed));
}

static void format_text(struct instruction *to, const struct decoded *from, const struct disassembly *d)
{
    ZydisFormatter formatter;
    if (!from->valid || !formatter_for(&formatter, d->placed) ||
        !ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter, &from->insn, from->operands,
                                                      from->insn.operand_count_visible, to->text, sizeof(to->text),
                                                      d->begin + to->offset, NULL)))
        snprintf(to->text, sizeof(to->text), "(no instruction)");
}

/* A direct jump, and the offset in the code that it leads to. */
static bool jump_target(struct decoded *from, u32 offset)
{
    const ZydisDecodedOperand *operand = &from->operands[0];
    if (!from->valid || !from->insn.operand_count_visible || operand->type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
        !operand->imm.is_relative || from->insn.meta.category == ZYDIS_CATEGORY_CALL)
        return false;
    from->target = (s64)offset + from->insn.length + operand->imm.value.s;
    return true;
}

static int index_at(const struct disassembly *d, s64 offset)
{
    for (u32 i = 0; i < d->count; i++)
        if (d->at[i].offset == offset)
            return (int)i;
    return -1;
}

/*
 * The code begins before RIP only if a jump leads back to its first byte. Then RIP is at the only instruction that can
 * have exited like that, or unknown.
 */
static void place(struct disassembly *d, const struct site *site, const struct decoded *decoded)
{
    u32 found = 0, candidates = 0;
    bool loops_to_first = false;
    u64 behind;
    for (u32 i = 0; i < d->count; i++) {
        loops_to_first |= d->at[i].jumps && decoded[i].target == 0;
        if (decoded[i].candidate && candidates++ == 0)
            found = i;
    }
    if (json_member_whole(site->entry->object, "behind", &behind)) {
        int index = behind < d->size ? index_at(d, (s64)behind) : -1;
        d->placed = index >= 0;
        found = d->placed ? (u32)index : 0;
    } else if (loops_to_first) {
        d->placed = candidates == 1;
    } else {
        d->placed = true;
        found = 0;
    }
    if (!d->placed)
        return;
    d->at[found].entry = true;
    d->begin = site->rip - d->at[found].offset;
    if (site->bits != 64)
        d->begin &= 0xffffffff;
}

/*
 * The line says how many of the cluster's instructions exit, not which. Ports and debug registers do; if these are
 * fewer, then memory accesses do too, and if there are just as many as are needed, all of them.
 */
static void mark_exits(struct disassembly *d, const struct site *site, const struct decoded *decoded)
{
    u64 strong = 0, memory = 0;
    for (u32 i = 0; i < d->count; i++) {
        memory += decoded[i].trait == TRAIT_MEMORY;
        strong += decoded[i].trait != TRAIT_MEMORY && decoded[i].trait != TRAIT_NONE;
    }
    enum exits of_strong = strong <= site->exiting ? EXITS_YES : EXITS_MAYBE;
    enum exits of_memory = strong + memory <= site->exiting ? EXITS_YES
                           : strong < site->exiting         ? EXITS_MAYBE
                                                            : EXITS_NO;
    for (u32 i = 0; i < d->count; i++) {
        if (d->at[i].entry)
            d->at[i].exits = EXITS_YES;
        else if (decoded[i].trait != TRAIT_NONE)
            d->at[i].exits = decoded[i].trait == TRAIT_MEMORY ? of_memory : of_strong;
    }
}

/* Instructions one behind the other; what the limit of the line cuts off is left out. */
static void decode_all(struct disassembly *d, const struct site *site, const ZydisDecoder *decoder,
                       struct decoded *decoded)
{
    for (u32 offset = 0; offset < d->size; offset += d->at[d->count++].length) {
        struct instruction *at = &d->at[d->count];
        decode(decoder, d, offset, &decoded[d->count], site);
        if (!decoded[d->count].valid && d->size == CODE_MAX && d->size - offset < ZYDIS_MAX_INSTRUCTION_LENGTH) {
            d->size = offset;
            return;
        }
        at->offset = (u8)offset;
        at->length = (u8)(decoded[d->count].valid ? decoded[d->count].insn.length : d->size - offset);
        at->jumps = jump_target(&decoded[d->count], offset);
    }
}

void disassemble(struct disassembly *d, const struct site *site)
{
    struct decoded decoded[CODE_MAX];
    ZydisDecoder decoder;

    *d = (struct disassembly){0};
    if (!decoder_for(&decoder, site->bits) || !read_bytes(d, site->bytes))
        return;
    decode_all(d, site, &decoder, decoded);
    place(d, site, decoded);
    mark_exits(d, site, decoded);
    for (u32 i = 0; i < d->count; i++) {
        d->at[i].target = d->at[i].jumps ? index_at(d, decoded[i].target) : -1;
        format_text(&d->at[i], &decoded[i], d);
    }
    d->missing = site->length > d->count && site->length <= 4096 ? (u32)(site->length - d->count) : 0;
}
