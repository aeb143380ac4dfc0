/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter against this machine's own CPU: random instructions that it performs, with random registers, flags
 * and memory, run both ways from the same state; everything that is left must be equal, except what the SDM calls
 * undefined.
 *
 *   native [cases] [seed] [64|32|16|32l]
 *
 * 64: 64-bit code; 32: compatibility mode with flat segments; 16 and 32l: code and data in segments of an LDT, with
 * bases, limits, an expand-down ES and a stack of either size
 *
 * Runs in user mode, so it sees what CPL 3 sees: page faults, #GP, #SS, #AC, #DE, #UD with error codes and CR2 among
 * it.
 */
#define _GNU_SOURCE /* register names of ucontext.h */
#include <sys/mman.h>

#include "emul/interp.h"
#include "test/fuzz/native_cpu.h"
#include "test/unit/emul_fixture.h"

#define CODE 0x20000000ull
#define CODE_PAGES 4
#define DATA 0x20010000ull
#define DATA_PAGES 5 /* none, read-write, read-write, read-only, none */
#define CODE_GPA 0x100000ull
#define DATA_GPA 0x110000ull
#define KERNEL_HIDES 0x7ffffffff000ull /* user space ends */
#define VSYSCALL 0xffffffffff600000ull
/* A page of the kernel's with an I/O map base beyond the limit: no port is allowed. */
#define TSS 0xffff800000000000ull
#define TSS_GPA 0x3000ull
#define DATA_SIZE (DATA_PAGES * PAGE_SIZE)

struct shape { /* where an instruction stands in the opcode maps */
    u8 prefix; /* 0, 66, F2, F3 */
    u8 map;    /* 0: one byte, 1: 0F, 2: 0F 38 */
    u8 opcode;
    u8 reg; /* of ModRM */
    bool modrm, memory;
};

struct trial {
    u8 bytes[INSN_MAX + 1];
    u32 modrm_at; /* index of the ModRM byte, or of the first byte behind the opcode */
    struct insn insn;
    struct cpu_state before;
    u64 data_at; /* what the memory operand was aimed at */
};

static struct shape shapes[OP_COUNT][2048];
static u32 shape_count[OP_COUNT], ops[OP_COUNT], op_count;
static bool wide, segmented, intel;
static enum code_size code_size;
static u64 code_base; /* of CS */
static u8 master[DATA_SIZE];
static u8 *code_alias;
static u64 seed;

static u64 rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1dull;
}

static u32 below(u32 n)
{
    return (u32)(rnd() >> 33) % n;
}

static u64 random_value(void)
{
    switch (below(6)) {
    case 0:
        return below(64);
    case 1:
        return 0 - (u64)below(64);
    case 2:
        return 1ull << below(64);
    case 3:
        return (1ull << below(64)) - 1;
    default:
        return rnd();
    }
}

/* An address in the sandbox: mostly whole in the writable pages, sometimes at a border, now and then anywhere. */
static u64 random_target(void)
{
    switch (below(16)) {
    case 0:
        return DATA + PAGE_SIZE * (1 + below(4)) - below(20);
    case 1:
        return DATA + 2 * PAGE_SIZE - below(20);
    case 2:
        return DATA + below(DATA_SIZE);
    case 3:
        return random_value();
    default:
        return DATA + PAGE_SIZE + 256 + below(2 * PAGE_SIZE - 512);
    }
}

static bool op_is_run(u16 op)
{
    bool system = (op >= OP_JMP_FAR && op <= OP_LTR) || (op >= OP_SMSW && op <= OP_LIDT) ||
                  (op >= OP_LES && op <= OP_LGS);
    return interp_handler_of(op) != interp_refused && op != OP_RDTSC && op != OP_RDTSCP && !system;
}

static u32 put_opcode(u8 *bytes, u32 at, const struct shape *shape)
{
    if (shape->map > 0)
        bytes[at++] = 0x0f;
    if (shape->map == 2)
        bytes[at++] = 0x38;
    bytes[at++] = shape->opcode;
    return at;
}

static void try_shape(struct shape shape)
{
    u8 bytes[INSN_MAX] = {0};
    struct insn insn;
    u32 at = 0;
    if (shape.prefix)
        bytes[at++] = shape.prefix;
    at = put_opcode(bytes, at, &shape);
    bytes[at] = shape.reg << 3 | (shape.memory ? 0 : 0xc0);
    if (insn_decode(bytes, INSN_MAX, code_size, &insn) != DECODE_OK || !op_is_run(insn.op))
        return;
    if (insn.opcode != shape.opcode || insn.map != shape.map)
        return; /* the byte was a prefix */
    shape.modrm = insn.flags & INSN_MODRM;
    if (!shape.modrm && (shape.reg || shape.memory))
        return;
    if (shape_count[insn.op] == 0)
        ops[op_count++] = insn.op;
    if (shape_count[insn.op] < COUNT_OF(shapes[0]))
        shapes[insn.op][shape_count[insn.op]++] = shape;
}

static void find_shapes(void)
{
    static const u8 prefixes[] = {0, 0x66, 0xf2, 0xf3};
    for (u32 map = 0; map < 3; map++)
        for (u32 opcode = 0; opcode < 256; opcode++)
            for (u32 i = 0; i < 64; i++)
                try_shape((struct shape){
                    .prefix = prefixes[i >> 4], .map = map, .opcode = opcode, .reg = i & 7, .memory = i & 8});
}

/* Random bytes of the shape; false when they are not what was meant. FS is the host's thread pointer: never used. */
static bool generate(struct trial *t)
{
    u32 op = ops[below(op_count)];
    const struct shape *shape = &shapes[op][below(shape_count[op])];
    u32 at = 0;
    for (u32 i = 0; i < sizeof(t->bytes); i++)
        t->bytes[i] = below(3) ? (u8)rnd() : 0;
    if (below(6) == 0)
        t->bytes[at++] = 0x66;
    if (below(8) == 0)
        t->bytes[at++] = 0x67;
    if (below(10) == 0 && wide)
        t->bytes[at++] = 0x65;
    if (below(10) == 0)
        t->bytes[at++] = 0xf0;
    if (shape->prefix)
        t->bytes[at++] = shape->prefix;
    if (wide && below(2))
        t->bytes[at++] = 0x40 | below(16);
    at = put_opcode(t->bytes, at, shape);
    t->modrm_at = at;
    if (shape->modrm)
        t->bytes[at] = shape->reg << 3 | below(8) | (shape->memory ? below(3) << 6 : 0xc0);
    if (insn_decode(t->bytes, INSN_MAX, code_size, &t->insn) != DECODE_OK || t->insn.op != op)
        return false;
    /* AMD cuts near branches with 66 to 16 bits in 64-bit code; Intel ignores the prefix, and so does the decoder. */
    bool branch = op == OP_JCC || op == OP_JMP || op == OP_CALL || op == OP_RET || (op >= OP_LOOP && op <= OP_JCXZ);
    /* On AMD F2 and F3 turn LOOPE and LOOPNE into each other. */
    if (!intel && op >= OP_LOOP && op <= OP_LOOPNE && (t->insn.flags & (INSN_REP | INSN_REPNE)))
        return false;
    /* The host's descriptors and its MMX registers are not the trial's. */
    for (u32 i = 0; i < 2; i++)
        if (t->insn.operand[i].kind == OPERAND_MMX || (t->insn.operand[0].kind == OPERAND_SEGMENT && op != OP_PUSH))
            return false;
    return intel || !(branch && wide && (t->insn.flags & INSN_OPERAND_PREFIX));
}

/* Sets registers, or the displacement, so that the memory operand lies at `target`. */
static void aim(struct trial *t, u64 target)
{
    const struct memory_operand *m = &t->insn.memory;
    u64 *gpr = t->before.gpr;
    u64 offset = target - (m->segment == SEG_GS || !wide ? host_guest.v.seg[m->segment].base : 0);
    u64 rest = offset - (u64)m->displacement;
    u32 size = 4, at = t->modrm_at;
    if (m->base != REG_NONE && m->base == m->index) {
        gpr[m->base] = rest / (m->scale + 1);
    } else if (m->base != REG_NONE) {
        gpr[m->base] = rest - (m->index != REG_NONE ? gpr[m->index] * m->scale : 0);
    } else if (m->index != REG_NONE) {
        gpr[m->index] = rest / m->scale;
    } else {
        if (m->rip_relative)
            offset -= t->before.rip + t->insn.length;
        if (!(t->insn.flags & INSN_MODRM))
            size = t->insn.address_size; /* MOV with a direct offset */
        else
            at += (t->bytes[at] & 7) == 4 && t->insn.address_size != 2 ? 2 : 1;
        if (t->insn.address_size == 2)
            size = 2;
        memcpy(t->bytes + at, &offset, size);
        insn_decode(t->bytes, INSN_MAX, code_size, &t->insn);
    }
}

/* A dividend whose quotient is at the border of what fits. */
static void aim_quotient(struct trial *t)
{
    const struct operand *by = &t->insn.operand[0];
    u64 *gpr = t->before.gpr, sign = size_sign(by->size);
    if (by->kind != OPERAND_GPR || by->high8 || by->reg == RAX || by->reg == RDX)
        return;
    s64 divisor = (s64)sign_extend(gpr[by->reg], by->size);
    __int128 quotient = t->insn.op == OP_DIV ? (__int128)sign * 2 : below(2) ? (__int128)sign : -(__int128)sign;
    unsigned __int128 unsigned_divisor = gpr[by->reg] & size_mask(by->size);
    quotient += (int)below(3) - 1;
    __int128 dividend = quotient * (t->insn.op == OP_DIV ? (__int128)unsigned_divisor : divisor) + (int)below(3) - 1;
    gpr[RAX] = (u64)dividend;
    gpr[RDX] = by->size == 8 ? (u64)(dividend >> 64) : (u64)(dividend >> (by->size * 8));
}

/* What makes an instruction do its work more often than random values would. */
static void flavour(struct trial *t)
{
    u64 *gpr = t->before.gpr;
    u16 op = t->insn.op;
    if (op >= OP_MOVS && op <= OP_OUTS)
        gpr[RCX] = (below(8) ? below(40) : random_value() & 0xfff) |
                   (t->insn.address_size < 8 && below(2) ? rnd() << 32 : 0);
    if ((op == OP_DIV || op == OP_IDIV) && below(4))
        gpr[RDX] = below(2) ? 0 : below(4) ? (u64)((s64)gpr[RAX] >> 63) : below(100);
    if ((op == OP_DIV || op == OP_IDIV) && below(3) == 0)
        aim_quotient(t);
    if (op >= OP_BT && op <= OP_BTC && t->insn.operand[1].kind == OPERAND_GPR && below(8))
        gpr[t->insn.operand[1].reg] = below(4096) - 2048ull;
    if (op == OP_XLAT)
        gpr[RBX] = random_target() - (wide ? 0 : host_guest.v.seg[SEG_DS].base) - (u8)gpr[RAX];
    if (op == OP_ENTER && below(8)) {
        t->bytes[t->modrm_at + 1] &= 3;
        t->bytes[t->modrm_at + 2] &= 31;
    }
}

static void set_up(struct trial *t)
{
    for (u32 i = 0; i < GPR_COUNT; i++)
        t->before.gpr[i] = random_value();
    for (u32 i = 0; i < 32; i++)
        t->before.xmm[i / 2][i & 1] = rnd();
    static const u8 pointers[][2] = {{RSP, SEG_SS}, {RBP, SEG_SS}, {RSI, SEG_DS}, {RDI, SEG_ES}};
    for (u32 i = 0; i < COUNT_OF(pointers); i++)
        t->before.gpr[pointers[i][0]] = random_target() - (wide ? 0 : host_guest.v.seg[pointers[i][1]].base);
    t->before.rflags = (rnd() & (FLAGS_STATUS | RFLAGS_DF)) | RFLAGS_IF | RFLAGS_FIXED1 | RFLAGS_ID * below(2);
    if (below(16) == 0)
        t->before.rflags |= RFLAGS_AC;
    t->before.rip = CODE - code_base +
                    (below(8) ? 0x800 + below(64) : PAGE_SIZE * (1 + below(2) * segmented) - below(16));
    t->before.cs = host_guest.v.seg[SEG_CS].selector;
    t->before.ss = host_guest.v.seg[SEG_SS].selector;
    t->before.ds = host_guest.v.seg[SEG_DS].selector;
    t->before.es = host_guest.v.seg[SEG_ES].selector;
    flavour(t);
    t->data_at = random_target();
    bool memory = (t->insn.flags & INSN_MODRM && t->bytes[t->modrm_at] < 0xc0);
    for (u32 i = 0; i < 3; i++)
        memory |= t->insn.operand[i].kind == OPERAND_MEMORY;
    if (memory)
        aim(t, t->data_at);
    if (!wide)
        for (u32 i = 0; i < GPR_COUNT; i++)
            t->before.gpr[i] = i < 8 ? (u32)t->before.gpr[i] : 0;
    insn_decode(t->bytes, INSN_MAX, code_size, &t->insn);
}

/* Random data; near the operand what makes comparisons equal now and then, and code addresses to jump to. */
static void set_memory(const struct trial *t)
{
    u64 at = t->data_at - DATA;
    for (u32 i = 0; i < 8; i++)
        *(u64 *)(master + PAGE_SIZE + 8 * below(2 * PAGE_SIZE / 8)) = below(2)
                                                                          ? rnd()
                                                                          : CODE - code_base + below(PAGE_SIZE * 2);
    if (at >= PAGE_SIZE && at < 3 * PAGE_SIZE - 16 && below(2)) {
        memcpy(master + at, &t->before.gpr[RAX], 8);
        memcpy(master + at + (t->insn.flags & INSN_REX_W ? 8 : 4), &t->before.gpr[RDX], 8);
    }
    memcpy((u8 *)DATA + PAGE_SIZE, master + PAGE_SIZE, 2 * PAGE_SIZE);
    memcpy(host_guest.ram + DATA_GPA, master, DATA_SIZE);
}

static enum emul_status interpret(struct trial *t, struct cpu_result *result)
{
    static const struct emul_expect any = {.kind = EXPECT_ANY};
    struct vcpu *v = &host_guest.v;
    struct insn insn;
    memcpy(v->gpr, t->before.gpr, sizeof(v->gpr));
    for (u32 i = 0; i < 16; i++)
        memcpy(host_guest.vector[i], t->before.xmm[i], sizeof(t->before.xmm[i]));
    memcpy(host_guest.ram + CODE_GPA + (t->before.rip + code_base - CODE), t->bytes, t->insn.length);
    v->rip = t->before.rip;
    v->rflags = t->before.rflags;
    v->event.valid = false;
    enum emul_status status = emul_step(v, &any, &insn);
    memcpy(result->state.gpr, v->gpr, sizeof(v->gpr));
    for (u32 i = 0; i < 16; i++)
        memcpy(result->state.xmm[i], host_guest.vector[i], sizeof(result->state.xmm[i]));
    result->state.rip = v->rip;
    result->state.rflags = v->rflags;
    result->vector = status == EMUL_EVENT ? v->event.vector : 3;
    result->error_code = v->event.valid && v->event.has_error_code ? v->event.error_code : 0;
    result->cr2 = v->cr2;
    memset(host_guest.ram + CODE_GPA + (t->before.rip + code_base - CODE), 0xcc, INSN_MAX);
    return status;
}

static const struct cpu_result *run(const struct trial *t)
{
    u8 *at = code_alias + (t->before.rip + code_base - CODE);
    memcpy(at, t->bytes, t->insn.length);
    const struct cpu_result *result = native_run(&t->before);
    memset(at, 0xcc, INSN_MAX);
    return result;
}

/* Status flags that the SDM leaves undefined; *target: also the destination. */
static u64 undefined_flags(const struct trial *t, bool *target)
{
    const struct insn *insn = &t->insn;
    u32 bits = insn->operand[0].size * 8;
    bool by_cl = insn->map == 0 ? insn->opcode >= 0xd2 : insn->opcode & 1;
    u32 count = (by_cl ? t->before.gpr[RCX] : (u64)insn->immediate) & (bits == 64 ? 63 : 31);
    switch (insn->op) {
    case OP_AND:
    case OP_OR:
    case OP_XOR:
    case OP_TEST:
        return RFLAGS_AF;
    case OP_MUL:
    case OP_IMUL:
        return RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF;
    case OP_DIV:
    case OP_IDIV:
        return FLAGS_STATUS;
    case OP_ROL ... OP_RCR:
        return count == 1 || count == 0 ? 0 : RFLAGS_OF;
    case OP_SHL:
    case OP_SHR:
    case OP_SAR:
        return count == 0
                   ? 0
                   : RFLAGS_AF | (count == 1 ? 0 : RFLAGS_OF) |
                         (count > bits - (insn->op != OP_SAR) && insn->op != OP_SAR && count != bits ? RFLAGS_CF : 0);
    case OP_SHLD:
    case OP_SHRD:
        *target = count > bits;
        return count == 0 ? 0 : count > bits ? FLAGS_STATUS : RFLAGS_AF | (count == 1 ? 0 : RFLAGS_OF);
    case OP_BT ... OP_BTC:
        return RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF;
    case OP_BSF:
    case OP_BSR:
        return RFLAGS_CF | RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF;
    case OP_LZCNT:
    case OP_TZCNT:
        return RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF;
    case OP_AAA:
    case OP_AAS:
        return RFLAGS_OF | RFLAGS_SF | RFLAGS_ZF | RFLAGS_PF;
    case OP_DAA:
    case OP_DAS:
        return RFLAGS_OF;
    case OP_AAM:
    case OP_AAD:
        return RFLAGS_OF | RFLAGS_AF | RFLAGS_CF;
    default:
        return 0;
    }
}

static void print_state(const char *name, const struct cpu_result *r, u64 rflags_mask)
{
    printf("  %s vector %u error %x cr2 %llx rip %llx rflags %llx\n   ", name, r->vector, r->error_code,
           (unsigned long long)r->cr2, (unsigned long long)r->state.rip,
           (unsigned long long)(r->state.rflags & rflags_mask));
    for (u32 i = 0; i < GPR_COUNT; i++)
        printf(" %llx", (unsigned long long)r->state.gpr[i]);
    printf("\n");
}

static void print_difference(const struct trial *t, const char *what, const struct cpu_result *mine,
                             const struct cpu_result *theirs, u64 mask)
{
    struct cpu_result before = {.state = t->before};
    printf("%s:", op_name(t->insn.op));
    for (u32 i = 0; i < t->insn.length; i++)
        printf(" %02x", t->bytes[i]);
    printf(": %s\n", what);
    print_state("before", &before, mask);
    print_state("interp", mine, mask);
    print_state("native", theirs, mask);
    for (u32 i = PAGE_SIZE; i < 3 * PAGE_SIZE; i++)
        if (((u8 *)DATA)[i] != host_guest.ram[DATA_GPA + i])
            printf("  [%llx] interp %02x native %02x\n", DATA + i, host_guest.ram[DATA_GPA + i], ((u8 *)DATA)[i]);
}

/*
 * On Intel's processors, which the interpreter follows where the SDM leaves a choice, nothing is accepted. AMD's were
 * seen to differ in these.
 */
static bool known_of_amd(const struct trial *t, const struct cpu_result *mine, const struct cpu_result *theirs)
{
    const struct insn *insn = &t->insn;
    bool both = mine->vector != 3 && theirs->vector != 3;
    if (intel)
        return false;
    if (both && (t->before.rflags & RFLAGS_AC) && mine->vector != theirs->vector)
        return true; /* SDM "Priority Among Concurrent Events": of faults in the same class the order may vary */
    switch (insn->op) {
    case OP_PAUSE: /* F3 90 with REX.B exchanges RAX with R8 */
        return (t->bytes[insn->length - 2] & 0xf1) == 0x41;
    case OP_MOVSX: /* MOVSXD with 66 reads 4 bytes */
        return insn->map == 0 && insn->operand_size == 2;
    case OP_PUSH: /* a selector is pushed as 4 bytes */
        return insn->operand[0].kind == OPERAND_SEGMENT && insn->operand_size == 4;
    case OP_POPA: /* what of a half-done one stays */
    case OP_PUSHA:
        return both && mine->vector == theirs->vector && (mine->cr2 == theirs->cr2 || mine->vector != 14);
    case OP_JMP: /* the fault for a target out of range comes there */
    case OP_RET:
        return mine->vector == 13 && theirs->vector == 13 && theirs->state.rip != t->before.rip;
    case OP_CALL: /* the same, or before the return address is pushed */
        return mine->vector == 13 && theirs->vector == 13;
    case OP_CMPS: /* the order again */
        return both;
    case OP_MOVUPS: /* SDM "MOVUPS": alignment may be checked or not */
        return theirs->vector == 17;
    default:
        return false;
    }
}

/* SDM "Limit Checking": beyond an effective limit of FFFFFFFFH faults may come or not. Intel's wrap, AMD's do not. */
static bool limit_of_amd(const struct cpu_result *mine, const struct cpu_result *theirs)
{
    bool beyond = theirs->vector == 12 || theirs->vector == 13;
    return !intel && !wide && !segmented && beyond && mine->vector == 14 && mine->cr2 > 0xffffffff - 32;
}

/* Bits of register i that count: AMD's processors do not cut registers to 32 bits before the first element moved. */
static u64 register_mask(const struct trial *t, u32 i, bool faulted)
{
    const struct insn *insn = &t->insn;
    bool repeated = insn->op >= OP_MOVS && insn->op <= OP_OUTS && (insn->flags & (INSN_REP | INSN_REPNE));
    bool counter = i == RCX || i == RSI || i == RDI, nothing = faulted || (u32)t->before.gpr[RCX] == 0;
    return !wide || (!intel && nothing && repeated && counter && insn->address_size == 4) ? 0xffffffff : ~0ull;
}

/* SDM "REP": CMPS and SCAS that fault leave EFLAGS as it was; AMD's processors leave that of the last comparison. */
static bool flags_of_last(const struct trial *t)
{
    bool compares = t->insn.op == OP_CMPS || t->insn.op == OP_SCAS;
    return compares && (t->insn.flags & (INSN_REP | INSN_REPNE)) && !intel;
}

/* Linux sets P in the error code that it shows of addresses beyond user space, so that nobody learns what is there. */
static bool same_error_code(const struct cpu_result *mine, const struct cpu_result *theirs)
{
    bool hidden = theirs->vector == 14 && theirs->cr2 >= KERNEL_HIDES;
    return (mine->error_code | hidden) == theirs->error_code;
}

/* NULL: equal. */
static const char *differs(const struct trial *t, const struct cpu_result *mine, struct cpu_result *theirs, u64 mask)
{
    bool faulted = theirs->vector != 3 && theirs->state.rip == t->before.rip;
    if (known_of_amd(t, mine, theirs) || limit_of_amd(mine, theirs))
        return NULL;
    if (!faulted)
        theirs->vector = 3; /* it completed, and jumped to where there is no code */
    if (mine->vector != theirs->vector)
        return "vector";
    if (faulted && !same_error_code(mine, theirs))
        return "error code";
    if (faulted && theirs->vector == 14 && mine->cr2 != theirs->cr2)
        return "cr2";
    if (mine->state.rip != theirs->state.rip)
        return "rip";
    for (u32 i = 0; i < (wide ? 16 : 8); i++)
        if ((mine->state.gpr[i] ^ theirs->state.gpr[i]) & register_mask(t, i, faulted))
            return "register";
    if (faulted && flags_of_last(t))
        mask &= ~(u64)FLAGS_STATUS;
    if ((mine->state.rflags ^ theirs->state.rflags) & mask)
        return "flags";
    if (memcmp(mine->state.xmm, theirs->state.xmm, wide ? 256 : 128))
        return "xmm";
    if (memcmp((u8 *)DATA + PAGE_SIZE, host_guest.ram + DATA_GPA + PAGE_SIZE, 2 * PAGE_SIZE))
        return "memory";
    return NULL;
}

/* 0: equal, 1: different, -1: not run. */
static int one_case(void)
{
    struct trial t;
    struct cpu_result mine;
    bool target = false;
    if (!generate(&t))
        return -1;
    set_up(&t);
    set_memory(&t);
    enum emul_status status = interpret(&t, &mine);
    if (status == EMUL_UNSUPPORTED)
        return -1;
    if (status == EMUL_DONE && mine.state.rip - t.before.rip < t.insn.length)
        return -1; /* a jump into itself would run on */
    if ((mine.state.rip & PAGE_MASK) == VSYSCALL)
        return -1; /* Linux has code there */
    struct cpu_result theirs = *run(&t);
    u64 mask = FLAGS_STATUS | RFLAGS_DF | RFLAGS_TF | RFLAGS_IF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID;
    if (theirs.vector == 3 || theirs.state.rip != t.before.rip)
        mask &= ~undefined_flags(&t, &target);
    if (target && mine.vector == 3 && mine.state.rip == theirs.state.rip)
        return 0;
    const char *what = differs(&t, &mine, &theirs, mask);
    if (what)
        print_difference(&t, what, &mine, &theirs, mask);
    return what ? 1 : 0;
}

static void segment(enum segment_name name, u64 base, u32 limit, u32 contents, bool big)
{
    u32 type = contents == 2 ? 0xb : contents == 1 ? 7 : 3;
    u16 selector = native_segment(name, base, limit, contents, big);
    host_guest.v.seg[name] = guest_segment(selector, base, limit, 0xf0 | type | (big ? ACCESS_DB : 0));
}

/* Limits inside the sandbox, so that both the segments and the pages end where operands reach. */
static void segments(void)
{
    bool big = code_size == CODE_32;
    code_base = CODE - 0x10;
    segment(SEG_CS, code_base, 0x2008, 2, big);
    segment(SEG_SS, DATA, 0x2fff + below(3) * 7, 0, below(2));
    segment(SEG_DS, DATA + 0x100, 0x2eff - below(2) * 0x20, 0, big);
    segment(SEG_ES, DATA - 0x1000, 0x1fff + below(2) * 9, 1, big);
}

static void sandbox(void)
{
    static const int protection[DATA_PAGES] = {PROT_NONE, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ,
                                               PROT_NONE};
    static const u64 page[DATA_PAGES] = {0, 7, 7, 5, 0};
    u32 flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    int file = memfd_create("code", 0); /* mapped twice: the instruction must not write where it stands */
    if (file < 0 || ftruncate(file, CODE_PAGES * PAGE_SIZE) != 0)
        exit(2);
    void *code = mmap((void *)CODE, CODE_PAGES * PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE,
                      file, 0);
    code_alias = mmap(NULL, CODE_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    void *data = mmap((void *)DATA, DATA_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (code != (void *)CODE || code_alias == MAP_FAILED || data != (void *)DATA) {
        fprintf(stderr, "native: the sandbox's addresses are taken\n");
        exit(2);
    }
    for (u32 i = 0; i < DATA_SIZE; i++)
        master[i] = (u8)rnd();
    memcpy(data, master, DATA_SIZE);
    memset(code_alias, 0xcc, CODE_PAGES * PAGE_SIZE);
    struct vcpu *v = guest_init(wide ? MODE_64 : MODE_COMPAT, true);
    memset(host_guest.ram + v->cr3, 0, PAGE_SIZE); /* nothing but the sandbox */
    guest_page(TSS, TSS_GPA, 3);
    host_guest.ram[TSS_GPA + 103] = 0xff;
    v->seg[SEG_TR].base = TSS;
    for (u32 i = 0; i < DATA_PAGES; i++) {
        mprotect((u8 *)DATA + i * PAGE_SIZE, PAGE_SIZE, protection[i]);
        guest_page(DATA + i * PAGE_SIZE, DATA_GPA + i * PAGE_SIZE, page[i] | (1ull << 63));
    }
    for (u32 i = 0; i < CODE_PAGES; i++)
        guest_page(CODE + i * PAGE_SIZE, CODE_GPA + i * PAGE_SIZE, 5);
    memset(host_guest.ram + CODE_GPA, 0xcc, CODE_PAGES * PAGE_SIZE);
    if (wide)
        v->seg[SEG_GS].base = DATA + PAGE_SIZE;
    v->seg[SEG_CS].selector = wide ? 0x33 : 0x23;
    v->seg[SEG_SS].selector = v->seg[SEG_DS].selector = v->seg[SEG_ES].selector = 0x2b;
    v->seg[SEG_FS].selector = v->seg[SEG_GS].selector = 0;
    if (segmented)
        segments();
    native_init(DATA + PAGE_SIZE);
}

int main(int argc, char **argv)
{
    u64 cases = argc > 1 ? strtoull(argv[1], NULL, 0) : 200000, ran = 0, failed = 0;
    u64 first_seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    const char *mode = argc > 3 ? argv[3] : "64";
    wide = strcmp(mode, "64") == 0;
    segmented = strcmp(mode, "16") == 0 || strcmp(mode, "32l") == 0;
    code_size = wide ? CODE_64 : strcmp(mode, "16") == 0 ? CODE_16 : CODE_32;
    seed = first_seed * 0x9e3779b97f4a7c15ull + 1;
    intel = __builtin_cpu_is("intel");
    sandbox();
    find_shapes();
    while (ran < cases && failed < 20) {
        int outcome = one_case();
        ran += outcome >= 0;
        failed += outcome == 1;
    }
    printf("native: %u instructions, %llu cases in mode %s, seed %llu: %llu differences\n", op_count,
           (unsigned long long)ran, mode, (unsigned long long)first_seed, (unsigned long long)failed);
    return failed != 0;
}
