/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From GRUB's hand-over (32-bit protected mode, paging off) to boot_main() in 64-bit mode at the linked address.
 *
 * GRUB may have loaded the image anywhere on a 2 MiB boundary, so the 32-bit part addresses everything relative to %ebp,
 * the load address. It maps the first 4 GiB at DIRECT_MAP, and the image at EXEUNT_BASE and (for the jump) at the load address.
 *
 * Sections .multiboot2 and .start are loaded as they are, and .bss as zeros. All else has to be unpacked first (linker.ld).
 */
#include "lib/layout.h"

#define MULTIBOOT2_HEADER_MAGIC 0xe85250d6
#define MULTIBOOT2_BOOTLOADER_MAGIC 0x36d76289

#define VGA_TEXT 0xb8000
#define COM1 0x3f8
#define COM1_LCR 3
#define COM1_LSR 5

#define PTE_P 1
#define PTE_W 2
#define PTE_PS 0x80

#define OFFSET(symbol) ((symbol) - EXEUNT_BASE)

.macro write_com1 register, value
    movw $(COM1 + \register), %dx
    movb $\value, %al
    outb %al, %dx
.endm

    .section .multiboot2, "ax"
    .balign 8
header:
    .long MULTIBOOT2_HEADER_MAGIC
    .long 0 /* i386 protected mode */
    .long header_end - header
    .long -(MULTIBOOT2_HEADER_MAGIC + 0 + (header_end - header))
    /* Information request: command line, modules, memory map, framebuffer, EFI 64 system table, ACPI old and new, EFI map, load base */
    .balign 8
request:
    .short 1, 0
    .long request_end - request
    .long 1, 3, 6
request_end:
    .balign 8
optional_request:
    .short 1, 1 /* optional */
    .long optional_request_end - optional_request
    .long 8, 12, 14, 15, 17, 21
optional_request_end:
    /* Relocatable: anywhere below 4 GiB on a 2 MiB boundary, as low as possible */
    .balign 8
    .short 10, 0
    .long 24
    .long 0x100000, 0xffffffff
    .long 0x200000
    .long 1
    .balign 8
    .short 0, 0
    .long 8
header_end:

    .section .start, "ax"
    .code32
    .globl start
start:
    cli
    cld
    /* Where are we? GRUB gives no stack: borrow the word after the Multiboot2 information's size for one call. */
    leal 8(%ebx), %esp
    movl 4(%ebx), %esi
    call 1f
1:  popl %ebp
    movl %esi, 4(%ebx)
    subl $OFFSET(1b), %ebp
    movl %eax, %edi
    leal OFFSET(boot_stack_end)(%ebp), %esp

    cmpl $MULTIBOOT2_BOOTLOADER_MAGIC, %edi
    jne no_multiboot2
    /* Long mode is looked for before anything needs it, so that its absence can be said. */
    movl %ebx, %esi
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    testl $(1 << 29), %edx
    jz no_long_mode
    movl %edx, %ebx
    andl $(1 << 20), %ebx /* NX */
    rdtsc
    movl %eax, OFFSET(boot_started)(%ebp)
    movl %edx, OFFSET(boot_started) + 4(%ebp)

    /* Four page directories of 2 MiB pages: the first 4 GiB. */
    leal OFFSET(boot_pd)(%ebp), %edi
    movl $(PTE_P | PTE_W | PTE_PS), %eax
    movl $2048, %ecx
2:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 2b
    /* PDPT for them. */
    leal OFFSET(boot_pdpt)(%ebp), %edi
    leal (OFFSET(boot_pd) + PTE_P + PTE_W)(%ebp), %eax
    movl $4, %ecx
3:  movl %eax, (%edi)
    addl $4096, %eax
    addl $8, %edi
    loop 3b
    /*
     * One page directory serves both the GiB of EXEUNT_BASE and that of the load address, be they two or the same: each
     * 2 MiB page in it is the image.
     */
    leal (OFFSET(boot_pd_image) + PTE_P + PTE_W)(%ebp), %eax
    movl %eax, OFFSET(boot_pdpt_image) + (EXEUNT_BASE >> 30) * 8(%ebp)
    movl %ebp, %ecx
    shrl $30, %ecx
    movl %eax, OFFSET(boot_pdpt_image)(%ebp, %ecx, 8)
    leal (PTE_P | PTE_W | PTE_PS)(%ebp), %eax
    movl %eax, OFFSET(boot_pd_image)(%ebp) /* EXEUNT_BASE is a multiple of 1 GiB */
    movl %ebp, %ecx
    shrl $21, %ecx
    andl $511, %ecx
    movl %eax, OFFSET(boot_pd_image)(%ebp, %ecx, 8)
    leal (OFFSET(boot_pdpt) + PTE_P + PTE_W)(%ebp), %eax
    movl %eax, OFFSET(boot_pml4) + 256 * 8(%ebp)
    leal (OFFSET(boot_pdpt_image) + PTE_P + PTE_W)(%ebp), %eax
    movl %eax, OFFSET(boot_pml4)(%ebp)

    /* PAE alone: UEFI firmware with 5-level paging leaves LA57 set, which these tables of four levels do not survive. */
    movl $(1 << 5), %eax
    movl %eax, %cr4
    leal OFFSET(boot_pml4)(%ebp), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx /* IA32_EFER: LME, and NXE where there is NX */
    rdmsr
    orl $(1 << 8), %eax
    testl %ebx, %ebx
    jz 4f
    orl $(1 << 11), %eax
4:  wrmsr
    movl %cr0, %eax
    orl $((1 << 31) | (1 << 16)), %eax /* PG, WP */
    movl %eax, %cr0

    leal OFFSET(boot_gdt)(%ebp), %eax
    movl %eax, OFFSET(boot_gdt_pointer) + 2(%ebp)
    lgdt OFFSET(boot_gdt_pointer)(%ebp)
    leal OFFSET(start64)(%ebp), %eax
    pushl $8
    pushl %eax
    lret

no_multiboot2:
    leal OFFSET(text_no_multiboot2)(%ebp), %esi
    jmp say_there
no_long_mode:
    leal OFFSET(text_no_long_mode)(%ebp), %esi
say_there:
    movl $VGA_TEXT, %edi
/*
 * Nothing is set up yet: COM1 and VGA text memory (at edi) are there or not. These instructions are the same in 64-bit
 * mode, from which it is called too.
 */
say_and_halt:
    write_com1 COM1_LCR, 0x83 /* DLAB: the divisor follows */
    write_com1 0, 1           /* 115200 baud */
    write_com1 1, 0
    write_com1 COM1_LCR, 3    /* 8 bits, no parity, 1 stop bit */
    movb $0x07, %ah
5:  lodsb
    testb %al, %al
    jz 7f
    stosw
    movb %al, %cl
    movl $0x10000, %ebx
6:  movw $(COM1 + COM1_LSR), %dx
    inb %dx, %al
    testb $0x20, %al /* room for a byte */
    jnz 8f
    subl $1, %ebx
    jnz 6b
8:  movw $COM1, %dx
    movb %cl, %al
    outb %al, %dx
    jmp 5b
7:  cli
    hlt
    jmp 7b

    .code64
start64:
    movl $start64_high, %eax
    jmp *%rax
start64_high:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    leaq boot_stack_end(%rip), %rsp
    movl %esi, %ebx /* Multiboot2 information, physical */
    movl %ebp, %ebp /* load address */
    movl $unpacked_start, %edi
    movl $unpacked_end, %esi
    movq $DIRECT_MAP, %rdx
    leaq OFFSET(packed)(%rdx, %rbp), %rdx
    call unpack
    testb %al, %al
    jz damaged
    movl %ebx, %edi
    movl %ebp, %esi
    xorl %ebp, %ebp
    call boot_main
    ud2

damaged:
    movl $text_damaged, %esi
    movq $(DIRECT_MAP + VGA_TEXT), %rdi
    jmp say_and_halt

/*
 * void boot_move(hpa_t to_direct, u64 length, u64 cr3): copies the image, stack included, to its new place and continues there
 * under new page tables. The return address lies on the stack before the copy, so it is there afterwards as well.
 *   rdi = destination (in the direct map), rsi = length in bytes (whole pages), rdx = new CR3
 */
    .text
    .globl boot_move
boot_move:
    movq %rsi, %rcx
    shrq $3, %rcx
    movl $EXEUNT_BASE, %esi
    rep movsq
    movq %rdx, %cr3
    ret

    .section .start, "ax"
text_no_multiboot2:
    .asciz "exeunt: not started by a Multiboot2 loader (use GRUB's multiboot2 command)\r\n"
text_no_long_mode:
    .asciz "exeunt: this processor has no 64-bit mode, which Exeunt needs\r\n"
text_damaged:
    .asciz "exeunt: the image is damaged: what is packed in it has another checksum\r\n"

    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* 64-bit code */
    .quad 0x00cf93000000ffff /* data */
boot_gdt_pointer:
    .short . - boot_gdt - 1
    .long 0, 0

    .bss
    .balign 4096
boot_pml4:
    .skip 4096
boot_pdpt:
    .skip 4096
boot_pd:
    .skip 4 * 4096
boot_pdpt_image:
    .skip 4096
boot_pd_image:
    .skip 4096
    .globl boot_stack_end
    .skip 16384
boot_stack_end:
    .globl boot_started
boot_started: /* the TSC then */
    .skip 8
    .section .note.GNU-stack, "", @progbits
