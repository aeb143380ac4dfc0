/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of the instruction at CS:RIP, read once. The second page is looked at only when the instruction reaches
 * into it, as the CPU would fault only then.
 */
#include "emul/access.h"
#include "emul/insn.h"
#include "lib/string.h"

/* How many bytes from offset `rip` the code segment holds, at most INSN_MAX; 0: the very first is beyond. */
static u32 bytes_in_segment(struct vcpu *v, u64 rip)
{
    if (vcpu_code_size(v) == CODE_64)
        return access_canonical(v, rip) ? INSN_MAX : 0;
    u32 limit = v->seg[SEG_CS].limit;
    if (rip > limit)
        return 0;
    return limit - rip >= INSN_MAX ? INSN_MAX : limit - (u32)rip + 1;
}

/* The linear address of the byte `ahead` of RIP. */
static gva_t linear_rip(struct vcpu *v, u32 ahead)
{
    if (vcpu_code_size(v) == CODE_64)
        return gva(v->rip + ahead);
    return gva((u32)(v->seg[SEG_CS].base + v->rip + ahead));
}

static bool fetch(struct vcpu *v, gva_t at, u8 *bytes, u32 count)
{
    struct access_span span;
    if (!access_open_linear(v, at, count, ACCESS_FETCH, false, &span))
        return false;
    if (span.piece[0].class == EPT_CLASS_RAM && span.count == 1)
        memcpy(bytes, span.piece[0].ptr, count);
    else
        for (u32 i = 0, done = 0; i < span.count; done += span.piece[i++].size)
            window_read(&v->vm->window, span.piece[i].at, bytes + done, span.piece[i].size);
    return true;
}

bool access_fetch_first(struct vcpu *v, u8 *bytes, u32 *available)
{
    *available = 0;
    u32 count = bytes_in_segment(v, vcpu_rip(v));
    if (count == 0) {
        vcpu_raise_code(v, VECTOR_GP, 0);
        return false;
    }
    gva_t at = linear_rip(v, 0);
    count = min_u64(count, PAGE_SIZE - (at.at & ~PAGE_MASK));
    if (!fetch(v, at, bytes, count))
        return false;
    *available = count;
    return true;
}

bool access_fetch_more(struct vcpu *v, u8 *bytes, u32 *available)
{
    u32 count = bytes_in_segment(v, v->rip);
    bool canonical = vcpu_code_size(v) != CODE_64 || access_canonical(v, v->rip + *available);
    if (count <= *available || !canonical) {
        vcpu_raise_code(v, VECTOR_GP, 0);
        return false;
    }
    if (!fetch(v, linear_rip(v, *available), bytes + *available, count - *available))
        return false;
    *available = count;
    return true;
}

bool access_fetch(struct vcpu *v, u8 *bytes, u32 *available)
{
    if (!access_fetch_first(v, bytes, available))
        return false;
    struct event event = v->event;
    u64 cr2 = v->cr2;
    if (*available < INSN_MAX && !access_fetch_more(v, bytes, available)) {
        v->event = event;
        v->cr2 = cr2;
    }
    return true;
}
