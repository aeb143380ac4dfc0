/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guests that live the same life, held against each other: as many as HOST_GUESTS says, which who includes this has
 * defined. All chance comes from draw(), so a generator or a fuzzer can lead.
 */
#ifndef TEST_FUZZ_GUESTS_H
#define TEST_FUZZ_GUESTS_H

#include "cache/coherence.h"
#include "test/unit/emul_fixture.h"

static u32 draw(u32 n); /* 0 .. n - 1 */

static u64 draw_bits(void)
{
    u64 value = 0;
    for (u32 i = 0; i < 4; i++)
        value = value << 16 | draw(65536);
    return value;
}

static void use(u32 guest)
{
    host_guest_now = &host_guests[guest];
}
#define EACH_GUEST                                                                                                     \
    u32 guest = 0;                                                                                                     \
    guest < HOST_GUESTS && (use(guest), true);                                                                         \
    guest++

#define GUESTS_PATTERN 0x62000u

/* What memory is filled with at first. */
static const u8 *guests_pattern(void)
{
    static u64 pattern[GUESTS_PATTERN / 8];
    u64 value = 1;
    for (u32 i = 0; !pattern[COUNT_OF(pattern) - 1] && i < COUNT_OF(pattern); i++) {
        value = value * 6364136223846793005ull + 1442695040888963407ull;
        pattern[i] = value ^ value >> 29;
    }
    return (const u8 *)pattern;
}

/* ---- modes ---- */

static void guests_set_mode(struct vcpu *v, enum guest_mode mode, bool user, bool small, bool write_protect)
{
    bool wide = mode == MODE_64 || mode == MODE_COMPAT;
    v->cr0 = CR0_ET | CR0_NE | CR0_AM | (mode == MODE_REAL ? 0 : CR0_PE) | (wide ? CR0_PG : 0) |
             (write_protect ? CR0_WP : 0);
    v->cr4 = CR4_OSFXSR | (wide ? CR4_PAE : 0);
    v->efer = wide ? EFER_LME | EFER_LMA | EFER_NXE : 0;
    guest_segments(v, mode, user ? 3 : 0);
    if (mode == MODE_COMPAT && small)
        v->seg[SEG_CS].access &= ~(u32)ACCESS_DB;
}

/* Another privilege and nothing else, where the mode has another. */
static void guests_change_privilege(enum guest_mode mode, bool *user)
{
    if (mode == MODE_REAL || mode == MODE_V86)
        return;
    *user = !*user;
    for (EACH_GUEST)
        for (u32 i = 0; i < SEG_LDTR; i++)
            host_guest.v.seg[i].access ^= ACCESS_DPL;
}

/* ---- coherence (cache/coherence.h) of the one that has cached work ---- */

static u64 guests_flushes;

static void guests_flush(void *context)
{
    guests_flushes++;
    ((struct ept *)context)->flush = false;
}

static void guests_written(void *context, gpa_t page)
{
    coherence_written(context, page);
}

static void guests_cohere(struct vm *vm, bool compare, u64 (*time)(void))
{
    coherence_init(&vm->coherence, &vm->ept, compare ? COHERE_COMPARE : COHERE_PROTECT);
    vm->coherence.flush = guests_flush;
    vm->coherence.context = &vm->ept;
    vm->coherence.time = time;
    vm->window.written = guests_written;
    vm->window.written_context = &vm->coherence;
}

/* ---- the state of a guest, fetched part by part, as under VT-x ---- */

static struct vcpu guests_truth;

#define GUESTS_PARTS(COPY)                                                                                             \
    COPY(PART_GDTR, gdtr)                                                                                              \
    COPY(PART_IDTR, idtr)                                                                                              \
    COPY(PART_RIP, rip)                                                                                                \
    COPY(PART_RSP, gpr[RSP])                                                                                           \
    COPY(PART_RFLAGS, rflags)                                                                                          \
    COPY(PART_CR3, cr3)                                                                                                \
    COPY(PART_EFER, efer)                                                                                              \
    COPY(PART_PDPTES, pdpte)                                                                                           \
    COPY(PART_DR7, dr7)                                                                                                \
    COPY(PART_INTERRUPTIBILITY, interruptibility)                                                                      \
    COPY(PART_PENDING_DEBUG, pending_debug)                                                                            \
    COPY(PART_PKRU, pkru)

static void guests_fetch(struct vcpu *v, u32 parts)
{
    const struct vcpu *truth = &guests_truth;
    for (u32 i = 0; i < SEG_COUNT; i++)
        if (parts & (1u << i))
            v->seg[i] = truth->seg[i];
    if (parts & PART_CS_ACCESS && !(v->have & PART_SEG_CS))
        v->seg[SEG_CS].access = truth->seg[SEG_CS].access;
    if (parts & PART_SS_ACCESS && !(v->have & PART_SEG_SS))
        v->seg[SEG_SS].access = truth->seg[SEG_SS].access;
#define FETCH(part, field)                                                                                             \
    if (parts & (part))                                                                                                \
        memcpy(&v->field, &truth->field, sizeof(v->field));
    GUESTS_PARTS(FETCH)
#undef FETCH
}

/* Nothing is there, and what is in the struct is what some earlier exit left. (CR0 and CR4 are always there as far as
 * they rule paging, which is all that is asked here.) */
static void guests_take_parts(struct vcpu *v)
{
    guests_truth = *v;
    memset(v->seg, 0xa5, sizeof(v->seg));
    v->gdtr.base = v->gdtr.limit = v->idtr.base = v->idtr.limit = 0xa5a5;
    v->rip = v->gpr[RSP] = v->rflags = v->cr3 = v->efer = v->dr7 = v->pending_debug = 0xa5a5a5a5a5a5a5a5;
    memset(v->pdpte, 0xa5, sizeof(v->pdpte));
    v->interruptibility = v->pkru = 0xa5a5a5a5;
    v->fetch = guests_fetch;
    v->have = 0;
}

/* All is there again; what was changed, though it was never there, is a mistake. */
static void guests_give_parts(struct vcpu *v)
{
    u32 strange = v->dirty & ~v->have;
    vcpu_need(v, PART_ALL);
    if (strange)
        abort();
}

/* ---- comparing ---- */

static bool same_segments(const struct vcpu *a, const struct vcpu *b)
{
    for (u32 i = 0; i < SEG_COUNT; i++)
        if (a->seg[i].base != b->seg[i].base || a->seg[i].limit != b->seg[i].limit ||
            a->seg[i].access != b->seg[i].access || a->seg[i].selector != b->seg[i].selector)
            return false;
    return a->gdtr.base == b->gdtr.base && a->gdtr.limit == b->gdtr.limit && a->idtr.base == b->idtr.base &&
           a->idtr.limit == b->idtr.limit;
}

static bool same_event(const struct event *a, const struct event *b)
{
    return a->valid == b->valid &&
           (!a->valid || (a->has_error_code == b->has_error_code && a->vector == b->vector && a->type == b->type &&
                          a->error_code == b->error_code && a->instruction_length == b->instruction_length));
}

/* All but the general registers and RIP. */
static const char *differing_control(const struct vcpu *a, const struct vcpu *b)
{
    if (a->rflags != b->rflags)
        return "rflags";
    if (!same_event(&a->event, &b->event))
        return "event";
    if (a->cr0 != b->cr0 || a->cr2 != b->cr2 || a->cr3 != b->cr3 || a->cr4 != b->cr4 || a->efer != b->efer ||
        memcmp(a->pdpte, b->pdpte, sizeof(a->pdpte)) != 0 || a->pkru != b->pkru)
        return "control registers";
    if (a->interruptibility != b->interruptibility)
        return "interruptibility";
    if (a->pending_debug != b->pending_debug)
        return "pending debug exceptions";
    return same_segments(a, b) ? NULL : "segments";
}

#endif
