/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/hypercall.h"

#include "lib/string.h"
#include "lib/test_switch.h"
#include "lib/vmx_ops.h"

bool hypercall_allowed(enum hypercall_access access, unsigned cpl)
{
    return access == HYPERCALL_USER || (access == HYPERCALL_KERNEL && cpl < 3);
}

/* The name's bytes stand in ECX, then EDX, first byte lowest; a zero ends it. False: not printable ASCII. */
static bool mark_name(char name[MARK_NAME_MAX + 1], u32 ecx, u32 edx)
{
    u64 bytes = (u64)edx << 32 | ecx;

    memset(name, 0, MARK_NAME_MAX + 1);
    for (u32 i = 0; i < MARK_NAME_MAX && bytes & 0xff; i++, bytes >>= 8) {
        u8 byte = (u8)bytes;
        if (byte < 0x20 || byte > 0x7e)
            return false;
        name[i] = (char)byte;
    }
    return true;
}

static enum hypercall_status mark(const struct hypercall_host *host, const u64 gpr[GPR_COUNT])
{
    struct marks *marks = host->marks;
    struct mark new = {.number = (u32)gpr[RBX]};

    if (!mark_name(new.name, (u32)gpr[RCX], (u32)gpr[RDX]))
        return HYPERCALL_BAD_ARGUMENT;
    if (marks->count >= MARKS_MAX || !host->measure(host->context, &new)) {
        host->flush_marks(host->context);
        host->measure(host->context, &new);
    }
    marks->mark[marks->count++] = new;
    return HYPERCALL_SUCCESS;
}

static enum hypercall_status read_counter(const struct hypercall_host *host, u64 gpr[GPR_COUNT])
{
    u32 index = (u32)gpr[RBX];

    if (index >= (u32)HYPERCALL_COUNTER_COUNT + VMX_OPS_COUNTED)
        return HYPERCALL_BAD_ARGUMENT;
    u64 value = host->counter(host->context, (enum hypercall_counter)index);
    gpr[RCX] = (u32)value;
    gpr[RDX] = value >> 32;
    return HYPERCALL_SUCCESS;
}

static enum hypercall_status dispatch(const struct hypercall_host *host, u64 gpr[GPR_COUNT])
{
    switch ((u32)gpr[RAX]) {
    case HYPERCALL_RESET:
        host->reset(host->context);
        return HYPERCALL_SUCCESS;
    case HYPERCALL_REPORT:
        host->report(host->context);
        return HYPERCALL_SUCCESS;
    case HYPERCALL_MARK:
        return mark(host, gpr);
    case HYPERCALL_COUNTER:
        return read_counter(host, gpr);
    default:
        return test_switch_call((u32)gpr[RAX], (u32)gpr[RBX]) ? HYPERCALL_SUCCESS : HYPERCALL_UNKNOWN_FUNCTION;
    }
}

void hypercall_perform(const struct hypercall_host *host, u64 gpr[GPR_COUNT])
{
    gpr[RAX] = dispatch(host, gpr);
}
