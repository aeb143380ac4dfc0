/* SPDX-License-Identifier: BSD-2-Clause */
/* Between translated code, whose RSP is the struct vcpu, and C. */
#include "offsets.h"

#define FLAGS_STATUS 0x8d5

    .text

/* Leaves by v->frame.end_dirty, with the flags of v->frame.flags. rax = guest RIP */
    .globl translated_end_flags
translated_end_flags:
    movq VCPU_RFLAGS(%rsp), %rcx
    movq FRAME_FLAGS(%rsp), %rdx
    andl $~FLAGS_STATUS, %ecx
    andl $FLAGS_STATUS, %edx
    orl %edx, %ecx
    movq %rcx, VCPU_RFLAGS(%rsp)
    orl $PART_RFLAGS, VCPU_DIRTY(%rsp)
    jmp *FRAME_END_DIRTY(%rsp)

/* All the registers that C may change are the guest's. */
    .globl translated_call_reach
translated_call_reach:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    leaq 80(%rsp), %rdi
    call translated_reach
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    ret


/* The interpreter works on v->gpr. */
    .globl translated_call_perform
translated_call_perform:
    movq %rdi, 8+VCPU_RDI(%rsp)
    leaq 8(%rsp), %rdi
    movq %rax, VCPU_RAX(%rdi)
    movq %rcx, VCPU_RCX(%rdi)
    movq %rdx, VCPU_RDX(%rdi)
    movq %rbx, VCPU_RBX(%rdi)
    movq %rbp, VCPU_RBP(%rdi)
    movq %rsi, VCPU_RSI(%rdi)
    movq %r8, VCPU_R8(%rdi)
    movq %r9, VCPU_R9(%rdi)
    movq %r10, VCPU_R10(%rdi)
    movq %r11, VCPU_R11(%rdi)
    movq %r12, VCPU_R12(%rdi)
    movq %r13, VCPU_R13(%rdi)
    movq %r14, VCPU_R14(%rdi)
    movq %r15, VCPU_R15(%rdi)
    movq %rdi, %rbx
    subq $8, %rsp
    call translated_perform
    addq $8, %rsp
    movq VCPU_RAX(%rbx), %rax
    movq VCPU_RCX(%rbx), %rcx
    movq VCPU_RDX(%rbx), %rdx
    movq VCPU_RBP(%rbx), %rbp
    movq VCPU_RSI(%rbx), %rsi
    movq VCPU_RDI(%rbx), %rdi
    movq VCPU_R8(%rbx), %r8
    movq VCPU_R9(%rbx), %r9
    movq VCPU_R10(%rbx), %r10
    movq VCPU_R11(%rbx), %r11
    movq VCPU_R12(%rbx), %r12
    movq VCPU_R13(%rbx), %r13
    movq VCPU_R14(%rbx), %r14
    movq VCPU_R15(%rbx), %r15
    movq VCPU_RBX(%rbx), %rbx
    ret
    .section .note.GNU-stack, "", @progbits
