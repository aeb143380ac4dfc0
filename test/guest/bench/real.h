/* SPDX-License-Identifier: BSD-2-Clause */
/* The real-mode half: linked here, run at REAL_BASE. It begins with a page for struct real_call, apart from the code.
 */
#ifndef GUEST_BENCH_REAL_H
#define GUEST_BENCH_REAL_H

#define REAL_BASE 0x8000 /* also its segment's base */
#define REAL_SITES 16
#define REAL_DATA_BYTES 4096
/* struct real_call */
#define REAL_INNER 0
#define REAL_ROUNDS 2
#define REAL_END 4
#define REAL_NEXT 6
#define REAL_TABLE 8

#define SELECTOR_REAL 0x50 /* SELECTOR_FREE: 16-bit code at REAL_BASE */

#ifndef __ASSEMBLER__
#include "test/guest/lib/guest.h"

struct real_call {
    u16 inner, rounds;
    u16 end, next; /* of `sites`, as addresses in the segment */
    u16 sites[REAL_SITES];
};

extern const u8 real_image[], real_image_end[];
void real_enter(void);
#endif

#endif
