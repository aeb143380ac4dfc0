/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpuid-sum: executes CPUID as a dynamic linker does at the start of each process, but all leaves, and prints a sum of
 * the answers.
 */
#include "tools/linux_program.h"

static u64 sum = 0xcbf29ce484222325ul; /* FNV-1a, by 32-bit words */

static void add(u32 word)
{
    sum = (sum ^ word) * 0x100000001b3ul;
}

static u32 leaf(u32 number, u32 subleaf)
{
    struct registers r = cpuid(number, subleaf);
    add(r.eax), add(r.ebx), add(r.ecx), add(r.edx);
    return r.eax;
}

static void leaves(u32 first)
{
    u32 last = leaf(first, 0);
    for (u32 number = first; number <= last && number < first + 64; number++)
        for (u32 subleaf = 0; subleaf < 4; subleaf++)
            leaf(number, subleaf);
}

static int program(int count, char **words)
{
    char digits[17] = "";
    struct line line = {0};
    leaves(0);
    leaves(0x40000000);
    leaves(0x80000000);
    for (u32 i = 0; i < 16; i++)
        digits[i] = "0123456789abcdef"[sum >> (60 - 4 * i) & 15];
    line_text(&line, digits);
    line_text(&line, "\n");
    line_write(&line, STANDARD_OUTPUT);
    return 0;
}
