/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why the guest left: basic exit reasons, the flags beside them, and VM-instruction errors, all by name.
 */
#ifndef VMX_EXIT_REASONS_H
#define VMX_EXIT_REASONS_H

#include "lib/types.h"

enum exit_reason {
#define EXIT(number, symbol) EXIT_REASON_##symbol = (number),
#include "vmx/exit_reasons.def"
#undef EXIT
    /* One above the highest that Exeunt knows: the size of tables that are indexed by basic exit reason. */
    EXIT_REASON_LIMIT = 86,
};

/* Flags of the exit-reason field (SDM "Basic VM-Exit Information"). */
#define EXIT_REASON_BASIC 0xffffu
#define EXIT_REASON_BUS_LOCK_FLAG BIT(26)
#define EXIT_REASON_ENCLAVE BIT(27)
#define EXIT_REASON_PENDING_MTF BIT(28)
#define EXIT_REASON_FROM_ROOT BIT(29)
#define EXIT_REASON_ENTRY_FAILURE BIT(31)

/* `reason` as VMREAD gives it; its flags are ignored. "CPUID", "IO_INSTRUCTION"...; "UNKNOWN" for a reserved number. */
const char *exit_reason_name(u32 reason);
/* Whether the SDM has a basic exit reason of this number. */
bool exit_reason_is_known(u32 basic);

/*
 * The text of a VM-instruction error number (SDM "VM Instruction Error Numbers"). 0, which the CPU never gives, and
 * reserved numbers are "unknown VM-instruction error".
 */
const char *instruction_error_name(u32 error);

#endif
