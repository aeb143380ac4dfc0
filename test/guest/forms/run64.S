/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads all registers, calls a form, and keeps what it left. */
    .text
    .globl form_run
form_run:
    push    %rbx
    push    %rbp
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    mov     form_registers+0, %rax
    mov     form_registers+8, %rcx
    mov     form_registers+16, %rdx
    mov     form_registers+24, %rbx
    mov     form_registers+40, %rbp
    mov     form_registers+48, %rsi
    mov     form_registers+56, %rdi
    push    form_registers+64
    popf
    call    *form_code
    mov     %rax, form_registers+0
    mov     %rcx, form_registers+8
    mov     %rdx, form_registers+16
    mov     %rbx, form_registers+24
    mov     %rbp, form_registers+40
    mov     %rsi, form_registers+48
    mov     %rdi, form_registers+56
    pushf
    pop     form_registers+64
    cld
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbp
    pop     %rbx
    ret
    .section .note.GNU-stack, "", @progbits
