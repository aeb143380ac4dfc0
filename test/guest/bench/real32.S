/* SPDX-License-Identifier: BSD-2-Clause */
/* The sites that run in real mode. Labels are used as offsets from real_image, in a segment that begins with it. */
#include "test/guest/bench/real.h"

#define PAGES 4
#define SITE_ADDRESS(x) .long x - real_image
#include "test/guest/bench/sites.inc"

    .text
    .globl real_enter           /* interrupts are off, and the IDT stays what it is */
real_enter:
    pushal
    mov     %esp, saved_esp
    ljmp    $SELECTOR_REAL, $protected16 - real_image
back:
    mov     $0x10, %eax
    mov     %eax, %ss
    mov     %cs:saved_esp, %esp
    call    segments_load
    popal
    ret

    .section .text.real, "ax"
    .balign 4096
    .globl real_image
real_image:
    .skip   REAL_DATA_BYTES
    .irp n, 1, 2, 3
    .subsection \n
    .balign 4096
    .endr
    .subsection 0
    .code16
protected16:
    mov     $0x38, %ax          /* SELECTOR_DATA16: limits and sizes that real mode has */
    .irp segment, ds, es, fs, gs, ss
    mov     %ax, %\segment
    .endr
    mov     %cr0, %eax
    and     $~1, %al
    mov     %eax, %cr0
    ljmp    $REAL_BASE >> 4, $real16 - real_image
real16:
    mov     %cs, %ax
    mov     %ax, %ds
    mov     %ax, %es
    xor     %ax, %ax
    mov     %ax, %ss
    mov     $0x7c00, %sp
    cmpw    $0, REAL_ROUNDS
    je      3f
1:  movw    $REAL_TABLE, REAL_NEXT
2:  movw    REAL_NEXT, %bx
    movw    REAL_INNER, %di
    addw    $2, REAL_NEXT
    call    *(%bx)
    movw    REAL_NEXT, %bx
    cmpw    REAL_END, %bx
    jb      2b
    decw    REAL_ROUNDS
    jnz     1b
3:  mov     %cr0, %eax
    or      $1, %al
    mov     %eax, %cr0
    ljmpl   $0x08, $back

#define R(register) %register
#define T(name) name##_16
#include "test/guest/bench/pio_sites.inc"

    .subsection PAGES
    .globl real_image_end
real_image_end:

    .data
saved_esp: .long 0

    .section .note.GNU-stack, "", @progbits
