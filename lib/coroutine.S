/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/coroutine.h. The registers that a function must keep (System V ABI for AMD64, "Registers"). */
    .text

/* rdi = struct coroutine */
    .globl coroutine_switch
coroutine_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    xchgq %rsp, (%rdi)
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret

/* Where it returns to the first time: rbp = body, rbx = its context. */
    .globl coroutine_start
coroutine_start:
    movq %rbx, %rdi
    call *%rbp
    ud2

    .section .note.GNU-stack, "", @progbits
