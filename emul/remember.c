/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/remember.h"

#include "emul/perform.h"
#include "emul/quick_run.h"
#include "emul/step.h"

_Static_assert(sizeof(struct insn) <= TC_WORK, "a decoded instruction is what an entry keeps");

/* The linear address of the byte `ahead` of RIP; false where fetching there could fault before paging has a say. */
static inline bool code_linear(struct vcpu *v, enum code_size code_size, u32 ahead, gva_t *linear)
{
    u64 at = v->rip + ahead;
    if (code_size == CODE_64) {
        *linear = gva(at);
        return access_canonical(v, at);
    }
    access_need(v, PART_SEG_CS);
    *linear = gva((u32)(v->seg[SEG_CS].base + at));
    return at + INSN_MAX <= v->seg[SEG_CS].limit;
}

bool remember_walk(struct vcpu *v, enum code_size code_size, u32 ahead, struct place_of_code *place)
{
    struct access_piece piece;
    struct event event = v->event;
    u64 cr2 = v->cr2;
    gva_t linear;
    if (!code_linear(v, code_size, ahead, &linear))
        return false;
    if (access_translate(v, linear, ACCESS_FETCH, false, &piece))
        return place_from(&piece, place);
    v->event = event;
    v->cr2 = cr2;
    return false;
}

const struct walk_memo_line *remember_line(struct vcpu *v, u64 rip)
{
    struct place_of_code place;
    gva_t linear;
    u64 here = v->rip;
    enum code_size code_size = vcpu_code_size(v);
    const struct walk_memo_line *line = NULL;
    v->rip = rip;
    if (code_linear(v, code_size, 0, &linear))
        line = walk_memo_find(v, linear.at, WALK_FETCH, access_cpl(v));
    if (!line && remember_walk(v, code_size, 0, &place))
        line = walk_memo_find(v, linear.at, WALK_FETCH, access_cpl(v));
    v->rip = here;
    return line;
}

bool remember_check(struct vcpu *v, struct tc_entry *entry)
{
    struct place_of_code second = {.at = entry->second};
    /* Other bytes in the first page: the instruction may end there, and walking on would set an accessed flag. */
    if (entry->page[1] &&
        (tc_same_bytes(entry) < entry->first || !remember_walk(v, (enum code_size)entry->mode, entry->first, &second)))
        return false;
    return tc_check(v->tcache, entry, second.at);
}

/* Keeps what was decoded, if the bytes are still those once nobody can write them unseen. */
static void publish(struct vcpu *v, struct place_of_code place, const u8 *bytes, const struct insn *insn)
{
    struct place_of_code second = {.at = place.at};
    u32 in_page = PAGE_SIZE - (place.at.at & ~PAGE_MASK);
    if (insn->op == OP_OTHER)
        return;
    if (in_page < insn->length && !remember_walk(v, (enum code_size)insn->code_size, in_page, &second))
        return;
    struct tc_source source = {
        .gpa = place.at,
        .second = second.at,
        .mode = insn->code_size,
        .length = insn->length,
        .bytes = {place.ptr, second.ptr},
    };
    struct tc_entry *entry = tc_publish(v->tcache, &source, bytes);
    if (!entry)
        return;
    *(struct insn *)entry->work = *insn;
    entry->run = quick_choose(insn);
}

/* All the bytes there can be, from where the walk led to: no second walk. */
static bool read_here(struct place_of_code place, u8 *bytes)
{
    if (!place.ptr || (place.at.at & ~PAGE_MASK) > PAGE_SIZE - INSN_MAX)
        return false;
    quick_copy(bytes, place.ptr);
    return true;
}

static enum emul_status step_afresh(struct vcpu *v, const struct emul_expect *expect, struct place_of_code place,
                                    struct insn *insn)
{
    u8 bytes[INSN_WINDOW];
    enum code_size code_size = step_code_size(v);
    enum emul_status status;
    v->tcache->counts.misses++;
    v->tcache->fruitless++;
    if (!read_here(place, bytes) || insn_decode_padded(bytes, INSN_MAX, code_size, insn) != DECODE_OK) {
        status = step_decode(v, expect, bytes, insn);
        if (status != EMUL_DONE)
            return status;
    }
    if (!is_expected(v, expect, insn))
        return EMUL_MISMATCH;
    if (place.ptr && tc_worth(v->tcache, place.at))
        publish(v, place, bytes, insn);
    return perform(v, insn);
}

void remember_step(struct vcpu *v, const struct emul_expect *expect, struct place_of_code place, emul_undone *undone)
{
    struct insn insn;
    enum emul_status status = step_afresh(v, expect, place, &insn);
    if (status != EMUL_DONE)
        undone(v, &insn, status);
}
