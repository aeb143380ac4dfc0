/* SPDX-License-Identifier: BSD-2-Clause */
/* The way to the sites in real mode: their image is copied down, and which ones to call is written beside it. */
#include "test/guest/bench/bench.h"
#include "test/guest/bench/real.h"
#include "test/guest/lib/cpu.h"

static struct real_call *const call = (struct real_call *)REAL_BASE;

static void copy_image(void)
{
    u8 *to = (u8 *)REAL_BASE;
    for (u32 i = 0; i < (u32)(real_image_end - real_image); i++)
        to[i] = real_image[i];
    gdt[SELECTOR_REAL / 8] = descriptor(REAL_BASE, 0xffff, 0x9b);
}

void bench_run_real(site *const *first, site *const *end, word inner, word rounds)
{
    if (!gdt[SELECTOR_REAL / 8])
        copy_image();
    u32 count = (u32)(end - first);
    for (u32 i = 0; i < count; i++)
        call->sites[i] = (u16)(word)first[i];
    call->inner = (u16)inner;
    call->rounds = (u16)rounds;
    call->end = (u16)(REAL_TABLE + 2 * count);
    real_enter();
}
