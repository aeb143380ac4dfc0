/* SPDX-License-Identifier: BSD-2-Clause */
/* The other task. */

    .text
    .macro note                     /* struct seen, without the error code */
    mov     %eax, seen + 24
    mov     %ebx, seen + 28
    incl    seen
    pushf
    popl    seen + 4
    str     %eax
    movzwl  %ax, %eax
    mov     %eax, seen + 8
    mov     %cr0, %eax
    mov     %eax, seen + 12
    mov     %cr3, %eax
    mov     %eax, seen + 16
    .endm

    .globl other_by_call
other_by_call:
    note
    iret
    jmp     other_by_call

    .globl other_by_jump
other_by_jump:
    note
    ljmp    $0x40, $0
    jmp     other_by_jump

    .globl other_by_fault
other_by_fault:
    popl    seen + 20
    note
    addl    $2, task + 32           /* EIP of the task that faulted */
    iret

    .globl rescue_by_jump
rescue_by_jump:
    popl    seen + 20
    note
    ljmp    $0x40, $0

    .globl other_by_trap
other_by_trap:
    note
    addl    $2, task + 32
    iret

    .bss
    .balign 16
    .globl seen
seen: .skip 32

    .section .note.GNU-stack, "", @progbits
