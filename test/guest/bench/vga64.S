/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vga-2d: planar drawing. The graphics controller (0x3ce) and the sequencer (0x3c4) by index and data, in one word or in
 * two bytes; a byte read fills the latches, the byte written next changes the bits of the mask in the planes of the map
 * mask. A pass changes VGA_OPS_IN_PASS bytes of the screen: a row of a rectangle, or pixels of a line.
 */
#include "test/guest/bench/vga.h"

#define PAGES 4
#define SITE_ADDRESS(x) .quad x
#include "test/guest/bench/sites.inc"

    .set    SEQUENCER, 0x3c4
    .set    GRAPHICS, 0x3ce
    .set    MAP_MASK, 2
    .set    MODE, 5
    .set    BIT_MASK, 8

/* The pages begin with the sites. */
    .irp n, 0, 1, 2, 3
    .text   \n
    .balign 4096
    .endr
    .text

/* The line of the window that a pass draws on, from the passes left. */
    .macro line counter, address, column
    mov     %\counter, %\address
    and     $31, %\address
    imul    $VGA_STRIDE, %\address, %\address
    add     $VGA_WINDOW + \column, %\address
    .endm

/* A register by one word OUT, and by two bytes. */
    .macro set port, index, value
    mov     $\port, %edx
    mov     $\value << 8 | \index, %eax
    out     %ax, %dx
    .endm
    .macro set_bytes port, index, value
    mov     $\port, %edx
    mov     $\index, %al
    out     %al, %dx
    inc     %edx
    mov     $\value, %al
    out     %al, %dx
    .endm

    table   vga_2d

    /* a row of a rectangle: edge, bytes, edge */
    site    vga_2d
    mov     %rdi, %r8
1:  line    r8, rdi, 3
    set     SEQUENCER, MAP_MASK, 0x5
    set     GRAPHICS, BIT_MASK, 0x0f
    mov     (%rdi), %al
    movb    $0xff, (%rdi)
    set     GRAPHICS, BIT_MASK, 0xff
    mov     $VGA_OPS_IN_PASS - 2, %ecx
2:  inc     %rdi
    mov     (%rdi), %al
    movb    $0xff, (%rdi)
    dec     %ecx
    jnz     2b
    set     GRAPHICS, BIT_MASK, 0xf0
    mov     1(%rdi), %al
    movb    $0xff, 1(%rdi)
    again   r8

    /* the same, index and data in bytes, the fill by STOS */
    site    vga_2d
    mov     %rdi, %rbp
1:  line    rbp, rdi, 20
    set_bytes SEQUENCER, MAP_MASK, 0x9
    set_bytes GRAPHICS, BIT_MASK, 0x3f
    mov     (%rdi), %cl
    mov     %dl, (%rdi)
    mov     $0xff, %al
    out     %al, %dx
    inc     %edi
    mov     $VGA_OPS_IN_PASS - 2, %ecx
2:  stosb
    loop    2b
    mov     $0xfc, %al
    out     %al, %dx
    mov     (%rdi), %ah
    mov     %al, (%rdi)
    again   rbp

    /* a slanting line: the mask goes round by one bit for each line of the screen */
    site    vga_2d
    mov     %rdi, %r9
1:  line    r9, rsi, 40
    set_bytes GRAPHICS, BIT_MASK, 0x80
    mov     $VGA_OPS_IN_PASS, %ecx
2:  mov     (%rsi), %ah
    movb    $0xff, (%rsi)
    add     $VGA_STRIDE, %rsi
    ror     $1, %al
    out     %al, %dx
    dec     %ecx
    jnz     2b
    again   r9

    /* an upright line: one mask, read and write by one instruction */
    site    vga_2d
    mov     %rdi, %r12
1:  line    r12, rbx, 50
    set     SEQUENCER, MAP_MASK, 0xf
    set     GRAPHICS, BIT_MASK, 0x10
    mov     $VGA_OPS_IN_PASS, %r10d
2:  or      %al, (%rbx)
    add     $VGA_STRIDE, %rbx
    sub     $1, %r10d
    jnz     2b
    again   r12

    /* a line by Bresenham: the column moves on when the error says so */
    site    vga_2d
    mov     %rdi, %r15
1:  line    r15, rdi, 60
    mov     $GRAPHICS, %edx
    mov     $0x8000 | BIT_MASK, %eax
    xor     %esi, %esi
    mov     $VGA_OPS_IN_PASS, %ebx
2:  out     %ax, %dx
    mov     (%rdi), %cl
    mov     %ah, (%rdi)
    add     $VGA_STRIDE, %rdi
    add     $5, %esi
    cmp     $8, %esi
    jl      3f
    sub     $8, %esi
    ror     $1, %ah
3:  dec     %ebx
    jnz     2b
    again   r15

    /* a character of 2 lines in four colours: plane after plane */
    site    vga_2d
    mov     %rdi, %r11
1:  line    r11, r14, 12
    set     GRAPHICS, BIT_MASK, 0xff
    mov     $SEQUENCER, %edx
    .irp plane, 1, 2, 4, 8
    mov     $MAP_MASK, %al
    out     %al, %dx
    inc     %dl
    mov     $\plane, %al
    out     %al, %dx
    dec     %dl
    movb    $0x5a * \plane & 0xff, (%r14)
    mov     %al, VGA_STRIDE(%r14)
    .endr
    again   r11

    /* bytes of the screen copied through the latches: write mode 1 */
    site    vga_2d
    mov     %rdi, %r13
1:  line    r13, rsi, 30
    lea     40 * VGA_STRIDE(%rsi), %rdi
    set     GRAPHICS, MODE, 1
    mov     $VGA_OPS_IN_PASS, %ecx
2:  mov     (%rsi), %al
    mov     %al, (%rdi)
    inc     %rsi
    inc     %rdi
    loop    2b
    set     GRAPHICS, MODE, 0
    again   r13

    /* a dashed line: the colour by set/reset would be one more register, here by XCHG */
    site    vga_2d
    mov     %rdi, %rcx
1:  line    rcx, rbp, 70
    mov     $GRAPHICS, %edx
    mov     $BIT_MASK, %al
    mov     $VGA_OPS_IN_PASS, %edi
2:  mov     $0xcc, %ah
    out     %ax, %dx
    mov     %edi, %ebx
    xchg    %bl, (%rbp)
    add     $VGA_STRIDE, %ebp
    dec     %edi
    jnz     2b
    again   rcx

    table_end vga_2d

    .section .note.GNU-stack, "", @progbits
