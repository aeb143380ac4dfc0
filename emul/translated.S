/* SPDX-License-Identifier: BSD-2-Clause */
/* Between translated code, whose RSP is the struct vcpu, and C. */
#include "offsets.h"

#define FLAGS_STATUS 0x8d5

    .text

/* Leaves by v->frame.end_dirty, with the flags of v->frame.flags. rax = guest RIP */
    .globl translated_end_flags
translated_end_flags:
    movq VCPU_RFLAGS(%rsp), %rcx
    movq FRAME_FLAGS(%rsp), %rdx
    andl $~FLAGS_STATUS, %ecx
    andl $FLAGS_STATUS, %edx
    orl %edx, %ecx
    movq %rcx, VCPU_RFLAGS(%rsp)
    orl $PART_RFLAGS, VCPU_DIRTY(%rsp)
    jmp *FRAME_END_DIRTY(%rsp)

/*
 * These are called with data behind the call, where they do not return to.
 *
 * A struct code_reach, and the address of the struct code_lines; the scratch register holds the address less that of the line, and gets the guest's value again. Returns
 * with ZF clear when the line reaches. All the registers that C may change are the guest's.
 *
 * Here for 64-bit code at CPL 0 with a walk that is remembered (walk_memo_find(), translated_reach() and what it calls ask the
 * same questions in the same order); else in C.
 *   rcx  struct code_reach      rdi  struct code_line      rsi  struct walk_memo_line      r8  base      rdx  linear address
 */
#define SAVED 56 /* the registers below, and the address of the data */

    .globl translated_call_reach
translated_call_reach:
    pushq %rax
    pushq %rcx
    pushq %rdx
    movq 24(%rsp), %rax
    movl (%rax), %ecx
    movl 4(%rax), %eax
    addq $8, 24(%rsp)
    movl %ecx, 32+FRAME_REQUEST(%rsp)
    movq %rax, 32+FRAME_LINES(%rsp)
    testl $REACH_BY_RSI << 24, %ecx
    jnz 1f
    movq %rbx, %rdx
    movq 32+FRAME_SAVE(%rsp), %rbx
    jmp 2f
1:  movq %rsi, %rdx
    movq 32+FRAME_SAVE(%rsp), %rsi
2:  movq %rdx, 32+FRAME_LINEAR(%rsp)
    pushq %rsi
    pushq %rdi
    pushq %r8
    movzbl %cl, %edi
    btsl %edi, LINES_FILLED(%rax)
    leaq (%rdi,%rdi,2), %rdi
    leaq LINES_LINE(%rax,%rdi,8), %rdi
    addq LINE_LINEAR(%rdi), %rdx
    xorl %r8d, %r8d
    testl $(SEG_FS & SEG_GS) << 16, %ecx
    jnz 8f
3:  movzbl %ch, %eax
    movl %edx, %esi
    andl $0xfff, %esi
    addl %esi, %eax
    cmpl $0x1000, %eax
    ja reach_slowly

    /* The line of the memo: the same page, access, address space; the same paging entries. */
    movl %ecx, %eax
    shrl $24+REACH_WRITE_SHIFT, %eax
    andl $1, %eax
    movq %rdx, %rsi
    shrq $12, %rsi
    addl %eax, %esi
    leal (%rsi,%rax,4), %esi
    andl $MEMO_DATA_LINES-1, %esi
    shll $7, %esi
    addq SAVED+VCPU_WALKS(%rsp), %rsi
    addq $MEMO_LINE, %rsi
    orl $0x10, %eax
    xorq MEMO_KEY(%rsi), %rax
    testl $0xfff, %eax
    jnz reach_slowly
    xorq %rdx, %rax
    cmpq $0xfff, %rax
    ja reach_slowly
    movq MEMO_TOP(%rsi), %rax
    addq SAVED+FRAME_TABLE(%rsp), %rax
    movq (%rax), %rax
    cmpq %rax, MEMO_VALUE(%rsi)
    jne reach_slowly
    .irp level, 1, 2, 3
    movq MEMO_ENTRY+8*\level(%rsi), %rax
    movq (%rax), %rax
    cmpq %rax, MEMO_VALUE+8*\level(%rsi)
    jne reach_slowly
    .endr
    movq SAVED+VCPU_VM(%rsp), %rax
    movl VM_GENERATION(%rax), %eax
    cmpl %eax, MEMO_GENERATION(%rsi)
    jne reach_slowly

    testl $REACH_TRAPPED << 24, %ecx
    jnz 6f
    cmpb $EPT_CLASS_RAM, MEMO_CLASS(%rsi)
    jne reach_slowly
    testl $REACH_WRITE << 24, %ecx
    jz 4f
    movq SAVED+VCPU_VM(%rsp), %rax
    movl VM_PROTECTIONS(%rax), %eax
    cmpl %eax, MEMO_WRITE_PROTECTIONS(%rsi)
    jne reach_slowly
    movq SAVED+FRAME_RUNNING(%rsp), %rcx
    movq MEMO_TOUCH(%rsi), %rax
    cmpq %rax, SAVED+FRAME_TABLE(%rsp)
    je reach_slowly
    .irp entry, 0, 1, 2
    cmpq %rax, T_WRITES+8*\entry(%rcx)
    je .Lmay_write
    .endr
    cmpq %rax, T_WRITES+24(%rcx)
    jne reach_slowly
.Lmay_write:
    movl SAVED+FRAME_REQUEST(%rsp), %ecx

    /* All of the page. */
4:  movzbl %ch, %ecx
    movl $0x1001, %eax
    subl %ecx, %eax
    movq %rax, LINE_LIMIT(%rdi)
    movq MEMO_TOUCH(%rsi), %rax
    movq %rax, LINE_HOST(%rdi)
    andq $~0xfff, %rdx
5:  subq %r8, %rdx
    movq %rdx, LINE_LINEAR(%rdi)
    orl $1, %eax /* ZF */
9:  popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    ret

6:  cmpb $EPT_CLASS_TRAPPED, MEMO_CLASS(%rsi)
    jne reach_slowly
    cmpq $0, MEMO_TOUCH(%rsi)
    je reach_slowly
    cmpb $0, MEMO_LAPIC(%rsi)
    je 4b
    /* One register, where performing is nothing but the access: device_apic_is_plain(). */
    cmpb $4, %ch
    jne reach_slowly
    movl %edx, %eax
    andl $0xfff, %eax
    testb $15, %al
    jnz reach_slowly
    testl $REACH_WRITE << 24, %ecx
    jz 7f
    cmpl $APIC_ICR, %eax
    je reach_slowly
7:  addq MEMO_TOUCH(%rsi), %rax
    movq %rax, LINE_HOST(%rdi)
    movq $1, LINE_LIMIT(%rdi)
    jmp 5b

    /* Nothing that the cluster may carry changes FS or GS. */
8:  call *SAVED+FRAME_SEGMENT_BASE(%rsp)
    addq %r8, %rdx
    jmp 3b

reach_slowly:
    pushq %r9
    pushq %r10
    pushq %r11
    leaq 80(%rsp), %rdi
    call translated_reach
    testb %al, %al
    popq %r11
    popq %r10
    popq %r9
    jmp 9b

/*
 * The same for enum reach_plain, with fewer questions: nothing is changed before all of them are answered, and where one is not
 * as it should be translated_call_reach asks them all again.
 *   rax  struct walk_memo, by the offset of the line in it      rcx  struct code_line      rdx  linear address
 */
#define UP 40 /* the registers below, and the return address */

    .macro reach_plain name scratch write
    .globl \name
\name:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rdi
    movq UP-8(%rsp), %rcx
    movzbl (%rcx), %eax
    movl 4(%rcx), %ecx
    btsl %eax, LINES_FILLED(%rcx)
    leaq (%rax,%rax,2), %rax
    leaq LINES_LINE(%rcx,%rax,8), %rcx
    movq \scratch, %rdx
    addq LINE_LINEAR(%rcx), %rdx
    movl %edx, %eax
    andl $0xfff, %eax
    cmpl $0xff8, %eax
    ja 2f

    leaq \write*5*0x1000(%rdx), %rax
    shrq $12-7, %rax
    andl $(MEMO_DATA_LINES-1) << 7, %eax
    addq UP+VCPU_WALKS(%rsp), %rax
    movq %rdx, %rdi
    andq $~0xfff, %rdi
    orq $0x10 | \write, %rdi
    cmpq %rdi, MEMO_LINE+MEMO_KEY(%rax)
    jne 2f
    movq MEMO_LINE+MEMO_TOP(%rax), %rdi
    addq UP+FRAME_TABLE(%rsp), %rdi
    movq (%rdi), %rdi
    cmpq %rdi, MEMO_LINE+MEMO_VALUE(%rax)
    jne 2f
    .irp level, 1, 2, 3
    movq MEMO_LINE+MEMO_ENTRY+8*\level(%rax), %rdi
    movq (%rdi), %rdi
    cmpq %rdi, MEMO_LINE+MEMO_VALUE+8*\level(%rax)
    jne 2f
    .endr
    movq UP+VCPU_VM(%rsp), %rdi
    movl VM_GENERATION(%rdi), %edi
    cmpl %edi, MEMO_LINE+MEMO_GENERATION(%rax)
    jne 2f
    cmpb $EPT_CLASS_RAM, MEMO_LINE+MEMO_CLASS(%rax)
    jne 2f
    .if \write
    movq UP+VCPU_VM(%rsp), %rdi
    movl VM_PROTECTIONS(%rdi), %edi
    cmpl %edi, MEMO_LINE+MEMO_WRITE_PROTECTIONS(%rax)
    jne 2f
    .endif
    movq MEMO_LINE+MEMO_TOUCH(%rax), %rax
    .if \write
    cmpq %rax, UP+FRAME_TABLE(%rsp)
    je 2f
    movq UP+FRAME_RUNNING(%rsp), %rdi
    .irp entry, 0, 1, 2
    cmpq %rax, T_WRITES+8*\entry(%rdi)
    je 1f
    .endr
    cmpq %rax, T_WRITES+24(%rdi)
    jne 2f
1:
    .endif

    movq %rax, LINE_HOST(%rcx)
    movq $0x1001-8, LINE_LIMIT(%rcx)
    andq $~0xfff, %rdx
    movq %rdx, LINE_LINEAR(%rcx)
    movq UP+FRAME_SAVE(%rsp), \scratch
    addq $8, UP-8(%rsp) /* ZF is clear */
    popq %rdi
    popq %rdx
    popq %rcx
    popq %rax
    ret
2:  popq %rdi
    popq %rdx
    popq %rcx
    popq %rax
    jmp translated_call_reach
    .endm

    reach_plain translated_reach_read, %rbx, 0
    reach_plain translated_reach_read_rsi, %rsi, 0
    reach_plain translated_reach_write, %rbx, 1
    reach_plain translated_reach_write_rsi, %rsi, 1

/* The address of a struct performed. Does not return where the cluster has to be left. The interpreter works on v->gpr. */
    .globl translated_call_perform
translated_call_perform:
    movq %rdi, 8+VCPU_RDI(%rsp)
    leaq 8(%rsp), %rdi
    movq %rax, VCPU_RAX(%rdi)
    movq (%rsp), %rax
    movl (%rax), %eax
    addq $4, (%rsp)
    movq %rax, FRAME_PERFORMED(%rdi)
    movq %rcx, VCPU_RCX(%rdi)
    movq %rdx, VCPU_RDX(%rdi)
    movq %rbx, VCPU_RBX(%rdi)
    movq %rbp, VCPU_RBP(%rdi)
    movq %rsi, VCPU_RSI(%rdi)
    movq %r8, VCPU_R8(%rdi)
    movq %r9, VCPU_R9(%rdi)
    movq %r10, VCPU_R10(%rdi)
    movq %r11, VCPU_R11(%rdi)
    movq %r12, VCPU_R12(%rdi)
    movq %r13, VCPU_R13(%rdi)
    movq %r14, VCPU_R14(%rdi)
    movq %r15, VCPU_R15(%rdi)
    movq %rdi, %rbx
    subq $8, %rsp
    call translated_perform
    addq $8, %rsp
    cmpl $0, FRAME_LEFT(%rbx)
    movq VCPU_RAX(%rbx), %rax
    movq VCPU_RCX(%rbx), %rcx
    movq VCPU_RDX(%rbx), %rdx
    movq VCPU_RBP(%rbx), %rbp
    movq VCPU_RSI(%rbx), %rsi
    movq VCPU_RDI(%rbx), %rdi
    movq VCPU_R8(%rbx), %r8
    movq VCPU_R9(%rbx), %r9
    movq VCPU_R10(%rbx), %r10
    movq VCPU_R11(%rbx), %r11
    movq VCPU_R12(%rbx), %r12
    movq VCPU_R13(%rbx), %r13
    movq VCPU_R14(%rbx), %r14
    movq VCPU_R15(%rbx), %r15
    movq VCPU_RBX(%rbx), %rbx
    jne 1f
    ret
1:  leaq 8(%rsp), %rsp
    jmp *FRAME_END_CARE(%rsp)
    .section .note.GNU-stack, "", @progbits
