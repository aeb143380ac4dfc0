/* SPDX-License-Identifier: BSD-2-Clause */
/* Entry by Multiboot1 of a 64-bit micro-guest: from 32-bit protected mode into long mode, 4 GiB mapped 1:1. */

    .section .multiboot, "a"
    .balign 4
    .long 0x1badb002, 2, -(0x1badb002 + 2)  /* bit 1: memory map wanted */

    .text
    .code32
    .globl start
start:
    cli
    cld
    mov     $stack_top, %esp
    push    $0
    popf
    mov     %ebx, boot_info

    /* PML4 -> PDPT -> four page directories of 2 MiB pages: present, writable, user. */
    movl    $pdpt + 7, pml4
    mov     $pd, %eax
    mov     $pdpt, %edi
    mov     $4, %ecx
1:  lea     7(%eax), %edx
    mov     %edx, (%edi)
    add     $4096, %eax
    add     $8, %edi
    loop    1b
    mov     $0x87, %eax
    mov     $pd, %edi
    mov     $2048, %ecx
2:  mov     %eax, (%edi)
    add     $0x200000, %eax
    add     $8, %edi
    loop    2b

    mov     %cr4, %eax
    or      $0x20, %eax
    mov     %eax, %cr4
    mov     $pml4, %eax
    mov     %eax, %cr3
    mov     $0xc0000080, %ecx
    rdmsr
    or      $0x100, %eax
    wrmsr
    mov     %cr0, %eax
    or      $0x80000000, %eax
    mov     %eax, %cr0
    lgdt    gdt_register
    ljmp    $0x18, $3f

    .code64
3:  call    tables_load
    call    guest_start
4:  hlt
    jmp     4b

    .globl segments_load
segments_load:              /* after LGDT: every segment register from the new table */
    pop     %rdx
    pushq   $0x18
    push    %rdx
    mov     $0x10, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %fs
    mov     %eax, %gs
    mov     %eax, %ss
    lretq

    .data
    .balign 8
gdt_register:
    .word   0xff
    .long   gdt
    .long   0

    .bss
    .balign 4096
    .globl pml4, pdpt, pd
pml4: .skip 4096
pdpt: .skip 4096
pd:   .skip 4096 * 4
    .globl stack_bottom, stack_top
stack_bottom:
    .skip   32768
stack_top:

    .section .note.GNU-stack, "", @progbits
