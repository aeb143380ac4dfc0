/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dr-switch: what a context switch does with the debug registers: all of them to one task's memory, then another task's
 * into them, DR7 last. No breakpoint is ever enabled.
 */
#define PAGES 4
#define SITE_ADDRESS(x) .quad x
#include "test/guest/bench/sites.inc"

    .set    DR6_FIXED, 0xffff0ff0
    .set    DR7_FIXED, 0x400

/* The pages begin with the sites. */
    .irp n, 0, 1, 2, 3
    .text   \n
    .balign 4096
    .endr
    .text

/* Two tasks' registers, 48 bytes each, of a site. */
    .macro tasks
    .pushsection .data.dr_tasks, "aw"
    .balign 16
8:  .irp at, 0x401000, 0x7fff00002000
    .quad   \at, \at + 8, \at + 0x11, \at + 0x22, DR6_FIXED, DR7_FIXED
    .endr
    .popsection
    .endm

    .macro dr_site counter, from, to
    tasks
    site    dr_switch
    mov     %rdi, %\counter
    lea     8b(%rip), %\from
    lea     48(%\from), %\to
1:
    .endm

/* Where a task's DRn is. */
    .set    DR_0, 0
    .set    DR_1, 8
    .set    DR_2, 16
    .set    DR_3, 24
    .set    DR_6, 32
    .set    DR_7, 40

    .macro read n, register, base
    mov     %dr\n, %\register
    .endm
    .macro write n, register, base
    mov     %\register, %dr\n
    .endm
    .macro store n, register, base
    mov     %\register, DR_\n(%\base)
    .endm
    .macro fetch n, register, base
    mov     DR_\n(%\base), %\register
    .endm
    .macro save n, register, base
    read    \n, \register
    store   \n, \register, \base
    .endm
    .macro load n, register, base
    fetch   \n, \register, \base
    write   \n, \register
    .endm
    .macro save_push n, register, base
    read    \n, \register
    push    %\register
    .endm
    .macro load_string n, register, base
    lodsq
    write   \n, rax
    .endm

    .macro two op, n, first, m, second, base
    \op     \n, \first, \base
    \op     \m, \second, \base
    .endm

    .macro all op, base, r0, r1, r2, r3, r6, r7
    two     \op, 0, \r0, 1, \r1, \base
    two     \op, 2, \r2, 3, \r3, \base
    two     \op, 6, \r6, 7, \r7, \base
    .endm

    table   dr_switch

    /* two by two */
    dr_site rcx, rsi, rdi
    .macro pair n, m
    two     read, \n, rax, \m, rdx
    two     store, \n, rax, \m, rdx, rsi
    .endm
    pair    0, 1
    pair    2, 3
    pair    6, 7
    .purgem pair
    .macro pair n, m
    two     fetch, \n, rax, \m, rdx, rdi
    two     write, \n, rax, \m, rdx
    .endm
    pair    0, 1
    pair    2, 3
    pair    6, 7
    .purgem pair
    xchg    %rsi, %rdi
    again   rcx

    /* all read, then all stored; all fetched, then all written */
    dr_site rbp, rbx, rsi
    .irp op, read, store
    all     \op, rbx, r8, r9, r10, r11, r12, r13
    .endr
    .irp op, fetch, write
    all     \op, rsi, r8, r9, r10, r11, r12, r13
    .endr
    xchg    %rbx, %rsi
    again   rbp

    /* one by one */
    dr_site r9, r14, r15
    all     save, r14, rax, rax, rax, rax, rax, rax
    all     load, r15, rax, rax, rax, rax, rax, rax
    xchg    %r14, %r15
    again   r9

    /* to the stack and from it */
    dr_site rdi, rsi, rbx
    all     save_push, rsi, rax, rcx, rax, rcx, rax, rcx
    all     load_string, rsi
    sub     $48, %rsi
    .irp r, r8, rdx, r10, r11, r12, r13
    pop     %\r
    .endr
    mov     %r13, (%rsi)
    mov     %r12, 8(%rsi)
    mov     %r11, 16(%rsi)
    mov     %r10, 24(%rsi)
    again   rdi

    /* breakpoints off first; a task that has one enabled is none of this loop's */
    dr_site r12, rdx, rcx
    mov     %dr7, %rax
    mov     %rax, DR_7(%rdx)
    test    $0xff, %al
    jnz     2f
    mov     $DR7_FIXED, %eax
    mov     %rax, %dr7
    .irp n, 3, 2, 1, 0, 6
    save    \n, rsi, rdx
    .endr
    .irp n, 3, 2, 1, 0, 6, 7
    load    \n, r8, rcx
    .endr
2:  xchg    %rdx, %rcx
    again   r12

    /* a store beside each write: the new task's pointer and state */
    dr_site r10, r13, rbp
    all     save, r13, rcx, rdi, rcx, rdi, rcx, rdi
    mov     %rbp, %rax
    xchg    %r13, %rbp
    .irp n, 0, 1, 2, 3, 6
    load    \n, rbx, rax
    .endr
    mov     DR_7(%rax), %r11
    and     $~0xff, %r11
    mov     %r11, %dr7
    again   r10

    table_end dr_switch

    .section .note.GNU-stack, "", @progbits
