/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ground of static programs for 64-bit Linux without a C library: the kernel's calls, a line of text, and where the
 * program begins. Each program is one file, which defines program().
 */
#ifndef TOOLS_LINUX_PROGRAM_H
#define TOOLS_LINUX_PROGRAM_H

#include "lib/types.h"

enum { STANDARD_OUTPUT = 1, STANDARD_ERROR = 2 };
enum { SYSCALL_WRITE = 1, SYSCALL_EXIT = 60 };

/* The words of the command line, words[0] being the program's name; the value is its exit status. */
static int program(int count, char **words);

static inline long linux_call(long number, long a, long b, long c, long d)
{
    register long fourth __asm__("r10") = d;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
}

static inline _Noreturn void linux_exit(int status)
{
    linux_call(SYSCALL_EXIT, status, 0, 0, 0);
    __builtin_unreachable();
}

/* ---- a line: what does not fit is left out ---- */

struct line {
    u32 used;
    char text[1024];
};

static inline void line_text(struct line *line, const char *text)
{
    while (*text && line->used < sizeof(line->text))
        line->text[line->used++] = *text++;
}

static inline void line_number(struct line *line, u64 value)
{
    char digits[24], *p = digits + sizeof(digits);
    *--p = '\0';
    do
        *--p = (char)('0' + value % 10);
    while (value /= 10);
    line_text(line, p);
}

static inline void line_write(const struct line *line, int file)
{
    linux_call(SYSCALL_WRITE, file, (long)line->text, line->used, 0);
}

/* ---- processor ---- */

struct registers {
    u32 eax, ebx, ecx, edx;
};

static inline struct registers cpuid(u32 leaf, u32 subleaf)
{
    struct registers r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

/* SPEC 2.4: the hypervisor bit, and "ExeuntExeunt". */
static inline bool under_exeunt(void)
{
    if (!(cpuid(1, 0).ecx >> 31))
        return false;
    struct registers signature = cpuid(0x40000000, 0);
    return signature.ebx == 0x75657845 && signature.ecx == 0x7845746e && signature.edx == 0x746e7565;
}

/* VMCALL: a hypercall's registers, before and after it (SPEC 9). */
static inline struct registers hypercall(struct registers r)
{
    __asm__ volatile("vmcall" : "+a"(r.eax), "+b"(r.ebx), "+c"(r.ecx), "+d"(r.edx) : : "memory");
    return r;
}

/* ---- where it begins: the kernel leaves the number of words and the words on the stack ---- */

static __attribute__((used)) _Noreturn void linux_begin(char **stack)
{
    linux_exit(program((int)(long)stack[0], stack + 1));
}

__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall linux_begin\n");

#endif
