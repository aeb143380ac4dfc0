/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that are rare and long: their state is fetched at once at their beginning, and read as it is afterwards,
 * for the size of the code.
 */
#ifndef EMUL_INTERP_RARE_H
#define EMUL_INTERP_RARE_H

#include "emul/descriptor.h"
#include "emul/interp.h"

#define RARE_PARTS (ACCESS_PARTS | PART_RSP)

static inline u32 rare_cpl(const struct vcpu *v)
{
    return (v->seg[SEG_SS].access & ACCESS_DPL) >> ACCESS_DPL_SHIFT;
}

/* descriptors_rule() */
static inline bool rare_descriptors_rule(const struct vcpu *v)
{
    return (v->cr0 & CR0_PE) && !(v->rflags & RFLAGS_VM);
}

/* Raises a fault with what an error code says about a selector; false, or EMUL_EVENT. */
bool rare_refuse(struct vcpu *v, enum vector vector, u16 selector);
static inline enum emul_status rare_fault(struct interp *in, enum vector vector, u16 selector)
{
    rare_refuse(in->v, vector, selector);
    return EMUL_EVENT;
}

#endif
