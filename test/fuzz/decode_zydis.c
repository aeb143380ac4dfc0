/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares insn_decode() with libzydis, an independent decoder: length and validity of generated and mutated byte
 * strings, and for what Exeunt interprets also mnemonic, operands, memory operand and immediates. Differences are
 * collected in classes; those that docs/DECODER.md accepts are counted apart. Exit status 1 if any other is left.
 *
 *   decode_zydis MODE COUNT [SEED]                 MODE: 16, 32, 64
 *   decode_zydis MODE for SECONDS [SEED]           as many strings as that takes
 *   decode_zydis MODE scan FILE [OFFSET [LENGTH]]  decodes FILE linearly, byte after byte where invalid
 *   decode_zydis MODE time [FILE [OFFSET]]         time per instruction, on FILE's code or generated strings
 *
 * What is timed gives length, operands, the memory operand and immediates: insn_decode() and ZydisDecoderDecodeFull().
 * ZydisDecoderDecodeInstruction(), which leaves the operands out, is timed beside them.
 *
 * Build: make build/fast/decode_zydis, or with sanitizers build/fuzz/decode_zydis
 */
#include "test/fuzz/decode_compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static u64 random_state;

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

static u32 next_string(u8 *bytes, u64 serial)
{
    if (serial % 8 && below(3))
        bytes[below(12)] = (u8)random32(); /* mutate the last one */
    else if (serial % 8 && below(4) == 0)
        bytes[below(6)] ^= (u8)(1 << below(8));
    else
        generate(bytes);
    return below(16) ? STRING_MAX : below(16);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* `count` strings, or those of as many seconds. */
static int run_generated(u64 count, double limit)
{
    u8 bytes[STRING_MAX] = {0};
    double start = seconds();
    for (u64 i = 0; i < count && (limit == 0 || i % 1024 || seconds() - start < limit); i++) {
        u32 available = next_string(bytes, i);
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
    printf("%d-bit, ns per instruction: insn_decode %.1f; ZydisDecoderDecodeFull %.1f (x%.1f); "
           "ZydisDecoderDecodeInstruction (no operands) %.1f (x%.1f)\n",
           code_size * 8, best[ENGINE_OURS], best[ENGINE_ZYDIS], best[ENGINE_ZYDIS] / best[ENGINE_OURS],
           best[ENGINE_ZYDIS_BARE], best[ENGINE_ZYDIS_BARE] / best[ENGINE_OURS]);
    return 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: decode_zydis 16|32|64 COUNT [SEED] | for SECONDS [SEED] | scan FILE [OFFSET [LENGTH]] | "
                    "time [FILE [OFFSET]]\n");
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
    bool limited = strcmp(argv[2], "for") == 0;
    if (limited && argc < 4)
        return usage();
    random_state = strtoull(argc > 3 + limited ? argv[3 + limited] : "1", NULL, 0) * 0x9e3779b97f4a7c15 + 1;
    if (strcmp(argv[2], "scan") == 0)
        return argc < 4 ? usage()
                        : run_scan(argv[3], argc > 4 ? strtoull(argv[4], NULL, 0) : 0,
                                   argc > 5 ? strtoull(argv[5], NULL, 0) : 0);
    if (strcmp(argv[2], "time") == 0)
        return run_timing(argc > 3 ? argv[3] : NULL, argc > 4 ? strtoull(argv[4], NULL, 0) : 0);
    return limited ? run_generated(~0ull, strtod(argv[3], NULL)) : run_generated(strtoull(argv[2], NULL, 0), 0);
}
