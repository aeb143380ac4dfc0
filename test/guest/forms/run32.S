/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads all registers, calls a form, and keeps what it left. */
    .text
    .globl form_run
form_run:
    push    %ebx
    push    %esi
    push    %edi
    push    %ebp
    mov     form_registers+0, %eax
    mov     form_registers+4, %ecx
    mov     form_registers+8, %edx
    mov     form_registers+12, %ebx
    mov     form_registers+20, %ebp
    mov     form_registers+24, %esi
    mov     form_registers+28, %edi
    push    form_registers+32
    popf
    call    *form_code
    mov     %eax, form_registers+0
    mov     %ecx, form_registers+4
    mov     %edx, form_registers+8
    mov     %ebx, form_registers+12
    mov     %ebp, form_registers+20
    mov     %esi, form_registers+24
    mov     %edi, form_registers+28
    pushf
    pop     form_registers+32
    cld
    pop     %ebp
    pop     %edi
    pop     %esi
    pop     %ebx
    ret
    .section .note.GNU-stack, "", @progbits
