/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine=decode: an instruction that exits again is not fetched and decoded again. It is found by where its bytes are
 * in guest-physical memory and by the code size, which is all that its meaning hangs on; where RIP leads to is walked
 * each time (ept/walk_memo.h), and that the bytes are the same is cache/coherence.h's matter.
 *
 * emul_step_cached() itself is the straight way of a hit: it calls nothing, so that it has no registers to save. Each
 * way that leaves it is a tail call, the last one to what performs the instruction: so no status is returned, and what
 * is not done is told by a call too.
 */
#include "emul/cached.h"

#include "emul/perform.h"
#include "emul/quick_run.h"
#include "emul/remember.h"

__attribute__((noinline)) void cached_perform(struct vcpu *v, const struct insn *known, emul_undone *undone)
{
    v->tcache->counts.performed++;
    enum emul_status status = perform(v, known);
    if (status != EMUL_DONE)
        undone(v, known, status);
}

static __attribute__((noinline)) void use_with_care(struct vcpu *v, const struct emul_expect *expect,
                                                    emul_undone *undone, u64 *hits, struct tc_entry *entry)
{
    const struct insn *known = (const struct insn *)entry->work;
    if (!is_expected(v, expect, known)) { /* what is in memory decides */
        remember_step(v, expect, place_of_entry(entry), undone);
        return;
    }
    ++*hits;
    v->tcache->fruitless = 0;
    cached_perform(v, known, undone);
}

/* The entry is for this instruction of the kernel, and holds. */
QUICK void use(struct vcpu *v, const struct emul_expect *expect, emul_undone *undone, u64 *hits, struct tc_entry *entry)
{
    quick_run *run = entry->run;
    if (!run || expect->kind != EXPECT_MEMORY || !quick_runs(v)) {
        use_with_care(v, expect, undone, hits, entry);
        return;
    }
    ++*hits;
    v->tcache->fruitless = 0;
    run(v, (const struct insn *)entry->work, undone);
}

static __attribute__((noinline)) void use_checked(struct vcpu *v, const struct emul_expect *expect, emul_undone *undone,
                                                  u64 *hits, struct tc_entry *entry)
{
    struct place_of_code place = place_of_entry(entry);
    if (remember_check(v, entry))
        use(v, expect, undone, hits, entry);
    else
        remember_step(v, expect, place, undone);
}

/* Any code, wherever it is. */
static __attribute__((noinline)) void step_by_walk(struct vcpu *v, const struct emul_expect *expect,
                                                   emul_undone *undone, u64 *hits)
{
    struct place_of_code place;
    enum code_size code_size = step_code_size(v);
    struct tc_entry *entry = NULL;
    walk_memo_begin(v, &v->vm->window);
    if (remember_walk(v, code_size, 0, &place))
        entry = tc_find(v->tcache, place.at, code_size);
    else
        place.ptr = NULL;
    if (entry && (!tc_must_check(v->tcache, entry, access_cpl(v) == 3) || remember_check(v, entry)))
        use_with_care(v, expect, undone, hits, entry);
    else
        remember_step(v, expect, place, undone);
}

void emul_step_cached(struct vcpu *v, const struct emul_expect *expect, emul_undone *undone, u64 *hits)
{
    const struct walk_memo_line *line = NULL;
    if (quick_supervisor(v) && walk_memo_holds(v, &v->vm->window))
        line = walk_memo_find(v, v->rip, WALK_FETCH, 0);
    if (!line || line->class != EPT_CLASS_RAM) {
        step_by_walk(v, expect, undone, hits);
        return;
    }
    u64 within = v->rip & ~PAGE_MASK;
    gpa_t at = gpa(line->page + within);
    struct tc_entry *entry = tc_find(v->tcache, at, CODE_64);
    if (!entry)
        remember_step(v, expect, (struct place_of_code){at, line->ptr + within}, undone);
    else if (tc_must_check(v->tcache, entry, false))
        use_checked(v, expect, undone, hits, entry);
    else
        use(v, expect, undone, hits, entry);
}
