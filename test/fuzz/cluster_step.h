/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One instruction of the interpreter, and why it would have exited.
 */
#ifndef TEST_FUZZ_CLUSTER_STEP_H
#define TEST_FUZZ_CLUSTER_STEP_H

#include "emul/device_apic.h"
#include "emul/interp.h"
#include "emul/interp_io.h"
#include "test/fuzz/cluster_ahead.h"
#include "test/fuzz/cluster_guests.h"
#include "vmx/exit_reasons.h"

/* Why it exited, or would have. */
struct cause {
    u32 would; /* enum would_exit */
    struct site_exit exit;
};

static bool is_move_dr(const struct insn *insn)
{
    return insn->op == OP_MOV && (insn->operand[0].kind == OPERAND_DR || insn->operand[1].kind == OPERAND_DR);
}

/* vmx/exit_dr.c */
static enum emul_status move_dr(struct vcpu *v, const struct insn *insn)
{
    bool from = insn->operand[1].kind == OPERAND_DR, wide = insn->code_size == CODE_64;
    u32 reg = insn->operand[from ? 0 : 1].reg, number = insn->operand[from ? 1 : 0].reg;
    u64 value = wide ? v->gpr[reg] : (u32)v->gpr[reg];
    if (vcpu_cpl(v) != 0) {
        vcpu_raise_code(v, VECTOR_GP, 0);
        return EMUL_EVENT;
    }
    if (v->dr7 & BIT(13)) {
        cluster_machine()->dr6 |= BIT(13);
        v->dr7 &= ~BIT(13);
        vcpu_raise(v, VECTOR_DB);
        return EMUL_EVENT;
    }
    number = number == 4 || number == 5 ? number + 2 : number;
    if (!from && number >= 6 && value >> 32) {
        vcpu_raise_code(v, VECTOR_GP, 0);
        return EMUL_EVENT;
    }
    if (from)
        v->gpr[reg] = number == 7 ? v->dr7 : cluster_read_dr(number);
    else if (number == 7)
        v->dr7 = (value & ~(BIT(12) | BITS(15, 14))) | BIT(10);
    else
        cluster_write_dr(number, value);
    if (from && !wide)
        v->gpr[reg] = (u32)v->gpr[reg];
    bool stepping = v->rflags & RFLAGS_TF;
    retire_to(v, wide ? v->rip + insn->length : (u32)(v->rip + insn->length));
    retire_shadow(v, 0);
    if (stepping)
        retire_step(v);
    return EMUL_DONE;
}

static enum emul_status step(struct vcpu *v, struct insn *insn)
{
    static const struct emul_expect any = {.kind = EXPECT_ANY};
    v->event.valid = false;
    memset(insn, 0, sizeof(*insn));
    enum emul_status status = emul_step(v, &any, insn);
    return status == EMUL_UNSUPPORTED && is_move_dr(insn) ? move_dr(v, insn) : status;
}

/* SDM "Exit Qualification for I/O Instructions". */
static u64 port_qualification(const struct insn *insn, u16 port, u32 size)
{
    bool in = insn->op == OP_IN || insn->op == OP_INS, string = insn->op == OP_INS || insn->op == OP_OUTS;
    bool repeated = string && insn->flags & (INSN_REP | INSN_REPNE);
    bool given = insn->opcode >= 0xe4 && insn->opcode <= 0xe7;
    return (size - 1) | in << 3 | string << 4 | repeated << 5 | given << 6 | (u64)port << 16;
}

static void cause_port(const struct policy *policy, const struct insn *insn, u16 port, struct cause *cause)
{
    u32 size = io_size(insn);
    bool in = insn->op == OP_IN || insn->op == OP_INS;
    if (policy_port(policy, port, size) == PASS)
        return;
    *cause = (struct cause){
        .would = in ? WOULD_IO_IN : WOULD_IO_OUT,
        .exit = {.reason = EXIT_REASON_IO_INSTRUCTION,
                 .detail = port_qualification(insn, port, size),
                 .cause = {TRACK_PORT, port}},
    };
}

static void cause_page(u64 at, struct cause *cause)
{
    *cause = (struct cause){
        .would = (at & PAGE_MASK) == APIC_AT ? WOULD_APIC : WOULD_MMIO,
        .exit = {.reason = EXIT_REASON_EPT_VIOLATION, .detail = at, .cause = {TRACK_PAGE, at & PAGE_MASK}},
    };
}

/* Of a refused access to the LAPIC, which reaches no register. */
#define UNKNOWN_PLACE (APIC_AT | 1)

static void count_flow(const struct insn *insn, enum emul_status status)
{
    if (status != EMUL_DONE)
        return;
    cluster_seen.calls += insn->op == OP_CALL;
    cluster_seen.returns += insn->op == OP_RET;
    cluster_seen.computed += (insn->op == OP_CALL || insn->op == OP_JMP) && insn->opcode == 0xff;
}

/* STEPS goes on by one instruction; *cause says why that exits, would 0: it does not. */
static enum emul_status step_and_tell(struct insn *insn, struct cause *cause)
{
    use(STEPS);
    struct vcpu *v = &host_guest.v;
    struct cluster_machine *m = cluster_machine();
    const struct device_counts *counts = &v->vm->device_counts;
    u64 refused = counts->refused_apic_reads + counts->refused_apic_writes;
    u16 port = (u16)v->gpr[RDX];
    u64 count = v->gpr[RCX], before = m->count;
    *cause = (struct cause){.would = WOULD_NOT};
    m->trapped = false;
    enum emul_status status = step(v, insn);
    bool is_port = insn->op >= OP_INS && insn->op <= OP_OUT;
    bool repeated = insn->op <= OP_OUTS && insn->flags & (INSN_REP | INSN_REPNE);
    bool nothing = status == EMUL_EVENT && m->count == before;
    if (is_port && !nothing && !(repeated && !(count & size_mask(insn->address_size))))
        cause_port(&v->vm->policy, insn, insn->opcode >= 0xe4 && insn->opcode <= 0xe7 ? (u8)insn->immediate : port,
                   cause);
    if (!cause->would && m->trapped)
        cause_page(m->trapped_at, cause);
    else if (!cause->would && counts->refused_apic_reads + counts->refused_apic_writes != refused)
        cause_page(UNKNOWN_PLACE, cause);
    if (is_move_dr(insn) && status == EMUL_DONE && v->vm->policy.dr)
        *cause = (struct cause){.would = WOULD_DR,
                                .exit = {.reason = EXIT_REASON_MOV_DR,
                                         .detail = insn->modrm, /* as good as the qualification */
                                         .cause = {TRACK_OTHER, EXIT_REASON_MOV_DR}}};
    cluster_seen.steps++;
    count_flow(insn, status);
    return status;
}

static gva_t operand_linear(struct vcpu *v, struct interp *in)
{
    u8 segment = in->insn->memory.segment;
    bool based = segment == SEG_FS || segment == SEG_GS;
    return gva(operand_address(in) + (based ? v->seg[segment].base : 0));
}

/* The processor has walked to what exited, and set the flags of its paging entries. False: that cannot be said. */
static bool walk_as_processor(struct vcpu *v, const struct insn *insn, struct site_exit *exit)
{
    struct interp in = {.v = v, .insn = insn, .next = v->rip + insn->length};
    enum access_kind kind = translate_writes_memory(insn) ? ACCESS_WRITE : ACCESS_READ;
    struct access_piece piece;
    struct event event = v->event;
    u64 cr2 = v->cr2;
    bool known = exit->detail != UNKNOWN_PLACE;
    if (insn->op >= OP_INS && insn->op <= OP_OUT)
        emul_port_allowed(v, io_port(v, insn), io_size(insn)); /* the TSS */
    if (cluster_carry(insn) == CARRY_MEMORY && access_translate(v, operand_linear(v, &in), kind, false, &piece) &&
        exit->reason == EXIT_REASON_EPT_VIOLATION && !((piece.at.at ^ exit->detail) & PAGE_MASK)) {
        known = true;
        exit->detail = piece.at.at; /* not that of the register */
    }
    v->event = event;
    v->cr2 = cr2;
    return known;
}

/*
 * That walk has set flags in paging entries that are the instruction's own bytes, of those in its first page. The
 * processor had all of them before; who fetches the instruction again finds another one.
 */
static bool walk_has_changed(struct vcpu *v, const struct insn *insn)
{
    u64 base = vcpu_code_size(v) == CODE_64 ? 0 : v->seg[SEG_CS].base; /* far transfers leave the scenario's own */
    u64 linear = base + v->rip, in_page = PAGE_SIZE - (linear & ~PAGE_MASK);
    struct walk_request request = {.linear = gva(linear), .access = WALK_FETCH, .user = cluster_user, .probe = true};
    struct walk_result result;
    flags_peeking = true;
    bool there = __real_guest_walk(v, &v->vm->window, &request, &result) == WALK_OK && result.gpa.at < RAM_SIZE;
    flags_peeking = false;
    return there && memcmp(host_guest.ram + result.gpa.at, insn->bytes, min_u64(insn->length, in_page));
}

#endif
