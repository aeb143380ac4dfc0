/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/watch.h"

#define PENDING_ENABLED BIT(12) /* at least one data or I/O breakpoint was met that is enabled in DR7 */

/* SDM "Debug Control Register (DR7)": R/W fields. */
enum watch_kind { WATCH_EXECUTE, WATCH_WRITE, WATCH_IO, WATCH_DATA };

static enum watch_kind kind_of(u64 dr7, u32 n)
{
    return (dr7 >> (16 + 4 * n)) & 3;
}

/* LEN field: 1, 2, 8 or 4 bytes. */
static u64 length_of(u64 dr7, u32 n)
{
    static const u8 lengths[] = {1, 2, 8, 4};
    return lengths[(dr7 >> (18 + 4 * n)) & 3];
}

/* The breakpoint covers its naturally aligned range; one byte in common is enough. */
static void match(struct vcpu *v, u32 n, u64 first, u32 size)
{
    u64 length = length_of(v->dr7, n);
    u64 start = v->vm->machine->debug_address(n) & ~(length - 1);
    if (first + size - 1 < start || first > start + length - 1)
        return;
    v->pending_debug |= BIT(n) | PENDING_ENABLED;
    vcpu_dirty(v, PART_PENDING_DEBUG);
}

static bool enabled(const struct vcpu *v, u32 n)
{
    return v->dr7 & (3ull << (2 * n));
}

void watch_memory(struct vcpu *v, gva_t linear, u32 size, bool write)
{
    for (u32 n = 0; n < 4; n++) {
        enum watch_kind kind = kind_of(v->dr7, n);
        if (enabled(v, n) && (kind == WATCH_DATA || (kind == WATCH_WRITE && write)))
            match(v, n, linear.at, size);
    }
}

/* Without CR4.DE there are no I/O breakpoints: the encoding is undefined then. */
void watch_port(struct vcpu *v, u16 port, u32 size)
{
    if (!(vcpu_cr4(v) & CR4_DE))
        return;
    for (u32 n = 0; n < 4; n++)
        if (enabled(v, n) && kind_of(v->dr7, n) == WATCH_IO)
            match(v, n, port, size);
}
