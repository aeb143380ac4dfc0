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

/*
 * Both are called with four bytes of data behind the call, where they do not return to.
 *
 * struct code_reach; the scratch register holds the address less that of the line, and gets the guest's value again. Returns
 * with ZF clear when the line reaches. All the registers that C may change are the guest's.
 */
    .globl translated_call_reach
translated_call_reach:
    pushq %rax
    pushq %rcx
    movq 16(%rsp), %rax
    movl (%rax), %ecx
    addq $4, 16(%rsp)
    movl %ecx, 24+FRAME_REQUEST(%rsp)
    testl $REACH_BY_RSI << 24, %ecx
    jnz 1f
    movq %rbx, 24+FRAME_LINEAR(%rsp)
    movq 24+FRAME_SAVE(%rsp), %rbx
    jmp 2f
1:  movq %rsi, 24+FRAME_LINEAR(%rsp)
    movq 24+FRAME_SAVE(%rsp), %rsi
2:  pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    leaq 80(%rsp), %rdi
    call translated_reach
    testb %al, %al
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

/* The address of a struct performed. Does not return where the cluster has to be left. The interpreter works on v->gpr. */
    .globl translated_call_perform
translated_call_perform:
    movq %rdi, 8+VCPU_RDI(%rsp)
    leaq 8(%rsp), %rdi
    movq %rax, VCPU_RAX(%rdi)
    movq (%rsp), %rax
    movl (%rax), %eax
    addq $4, (%rsp)
    movq %rax, FRAME_PERFORMED(%rdi)
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
    cmpl $0, FRAME_LEFT(%rbx)
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
    jne 1f
    ret
1:  leaq 8(%rsp), %rsp
    jmp *FRAME_END_CARE(%rsp)
    .section .note.GNU-stack, "", @progbits
