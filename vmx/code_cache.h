/* SPDX-License-Identifier: BSD-2-Clause */
/* What the code cache needs of VT-x: INVEPT when pages become read-only; and its figures for the report. */
#ifndef VMX_CODE_CACHE_H
#define VMX_CODE_CACHE_H

#include "cache/tcache.h"
#include "vmx/cpu.h"
#include "vmx/report.h"

/* Before the guest starts, after ept_init(). */
void code_cache_init(struct vm *vm, enum coherence_mode mode);

/* This CPU remembers what it decodes (any engine but interp). */
void code_cache_give(struct cpu *cpu);

struct cache_figures code_cache_figures(const struct cpu *cpu);

#endif
