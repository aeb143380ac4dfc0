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
    if (access_is_64(v))
        return access_canonical(v, rip) ? INSN_MAX : 0;
    access_need(v, PART_SEG_CS);
    u32 limit = v->seg[SEG_CS].limit;
    if (rip > limit)
        return 0;
    return limit - rip >= INSN_MAX ? INSN_MAX : limit - (u32)rip + 1;
}

/* The linear address of the byte `ahead` of RIP. */
static gva_t linear_rip(const struct vcpu *v, u32 ahead)
{
    if (access_is_64(v))
        return gva(v->rip + ahead);
    return gva((u32)(v->seg[SEG_CS].base + v->rip + ahead));
}

/* `count` bytes in one page. */
static bool fetch(struct vcpu *v, gva_t at, u8 *bytes, u32 count)
{
    struct access_piece piece;
    if (!access_translate(v, at, ACCESS_FETCH, false, &piece))
        return false;
    if (piece.class == EPT_CLASS_RAM)
        memcpy(bytes, piece.ptr, count);
    else
        window_read(&v->vm->window, piece.at, bytes, count);
    return true;
}

bool access_fetch_first(struct vcpu *v, u8 *bytes, u32 *available)
{
    *available = 0;
    access_need(v, ACCESS_PARTS | PART_RIP);
    u32 count = bytes_in_segment(v, v->rip);
    if (count == 0) {
        vcpu_raise_code(v, VECTOR_GP, 0);
        return false;
    }
    gva_t at = linear_rip(v, 0);
    u32 in_page = PAGE_SIZE - (at.at & ~PAGE_MASK);
    if (count > in_page)
        count = in_page;
    if (!fetch(v, at, bytes, count))
        return false;
    *available = count;
    return true;
}

bool access_fetch_more(struct vcpu *v, u8 *bytes, u32 *available)
{
    u32 count = bytes_in_segment(v, v->rip);
    bool canonical = !access_is_64(v) || access_canonical(v, v->rip + *available);
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
