/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts of operations that outer hypervisors and silicon price unlike an ADD (SPEC 7), for `make bench`: only in the
 * build with COUNT_VMX_OPS (`make counted`), never in the image that is shipped. There the hypercall that reads
 * counters has them behind its own, in this order. Code in assembler that executes one of these counts it itself: incq
 * vmx_ops+8*N(%rip).
 */
#ifndef LIB_VMX_OPS_H
#define LIB_VMX_OPS_H

#include "lib/types.h"

enum vmx_op { VMX_OP_VMREAD, VMX_OP_VMWRITE, VMX_OP_MSR, VMX_OP_FLUSH /* INVEPT, INVVPID */, VMX_OP_KINDS };

#if defined(COUNT_VMX_OPS)
#define VMX_OPS_COUNTED 4 /* VMX_OP_KINDS, for #if */
_Static_assert(VMX_OPS_COUNTED == VMX_OP_KINDS, "all kinds");
extern u64 vmx_ops[VMX_OP_KINDS];
#define COUNT_VMX_OP(kind) ((void)vmx_ops[VMX_OP_##kind]++)
/* The count of `kind`; false: there is no such count. */
static inline bool vmx_ops_read(u32 kind, u64 *count)
{
    if (kind < VMX_OP_KINDS)
        *count = vmx_ops[kind];
    return kind < VMX_OP_KINDS;
}
#else
#define VMX_OPS_COUNTED 0
#define COUNT_VMX_OP(kind) ((void)0)
static inline bool vmx_ops_read(u32 kind, u64 *count)
{
    return false;
}
#endif

#endif
