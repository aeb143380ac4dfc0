/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/record.h"

#include "emul/access.h"
#include "emul/assess.h"
#include "emul/quick.h"
#include "lib/string.h"

/* Instructions of one path: each takes the interpreter a few hundred of its own, and keeps the guest from interrupts.
 */
#define PATH_WITH_INTERRUPTS 128
#define PATH_WITHOUT_INTERRUPTS 512

bool record_needs_care(const struct vcpu *v)
{
    return v->event.valid || v->rflags & (RFLAGS_TF | RFLAGS_AC | RFLAGS_RF) ||
           v->interruptibility & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS) || v->dirty & PART_PENDING_DEBUG;
}

/* So many instructions in a row that were seen before: the guest goes round, or is back on a path that is known. */
#define PATH_QUIET 16

/* Instructions that were seen, roughly, on this path and those that stand before it. */
static struct seen {
    u32 quiet;
    u64 bits[16];
} seen; /* one CPU records at a time */

static void note_seen(u64 rip)
{
    u32 bit = (u32)(rip * 0x9e3779b1u) >> 22;
    u64 mask = BIT(bit % 64);
    seen.quiet = seen.bits[bit / 64] & mask ? seen.quiet + 1 : 0;
    seen.bits[bit / 64] |= mask;
}

/* Whether a trace can go on to RIP. Mostly that is in the page of the step before, which is noted. */
static bool is_near(const struct path *path, struct trace_pages *pages, u64 rip)
{
    bool same = pages->count && !((path->step[path->count - 1].rip ^ rip) & PAGE_MASK);
    return same || trace_note_page(pages, rip & PAGE_MASK);
}

static void add(struct path *path, u64 rip, u64 port)
{
    path->step[path->count++] = (struct path_step){.rip = rip, .port = (u16)port};
}

/* The last `gap` steps did not exit. What leads back to where the guest has been, and maybe exited, is no tail. */
static void mark_tail(struct path *path, u32 gap)
{
    u32 tail = seen.quiet && seen.quiet < gap ? seen.quiet : gap;
    if (tail)
        path->step[path->count - tail].tail = true;
}

/* Instructions that were assessed, by address: what was fetched is compared. */
#define KNOWN 256 /* a power of two */
static struct known {
    struct cluster_insn at;
    u32 site; /* known_for.site, or it is not known */
    u16 port;
} known[KNOWN]; /* one CPU records at a time */

/* How: what else an assessment depends on is the same for all. */
static struct {
    u32 site; /* a number, never 0 when anything is known */
    enum code_size code_size;
    bool user, ports_free;
} known_for;

static bool is_known_for(const struct cluster_request *request)
{
    return known_for.code_size == request->code_size && known_for.user == request->user &&
           known_for.ports_free == request->ports_free;
}

/* The first path of a site: what was known of others says nothing. */
static void begin_paths(const struct cluster_request *request)
{
    known_for.code_size = request->code_size;
    known_for.user = request->user;
    known_for.ports_free = request->ports_free;
    memset(&seen, 0, sizeof(seen));
    known_for.site++;
}

static bool is_known(struct vcpu *v, const struct known *k, u64 port)
{
    u8 bytes[INSN_WINDOW];
    const struct insn *insn = &k->at.insn;
    if (k->at.rip != v->rip || k->site != known_for.site || (k->port != (u16)port && k->at.would != WOULD_NOT))
        return false;
    return insn->code_size == CODE_64 && quick_fetch(v, bytes) && quick_same(bytes, insn);
}

/* The next instruction; NULL: it cannot be carried. */
static const struct cluster_insn *next_insn(struct vcpu *v, const struct cluster_request *request, u64 port)
{
    struct known *k = &known[(v->rip ^ v->rip >> 8) % KNOWN];
    if (is_known(v, k, port))
        return &k->at;
    k->port = (u16)port;
    k->site = 0;
    if (assess_fetch(request, &k->at, v->rip) != WHY_END || assess(request, &k->at, false, (u16)port) != WHY_END)
        return NULL;
    k->site = known_for.site;
    return &k->at;
}

/*
 * The next instruction. False: the path ends, before it or behind it. *performed counts it, completed or not; *gap
 * those since the last that would have exited.
 */
static bool record_one(struct vcpu *v, const struct cluster_request *request, struct path *path, u64 *avoided,
                       u32 *performed, u32 *gap)
{
    u64 port = v->gpr[RDX], rip = v->rip;
    const struct cluster_insn *at = next_insn(v, request, port);
    if (!at)
        return false;
    enum emul_status status = emul_perform(v, &at->insn);
    *performed += status != EMUL_UNSUPPORTED;
    if (status != EMUL_DONE)
        return false;
    add(path, rip, port);
    if (at->role != ROLE_FILLER)
        avoided[at->would]++;
    *gap = at->role == ROLE_FILLER ? *gap + 1 : 0;
    /* A command to the LAPIC may interrupt at once. */
    bool interrupts = at->would == WOULD_APIC && v->rflags & RFLAGS_IF;
    return !record_needs_care(v) && !interrupts;
}

u32 record_path(struct vcpu *v, const struct cluster_request *request, struct path *path, u64 *avoided)
{
    u32 performed = 0, most = v->rflags & RFLAGS_IF ? PATH_WITH_INTERRUPTS : PATH_WITHOUT_INTERRUPTS;
    u32 gap = 0;
    struct trace_pages pages = {.count = 0};
    if (path->count <= 1 || !is_known_for(request))
        begin_paths(request);
    seen.quiet = 0;
    access_need(v, EMUL_STEP_PARTS);
    walk_memo_begin(v, &v->vm->window);
    while (path->count < PATH_MAX && performed < most && gap <= TRACE_GAP && seen.quiet < PATH_QUIET &&
           !record_needs_care(v)) {
        note_seen(v->rip);
        if (!is_near(path, &pages, v->rip) || !record_one(v, request, path, avoided, &performed, &gap))
            break;
    }
    mark_tail(path, gap);
    return performed;
}
