/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/exit_reasons.h"

#define EXIT(number, symbol) _Static_assert((number) < EXIT_REASON_LIMIT, #symbol " is above EXIT_REASON_LIMIT");
#include "vmx/exit_reasons.def"
#undef EXIT

static const char *const exit_reason_names[EXIT_REASON_LIMIT] = {
#define EXIT(number, symbol) [number] = #symbol,
#include "vmx/exit_reasons.def"
#undef EXIT
};

static const char *const instruction_error_names[] = {
#define INSTRUCTION_ERROR(number, text) [number] = text,
#include "vmx/instruction_errors.def"
#undef INSTRUCTION_ERROR
};

const char *exit_reason_name(u32 reason)
{
    u32 basic = reason & EXIT_REASON_BASIC;
    const char *name = basic < COUNT_OF(exit_reason_names) ? exit_reason_names[basic] : NULL;
    return name ? name : "UNKNOWN";
}

const char *instruction_error_name(u32 error)
{
    const char *name = error < COUNT_OF(instruction_error_names) ? instruction_error_names[error] : NULL;
    return name ? name : "unknown VM-instruction error";
}
