/* SPDX-License-Identifier: BSD-2-Clause */
/* Exception and interrupt entry, caught faults, and the way to CPL 3: 64 bits. */

    .text
    .balign 16
    .globl trap_stubs           /* 256 entries of 16 bytes */
trap_stubs:
    vector = 0
    .rept 256
    .balign 16
    .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21)
    .else
    push    $0
    .endif
    push    $vector
    jmp     trap_common
    vector = vector + 1
    .endr

    .balign 16
trap_common:                    /* struct frame */
    push    %r15
    push    %r14
    push    %r13
    push    %r12
    push    %r11
    push    %r10
    push    %r9
    push    %r8
    push    %rbp
    push    %rdi
    push    %rsi
    push    %rbx
    push    %rdx
    push    %rcx
    push    %rax
    cld
    mov     %rsp, %rdi
    mov     %rsp, %rbp
    and     $-16, %rsp
    call    trap_dispatch
    mov     %rbp, %rsp
    pop     %rax
    pop     %rcx
    pop     %rdx
    pop     %rbx
    pop     %rsi
    pop     %rdi
    pop     %rbp
    pop     %r8
    pop     %r9
    pop     %r10
    pop     %r11
    pop     %r12
    pop     %r13
    pop     %r14
    pop     %r15
    add     $16, %rsp
    iretq

    .globl context_save
context_save:
    mov     %rbx, 0(%rdi)
    mov     %rbp, 8(%rdi)
    mov     %r12, 16(%rdi)
    mov     %r13, 24(%rdi)
    mov     %r14, 32(%rdi)
    mov     %r15, 40(%rdi)
    mov     (%rsp), %rax
    mov     %rax, 56(%rdi)
    lea     8(%rsp), %rax
    mov     %rax, 48(%rdi)
    xor     %eax, %eax
    ret

    .globl context_resume       /* interrupts stay off, as handlers have them */
context_resume:
    mov     $0x10, %eax
    mov     %eax, %ss
    mov     0(%rdi), %rbx
    mov     8(%rdi), %rbp
    mov     16(%rdi), %r12
    mov     24(%rdi), %r13
    mov     32(%rdi), %r14
    mov     40(%rdi), %r15
    mov     48(%rdi), %rsp
    pushq   $2
    popfq
    mov     $1, %eax
    jmp     *56(%rdi)

    .globl user_enter           /* (function, argument, stack) */
user_enter:
    mov     %rdi, %rax
    mov     %rsi, %rdi
    sub     $8, %rdx
    movq    $user_return, (%rdx)
    pushfq
    pop     %rcx
    pushq   $0x2b
    push    %rdx
    push    %rcx
    pushq   $0x23
    push    %rax
    iretq
user_return:
    int     $0x80

    .section .note.GNU-stack, "", @progbits
