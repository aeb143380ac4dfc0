/* SPDX-License-Identifier: BSD-2-Clause */
/* Comparison of one byte string between insn_decode() and libzydis, and the classes of differences found so far. */
#ifndef TEST_FUZZ_DECODE_COMPARE_H
#define TEST_FUZZ_DECODE_COMPARE_H

#include <Zydis/Zydis.h>

#include "emul/insn.h"

#define STRING_MAX INSN_WINDOW

extern ZydisDecoder zydis;
extern enum code_size code_size;

/* Decodes with both; bytes to go on by: the length, or 1 where invalid. */
u32 compare(const u8 *bytes, u32 available);

/* All classes and the totals; 1 if there are differences that are not accepted. */
int print_classes(void);

#endif
