/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data and I/O breakpoints (DR0 to DR3, DR7) on what Exeunt performs for the guest: a match becomes a pending debug
 * exception, which is a trap after the instruction or the element of a string instruction.
 */
#ifndef EMUL_WATCH_H
#define EMUL_WATCH_H

#include "emul/vm.h"
#include "lib/vcpu.h"

#define WATCH_HITS BITS(3, 0)    /* SDM "Pending Debug Exceptions": B0 to B3 */
#define WATCH_ENABLES BITS(7, 0) /* DR7: L0, G0 .. L3, G3 */

/* False (the usual case) when no breakpoint is enabled. Without machine->debug_address none is looked for. */
static inline __attribute__((always_inline)) bool watch_armed(const struct vcpu *v)
{
    return (v->have & PART_DR7) && (v->dr7 & WATCH_ENABLES) && v->vm->machine->debug_address;
}

/* Fetches what a match needs. DR7 is there. */
static inline __attribute__((always_inline)) void watch_begin(struct vcpu *v)
{
    if (watch_armed(v))
        vcpu_need(v, PART_PENDING_DEBUG);
}

/* An access of `size` bytes is about to be performed. Only when watch_armed(). */
void watch_memory(struct vcpu *v, gva_t linear, u32 size, bool write);
void watch_port(struct vcpu *v, u16 port, u32 size);

#endif
