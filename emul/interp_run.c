/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of string elements within one page of RAM: what can fault or end is asked once, then bytes move at machine
 * speed, each element by one machine access, in order; between memory and ports by the machine's own REP INS and OUTS.
 */
#include "emul/device.h"
#include "emul/interp_string.h"
#include "emul/watch.h"

#define RUN_MAX 512 /* elements between two looks at the time */

/* Where the elements of a run lie. */
struct run {
    u8 *at;
    gpa_t page;
    u64 count;
};

bool string_may_run(struct string *s)
{
    return !(flags_read(s->in) & (RFLAGS_DF | RFLAGS_TF | RFLAGS_AC)) && !watch_armed(s->in->v);
}

/* The offsets of the run neither wrap in the address size nor pass the segment's limit. */
static bool offsets_allowed(struct string *s, enum segment_name segment, u64 offset, u64 count, enum access_kind kind)
{
    struct vcpu *v = s->in->v;
    struct event event = v->event;
    gva_t linear;
    u64 last = offset + count * s->size - 1;
    if (last < offset || last > size_mask(s->address_size))
        return false;
    if (access_linear(v, segment, offset, (u32)(count * s->size), kind, &linear))
        return true;
    v->event = event; /* the element that is beyond will raise it */
    return false;
}

/* False: no run from here; nothing is raised. */
static bool run_open(struct string *s, struct access_cursor *cursor, enum segment_name segment, u32 reg,
                     enum access_kind kind, u64 count, struct run *run)
{
    struct vcpu *v = s->in->v;
    struct event event = v->event;
    struct access_span span;
    u64 offset = reg_read(v, reg, s->address_size), cr2 = v->cr2;
    if (!access_open_next(v, cursor, segment, offset, s->size, kind, &span)) {
        v->event = event;
        v->cr2 = cr2;
        return false;
    }
    if (span.count != 1 || span.piece[0].class != EPT_CLASS_RAM)
        return false;
    u64 room = (PAGE_SIZE - (span.piece[0].at.at & ~PAGE_MASK)) / s->size;
    run->at = span.piece[0].ptr;
    run->page = span.piece[0].at;
    run->count = min_u64(min_u64(count, room), RUN_MAX);
    return run->count > 1 && offsets_allowed(s, segment, offset, run->count, kind);
}

static bool target_run(struct string *s, u64 count, struct run *run)
{
    return run_open(s, &s->target, SEG_ES, RDI, ACCESS_WRITE, count, run);
}

static bool source_run(struct string *s, u64 count, struct run *run)
{
    return run_open(s, &s->source, s->in->insn->memory.segment, RSI, ACCESS_READ, count, run);
}

static void advance(struct string *s, u32 reg, u64 count)
{
    reg_write(s->in->v, reg, s->address_size, s->in->v->gpr[reg] + count * s->size);
}

static void target_written(struct string *s, const struct run *run, u64 count)
{
    window_written(&s->in->v->vm->window, run->page);
    advance(s, RDI, count);
}

u64 run_movs(struct string *s, u64 count)
{
    struct run source, target;
    if (!source_run(s, count, &source) || !target_run(s, source.count, &target))
        return 0;
    for (u64 i = 0; i < target.count; i++)
        access_store(target.at + i * s->size, s->size, access_load(source.at + i * s->size, s->size));
    target_written(s, &target, target.count);
    advance(s, RSI, target.count);
    return target.count;
}

u64 run_stos(struct string *s, u64 count)
{
    struct run target;
    if (!target_run(s, count, &target))
        return 0;
    for (u64 i = 0; i < target.count; i++)
        access_store(target.at + i * s->size, s->size, s->in->v->gpr[RAX]);
    target_written(s, &target, target.count);
    return target.count;
}

/* ---- ports ---- */

/* No guard and nobody who follows what goes by: the elements of a run are the machine's. */
static bool is_plain(const struct string *s)
{
    const struct vcpu *v = s->in->v;
    enum verdict verdict = policy_port(&v->vm->policy, (u16)v->gpr[RDX], s->size);
    return verdict != DENY && verdict != GUARD && !s->line;
}

/*
 * How many of the `left` next elements take at most half the time that is left, at the pace of those before: how long a
 * port takes is not known. 0: the time is up.
 */
static u64 in_time(struct string *s, u64 left)
{
    const struct vm *vm = s->in->v->vm;
    u64 bound = vm->string_deadline_ticks;
    if (!bound)
        return left;
    u64 now = vm->machine->time();
    if (!s->start)
        s->start = now;
    u64 spent = now - s->start;
    if (spent >= bound)
        return 0;
    u64 fit = (bound - spent) * s->moved / (2 * spent + 1);
    return min_u64(left, fit ? fit : 1);
}

static u64 move_plain(struct string *s, const struct run *run, bool in)
{
    const struct machine *machine = s->in->v->vm->machine;
    u16 port = (u16)s->in->v->gpr[RDX];
    u64 done = 0, some = in_time(s, run->count);
    do {
        some = some ? some : 1; /* the first: what led here took its time too */
        if (in)
            machine->port_ins(port, s->size, run->at + done * s->size, some);
        else
            machine->port_outs(port, s->size, run->at + done * s->size, some);
        s->moved += some;
        done += some;
    } while (done < run->count && (some = in_time(s, run->count - done)));
    return done;
}

/* One by one: the clock is looked at after each. */
static u64 read_one_by_one(struct string *s, const struct run *target)
{
    struct vcpu *v = s->in->v;
    u64 done = 0;
    do {
        access_store(target->at + done * s->size, s->size, device_port_read(v, (u16)v->gpr[RDX], s->size));
        done++;
    } while (done < target->count && !time_is_up(s->in, &s->start));
    return done;
}

static u64 write_one_by_one(struct string *s, const struct run *source)
{
    struct vcpu *v = s->in->v;
    u64 done = 0;
    do {
        device_port_write(v, (u16)v->gpr[RDX], s->size, (u32)access_load(source->at + done * s->size, s->size));
        done++;
    } while (done < source->count && !string_lets_report_in(s) && !time_is_up(s->in, &s->start));
    return done;
}

u64 run_ins(struct string *s, u64 count)
{
    struct run target;
    if (!target_run(s, count, &target))
        return 0;
    u64 done = is_plain(s) ? move_plain(s, &target, true) : read_one_by_one(s, &target);
    target_written(s, &target, done);
    return done;
}

u64 run_outs(struct string *s, u64 count)
{
    struct run source;
    if (!source_run(s, count, &source))
        return 0;
    u64 done = is_plain(s) ? move_plain(s, &source, false) : write_one_by_one(s, &source);
    advance(s, RSI, done);
    return done;
}
