/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port permission, and IN and OUT of one value.
 */
#include "emul/interp_io.h"
#include "emul/device.h"
#include "emul/interp.h"
#include "emul/watch.h"

#define TSS_IO_BASE 102 /* SDM "32-Bit Task-State Segment", "Task Management in 64-bit Mode": I/O map base address */
#define TSS_TYPE_32 9   /* available; busy is 11. Also the type of a 64-bit TSS */

static bool tss_read(struct vcpu *v, u32 offset, u16 *value)
{
    const struct segment *tr = vcpu_segment(v, SEG_TR);
    u64 at = tr->base + offset;
    if (!(vcpu_efer(v) & EFER_LMA))
        at = (u32)at;
    if (offset + 1 > tr->limit) {
        vcpu_raise_code(v, VECTOR_GP, 0);
        return false;
    }
    return access_linear_read(v, gva(at), value, 2, true);
}

/* Two bytes of the map are always read, so that ports may straddle a byte. */
static bool bitmap_allows(struct vcpu *v, u16 port, u32 size)
{
    const struct segment *tr = vcpu_segment(v, SEG_TR);
    u16 base, bits;
    if ((tr->access & ACCESS_UNUSABLE) || (tr->access & ACCESS_TYPE & ~2u) != TSS_TYPE_32) {
        vcpu_raise_code(v, VECTOR_GP, 0);
        return false;
    }
    if (!tss_read(v, TSS_IO_BASE, &base) || !tss_read(v, base + port / 8u, &bits))
        return false;
    if (bits >> (port % 8) & (BIT(size) - 1)) {
        vcpu_raise_code(v, VECTOR_GP, 0);
        return false;
    }
    return true;
}

bool emul_port_allowed(struct vcpu *v, u16 port, u32 size)
{
    if (!vcpu_protected(v))
        return true;
    u32 iopl = (vcpu_rflags(v) & RFLAGS_IOPL) >> RFLAGS_IOPL_SHIFT;
    if (!vcpu_v86(v) && vcpu_cpl(v) <= iopl)
        return true;
    return bitmap_allows(v, port, size);
}

/* Even opcodes are bytes; there are no 8-byte ports. */
u32 io_size(const struct insn *insn)
{
    if (!(insn->opcode & 1))
        return 1;
    return insn->operand_size == 2 ? 2 : 4;
}

u16 io_port(struct vcpu *v, const struct insn *insn)
{
    bool immediate = insn->opcode >= 0xe4 && insn->opcode <= 0xe7;
    return immediate ? (u8)insn->immediate : (u16)v->gpr[RDX];
}

enum emul_status interp_in(struct interp *in)
{
    u32 size = io_size(in->insn);
    u16 port = io_port(in->v, in->insn);
    if (!emul_port_allowed(in->v, port, size))
        return EMUL_EVENT;
    if (watch_armed(in->v))
        watch_port(in->v, port, size);
    reg_write_inline(in->v, RAX, size, device_port_read(in->v, port, size));
    return EMUL_DONE;
}

enum emul_status interp_out(struct interp *in)
{
    u32 size = io_size(in->insn);
    u16 port = io_port(in->v, in->insn);
    if (!emul_port_allowed(in->v, port, size))
        return EMUL_EVENT;
    if (watch_armed(in->v))
        watch_port(in->v, port, size);
    device_port_write(in->v, port, size, (u32)reg_read_inline(in->v, RAX, size));
    return EMUL_DONE;
}
