/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/translated.h"

#include "emul/access.h"
#include "emul/device_apic.h"
#include "emul/emul.h"
#include "emul/perform.h"
#include "emul/record.h"
#include "emul/remember.h"
#include "lib/console.h"

#define FLAGS_STATUS_BITS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* As long as nothing but an NMI could interrupt it, a cluster may take so many times as long. */
#define TIMES_WITHOUT_INTERRUPTS 64

void translated_take_time(struct vcpu *v)
{
    v->frame.more_budget = v->frame.budget * (TIMES_WITHOUT_INTERRUPTS - 1);
}

void translated_init(struct vcpu *v, const struct code_frame *ends)
{
    v->frame = *ends;
    translated_take_time(v);
    v->frame.plain_ports = v->vm->policy.plain_ports;
    v->frame.console_line = v->vm->machine->console_line;
    v->frame.end_flags = (void *)translated_end_flags;
    v->frame.reach = (void *)translated_call_reach;
    v->frame.reach_plain[REACH_PLAIN_READ] = (void *)translated_reach_read;
    v->frame.reach_plain[REACH_PLAIN_READ_RSI] = (void *)translated_reach_read_rsi;
    v->frame.reach_plain[REACH_PLAIN_WRITE] = (void *)translated_reach_write;
    v->frame.reach_plain[REACH_PLAIN_WRITE_RSI] = (void *)translated_reach_write_rsi;
    v->frame.segment_base = ends->segment_base;
    v->frame.table = walk_memo_no_table;
    v->frame.perform = (void *)translated_call_perform;
}

void translated_begin(struct vcpu *v, const struct translation *t)
{
    v->frame.running = t;
    v->frame.table = t->walk_index != TC_NO_WALK ? v->walks->table : walk_memo_no_table;
}

/* The LAPIC: only the one register, and only where performing is nothing but the access. */
static void fill_register(struct code_line *line, const struct walk_memo_line *walk, struct code_reach request,
                          u64 linear)
{
    u64 within = linear & ~PAGE_MASK;
    bool simple = request.kind & REACH_WRITE ? device_apic_is_plain((u32)within) : !(within & 15);
    if (request.size != 4 || !simple)
        return;
    *line = (struct code_line){.linear = linear, .limit = 1, .host = (u64)walk->touch + within};
}

/* SPEC 5.5: stores into the cluster's own code, or into the tables that map it, are not for lines. */
static bool is_own(const struct translation *running, u64 page)
{
    for (u32 i = 0; i < running->pages; i++)
        if (running->at[i].held->page == page)
            return true;
    return false;
}

bool translated_is_there(struct vcpu *v, const struct translation *t)
{
    struct place_of_code place;
    enum code_size code_size = vcpu_code_size(v);
    u64 rip = v->rip;
    bool there = true;
    for (u32 i = 0; i < t->pages && there; i++) {
        v->rip = t->at[i].rip;
        there = remember_walk(v, code_size, 0, &place) && place.at.at == t->at[i].gpa.at;
    }
    v->rip = rip;
    return there;
}

/*
 * Whether `host` is in one of the tables by which code at `rip` is reached, beyond the first; true also where that is
 * not known.
 */
static bool maps(struct vcpu *v, u64 rip, const u8 *host)
{
    const struct walk_memo_line *walk = remember_line(v, rip);
    for (u32 i = 1; walk && i < WALK_MEMO_ENTRIES; i++)
        if (!(((u64)walk->entry[i] ^ (u64)host) & PAGE_MASK))
            return true;
    return !walk;
}

static bool maps_own(struct vcpu *v, const u8 *host)
{
    const struct translation *running = v->frame.running;
    for (u32 i = 0; i < running->pages; i++)
        if (maps(v, running->at[i].rip, host))
            return true;
    return false;
}

/* SPEC 5.5. Whether the running code may write the page is found out once for each of the last few. */
static bool may_write(struct vcpu *v, const struct walk_memo_line *walk)
{
    struct translation *running = (struct translation *)v->frame.running;
    if (ept_write_protected(&v->vm->ept, gpa(walk->page)) || walk->touch == v->walks->table)
        return false;
    if (!translation_may_write(running, walk->touch)) {
        if (is_own(running, walk->page) || maps_own(v, walk->touch))
            return false;
        translation_note_write(running, walk->touch);
    }
    walk_memo_note_write(v, &v->vm->ept, walk);
    return true;
}

static bool may_fill(struct vcpu *v, const struct walk_memo_line *walk, struct code_reach request)
{
    bool trapped = request.kind & REACH_TRAPPED;
    if (!walk->touch || trapped != (walk->class == EPT_CLASS_TRAPPED))
        return false;
    if (request.kind & REACH_RAM && walk->class != EPT_CLASS_RAM)
        return false;
    return !(request.kind & REACH_WRITE) || walk->class != EPT_CLASS_RAM || may_write(v, walk);
}

bool translated_fill(struct vcpu *v, const struct walk_memo_line *walk, struct code_reach request, u64 linear,
                     struct code_line *line)
{
    line->limit = 0;
    if (!may_fill(v, walk, request))
        return false;
    if (walk->lapic)
        fill_register(line, walk, request, linear);
    else
        *line = (struct code_line){
            .linear = linear & PAGE_MASK, .limit = PAGE_SIZE - request.size + 1, .host = (u64)walk->touch};
    return line->limit;
}

/* A walk that is not remembered, or no longer true: walks, and remembers. NULL: it faults, or is not of that kind. */
static __attribute__((noinline)) const struct walk_memo_line *walk_anew(struct vcpu *v, u64 linear,
                                                                        enum access_kind kind)
{
    struct access_piece piece;
    struct event event = v->event;
    u64 cr2 = v->cr2;
    if (!access_canonical(v, linear))
        return NULL;
    if (access_translate(v, gva(linear), kind, false, &piece))
        return walk_memo_find(v, linear, walk_access_of(kind), access_cpl(v));
    v->event = event;
    v->cr2 = cr2;
    return NULL;
}

bool translated_reach(struct vcpu *v)
{
    struct code_reach request = v->frame.request;
    struct code_line *line = &v->frame.lines->line[request.line];
    enum access_kind kind = request.kind & REACH_WRITE ? ACCESS_WRITE : ACCESS_READ;

    access_need(v, EMUL_STEP_PARTS);
    bool based = request.segment == SEG_FS || request.segment == SEG_GS;
    u64 base = based ? vcpu_segment(v, (enum segment_name)request.segment)->base : 0,
        linear = v->frame.linear + line->linear + base;
    line->limit = 0;
    walk_memo_begin(v, &v->vm->window);
    if ((linear & ~PAGE_MASK) + request.size > PAGE_SIZE)
        return false;
    const struct walk_memo_line *walk = walk_memo_find(v, linear, walk_access_of(kind), access_cpl(v));
    if (!walk)
        walk = walk_anew(v, linear, kind);
    if (!walk || !translated_fill(v, walk, request, linear, line))
        return false;
    line->linear -= base;
    return true;
}

/* Code that the running cluster was made from has changed, or may have, or is no longer where RIP leads to. */
static bool is_stale(struct vcpu *v, const struct insn *insn)
{
    const struct translation *running = v->frame.running;
    if ((v->cr0 & CR0_PG) && insn_touches_memory(insn) && !translated_is_there(v, running))
        return true;
    if (!translation_is_fresh(running))
        return true;
    return translation_must_compare(running) && !translation_same(running);
}

/*
 * A command to the LAPIC (the ICR is no line's) may interrupt this CPU at once: two of them behind each other would
 * become one interrupt if the guest did not run in between.
 */
static bool may_interrupt(const struct vcpu *v, const struct performed *p)
{
    return p->would == WOULD_APIC && v->rflags & RFLAGS_IF;
}

/* SPEC 8.5: a line of a report may be waiting for the guest's line to end; it goes out between clusters. */
static bool may_end_line(const struct vcpu *v, const struct performed *p)
{
    const struct console_line *line = v->frame.console_line;
    return p->insn.op == OP_OUT && line && !line->plain && line->last == '\n';
}

void translated_perform(struct vcpu *v)
{
    struct code_frame *frame = &v->frame;
    const struct performed *p = frame->performed;
    if (p->flags_in_slot) {
        v->rflags = (v->rflags & ~(u64)FLAGS_STATUS_BITS) | (frame->flags & FLAGS_STATUS_BITS);
        vcpu_dirty(v, PART_RFLAGS);
    }
    v->rip = p->rip;
    v->have |= PART_RIP | PART_RFLAGS;
    u64 interrupts = v->rflags & RFLAGS_IF;
    enum emul_status status = emul_perform(v, &p->insn);
    bool done = status == EMUL_DONE;
    if (p->would != WOULD_NOT)
        ((const struct translation *)frame->running)->avoided[p->would] += done;
    frame->flags = v->rflags & FLAGS_STATUS_BITS;
    frame->left = !done || record_needs_care(v) || (v->rflags & RFLAGS_IF) > interrupts || may_interrupt(v, p) ||
                  may_end_line(v, p) || is_stale(v, &p->insn);
    /* Translated code knows where it is; of an instruction that was not completed nobody else would say it. */
    if (frame->left)
        vcpu_dirty(v, PART_RIP);
    else
        v->dirty &= ~(u32)PART_RIP;
}
