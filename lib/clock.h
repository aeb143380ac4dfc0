/* SPDX-License-Identifier: BSD-2-Clause */
/* How fast this machine's TSC runs. */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include "lib/types.h"

/*
 * TSC ticks in a millisecond, measured against channel 2 of the PIT for about 2 ms (port 0x61 is put back). Where the
 * PIT does not count, what CPUID.16H says; where that says nothing either, 1,000,000 (1 GHz): bounds that are worked
 * out from it are then shorter than they might be, never longer on a CPU with VT-x.
 */
u64 clock_ticks_per_ms(void);

#endif
