/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * String instructions. After each element the registers are exact, so a fault, a single step or the time bound
 * between two elements leaves what hardware leaves. A page is translated once, not once per element.
 */
#include "emul/interp_string.h"
#include "emul/device.h"
#include "emul/interp.h"
#include "emul/interp_io.h"
#include "emul/watch.h"

static bool source_open(struct string *s, struct access_span *span)
{
    u64 offset = reg_read(s->in->v, RSI, s->address_size);
    return access_open_next(s->in->v, &s->source, s->in->insn->memory.segment, offset, s->size, ACCESS_READ, span);
}

/* ES cannot be overridden. */
static bool target_open(struct string *s, enum access_kind kind, struct access_span *span)
{
    u64 offset = reg_read(s->in->v, RDI, s->address_size);
    return access_open_next(s->in->v, &s->target, SEG_ES, offset, s->size, kind, span);
}

static void advance(struct string *s, u32 reg)
{
    reg_write(s->in->v, reg, s->address_size, s->in->v->gpr[reg] + s->step);
}

static inline bool breakpoint_met(const struct vcpu *v)
{
    return watch_armed(v) && (v->pending_debug & WATCH_HITS);
}

/*
 * Intel's processors cut the counter to the address size before anything moves, and MOVS and STOS their pointers too:
 * with 32-bit addresses in 64-bit code this shows when the count is 0 or the first element faults.
 */
static void cut_registers(struct string *s)
{
    u16 op = s->in->insn->op;
    struct vcpu *v = s->in->v;
    reg_write(v, RCX, s->address_size, v->gpr[RCX]);
    if (op == OP_MOVS)
        reg_write(v, RSI, s->address_size, v->gpr[RSI]);
    if (op == OP_MOVS || op == OP_STOS)
        reg_write(v, RDI, s->address_size, v->gpr[RDI]);
}

/* One element without the repetition, or elements until the count, the comparison, a trap or the time ends it. */
static enum emul_status repeat(struct string *s, string_element *one, string_run *run)
{
    struct interp *in = s->in;
    if (!(in->insn->flags & (INSN_REP | INSN_REPNE)))
        return one(s) ? EMUL_DONE : EMUL_EVENT;
    u64 count = reg_read(in->v, RCX, s->address_size), flags = flags_read(in);
    bool single_step = flags & RFLAGS_TF;
    if (!string_may_run(s))
        run = NULL;
    cut_registers(s);
    if (count == 0)
        return EMUL_DONE;
    for (;;) {
        u64 done = run ? run(s, count) : 0;
        if (done == 0) {
            if (!one(s)) {
                flags_write(in, FLAGS_STATUS, flags); /* SDM "REP": CMPS and SCAS that fault leave EFLAGS as it was */
                return EMUL_EVENT;
            }
            done = 1;
        }
        count -= done;
        reg_write(in->v, RCX, s->address_size, count);
        if (count == 0 || s->ends)
            return EMUL_DONE;
        if (single_step || breakpoint_met(in->v) || string_lets_report_in(s) || time_is_up(in, &s->start))
            return EMUL_PARTIAL;
    }
}

static struct string string_begin(struct interp *in, u32 size)
{
    return (struct string){
        .in = in,
        .size = size,
        .address_size = in->insn->address_size,
        .step = flags_read(in) & RFLAGS_DF ? 0 - (u64)size : size,
        .source.page = ACCESS_NO_PAGE,
        .target.page = ACCESS_NO_PAGE,
    };
}

static u32 string_size(const struct insn *insn)
{
    return insn->opcode & 1 ? insn->operand_size : 1;
}

static bool one_movs(struct string *s)
{
    struct access_span source, target;
    if (!source_open(s, &source) || !target_open(s, ACCESS_WRITE, &target))
        return false;
    access_put_value(s->in->v, &target, access_get_value(s->in->v, &source));
    advance(s, RSI);
    advance(s, RDI);
    return true;
}

static bool one_stos(struct string *s)
{
    struct access_span target;
    if (!target_open(s, ACCESS_WRITE, &target))
        return false;
    access_put_value(s->in->v, &target, s->in->v->gpr[RAX]);
    advance(s, RDI);
    return true;
}

static bool one_lods(struct string *s)
{
    struct access_span source;
    if (!source_open(s, &source))
        return false;
    reg_write(s->in->v, RAX, s->size, access_get_value(s->in->v, &source));
    advance(s, RSI);
    return true;
}

/* Flags of a - b; REPE ends when they differ, REPNE when they are equal. */
static void compare(struct string *s, u64 a, u64 b)
{
    u64 flags = flags_of_sub(a, b, (a - b) & size_mask(s->size), s->size);
    flags_write(s->in, FLAGS_STATUS, flags);
    s->ends = !(flags & RFLAGS_ZF) == !(s->in->insn->flags & INSN_REPNE);
}

/* ES:rDI is looked at first, as Intel's processors do: where both operands fault, its fault comes. */
static bool one_cmps(struct string *s)
{
    struct access_span source, target;
    if (!target_open(s, ACCESS_READ, &target) || !source_open(s, &source))
        return false;
    u64 a = access_get_value(s->in->v, &source);
    compare(s, a, access_get_value(s->in->v, &target));
    advance(s, RSI);
    advance(s, RDI);
    return true;
}

static bool one_scas(struct string *s)
{
    struct access_span target;
    if (!target_open(s, ACCESS_READ, &target))
        return false;
    compare(s, reg_read(s->in->v, RAX, s->size), access_get_value(s->in->v, &target));
    advance(s, RDI);
    return true;
}

static bool one_ins(struct string *s)
{
    struct vcpu *v = s->in->v;
    struct access_span target;
    if (!target_open(s, ACCESS_WRITE, &target)) /* before the port is read: what it gives must not be lost */
        return false;
    if (watch_armed(v))
        watch_port(v, (u16)v->gpr[RDX], s->size);
    access_put_value(v, &target, device_port_read(v, (u16)v->gpr[RDX], s->size));
    advance(s, RDI);
    return true;
}

static bool one_outs(struct string *s)
{
    struct vcpu *v = s->in->v;
    struct access_span source;
    if (!source_open(s, &source))
        return false;
    if (watch_armed(v))
        watch_port(v, (u16)v->gpr[RDX], s->size);
    device_port_write(v, (u16)v->gpr[RDX], s->size, (u32)access_get_value(v, &source));
    advance(s, RSI);
    return true;
}

static enum emul_status string_memory(struct interp *in, string_element *one, string_run *run)
{
    struct string s = string_begin(in, string_size(in->insn));
    return repeat(&s, one, run);
}

/* Intel's processors ask for the port's permission before they look at the count, which may be 0. */
static enum emul_status string_port(struct interp *in, string_element *one, string_run *run)
{
    const struct vm *vm = in->v->vm;
    struct string s = string_begin(in, io_size(in->insn));
    u16 port = (u16)in->v->gpr[RDX];
    if (!emul_port_allowed(in->v, port, s.size))
        return EMUL_EVENT;
    if (in->insn->op == OP_OUTS && port && port == vm->policy.console_data)
        s.line = vm->machine->console_line;
    return repeat(&s, one, run);
}

enum emul_status interp_movs(struct interp *in)
{
    return string_memory(in, one_movs, run_movs);
}

enum emul_status interp_stos(struct interp *in)
{
    return string_memory(in, one_stos, run_stos);
}

enum emul_status interp_lods(struct interp *in)
{
    return string_memory(in, one_lods, NULL);
}

enum emul_status interp_cmps(struct interp *in)
{
    return string_memory(in, one_cmps, NULL);
}

enum emul_status interp_scas(struct interp *in)
{
    return string_memory(in, one_scas, NULL);
}

enum emul_status interp_ins(struct interp *in)
{
    return string_port(in, one_ins, run_ins);
}

enum emul_status interp_outs(struct interp *in)
{
    return string_port(in, one_outs, run_outs);
}
