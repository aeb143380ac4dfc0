/* SPDX-License-Identifier: BSD-2-Clause */
/* Debug registers, breakpoints, and single steps over instructions that exit. */
#include "test/guest/lib/apic.h"
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

#define DR6_FIXED 0xffff0ff0u
#define DR6_BD 0x2000u
#define DR6_BS 0x4000u
#define DR7_FIXED 0x400u
#define DR7_GD 0x2000u

#define STEPS_MAX 64
static volatile u32 steps;
static volatile word step_at[STEPS_MAX], step_dr6[STEPS_MAX];

/* Notes each #DB; goes on with it off as the code clears TF itself. */
static void on_debug(struct frame *frame)
{
    if (steps < STEPS_MAX) {
        step_at[steps] = frame->ip;
        step_dr6[steps] = read_dr6();
    }
    steps++;
    write_dr6(DR6_FIXED);
    frame->flags |= FLAGS_RF;
}

static void registers(void)
{
    write_dr0(0x11111111);
    write_dr1(0x22222222);
    write_dr2(0x33333333);
    write_dr3(0x44444444);
    check("dr.dr0", read_dr0(), 0x11111111);
    check("dr.dr1", read_dr1(), 0x22222222);
    check("dr.dr2", read_dr2(), 0x33333333);
    check("dr.dr3", read_dr3(), 0x44444444);
    write_dr7(0x700);
    check("dr.dr7", read_dr7(), 0x700);
    write_dr7(DR7_FIXED);
    write_dr6(0);
    check("dr.dr6-fixed", read_dr6() & 0xffff1ff0, DR6_FIXED);
    word value;
    write_cr4(read_cr4() & ~(word)CR4_DE);
    ATTEMPT(__asm__ volatile("mov %%db4, %0" : "=r"(value)));
    check_no_fault("dr.dr4-is-dr6");
    write_cr4(read_cr4() | CR4_DE);
    ATTEMPT(__asm__ volatile("mov %%db5, %0" : "=r"(value)));
    check_fault("dr.dr5-with-de", VECTOR_UD, 0);
    if (LONG_MODE) {
        ATTEMPT(write_dr7(DR7_FIXED | (word)1 << 16 << 16));
        check_fault("dr.dr7-upper", VECTOR_GP, 0);
        ATTEMPT(write_dr6((word)1 << 16 << 16));
        check_fault("dr.dr6-upper", VECTOR_GP, 0);
    }
}

static void general_detect(void)
{
    write_dr6(DR6_FIXED);
    write_dr7(DR7_FIXED | DR7_GD);
    ATTEMPT(write_dr0(5));
    check_fault("dr.general-detect", VECTOR_DB, 0);
    check("dr.general-detect-dr6", read_dr6() & DR6_BD, DR6_BD);
    check("dr.general-detect-off", read_dr7() & DR7_GD, 0);
    check("dr.general-detect-not-written", read_dr0(), 0x11111111);
    write_dr7(DR7_FIXED);
}

static void user_read_dr(word unused)
{
    (void)read_dr0();
}

/*
 * Sets TF, runs one instruction, clears TF: steps come after the instruction behind POPF, and after each of the three
 * that clear TF. The first is the one of interest.
 */
#define STEP(name, insn, a, c, d)                                                                                      \
    do {                                                                                                               \
        word expected_, a_ = (a), c_ = (c), d_ = (d);                                                                  \
        steps = 0;                                                                                                     \
        write_dr6(DR6_FIXED);                                                                                          \
        __asm__ volatile("pushf; orl $0x100, (%%" STACK_POINTER "); mov $1f, %k0; popf; " insn                         \
                         "; 1: pushf; andl $~0x100, (%%" STACK_POINTER "); popf"                                       \
                         : "=&S"(expected_), "+a"(a_), "+c"(c_), "+d"(d_)                                              \
                         :                                                                                             \
                         : "ebx", "edi", "memory", "cc");                                                              \
        check("dr.step-" name, step_at[0], expected_);                                                                 \
        check("dr.step-dr6-" name, step_dr6[0] & (DR6_BS | 0xf), DR6_BS);                                              \
        check("dr.step-count-" name, steps, 4);                                                                        \
    } while (0)

static u8 bytes[16];

static void steps_over_exits(void)
{
    on_vector(VECTOR_DB, on_debug);
    STEP("nop", "nop", 0, 0, 0);
    STEP("cpuid", "cpuid", 0, 0, 0);
    STEP("in", "inb %%dx, %%al", 0, 0, 0x80);
    STEP("out", "outb %%al, %%dx", 0, 0, 0x80);
    STEP("rdmsr", "rdmsr", 0, MSR_PAT, 0);
    STEP("wbinvd", "wbinvd", 0, 0, 0);
    STEP("mov-cr0", "mov %1, %%cr0", read_cr0(), 0, 0);
    STEP("mov-cr4", "mov %1, %%cr4", read_cr4(), 0, 0);
    STEP("mov-cr3-read", "mov %%cr3, %1", 0, 0, 0);
    STEP("apic-read", "movl (%1), %k1", APIC_BASE + APIC_TPR, 0, 0);
    STEP("apic-write", "movl %k2, (%1)", APIC_BASE + APIC_LVT_TIMER, APIC_MASKED, 0);
    on_vector(VECTOR_DB, NULL);
}

/* A repeated string instruction traps after each of its iterations. */
static void steps_over_rep(void)
{
    word di = (word)bytes, count = 3;
    on_vector(VECTOR_DB, on_debug);
    steps = 0;
    __asm__ volatile("pushf; orl $0x100, (%%" STACK_POINTER "); popf; rep insb"
                     "; pushf; andl $~0x100, (%%" STACK_POINTER "); popf"
                     : "+D"(di), "+c"(count)
                     : "d"(0x80)
                     : "memory", "cc");
    check("dr.step-rep-insb", steps, 6);
    check_true("dr.step-rep-insb-same-ip", step_at[0] == step_at[1] && step_at[2] != step_at[1]);
    check_true("dr.step-rep-insb-done", count == 0 && di == (word)bytes + 3);
    on_vector(VECTOR_DB, NULL);
}

static void breakpoints(void)
{
    word target;
    on_vector(VECTOR_DB, on_debug);
    steps = 0;
    write_dr6(DR6_FIXED);
    /* execution, on an instruction that exits: a fault before it, once */
    __asm__ volatile("mov $1f, %k0; mov %0, %%dr0; mov %1, %%dr7; xorl %%eax, %%eax; xorl %%ecx, %%ecx; 1: cpuid"
                     : "=&S"(target)
                     : "D"((word)(DR7_FIXED | 2))
                     : "eax", "ebx", "ecx", "edx", "memory");
    write_dr7(DR7_FIXED);
    check("dr.execute-at", step_at[0], target);
    check("dr.execute-dr6", step_dr6[0] & (DR6_BS | 0xf), 1);
    check("dr.execute-once", steps, 1);
    /* I/O: a trap after it (CR4.DE is on) */
    steps = 0;
    write_dr1(0x80);
    write_dr7(DR7_FIXED | 8 | 2u << 20);
    __asm__ volatile("mov $1f, %k0; outb %%al, $0x80; 1: nop" : "=&S"(target) : : "memory");
    write_dr7(DR7_FIXED);
    check("dr.io-at", step_at[0], target);
    check("dr.io-dr6", step_dr6[0] & 0xf, 2);
    check("dr.io-once", steps, 1);
    on_vector(VECTOR_DB, NULL);
}

void guest_main(void)
{
    apic_enable();
    registers();
    general_detect();
    ATTEMPT(run_user(user_read_dr, 0));
    check_fault("dr.user", VECTOR_GP, 0);
    steps_over_exits();
    steps_over_rep();
    breakpoints();
}
