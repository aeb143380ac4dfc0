/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VMX_DUMP_H
#define VMX_DUMP_H

#include "vmx/cpu.h"

/* Exit reason and qualification, registers, segments, control registers, bytes at RIP, the last 16 exits. */
void dump_guest(struct cpu *cpu);

#endif
