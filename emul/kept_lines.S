/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translated code that has lines begins with a call to kept->open: the lines are what was kept of them, or none has anything.
 *   rdx  struct kept_lines, kept      rax, rcx  changed      8(%rsp)  the struct vcpu
 * How many there are of what is compared and emptied is said by where a row of instructions is entered.
 */
#include "offsets.h"

#define UP 8 /* the return address */

    .text

    /* FS or GS begins where it began. */
    .globl kept_lines_open_based, kept_lines_open, kept_lines_closed
kept_lines_open_based:
    movl KEPT_BASED(%rdx), %ecx
    pushq %r8
    call *UP+8+FRAME_SEGMENT_BASE(%rsp)
    cmpq %r8, KEPT_BASE(%rdx)
    popq %r8
    jne lost

kept_lines_open:
    movq UP+VCPU_VM(%rsp), %rax
    movq VM_GENERATION(%rax), %rax /* and VM_PROTECTIONS */
    cmpq %rax, KEPT_CHANGES(%rdx)
    jne lost
    movq UP+VCPU_WALKS(%rsp), %rax
    movl MEMO_EPOCH(%rax), %eax
    cmpl %eax, KEPT_EPOCH(%rdx)
    jne lost
    decl KEPT_USES(%rdx)
    jz again
    movq UP+FRAME_TABLE(%rsp), %rcx
    jmp *KEPT_APART(%rdx)

    .globl kept_lines_rows
kept_lines_rows:
    .irp i, 5, 4, 3, 2, 1, 0
.Lapart\i:
    cmpq %rcx, KEPT_WRITTEN+8*\i(%rdx)
    je lost
    .endr
.Lapart_end:
    jmp *KEPT_TOPS(%rdx)

    .irp i, 2, 1, 0
.Ltop\i:
    movq KEPT_TOP+16*\i(%rdx), %rax
    movq (%rcx,%rax), %rax
    cmpq %rax, KEPT_TOP+16*\i+8(%rdx)
    jne lost
    .endr
.Ltop_end:
    jmp *KEPT_WORDS(%rdx)

    .irp i, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0
.Lword\i:
    movq KEPT_WORD+16*\i(%rdx), %rax
    movq (%rax), %rax
    cmpq %rax, KEPT_WORD+16*\i+8(%rdx)
    jne lost
    .endr
.Lword_end:
    movl KEPT_LINES+LINES_FILLED(%rdx), %ecx
    testl %ecx, %ecx
    jnz put_back
    ret

    /* Those that were filled since: rcx = which. */
put_back:
    pushq %rsi
    movl $0, KEPT_LINES+LINES_FILLED(%rdx)
    movl KEPT_TO_KEPT(%rdx), %esi
1:  bsfl %ecx, %eax
    btrl %eax, %ecx
    leaq (%rax,%rax,2), %rax
    leaq KEPT_LINES+LINES_LINE(%rdx,%rax,8), %rax
    .irp member, LINE_LINEAR, LINE_LIMIT, LINE_HOST
    pushq \member(%rax,%rsi)
    popq \member(%rax)
    .endr
    testl %ecx, %ecx
    jnz 1b
    popq %rsi
    ret

    .irp i, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0
.Lempty\i:
    movq $0, KEPT_LINES+LINES_LINE+LINE_SIZE*\i+LINE_LIMIT(%rdx)
    .endr
.Lempty_end:
    ret

    /* Something is not as it was. To learn takes a while: where that was no use, it waits twice as long. */
lost:
    movl $KEPT_USES_MAX, %ecx
    subl KEPT_USES(%rdx), %ecx
    movl KEPT_PATIENCE(%rdx), %eax
    addl %eax, %eax
    cmpl $KEPT_PATIENCE_MAX, %eax
    jbe 1f
    movl $KEPT_PATIENCE_MAX, %eax
1:  cmpl $KEPT_PAYS, %ecx
    jb 2f
again:
    movl $1, %eax
2:  movl %eax, KEPT_PATIENCE(%rdx)
    movl %eax, KEPT_WAIT(%rdx)
    leaq kept_lines_closed(%rip), %rax
    movq %rax, KEPT_OPEN(%rdx)

    /* None are kept; after a while, they are at the end of this run. */
kept_lines_closed:
    decl KEPT_WAIT(%rdx)
    jz 1f
    jmp *KEPT_EMPTY(%rdx)
1:  movq %rdx, UP+FRAME_LEARNED(%rsp)
    leaq kept_lines_end_dirty(%rip), %rax
    xchgq %rax, UP+FRAME_END_DIRTY(%rsp)
    movq %rax, UP+FRAME_LEARNED_DIRTY(%rsp)
    leaq kept_lines_end_care(%rip), %rax
    xchgq %rax, UP+FRAME_END_CARE(%rsp)
    movq %rax, UP+FRAME_LEARNED_CARE(%rsp)
    jmp *KEPT_EMPTY(%rdx)

    .macro give_back
    movq FRAME_LEARNED_DIRTY(%rsp), %rcx
    movq %rcx, FRAME_END_DIRTY(%rsp)
    movq FRAME_LEARNED_CARE(%rsp), %rcx
    movq %rcx, FRAME_END_CARE(%rsp)
    .endm

/* The ways out of a run at whose end lines are learned: as v->frame.end_dirty, end_care. */
    .globl kept_lines_end_dirty, kept_lines_end_care
kept_lines_end_dirty:
    give_back
    pushq %rax
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    leaq 56(%rsp), %rdi
    subq $8, %rsp
    call kept_lines_learn
    addq $8, %rsp
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rax
    jmp *FRAME_END_DIRTY(%rsp)

kept_lines_end_care:
    give_back
    movq FRAME_LEARNED(%rsp), %rcx
    movl $1, KEPT_WAIT(%rcx) /* the next time */
    jmp *FRAME_END_CARE(%rsp)

    .macro offset_of name
    .long .L\name - kept_lines_rows
    .endm
    .section .rodata
    .balign 4
    .globl kept_lines_apart, kept_lines_tops, kept_lines_words, kept_lines_empty
kept_lines_apart:
    .irp at, apart_end, apart0, apart1, apart2, apart3, apart4, apart5
    offset_of \at
    .endr
kept_lines_tops:
    .irp at, top_end, top0, top1, top2
    offset_of \at
    .endr
    .macro rows name row
kept_lines_\name:
    .irp at, _end, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    offset_of \row\at
    .endr
    .endm
    rows words word
    rows empty empty
    .section .note.GNU-stack, "", @progbits
