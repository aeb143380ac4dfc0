/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mark NAME: prints `NAME tsc=N exits=N avoided=N vmm=N hits=N misses=N invalidations=N` (bare only the TSC) and ends.
 * mark reset, mark report: has Exeunt reset its counters, print its report.
 * A static program without a C library, for the initramfs of tools/bench: the TSC and Exeunt's counters (SPEC 9,
 * hypercall=user) cannot be had from a shell.
 */
typedef unsigned int u32;
typedef unsigned long u64;

#define CALL_RESET 0x45580001u
#define CALL_REPORT 0x45580002u
#define CALL_COUNTER 0x45580004u
#define SYS_WRITE 1
#define SYS_EXIT 60

static char line[256];
static u32 used;

static long syscall3(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

static void text(const char *s)
{
    while (*s && used < sizeof(line))
        line[used++] = *s++;
}

static void number(const char *name, u64 value)
{
    char digits[24], *p = digits + sizeof(digits);
    *--p = '\0';
    do
        *--p = (char)('0' + value % 10);
    while (value /= 10);
    text(name);
    text(p);
}

static u64 rdtsc(void)
{
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

static int under_exeunt(void)
{
    u32 a = 1, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (!(c >> 31))
        return 0;
    a = 0x40000000;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return b == 0x75657845 && c == 0x7845746e && d == 0x746e7565; /* "Exeu" "ntEx" "eunt" */
}

static u64 counter(u32 index)
{
    u32 a = CALL_COUNTER, c, d;
    __asm__ volatile("vmcall" : "+a"(a), "=c"(c), "=d"(d) : "b"(index) : "memory");
    return a ? 0 : (u64)d << 32 | c;
}

/* No other mark begins with `res` or `rep`. */
static u32 call_of(const char *name)
{
    if (name[0] != 'r' || name[1] != 'e')
        return 0;
    return name[2] == 's' ? CALL_RESET : name[2] == 'p' ? CALL_REPORT : 0;
}

static void say_counters(const char *name)
{
    u64 tsc = rdtsc();
    static const struct {
        const char *name;
        u32 index;
    } counters[] = {{" exits=", 0}, {" avoided=", 1}, {" vmm=", 2},
                    {" hits=", 4},  {" misses=", 5},  {" invalidations=", 6}};

    text(name);
    number(" tsc=", tsc);
    for (u32 i = 0; i < sizeof(counters) / sizeof(counters[0]) && under_exeunt(); i++)
        number(counters[i].name, counter(counters[i].index));
    text("\n");
    syscall3(SYS_WRITE, 1, (long)line, used);
}

__attribute__((used, noreturn)) static void run(const u64 *stack)
{
    const char *name = stack[0] > 1 ? (const char *)stack[2] : "mark";
    u32 call = call_of(name);
    if (!call)
        say_counters(name);
    else if (under_exeunt())
        __asm__ volatile("vmcall" : "+a"(call) : : "rbx", "rcx", "rdx", "memory");
    syscall3(SYS_EXIT, 0, 0, 0);
    __builtin_unreachable();
}

/* The kernel leaves argc and argv on the stack. */
__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall run\n");
