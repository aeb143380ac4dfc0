/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way out of the guest and back in. HOST_RSP points at struct cpu, whose first member is the guest's register file, so
 * the registers are stored relative to %rsp and no register is needed to find them.
 *
 * Two versions are assembled: with the two RDTSC of timing=on, and without any (timing=off). vmx_launch() picks one by
 * the HOST_RIP that it was given.
 *
 * Between vmx_entry_check and vmx_entry_end an NMI must not be lost: its handler (vmx/host.c) sets `attention` and
 * sends execution back to vmx_entry_again, which is safe because nothing before VMRESUME changes the saved registers.
 */
#include "offsets.h"

    .macro store_guest_registers timed
    movq %rax, CPU_RAX(%rsp)
    movq %rdx, CPU_RDX(%rsp)
    .if \timed
    rdtsc
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, CPU_EXITED(%rsp)
    .endif
    movq %rcx, CPU_RCX(%rsp)
    movq %rbx, CPU_RBX(%rsp)
    movq %rbp, CPU_RBP(%rsp)
    movq %rsi, CPU_RSI(%rsp)
    movq %rdi, CPU_RDI(%rsp)
    movq %r8, CPU_R8(%rsp)
    movq %r9, CPU_R9(%rsp)
    movq %r10, CPU_R10(%rsp)
    movq %r11, CPU_R11(%rsp)
    movq %r12, CPU_R12(%rsp)
    movq %r13, CPU_R13(%rsp)
    movq %r14, CPU_R14(%rsp)
    movq %r15, CPU_R15(%rsp)
    .endm

    .macro load_guest_registers timed
    movq CPU_RCX(%rsp), %rcx
    movq CPU_RBX(%rsp), %rbx
    movq CPU_RBP(%rsp), %rbp
    movq CPU_RSI(%rsp), %rsi
    movq CPU_RDI(%rsp), %rdi
    movq CPU_R8(%rsp), %r8
    movq CPU_R9(%rsp), %r9
    movq CPU_R10(%rsp), %r10
    movq CPU_R11(%rsp), %r11
    movq CPU_R12(%rsp), %r12
    movq CPU_R13(%rsp), %r13
    movq CPU_R14(%rsp), %r14
    movq CPU_R15(%rsp), %r15
    .if \timed
    rdtsc
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, CPU_ENTERED(%rsp)
    .endif
    movq CPU_RDX(%rsp), %rdx
    movq CPU_RAX(%rsp), %rax
    .endm

    .text

    .macro exit_stub name timed
    .globl vmx_exit_\name
    .balign 64
vmx_exit_\name:
    store_guest_registers \timed
    movq %rsp, %rbx
    movq CPU_STACK_TOP(%rsp), %rsp
    movq %rbx, %rdi
    call exit_handle
    .globl vmx_entry_check_\name
vmx_entry_check_\name:
    cmpl $0, CPU_ATTENTION(%rbx)
    jne vmx_entry_again_\name
    movq %rbx, %rsp
    load_guest_registers \timed
    vmresume
    .globl vmx_entry_end_\name
vmx_entry_end_\name:
    /* VMRESUME fell through: CF or ZF says how it failed. */
    jmp vmx_entry_failed

    .globl vmx_entry_again_\name
vmx_entry_again_\name: /* rbx = struct cpu */
    movq CPU_STACK_TOP(%rbx), %rsp
    movq %rbx, %rdi
    call exit_attend
    jmp vmx_entry_check_\name
    .endm

    exit_stub timed, 1
    exit_stub plain, 0

/* void vmx_launch(struct cpu *): enters the guest for the first time; comes back only by exits. rdi = cpu */
    .globl vmx_launch
vmx_launch:
    movq %rdi, %rsp
    load_guest_registers 1
    vmlaunch
vmx_entry_failed:
    /* Still on struct cpu: step off it before anything is pushed. */
    movq %rsp, %rdi
    movq CPU_STACK_TOP(%rsp), %rsp
    pushfq
    popq %rsi
    call entry_failed
    ud2

/* Where vmread() and vmwrite() (vmx/insn.h) go when they failed. rcx = field */
    .globl vmread_failed_rcx
vmread_failed_rcx:
    movl %ecx, %edi
    andq $-16, %rsp
    call vmread_failed
    .globl vmwrite_failed_rcx
vmwrite_failed_rcx:
    movl %ecx, %edi
    andq $-16, %rsp
    call vmwrite_failed

/*
 * Access to the guest's vector registers, which stay in the machine while Exeunt runs: eight bytes of code for each of
 * enum vector_register, in its order.
 *   void vmx_vector_get(u32 index, void *value): rdi, rsi;  void vmx_vector_set(u32 index, const void *value)
 */
    .macro vector_get instruction, register
    .balign 8
    \instruction %\register, (%rsi)
    ret
    .endm
    .macro vector_set instruction, register
    .balign 8
    \instruction (%rsi), %\register
    ret
    .endm
    .macro vector_moves way
    .globl vmx_\way
vmx_\way:
    leaq 1f(%rip), %rax
    leaq (%rax,%rdi,8), %rax
    jmp *%rax
    .balign 8
1:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    \way movups, xmm\n
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    \way vmovups, ymm\n
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    \way movq, mm\n
    .endr
    .endm
    vector_moves vector_get
    vector_moves vector_set

/*
 * RDMSR and WRMSR that may fault: a #GP continues at the fix-up, by the exception table that vmx/host.c searches.
 *   bool vmx_rdmsr_safe(u32 msr, u64 *value): edi, rsi;  bool vmx_wrmsr_safe(u32 msr, u64 value): edi, rsi
 *   bool vmx_xsetbv_safe(u32 index, u64 value)
 */
    .macro fixup from, to
    .pushsection .extable, "a"
    .balign 8
    .quad \from, \to
    .popsection
    .endm

    .globl vmx_rdmsr_safe
vmx_rdmsr_safe:
    movl %edi, %ecx
2:  rdmsr
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, (%rsi)
    movl $1, %eax
    ret
    fixup 2b, faulted

    .globl vmx_wrmsr_safe
vmx_wrmsr_safe:
    movl %edi, %ecx
    movl %esi, %eax
    shrq $32, %rsi
    movl %esi, %edx
3:  wrmsr
    movl $1, %eax
    ret
    fixup 3b, faulted

    .globl vmx_xsetbv_safe
vmx_xsetbv_safe:
    movl %edi, %ecx
    movl %esi, %eax
    shrq $32, %rsi
    movl %esi, %edx
4:  xsetbv
    movl $1, %eax
    ret
    fixup 4b, faulted

faulted:
    xorl %eax, %eax
    ret
    .section .note.GNU-stack, "", @progbits
