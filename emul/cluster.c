/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A straight look ahead says what each instruction is; then the instructions that can be reached decide how far the
 * cluster goes. Where a loop turns out to begin before the instruction that exited, all of it is done again from there.
 * A set of instructions is a word with a bit for each.
 */
#include "emul/cluster.h"

#include "emul/assess.h"
#include "lib/string.h"

_Static_assert(CLUSTER_MAX <= 64, "a set of instructions is a word");

struct forming {
    const struct cluster_request *request;
    struct cluster_insn *at;
    u64 start;            /* where the look ahead begins: at the instruction that exited, or before it */
    u32 entry;            /* that instruction */
    u32 seen;             /* instructions that were looked at and can be carried */
    u32 end;              /* of them those before the first that a gap has no room for */
    u64 exiting, jumps;   /* sets */
    u64 returns;          /* of jumps: those that are followed back */
    u64 reached;          /* what extent() found */
    enum cluster_why why; /* the look ahead ended */
};

/* ---- looking ahead ---- */

static bool is_entry(const struct forming *f, const struct cluster_insn *at)
{
    return at->rip == f->request->rip;
}

/* The instruction at `rip`. Returns WHY_END, or why the look ahead ends before it. */
static enum cluster_why look_at(struct forming *f, struct cluster_insn *at, u64 rip)
{
    enum cluster_why why = assess_fetch(f->request, at, rip);
    if (why != WHY_END)
        return why;
    u64 first = assess_linear(f->request, f->start) >> PAGE_SHIFT;
    u64 last = assess_linear(f->request, rip + at->insn.length - 1) >> PAGE_SHIFT;
    return last - first > 1 ? WHY_PAGES : assess(f->request, at, is_entry(f, at), ASSESS_NO_PORT);
}

/* An instruction that can be carried joins the sets. */
static void note(struct forming *f, u32 i, u32 *gap)
{
    if (f->at[i].carry == CARRY_JUMP)
        f->jumps |= BIT(i);
    if (f->at[i].role != ROLE_FILLER) {
        f->exiting |= BIT(i);
        *gap = 0;
        return;
    }
    *gap += cluster_accesses(&f->at[i].insn);
    if (*gap > CLUSTER_GAP_MEMORY && f->end > i)
        f->end = i;
}

/* `max` instructions downstream of the one that exited, and then of the last one that would exit. */
static void look_ahead(struct forming *f, u32 max)
{
    u32 limit = CLUSTER_MAX;
    u64 rip = f->start, furthest = 0; /* the furthest place that some jump leads to */
    u32 gap = 0;

    for (f->why = WHY_LIMIT; f->seen < limit; f->seen++) {
        struct cluster_insn *at = &f->at[f->seen];
        enum cluster_why why = look_at(f, at, rip);
        if (why != WHY_END) {
            f->why = why;
            return;
        }
        note(f, f->seen, &gap);
        if (is_entry(f, at))
            f->entry = f->seen;
        if (rip >= f->request->rip && (is_entry(f, at) || at->role != ROLE_FILLER))
            limit = (u32)min_u64(f->seen + max, CLUSTER_MAX);
        rip += at->insn.length;
        if (at->carry != CARRY_JUMP)
            continue;
        furthest = max_u64(furthest, assess_target(at));
        if (!assess_conditional(at) && (furthest < rip || f->request->flow == CLUSTER_STRAIGHT)) {
            f->seen++;
            return;
        }
    }
}

/* Finds the jumps' targets among the instructions that were seen. */
static void aim(struct forming *f)
{
    for (u32 i = 0; i < f->seen; i++)
        for (u32 to = 0; f->at[i].carry == CARRY_JUMP && to < f->seen; to++)
            if (f->at[to].rip == assess_target(&f->at[i]))
                f->at[i].target = (s16)to;
}

/* ---- how far it goes ---- */

/* Where a jump leads, of the instructions before `end`, and with `flow`. */
static int followed(const struct forming *f, u32 i, u32 end, enum cluster_flow flow)
{
    int target = f->at[i].target;

    if (target < 0 || target >= (int)end)
        return CLUSTER_OUT;
    if (target > (int)i)
        return flow >= CLUSTER_FORWARD ? target : CLUSTER_OUT;
    return flow >= CLUSTER_LOOPS && f->returns >> i & 1 ? target : CLUSTER_OUT;
}

/* What can be reached from instruction `from`, going on only behind those in `through`. */
static u64 spread(const struct forming *f, u32 from, u64 through, u32 end, enum cluster_flow flow)
{
    u64 reached = BIT(from), before;

    do {
        before = reached;
        for (u32 i = 0; i < end; i++) {
            if (!((reached & through) >> i & 1))
                continue;
            int target = followed(f, i, end, flow);
            if (target >= 0)
                reached |= BIT(target);
            if ((f->jumps & BIT(i)) == 0 || assess_conditional(&f->at[i]))
                reached |= i + 1 < end ? BIT(i + 1) : 0;
        }
    } while (reached != before);
    return reached;
}

static bool comes_once(const struct forming *f)
{
    const struct cluster_insn *at = &f->at[f->entry];
    return assess_comes_once(f->request, at);
}

/* Whether a jump back is to be followed (SPEC 6.4): whichever way a round takes, something exits in it. */
static bool returns_to_exit(const struct forming *f, u32 i)
{
    int target = f->at[i].target;

    if (target < 0 || target > (int)i || (target <= (int)f->entry && comes_once(f)))
        return false;
    return !(spread(f, (u32)target, ~f->exiting, f->seen, CLUSTER_LOOPS) >> i & 1);
}

/* All of them are looked at as if all were followed. */
static void choose_returns(struct forming *f)
{
    u64 returns = 0;

    f->returns = ~0ull;
    for (u32 i = 0; i < f->seen; i++)
        if (returns_to_exit(f, i))
            returns |= BIT(i);
    f->returns = returns;
}

/*
 * How many instructions up to the last that exits, or that is an enabled backedge, and can be reached from where it is
 * entered. Sets f->reached.
 */
static u32 extent(struct forming *f, u32 end, enum cluster_flow flow)
{
    f->reached = spread(f, f->entry, ~0ull, end, flow);
    u64 last = f->reached & f->exiting;

    for (u32 i = 0; i < end; i++) {
        int target = followed(f, i, end, flow);
        if (f->reached >> i & 1 && target >= 0 && target <= (int)i)
            last |= BIT(i);
    }
    return last ? 64 - (u32)__builtin_clzll(last) : 1;
}

/* Why the cluster is not longer than its `count`, which extent() found among those before f->end. */
static enum cluster_why reason(struct forming *f, u32 count)
{
    enum cluster_flow flow = f->request->flow;

    if (extent(f, f->seen, flow) > count)
        return WHY_MEMORY;
    u32 last = 63 - (u32)__builtin_clzll(f->reached); /* beyond it nothing is reached */
    if (extent(f, f->end, CLUSTER_LOOPS) > count)
        return WHY_JUMP;
    if ((f->jumps & BIT(last)) && !assess_conditional(&f->at[last]))
        return followed(f, last, f->end, flow) < 0 ? WHY_JUMP : WHY_COMPLETE;
    return f->why == WHY_LIMIT && count < f->seen ? WHY_COMPLETE : f->why;
}

/* The jumps of the cluster as they are, now that its end is known. */
static void settle_jump(struct forming *f, u32 i, u32 count)
{
    struct cluster_insn *at = &f->at[i];
    int target = followed(f, i, count, f->request->flow);

    at->target = (s16)target;
    if (target < 0)
        return;
    f->at[target].joins = true;
    at->loops = target <= (int)i;
    at->weak = at->loops;
    for (u32 in = (u32)target; in < i; in++)
        at->weak &= f->at[in].role != ROLE_STRONG;
}

/* ---- from where ---- */

/* The cluster whose first instruction is at `start`. Returns its count. */
static u32 form_from(struct forming *f, u64 start)
{
    u32 max = f->request->max > CLUSTER_MAX ? CLUSTER_MAX : f->request->max;

    *f = (struct forming){.request = f->request, .at = f->at, .start = start, .end = CLUSTER_MAX};
    look_ahead(f, max ? max : 1);
    aim(f);
    f->end = f->seen < f->end ? f->seen : f->end;
    choose_returns(f);
    return extent(f, f->end, f->request->flow);
}

/* Whether the code at `start` comes to the instruction that exited, and all between can be carried. */
static bool leads_to_exit(struct forming *f, u64 start)
{
    struct cluster_insn at;
    u64 rip = f->start = start;

    for (u32 i = 0; i < CLUSTER_BEFORE && rip < f->request->rip; i++) {
        if (look_at(f, &at, rip) != WHY_END)
            return false;
        rip += at.insn.length;
    }
    return rip == f->request->rip;
}

/* The first of the places before the instruction that exited, to which jumps lead back (SPEC 6.7); itself: none. */
static u64 head_of_loop(struct forming *f)
{
    u64 exit = f->request->rip, start = exit, jumps = f->reached & f->jumps;

    for (u32 i = 0; i < f->seen && f->request->flow >= CLUSTER_LOOPS && f->request->max > 1; i++) {
        u64 target = assess_target(&f->at[i]);
        if (jumps >> i & 1 && target < start && exit - target <= CLUSTER_BEFORE_BYTES && leads_to_exit(f, target))
            start = target;
    }
    return start;
}

/*
 * Where forming, which began at f->start, would better begin: at what it uses; and where the limits leave less behind
 * the instruction that exited, whose `last` one was without those before it, at that itself.
 */
static u64 better_start(const struct forming *f, u32 count, u64 last)
{
    if (!is_entry(f, &f->at[f->entry]) || f->at[count - 1].rip < last)
        return f->request->rip;
    return f->at[__builtin_ctzll(f->reached)].rip;
}

void cluster_form(const struct cluster_request *request, struct cluster *cluster)
{
    struct forming f = {.request = request, .at = cluster->at};
    u32 count = form_from(&f, request->rip);
    u64 last = cluster->at[count - 1].rip, start = request->rip, better = head_of_loop(&f);

    while (better != start) {
        start = better;
        count = form_from(&f, start);
        better = better_start(&f, count, last);
    }
    cluster->code_size = request->code_size;
    cluster->why = reason(&f, count);
    cluster->stopper = cluster->why == WHY_INSTRUCTION ? cluster->at[f.seen].insn.op : 0;
    cluster->count = count;
    cluster->entry = f.entry;
    cluster->exiting = 0;
    for (u32 i = 0; i < count; i++) {
        cluster->exiting += cluster->at[i].role != ROLE_FILLER;
        cluster->at[i].next = i + 1 < count ? (s16)(i + 1) : CLUSTER_OUT;
        settle_jump(&f, i, count);
    }
    cluster->at[f.entry].joins |= f.entry > 0;
    cluster->traced = false;
    cluster->ways = 0;
}

const char *cluster_why_text(enum cluster_why why)
{
    const char *text = "nothing downstream exits\0"
                       "the limit of instructions\0"
                       "control flow that is not followed\0"
                       "call, return or computed jump\0"
                       "an instruction that cannot be carried\0"
                       "too many memory accesses between exits\0"
                       "the code goes on where it cannot be read\0"
                       "more than two code pages\0"
                       "a port or register that must be looked at first\0"
                       "alone it would be performed as before\0"
                       "no machine code for it\0"
                       "its code changes all the time\0"
                       "answered as the last time\0"
                       "as far as the path was seen";

    for (u32 i = 0; i < why && i < WHY_END - 1; i++)
        text += strlen(text) + 1;
    return text;
}
