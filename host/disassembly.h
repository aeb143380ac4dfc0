/* SPDX-License-Identifier: BSD-2-Clause */
/* The code of a site by libzydis, and which of its instructions exit. */
#ifndef HOST_DISASSEMBLY_H
#define HOST_DISASSEMBLY_H

#include "host/report.h"

/* Bytes of code in a `site` line: at most 64 in older logs, 96 now. */
#define CODE_CUT 64
#define CODE_MAX 128

enum exits { EXITS_NO, EXITS_MAYBE, EXITS_YES };

struct instruction {
    u8 offset, length; /* of bytes; an instruction that cannot be read is one byte */
    u64 address;       /* if `placed`, else the offset */
    bool entry;        /* the one at the site's RIP */
    bool elsewhere;    /* not behind the one before it: the cluster follows a jump, a call or a return */
    enum exits exits;
    bool jumps;
    int target; /* with `jumps`: index of the instruction that it leads to, -1: out of these */
    char text[96];
};

struct disassembly {
    u8 bytes[CODE_MAX];
    u32 size, count;
    struct instruction at[CODE_MAX];
    bool placed; /* addresses are known */
    u32 missing; /* instructions of the cluster that are not in the line */
};

/* Nothing (count is 0) for a site without code or with bytes that are no hexadecimal digits. */
void disassemble(struct disassembly *d, const struct site *site);

#endif
