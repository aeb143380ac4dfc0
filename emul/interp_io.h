/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port and size of an IN, OUT, INS or OUTS instruction: from the opcode, the operand size and DX.
 */
#ifndef EMUL_INTERP_IO_H
#define EMUL_INTERP_IO_H

#include "emul/insn.h"

u32 io_size(const struct insn *insn);
u16 io_port(struct vcpu *v, const struct insn *insn);

#endif
