/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine=decode: an instruction that exits again is not fetched and decoded again. It is found by where its bytes are
 * in guest-physical memory and by the code size, which is all that its meaning hangs on; where RIP leads to is walked
 * each time (ept/walk_memo.h), and that the bytes are the same is cache/coherence.h's matter.
 */
#include "emul/cached.h"

#include "emul/perform.h"
#include "emul/quick_run.h"
#include "emul/remember.h"

static inline bool find_code(struct vcpu *v, enum code_size code_size, struct place_of_code *place)
{
    struct access_piece piece;
    if (code_size == CODE_64 && access_recall(v, gva(v->rip), ACCESS_FETCH, &piece))
        return place_from(&piece, place);
    return remember_walk(v, code_size, 0, place);
}

/* quick_runs(): RIP is all that completing takes. */
static inline void retire_quickly(struct vcpu *v, const struct insn *insn)
{
    v->rip += insn->length;
    v->dirty |= PART_RIP;
}

static __attribute__((noinline)) enum emul_status perform_known(struct vcpu *v, const struct insn *known,
                                                                struct insn *insn)
{
    enum emul_status status = emul_perform(v, known);
    if (status != EMUL_DONE)
        *insn = *known;
    return status;
}

enum emul_status emul_step_cached(struct vcpu *v, const struct emul_expect *expect, struct insn *insn, u64 *hits)
{
    struct place_of_code place = {.ptr = NULL};
    struct tcache *tc = v->tcache;
    access_need(v, EMUL_STEP_PARTS);
    walk_memo_begin(v, &v->vm->ept);
    enum code_size code_size = step_code_size(v);
    if (!find_code(v, code_size, &place)) {
        place.ptr = NULL;
        return remember_step(v, expect, place, insn);
    }
    struct tc_entry *entry = tc_find(tc, place.at, code_size);
    if (!entry || (tc_must_check(tc, entry, access_cpl(v) == 3) && !remember_check(v, entry)))
        return remember_step(v, expect, place, insn);
    const struct insn *known = (const struct insn *)entry->work;
    quick_run *run = entry->run;
    if (run && expect->kind == EXPECT_MEMORY && quick_runs(v) && run(v, known)) {
        retire_quickly(v, known);
        ++*hits;
        tc->fruitless = 0;
        return EMUL_DONE;
    }
    if (!is_expected(v, expect, known))
        return remember_step(v, expect, place, insn); /* what is in memory decides */
    ++*hits;
    tc->fruitless = 0;
    return perform_known(v, known, insn);
}
