/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions and NMIs in root mode: one stub for each vector makes a struct host_frame and calls host_exception(). They
 * run on their own stacks (IST), so that an NMI between VM exit and the first instruction of the exit stub finds one.
 */
    .text
    .macro stub vector, has_code
    .balign 16
    .if !\has_code
    pushq $0
    .endif
    pushq $\vector
    jmp common
    .endm

    .globl host_stubs
    .balign 16
host_stubs:
    .irp v, 0, 1, 2, 3, 4, 5, 6, 7
    stub \v, 0
    .endr
    stub 8, 1
    stub 9, 0
    .irp v, 10, 11, 12, 13, 14
    stub \v, 1
    .endr
    stub 15, 0
    stub 16, 0
    stub 17, 1
    .irp v, 18, 19, 20
    stub \v, 0
    .endr
    stub 21, 1
    .irp v, 22, 23, 24, 25, 26, 27, 28
    stub \v, 0
    .endr
    stub 29, 1
    stub 30, 1
    stub 31, 0

common: /* struct host_frame (vmx/host.h), lowest address last */
    pushq %r15
    pushq %r14
    pushq %r13
    pushq %r12
    pushq %r11
    pushq %r10
    pushq %r9
    pushq %r8
    pushq %rdi
    pushq %rsi
    pushq %rbp
    pushq %rsp
    pushq %rbx
    pushq %rdx
    pushq %rcx
    pushq %rax
    movq %rsp, %rdi
    cld
    call host_exception
    popq %rax
    popq %rcx
    popq %rdx
    popq %rbx
    addq $8, %rsp
    popq %rbp
    popq %rsi
    popq %rdi
    popq %r8
    popq %r9
    popq %r10
    popq %r11
    popq %r12
    popq %r13
    popq %r14
    popq %r15
    addq $16, %rsp /* vector, error code */
    iretq
    .section .note.GNU-stack, "", @progbits
