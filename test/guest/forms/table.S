/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The forms. Operand at (B), scratch at (T) with 128 bytes on both sides, FS:40H is the operand too. A form may use all
 * registers but the stack pointer, which it keeps in `saved` while it lies elsewhere.
 */
#ifdef __x86_64__
#define A %rax
#define C %rcx
#define D %rdx
#define B %rbx
#define SP %rsp
#define T %rbp
#define SI %rsi
#define DI %rdi
#define WORD .quad
#define WIDE 1
#define BYTES 8
#else
#define A %eax
#define C %ecx
#define D %edx
#define B %ebx
#define SP %esp
#define T %ebp
#define SI %esi
#define DI %edi
#define WORD .long
#define WIDE 0
#define BYTES 4
#endif

#define CF 0x001
#define PF 0x004
#define AF 0x010
#define ZF 0x040
#define SF 0x080
#define DF 0x400
#define OF 0x800
#define ALL (CF | PF | AF | ZF | SF | DF | OF)

    .macro form name, flags=ALL
    .pushsection .rodata.forms, "a"
.Lname\@:
    .asciz "\name"
    .popsection
    .pushsection .data.forms, "aw"
    WORD .Lcode\@, .Lname\@, \flags
    .popsection
.Lcode\@:
    .endm

    .section .data.forms, "aw"
    .balign 8
    .globl forms
forms:
    .section .data.saved, "aw"
saved:
    WORD 0
    .text

/* One instruction by its operand sizes: name, flags, instruction without suffix, source operands for each size. */
    .macro end
    ret
    .endm

    .macro reg_mem op, flags
    form "\op\()b-store", \flags
    \op\()b %cl, (B)
    end
    form "\op\()b-high", \flags
    \op\()b %ch, 1(B)
    end
    form "\op\()w-store", \flags
    \op\()w %cx, (B)
    end
    form "\op\()l-store", \flags
    \op\()l %ecx, (B)
    end
    .if WIDE
    form "\op\()q-store", \flags
    \op\()q %rcx, (B)
    end
    .endif
    .endm

    .macro mem_reg op, flags
    form "\op\()b-load", \flags
    \op\()b (B), %dl
    end
    form "\op\()w-load", \flags
    \op\()w (B), %dx
    end
    form "\op\()l-load", \flags
    \op\()l (B), %edx
    end
    .if WIDE
    form "\op\()q-load", \flags
    \op\()q (B), %rdx
    end
    .endif
    .endm

    .macro imm_mem op, flags
    form "\op\()b-imm", \flags
    \op\()b $0x5a, (B)
    end
    form "\op\()w-imm", \flags
    \op\()w $0x1234, (B)
    end
    form "\op\()l-imm", \flags
    \op\()l $0x89abcdef, (B)
    end
    .if WIDE
    form "\op\()q-imm", \flags
    \op\()q $-0x12345678, (B)
    end
    .endif
    .endm

    .macro one_mem op, flags
    form "\op\()b", \flags
    \op\()b (B)
    end
    form "\op\()w", \flags
    \op\()w (B)
    end
    form "\op\()l", \flags
    \op\()l (B)
    end
    .if WIDE
    form "\op\()q", \flags
    \op\()q (B)
    end
    .endif
    .endm

    /* Moves. */
    reg_mem mov, ALL
    mem_reg mov, ALL
    imm_mem mov, ALL
    form "mov-indexed"
    movl    $3, %esi
    movl    %ecx, -12(B,SI,4)
    end
    .irp op, movzbl, movsbl, movzwl, movswl
    form "\op"
    \op  (B), %edx
    end
    .endr
    form "movzbw"
    movzbw  (B), %dx
    end
    form "movsbw"
    movsbw  (B), %dx
    end
#ifdef __x86_64__
    form "movzbq"
    movzbq  (B), %rdx
    end
    form "movswq"
    movswq  (B), %rdx
    end
    form "movslq"
    movslq  (B), %rdx
    end
    form "movq-r9"
    movq    (B), %r9
    movq    %r9, (T)
    movq    %r9, 8(B)
    end
    form "movb-sil"
    movb    %sil, (B)
    end
    form "movntiq"
    movntiq %rcx, (B)
    end
    form "movbeq-load"
    movbeq  (B), %rdx
    end
    form "movbeq-store"
    movbeq  %rdx, (B)
    end
    form "moffs-load"
    .byte 0x64, 0xa1
    .quad 0x40
    end
    form "moffs-store-q"
    .byte 0x64, 0x48, 0xa3
    .quad 0x40
    end
    form "push-q"
    pushq   (B)
    popq    %rdx
    end
    form "pop-q"
    pushq   %rcx
    popq    (B)
    end
    form "cmpxchg16b"
    movq    (B), %rax
    movq    8(B), %rdx
    movq    %rbx, %rsi
    movq    %rax, %rbx
    notq    %rbx
    cmpxchg16b (%rsi)
    end
    form "lock-cmpxchg16b-differs"
    lock cmpxchg16b (B)
    end
    form "lss-q"
    movq    %rcx, (B)
    movw    $0x10, 8(B)
    .byte 0x48, 0x0f, 0xb2, 0x13 /* lss (%rbx), %rdx */
    end
    form "ljmp-q"
    movabs  $1f, %rax
    movq    %rax, (B)
    movw    %cs, 8(B)
    rex.w ljmp *(B)
    movl    $1, %edx
1:  end
    form "lcall-l"
    movl    $1f, (B)
    movw    %cs, 4(B)
    lcall   *(B)
    jmp     2f
1:  lretl
2:  end
#else
    form "moffs-load"
    .byte 0x64, 0xa1
    .long 0x40
    end
    form "moffs-store-w"
    .byte 0x64, 0x66, 0xa3
    .long 0x40
    end
    form "push-l"
    pushl   (B)
    popl    %edx
    end
    form "pop-l"
    pushl   %ecx
    popl    (B)
    end
    form "lds"
    movl    %ecx, (B)
    movw    $0x10, 4(B)
    lds     (B), %edx
    end
    form "les-bad"
    movw    $0xfff8, 4(B)
    les     (B), %edx
    end
    form "lcall"
    movl    $1f, (B)
    movw    %cs, 4(B)
    lcall   *(B)
    jmp     2f
1:  lret    $0
2:  end
    form "pusha"
    mov     SP, saved
    lea     64(B), SP
    movl    $0x11223344, %ebx
    pusha
    cmpl    %esp, 12(SP)
    setl    12(SP) /* where the stack was is not compared */
    movw    $0, 13(SP)
    movb    $0, 15(SP)
    mov     SP, %eax
    mov     saved, SP
    end
    form "popa"
    mov     SP, saved
    mov     B, SP
    popa
    mov     SP, %eax
    mov     saved, SP
    end
    form "addr16-load"
    movl    $0x40, %ebx
    movl    %fs:(%bx), %edx
    end
    form "addr16-add"
    movl    $0x20, %ebx
    movl    $0xfff0, %esi
    addl    %ecx, %fs:0x30(%bx,%si)
    end
    form "addr16-lods"
    movl    $0x12340040, %esi
    movl    $0x56780003, %ecx
    rep lodsl %fs:(%si)
    end
#endif
    form "addr32-load"
    movl    $0x40, %ebx
    movl    %fs:(%ebx), %edx
    end
    form "addr32-add"
    movl    $0x30, %ebx
    movl    $0x10, %esi
    addw    %cx, %fs:(%ebx,%esi)
    end
    form "push-w"
    pushw   (B)
    popw    %dx
    end
    form "pop-w"
    pushw   %cx
    popw    (B)
    end
    form "movntil"
    movntil %ecx, (B)
    end
    .irp size, w, l
    form "movbe\size\()-load"
    .ifc \size, w
    movbew  (B), %dx
    .else
    movbel  (B), %edx
    .endif
    end
    form "movbe\size\()-store"
    .ifc \size, w
    movbew  %dx, (B)
    .else
    movbel  %edx, (B)
    .endif
    end
    .endr
    form "xlat"
    andl    $7, %eax
    xlat
    end
    form "lss-l"
    movl    %ecx, (B)
    movw    $0x10, 4(B)
    lss     (B), %edx
    end
    form "lfs"
    movl    %ecx, (B)
    movw    $0x28, 4(B)
    lfs     (B), %edx
    mov     %fs, %eax
    end
    form "lgs-null"
    movl    %ecx, (B)
    movw    $0x3, 4(B)
    lgs     (B), %edx
    mov     %gs, %eax
    end

    /* Arithmetic. */
    .irp op, add, adc, sub, sbb
    reg_mem \op, ALL
    mem_reg \op, ALL
    imm_mem \op, ALL
    form "lock-\op"
    lock \op\()l %ecx, (B)
    end
    form "\op\()-imm8"
    \op\()l $-3, (B)
    end
    .endr
    .irp op, and, or, xor
    reg_mem \op, (ALL & ~AF)
    mem_reg \op, (ALL & ~AF)
    imm_mem \op, (ALL & ~AF)
    form "lock-\op", (ALL & ~AF)
    lock \op\()w %cx, (B)
    end
    .endr
    reg_mem cmp, ALL
    mem_reg cmp, ALL
    imm_mem cmp, ALL
    reg_mem test, (ALL & ~AF)
    imm_mem test, (ALL & ~AF)
    .irp op, inc, dec, neg, not
    one_mem \op, ALL
    form "lock-\op"
    lock \op\()l (B)
    end
    .endr
    .irp op, mul, imul
    one_mem \op, (CF | OF | DF)
    .endr
    form "imul-rm", (CF | OF | DF)
    imull   (B), %edx
    end
    form "imulw-rmi", (CF | OF | DF)
    imulw   $0x123, (B), %dx
    end
    form "imull-rmi8", (CF | OF | DF)
    imull   $-7, (B), %edx
    end
    .irp op, div, idiv
    form "\op\()b", DF
    \op\()b (B)
    end
    form "\op\()w", DF
    xorl    %edx, %edx
    andl    $0x7fff, %eax
    orw     $0x2001, (B)
    \op\()w (B)
    end
    form "\op\()l", DF
    xorl    %edx, %edx
    andl    $0x7fffffff, %eax
    \op\()l (B)
    end
    .endr
    .irp op, rol, ror, rcl, rcr
    one_mem \op, (ALL)
    form "\op\()w-cl", (ALL & ~OF)
    movb    $5, %cl
    \op\()w %cl, (B)
    end
    form "\op\()l-imm", (ALL & ~OF)
    \op\()l $11, (B)
    end
    .endr
    .irp op, shl, shr, sar
    one_mem \op, (ALL & ~AF)
    form "\op\()b-cl", (ALL & ~(AF | OF))
    movb    $5, %cl
    \op\()b %cl, (B)
    end
    form "\op\()l-imm", (ALL & ~(AF | OF))
    \op\()l $11, (B)
    end
    form "\op\()l-cl-0", ALL
    movb    $0, %cl
    \op\()l %cl, (B)
    end
    .endr
    .irp op, shld, shrd
    form "\op\()-imm", (ALL & ~(AF | OF))
    \op\()l $9, %ecx, (B)
    end
    form "\op\()w-cl", (ALL & ~(AF | OF))
    movl    $7, %ecx
    \op\()w %cl, %dx, (B)
    end
    .endr

    /* Bits. */
    .irp op, bt, bts, btr, btc
    form "\op\()w-imm", (CF | ZF | DF)
    \op\()w $19, (B)
    end
    form "\op\()l-imm", (CF | ZF | DF)
    \op\()l $30, (B)
    end
    form "\op\()l-reg", (CF | ZF | DF)
    movl    $-9, %ecx
    \op\()l %ecx, (B)
    end
    form "\op\()l-reg-far", (CF | ZF | DF)
    movl    $200, %ecx
    \op\()l %ecx, -20(B)
    end
    .ifnc \op, bt
    form "lock-\op\()", (CF | ZF | DF)
    lock \op\()l $7, (B)
    end
    .endif
    .endr
    .irp op, bsf, bsr
    form "\op\()l", (ZF | DF)
    \op\()l (B), %edx
    end
    form "\op\()w-zero", (ZF | DF)
    movw    $0, (B)
    \op\()w (B), %dx
    end
    .endr
    form "popcnt"
    popcntl (B), %edx
    end
    /* BSR and BSF where there is no LZCNT and TZCNT */
    form "lzcnt", DF
    orl     $0x10, (B)
    lzcntl  (B), %edx
    end
    form "tzcnt", DF
    orl     $0x10, (B)
    tzcntl  (B), %edx
    end
    form "crc32b"
    crc32b  (B), %edx
    end
    form "crc32w"
    crc32w  (B), %edx
    end
    form "crc32l"
    crc32l  (B), %edx
    end
    .if WIDE
    form "crc32q"
    crc32q  (B), %rdx
    end
    .endif

    /* Exchanges. */
    reg_mem xchg, ALL
    reg_mem xadd, ALL
    form "lock-xadd"
    lock xaddl %ecx, (B)
    end
    reg_mem cmpxchg, ALL
    form "cmpxchgw-equal"
    movw    (B), %ax
    cmpxchgw %cx, (B)
    end
    form "lock-cmpxchg-equal"
    movl    (B), %eax
    lock cmpxchgl %ecx, (B)
    end
    form "cmpxchg8b"
    cmpxchg8b (B)
    end
    form "lock-cmpxchg8b-equal"
    movl    (B), %eax
    movl    4(B), %edx
    mov     B, SI
    movl    $0x87654321, %ebx
    lock cmpxchg8b (SI)
    end

    /* Conditions. */
    form "setc"
    setc    (B)
    end
    form "setng"
    setng   (B)
    end
    form "cmovz"
    cmovzl  (B), %edx
    end
    form "cmovnz"
    cmovnzw (B), %dx
    end

    /* Control flow through memory, and with the stack there. */
    form "jmp"
    mov     $1f, A
    mov     A, (B)
    jmp     *(B)
    movl    $1, %edx
1:  end
    form "call"
    mov     $1f, A
    mov     A, (B)
    call    *(B)
    movl    $2, %edx
    end
1:  movl    $1, %ecx
    ret
    form "ljmp-l"
    movl    $1f, (B)
    movw    %cs, 4(B)
    ljmp    *(B)
    movl    $1, %edx
1:  end
    form "ljmp-null"
    movw    $2, 4(B)
    ljmp    *(B)
    end
    form "ljmp-data"
    movw    $0x10, 4(B)
    ljmp    *(B)
    end
    .macro on_stack
    mov     SP, saved
    lea     64(B), SP
    .endm
    .macro off_stack
    mov     SP, D
    mov     saved, SP
    .endm
    form "stack-push"
    on_stack
    push    A
    pushw   %cx
    push    $0x12345678
    push    $-5
    off_stack
    end
    form "stack-pop"
    on_stack
    pop     A
    popw    %cx
    off_stack
    end
    form "stack-push-pop-memory"
    on_stack
    push    (B)
    pop     8(B)
    off_stack
    end
    form "stack-pushf"
    on_stack
    pushf
    off_stack
    end
    form "stack-popf"
    pushf
    pop     A
    xor     $0x8d5, A
    mov     A, 64(B)
    on_stack
    popf
    off_stack
    end
    form "stack-call-ret"
    on_stack
    call    1f
    jmp     2f
1:  ret
2:  off_stack
    end
    form "stack-ret-imm"
    on_stack
    push    $1f
    ret     $12
1:  off_stack
    end
    form "stack-lret"
    on_stack
#ifdef __x86_64__
    push    $0x18
    push    $1f
    rex.w lret
#else
    push    $0x08
    push    $1f
    lret    $4
#endif
1:  off_stack
    end
    form "stack-enter"
    on_stack
    enter   $16, $0
    off_stack
    end
    form "stack-enter-2"
    on_stack
    enter   $8, $2
    xor     A, A
    mov     A, -2*BYTES(T) /* where the frame is is not compared */
    off_stack
    end
    form "stack-leave"
    mov     SP, saved
    mov     B, T
    leave
    off_stack
    end
    form "stack-push-fs"
    on_stack
    push    %fs
    off_stack
    end
    form "stack-pop-fs"
    on_stack
    push    $0x10
    pop     %fs
    off_stack
    mov     %fs, %ecx
    end
    form "stack-pop-gs-null"
    on_stack
    push    $0
    pop     %gs
    off_stack
    mov     %gs, %ecx
    end

    /* Segment registers. */
    form "mov-from-ds"
    mov     %ds, (B)
    end
    form "mov-to-es"
    movw    $0x28, (B)
    mov     (B), %es
    mov     %es, %edx
    movw    $0x10, (B)
    mov     (B), %es
    end
    form "mov-to-ss"
    movw    $0x10, (B)
    mov     (B), %ss
    mov     %ss, %edx
    end
    form "mov-to-fs-null"
    movw    $1, (B)
    mov     (B), %fs
    mov     %fs, %edx
    end
    form "mov-to-ss-rpl"
    movw    $0x13, (B)
    mov     (B), %ss
    end
    form "mov-to-ss-code"
    movw    $0x08, (B)
    mov     (B), %ss
    end
    form "mov-to-es-outside"
    movw    $0x7ff8, (B)
    mov     (B), %es
    end
    form "mov-to-es-system"
    movw    $0x40, (B)
    mov     (B), %es
    end
    form "mov-to-es-ldt"
    movw    $0x0c, (B)
    mov     (B), %es
    end

    /* Tables. */
    form "sgdt"
    sgdt    (B)
    end
    form "sidt"
    sidt    (B)
    end
    form "sldt"
    sldt    (B)
    end
    form "str"
    str     (B)
    end
    form "smsw"
    smsw    (B)
    end
    .macro copy_table
    movl    (T), %eax
    movl    %eax, (B)
    movl    4(T), %eax
    movl    %eax, 4(B)
    movw    8(T), %ax
    movw    %ax, 8(B)
    .endm
    form "lgdt"
    sgdt    (T)
    copy_table
    lgdt    (B)
    sgdt    16(T)
    end
    form "lidt"
    sidt    (T)
    copy_table
    lidt    (B)
    sidt    16(T)
    end
    form "lldt-null"
    movw    $0, (B)
    lldt    (B)
    end
    form "lldt-bad"
    movw    $0x10, (B)
    lldt    (B)
    end
    form "ltr-busy"
    movw    $0x40, (B)
    ltr     (B)
    end
    form "ltr-null"
    movw    $0, (B)
    ltr     (B)
    end
    form "nop"
    nopl    (B)
    end
    form "clflush"
    clflush (B)
    end

    /* Vectors. */
    .macro vector_moves name, op, register
    form "\name\()-load"
    \op     (B), %\register
    movups  %xmm1, (T)
    end
    form "\name\()-store"
    movups  32(T), %xmm1
    \op     %\register, (B)
    end
    .endm
    .irp op, movups, movaps, movupd, movapd, movdqu, movdqa, movq, movss, movsd
    vector_moves \op, \op, xmm1
    .endr
    .irp op, movntps, movntpd, movntdq
    form "\op"
    movups  16(T), %xmm3
    \op     %xmm3, (B)
    end
    .endr
    form "movntdqa"
    movntdqa (B), %xmm3
    movups  %xmm3, (T)
    end
    form "lddqu"
    lddqu   (B), %xmm3
    movups  %xmm3, (T)
    end
    form "movd-load"
    movd    (B), %xmm3
    movups  %xmm3, (T)
    end
    form "movd-store"
    movups  (T), %xmm3
    movd    %xmm3, (B)
    end
    form "mmx-movq"
    movq    (B), %mm3
    movq    %mm3, (T)
    movq    %mm3, 8(B)
    emms
    end
    form "mmx-movd"
    movd    (B), %mm3
    movq    %mm3, (T)
    movd    %mm3, 8(B)
    emms
    end
    form "mmx-movntq"
    movq    (T), %mm2
    movntq  %mm2, (B)
    emms
    end
#ifdef __x86_64__
    form "movdqu-xmm9"
    movdqu  (B), %xmm9
    movdqu  %xmm9, (T)
    movdqu  %xmm9, 16(B)
    end
    form "movq-r-xmm"
    movq    (B), %xmm9
    movq    %xmm9, %rdx
    end
#endif
    .irp op, vmovups, vmovaps, vmovdqu, vmovdqa
    form "\op"
    vmovups (T), %ymm1
    \op     (B), %xmm1
    vmovups %ymm1, (T)
    \op     %xmm1, 16(B)
    end
    form "\op\()-256"
    \op     (B), %ymm1
    vmovups %ymm1, (T)
    \op     %ymm1, 32(B)
    end
    .endr
    form "vmovntdq-256"
    vmovups (T), %ymm1
    vmovntdq %ymm1, (B)
    end
    form "vmovq"
    vmovups (T), %ymm1
    vmovq   (B), %xmm1
    vmovups %ymm1, (T)
    vmovq   %xmm1, 8(B)
    end
    form "vmovd"
    vmovups (T), %ymm1
    vmovd   (B), %xmm1
    vmovups %ymm1, (T)
    vmovd   %xmm1, 8(B)
    end
    form "vmovss"
    vmovups (T), %ymm1
    vmovss  (B), %xmm1
    vmovups %ymm1, (T)
    vmovss  %xmm1, 8(B)
    end

    /* Strings: from the operand to scratch, from scratch to the operand, and within the device. */
    .macro string_moves suffix
    .irp count, 0, 1, 5
    form "rep-movs\suffix\()-out-\count"
    mov     B, SI
    mov     T, DI
    mov     $\count, C
    rep movs\suffix
    end
    form "rep-movs\suffix\()-in-\count"
    mov     T, SI
    mov     B, DI
    mov     $\count, C
    rep movs\suffix
    end
    .endr
    form "rep-movs\suffix\()-within"
    mov     B, SI
    lea     24(B), DI
    mov     $4, C
    rep movs\suffix
    end
    form "rep-movs\suffix\()-overlap"
    mov     B, SI
    lea     1(B), DI
    mov     $6, C
    rep movs\suffix
    end
    form "rep-movs\suffix\()-down"
    mov     B, SI
    mov     T, DI
    mov     $6, C
    std
    rep movs\suffix
    end
    form "movs\suffix"
    mov     B, SI
    lea     32(B), DI
    movs\suffix
    end
    form "rep-stos\suffix"
    mov     B, DI
    mov     $7, C
    rep stos\suffix
    end
    form "rep-stos\suffix\()-down"
    mov     B, DI
    mov     $7, C
    std
    rep stos\suffix
    end
    form "rep-lods\suffix"
    mov     B, SI
    mov     $7, C
    rep lods\suffix
    end
    form "lods\suffix"
    mov     B, SI
    lods\suffix
    end
    form "repe-cmps\suffix"
    mov     B, SI
    mov     T, DI
    mov     $7, C
    repe cmps\suffix
    end
    form "repe-cmps\suffix\()-equal"
    mov     B, SI
    mov     B, DI
    mov     $7, C
    repe cmps\suffix
    end
    form "repne-cmps\suffix\()-down"
    mov     T, SI
    mov     B, DI
    mov     $7, C
    std
    repne cmps\suffix
    end
    form "repne-scas\suffix"
    mov     B, DI
    mov     $7, C
    repne scas\suffix
    end
    form "scas\suffix"
    mov     B, DI
    scas\suffix
    end
    .endm
    string_moves b
    string_moves w
    string_moves l
#ifdef __x86_64__
    string_moves q
#endif

    .section .data.forms, "aw"
    .globl forms_end
forms_end:
    .section .note.GNU-stack, "", @progbits
