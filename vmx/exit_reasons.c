/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/exit_reasons.h"

#include "lib/packed_names.h"

#define EXIT(number, symbol) _Static_assert((number) < EXIT_REASON_LIMIT, #symbol " is above EXIT_REASON_LIMIT");
#include "vmx/exit_reasons.def"
#undef EXIT

static const struct {
    char none;
#define EXIT(number, symbol) char reason_##symbol[sizeof(#symbol)];
#include "vmx/exit_reasons.def"
#undef EXIT
#define INSTRUCTION_ERROR(number, text) char error_##number[sizeof(text)];
#include "vmx/instruction_errors.def"
#undef INSTRUCTION_ERROR
} names = {
#define EXIT(number, symbol) .reason_##symbol = #symbol,
#include "vmx/exit_reasons.def"
#undef EXIT
#define INSTRUCTION_ERROR(number, text) .error_##number = text,
#include "vmx/instruction_errors.def"
#undef INSTRUCTION_ERROR
};

static const u16 reason_at[EXIT_REASON_LIMIT] = {
#define EXIT(number, symbol) [number] = offsetof(__typeof__(names), reason_##symbol),
#include "vmx/exit_reasons.def"
#undef EXIT
};

static const u16 error_at[] = {
#define INSTRUCTION_ERROR(number, text) [number] = offsetof(__typeof__(names), error_##number),
#include "vmx/instruction_errors.def"
#undef INSTRUCTION_ERROR
};

const char *exit_reason_name(u32 reason)
{
    const char *name = packed_name(&names, reason_at, EXIT_REASON_LIMIT, reason & EXIT_REASON_BASIC);
    return name ? name : "UNKNOWN";
}

bool exit_reason_is_known(u32 basic)
{
    return packed_name(&names, reason_at, EXIT_REASON_LIMIT, basic);
}

const char *instruction_error_name(u32 error)
{
    const char *name = packed_name(&names, error_at, COUNT_OF(error_at), error);
    return name ? name : "unknown VM-instruction error";
}
