/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way out of the guest and back in. HOST_RSP points at the struct vcpu of struct cpu, right above Exeunt's stack: no
 * register is needed to find where the guest's go, and calls can be made at once.
 *
 * Two versions are assembled: with the two RDTSC of timing=on, and without any (timing=off). vmx_launch() picks one by
 * the HOST_RIP that it was given.
 *
 * Between vmx_entry_check and vmx_entry_end, and between vmx_code_check and vmx_code_resume_end, an NMI must not be
 * lost: its handler (vmx/host.c) sets `attention` and sends execution back to vmx_entry_again or vmx_code_again, which
 * is safe because nothing there changes RSP or what is stored.
 */
#include "offsets.h"

/* VMCS fields (vmx/vmcs_fields.def). Each was read with a check when this CPU was set up (vmcs_check_fields()), so that here none can fail. */
#define GUEST_PHYSICAL_ADDRESS 0x2400
#define EXIT_REASON 0x4402
#define IDT_VECTORING_INFO 0x4408
#define EXIT_INSTRUCTION_LENGTH 0x440c
#define GUEST_CS_ACCESS 0x4816
#define GUEST_INTERRUPTIBILITY 0x4824
#define EXIT_QUALIFICATION 0x6400
#define GUEST_CR3 0x6802
#define GUEST_FS_BASE 0x680e
#define GUEST_GS_BASE 0x6810
#define GUEST_RSP 0x681c
#define GUEST_RIP 0x681e
#define GUEST_RFLAGS 0x6820

#define NOT_QUICK_FLAGS 0x50100    /* AC, RF, TF */
#define BLOCKING_BY_STI_MOV_SS 3
/* SDM "Exit Qualification for EPT Violations": the access itself, of data, with a linear address, not by an IRET. */
#define VIOLATION_KIND 0x1184
#define VIOLATION_DATA 0x180

/* lib/vmx_ops.h; flags are changed */
    .macro count_vmread
#ifdef COUNT_VMX_OPS
    incq vmx_ops(%rip)
#endif
    .endm
    .macro count_vmwrite
#ifdef COUNT_VMX_OPS
    pushfq
    incq vmx_ops+8(%rip)
    popfq
#endif
    .endm

    .macro store_other_registers
    movq %rbx, VCPU_RBX(%rsp)
    movq %rbp, VCPU_RBP(%rsp)
    movq %rsi, VCPU_RSI(%rsp)
    movq %rdi, VCPU_RDI(%rsp)
    movq %r8, VCPU_R8(%rsp)
    movq %r9, VCPU_R9(%rsp)
    movq %r10, VCPU_R10(%rsp)
    movq %r11, VCPU_R11(%rsp)
    movq %r12, VCPU_R12(%rsp)
    movq %r13, VCPU_R13(%rsp)
    movq %r14, VCPU_R14(%rsp)
    movq %r15, VCPU_R15(%rsp)
    .endm

    .macro load_other_registers
    movq VCPU_RBX(%rsp), %rbx
    movq VCPU_RBP(%rsp), %rbp
    movq VCPU_RSI(%rsp), %rsi
    movq VCPU_RDI(%rsp), %rdi
    movq VCPU_R8(%rsp), %r8
    movq VCPU_R9(%rsp), %r9
    movq VCPU_R10(%rsp), %r10
    movq VCPU_R11(%rsp), %r11
    movq VCPU_R12(%rsp), %r12
    movq VCPU_R13(%rsp), %r13
    movq VCPU_R14(%rsp), %r14
    movq VCPU_R15(%rsp), %r15
    .endm

    /* TSC to a slot; rax, rdx */
    .macro take_time timed slot
    .if \timed
    rdtsc
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, \slot(%rsp)
    .endif
    .endm

    .macro load_guest_registers timed
    movq VCPU_RCX(%rsp), %rcx
    load_other_registers
    take_time \timed, CPU_ENTERED
    movq VCPU_RDX(%rsp), %rdx
    movq VCPU_RAX(%rsp), %rax
    .endm

    .text

/*
 * The quick way, for exits that a translation serves (SPEC 7): finds it by RIP, proves that it is for this exit and that
 * all it depends on holds, and runs it. What is not so goes the long way, where emul/site.c asks the same questions.
 * Guest's rax, rcx, rdx are stored; rcx = struct translation from the moment that one is found.
 */
    .macro read field to
    movl $\field, %edx
    vmread %rdx, \to
    count_vmread
    .endm

    .macro find_translation miss
    movl $GUEST_RIP, %ecx
    vmread %rcx, %rdx
    count_vmread
    movl $EXIT_REASON, %ecx
    vmread %rcx, %rax
    count_vmread
    imull $T_HASH, %edx, %ecx
    shrl $T_SHIFT, %ecx
    imulq $2*T_SIZE, %rcx, %rcx
    addq CPU_CODE_TABLE(%rsp), %rcx
    cmpq %rdx, T_RIP(%rcx)
    jne 3f
1:  cmpl %eax, T_REASON(%rcx)
    jne \miss
    testl $~CHORE_PERIOD, CPU_CHORES(%rsp) /* the preemption timer sees to that one */
    jnz \miss
    read GUEST_CS_ACCESS %rax
    cmpl %eax, T_MODE(%rcx)
    jne \miss
    read GUEST_INTERRUPTIBILITY %rax
    testb $BLOCKING_BY_STI_MOV_SS, %al
    jnz \miss
    read GUEST_RFLAGS %rax
    testl $NOT_QUICK_FLAGS, %eax
    jnz \miss
    movq %rax, VCPU_RFLAGS(%rsp)
    jmp *T_CHECK(%rcx)
    /* The second place. */
3:  addq $T_SIZE, %rcx
    cmpq %rdx, T_RIP(%rcx)
    je 1b
    jmp \miss
    .endm

    .macro check_detail field miss
    read \field %rax
    xorq T_EXPECT(%rcx), %rax
    testq %rax, T_EXPECT_MASK(%rcx)
    jnz \miss
    .endm

    /* An EPT violation by the instruction's own access to data. */
    .macro check_data_access miss
    read EXIT_QUALIFICATION %rax
    andl $VIOLATION_KIND, %eax
    cmpl $VIOLATION_DATA, %eax
    jne \miss
    read IDT_VECTORING_INFO %rax
    testl %eax, %eax
    js \miss
    .endm

    /* RIP leads to the page that it led to, and the page has not been written. */
    .macro check_code miss
    read GUEST_CR3 %rax
    cmpq %rax, CPU_SPACE(%rsp)
    je 8f
    call vmx_other_space
    jne \miss
8:  movl T_WALK_INDEX(%rcx), %edx
    addq CPU_SPACE+SPACE_TABLE(%rsp), %rdx
    movq T_VALUE(%rcx), %rax
    cmpq %rax, (%rdx)
    jne \miss
    .irp level, 1, 2, 3
    movq T_ENTRY+8*\level(%rcx), %rdx
    movq T_VALUE+8*\level(%rcx), %rax
    cmpq %rax, (%rdx)
    jne \miss
    .endr
    movq T_PAGE(%rcx), %rdx
    movl T_GENERATION(%rcx), %eax
    cmpl %eax, PAGE_GENERATION(%rdx)
    jne \miss
    cmpl $PAGE_READ_ONLY, PAGE_STATE(%rdx)
    jne \miss
    .endm

    /* The same for all further pages: words of memory that have not changed. */
    .macro check_words miss
    movq T_WORD(%rcx), %rdx
    jmp 7f
6:  movq (%rax), %rax
    cmpq %rax, 8(%rdx)
    jne \miss
    addq $16, %rdx
7:  movq (%rdx), %rax
    testq %rax, %rax
    jnz 6b
    .endm

    /* exit_trace() of vmx/exit_trace.h: a time in rax to the tally at rdx; all registers are kept. */
    .macro trace_time
#ifdef EXEUNT_TRACE_EXITS
    pushq %rcx
    pushq %rsi
    pushq %rax
    pushq %rdx
    subq $8, %rsp
    movb $0xf7, 7(%rsp) /* EXIT_TRACE_TIME */
    leaq 7(%rsp), %rsi
    movl $17, %ecx
    movl $0xe9, %edx
    rep outsb
    addq $8, %rsp
    popq %rdx
    popq %rax
    popq %rsi
    popq %rcx
#endif
    .endm

    /* tally_note() of lib/statistics.h: a time in rax to what is at rdx; rax, rbx, rcx, rdx are changed. */
    .macro tally_note
    trace_time
    movq %rax, %rbx
    orq $1, %rbx
    bsrq %rbx, %rcx
    rorq %cl, %rbx
    shldq $2, %rbx, %rcx
    movq TALLY_BUCKET(%rdx), %rbx
    incq (%rbx,%rcx,8)
    cmpq %rax, TALLY_MIN(%rdx)
    jbe 1f
    movq %rax, TALLY_MIN(%rdx)
1:  cmpq %rax, TALLY_MAX(%rdx)
    jae 1f
    movq %rax, TALLY_MAX(%rdx)
1:  movq %rdx, %rbx
    mulq %rax
    addq %rax, TALLY_SQUARES(%rbx)
    adcq %rdx, TALLY_SQUARES+8(%rbx)
    .endm

    /* statistics_exit(), as in vmx/exit_statistics.h; this exit is put down to the translation. */
    .macro count_time
    movq %rbx, VCPU_RBX(%rsp)
    movq CPU_STATISTICS_SERVED(%rsp), %rbx
    movq %rcx, CPU_STATISTICS_SERVED(%rsp)
    movq CPU_ENTERED(%rsp), %rax
    subq CPU_STATISTICS_ACCOUNTED(%rsp), %rax
    incq ACCOUNT_COUNT(%rbx)
    addq %rax, ACCOUNT_TIME(%rbx)
    movq ACCOUNT_TALLY(%rbx), %rdx
    tally_note
    leaq CPU_STATISTICS_GUEST(%rsp), %rdx
    movq CPU_EXITED(%rsp), %rax
    movq %rax, CPU_STATISTICS_ACCOUNTED(%rsp)
    subq CPU_ENTERED(%rsp), %rax
    tally_note
    movq CPU_STATISTICS_SERVED(%rsp), %rcx
    movq VCPU_RBX(%rsp), %rbx
    .endm

    /* One more use. */
    .macro count_use timed
    .if \timed
    count_time
    .else
    incq ACCOUNT_COUNT(%rcx)
    .endif
    .endm

    .macro read_rsp_if_used
    cmpl $0, T_USES_RSP(%rcx)
    je 1f
    read GUEST_RSP %rax
    movq %rax, VCPU_RSP(%rsp)
1:
    .endm

    /* place_at() of cache/places.h: rax = what the exit is about; rdx = the place, where that is the one that it is for */
    .macro find_place miss
    movl %eax, %edx
    shrl $PLACE_PORT_TO_REGISTER, %edx
    xorl %eax, %edx
    andl $(PLACE_SLOTS-1) << 4, %edx
    leaq (%rdx,%rdx,2), %rdx
    addq T_PLACES(%rcx), %rdx
    cmpq %rax, PLACE_WHERE(%rdx)
    jne \miss
    .endm

    /* site_aim(): rdx = place; rax is changed. */
    .macro aim_at_register
    movq PLACE_HOST(%rdx), %rax
    movq %rax, FRAME_EXIT_HOST(%rsp)
    negq %rax
    sbbq %rax, %rax
    negq %rax
    movq %rax, FRAME_EXIT_LIMIT(%rsp)
    .endm

    /* As run_translation, for one that serves several places: the exit is put down to its place. */
    .macro run_at_place field timed miss aim=
    decl T_USES_TO_COMPARE(%rcx)
    jz 5f
4:  check_detail \field, \miss
    xorq T_EXPECT(%rcx), %rax
    find_place \miss
    movq %rcx, FRAME_RUNNING(%rsp)
    \aim
    movq %rdx, %rcx
    count_use \timed
    movq FRAME_RUNNING(%rsp), %rcx
    jmp *T_CODE(%rcx)
5:  call vmx_compare
    jnz 4b
    jmp \miss
    .endm

    .macro run_translation timed miss
    decl T_USES_TO_COMPARE(%rcx)
    jz 5f
4:  count_use \timed
    movq %rcx, FRAME_RUNNING(%rsp)
    jmp *T_CODE(%rcx)
    /* Now and then its bytes are compared. */
5:  call vmx_compare
    jnz 4b
    jmp \miss
    .endm

    .macro quick_stub name timed
    .globl vmx_exit_quick_\name
    .balign 64
vmx_exit_quick_\name:
    movq %rax, VCPU_RAX(%rsp)
    movq %rdx, VCPU_RDX(%rsp)
    take_time \timed, CPU_EXITED
    movq %rcx, VCPU_RCX(%rsp)
    find_translation vmx_exit_slow_\name

    .globl vmx_check_ept_\name, vmx_check_io_\name, vmx_check_alone_\name, vmx_check_ept_far_\name, vmx_check_io_far_\name
    .globl vmx_check_ept_any_\name, vmx_check_io_any_\name
    /* Code in several pages, or code that needs RSP. */
vmx_check_ept_far_\name:
    check_words vmx_exit_slow_\name
    read GUEST_RSP %rax
    movq %rax, VCPU_RSP(%rsp)
vmx_check_ept_\name:
    check_detail GUEST_PHYSICAL_ADDRESS, vmx_exit_slow_\name
    check_data_access vmx_exit_slow_\name
2:  check_code vmx_exit_slow_\name
    run_translation \timed, vmx_exit_slow_\name

vmx_check_io_far_\name:
    check_words vmx_exit_slow_\name
    read GUEST_RSP %rax
    movq %rax, VCPU_RSP(%rsp)
vmx_check_io_\name:
    check_detail EXIT_QUALIFICATION, vmx_exit_slow_\name
    jmp 2b

    /* For several ports or registers. */
vmx_check_ept_any_\name:
    check_data_access vmx_exit_slow_\name
    check_words vmx_exit_slow_\name
    read_rsp_if_used
    check_code vmx_exit_slow_\name
    run_at_place GUEST_PHYSICAL_ADDRESS, \timed, vmx_exit_slow_\name, aim_at_register

vmx_check_io_any_\name:
    check_words vmx_exit_slow_\name
    read_rsp_if_used
    check_code vmx_exit_slow_\name
    run_at_place EXIT_QUALIFICATION, \timed, vmx_exit_slow_\name

    /* The exit itself says all: what is done, and how long the instruction is. */
vmx_check_alone_\name:
    check_detail EXIT_QUALIFICATION, vmx_exit_slow_\name
    read EXIT_INSTRUCTION_LENGTH %rax
    cmpw %ax, T_LENGTH(%rcx)
    jne vmx_exit_slow_\name
    run_translation \timed, vmx_exit_slow_\name
    .endm

/*
 * The same question, in rax, as the last time, and nothing has changed that the answer hangs on (vmx/answers.h). The exit reason
 * says what the instruction is, its length where it ends.
 */
    .macro check_answer name timed
    xorq T_EXPECT(%rcx), %rax
    testq %rax, T_EXPECT_MASK(%rcx)
    jne vmx_exit_slow_\name
    movl CPU_ANSWERS(%rsp), %eax
    cmpl %eax, T_EPOCH(%rcx)
    jne vmx_exit_slow_\name
    read EXIT_INSTRUCTION_LENGTH %rax
    cmpw %ax, T_LENGTH(%rcx)
    jne vmx_exit_slow_\name
    count_use \timed
    movl T_VALUE(%rcx), %eax
    movq %rax, VCPU_RAX(%rsp)
    movl T_VALUE+24(%rcx), %edx
    .endm

    /* RIP goes on; 32 bits of it outside 64-bit code. */
    .macro answered name
    movq %rdx, VCPU_RDX(%rsp)
    movzwl T_LENGTH(%rcx), %eax
    addq T_RIP(%rcx), %rax
    jmp vmx_code_end_\name
    .endm

    .macro answer_stub name timed
    .globl vmx_check_cpuid_\name, vmx_check_rdmsr_\name, vmx_check_vmcall_\name
vmx_check_cpuid_\name:
    movl VCPU_RCX(%rsp), %eax
    movl VCPU_RAX(%rsp), %edx
    shlq $32, %rax
    orq %rdx, %rax
    check_answer \name, \timed
    movl T_VALUE+8(%rcx), %ebx
    movl T_VALUE+16(%rcx), %eax
    movq %rax, VCPU_RCX(%rsp)
    answered \name

vmx_check_rdmsr_\name:
    movl VCPU_RCX(%rsp), %eax
    shlq $32, %rax
    check_answer \name, \timed
    answered \name

vmx_check_vmcall_\name:
    movl VCPU_RAX(%rsp), %eax
    check_answer \name, \timed
    movq VCPU_RDX(%rsp), %rdx
    answered \name
    .endm

    .macro exit_stub name timed
    .globl vmx_exit_\name
    .balign 64
vmx_exit_\name:
    movq %rax, VCPU_RAX(%rsp)
    movq %rdx, VCPU_RDX(%rsp)
    take_time \timed, CPU_EXITED
    movq %rcx, VCPU_RCX(%rsp)
    .globl vmx_exit_slow_\name
vmx_exit_slow_\name:
    store_other_registers
    leaq -CPU_VCPU(%rsp), %rdi
    call exit_handle_\name
    .globl vmx_entry_check_\name
vmx_entry_check_\name:
    cmpl $0, CPU_ATTENTION(%rsp)
    jne vmx_entry_again_\name
    load_guest_registers \timed
    vmresume
    .globl vmx_entry_end_\name
vmx_entry_end_\name:
    /* VMRESUME fell through: CF or ZF says how it failed. */
    jmp vmx_entry_failed

    .globl vmx_entry_again_\name
vmx_entry_again_\name:
    leaq -CPU_VCPU(%rsp), %rdi
    call exit_attend
    jmp vmx_entry_check_\name

    /* Translated code leaves (emul/translate.h): rax = guest RIP; guest's rax, rcx, rdx are stored */
    .globl vmx_code_end_dirty_\name
vmx_code_end_dirty_\name:
    cmpl $0, VCPU_DIRTY(%rsp)
    jne 2f
    movl $0, VCPU_HAVE(%rsp)
    .globl vmx_code_end_\name
vmx_code_end_\name:
    movl $GUEST_RIP, %ecx
    vmwrite %rax, %rcx
    count_vmwrite
    jbe vmwrite_failed_rcx
    .globl vmx_code_check_\name
vmx_code_check_\name:
    cmpl $0, CPU_ATTENTION(%rsp)
    jne vmx_code_again_\name
    take_time \timed, CPU_ENTERED
    movq VCPU_RCX(%rsp), %rcx
    movq VCPU_RDX(%rsp), %rdx
    movq VCPU_RAX(%rsp), %rax
    vmresume
    .globl vmx_code_resume_end_\name
vmx_code_resume_end_\name:
    jmp vmx_entry_failed

2:  testl $~PART_RFLAGS, VCPU_DIRTY(%rsp)
    jnz 4f
3:  movl $GUEST_RFLAGS, %ecx
    movq VCPU_RFLAGS(%rsp), %rdx
    vmwrite %rdx, %rcx
    jbe vmwrite_failed_rcx
    count_vmwrite
5:  movl $0, VCPU_DIRTY(%rsp)
    movl $0, VCPU_HAVE(%rsp)
    jmp vmx_code_end_\name
4:  testl $~(PART_RFLAGS | PART_RSP), VCPU_DIRTY(%rsp)
    jnz 6f
    movl $GUEST_RSP, %ecx
    movq VCPU_RSP(%rsp), %rdx
    vmwrite %rdx, %rcx
    jbe vmwrite_failed_rcx
    count_vmwrite
    testl $PART_RFLAGS, VCPU_DIRTY(%rsp)
    jnz 3b
    jmp 5b

    /* More is to be written back, or delivered. */
6:  movq %rax, VCPU_RIP(%rsp)
    orl $PART_RIP, VCPU_HAVE(%rsp)
    orl $PART_RIP, VCPU_DIRTY(%rsp)
    .globl vmx_code_care_\name
vmx_code_care_\name:
    store_other_registers
    leaq -CPU_VCPU(%rsp), %rdi
    call exit_finish
    jmp vmx_entry_check_\name

    /* The code is watched: the same, with a look at where it left. */
    .globl vmx_code_side_\name
vmx_code_side_\name:
    movq %rax, VCPU_RIP(%rsp)
    orl $PART_RIP, VCPU_HAVE(%rsp)
    orl $PART_RIP, VCPU_DIRTY(%rsp)
    store_other_registers
    leaq -CPU_VCPU(%rsp), %rdi
    call exit_left
    jmp vmx_entry_check_\name

    /* The VMCS has RIP and the flags; struct vcpu has not. */
    .globl vmx_code_again_\name
vmx_code_again_\name:
    store_other_registers
    movl $0, VCPU_HAVE(%rsp)
    leaq -CPU_VCPU(%rsp), %rdi
    call exit_attend
    jmp vmx_entry_check_\name
    .endm

    exit_stub timed, 1
    exit_stub plain, 0
    quick_stub timed, 1
    quick_stub plain, 0
    answer_stub timed, 1
    answer_stub plain, 0

/*
 * Called on the quick way, where the address space is not that of the exit before: rax = CR3. ZF: it is another one of
 * those that were found good (vmx/spaces.h), and is the one to look in now. rax, rdx are changed.
 */
vmx_other_space:
    leaq 8+CPU_OTHER_SPACES(%rsp), %rdx
1:  cmpq %rax, (%rdx)
    je 2f
    addq $SPACE_SIZE, %rdx
    cmpq $0, SPACE_TABLE(%rdx)
    jne 1b
    testq %rsp, %rsp /* none: ZF is clear */
    ret
2:  movq %rax, 8+CPU_SPACE(%rsp)
    movq SPACE_TABLE(%rdx), %rax
    movq %rax, 8+CPU_SPACE+SPACE_TABLE(%rsp)
    movq %rax, 8+FRAME_TABLE(%rsp)
    cmpq %rax, %rax
    ret

/* Called on the quick way. rcx = struct translation, kept; ZF: it must not be used. rax, rdx are changed. */
vmx_compare:
    pushq %rcx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    leaq 64-CPU_VCPU(%rsp), %rdi
    movq %rcx, %rsi
    call exit_site_compare
    testb %al, %al
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rcx
    ret

/* _Noreturn void vmx_run(const void *code, struct vcpu *): translated code instead of an entry; leaves the stack */
    .globl vmx_run
vmx_run:
    movq %rsi, %rsp
    movq %rdi, %rax
    load_other_registers
    jmp *%rax

/* frame.segment_base (emul/translated.S): rcx = struct code_reach; r8 = base of FS or GS. rax is changed. */
    .globl vmx_segment_base
vmx_segment_base:
    movl $GUEST_FS_BASE, %eax
    movl $GUEST_GS_BASE, %r8d
    testl $(SEG_FS ^ SEG_GS) << 16, %ecx
    cmovnzl %r8d, %eax
    vmread %rax, %r8
    count_vmread
    ret

/* void vmx_launch(struct cpu *): enters the guest for the first time; comes back only by exits. rdi = cpu */
    .globl vmx_launch
vmx_launch:
    leaq CPU_VCPU(%rdi), %rsp
    load_guest_registers 1
    vmlaunch
vmx_entry_failed:
    leaq -CPU_VCPU(%rsp), %rdi
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
