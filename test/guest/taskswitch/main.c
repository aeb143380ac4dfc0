/* SPDX-License-Identifier: BSD-2-Clause */
/* Hardware task switches: JMP, CALL, IRET, interrupts and faults through task gates, and those that fail. */
#include "test/guest/lib/cpu.h"
#include "test/guest/lib/guest.h"

#define SELECTOR_OTHER (SELECTOR_FREE + 0x00)
#define SELECTOR_GATE (SELECTOR_FREE + 0x08)
#define SELECTOR_SPARE (SELECTOR_FREE + 0x10)
#define TASK_GATE 0x85
#define TSS_AVAILABLE 0x89

static struct tss32 other;
static u8 other_stack[4096] __attribute__((aligned(16)));

static u8 rescue_stack[4096] __attribute__((aligned(16)));

/* What the other task saw; task_other32.S fills it each time it runs. */
struct seen {
    u32 count, flags, tr, cr0, cr3, error, eax, ebx;
};
extern volatile struct seen seen;
void other_by_call(void);  /* runs, then IRET; again on the next CALL */
void other_by_jump(void);  /* runs, then jumps back */
void other_by_fault(void); /* skips the instruction of two bytes that faulted, with an error code */
void rescue_by_jump(void); /* takes the error code, jumps back to the first task */
void other_by_trap(void);  /* the same without an error code */

static u32 type_of(u16 selector)
{
    return (u32)(gdt[selector / 8] >> 40) & 0x1f;
}

static void other_is(void (*entry)(void))
{
    for (u32 i = 0; i < sizeof(other); i++)
        ((u8 *)&other)[i] = 0;
    other.esp = (u32)(other_stack + sizeof(other_stack) - 16);
    other.eip = (u32)entry;
    other.eflags = 2;
    other.cs = SELECTOR_CODE32;
    other.ss = other.ds = other.es = SELECTOR_DATA;
    other.cr3 = read_cr3();
    other.eax = 0x0a0a0a0a;
    other.ebx = 0x0b0b0b0b;
    other.io_map = sizeof(other);
    gdt[SELECTOR_OTHER / 8] = descriptor((u32)&other, sizeof(other) - 1, TSS_AVAILABLE);
    gdt[SELECTOR_GATE / 8] = (u64)TASK_GATE << 40 | SELECTOR_OTHER << 16;
}

static void call(void)
{
    u32 a = 0x11111111, b = 0x22222222, d = 0x44444444, si = 0x55555555;
    other_is(other_by_call);
    u32 count = seen.count;
    write_cr0(read_cr0() & ~(word)CR0_TS);
    __asm__ volatile("lcall $0x50, $0" : "+a"(a), "+b"(b), "+d"(d), "+S"(si) : : "memory", "cc");
    check("taskswitch.call", seen.count, count + 1);
    check_true("taskswitch.call-registers", a == 0x11111111 && b == 0x22222222 && d == 0x44444444 && si == 0x55555555);
    check_true("taskswitch.call-new-registers", seen.eax == 0x0a0a0a0a && seen.ebx == 0x0b0b0b0b);
    check("taskswitch.call-nt", seen.flags & FLAGS_NT, FLAGS_NT);
    check("taskswitch.call-tr", seen.tr, SELECTOR_OTHER);
    check("taskswitch.call-ts", seen.cr0 & CR0_TS, CR0_TS);
    check("taskswitch.call-link", other.link, SELECTOR_TSS);
    check("taskswitch.call-saved-eax", task.tss32.eax, 0x11111111);
    check("taskswitch.iret-nt", read_flags() & FLAGS_NT, 0);
    check("taskswitch.iret-busy", type_of(SELECTOR_TSS), 0xb);
    check("taskswitch.iret-available", type_of(SELECTOR_OTHER), 9);
    __asm__ volatile("lcall $0x50, $0" : : : "memory", "cc");
    check("taskswitch.call-again", seen.count, count + 2);
    __asm__ volatile("lcall $0x58, $0" : : : "memory", "cc");
    check("taskswitch.call-gate", seen.count, count + 3);
    __asm__ volatile("clts");
}

static void jump(void)
{
    other_is(other_by_jump);
    u32 count = seen.count;
    __asm__ volatile("ljmp $0x50, $0" : : : "memory", "cc");
    check("taskswitch.jump", seen.count, count + 1);
    check("taskswitch.jump-no-nt", seen.flags & FLAGS_NT, 0);
    check("taskswitch.jump-back-busy", type_of(SELECTOR_TSS), 0xb);
    check("taskswitch.jump-back-available", type_of(SELECTOR_OTHER), 9);
    __asm__ volatile("ljmp $0x58, $0" : : : "memory", "cc");
    check("taskswitch.jump-gate", seen.count, count + 2);
    __asm__ volatile("clts");
}

static void through_idt(void)
{
    u32 count = seen.count;
    other_is(other_by_call);
    idt_set(0x60, 0, SELECTOR_OTHER, TASK_GATE);
    __asm__ volatile("int $0x60" : : : "memory", "cc");
    check("taskswitch.int", seen.count, count + 1);
    other_is(other_by_fault);
    idt_set(VECTOR_GP, 0, SELECTOR_OTHER, TASK_GATE);
    __asm__ volatile("mov %0, %%ds" : : "r"(SELECTOR_END + 8) : "memory", "cc");
    idt_restore(VECTOR_GP);
    check("taskswitch.fault", seen.count, count + 2);
    check("taskswitch.fault-error", seen.error, SELECTOR_END + 8);
    other_is(other_by_trap);
    idt_set(VECTOR_UD, 0, SELECTOR_OTHER, TASK_GATE);
    __asm__ volatile("ud2" : : : "memory", "cc");
    idt_restore(VECTOR_UD);
    check("taskswitch.ud", seen.count, count + 3);
    check("taskswitch.ud-rf-saved", task.tss32.eflags & FLAGS_RF, FLAGS_RF);
    __asm__ volatile("clts");
}

static void cr3_and_trap_bit(void)
{
    other_is(other_by_call);
    other.cr3 = 0x18; /* PWT and PCD: paging is off, so nothing is walked; CR3 is loaded only with paging on */
    __asm__ volatile("lcall $0x50, $0" : : : "memory", "cc");
    print("INFO CR3 in the other task 0x%x\n", seen.cr3);
    write_cr3(0);
    other_is(other_by_call);
    write_dr7(0x400 | 1 << 8 | 3); /* LE, L0, G0 */
    __asm__ volatile("lcall $0x50, $0" : : : "memory", "cc");
    check("taskswitch.dr7-local-bits", read_dr7() & 0x3, 2);
    write_dr7(0x400);
    __asm__ volatile("clts");
}

static void refused(void)
{
    other_is(other_by_call);
    ATTEMPT(__asm__ volatile("ljmp $0x40, $0" : : : "memory"));
    check_fault("taskswitch.busy", VECTOR_GP, SELECTOR_TSS);
    gdt[SELECTOR_OTHER / 8] = descriptor((u32)&other, 0x66, TSS_AVAILABLE);
    ATTEMPT(__asm__ volatile("ljmp $0x50, $0" : : : "memory"));
    check_fault("taskswitch.limit", VECTOR_TS, SELECTOR_OTHER);
    gdt[SELECTOR_OTHER / 8] = descriptor((u32)&other, sizeof(other) - 1, TSS_AVAILABLE & ~0x80);
    ATTEMPT(__asm__ volatile("lcall $0x50, $0" : : : "memory"));
    check_fault("taskswitch.not-present", VECTOR_NP, SELECTOR_OTHER);
    task.tss32.link = SELECTOR_SPARE; /* not a TSS */
    gdt[SELECTOR_SPARE / 8] = descriptor(0, 0xfffff, 0xc093);
    write_flags(read_flags() | FLAGS_NT);
    ATTEMPT(__asm__ volatile("iret" : : : "memory"));
    write_flags(read_flags() & ~(word)FLAGS_NT);
    check_fault("taskswitch.iret-link", VECTOR_TS, SELECTOR_SPARE);
}

/*
 * What is wrong in the new task's segments is found after the switch: the fault comes in the new task, whose segments
 * may not serve, so a third task takes it through a task gate (SDM "Invalid TSS Exception").
 */
static void refused_in_new_task(void)
{
    static struct tss32 rescue;
    other_is(rescue_by_jump);
    rescue = other;
    gdt[SELECTOR_SPARE / 8] = descriptor((u32)&rescue, sizeof(rescue) - 1, TSS_AVAILABLE);
    idt_set(VECTOR_TS, 0, SELECTOR_SPARE, TASK_GATE);
    rescue.esp = (u32)(rescue_stack + sizeof(rescue_stack) - 16);
    other_is(other_by_call);
    other.cs = SELECTOR_DATA;
    u32 count = seen.count;
    __asm__ volatile("ljmp $0x50, $0" : : : "memory", "cc");
    idt_restore(VECTOR_TS);
    check("taskswitch.bad-cs", seen.count, count + 1);
    check("taskswitch.bad-cs-error", seen.error, SELECTOR_DATA);
    check("taskswitch.bad-cs-in-new-task", rescue.link, SELECTOR_OTHER);
    __asm__ volatile("clts");
}

void guest_main(void)
{
    call();
    jump();
    through_idt();
    cr3_and_trap_bit();
    refused();
    refused_in_new_task();
}
