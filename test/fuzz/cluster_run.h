/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translated code on the host's own CPU, in user mode. The second guest, RUNS, has its stack in the first's `stack`,
 * right below its struct vcpu.
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
#include <sys/time.h>
#include <sys/ucontext.h>
#include <unistd.h>

#include "cache/translations.h"
#include "emul/translated.h"
#include "test/fuzz/cluster_bus.h"
#include "test/fuzz/cluster_machine.h"
#include "test/fuzz/guests.h"

/* test/fuzz/cluster_run.S */
u32 cluster_enter(struct vcpu *v, const void *code);
extern char cluster_end[], cluster_end_dirty[], cluster_end_care[], cluster_crashed[];
extern u64 cluster_rip, cluster_rsp;
void cluster_segment_base(void);
extern u64 cluster_bases[2]; /* of FS and GS, as the VMCS would have them */

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

/* What native code did that a guard had to look at first. */
static struct {
    bool passed, out;
    u16 port;
    u32 size;
} cluster_guard_passed;

/*
 * Whether native code may have this port: nobody guards it, or the guard has nothing to say (SPEC 2.7). Said anew
 * here, so that what emul/assess.c and the table of plain ports say is held against it.
 */
static bool cluster_port_is_free(u16 port, u32 size, bool out)
{
    const struct vm *vm = &host_guest.vm;
    const struct guard_config *config = &vm->guards.config;
    u16 console = vm->policy.console_data;
    enum verdict verdict = policy_port(&vm->policy, port, size);
    if (verdict != GUARD)
        return verdict != DENY;
    if (out && size == 1 && console && port == console && config->reset_port != port)
        return cluster_machine()->console.plain;
    if (out)
        return port == PORT_PCI_ADDRESS && size == 4;
    for (u32 i = 0; i < size; i++)
        if (port + i == config->pm1a_status + 1u || (config->pm1b_status && port + i == config->pm1b_status + 1u))
            return false;
    return true;
}

static void cluster_watch_port(u16 port, u32 size, bool out)
{
    if (!cluster_port_is_free(port, size, out) && !cluster_guard_passed.passed) {
        cluster_guard_passed.passed = true;
        cluster_guard_passed.out = out;
        cluster_guard_passed.port = port;
        cluster_guard_passed.size = size;
    }
}

/* Bytes of the instruction after its opcode; 0: it is none of these. */
static bool cluster_port(greg_t *regs, const u8 **at, u32 size)
{
    u8 opcode = *(*at)++;
    bool by_dx = opcode & 8, out = opcode & 2;
    u16 port = by_dx ? (u16)regs[REG_RDX] : *(*at)++;
    if (!(opcode & 1))
        size = 1;
    cluster_watch_port(port, size, out);
    if (out)
        cluster_port_out(port, size, (u32)(regs[REG_RAX] & (BIT(8 * size) - 1)));
    else
        regs[REG_RAX] = (greg_t)keep_upper((u64)regs[REG_RAX], cluster_port_in(port, size), size);
    return true;
}

/* Of the code that looks at the time: SHL RDX, 32; OR RAX, RDX behind it. Else it is the guest's. */
static bool cluster_looks_at_time(const u8 *behind)
{
    static const u8 join[] = {0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0};
    return !memcmp(behind, join, sizeof(join));
}

static void cluster_rdtsc(greg_t *regs, const u8 *behind)
{
    bool looks = cluster_looks_at_time(behind);
    u64 tsc = looks ? cluster_tsc : host_guest.vm.machine->time();
    regs[REG_RAX] = (u32)tsc;
    regs[REG_RDX] = (greg_t)(tsc >> 32);
    if (looks)
        cluster_tsc += cluster_tsc_step;
}

static bool cluster_0f(greg_t *regs, const u8 **at, u32 rex)
{
    u8 opcode = (*at)[1];
    if (opcode == 0x31) {
        *at += 2;
        cluster_rdtsc(regs, *at);
        return true;
    }
    if (opcode == 0x01 && (*at)[2] == 0xf9) { /* RDTSCP */
        *at += 3;
        cluster_rdtsc(regs, *at);
        regs[REG_RCX] = (greg_t)host_guest.tsc_aux;
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

/*
 * How long one instruction of STEPS, or one run, may take, of the processor's time: what takes longer hangs. A whole
 * scenario may: where a virtual machine's host slows down who locks the bus, each XCHG over a line's end takes
 * milliseconds.
 */
static u64 cluster_last_seen;

static bool cluster_goes_on(void)
{
    static const struct itimerval patience = {.it_value = {.tv_sec = 20}};
    u64 before = cluster_last_seen;
    cluster_last_seen = cluster_seen.steps + cluster_seen.runs;
    setitimer(ITIMER_PROF, &patience, NULL);
    return cluster_last_seen != before;
}

__attribute__((no_sanitize("address", "undefined"))) static void cluster_signal(int number, siginfo_t *info,
                                                                                void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    bool here = (u64)regs[REG_RIP] - (u64)cluster_code < TC_CODE;
    if ((number == SIGSEGV && bus_fault(regs, (u64)info->si_addr)) || (number == SIGTRAP && bus_stepped(regs)))
        return;
    if (number == SIGPROF && cluster_goes_on())
        return;
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

static void cluster_write_back(struct vcpu *v)
{
    struct vcpu *truth = &guests_truth;
    u32 parts = v->dirty;
#define WRITE(part, field)                                                                                             \
    if (parts & (part))                                                                                                \
        memcpy(&truth->field, &v->field, sizeof(v->field));
    GUESTS_PARTS(WRITE)
#undef WRITE
}

/* DR7 is there: it exits when it changes. */
static void cluster_exit(struct vcpu *v)
{
    guests_take_parts(v);
    v->dr7 = guests_truth.dr7;
    v->dirty = 0;
}

/* The guest runs again, with what was written back. */
static void cluster_entry(struct vcpu *v)
{
    guests_give_parts(v);
    v->have = v->dirty = 0;
    vcpu_need(v, PART_ALL);
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
    cluster_bases[0] = guests_truth.seg[SEG_FS].base;
    cluster_bases[1] = guests_truth.seg[SEG_GS].base;
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
    static const int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGPROF};
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
                           .segment_base = (void *)cluster_segment_base,
                       });
}

#endif
