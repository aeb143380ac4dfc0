/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/assess.h"

#include "emul/flags.h"
#include "emul/interp_io.h"

u64 assess_linear(const struct cluster_request *request, u64 rip)
{
    u64 at = request->cs_base + rip;
    return request->code_size == CODE_64 ? at : (u32)at;
}

static bool is_port(const struct insn *insn)
{
    return insn->op >= OP_INS && insn->op <= OP_OUT;
}
_Static_assert(OP_OUTS == OP_INS + 1 && OP_IN == OP_INS + 2 && OP_OUT == OP_INS + 3, "is_port()");

struct assessed {
    const struct cluster_request *request;
    bool entry; /* the one that exited */
    u32 port;
};

static struct track_cause predict(const struct cluster_request *request, u64 rip)
{
    if (!request->tracker)
        return (struct track_cause){TRACK_NONE, 0};
    return tracker_predict(request->tracker, assess_linear(request, rip));
}

/* What it exited on before. */
static struct track_cause cause_of(const struct assessed *f, const struct cluster_insn *at)
{
    if (f->entry && f->request->cause.kind != TRACK_NONE)
        return f->request->cause;
    if (is_port(&at->insn) && f->port != ASSESS_NO_PORT)
        return (struct track_cause){TRACK_PORT, f->port};
    return predict(f->request, at->rip);
}

bool assess_predicted(const struct cluster_request *request, u64 rip)
{
    return predict(request, rip).kind == TRACK_PAGE;
}

bool assess_direct(const struct cluster_insn *at)
{
    return at->insn.operand[0].kind == OPERAND_RELATIVE;
}

static void exits_at_page(const struct assessed *f, struct cluster_insn *at, u64 page)
{
    at->role = ROLE_WEAK;
    at->page = page & PAGE_MASK;
    at->would = policy_is_apic(f->request->policy, page) ? WOULD_APIC : WOULD_MMIO;
}

static void exits_at_port(struct cluster_insn *at, u32 port)
{
    at->role = ROLE_STRONG;
    at->page = port;
    at->would = at->insn.op == OP_INS || at->insn.op == OP_IN ? WOULD_IO_IN : WOULD_IO_OUT;
}

/* The rules are sorted, disjoint, and none of them is PASS. */
static bool all_ports_trapped(const struct policy *policy)
{
    u32 next = 0;

    for (u32 i = 0; i < policy->port_rule_count && policy->ports[i].first == next; i++)
        next = policy->ports[i].last + 1u;
    return next > 0xffff;
}

/*
 * Whether a guard has nothing to say to this access. It lets pass a dword at the PCI address, though that covers the
 * reset control (guard_port_write()); of what is read it changes PM1_STS only, in the high byte (guard_port_read()),
 * and what is typed on the console is looked at.
 */
static bool guard_passes(const struct cluster_request *request, const struct insn *insn, u32 port)
{
    const struct guard_config *guards = request->guards;
    u32 size = io_size(insn), console = request->policy->console_data;

    if (insn->op == OP_OUT && size == 1 && port && port == console)
        return request->console; /* the translator sees to it */
    if (insn->op == OP_OUT)
        return port == PORT_PCI_ADDRESS && size == 4;
    if (console && console - port < size)
        return false;
    return insn->op == OP_IN && guards && guards->pm1a_status + 1 - port >= size &&
           guards->pm1b_status + 1 - port >= size;
}

/* False: whether it exits is not known, so it cannot be carried. */
static bool assess_port(const struct assessed *f, struct cluster_insn *at, struct track_cause cause)
{
    const struct policy *policy = f->request->policy;
    bool given = at->insn.opcode >= 0xe4 && at->insn.opcode <= 0xe7;
    u32 port = given ? (u8)at->insn.immediate : (u16)cause.where;

    if (given || cause.kind == TRACK_PORT) {
        enum verdict verdict = policy_port(policy, (u16)port, io_size(&at->insn));
        if (verdict != PASS) {
            exits_at_port(at, port);
            if (verdict == DENY || (verdict == GUARD && !guard_passes(f->request, &at->insn, port)))
                at->carry = CARRY_PERFORM;
            return true;
        }
        if (given)
            return true;
    }
    if (!all_ports_trapped(policy))
        return false;
    exits_at_port(at, CLUSTER_PORT_UNKNOWN);
    at->carry = CARRY_PERFORM;
    return true;
}

/* Of the instruction that exited the processor has checked the permission; of others nobody has. */
static bool port_is_allowed(const struct assessed *f, const struct cluster_insn *at)
{
    return f->entry || f->request->ports_free;
}

/*
 * MOV DR is #GP but for CPL 0. What writes DR6 or DR7 may have to be left to an exit for its value: one that is entered
 * at would exit for ever.
 */
static bool debug_is_allowed(const struct assessed *f, const struct cluster_insn *at)
{
    const struct operand *to = &at->insn.operand[0];
    return !f->request->user && !(f->entry && to->kind == OPERAND_DR && to->reg >= 6);
}

u64 assess_target(const struct cluster_insn *at)
{
    return (at->rip + at->insn.length + (u64)at->insn.immediate) & size_mask(at->insn.operand_size);
}

bool assess_conditional(const struct cluster_insn *at)
{
    return at->insn.op != OP_JMP;
}

bool assess_comes_once(const struct cluster_request *request, const struct cluster_insn *at)
{
    return (is_port(&at->insn) && !request->ports_free) || at->carry == CARRY_PERFORM;
}

/* A target beyond the limit of CS, or not canonical, is #GP at the jump. */
static bool target_is_allowed(const struct assessed *f, const struct cluster_insn *at)
{
    u64 target = assess_target(at);
    if (f->request->code_size == CODE_64)
        return !((target ^ at->rip) >> 47);
    return !f->request->cs_limit || target <= f->request->cs_limit;
}

static bool goes_far(const struct cluster_insn *at)
{
    return at->insn.op == OP_CALL || at->insn.op == OP_RET || at->insn.op == OP_JMP;
}

/* Why it cannot be carried after all, or that by which it can; carry is what cluster_carry() says. */
static enum carry permitted(const struct assessed *f, const struct cluster_insn *at)
{
    bool relative = at->carry == CARRY_JUMP || (at->carry == CARRY_CALL && assess_direct(at));
    if (at->carry == CARRY_DEBUG && !debug_is_allowed(f, at))
        return CARRY_NOT;
    if (relative && !target_is_allowed(f, at))
        return CARRY_NOT;
    if (at->carry != CARRY_JUMP && goes_far(at) && !f->request->path)
        return CARRY_NOT;
    const struct policy *policy = f->request->policy;
    bool stamp = at->insn.op == OP_RDTSC || at->insn.op == OP_RDTSCP;
    if ((stamp && policy->tsc) || (at->insn.op == OP_RDTSCP && !policy->rdtscp))
        return CARRY_NOT;
    if (stamp && !f->request->user) /* CR4.TSD does not matter: there is no fault */
        return CARRY_REGISTERS;
    if (at->role == ROLE_WEAK && at->carry >= CARRY_STACK && at->carry <= CARRY_COMPUTED) /* a stack in a device */
        return CARRY_PERFORM;
    return (enum carry)at->carry;
}

enum cluster_why assess(const struct cluster_request *request, struct cluster_insn *at, bool entry, u32 port)
{
    const struct assessed f = {request, entry, port};
    struct track_cause cause = cause_of(&f, at);

    at->carry = (u8)cluster_carry(&at->insn);
    bool page = cause.kind == TRACK_PAGE && cluster_accesses(&at->insn);
    if (page)
        exits_at_page(&f, at, cause.where);
    if (is_port(&at->insn) && (!port_is_allowed(&f, at) || (!page && !assess_port(&f, at, cause)))) {
        at->carry = CARRY_NOT;
        return WHY_GUARD;
    }
    at->carry = (u8)permitted(&f, at);
    if (at->carry == CARRY_DEBUG && request->policy->dr) {
        at->role = ROLE_STRONG;
        at->would = WOULD_DR;
    }
    if (at->carry != CARRY_NOT)
        return WHY_END;
    return goes_far(at) ? WHY_CALL : WHY_INSTRUCTION;
}

enum cluster_why assess_fetch(const struct cluster_request *request, struct cluster_insn *at, u64 rip)
{
    at->rip = rip;
    at->page = 0;
    at->role = at->carry = at->would = 0;
    at->next = at->target = CLUSTER_OUT;
    at->way = CLUSTER_NO_WAY;
    at->loops = at->weak = at->joins = false;
    if (!(rip & ~size_mask(request->code_size)) && request->fetch(request->context, rip, &at->insn))
        return WHY_END;
    at->insn = (struct insn){.op = OP_OTHER};
    return WHY_FETCH;
}
