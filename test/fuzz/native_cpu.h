/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs one instruction on this machine's own CPU, in user mode, with all registers and flags as given, and tells what
 * it left or how it faulted. The instruction is followed by INT3; every way out is a signal.
 */
#ifndef TEST_NATIVE_CPU_H
#define TEST_NATIVE_CPU_H

#include <asm/ldt.h>
#include <asm/prctl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "lib/types.h"

/* Offsets are in the assembly below. */
struct cpu_state {
    u64 gpr[16]; /* in the order of enum gpr */
    u64 rflags;
    u64 rip;
    u64 xmm[16][2];
    u32 cs, ss, ds, es; /* selectors */
};
_Static_assert(offsetof(struct cpu_state, rflags) == 128 && offsetof(struct cpu_state, xmm) == 144 &&
                   offsetof(struct cpu_state, cs) == 400,
               "see native_enter");

struct cpu_result {
    struct cpu_state state;
    u32 vector; /* 3: it completed */
    u32 error_code;
    u64 cr2;
};

void native_enter(const struct cpu_state *state);
void native_signal(int number, siginfo_t *info, void *context);

static struct cpu_result native_result;
extern u64 native_host_rsp;
extern char native_leap[], native_back[];

/*
 * AC is cleared before the C handler runs: the kernel leaves it, and a handler may access memory at any alignment.
 */
__asm__(".pushsection .text\n"
        ".globl native_enter, native_leap, native_back, native_signal\n"
        "native_enter:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "mov %rsp, native_host_rsp(%rip)\n"
        "mov 136(%rdi), %rax\n"
        "mov %eax, native_far(%rip)\n"
        "mov 400(%rdi), %ax; mov %ax, native_far+4(%rip)\n"
        "mov 408(%rdi), %ds; mov 412(%rdi), %es\n"
        "movups 144(%rdi), %xmm0; movups 160(%rdi), %xmm1; movups 176(%rdi), %xmm2; movups 192(%rdi), %xmm3\n"
        "movups 208(%rdi), %xmm4; movups 224(%rdi), %xmm5; movups 240(%rdi), %xmm6; movups 256(%rdi), %xmm7\n"
        "movups 272(%rdi), %xmm8; movups 288(%rdi), %xmm9; movups 304(%rdi), %xmm10; movups 320(%rdi), %xmm11\n"
        "movups 336(%rdi), %xmm12; movups 352(%rdi), %xmm13; movups 368(%rdi), %xmm14; movups 384(%rdi), %xmm15\n"
        "mov 0(%rdi), %rax; mov 8(%rdi), %rcx; mov 16(%rdi), %rdx; mov 24(%rdi), %rbx; mov 40(%rdi), %rbp\n"
        "mov 48(%rdi), %rsi; mov 64(%rdi), %r8; mov 72(%rdi), %r9; mov 80(%rdi), %r10; mov 88(%rdi), %r11\n"
        "mov 96(%rdi), %r12; mov 104(%rdi), %r13; mov 112(%rdi), %r14; mov 120(%rdi), %r15\n"
        "pushq 128(%rdi)\n"
        "popfq\n"
        "mov 404(%rdi), %ss\n" /* the base and limit of SS mean nothing until compatibility mode */
        "mov 32(%rdi), %rsp\n"
        "mov 56(%rdi), %rdi\n"
        "native_leap: ljmpl *native_far(%rip)\n"
        "native_back:\n"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "ret\n"
        "native_signal:\n"
        "pushfq; andq $~0x40400, (%rsp); popfq\n"
        "jmp native_handle\n"
        ".popsection\n"
        ".pushsection .data\n"
        ".balign 16\n"
        "native_far: .long 0; .short 0; .short 0\n"
        ".globl native_host_rsp\n"
        "native_host_rsp: .quad 0\n"
        ".popsection\n");

/* enum gpr order to the kernel's. */
static const u8 native_greg[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                   REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

void native_handle(int number, siginfo_t *info, void *context);

__attribute__((used, no_sanitize("address", "undefined"))) void native_handle(int number, siginfo_t *info,
                                                                              void *context)
{
    ucontext_t *uc = context;
    greg_t *regs = uc->uc_mcontext.gregs;
    if (native_host_rsp == 0) /* not ours: a bug of the test itself */
        _exit(99);
    for (u32 i = 0; i < 16; i++)
        native_result.state.gpr[i] = regs[native_greg[i]];
    native_result.state.rflags = regs[REG_EFL];
    native_result.state.rip = regs[REG_RIP];
    native_result.vector = regs[REG_TRAPNO];
    native_result.error_code = regs[REG_ERR];
    native_result.cr2 = regs[REG_CR2];
    for (u32 i = 0; i < 16; i++)
        for (u32 j = 0; j < 4; j++)
            ((u32 *)native_result.state.xmm[i])[j] = uc->uc_mcontext.fpregs->_xmm[i].element[j];
    if (native_result.vector == 3)
        native_result.state.rip--;
    regs[REG_RIP] = (greg_t)native_back;
    regs[REG_RSP] = native_host_rsp;
    regs[REG_EFL] = 0x202;
    ((u16 *)&regs[REG_CSGSFS])[0] = 0x33;
    ((u16 *)&regs[REG_CSGSFS])[3] = 0x2b; /* SS */
    native_host_rsp = 0;
}

__attribute__((unused)) static void native_init(u64 gs_base)
{
    static u8 stack[65536] __attribute__((aligned(16)));
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    action.sa_sigaction = native_signal;
    sigaltstack(&alternate, NULL);
    static const int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    for (u32 i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &action, NULL);
    if (syscall(SYS_arch_prctl, ARCH_SET_GS, gs_base) != 0)
        abort();
}

/* An LDT entry of DPL 3, byte-granular; returns its selector. `contents`: 0 data, 1 expand-down data, 2 code. */
__attribute__((unused)) static u16 native_segment(u32 entry, u64 base, u32 limit, u32 contents, bool big)
{
    struct user_desc descriptor = {
        .entry_number = entry, .base_addr = base, .limit = limit, .seg_32bit = big, .contents = contents, .useable = 1};
    if (syscall(SYS_modify_ldt, 1, &descriptor, sizeof(descriptor)) != 0)
        abort();
    return entry << 3 | 7;
}

__attribute__((unused)) static const struct cpu_result *native_run(const struct cpu_state *state)
{
    native_enter(state);
    if (native_result.state.rip == (u64)native_leap) /* beyond the limit of CS: the far jump faults, not the fetch */
        native_result.state.rip = state->rip;
    return &native_result;
}

#endif
