/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Into translated code and out of it, on the host: what vmx/entry.S does around it (test/fuzz/cluster_run.h).
 */
#include "offsets.h"

#define LEFT_END 0
#define LEFT_DIRTY 1
#define LEFT_CARE 2
#define LEFT_CRASHED 3

/* Those that a function leaves as they were. */
    .macro push_preserved
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    .endm

    .macro pop_preserved
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    .endm

    .text

/* u32 cluster_enter(struct vcpu *v, const void *code): enum cluster_left */
    .globl cluster_enter
cluster_enter:
    push_preserved
    movq %rsp, cluster_host_rsp(%rip)
    movq %rdi, %rsp
    movq %rsi, %rax
    movq VCPU_RBX(%rsp), %rbx
    movq VCPU_RBP(%rsp), %rbp
    movq VCPU_RSI(%rsp), %rsi
    movq VCPU_RDI(%rsp), %rdi
    movq VCPU_R8(%rsp), %r8
    movq VCPU_R9(%rsp), %r9
    movq VCPU_R10(%rsp), %r10
    movq VCPU_R11(%rsp), %r11
    movq VCPU_R12(%rsp), %r12
    movq VCPU_R13(%rsp), %r13
    movq VCPU_R14(%rsp), %r14
    movq VCPU_R15(%rsp), %r15
    movq $-1, %rcx
    movq $-1, %rdx
    jmp *%rax

    .globl cluster_end, cluster_end_dirty, cluster_end_care, cluster_crashed
cluster_end_dirty:
    movl $LEFT_DIRTY, %edx
    jmp 1f
cluster_end_care:
    movl $LEFT_CARE, %edx
    jmp 1f
cluster_crashed:
    movl $LEFT_CRASHED, %edx
    jmp 1f
cluster_end:
    movl $LEFT_END, %edx
1:  movq %rax, cluster_rip(%rip)
    movq %rsp, cluster_rsp(%rip)
    movq %rbx, VCPU_RBX(%rsp)
    movq %rbp, VCPU_RBP(%rsp)
    movq %rsi, VCPU_RSI(%rsp)
    movq %rdi, VCPU_RDI(%rsp)
    movq %r8, VCPU_R8(%rsp)
    movq %r9, VCPU_R9(%rsp)
    movq %r10, VCPU_R10(%rsp)
    movq %r11, VCPU_R11(%rsp)
    movq %r12, VCPU_R12(%rsp)
    movq %r13, VCPU_R13(%rsp)
    movq %r14, VCPU_R14(%rsp)
    movq %r15, VCPU_R15(%rsp)
    cld
    movl %edx, %eax
    movq cluster_host_rsp(%rip), %rsp
    pop_preserved
    ret

/*
 * u64 cluster_flags_of(const u64 gpr[16], u64 flags, const void *code): performs one instruction with these registers
 * (but RSP) and flags, and returns the flags. It goes on at cluster_flags_back.
 */
    .globl cluster_flags_of, cluster_flags_back
cluster_flags_of:
    push_preserved
    movq %rdx, cluster_stub(%rip)
    pushq %rsi
    popfq
    movq 0(%rdi), %rax
    movq 8(%rdi), %rcx
    movq 16(%rdi), %rdx
    movq 24(%rdi), %rbx
    movq 40(%rdi), %rbp
    movq 48(%rdi), %rsi
    movq 64(%rdi), %r8
    movq 72(%rdi), %r9
    movq 80(%rdi), %r10
    movq 88(%rdi), %r11
    movq 96(%rdi), %r12
    movq 104(%rdi), %r13
    movq 112(%rdi), %r14
    movq 120(%rdi), %r15
    movq 56(%rdi), %rdi
    jmp *cluster_stub(%rip)
cluster_flags_back:
    pushfq
    popq %rax
    cld
    pop_preserved
    ret

/* frame.segment_base (emul/translated.S): rcx = struct code_reach; r8 = base of FS or GS. rax is changed. */
    .globl cluster_segment_base
cluster_segment_base:
    movl %ecx, %eax
    shrl $16, %eax
    andl $SEG_FS ^ SEG_GS, %eax
    leaq cluster_bases(%rip), %r8
    movq (%r8,%rax,8), %r8
    ret

    .bss
    .balign 8
cluster_stub:
    .quad 0
    .globl cluster_rip, cluster_rsp
cluster_host_rsp:
    .quad 0
cluster_rip:
    .quad 0
cluster_rsp:
    .quad 0

    .globl cluster_bases
cluster_bases:
    .skip 16
    .section .note.GNU-stack, "", @progbits
