/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/host.h"

#include "emul/translated.h"
#include "lib/cpu.h"
#include "lib/msr.h"
#include "lib/panic.h"
#include "lib/print.h"
#include "lib/vcpu.h"
#include "vmx/cpu.h"

#define VECTORS 32
#define STUB_SIZE 16
#define MCG_STATUS_RIPV BIT(0)

/* SDM "64-Bit Mode IDT": interrupt gate. */
struct gate {
    u16 offset_low, selector;
    u8 ist, type;
    u16 offset_middle;
    u32 offset_high, reserved;
} __attribute__((packed));
_Static_assert(sizeof(struct gate) == 16, "SDM: 64-bit gate descriptor");

enum ist { IST_NMI = 1, IST_MACHINE_CHECK = 2, IST_FAULT = 3 };

struct fixup {
    u64 from, to;
};

extern const char host_stubs[];
extern const struct fixup extable_start[], extable_end[];
extern const char vmx_entry_check_timed[], vmx_entry_end_timed[], vmx_entry_again_timed[];
extern const char vmx_entry_check_plain[], vmx_entry_end_plain[], vmx_entry_again_plain[];
extern const char vmx_code_check_timed[], vmx_code_resume_end_timed[], vmx_code_again_timed[];
extern const char vmx_code_check_plain[], vmx_code_resume_end_plain[], vmx_code_again_plain[];

static struct gate idt[VECTORS]; /* the same for all CPUs */

static enum ist ist_of(u32 vector)
{
    if (vector == VECTOR_NMI)
        return IST_NMI;
    return vector == VECTOR_MC ? IST_MACHINE_CHECK : IST_FAULT;
}

static void build_idt(void)
{
    for (u32 vector = 0; vector < VECTORS; vector++) {
        u64 stub = (u64)host_stubs + vector * STUB_SIZE;
        idt[vector] = (struct gate){
            .offset_low = (u16)stub,
            .selector = HOST_CS,
            .ist = ist_of(vector),
            .type = 0x8e, /* present, DPL 0, 64-bit interrupt gate */
            .offset_middle = (u16)(stub >> 16),
            .offset_high = (u32)(stub >> 32),
        };
    }
}

static void build_gdt(struct host_tables *tables)
{
    u64 tss = (u64)&tables->tss;
    tables->gdt[0] = 0;
    tables->gdt[HOST_CS / 8] = 0x00af9b000000ffff;
    tables->gdt[HOST_SS / 8] = 0x00cf93000000ffff;
    /* Available 64-bit TSS; LTR makes it busy. */
    tables->gdt[HOST_TR / 8] = (sizeof(struct host_tss) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 |
                               (tss >> 24 & 0xff) << 56;
    tables->gdt[HOST_TR / 8 + 1] = tss >> 32;
    tables->tss.ist[IST_NMI - 1] = (u64)(tables->nmi_stack + HOST_IST_STACK);
    tables->tss.ist[IST_MACHINE_CHECK - 1] = (u64)(tables->machine_check_stack + HOST_IST_STACK);
    tables->tss.ist[IST_FAULT - 1] = (u64)(tables->fault_stack + HOST_IST_STACK);
    tables->tss.io_map_base = sizeof(struct host_tss);
}

u64 host_idt_base(void)
{
    return (u64)idt;
}

static void load_segments(void)
{
    asm volatile("pushq %0\n\t"
                 "leaq 1f(%%rip), %%rax\n\t"
                 "pushq %%rax\n\t"
                 "lretq\n"
                 "1:\n\t"
                 "movl %1, %%ss\n\t"
                 "movl %2, %%ds\n\t"
                 "movl %2, %%es\n\t"
                 "movl %2, %%fs\n\t"
                 "movl %2, %%gs"
                 :
                 : "i"(HOST_CS), "r"(HOST_SS), "r"(0)
                 : "rax", "memory");
}

void host_load(struct cpu *cpu)
{
    struct host_tables *tables = &cpu->host;
    build_idt();
    build_gdt(tables);
    struct pseudo_descriptor gdtr = {sizeof(tables->gdt) - 1, (u64)tables->gdt};
    struct pseudo_descriptor idtr = {sizeof(idt) - 1, (u64)idt};
    lgdt(&gdtr);
    load_segments();
    lidt(&idtr);
    ltr(HOST_TR);
    cpu->self = cpu;
    wrmsr(MSR_GS_BASE, (u64)cpu);
}

struct cpu *host_cpu(void)
{
    struct cpu *cpu;
    asm volatile("movq %%gs:%c1, %0" : "=r"(cpu) : "i"(offsetof(struct cpu, self)));
    return cpu;
}

/* An NMI after the last look at `attention` and before VMRESUME goes back to look again. */
static void redirect_entry(struct host_frame *frame)
{
    static const struct {
        const char *check, *end, *again;
    } places[] = {
        {vmx_entry_check_timed, vmx_entry_end_timed, vmx_entry_again_timed},
        {vmx_entry_check_plain, vmx_entry_end_plain, vmx_entry_again_plain},
        {vmx_code_check_timed, vmx_code_resume_end_timed, vmx_code_again_timed},
        {vmx_code_check_plain, vmx_code_resume_end_plain, vmx_code_again_plain},
    };
    for (u32 i = 0; i < COUNT_OF(places); i++)
        if (frame->rip >= (u64)places[i].check && frame->rip < (u64)places[i].end)
            frame->rip = (u64)places[i].again;
}

static bool fix_up(struct host_frame *frame)
{
    for (const struct fixup *f = extable_start; f < extable_end; f++) {
        if (f->from == frame->rip) {
            frame->rip = f->to;
            return true;
        }
    }
    return false;
}

/* A fault while this prints would come back here, on the same stack, for ever. */
static _Noreturn void unexpected(const struct host_frame *f)
{
    static bool printing;
    if (printing)
        halt_forever();
    printing = true;
    print("exception %lu in Exeunt: error code %lx, CR2 %lx\n", f->vector, f->error_code, read_cr2());
    print("RIP %lx RSP %lx RFLAGS %lx\n", f->rip, f->rsp, f->rflags);
    for (u32 i = 0; i < 16; i += 4)
        print("r%-2u %016lx %016lx %016lx %016lx\n", i, f->gpr[i], f->gpr[i + 1], f->gpr[i + 2], f->gpr[i + 3]);
    panic("exception in root mode");
}

/* SDM "IA32_MCG_STATUS MSR": without RIPV what was interrupted cannot go on. */
static void check_machine_check(const struct host_frame *frame)
{
    u64 status = rdmsr(MSR_MCG_STATUS);
    if (!(status & MCG_STATUS_RIPV))
        panic("machine check in Exeunt, RIP %lx: IA32_MCG_STATUS %lx", frame->rip, status);
}

void host_exception(struct host_frame *frame)
{
    if (frame->vector == VECTOR_MC)
        check_machine_check(frame);
    if (frame->vector == VECTOR_NMI || frame->vector == VECTOR_MC) {
        struct cpu *cpu = host_cpu();
        cpu->attention |= frame->vector == VECTOR_NMI ? ATTENTION_NMI : ATTENTION_MACHINE_CHECK;
        translated_hurry(&cpu->vcpu);
        redirect_entry(frame);
        return;
    }
    if (frame->vector == VECTOR_GP && fix_up(frame))
        return;
    unexpected(frame);
}
