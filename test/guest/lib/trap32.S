/* SPDX-License-Identifier: BSD-2-Clause */
/* Exception and interrupt entry, caught faults, and the way to CPL 3: 32 bits. */

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
    push    %ebp
    push    %edi
    push    %esi
    push    %ebx
    push    %edx
    push    %ecx
    push    %eax
    mov     %esp, %ebx
    push    %ds
    push    %es
    mov     $0x10, %eax
    mov     %eax, %ds
    mov     %eax, %es
    cld
    push    %ebx
    call    trap_dispatch
    add     $4, %esp
    pop     %es
    pop     %ds
    pop     %eax
    pop     %ecx
    pop     %edx
    pop     %ebx
    pop     %esi
    pop     %edi
    pop     %ebp
    add     $8, %esp
    iret

    .globl context_save
context_save:
    mov     4(%esp), %eax
    mov     %ebx, 0(%eax)
    mov     %esi, 4(%eax)
    mov     %edi, 8(%eax)
    mov     %ebp, 12(%eax)
    lea     4(%esp), %ecx
    mov     %ecx, 16(%eax)
    mov     (%esp), %ecx
    mov     %ecx, 20(%eax)
    pushf
    pop     %ecx
    mov     %ecx, 24(%eax)
    xor     %eax, %eax
    ret

    .globl context_resume
context_resume:
    mov     4(%esp), %edx
    mov     $0x10, %eax
    mov     %eax, %ss
    mov     %eax, %ds
    mov     %eax, %es
    mov     0(%edx), %ebx
    mov     4(%edx), %esi
    mov     8(%edx), %edi
    mov     12(%edx), %ebp
    mov     16(%edx), %esp
    push    24(%edx)
    popf
    mov     $1, %eax
    jmp     *20(%edx)

    .globl user_enter           /* (function, argument, stack) */
user_enter:
    mov     4(%esp), %eax
    mov     8(%esp), %ecx
    mov     12(%esp), %edx
    sub     $8, %edx
    mov     %ecx, 4(%edx)
    movl    $user_return, (%edx)
    mov     $0x2b, %ecx
    mov     %ecx, %ds
    mov     %ecx, %es
    push    $0x2b
    push    %edx
    pushf
    push    $0x23
    push    %eax
    iret
user_return:
    int     $0x80

    .section .note.GNU-stack, "", @progbits
