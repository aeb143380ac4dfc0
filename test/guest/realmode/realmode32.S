/* SPDX-License-Identifier: BSD-2-Clause */
/* The 16-bit half, linked here and run at 0x8000. Labels are used as offsets from real_image. */

#define REAL 0x8000
#define AT(label) (REAL + label - real_image)
#define EAX 4
#define EBX 8
#define ECX 12
#define EDX 16
#define ESI 20
#define EDI 24
#define EFLAGS 28

    .text
    .globl real_enter
real_enter:
    push    %ebx
    push    %esi
    push    %edi
    push    %ebp
    pushf
    cli
    mov     %esp, saved_esp
    sidt    saved_idt
    lidt    bios_idt
    ljmp    $0x30, $AT(protected16)
back:
    mov     $0x10, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %fs
    mov     %eax, %gs
    mov     %eax, %ss
    mov     saved_esp, %esp
    lidt    saved_idt
    popf
    pop     %ebp
    pop     %edi
    pop     %esi
    pop     %ebx
    ret

    .globl real_image, real_image_end
    .balign 16
real_image:
    .skip   32                      /* struct real_call */
    .code16
protected16:
    mov     $0x38, %ax
    mov     %ax, %ds
    mov     %ax, %es
    mov     %ax, %ss
    mov     $0x10, %ax              /* FS keeps base 0 and a limit of 4 GiB */
    mov     %ax, %fs
    mov     %cr0, %eax
    and     $~1, %eax
    mov     %eax, %cr0
    ljmp    $0, $AT(real16)
real16:
    xor     %ax, %ax
    mov     %ax, %ds
    mov     %ax, %es
    mov     %ax, %ss
    mov     $0x7c00, %sp
    movw    REAL, %bp
    shl     $1, %bp
    movw    %cs:AT(table)(%bp), %bp
    movw    %bp, AT(target)
    mov     REAL + EAX, %eax
    mov     REAL + EBX, %ebx
    mov     REAL + ECX, %ecx
    mov     REAL + EDX, %edx
    mov     REAL + ESI, %esi
    mov     REAL + EDI, %edi
    sti
    jmp     *AT(target)
done:
    cli
    cld
    pushfl
    mov     %eax, REAL + EAX
    mov     %ebx, REAL + EBX
    mov     %ecx, REAL + ECX
    mov     %edx, REAL + EDX
    mov     %esi, REAL + ESI
    mov     %edi, REAL + EDI
    popl    REAL + EFLAGS
    mov     %cr0, %eax
    or      $1, %eax
    mov     %eax, %cr0
    ljmpl   $0x08, $back

    .balign 2
target: .word 0
table:
    .word   AT(f_int10), AT(f_int15), AT(f_ticks), AT(f_rep_insb), AT(f_cpuid), AT(f_flat), AT(f_gp)
f_int10:
    int     $0x10
    jmp     done
f_int15:
    int     $0x15
    jmp     done
f_ticks:                            /* ECX ticks of the BIOS's clock at 0x46c, in HLT */
    mov     0x46c, %esi
1:  hlt
    mov     0x46c, %eax
    sub     %esi, %eax
    cmp     %ecx, %eax
    jb      1b
    jmp     done
f_rep_insb:
    rep insb
    jmp     done
f_cpuid:
    cpuid
    jmp     done
f_flat:
    movl    %fs:(%esi), %eax
    jmp     done
f_gp:                               /* a WRMSR that faults: EAX = bytes that the exception pushed */
    pushl   13 * 4
    movl    $AT(on_gp), 13 * 4      /* segment 0 */
    mov     %sp, %si
    wrmsr
    xor     %eax, %eax
    jmp     1f
on_gp:
    sub     %sp, %si
    movzwl  %si, %eax
    add     %ax, %sp
1:  popl    13 * 4
    jmp     done
    .code32
real_image_end:

    .data
    .balign 4
saved_esp: .long 0
saved_idt: .skip 8
bios_idt:
    .word   0x3ff
    .long   0

    .section .note.GNU-stack, "", @progbits
