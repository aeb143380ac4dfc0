/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/disassembly.h"

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <stdlib.h>
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

/* A piece of the code that is in one place. */
struct run {
    u64 address;
    u32 begin, end; /* offsets in the code */
};

struct runs {
    struct run at[CODE_MAX];
    u32 count; /* 0: the line does not say where */
};

/* What is known of one instruction while the others are read. */
struct decoded {
    ZydisDecodedInstruction insn;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    bool valid;
    enum trait trait;
    bool candidate; /* it can have exited as the site did */
    s64 target;     /* with `jumps`: how far behind the instruction's first byte */
};

static void decode(const ZydisDecoder *decoder, const struct disassembly *d, u32 offset, u32 end, struct decoded *out,
                   const struct site *site)
{
    *out = (struct decoded){0};
    out->valid = ZYAN_SUCCESS(
        ZydisDecoderDecodeFull(decoder, d->bytes + offset, end - offset, &out->insn, out->operands));
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
                                                      to->address, NULL)))
        snprintf(to->text, sizeof(to->text), "(no instruction)");
}

/* A direct jump, and how far behind its first byte it leads. */
static bool jump_target(struct decoded *from)
{
    const ZydisDecodedOperand *operand = &from->operands[0];
    if (!from->valid || !from->insn.operand_count_visible || operand->type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
        !operand->imm.is_relative || from->insn.meta.category == ZYDIS_CATEGORY_CALL)
        return false;
    from->target = from->insn.length + operand->imm.value.s;
    return true;
}

static int index_at(const struct disassembly *d, s64 offset)
{
    for (u32 i = 0; i < d->count; i++)
        if (d->at[i].offset == offset)
            return (int)i;
    return -1;
}

/* ---- where the code is ---- */

static bool read_run(struct run *run, const struct json_value *pair)
{
    const struct json_value *address = pair->kind == JSON_ARRAY ? pair->first : NULL;
    const struct json_value *size = address ? address->next : NULL;
    char *end;
    if (!size || address->kind != JSON_STRING || size->kind != JSON_NUMBER || strncmp(address->text, "0x", 2) != 0)
        return false;
    run->address = strtoull(address->text, &end, 16);
    if (*end)
        return false;
    unsigned long bytes = strtoul(size->text, &end, 10);
    run->end = run->begin + (bytes < CODE_MAX ? (u32)bytes : CODE_MAX);
    return !*end && bytes;
}

/* Those of the line, as far as its bytes go; none if they cannot be read. */
static void read_runs(struct runs *runs, const struct disassembly *d, const struct site *site)
{
    const struct json_value *list = json_member(site->entry->object, "runs");
    u32 begin = 0;
    runs->count = 0;
    for (const struct json_value *at = list ? list->first : NULL; at && begin < d->size; at = at->next) {
        struct run *run = &runs->at[runs->count++];
        run->begin = begin;
        if (!read_run(run, at)) {
            runs->count = 0;
            return;
        }
        run->end = run->end < d->size ? run->end : d->size;
        begin = run->end;
    }
}

/* Behind the last run the line has no place for the bytes. */
static const struct run *run_of(const struct runs *runs, u32 offset)
{
    for (u32 i = 0; i < runs->count; i++)
        if (offset < runs->at[i].end)
            return &runs->at[i];
    return NULL;
}

/*
 * Which instruction RIP is at: where the line says it. Else the first one, unless a jump leads back to that: then it is
 * the only one that can have exited like that, or unknown (-1).
 */
static int entry_of(const struct disassembly *d, const struct site *site, const struct decoded *decoded)
{
    u32 found = 0, candidates = 0;
    bool loops_to_first = false;
    u64 behind;
    if (json_member_whole(site->entry->object, "behind", &behind))
        return behind < d->size ? index_at(d, (s64)behind) : -1;
    for (u32 i = 0; i < d->count; i++) {
        loops_to_first |= d->at[i].jumps && d->at[i].offset + decoded[i].target == 0;
        if (decoded[i].candidate && candidates++ == 0)
            found = i;
    }
    return !loops_to_first ? 0 : candidates == 1 ? (int)found : -1;
}

static void place(struct disassembly *d, const struct site *site, const struct decoded *decoded,
                  const struct runs *runs)
{
    int entry = d->count ? entry_of(d, site, decoded) : -1;
    u64 begin = entry < 0 ? 0 : site->rip - d->at[entry].offset;
    d->placed = runs->count || entry >= 0;
    for (u32 i = 0; i < d->count; i++) {
        const struct run *run = run_of(runs, d->at[i].offset);
        d->at[i].entry = (int)i == entry;
        d->at[i].address = run ? run->address + (d->at[i].offset - run->begin) : begin + d->at[i].offset;
        d->at[i].elsewhere = run && i && run->begin == d->at[i].offset;
        if (d->placed && site->bits != 64)
            d->at[i].address &= 0xffffffff;
    }
}

/* A trace may have several copies of an instruction: behind a jump that it follows stands the one that is meant. */
static int index_of_address(const struct disassembly *d, u32 jump, u64 address)
{
    if (jump + 1 < d->count && d->at[jump + 1].address == address)
        return (int)jump + 1;
    for (u32 i = 0; i < d->count; i++)
        if (d->at[i].address == address)
            return (int)i;
    return -1;
}

/* ---- which of it exits ---- */

/* The line says it; false where it does not. */
static bool read_exits(struct disassembly *d, const struct site *site)
{
    const struct json_value *list = json_member(site->entry->object, "exits");
    if (!list || list->kind != JSON_ARRAY)
        return false;
    for (const struct json_value *at = list->first; at; at = at->next) {
        unsigned long index = at->kind == JSON_NUMBER ? strtoul(at->text, NULL, 10) : d->count;
        if (index < d->count)
            d->at[index].exits = EXITS_YES;
    }
    return true;
}

/*
 * Old lines say how many of the cluster's instructions exit, not which. Ports and debug registers do; if these are
 * fewer, then memory accesses do too, and if there are just as many as are needed, all of them.
 */
static void guess_exits(struct disassembly *d, const struct site *site, const struct decoded *decoded)
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

/* The line has not all of the cluster, and what it has may end in the middle of an instruction. */
static bool is_cut(const struct disassembly *d, const struct site *site, u32 offset, u32 end)
{
    return d->size >= CODE_CUT && end == d->size && end - offset < ZYDIS_MAX_INSTRUCTION_LENGTH &&
           site->length > d->count;
}

/* Instructions one behind the other, none across the end of a run; what the limit of the line cuts off is left out. */
static void decode_all(struct disassembly *d, const struct site *site, const ZydisDecoder *decoder,
                       struct decoded *decoded, const struct runs *runs)
{
    for (u32 offset = 0; offset < d->size; offset += d->at[d->count++].length) {
        struct instruction *at = &d->at[d->count];
        const struct run *run = run_of(runs, offset);
        u32 end = run ? run->end : d->size;
        decode(decoder, d, offset, end, &decoded[d->count], site);
        if (!decoded[d->count].valid && is_cut(d, site, offset, end)) {
            d->size = offset;
            return;
        }
        at->offset = (u8)offset;
        at->length = (u8)(decoded[d->count].valid ? decoded[d->count].insn.length : end - offset);
        at->jumps = jump_target(&decoded[d->count]);
    }
}

void disassemble(struct disassembly *d, const struct site *site)
{
    struct decoded decoded[CODE_MAX];
    struct runs runs;
    ZydisDecoder decoder;

    *d = (struct disassembly){0};
    if (!decoder_for(&decoder, site->bits) || !read_bytes(d, site->bytes))
        return;
    read_runs(&runs, d, site);
    decode_all(d, site, &decoder, decoded, &runs);
    place(d, site, decoded, &runs);
    if (!read_exits(d, site))
        guess_exits(d, site, decoded);
    for (u32 i = 0; i < d->count; i++) {
        d->at[i].target = d->at[i].jumps ? index_of_address(d, i, d->at[i].address + (u64)decoded[i].target) : -1;
        format_text(&d->at[i], &decoded[i], d);
    }
    d->missing = site->length > d->count && site->length <= 4096 ? (u32)(site->length - d->count) : 0;
}
