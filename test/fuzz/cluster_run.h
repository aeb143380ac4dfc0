/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translated code on the host's own CPU, in user mode. Beside test/unit/emul_fixture.h, which is included first, with
 * two guests: the second, RUNS, has its stack in the first's `stack`, right below its struct vcpu.
 *
 * What is privileged in translated code faults; the handler does what the fake machine does, and goes on behind it. The
 * TSC is one that the scenario counts. The struct vcpu has its state fetched and written back part by part, as under
 * VT-x: what was not asked for is garbage, and what is not said to be dirty is lost.
 */
#ifndef TEST_FUZZ_CLUSTER_RUN_H
#define TEST_FUZZ_CLUSTER_RUN_H

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ucontext.h>
#include <unistd.h>

#include "cache/translations.h"
#include "emul/translated.h"

enum { STEPS, RUNS }; /* the guests: that of the interpreter, and that of translated code */

enum cluster_left { LEFT_END, LEFT_DIRTY, LEFT_CARE, LEFT_CRASHED };

/* test/fuzz/cluster_run.S */
u32 cluster_enter(struct vcpu *v, const void *code);
extern char cluster_end[], cluster_end_dirty[], cluster_end_care[], cluster_crashed[];
extern u64 cluster_rip, cluster_rsp;

/* ---- the machine: what reaches it, in order ---- */

#define CLUSTER_LOG 4096

struct cluster_machine {
    u32 count;
    u64 log[CLUSTER_LOG];
    u64 dr6;
    bool trapped; /* a trapped page was touched, first at: */
    u64 trapped_at;
};

static struct cluster_machine cluster_machines[2];

static struct cluster_machine *cluster_machine(void)
{
    return &cluster_machines[host_guest_now - host_guests];
}

static void cluster_note(u64 what)
{
    struct cluster_machine *m = cluster_machine();
    if (m->count < CLUSTER_LOG)
        m->log[m->count] = what;
    m->count++;
}

static u32 cluster_port_in(u16 port, u32 size)
{
    cluster_note(1ull << 60 | (u64)port << 40 | (u64)size << 56);
    return host_guest.port_value += 0x01030507;
}

static void cluster_port_out(u16 port, u32 size, u32 value)
{
    cluster_note(2ull << 60 | (u64)port << 40 | (u64)size << 56 | value);
}

static void cluster_guest_ends(enum end_cause cause)
{
    cluster_note(3ull << 60 | cause);
}

#define DR6_FIXED_1 0xffff0ff0ull

static u64 cluster_read_dr(u32 number)
{
    return number < 4 ? host_guest.dr[number] : cluster_machine()->dr6;
}

/* DR0 to DR3, DR6 */
static void cluster_write_dr(u32 number, u64 value)
{
    cluster_note(4ull << 60 | (u64)number << 56 | (value & BITS(55, 0)));
    if (number < 4)
        host_guest.dr[number] = value;
    else
        cluster_machine()->dr6 = value | DR6_FIXED_1;
}

/* ---- privileged instructions ---- */

static u64 cluster_tsc, cluster_tsc_step; /* each look at the TSC adds so much */
static u64 cluster_fault_rip, cluster_fault_address;
static int cluster_fault_signal;
static volatile bool cluster_running;
static const u8 *cluster_code;

/* enum gpr order to the kernel's. */
static const u8 cluster_greg[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                    REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static u64 keep_upper(u64 old, u64 value, u32 size)
{
    return size == 4 ? (u32)value : (old & ~(BIT(8 * size) - 1)) | (value & (BIT(8 * size) - 1));
}

/* Bytes of the instruction after its opcode; 0: it is none of these. */
static bool cluster_port(greg_t *regs, const u8 **at, u32 size)
{
    u8 opcode = *(*at)++;
    bool by_dx = opcode & 8, out = opcode & 2;
    u16 port = by_dx ? (u16)regs[REG_RDX] : *(*at)++;
    if (!(opcode & 1))
        size = 1;
    if (out)
        cluster_port_out(port, size, (u32)(regs[REG_RAX] & (BIT(8 * size) - 1)));
    else
        regs[REG_RAX] = (greg_t)keep_upper((u64)regs[REG_RAX], cluster_port_in(port, size), size);
    return true;
}

static bool cluster_0f(greg_t *regs, const u8 **at, u32 rex)
{
    u8 opcode = (*at)[1];
    if (opcode == 0x31) {
        regs[REG_RAX] = (u32)cluster_tsc;
        regs[REG_RDX] = (greg_t)(cluster_tsc >> 32);
        cluster_tsc += cluster_tsc_step;
        *at += 2;
        return true;
    }
    if (opcode != 0x21 && opcode != 0x23)
        return false;
    u32 number = (*at)[2] >> 3 & 7;
    greg_t *reg = &regs[cluster_greg[((*at)[2] & 7) | (rex & 1) << 3]];
    if (opcode == 0x21)
        *reg = (greg_t)cluster_read_dr(number);
    else
        cluster_write_dr(number, (u64)*reg);
    *at += 3;
    return true;
}

static bool cluster_privileged(greg_t *regs)
{
    const u8 *at = (const u8 *)regs[REG_RIP];
    u32 size = 4, rex = 0;
    bool done = false;
    if (*at == 0x66) {
        size = 2;
        at++;
    }
    if ((*at & 0xf0) == 0x40)
        rex = *at++;
    if ((*at & 0xf4) == 0xe4)
        done = cluster_port(regs, &at, size);
    else if (*at == 0x0f)
        done = cluster_0f(regs, &at, rex);
    if (done)
        regs[REG_RIP] = (greg_t)at;
    return done;
}

__attribute__((no_sanitize("address", "undefined"))) static void cluster_signal(int number, siginfo_t *info,
                                                                                void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    bool here = (u64)regs[REG_RIP] - (u64)cluster_code < TC_CODE;
    if (cluster_running && here && number == SIGSEGV && cluster_privileged(regs))
        return;
    if (!cluster_running) {
        signal(number, SIG_DFL);
        return;
    }
    cluster_fault_rip = (u64)regs[REG_RIP] - (here ? (u64)cluster_code : 0);
    cluster_fault_address = (u64)info->si_addr;
    cluster_fault_signal = number;
    regs[REG_RIP] = (greg_t)cluster_crashed;
    regs[REG_RSP] = (greg_t)&host_guest.v;
}

/* ---- the guest's state, part by part ---- */

static struct vcpu cluster_truth;

#define CLUSTER_PARTS(COPY)                                                                                            \
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

static void cluster_fetch(struct vcpu *v, u32 parts)
{
    const struct vcpu *truth = &cluster_truth;
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
    CLUSTER_PARTS(FETCH)
#undef FETCH
}

static void cluster_write_back(struct vcpu *v)
{
    struct vcpu *truth = &cluster_truth;
    u32 parts = v->dirty;
#define WRITE(part, field)                                                                                             \
    if (parts & (part))                                                                                                \
        memcpy(&truth->field, &v->field, sizeof(v->field));
    CLUSTER_PARTS(WRITE)
#undef WRITE
}

/* An exit: nothing is there, and what is in the struct is what some earlier exit left. DR7 is the exception: it exits
 * when it changes. */
static void cluster_exit(struct vcpu *v)
{
    cluster_truth = *v;
    memset(v->seg, 0xa5, sizeof(v->seg));
    v->gdtr.base = v->gdtr.limit = v->idtr.base = v->idtr.limit = 0xa5a5;
    v->rip = v->gpr[RSP] = v->rflags = v->cr3 = v->efer = v->pending_debug = 0xa5a5a5a5a5a5a5a5;
    v->interruptibility = v->pkru = 0xa5a5a5a5;
    v->fetch = cluster_fetch;
    v->have = v->dirty = 0;
}

/* The guest runs again, with what was written back. */
static void cluster_entry(struct vcpu *v)
{
    u32 strange = v->dirty & ~v->have;
    v->have = v->dirty = 0;
    vcpu_need(v, PART_ALL);
    if (strange)
        abort();
}

/* From now on the TSC is the scenario's, or the machine's again. */
static void cluster_take_tsc(bool take)
{
    if (prctl(PR_SET_TSC, take ? PR_TSC_SIGSEGV : PR_TSC_ENABLE, 0, 0, 0) != 0)
        abort();
}

/* Runs it and writes back what it left, as vmx/entry.S does. */
static enum cluster_left cluster_run(struct vcpu *v, const void *code)
{
    v->dirty = 0;
    cluster_running = true;
    cluster_take_tsc(true);
    enum cluster_left left = (enum cluster_left)cluster_enter(v, code);
    cluster_take_tsc(false);
    cluster_running = false;
    if (left == LEFT_CRASHED)
        return left;
    if (cluster_rsp != (u64)v)
        abort();
    if (left != LEFT_CARE) {
        v->rip = cluster_rip;
        v->dirty |= PART_RIP;
        v->have |= v->dirty;
    }
    if (left == LEFT_END && v->dirty != PART_RIP)
        abort();
    cluster_write_back(v);
    cluster_entry(v);
    return left;
}

/* ---- memory for code ---- */

/* Where code is written, below 2 GiB; cluster_code is where it is executed. */
static u8 *cluster_code_memory(void)
{
    static u8 *memory;
    if (memory)
        return memory;
    int file = memfd_create("translated", 0);
    if (file < 0 || ftruncate(file, TC_CODE) != 0)
        abort();
    memory = mmap(NULL, TC_CODE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_32BIT, file, 0);
    cluster_code = mmap(NULL, TC_CODE, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED || cluster_code == MAP_FAILED)
        abort();
    return memory;
}

static void cluster_signals(void)
{
    static u8 stack[65536] __attribute__((aligned(16)));
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER, .sa_sigaction = cluster_signal};
    static const int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGALRM};
    sigaltstack(&alternate, NULL);
    for (u32 i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &action, NULL);
}

static void cluster_init(struct vcpu *v)
{
    translated_init(v, &(struct code_frame){
                           .end = cluster_end,
                           .end_dirty = cluster_end_dirty,
                           .end_care = cluster_end_care,
                       });
}

#endif
