/* SPDX-License-Identifier: BSD-2-Clause */
/* The loops of the micro-workloads of the 32-bit guest: in 32-bit code here, in real mode in real32.S. */
#define PAGES 4
#define SITE_ADDRESS(x) .long x
#include "test/guest/bench/sites.inc"

/* The pages begin with the sites. */
    .irp n, 0, 1, 2, 3
    .text   \n
    .balign 4096
    .endr

    .text
/* void bench_run(first, end, inner, rounds): loop state is on the stack, all other registers are the sites'. */
    .globl bench_run
bench_run:
    .irp r, ebx, ebp, esi, edi
    push    %\r
    .endr
    sub     $4, %esp            /* 0: next, 24: first, 28: end, 32: inner, 36: rounds */
1:  mov     24(%esp), %eax
    mov     %eax, (%esp)
2:  mov     (%esp), %eax
    mov     32(%esp), %edi
    addl    $4, (%esp)
    call    *(%eax)
    mov     (%esp), %eax
    cmp     28(%esp), %eax
    jb      2b
    decl    36(%esp)
    jnz     1b
    add     $4, %esp
    .irp r, edi, esi, ebp, ebx
    pop     %\r
    .endr
    ret

#define R(register) %e##register
#define T(name) name##_32
#include "test/guest/bench/pio_sites.inc"

    .section .note.GNU-stack, "", @progbits
