/* SPDX-License-Identifier: BSD-2-Clause */
/* The loops of the micro-workloads of the 64-bit guest, in assembler so that no compiler changes the figures. */
#define PAGES 8
#define SITE_ADDRESS(x) .quad x
#include "test/guest/bench/sites.inc"

    .set    APIC, 0xfee00000

/* The pages begin with the sites, so that no other code moves one to a page's end, where fetching takes longer. */
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    .text   \n
    .balign 4096
    .endr

    .text
/* void bench_run(first, end, inner, rounds): loop state is on the stack, all other registers are the sites'. */
    .globl bench_run
bench_run:
    .irp r, rbx, rbp, r12, r13, r14, r15
    push    %\r
    .endr
    push    %rdi                /* 32: first */
    push    %rsi                /* 24: end */
    push    %rdx                /* 16: inner */
    push    %rcx                /* 8: rounds */
    push    %rdi                /* 0: next */
1:  mov     32(%rsp), %rax
    mov     %rax, (%rsp)
2:  mov     (%rsp), %rax
    mov     16(%rsp), %rdi
    addq    $8, (%rsp)
    call    *(%rax)
    mov     (%rsp), %rax
    cmp     24(%rsp), %rax
    jb      2b
    decq    8(%rsp)
    jnz     1b
    add     $40, %rsp
    .irp r, r15, r14, r13, r12, rbp, rbx
    pop     %\r
    .endr
    ret

/* ---- cpuid: 4 instructions; 5 where the leaf has subleaves ---- */
    .macro cpuid_site leaf, counter, subleaf
    site    cpuid
    mov     %rdi, %\counter
1:  mov     $\leaf, %eax
    .ifnb \subleaf
    mov     $\subleaf, %ecx
    .endif
    cpuid
    again   \counter
    .endm

    table   cpuid
    cpuid_site 0, rsi
    cpuid_site 1, r8
    cpuid_site 2, rdi
    cpuid_site 0x80000000, r9
    cpuid_site 0x80000001, rbp
    cpuid_site 0x80000002, r10
    cpuid_site 0x80000004, r11
    cpuid_site 0x80000008, r12
    cpuid_site 5, r13
    cpuid_site 6, r14
    cpuid_site 0x40000000, r15
    cpuid_site 0x80000006, rsi
    cpuid_site 4, r8, 0
    cpuid_site 7, rdi, 0
    cpuid_site 0xb, r9, 1
    cpuid_site 0xd, rbp, 0
    table_end cpuid

/* ---- vmcall: functions that Exeunt does not know; bare, where VMCALL is #UD, a NOP as long as it ---- */
    .macro vmcall_sites name, insn:vararg
    table   \name
    .irp counter, rsi, rdi, rbp, r8, r9, r10, r11, r12
    site    \name
    mov     %rdi, %\counter
1:  mov     $0x45580100 + (. - bench_run), %eax
    \insn
    again   \counter
    .endr
    table_end \name
    .endm
    vmcall_sites vmcall, vmcall
    vmcall_sites vmcall_bare, nopl (%rax)

/* ---- msr: RDMSR of MSRs that exit by default ---- */
    .macro msr_site msr, counter
    site    msr
    mov     %rdi, %\counter
1:  mov     $\msr, %ecx
    rdmsr
    again   \counter
    .endm

    table   msr
    msr_site 0x1b, rsi          /* IA32_APIC_BASE */
    msr_site 0xc0000080, rdi    /* IA32_EFER */
    msr_site 0x3a, rbp          /* IA32_FEATURE_CONTROL */
    msr_site 0x200, r8          /* MTRRs */
    msr_site 0x203, r9
    msr_site 0x250, r10
    msr_site 0x26f, r11
    msr_site 0x2ff, rbx
    table_end msr

/* ---- the LAPIC, one register in a loop ---- */
    .macro apic_site table, base, address, counter, insn, then
    site    \table
    mov     %rdi, %\counter
    movabs  $\address, %\base
1:  \insn
    \then
    again   \counter
    .endm

    table   apic_read
    apic_site apic_read, rax, APIC+0x30, rcx, "mov (%rax), %edx"
    apic_site apic_read, rcx, APIC, rdi, "mov 0x80(%rcx), %eax"
    apic_site apic_read, rdx, APIC+0xf0, rsi, "mov (%rdx), %edx", "mov $APIC+0xf0, %edx"
    apic_site apic_read, rbx, APIC+0x1000, rbp, "mov -0xca0(%rbx), %r8d"
    apic_site apic_read, rbp, APIC, r9, "mov 0x390(%rbp), %ecx"
    apic_site apic_read, rsi, APIC+0x100, r10, "mov 0x10(%rsi), %r11d"
    apic_site apic_read, rdi, APIC+0x80, r11, "mov (%rdi), %r15d"
    apic_site apic_read, r8, APIC, r12, "mov 0x20(%r8), %ebx"
    apic_site apic_read, r12, APIC+0x300, r13, "mov (%r12), %esi"
    apic_site apic_read, r13, APIC+0x280, r14, "mov (%r13), %edi"
    apic_site apic_read, r14, APIC-0x7f0, r15, "mov 0xb30(%r14), %ebp"
    apic_site apic_read, r15, APIC+0x3e0, rax, "mov (%r15), %r14d"
    table_end apic_read

    table   apic_write
    apic_site apic_write, rax, APIC+0x80, rcx, "mov %ecx, (%rax)"
    apic_site apic_write, rcx, APIC, rdi, "movl $0x20, 0x80(%rcx)"
    apic_site apic_write, rdx, APIC+0x3e0, rsi, "mov %esi, (%rdx)"
    apic_site apic_write, rbx, APIC+0x1000, rbp, "movl $0x10031, -0xce0(%rbx)"
    apic_site apic_write, rbp, APIC, r9, "mov %r9d, 0x310(%rbp)"
    apic_site apic_write, rsi, APIC+0x270, r10, "movl $0, 0x10(%rsi)"
    apic_site apic_write, rdi, APIC+0x80, r11, "mov %r11d, (%rdi)"
    apic_site apic_write, r8, APIC, r12, "movl $0x1000000, 0xd0(%r8)"
    apic_site apic_write, r12, APIC+0x370, r13, "movl $0x100fe, (%r12)"
    apic_site apic_write, r13, APIC-0x7f0, r14, "movl $0xb, 0xbd0(%r13)"
    apic_site apic_write, r14, APIC+0x310, r15, "mov %r15d, (%r14)"
    apic_site apic_write, r15, APIC, rax, "movl $0, 0x80(%r15)"
    table_end apic_write

    table   eoi
    apic_site eoi, rax, APIC+0xb0, rcx, "movl $0, (%rax)"
    apic_site eoi, rcx, APIC, rdi, "movl $0, 0xb0(%rcx)"
    apic_site eoi, rdx, APIC+0x1000, rsi, "movl $0, -0xf50(%rdx)"
    apic_site eoi, rbx, APIC+0xb0, rbp, "mov %r8d, (%rbx)"
    apic_site eoi, rbp, APIC+0x30, r9, "mov %eax, 0x80(%rbp)"
    apic_site eoi, rsi, APIC, r10, "mov %edx, 0xb0(%rsi)"
    apic_site eoi, r8, APIC+0xa0, r11, "movl $0, 0x10(%r8)"
    apic_site eoi, r13, APIC+0xb0, r12, "mov %ecx, (%r13)"
    table_end eoi

/* ---- ports, all of which trap=pio traps ---- */
    .macro port_site table, port, counter, value, insn, then
    site    \table
    mov     %rdi, %\counter
    mov     $\port, %edx
    mov     $\value, %eax
1:  \insn
    \then
    again   \counter
    .endm

    table   pio_in
    port_site pio_in, 0x80, rcx, 0, "in $0x80, %al"
    port_site pio_in, 0x3fd, rdi, 0, "in %dx, %al"
    port_site pio_in, 0xcf8, rsi, 0, "in %dx, %eax"
    port_site pio_in, 0x61, rbx, 0, "in $0x61, %al"
    port_site pio_in, 0xcfc, rbp, 0, "in %dx, %ax"
    port_site pio_in, 0x3fb, r8, 0, "in %dx, %al"
    port_site pio_in, 0x40, r9, 0, "in $0x40, %al"
    port_site pio_in, 0xcfc, r10, 0, "in %dx, %eax"
    port_site pio_in, 0x21, r11, 0, "in %dx, %al"
    port_site pio_in, 0x71, r12, 0, "in $0x71, %al"
    table_end pio_in

    table   pio_out
    port_site pio_out, 0x80, rcx, 0x11, "out %al, $0x80"
    port_site pio_out, 0x3ff, rdi, 0x5a, "out %al, %dx"
    port_site pio_out, 0xcf8, rsi, 0x80000000, "out %eax, %dx"
    port_site pio_out, 0xed, rbx, 0x22, "out %al, $0xed"
    port_site pio_out, 0x3c4, rbp, 0x0302, "out %ax, %dx"
    port_site pio_out, 0x3ff, r8, 0xa5, "out %al, %dx"
    port_site pio_out, 0x80, r9, 0x33, "out %al, %dx"
    port_site pio_out, 0xcf8, r10, 0x80000800, "out %eax, %dx"
    port_site pio_out, 0x70, r11, 0x0f, "out %al, $0x70"
    port_site pio_out, 0x3c4, r12, 0x0302, "out %ax, %dx"
    table_end pio_out

/*
 * ---- lapic-module: many different instructions, each performed once per call, as a kernel module's accesses would be.
 * Addressing modes, registers, sizes (reads: 1, 2, 4 bytes; stores: 4) and what is done with the value all differ.
 */
    .macro lapic base, address, insn, then
    site    lapic_module
    movabs  $\address, %\base
    \insn
    \then
    ret
    .endm

    table   lapic_module
    lapic   rax, APIC+0x80, "mov (%rax), %ecx"
    lapic   rcx, APIC, "mov 0x30(%rcx), %edx"
    lapic   rdx, APIC, "mov 0xf0(%rdx), %edx"
    lapic   rbx, APIC+0x1000, "mov -0xce0(%rbx), %esi"
    lapic   rbp, APIC, "mov 0x390(%rbp), %edi"
    lapic   rsi, APIC+0x40, "mov 0x40(%rsi), %r8d"
    lapic   rdi, APIC, "mov 0x300(%rdi), %r9d"
    lapic   r8, APIC+0x10, "mov 0x10(%r8), %ebp"
    lapic   r9, APIC, "mov 0x350(%r9), %ebx"
    lapic   r10, APIC+0x3e0, "mov (%r10), %eax"
    lapic   r11, APIC, "mov 0x370(%r11), %r10d"
    lapic   r12, APIC+0xd0, "mov (%r12), %r11d"
    lapic   r13, APIC+0xe0, "mov (%r13), %r12d"
    lapic   r14, APIC, "mov 0x200(%r14), %r13d"
    lapic   r15, APIC-0x200, "mov 0x300(%r15), %r14d"
    lapic   rcx, APIC/4, "mov 0x80(, %rcx, 4), %eax"
    lapic   rdx, APIC/8, "mov 0x30(, %rdx, 8), %r15d"
    lapic   rsi, APIC/2, "mov 0x80(%rsi, %rsi), %ecx"
    lapic   r9, APIC/2, "mov 0x320(%r9, %r9, 1), %edx"
    lapic   rax, APIC, "mov $0x20, %r8d", "mov (%rax, %r8, 4), %r9d"
    lapic   rbx, APIC, "mov $0x1c, %ecx", "mov 0x10(%rbx, %rcx, 4), %eax"
    lapic   r12, APIC, "mov $8, %r13d", "mov -0x10(%r12, %r13, 8), %esi"
    lapic   rdi, APIC+0x20, "movzbl (%rdi), %eax"
    lapic   rsi, APIC+0x30, "movzwl (%rsi), %ecx"
    lapic   r8, APIC+0x80, "movzbl (%r8), %r9d"
    lapic   r11, APIC, "movzwl 0x32(%r11), %ebx"
    lapic   rbp, APIC, "movsbl 0x80(%rbp), %edx"
    lapic   rdx, APIC, "movswl 0x30(%rdx), %r10d"
    lapic   r14, APIC+0x30, "movslq (%r14), %rdi"
    lapic   rcx, APIC+0x30, "mov (%rcx), %al"
    lapic   r15, APIC+0x32, "mov (%r15), %r8b"
    lapic   rax, APIC+0x30, "mov (%rax), %bx"
    lapic   r10, APIC, "mov 0xf0(%r10), %r11w"
    lapic   rsi, APIC, "add 0x30(%rsi), %eax"
    lapic   r9, APIC+0x80, "add (%r9), %r10d"
    lapic   rdi, APIC, "sub 0xf0(%rdi), %ecx"
    lapic   r13, APIC+0x30, "and (%r13), %edx"
    lapic   rbx, APIC, "or 0x320(%rbx), %r12d"
    lapic   rcx, APIC+0x3e0, "xor (%rcx), %ebx"
    lapic   r8, APIC, "adc 0x80(%r8), %esi"
    lapic   rdx, APIC, "sbb 0x30(%rdx), %r14d"
    lapic   rax, APIC+0x30, "cmp (%rax), %edi"
    lapic   rbp, APIC, "cmp %eax, 0xf0(%rbp)"
    lapic   r11, APIC, "cmpl $0x20, 0x80(%r11)"
    lapic   rsi, APIC+0xf0, "cmpb $0xff, (%rsi)"
    lapic   r15, APIC+0x30, "cmpl $0x50014, (%r15)"
    lapic   rdi, APIC, "testl $0x1000, 0x300(%rdi)"
    lapic   r12, APIC, "test %ecx, 0x390(%r12)"
    lapic   rbx, APIC+0x300, "testb $0x10, 1(%rbx)"
    lapic   r9, APIC, "testl $0x10000, 0x350(%r9)"
    lapic   rcx, APIC+0x30, "cmovz (%rcx), %eax"
    lapic   r10, APIC, "cmovnz 0x80(%r10), %r13d"
    lapic   rax, APIC, "bt $12, %eax", "btl $12, 0x300(%rax)"
    lapic   r14, APIC+0x30, "btl $3, (%r14)"
    lapic   rdx, APIC, "imul $3, 0x30(%rdx), %eax"
    lapic   rsi, APIC+0x30, "imul (%rsi), %ecx"
    lapic   rbx, APIC+0x30, "pushw (%rbx)", "add $2, %rsp"
    lapic   r8, APIC+0x80, "mov %eax, (%r8)"
    lapic   rcx, APIC, "movl $0x30, 0x80(%rcx)"
    lapic   rax, APIC+0x1000, "mov %rcx, %rdx", "mov %edx, -0xf80(%rax)"
    lapic   r13, APIC, "mov %r14d, 0x80(%r13)"
    lapic   rdi, APIC+0x370, "movl $0x100fe, (%rdi)"
    lapic   rbp, APIC, "movl $0x10031, 0x320(%rbp)"
    lapic   rdx, APIC, "mov %ebx, 0x310(%rdx)"
    lapic   r15, APIC+0xb0, "movl $0, (%r15)"
    lapic   rsi, APIC, "mov %ecx, 0xb0(%rsi)"
    lapic   rbx, APIC/4, "mov %r9d, 0x80(, %rbx, 4)"
    lapic   r11, APIC, "mov $4, %ecx", "movl $0x40, 0x60(%r11, %rcx, 8)"
    lapic   r12, APIC+0x280, "mov %edi, (%r12)"
    lapic   rax, APIC, "orl $0x10, 0x80(%rax)"
    lapic   r9, APIC, "andl $0xf0, 0x80(%r9)"
    lapic   rcx, APIC+0x80, "xor %edx, (%rcx)"
    lapic   r10, APIC, "addl $0x10, 0x80(%r10)"
    lapic   rdi, APIC+0x80, "incl (%rdi)"
    lapic   r14, APIC+0x80, "btsl $4, (%r14)"
    lapic   rsi, APIC, "mov $0x20, %eax", "xchg %eax, 0x80(%rsi)"
    lapic   rsi, APIC+0x30, "lodsl (%rsi), %eax"
    lapic   rdi, APIC+0x80, "mov $0, %eax", "stosl %eax, (%rdi)"
    table_end lapic_module

/* ---- self-modify: each op first changes the instruction that exits, between two forms ---- */
    .macro self_modify_site counter, mask, insn
    site    self_modify
    mov     %rdi, %\counter
    mov     $APIC, %eax
1:  xorl    $\mask, 2f(%rip)
    jmp     2f
2:  \insn
    again   \counter
    .endm

    table   self_modify         /* 8B /r disp32: the mask changes the destination and the register of the LAPIC */
    self_modify_site rsi, 0xb01800, "mov 0x80(%rax), %ecx"
    self_modify_site r8, 0x702800, "mov 0x80(%rax), %edx"
    self_modify_site r9, 0xb00800, "mov 0x80(%rax), %ebx"
    self_modify_site r10, 0x702000, "mov 0x80(%rax), %ecx"
    self_modify_site r11, 0xb02800, "mov 0x80(%rax), %edi"
    self_modify_site rsi, 0x703800, "mov 0x80(%rax), %ebp"
    table_end self_modify

/* ---- cpuid-leaves: one CPUID asks for what the counter says, another thing each time, as C libraries do ---- */
    .macro cpuid_leaves_site counter, leaf, mask
    site    cpuid_leaves
    mov     %rdi, %\counter
1:  mov     $\leaf, %eax
    mov     %\counter, %rcx
    and     $\mask, %ecx
    cpuid
    again   \counter
    .endm

    .macro cpuid_names_site counter, leaf, mask
    site    cpuid_leaves
    mov     %rdi, %\counter
1:  mov     %\counter, %rax
    and     $\mask, %eax
    or      $\leaf, %eax
    cpuid
    again   \counter
    .endm

    table   cpuid_leaves
    cpuid_leaves_site rsi, 4, 3
    cpuid_leaves_site r8, 0xb, 1
    cpuid_leaves_site r9, 0xd, 7
    cpuid_leaves_site r10, 2, 0xff
    cpuid_names_site r11, 0x80000002, 1
    cpuid_names_site rdi, 0, 7
    table_end cpuid_leaves

    .section .note.GNU-stack, "", @progbits
