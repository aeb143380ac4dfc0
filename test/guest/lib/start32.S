/* SPDX-License-Identifier: BSD-2-Clause */
/* Entry by Multiboot1 of a 32-bit micro-guest. */

    .section .multiboot, "a"
    .balign 4
    .long 0x1badb002, 2, -(0x1badb002 + 2)  /* bit 1: memory map wanted */

    .text
    .globl start
start:
    cli
    cld
    mov     $stack_top, %esp
    push    $0
    popf
    mov     %ebx, boot_info
    call    tables_load
    call    guest_start
1:  hlt
    jmp     1b

    .globl segments_load
segments_load:              /* after LGDT: every segment register from the new table */
    ljmp    $0x08, $1f
1:  mov     $0x10, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %fs
    mov     %eax, %gs
    mov     %eax, %ss
    ret

    .bss
    .balign 4096
    .globl stack_bottom, stack_top
stack_bottom:
    .skip   32768
stack_top:

    .section .note.GNU-stack, "", @progbits
