/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's dispatch and its operands.
 */
#include "emul/interp.h"

#include "emul/device.h"
#include "emul/quick.h"

/* Every op has a line in interp.def. */
#define INTERP(op, handler) INTERP_HAS_##op,
enum {
#include "emul/interp.def"
    INTERP_LINES
};
#undef INTERP
#define OP(name) +(INTERP_HAS_##name >= 0)
_Static_assert((0
#include "emul/ops.def"
                ) == INTERP_LINES,
               "interp.def and ops.def name the same instructions");
#undef OP

#define INTERP(op, handler) [OP_##op] = interp_##handler,
interp_handler *const interp_handlers[OP_COUNT] = {
    [OP_OTHER] = interp_refused,
#include "emul/interp.def"
};
#undef INTERP

interp_handler *interp_handler_of(u16 op)
{
    return op < OP_COUNT ? interp_handlers[op] : interp_refused;
}

enum emul_status interp_refused(struct interp *in)
{
    return EMUL_UNSUPPORTED;
}

u64 operand_address(struct interp *in)
{
    return operand_address_of(in);
}

bool memory_open(struct interp *in, const struct operand *operand, enum access_kind kind, struct access_span *span)
{
    u32 size = operand->size;
    if (size <= 8 && quick_open(in, size, kind, &span->piece[0])) {
        span->count = 1;
        span->piece[0].size = size;
        return true;
    }
    return access_open(in->v, in->insn->memory.segment, operand_address_of(in), size, kind, span);
}

bool operand_read_other(struct interp *in, const struct operand *operand, u64 *value)
{
    struct access_span span;
    switch (operand->kind) {
    case OPERAND_MEMORY:
        if (!memory_open(in, operand, ACCESS_READ, &span))
            return false;
        *value = access_get_value(in->v, &span);
        return true;
    case OPERAND_SEGMENT:
        *value = vcpu_segment(in->v, operand->reg)->selector;
        return true;
    default:
        *value = (u64)in->insn->immediate;
        return true;
    }
}

bool place_update(struct interp *in, const struct place *place, u64 old, u64 value, bool locked)
{
    if (locked && place->operand->kind == OPERAND_MEMORY)
        return access_exchange(in->v, &place->span, &old, &value);
    place_put(in, place, value);
    return true;
}

bool time_is_up(struct interp *in, u64 *start)
{
    u64 bound = in->v->vm->string_deadline_ticks;
    if (bound == 0)
        return false;
    u64 now = in->v->vm->machine->time();
    if (*start == 0)
        *start = now;
    return now - *start >= bound;
}
