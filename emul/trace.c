/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steps of the path become instructions of the cluster in the order in which they were first taken, and edges where
 * one was seen to follow another. A context tells apart what is called from several places: it is named by the call, or
 * by the return, for what is returned to beyond the function that the path began in.
 */
#include "emul/trace.h"

#include "emul/assess.h"
#include "lib/string.h"

#define NOWHERE (-1)
#define CONTEXT_RETURNED 0x8000u
#define TABLE 512 /* a power of two, more than CLUSTER_NODES */

struct tracing {
    const struct cluster_request *request;
    struct cluster_request given; /* that is it */
    struct cluster *cluster;
    u32 max;
    u32 made;    /* instructions */
    u32 context; /* of the next step */
    u32 exits, gap;
    u32 walked;           /* steps of the path */
    bool in_tail;         /* of the path */
    u16 stopper;          /* the one that could not be carried */
    u32 kept, kept_pages; /* of what was made that up to the last exit of the path */
    u32 leading;
    s16 *lead[TRACE_GAP + 2]; /* edges to what is not kept yet */
    struct trace_pages pages; /* of code that the instructions are in */
    /* Of each instruction, close together. */
    u64 rip_of[CLUSTER_NODES];
    u16 context_of[CLUSTER_NODES];
    s16 *place[CLUSTER_NODES]; /* in the table: what was added last can be taken out */
    s16 table[TABLE];          /* instructions by address and context */
};

static struct tracing scratch; /* one CPU forms at a time */

static struct cluster_insn *insn_at(const struct tracing *t, int index)
{
    return &t->cluster->at[index];
}

/* ---- instructions ---- */

/* Where it is in the table, or would be. */
static s16 *place_of(struct tracing *t, u64 rip, u32 context)
{
    for (u32 slot = (u32)(rip * 31 + context * 0x9e5u);; slot++) {
        s16 *place = &t->table[slot % TABLE];
        if (*place == NOWHERE || (t->rip_of[*place] == rip && t->context_of[*place] == context))
            return place;
    }
}

bool trace_note_page(struct trace_pages *pages, u64 page)
{
    for (u32 i = 0; i < pages->count; i++)
        if (pages->page[i] == page)
            return true;
    if (pages->count == CLUSTER_TRACE_PAGES)
        return false;
    pages->page[pages->count++] = page;
    return true;
}

static bool note_pages(struct tracing *t, const struct cluster_insn *at)
{
    u64 first = assess_linear(t->request, at->rip) & PAGE_MASK;
    u64 last = assess_linear(t->request, at->rip + at->insn.length - 1) & PAGE_MASK;
    return trace_note_page(&t->pages, first) && (last == first || trace_note_page(&t->pages, last));
}

/* A new one for this step, which goes to `place`. WHY_END: it is t->made - 1 now. */
static enum cluster_why make_insn(struct tracing *t, const struct path_step *step, s16 *place)
{
    if (t->made == t->max)
        return WHY_LIMIT;
    struct cluster_insn *at = insn_at(t, (int)t->made);
    enum cluster_why why = assess_fetch(t->request, at, step->rip);
    if (why == WHY_END)
        why = assess(t->request, at, t->made == 0, t->made ? step->port : ASSESS_NO_PORT);
    if (why != WHY_END)
        return why;
    if (!note_pages(t, at))
        return WHY_PAGES;
    t->rip_of[t->made] = step->rip;
    t->context_of[t->made] = (u16)t->context;
    t->place[t->made] = place;
    *place = (s16)t->made++;
    return WHY_END;
}

static enum cluster_why find_or_make(struct tracing *t, const struct path_step *step, int *index)
{
    s16 *place = place_of(t, step->rip, t->context);
    if (*place == NOWHERE && t->in_tail) /* it would be cut off, with what is behind it */
        return WHY_PATH;
    if (*place == NOWHERE) {
        enum cluster_why why = make_insn(t, step, place);
        if (why != WHY_END)
            return why;
    }
    *index = *place;
    return WHY_END;
}

/* ---- edges ---- */

static bool computes(const struct cluster_insn *at)
{
    u16 op = at->insn.op;
    return op == OP_RET || ((op == OP_CALL || op == OP_JMP) && !assess_direct(at));
}

static u64 rip_behind(const struct tracing *t, const struct cluster_insn *at)
{
    u64 next = at->rip + at->insn.length;
    return t->request->code_size == CODE_64 ? next : (u32)next;
}

static void set_edge(struct tracing *t, s16 *edge, int to)
{
    *edge = (s16)to;
    if (to >= (int)t->kept)
        t->lead[t->leading++] = edge;
}

/* False: there is no room for it. */
static bool add_way(struct tracing *t, struct cluster_insn *from, u64 rip, int to)
{
    struct cluster *cluster = t->cluster;
    u16 *link = &from->way;
    for (; *link != CLUSTER_NO_WAY; link = &cluster->way[*link].other)
        if (cluster->way[*link].rip == rip) {
            set_edge(t, &cluster->way[*link].to, to);
            return true;
        }
    if (cluster->ways == CLUSTER_WAYS)
        return false;
    cluster->way[cluster->ways] = (struct cluster_way){rip, CLUSTER_OUT, CLUSTER_NO_WAY};
    set_edge(t, &cluster->way[cluster->ways].to, to);
    *link = (u16)cluster->ways++;
    return true;
}

/* Whether the instruction can be come back to. */
static bool may_return_to(const struct tracing *t, int to)
{
    return to > 0 || !assess_comes_once(t->request, insn_at(t, 0));
}

/* One was seen to follow the other. False: the cluster cannot have it so. */
static bool link_to(struct tracing *t, int from, int to)
{
    struct cluster_insn *at = insn_at(t, from);
    u64 rip = t->rip_of[to];
    if (!may_return_to(t, to))
        return false;
    if (computes(at))
        return add_way(t, at, rip, to);
    if ((at->insn.op == OP_CALL || at->carry == CARRY_JUMP) && rip == assess_target(at))
        set_edge(t, &at->target, to);
    else if (rip == rip_behind(t, at))
        set_edge(t, &at->next, to);
    else
        return false;
    return true;
}

static bool is_here(const struct tracing *t, int index, u64 rip)
{
    return index != CLUSTER_OUT && t->rip_of[index] == rip && t->context_of[index] == t->context;
}

/* Where an edge that was seen before leads, if that is the step to `rip`; NOWHERE: none does. */
static int known_to(const struct tracing *t, int from, u64 rip)
{
    const struct cluster_insn *at = insn_at(t, from);
    if (is_here(t, at->next, rip))
        return at->next;
    return is_here(t, at->target, rip) ? at->target : NOWHERE;
}

/* Where a jump leads that was not taken, or not passed, but is in the cluster: forward only, the time is not to be
 * lost. */
static void look_up(struct tracing *t, int from, u64 rip, s16 *edge)
{
    s16 to = *place_of(t, rip, t->context_of[from]);
    if (*edge == CLUSTER_OUT && to > from)
        *edge = to;
}

static void complete_edges(struct tracing *t, int from)
{
    struct cluster_insn *at = insn_at(t, from);
    if (at->carry == CARRY_JUMP)
        look_up(t, from, assess_target(at), &at->target);
    bool performed = at->carry == CARRY_PERFORM && at->insn.op != OP_CALL && !computes(at);
    if ((at->carry == CARRY_JUMP && assess_conditional(at)) || performed)
        look_up(t, from, rip_behind(t, at), &at->next);
}

/* ---- contexts ---- */

/* The return that led to this context; NULL: no return did. */
static const struct cluster_insn *return_into(const struct tracing *t, u32 context)
{
    u32 index = context & ~CONTEXT_RETURNED;
    if (!(context & CONTEXT_RETURNED) || index >= t->made || insn_at(t, (int)index)->insn.op != OP_RET)
        return NULL;
    return insn_at(t, (int)index);
}

/*
 * A call from where a return led to, and to behind it: it calls what that return was from, so that the loop around both
 * is closed.
 */
static bool calls_again(const struct tracing *t, const struct cluster_insn *call, const struct cluster_insn *from)
{
    for (u32 way = from ? from->way : CLUSTER_NO_WAY; way != CLUSTER_NO_WAY; way = t->cluster->way[way].other)
        if (t->cluster->way[way].rip == rip_behind(t, call))
            return true;
    return false;
}

/* The context of what comes behind a call or return. */
static u32 context_behind(const struct tracing *t, int index)
{
    const struct cluster_insn *at = insn_at(t, index);
    u32 here = t->context_of[index];
    if (at->insn.op == OP_CALL) {
        const struct cluster_insn *from = return_into(t, here);
        return calls_again(t, at, from) ? t->context_of[from - t->cluster->at] : (u32)index + 1;
    }
    if (at->insn.op != OP_RET)
        return here;
    bool called = here > 0 && here <= CLUSTER_NODES;
    return called ? t->context_of[here - 1] : CONTEXT_RETURNED | (u32)index;
}

/* ---- the path ---- */

/* All so far. */
static void keep(struct tracing *t)
{
    t->kept = t->made;
    t->kept_pages = t->pages.count;
    t->leading = 0;
}

static void count_exit(struct tracing *t, int index)
{
    if (insn_at(t, index)->role == ROLE_FILLER) {
        t->gap++;
        return;
    }
    t->exits++;
    t->gap = 0;
    keep(t);
}

/* What a path came to behind its last exit is not in the cluster. */
static void cut(struct tracing *t)
{
    while (t->made > t->kept)
        *t->place[--t->made] = NOWHERE;
    t->pages.count = t->kept_pages;
    for (u32 i = 0; i < t->leading; i++)
        if (*t->lead[i] >= (int)t->made)
            *t->lead[i] = CLUSTER_OUT;
}

/* The next step. WHY_END: *index is its instruction, `before` the one that the path comes from. */
static enum cluster_why take_step(struct tracing *t, const struct path_step *step, int before, int *index)
{
    *index = before == NOWHERE ? NOWHERE : known_to(t, before, step->rip);
    if (*index == NOWHERE) {
        enum cluster_why why = find_or_make(t, step, index);
        if (why != WHY_END)
            return why;
        if (before != NOWHERE && link_to(t, before, *index) && *index < (int)t->kept)
            keep(t); /* back at what leads to an exit */
    }
    count_exit(t, *index);
    t->context = context_behind(t, *index);
    return WHY_END;
}

/* What was seen when the path was recorded still holds: only predictions can have changed. */
static bool nothing_exits(const struct tracing *t, const struct path_step *step, const struct path_step *end)
{
    do
        if (assess_predicted(t->request, step->rip))
            return false;
    while (++step < end && !step->begins);
    return true;
}

/* One path from its first step on; sets *next to the one behind it. Returns why it is not followed farther. */
static enum cluster_why walk(struct tracing *t, u32 first, u32 *next)
{
    const struct path *path = t->request->path;
    const struct path_step *step = &path->step[first], *end = &path->step[path->count];
    enum cluster_why why = WHY_END;
    int index = NOWHERE;
    t->context = t->gap = 0;
    t->in_tail = false;
    keep(t);
    do {
        slices_pause(t->request->slices);
        t->in_tail |= step->tail && nothing_exits(t, step, end);
        why = take_step(t, step, index, &index);
        if (why == WHY_END && t->gap > TRACE_GAP)
            why = WHY_COMPLETE;
        step++;
    } while (step < end && !step->begins && why == WHY_END);
    if (why != WHY_END && why != WHY_COMPLETE)
        t->stopper = why == WHY_INSTRUCTION ? insn_at(t, (int)t->made)->insn.op : 0;
    for (; step < end && !step->begins; t->gap++)
        step++;
    if (why == WHY_PATH && t->gap >= TRACE_GAP)
        why = WHY_COMPLETE;
    *next = (u32)(step - path->step);
    cut(t);
    return why == WHY_END ? WHY_PATH : why;
}

/* ---- the cluster ---- */

/* Nothing from `first` to `last` exits strongly, and something weakly (SPEC 6.4). */
static bool is_weak(const struct cluster *cluster, int first, int last)
{
    bool weak = false;
    for (int i = first; i <= last; i++) {
        if (cluster->at[i].role == ROLE_STRONG)
            return false;
        weak |= cluster->at[i].role == ROLE_WEAK;
    }
    return weak;
}

static void settle_edge(struct cluster *cluster, int from, int to)
{
    struct cluster_insn *at = &cluster->at[from];
    if (to == CLUSTER_OUT)
        return;
    cluster->at[to].joins |= to != from + 1;
    if (to > from)
        return;
    at->loops = true;
    at->weak |= is_weak(cluster, to, from);
}

/* Of several, each is jumped to. */
static void settle_way(struct cluster *cluster, int from, const struct cluster_way *way)
{
    settle_edge(cluster, from, way->to);
    bool only = cluster->at[from].way == way - cluster->way && way->other == CLUSTER_NO_WAY;
    if (way->to != CLUSTER_OUT && !only)
        cluster->at[way->to].joins = true;
}

/* What two or more lead to, or something from elsewhere. */
static void settle(struct cluster *cluster)
{
    for (u32 i = 0; i < cluster->count; i++) {
        struct cluster_insn *at = &cluster->at[i];
        settle_edge(cluster, (int)i, at->next);
        settle_edge(cluster, (int)i, at->target);
        /* The code for the other way stands between. */
        if (at->target != CLUSTER_OUT && at->carry == CARRY_JUMP && assess_conditional(at))
            cluster->at[at->target].joins = true;
        for (u32 way = at->way; way != CLUSTER_NO_WAY; way = cluster->way[way].other)
            settle_way(cluster, (int)i, &cluster->way[way]);
        cluster->exiting += at->role != ROLE_FILLER;
    }
}

/* The paths that have not been walked. */
static void walk_on(struct tracing *t, const struct cluster_request *request)
{
    struct cluster *cluster = t->cluster;
    enum cluster_why why = WHY_PATH;
    t->given = *request;
    t->request = &t->given;
    cluster->exiting = 0;
    while (t->walked < request->path->count)
        why = walk(t, t->walked, &t->walked);
    if (t->exits < 2)
        return;
    for (u32 i = 0; i < t->made; i++) {
        complete_edges(t, (int)i);
        slices_pause(t->request->slices);
    }
    cluster->why = why;
    cluster->stopper = why == WHY_INSTRUCTION ? t->stopper : 0;
    cluster->count = t->made;
    settle(cluster);
}

u32 trace_form(const struct cluster_request *request, u32 max, struct cluster *cluster)
{
    struct tracing *t = &scratch;
    t->cluster = cluster;
    t->max = max;
    t->made = t->pages.count = t->exits = t->stopper = t->walked = 0;
    memset(t->table, 0xff, sizeof(t->table)); /* NOWHERE */
    cluster->count = cluster->ways = cluster->entry = 0;
    cluster->code_size = request->code_size;
    cluster->traced = true;
    walk_on(t, request);
    return t->exits;
}

bool trace_can_grow(const struct cluster_request *request, const struct cluster *cluster)
{
    const struct cluster_request *before = &scratch.given;
    return cluster->count && scratch.cluster == cluster && before->path == request->path &&
           scratch.walked <= request->path->count && before->rip == request->rip &&
           before->code_size == request->code_size && before->user == request->user &&
           before->ports_free == request->ports_free && before->cs_base == request->cs_base &&
           before->cs_limit == request->cs_limit && before->cause.kind == request->cause.kind;
}

u32 trace_edges(const struct cluster *cluster)
{
    u32 edges = cluster->ways;
    for (u32 i = 0; i < cluster->count; i++)
        edges += (cluster->at[i].next != CLUSTER_OUT) + (cluster->at[i].target != CLUSTER_OUT);
    return edges;
}

u32 trace_grow(const struct cluster_request *request, struct cluster *cluster)
{
    struct tracing *t = &scratch;
    walk_on(t, request);
    return t->exits;
}

u32 trace_exits_in(const struct path *path, const struct cluster *cluster)
{
    u32 exits = 0;
    for (u32 i = 0; i < path->count; i++) {
        u32 n = 0;
        while (n < cluster->count && cluster->at[n].rip != path->step[i].rip)
            n++;
        if (n == cluster->count || (i && path->step[i].begins))
            break;
        exits += cluster->at[n].role != ROLE_FILLER;
    }
    return exits;
}

u32 trace_paths(const struct path *path)
{
    u32 count = 0;
    for (u32 i = 0; i < path->count; i++)
        count += path->step[i].begins;
    return count;
}

/* ---- back to a place ---- */

#define UNREACHED (-1)

static u32 reach(s16 *from, s16 *queue, u32 end, s16 by, int to)
{
    if (to == CLUSTER_OUT || from[to] != UNREACHED)
        return end;
    from[to] = by;
    queue[end] = (s16)to;
    return end + 1;
}

/* For each instruction, by which other one it is first reached from the entry. */
static void spread_out(const struct cluster *cluster, s16 from[CLUSTER_NODES])
{
    static s16 queue[CLUSTER_NODES];
    u32 end = 1;
    for (u32 i = 0; i < cluster->count; i++)
        from[i] = UNREACHED;
    from[0] = queue[0] = 0;
    for (u32 i = 0; i < end; i++) {
        const struct cluster_insn *at = &cluster->at[queue[i]];
        end = reach(from, queue, end, queue[i], at->next);
        end = reach(from, queue, end, queue[i], at->target);
        for (u32 way = at->way; way != CLUSTER_NO_WAY; way = cluster->way[way].other)
            end = reach(from, queue, end, queue[i], cluster->way[way].to);
    }
}

bool trace_path_to(const struct cluster *cluster, u32 to, struct path *path)
{
    static s16 from[CLUSTER_NODES];
    u32 length = 1;
    spread_out(cluster, from);
    if (to >= cluster->count || from[to] == UNREACHED)
        return false;
    for (u32 i = to; i; i = (u32)from[i])
        length++;
    if (path->count + length > PATH_MAX)
        return false;
    u32 i = to;
    for (u32 n = length; n-- > 0; i = (u32)from[i])
        path->step[path->count + n] = (struct path_step){
            .rip = cluster->at[i].rip, .port = (u16)cluster->at[i].page, .begins = n == 0};
    path->count += length;
    return true;
}
