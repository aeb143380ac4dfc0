/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sequences of instructions and the clusters that are formed from them. All of "Software Techniques for Avoiding
 * Hardware Virtualization Exits" (USENIX ATC 2012) are here, in the shape that they have there, and what firmware and
 * Linux run.
 */
#ifndef TEST_CLUSTER_CASES_H
#define TEST_CLUSTER_CASES_H

#include "emul/cluster.h"

/* trap=pio,apic,dr; with tsc; or ports 80H and 3F8H to 3FFH and the LAPIC only. Guards as with report=end. */
enum trap_what { TRAP_ALL, TRAP_TSC, TRAP_SOME };

struct cluster_case {
    const char *name;
    enum code_size code_size;
    enum cluster_flow flow;
    enum trap_what trap;
    u32 max;           /* 0: 32 */
    u32 start;         /* the offset of the instruction that exits */
    u64 rip, cs_base;  /* of the code; 0: anywhere */
    bool bitmap_asked; /* IOPL does not allow ports */
    bool guards_unknown;
    const char *code; /* in hex */
    struct {          /* which instructions were seen to exit, and on what */
        u32 at;
        enum track_kind kind;
        u64 where;
    } seen[8];
    const char *text;
};

#define NOP8 "0f 1f 84 00 00 00 00 00 "

static const struct cluster_case cluster_cases[] = {
    {
        .name = "bios-pci-32",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .code = "ef b2 fc ed 66 83 c8 04 50 b2 f8 89 d8 ef 58 b2 fc ef c3",
        .seen = {{0, TRACK_PORT, 0xcf8}, {3, TRACK_PORT, 0xcfc}, {13, TRACK_PORT, 0xcf8}, {17, TRACK_PORT, 0xcfc}},
        .text = " 0  strong port      out dx, eax                      ; port cf8\n"
                " 1         registers mov dl, fc\n"
                " 2  strong port      in eax, dx                       ; port cfc\n"
                " 3         registers or ax, 4\n"
                " 4         perform   push eax\n"
                " 5         registers mov dl, f8\n"
                " 6         registers mov eax, ebx\n"
                " 7  strong port      out dx, eax                      ; port cf8\n"
                " 8         perform   pop eax\n"
                " 9         registers mov dl, fc\n"
                "10  strong port      out dx, eax                      ; port cfc\n"
                "11 instructions, 4 would exit; call, return or computed jump\n",
    },
    {
        .name = "bios-pci-16",
        .code_size = CODE_16,
        .flow = CLUSTER_LOOPS,
        .code = "66 ef ba fc 0c 00 da ec 88 c1 ba f8 0c 66 31 c0 66 ef cb",
        .seen = {{0, TRACK_PORT, 0xcf8}, {7, TRACK_PORT, 0xcfe}, {16, TRACK_PORT, 0xcf8}},
        .text = " 0  strong port      out dx, eax                      ; port cf8\n"
                " 1         registers mov dx, cfc\n"
                " 2         registers add dl, bl\n"
                " 3  strong port      in al, dx                        ; port cfe\n"
                " 4         registers mov cl, al\n"
                " 5         registers mov dx, cf8\n"
                " 6         registers xor eax, eax\n"
                " 7  strong port      out dx, eax                      ; port cf8\n"
                "8 instructions, 3 would exit; an instruction that cannot be carried: RET_FAR\n",
    },
    {
        .name = "chipset-delay",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .code = "ec e6 80 88 c1 b2 c0 ee e6 80 88 c8 ee e6 80 e6 80 c3",
        .seen = {{0, TRACK_PORT, 0x60}, {7, TRACK_PORT, 0xc0}, {12, TRACK_PORT, 0xc0}},
        .text = " 0  strong port      in al, dx                        ; port 60\n"
                " 1  strong port      out 80, al                       ; port 80\n"
                " 2         registers mov cl, al\n"
                " 3         registers mov dl, c0\n"
                " 4  strong port      out dx, al                       ; port c0\n"
                " 5  strong port      out 80, al                       ; port 80\n"
                " 6         registers mov al, cl\n"
                " 7  strong port      out dx, al                       ; port c0\n"
                " 8  strong port      out 80, al                       ; port 80\n"
                " 9  strong port      out 80, al                       ; port 80\n"
                "10 instructions, 7 would exit; call, return or computed jump\n",
    },
    {
        .name = "pair",
        .code_size = CODE_64,
        .flow = CLUSTER_STRAIGHT,
        .code = "ec e6 80 90 90 48 cf",
        .seen = {{0, TRACK_PORT, 0x3fa}},
        .text = " 0  strong port      in al, dx                        ; port 3fa\n"
                " 1  strong port      out 80, al                       ; port 80\n"
                "2 instructions, 2 would exit; an instruction that cannot be carried: IRET\n",
    },
    {
        /* What is typed is looked at, also where a word has it; what may be written there is as it was. */
        .name = "console-in",
        .code_size = CODE_64,
        .code = "ec 66 ed ee f4",
        .seen = {{0, TRACK_PORT, 0x3f8}, {1, TRACK_PORT, 0x3f7}, {3, TRACK_PORT, 0x3f9}},
        .text = " 0  strong perform   in al, dx                        ; port 3f8\n"
                " 1  strong perform   in ax, dx                        ; port 3f7\n"
                " 2  strong port      out dx, al                       ; port 3f9\n"
                "3 instructions, 3 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "dr-pair",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "0f 23 c0 0f 23 c9 f4",
        .seen = {{0, TRACK_OTHER, 0x1d}},
        .text = " 0  strong debug     mov dr0, rax                     ; MOV DR\n"
                " 1  strong debug     mov dr1, rcx                     ; MOV DR\n"
                "2 instructions, 2 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "dr-switch",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "0f 21 f8 48 89 41 48 31 d2 0f 23 fa 0f 21 c0 41 0f 21 c8 48 89 01 4c 89 41 08 0f 21 d0 41 0f 21 d8 48 "
                "89 41 10 4c 89 41 18 49 8b 01 4d 8b 41 08 0f 23 c0 41 0f 23 c8 49 8b 41 10 4d 8b 41 18 0f 23 d0 41 0f "
                "23 d8 0f 23 f2 49 8b 41 48 0f 23 f8 c3",
        .seen = {{0, TRACK_OTHER, 0x1d}},
        .text = " 0  strong debug     mov rax, dr7                     ; MOV DR\n"
                " 1         memory    mov qword [rcx+48], rax\n"
                " 2         registers xor edx, edx\n"
                " 3  strong debug     mov dr7, rdx                     ; MOV DR\n"
                " 4  strong debug     mov rax, dr0                     ; MOV DR\n"
                " 5  strong debug     mov r8, dr1                      ; MOV DR\n"
                " 6         memory    mov qword [rcx], rax\n"
                " 7         memory    mov qword [rcx+8], r8\n"
                " 8  strong debug     mov rax, dr2                     ; MOV DR\n"
                " 9  strong debug     mov r8, dr3                      ; MOV DR\n"
                "10         memory    mov qword [rcx+10], rax\n"
                "11         memory    mov qword [rcx+18], r8\n"
                "12         memory    mov rax, qword [r9]\n"
                "13         memory    mov r8, qword [r9+8]\n"
                "14  strong debug     mov dr0, rax                     ; MOV DR\n"
                "15  strong debug     mov dr1, r8                      ; MOV DR\n"
                "16         memory    mov rax, qword [r9+10]\n"
                "17         memory    mov r8, qword [r9+18]\n"
                "18  strong debug     mov dr2, rax                     ; MOV DR\n"
                "19  strong debug     mov dr3, r8                      ; MOV DR\n"
                "20  strong debug     mov dr6, rdx                     ; MOV DR\n"
                "21         memory    mov rax, qword [r9+48]\n"
                "22  strong debug     mov dr7, rax                     ; MOV DR\n"
                "23 instructions, 12 would exit; call, return or computed jump\n",
    },
    {
        .name = "ide-poll-straight",
        .code_size = CODE_32,
        .flow = CLUSTER_STRAIGHT,
        .code = "ec a8 80 75 fb c3",
        .seen = {{0, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                "1 instruction, 1 would exit; control flow that is not followed\n",
    },
    {
        .name = "ide-poll-forward",
        .code_size = CODE_32,
        .flow = CLUSTER_FORWARD,
        .code = "ec a8 80 75 fb c3",
        .seen = {{0, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                "1 instruction, 1 would exit; control flow that is not followed\n",
    },
    {
        .name = "ide-poll",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .code = "ec a8 80 75 fb c3",
        .seen = {{0, TRACK_PORT, 0x1f7}},
        .text = " 0> strong port      in al, dx                        ; port 1f7\n"
                " 1         registers test al, 80\n"
                " 2         jump      jnz to 0                         ; as long as there is time\n"
                "3 instructions, 1 would exit; call, return or computed jump\n",
    },
    {
        .name = "ide-wait",
        .code_size = CODE_16,
        .flow = CLUSTER_LOOPS,
        .code = "ec a8 88 74 06 66 49 75 f7 f9 c3 f8 c3",
        .seen = {{0, TRACK_PORT, 0x1f7}},
        .text = " 0> strong port      in al, dx                        ; port 1f7\n"
                " 1         registers test al, 88\n"
                " 2         jump      jz out\n"
                " 3         registers dec ecx\n"
                " 4         jump      jnz to 0                         ; as long as there is time\n"
                "5 instructions, 1 would exit; call, return or computed jump\n",
    },
    {
        .name = "ide-wait-inner",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .start = 5,
        .code = "ba f6 03 00 00 ec 24 88 3c 08 74 07 f3 90 4b 75 ef eb 08 ba f0 01 00 00 66 f3 6d f4",
        .seen = {{5, TRACK_PORT, 0x3f6}, {24, TRACK_PORT, 0x1f0}},
        .text = " 0>        registers mov edx, 3f6\n"
                " 1= strong port      in al, dx                        ; port 3f6\n"
                " 2         registers and al, 88\n"
                " 3         registers cmp al, 8\n"
                " 4         jump      jz to 9\n"
                " 5         registers pause\n"
                " 6         registers dec ebx\n"
                " 7         jump      jnz to 0                         ; as long as there is time\n"
                " 8         jump      jmp out\n"
                " 9>        registers mov edx, 1f0\n"
                "10  strong perform   rep insw                         ; port 1f0\n"
                "11 instructions, 2 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "ide-both",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .start = 4,
        .code = "66 ba f6 03 ec 66 ba f7 01 ec d0 e0 72 02 e2 f0 c3",
        .seen = {{4, TRACK_PORT, 0x3f6}, {9, TRACK_PORT, 0x1f7}},
        .text = " 0>        registers mov dx, 3f6\n"
                " 1= strong port      in al, dx                        ; port 3f6\n"
                " 2         registers mov dx, 1f7\n"
                " 3  strong port      in al, dx                        ; port 1f7\n"
                " 4         registers shl al, 1\n"
                " 5         jump      jb out\n"
                " 6         jump      loop to 0                        ; as long as there is time\n"
                "7 instructions, 2 would exit; call, return or computed jump\n",
    },
    {
        .name = "ide-top",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .start = 5,
        .code = "85 f6 74 06 4e ec a8 08 74 f6 c3",
        .seen = {{5, TRACK_PORT, 0x1f7}},
        .text = " 0>        registers test esi, esi\n"
                " 1         jump      jz out\n"
                " 2         registers dec esi\n"
                " 3= strong port      in al, dx                        ; port 1f7\n"
                " 4         registers test al, 8\n"
                " 5         jump      jz to 0                          ; as long as there is time\n"
                "6 instructions, 1 would exit; call, return or computed jump\n",
    },
    {
        .name = "middle-forward",
        .code_size = CODE_32,
        .flow = CLUSTER_FORWARD,
        .start = 5,
        .code = "85 f6 74 06 4e ec a8 08 74 f6 c3",
        .seen = {{5, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                "1 instruction, 1 would exit; call, return or computed jump\n",
    },
    {
        .name = "middle-bitmap",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .start = 5,
        .bitmap_asked = true,
        .code = "85 f6 74 06 4e ec a8 08 74 f6 c3",
        .seen = {{5, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                "1 instruction, 1 would exit; call, return or computed jump\n",
    },
    {
        .name = "middle-overlapping",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .start = 2,
        .code = "90 b0 ec 75 fc f4",
        .seen = {{2, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                "1 instruction, 1 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "middle-far",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .start = 104,
        .code = NOP8 NOP8 NOP8 NOP8 NOP8 NOP8 NOP8 NOP8 NOP8 NOP8 NOP8 NOP8 NOP8 "ec 75 95 f4",
        .seen = {{104, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                "1 instruction, 1 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "middle-many",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .start = 25,
        .code = "90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 ec 75 e4 f4",
        .seen = {{25, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                "1 instruction, 1 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "middle-cpuid",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .start = 3,
        .code = "0f a2 90 ec 75 fc 75 f8 f4",
        .seen = {{3, TRACK_PORT, 0x1f7}},
        .text = " 0>        registers nop\n"
                " 1= strong port      in al, dx                        ; port 1f7\n"
                " 2         jump      jnz to 0                         ; as long as there is time\n"
                "3 instructions, 1 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "middle-unused",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .start = 4,
        .code = "49 74 04 43 ec 75 fc 4e 75 f6 f4",
        .seen = {{4, TRACK_PORT, 0x1f7}},
        .text = " 0>        registers inc ebx\n"
                " 1= strong port      in al, dx                        ; port 1f7\n"
                " 2         jump      jnz to 0                         ; as long as there is time\n"
                "3 instructions, 1 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "middle-gap",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .start = 10,
        .code = "89 07 89 07 89 07 89 07 89 07 ec 75 f3 f4",
        .seen = {{10, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                "1 instruction, 1 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "middle-pages",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .rip = 0x100ffe,
        .start = 4,
        .code = "66 ba f6 03 ec a8 88 75 f7 f4",
        .seen = {{4, TRACK_PORT, 0x3f6}},
        .text = " 0>        registers mov dx, 3f6\n"
                " 1= strong port      in al, dx                        ; port 3f6\n"
                " 2         registers test al, 88\n"
                " 3         jump      jnz to 0                         ; as long as there is time\n"
                "4 instructions, 1 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "ide-data",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .code = "ec a8 08 74 fb 66 ba f0 01 b9 00 01 00 00 fc 66 f3 6d 66 ba f7 01 ec c3",
        .seen = {{0, TRACK_PORT, 0x1f7}, {15, TRACK_PORT, 0x1f0}, {22, TRACK_PORT, 0x1f7}},
        .text = " 0> strong port      in al, dx                        ; port 1f7\n"
                " 1         registers test al, 8\n"
                " 2         jump      jz to 0                          ; as long as there is time\n"
                " 3         registers mov dx, 1f0\n"
                " 4         registers mov ecx, 100\n"
                " 5         perform   cld\n"
                " 6  strong perform   rep insw                         ; port 1f0\n"
                " 7         registers mov dx, 1f7\n"
                " 8  strong port      in al, dx                        ; port 1f7\n"
                "9 instructions, 3 would exit; call, return or computed jump\n",
    },
    {
        .name = "windows-me",
        .code_size = CODE_16,
        .flow = CLUSTER_LOOPS,
        .code = "e6 70 9c fa e4 71 9d 2e fe 06 0d 10 b0 05 e2 f0 c3",
        .seen = {{0, TRACK_PORT, 0x70}},
        .text = " 0> strong port      out 70, al                       ; port 70\n"
                " 1         perform   pushf\n"
                " 2         perform   cli\n"
                " 3  strong port      in al, 71                        ; port 71\n"
                " 4         perform   popf\n"
                " 5         perform   inc byte cs:[100d]\n"
                " 6         registers mov al, 5\n"
                " 7         jump      loop to 0                        ; as long as there is time\n"
                "8 instructions, 2 would exit; call, return or computed jump\n",
    },
    {
        .name = "mmio-fill",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "48 89 11 48 83 c1 08 ff c8 75 f5 c3",
        .seen = {{0, TRACK_PAGE, 0xfd000000}},
        .text = " 0> weak   memory    mov qword [rcx], rdx             ; page fd000000\n"
                " 1         registers add rcx, 8\n"
                " 2         registers dec eax\n"
                " 3         jump      jnz to 0                         ; at most 10 rounds\n"
                "4 instructions, 1 would exit; call, return or computed jump\n",
    },
    {
        .name = "vga-planar",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .code = "66 ef b8 05 02 00 00 66 ef b8 08 ff 00 00 66 ef 8a 1f 88 0f 47 66 ef c3",
        .seen = {{0, TRACK_PORT, 0x3ce}, {7, TRACK_PORT, 0x3ce}, {14, TRACK_PORT, 0x3ce}, {21, TRACK_PORT, 0x3ce}},
        .text = " 0  strong port      out dx, ax                       ; port 3ce\n"
                " 1         registers mov eax, 205\n"
                " 2  strong port      out dx, ax                       ; port 3ce\n"
                " 3         registers mov eax, ff08\n"
                " 4  strong port      out dx, ax                       ; port 3ce\n"
                " 5         perform   mov bl, byte [edi]\n"
                " 6         perform   mov byte [edi], cl\n"
                " 7         registers inc edi\n"
                " 8  strong port      out dx, ax                       ; port 3ce\n"
                "9 instructions, 4 would exit; call, return or computed jump\n",
    },
    {
        .name = "vga-planar-mmio",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "ee ff c2 88 e0 ee 8a 1f 88 0f 48 01 f7 8a 1f 88 0f ff ca c3",
        .seen = {{0, TRACK_PORT, 0x3ce},
                 {5, TRACK_PORT, 0x3cf},
                 {6, TRACK_PAGE, 0xa0000},
                 {8, TRACK_PAGE, 0xa0000},
                 {13, TRACK_PAGE, 0xa0000},
                 {15, TRACK_PAGE, 0xa0000}},
        .text = " 0  strong port      out dx, al                       ; port 3ce\n"
                " 1         registers inc edx\n"
                " 2         registers mov al, ah\n"
                " 3  strong port      out dx, al                       ; port 3cf\n"
                " 4  weak   memory    mov bl, byte [rdi]               ; page a0000\n"
                " 5  weak   memory    mov byte [rdi], cl               ; page a0000\n"
                " 6         registers add rdi, rsi\n"
                " 7  weak   memory    mov bl, byte [rdi]               ; page a0000\n"
                " 8  weak   memory    mov byte [rdi], cl               ; page a0000\n"
                "9 instructions, 6 would exit; call, return or computed jump\n",
    },
    {
        .name = "lapic-eoi",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "89 b0 b0 00 00 00 c3",
        .seen = {{0, TRACK_PAGE, 0xfee00000}},
        .text = " 0  weak   memory    mov dword [rax+b0], esi          ; LAPIC\n"
                "1 instruction, 1 would exit; call, return or computed jump\n",
    },
    {
        .name = "lapic-timer",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "8b 87 90 03 00 00 89 c1 c1 e9 04 89 8f 80 03 00 00 c7 87 20 03 00 00 ec 00 04 00 48 89 e3 5d c3",
        .seen = {{0, TRACK_PAGE, 0xfee00000}, {11, TRACK_PAGE, 0xfee00000}, {17, TRACK_PAGE, 0xfee00000}},
        .text = " 0  weak   memory    mov eax, dword [rdi+390]         ; LAPIC\n"
                " 1         registers mov ecx, eax\n"
                " 2         registers shr ecx, 4\n"
                " 3  weak   memory    mov dword [rdi+380], ecx         ; LAPIC\n"
                " 4  weak   memory    mov dword [rdi+320], 400ec       ; LAPIC\n"
                "5 instructions, 3 would exit; call, return or computed jump\n",
    },
    {
        .name = "serial-in",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "ec 0f b6 c0 5d c3",
        .seen = {{0, TRACK_PORT, 0x3fd}},
        .text = " 0  strong port      in al, dx                        ; port 3fd\n"
                "1 instruction, 1 would exit; call, return or computed jump\n",
    },
    {
        .name = "serial-wait",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "ec f3 90 a8 20 74 f9 ba f8 03 00 00 88 c8 ee c3",
        .seen = {{0, TRACK_PORT, 0x3fd}, {14, TRACK_PORT, 0x3f8}},
        .text = " 0> strong port      in al, dx                        ; port 3fd\n"
                " 1         registers pause\n"
                " 2         registers test al, 20\n"
                " 3         jump      jz to 0                          ; as long as there is time\n"
                " 4         registers mov edx, 3f8\n"
                " 5         registers mov al, cl\n"
                " 6  strong perform   out dx, al                       ; port 3f8\n"
                "7 instructions, 2 would exit; call, return or computed jump\n",
    },
    {
        .name = "forward-skip",
        .code_size = CODE_32,
        .flow = CLUSTER_FORWARD,
        .code = "ec a8 01 74 02 e6 80 e4 71 f4",
        .seen = {{0, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                " 1         registers test al, 1\n"
                " 2         jump      jz to 4\n"
                " 3  strong port      out 80, al                       ; port 80\n"
                " 4> strong port      in al, 71                        ; port 71\n"
                "5 instructions, 3 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "forward-skip-straight",
        .code_size = CODE_32,
        .flow = CLUSTER_STRAIGHT,
        .code = "ec a8 01 74 02 e6 80 e4 71 f4",
        .seen = {{0, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                " 1         registers test al, 1\n"
                " 2         jump      jz out\n"
                " 3  strong port      out 80, al                       ; port 80\n"
                " 4  strong port      in al, 71                        ; port 71\n"
                "5 instructions, 3 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "jump-over",
        .code_size = CODE_32,
        .flow = CLUSTER_FORWARD,
        .code = "ec eb 02 e6 80 e4 71 cf",
        .seen = {{0, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                " 1         jump      jmp to 3\n"
                " 2  strong port      out 80, al                       ; port 80\n"
                " 3> strong port      in al, 71                        ; port 71\n"
                "4 instructions, 3 would exit; an instruction that cannot be carried: IRET\n",
    },
    {
        .name = "jump-over-straight",
        .code_size = CODE_32,
        .flow = CLUSTER_STRAIGHT,
        .code = "ec eb 02 e6 80 e4 71 cf",
        .seen = {{0, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                "1 instruction, 1 would exit; control flow that is not followed\n",
    },
    {
        .name = "jump-over-junk",
        .code_size = CODE_32,
        .flow = CLUSTER_FORWARD,
        .code = "ec eb 02 0f 0b e4 71 cf",
        .seen = {{0, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                "1 instruction, 1 would exit; control flow that is not followed\n",
    },
    {
        .name = "while",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .code = "ec eb 04 e6 80 e4 71 49 75 f9 0f a2",
        .seen = {{0, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                " 1         jump      jmp to 4\n"
                " 2> strong port      out 80, al                       ; port 80\n"
                " 3  strong port      in al, 71                        ; port 71\n"
                " 4>        registers dec ecx\n"
                " 5         jump      jnz to 2                         ; as long as there is time\n"
                "6 instructions, 3 would exit; an instruction that cannot be carried: CPUID\n",
    },
    {
        .name = "while-forward",
        .code_size = CODE_32,
        .flow = CLUSTER_FORWARD,
        .code = "ec eb 04 e6 80 e4 71 49 75 f9 0f a2",
        .seen = {{0, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                "1 instruction, 1 would exit; control flow that is not followed\n",
    },
    {
        .name = "not-enabled",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .start = 3,
        .code = "49 74 01 ec 4b 75 f9 f4",
        .seen = {{3, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                "1 instruction, 1 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "not-enabled-back",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .code = "ec 49 74 04 e4 71 eb f9 f4",
        .seen = {{0, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                " 1>        registers dec ecx\n"
                " 2         jump      jz out\n"
                " 3  strong port      in al, 71                        ; port 71\n"
                " 4         jump      jmp to 1                         ; as long as there is time\n"
                "5 instructions, 2 would exit; nothing downstream exits\n",
    },
    {
        .name = "forever",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .code = "ec e6 80 eb fb e4 71",
        .seen = {{0, TRACK_PORT, 0x1f7}},
        .text = " 0> strong port      in al, dx                        ; port 1f7\n"
                " 1  strong port      out 80, al                       ; port 80\n"
                " 2         jump      jmp to 0                         ; as long as there is time\n"
                "3 instructions, 2 would exit; nothing downstream exits\n",
    },
    {
        .name = "nested-loops",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .code = "e6 70 e4 71 a8 80 75 fa 49 75 f5 c3",
        .seen = {{0, TRACK_PORT, 0x70}},
        .text = " 0> strong port      out 70, al                       ; port 70\n"
                " 1> strong port      in al, 71                        ; port 71\n"
                " 2         registers test al, 80\n"
                " 3         jump      jnz to 1                         ; as long as there is time\n"
                " 4         registers dec ecx\n"
                " 5         jump      jnz to 0                         ; as long as there is time\n"
                "6 instructions, 2 would exit; call, return or computed jump\n",
    },
    {
        .name = "middle-of-instruction",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .code = "ec 74 02 b9 34 12 00 00 75 f9 e4 71 f4",
        .seen = {{0, TRACK_PORT, 0x1f7}},
        .text = " 0  strong port      in al, dx                        ; port 1f7\n"
                " 1         jump      jz out\n"
                " 2         registers mov ecx, 1234\n"
                " 3         jump      jnz out\n"
                " 4  strong port      in al, 71                        ; port 71\n"
                "5 instructions, 2 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "gap",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "ec 48 89 07 48 89 47 08 48 89 47 10 48 89 47 18 ec 48 89 07 48 89 47 08 48 89 47 10 50 5b e4 71 f4",
        .seen = {{0, TRACK_PORT, 0x60}, {16, TRACK_PORT, 0x61}},
        .text = " 0  strong port      in al, dx                        ; port 60\n"
                " 1         memory    mov qword [rdi], rax\n"
                " 2         memory    mov qword [rdi+8], rax\n"
                " 3         memory    mov qword [rdi+10], rax\n"
                " 4         memory    mov qword [rdi+18], rax\n"
                " 5  strong port      in al, dx                        ; port 61\n"
                "6 instructions, 2 would exit; too many memory accesses between exits\n",
    },
    {
        .name = "gap-without-exit",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "ec 48 89 07 48 89 47 08 48 89 47 10 48 89 47 18 48 89 47 18 c3",
        .seen = {{0, TRACK_PORT, 0x60}},
        .text = " 0  strong port      in al, dx                        ; port 60\n"
                "1 instruction, 1 would exit; call, return or computed jump\n",
    },
    {
        .name = "gap-in-loop",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "ec 48 89 07 48 89 47 08 48 89 47 10 f3 aa eb f0",
        .seen = {{0, TRACK_PORT, 0x60}},
        .text = " 0  strong port      in al, dx                        ; port 60\n"
                "1 instruction, 1 would exit; too many memory accesses between exits\n",
    },
    {
        .name = "limit",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .max = 4,
        .code = "e6 80 90 90 e6 80 90 90 90 e6 80",
        .seen = {{0, TRACK_PORT, 0x80}},
        .text = " 0  strong port      out 80, al                       ; port 80\n"
                " 1         registers nop\n"
                " 2         registers nop\n"
                " 3  strong port      out 80, al                       ; port 80\n"
                "4 instructions, 2 would exit; nothing downstream exits\n",
    },
    {
        .name = "complete",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .max = 16,
        .code = "e6 80 e6 80 e6 80 e6 80 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90",
        .seen = {{0, TRACK_PORT, 0x80}},
        .text = " 0  strong port      out 80, al                       ; port 80\n"
                " 1  strong port      out 80, al                       ; port 80\n"
                " 2  strong port      out 80, al                       ; port 80\n"
                " 3  strong port      out 80, al                       ; port 80\n"
                "4 instructions, 4 would exit; nothing downstream exits\n",
    },
    {
        .name = "alone",
        .code_size = CODE_32,
        .flow = CLUSTER_STRAIGHT,
        .max = 1,
        .code = "e6 80 e6 80 e6 80 e6 80",
        .seen = {{0, TRACK_PORT, 0x80}},
        .text = " 0  strong port      out 80, al                       ; port 80\n"
                "1 instruction, 1 would exit; the limit of instructions\n",
    },
    {
        .name = "permission",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .bitmap_asked = true,
        .code = "e6 80 49 75 fb e6 80 f4",
        .seen = {{0, TRACK_PORT, 0x80}},
        .text = " 0  strong port      out 80, al                       ; port 80\n"
                "1 instruction, 1 would exit; a port or register that must be looked at first\n",
    },
    {
        .name = "unknown-port",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .code = "ec 42 ee f4",
        .seen = {{0, TRACK_PORT, 0x3fa}},
        .text = " 0  strong port      in al, dx                        ; port 3fa\n"
                " 1         registers inc edx\n"
                " 2  strong perform   out dx, al                       ; some port\n"
                "3 instructions, 2 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "unknown-port-some",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .trap = TRAP_SOME,
        .code = "ec e6 80 e4 21 42 ee f4",
        .seen = {{0, TRACK_PORT, 0x3fa}},
        .text = " 0  strong port      in al, dx                        ; port 3fa\n"
                " 1  strong port      out 80, al                       ; port 80\n"
                "2 instructions, 2 would exit; a port or register that must be looked at first\n",
    },
    {
        .name = "passing-port",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .trap = TRAP_SOME,
        .code = "ec e4 21 ec f4",
        .seen = {{0, TRACK_PORT, 0x3fa}, {3, TRACK_PORT, 0x3fd}},
        .text = " 0  strong port      in al, dx                        ; port 3fa\n"
                " 1         port      in al, 21\n"
                " 2  strong port      in al, dx                        ; port 3fd\n"
                "3 instructions, 2 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "guarded-port",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .code = "e6 70 b0 fe e6 64 ee e4 64 f4",
        .seen = {{0, TRACK_PORT, 0x70}, {6, TRACK_PORT, 0xcf9}},
        .text = " 0  strong port      out 70, al                       ; port 70\n"
                " 1         registers mov al, fe\n"
                " 2  strong perform   out 64, al                       ; port 64\n"
                " 3  strong perform   out dx, al                       ; port cf9\n"
                " 4  strong port      in al, 64                        ; port 64\n"
                "5 instructions, 4 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "guarded-reads",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .code = "66 ed e4 64 ec ec ed 66 ed ed f4",
        .seen = {{0, TRACK_PORT, 0xb000},
                 {4, TRACK_PORT, 0xb001},
                 {5, TRACK_PORT, 0xb002},
                 {6, TRACK_PORT, 0xcf8},
                 {7, TRACK_PORT, 0xafff},
                 {9, TRACK_PORT, 0xaffe}},
        .text = " 0  strong perform   in ax, dx                        ; port b000\n"
                " 1  strong port      in al, 64                        ; port 64\n"
                " 2  strong perform   in al, dx                        ; port b001\n"
                " 3  strong port      in al, dx                        ; port b002\n"
                " 4  strong port      in eax, dx                       ; port cf8\n"
                " 5  strong port      in ax, dx                        ; port afff\n"
                " 6  strong perform   in eax, dx                       ; port affe\n"
                "7 instructions, 7 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "guarded-reads-unknown",
        .code_size = CODE_32,
        .flow = CLUSTER_LOOPS,
        .guards_unknown = true,
        .code = "ec e4 64 f4",
        .seen = {{0, TRACK_PORT, 0x60}},
        .text = " 0  strong perform   in al, dx                        ; port 60\n"
                " 1  strong perform   in al, 64                        ; port 64\n"
                "2 instructions, 2 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "first-is-call",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "ff 10",
        .seen = {{0, TRACK_PAGE, 0xfd000000}},
        .text = " 0  weak   not       call qword [rax]                 ; page fd000000\n"
                "1 instruction, 1 would exit; call, return or computed jump\n",
    },
    {
        .name = "first-is-cpuid",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "0f a2",
        .seen = {{0, TRACK_OTHER, 0x10}},
        .text = " 0         not       cpuid\n"
                "1 instruction, 0 would exit; an instruction that cannot be carried: CPUID\n",
    },
    {
        .name = "first-is-call-why",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "c3",
        .seen = {{0, TRACK_OTHER, 0x0}},
        .text = " 0         not       ret\n"
                "1 instruction, 0 would exit; call, return or computed jump\n",
    },
    {
        .name = "strings",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "66 f3 6d a4 f3 ab 6f f4",
        .seen = {{0, TRACK_PORT, 0x1f0}, {3, TRACK_PAGE, 0xa0000}, {4, TRACK_PAGE, 0xa0000}, {6, TRACK_PORT, 0x1f0}},
        .text = " 0  strong perform   rep insw                         ; port 1f0\n"
                " 1  weak   perform   movsb                            ; page a0000\n"
                " 2  weak   perform   rep stosd                        ; page a0000\n"
                " 3  strong perform   outsd                            ; port 1f0\n"
                "4 instructions, 4 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "pages",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .rip = 0x1fff,
        .max = 64,
        .code = "e6 80 90 90 90 90 90 90 e6 80 90 f4",
        .seen = {{0, TRACK_PORT, 0x80}},
        .text = " 0  strong port      out 80, al                       ; port 80\n"
                " 1         registers nop\n"
                " 2         registers nop\n"
                " 3         registers nop\n"
                " 4         registers nop\n"
                " 5         registers nop\n"
                " 6         registers nop\n"
                " 7  strong port      out 80, al                       ; port 80\n"
                "8 instructions, 2 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "unreadable",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "e6 80 e6 80 90",
        .seen = {{0, TRACK_PORT, 0x80}},
        .text = " 0  strong port      out 80, al                       ; port 80\n"
                " 1  strong port      out 80, al                       ; port 80\n"
                "2 instructions, 2 would exit; the code goes on where it cannot be read\n",
    },
    {
        .name = "weak-stack",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "50 f4",
        .seen = {{0, TRACK_PAGE, 0xd0001000}},
        .text = " 0  weak   perform   push rax                         ; page d0001000\n"
                "1 instruction, 1 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "tsc",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .code = "e6 80 0f 31 e6 80 f4",
        .seen = {{0, TRACK_PORT, 0x80}},
        .text = " 0  strong port      out 80, al                       ; port 80\n"
                " 1         registers rdtsc\n"
                " 2  strong port      out 80, al                       ; port 80\n"
                "3 instructions, 2 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "tsc-trapped",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .trap = TRAP_TSC,
        .code = "e6 80 0f 31 e6 80 f4",
        .seen = {{0, TRACK_PORT, 0x80}},
        .text = " 0  strong port      out 80, al                       ; port 80\n"
                "1 instruction, 1 would exit; an instruction that cannot be carried: RDTSC\n",
    },
    {
        .name = "dr-passes",
        .code_size = CODE_64,
        .flow = CLUSTER_LOOPS,
        .trap = TRAP_SOME,
        .code = "e6 80 0f 23 c0 e6 80 f4",
        .seen = {{0, TRACK_PORT, 0x80}},
        .text = " 0  strong port      out 80, al                       ; port 80\n"
                " 1         debug     mov dr0, rax\n"
                " 2  strong port      out 80, al                       ; port 80\n"
                "3 instructions, 2 would exit; an instruction that cannot be carried: HLT\n",
    },
    {
        .name = "ip-wraps",
        .code_size = CODE_16,
        .flow = CLUSTER_LOOPS,
        .rip = 0xfffc,
        .cs_base = 0xf0000,
        .code = "e6 80 e6 80 90",
        .seen = {{0, TRACK_PORT, 0x80}},
        .text = " 0  strong port      out 80, al                       ; port 80\n"
                " 1  strong port      out 80, al                       ; port 80\n"
                "2 instructions, 2 would exit; the code goes on where it cannot be read\n",
    },
    {
        .name = "cs-base",
        .code_size = CODE_16,
        .flow = CLUSTER_LOOPS,
        .rip = 0x100,
        .cs_base = 0xffff0,
        .code = "ec ec cb",
        .seen = {{0, TRACK_PORT, 0x3fa}, {1, TRACK_PORT, 0x3f9}},
        .text = " 0  strong port      in al, dx                        ; port 3fa\n"
                " 1  strong port      in al, dx                        ; port 3f9\n"
                "2 instructions, 2 would exit; an instruction that cannot be carried: RET_FAR\n",
    },
};

#endif
