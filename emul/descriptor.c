/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/descriptor.h"

#define TYPE_BYTE 5 /* of a descriptor: type, S, DPL, P */

enum descriptor_verdict descriptor_judge(u64 raw, u16 selector, enum segment_name name, u32 cpl)
{
    u32 type = descriptor_type(raw), dpl = descriptor_dpl(raw), rpl = selector & SELECTOR_RPL;
    bool code = type & ACCESS_TYPE_CODE, conforming = code && (type & ACCESS_TYPE_EXPAND_DOWN), fits;

    if (name == SEG_SS)
        fits = !code && (type & ACCESS_TYPE_WRITABLE) && dpl == cpl && rpl == cpl;
    else
        fits = (!code || (type & ACCESS_TYPE_WRITABLE)) && (conforming || (dpl >= cpl && dpl >= rpl));
    if (!descriptor_is_segment(raw) || !fits)
        return DESCRIPTOR_BAD;
    return descriptor_present(raw) ? DESCRIPTOR_FITS : DESCRIPTOR_ABSENT;
}

struct segment descriptor_segment(u64 raw, u16 selector)
{
    u32 access = descriptor_access(raw);

    if (descriptor_is_segment(raw))
        access |= ACCESS_TYPE_ACCESSED;
    return (struct segment){
        .base = descriptor_base(raw),
        .limit = descriptor_limit(raw),
        .access = access,
        .selector = selector,
    };
}

struct segment descriptor_null_segment(u16 selector, u32 dpl)
{
    return (struct segment){.access = ACCESS_UNUSABLE | dpl << ACCESS_DPL_SHIFT, .selector = selector};
}

enum descriptor_status descriptor_address(struct vcpu *v, u16 selector, gva_t *at)
{
    u32 offset = selector & SELECTOR_INDEX, limit;
    u64 base;

    if (selector & SELECTOR_LDT) {
        const struct segment *ldt = vcpu_segment(v, SEG_LDTR);
        if (ldt->access & ACCESS_UNUSABLE)
            return DESCRIPTOR_OUTSIDE;
        base = ldt->base;
        limit = ldt->limit;
    } else {
        vcpu_need(v, PART_GDTR);
        base = v->gdtr.base;
        limit = v->gdtr.limit;
    }
    if (offset + 7 > limit)
        return DESCRIPTOR_OUTSIDE;
    base += offset;
    *at = gva(vcpu_efer(v) & EFER_LMA ? base : (u32)base);
    return DESCRIPTOR_OK;
}

enum descriptor_status descriptor_read(struct vcpu *v, u16 selector, u64 *raw)
{
    gva_t at;

    if (descriptor_address(v, selector, &at) != DESCRIPTOR_OK)
        return DESCRIPTOR_OUTSIDE;
    return access_linear_read(v, at, raw, sizeof(*raw), true) ? DESCRIPTOR_OK : DESCRIPTOR_RAISED;
}

bool descriptor_set_type(struct vcpu *v, u16 selector, u32 bits)
{
    struct access_span span;
    gva_t at;

    if (descriptor_address(v, selector, &at) != DESCRIPTOR_OK)
        return true;
    if (!access_open_linear(v, gva(at.at + TYPE_BYTE), 1, ACCESS_MODIFY, true, &span))
        return false;
    for (;;) {
        u8 old = (u8)access_get_value(v, &span), new = old | bits;
        if (access_exchange(v, &span, &old, &new))
            return true;
    }
}

bool descriptor_set_accessed(struct vcpu *v, u16 selector, u64 raw)
{
    if (!descriptor_is_segment(raw) || (descriptor_type(raw) & ACCESS_TYPE_ACCESSED))
        return true;
    return descriptor_set_type(v, selector, ACCESS_TYPE_ACCESSED);
}
