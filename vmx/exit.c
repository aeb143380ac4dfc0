/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/exit.h"

#include "emul/retire.h"
#include "emul/translated.h"
#include "lib/counters.h"
#include "lib/cpu.h"
#include "lib/panic.h"
#include "vmx/event.h"
#include "vmx/exit_reasons.h"
#include "vmx/exit_site.h"
#include "vmx/insn.h"
#include "vmx/reporting.h"
#include "vmx/state.h"
#include "vmx/vmcs_fields.h"

typedef void exit_handler(struct cpu *cpu);

/* Only these can interrupt the delivery of an event; for the others the vectoring information need not be read. */
static const bool during_delivery[EXIT_REASON_LIMIT] = {
    [EXIT_REASON_EXCEPTION_OR_NMI] = true, [EXIT_REASON_TRIPLE_FAULT] = true,         [EXIT_REASON_TASK_SWITCH] = true,
    [EXIT_REASON_EPT_VIOLATION] = true,    [EXIT_REASON_EPT_MISCONFIGURATION] = true,
};

static exit_handler *const handlers[EXIT_REASON_LIMIT] = {
    [EXIT_REASON_EXCEPTION_OR_NMI] = exit_exception_or_nmi,
    [EXIT_REASON_TRIPLE_FAULT] = exit_triple_fault,
    [EXIT_REASON_INIT_SIGNAL] = exit_init,
    [EXIT_REASON_STARTUP_IPI] = exit_startup_ipi,
    [EXIT_REASON_NMI_WINDOW] = exit_nmi_window,
    [EXIT_REASON_TASK_SWITCH] = exit_task_switch,
    [EXIT_REASON_CPUID] = exit_cpuid,
    [EXIT_REASON_GETSEC] = exit_undefined,
    [EXIT_REASON_HLT] = exit_hlt,
    [EXIT_REASON_INVD] = exit_invd,
    [EXIT_REASON_RDTSC] = exit_rdtsc,
    [EXIT_REASON_VMCALL] = exit_vmcall,
    [EXIT_REASON_VMCLEAR] = exit_undefined,
    [EXIT_REASON_VMLAUNCH] = exit_undefined,
    [EXIT_REASON_VMPTRLD] = exit_undefined,
    [EXIT_REASON_VMPTRST] = exit_undefined,
    [EXIT_REASON_VMREAD] = exit_undefined,
    [EXIT_REASON_VMRESUME] = exit_undefined,
    [EXIT_REASON_VMWRITE] = exit_undefined,
    [EXIT_REASON_VMXOFF] = exit_undefined,
    [EXIT_REASON_VMXON] = exit_undefined,
    [EXIT_REASON_CR_ACCESS] = exit_control_register,
    [EXIT_REASON_MOV_DR] = exit_debug_register,
    [EXIT_REASON_IO_INSTRUCTION] = exit_io,
    [EXIT_REASON_RDMSR] = exit_rdmsr,
    [EXIT_REASON_WRMSR] = exit_wrmsr,
    [EXIT_REASON_PREEMPTION_TIMER] = exit_preemption_timer,
    [EXIT_REASON_EPT_VIOLATION] = exit_ept_violation,
    [EXIT_REASON_EPT_MISCONFIGURATION] = exit_ept_misconfiguration,
    [EXIT_REASON_INVEPT] = exit_undefined,
    [EXIT_REASON_RDTSCP] = exit_rdtscp,
    [EXIT_REASON_INVVPID] = exit_undefined,
    [EXIT_REASON_XSETBV] = exit_xsetbv,
    [EXIT_REASON_VMFUNC] = exit_undefined,
    [EXIT_REASON_UMWAIT] = exit_user_wait,
    [EXIT_REASON_TPAUSE] = exit_user_wait,
    [EXIT_REASON_SEAMCALL] = exit_undefined,
    [EXIT_REASON_TDCALL] = exit_undefined,
    [EXIT_REASON_RDMSRLIST] = exit_undefined,
    [EXIT_REASON_WRMSRLIST] = exit_undefined,
    [EXIT_REASON_URDMSR] = exit_undefined,
    [EXIT_REASON_UWRMSR] = exit_undefined,
    [EXIT_REASON_RDMSR_IMMEDIATE] = exit_undefined,
    [EXIT_REASON_WRMSR_IMMEDIATE] = exit_undefined,
};

static void remember(struct cpu *cpu)
{
    struct history *history = &cpu->history;
    struct history_entry *entry = &history->entry[history->next++ % HISTORY_LENGTH];
    entry->rip = cpu->vcpu.rip = vmread_sure(VMCS_GUEST_RIP);
    entry->reason = cpu->reason;
    entry->detail = 0;
    cpu->vcpu.have = PART_RIP;
}

u64 exit_qualification(struct cpu *cpu)
{
    u64 qualification = vmread_sure(VMCS_EXIT_QUALIFICATION);
    cpu->history.entry[(cpu->history.next - 1) % HISTORY_LENGTH].detail = (u32)qualification;
    return qualification;
}

static void wait_delay(const struct cpu *cpu)
{
    for (u64 start = rdtsc(); rdtsc() - start < cpu->exit_delay;)
        cpu_pause();
}

static void do_chores(struct cpu *cpu)
{
    if (cpu->chores & CHORE_RECORD)
        exit_site_record(cpu);
    if (cpu->chores & CHORE_CONSOLE)
        reporting_send_line(cpu);
    if (cpu->chores & CHORE_PERIOD)
        reporting_periodic(cpu);
    if (cpu->chores & CHORE_REPORT)
        reporting_by_keys(cpu);
    if (cpu->chores & CHORE_DELAY)
        wait_delay(cpu);
}

static void flush_ept(struct cpu *cpu)
{
    if (cpu->vm->ept.flush) {
        invept(cpu->invept_type, cpu->eptp);
        cpu->vm->ept.flush = false;
    }
}

/* vmx/entry.S: translated code (emul/translate.h) instead of an entry. */
_Noreturn void vmx_run(const void *code, struct vcpu *v);

/* Translated code runs next, unless an event has to be delivered before the instruction that exited. */
static void run_translated(struct cpu *cpu)
{
    cpu->chores &= ~(u32)CHORE_RUN;
    if (cpu->chores & (CHORE_NMI | CHORE_MACHINE_CHECK))
        return;
    flush_ept(cpu);
    cpu->vcpu.dirty = 0;
    vmx_run(cpu->run, &cpu->vcpu);
}

/* Events, chores, translated code: out of line, so that the path without them keeps no registers. */
static __attribute__((noinline)) void prepare_with_care(struct cpu *cpu)
{
    do_chores(cpu);
    if (cpu->chores & CHORE_RUN)
        run_translated(cpu);
    event_deliver(cpu);
    flush_ept(cpu);
    state_write_back(cpu);
}

/* What every way back into the guest does last. Mostly all that is left is RIP, and flags. */
static inline void prepare_entry(struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    if (__builtin_expect(v->event.valid | cpu->vectoring.valid | cpu->chores | cpu->vm->ept.flush, 0)) {
        prepare_with_care(cpu);
    } else if (__builtin_expect((v->dirty | PART_RFLAGS) == (PART_RIP | PART_RFLAGS), 1)) {
        vmwrite(VMCS_GUEST_RIP, v->rip);
        if (v->dirty & PART_RFLAGS)
            vmwrite(VMCS_GUEST_RFLAGS, v->rflags);
        v->have = v->dirty = 0;
    } else {
        state_write_back(cpu);
    }
}

/* Not the plain number of a reason that is known: the number, without what else the field says. */
static __attribute__((noinline)) u32 odd_reason(struct cpu *cpu, u32 reason)
{
    u32 basic = reason & EXIT_REASON_BASIC;
    if (basic < EXIT_REASON_LIMIT && !(reason & EXIT_REASON_ENTRY_FAILURE))
        return basic;
    cpu->reason = basic;
    statistics_row(&cpu->statistics, basic < EXIT_REASON_LIMIT ? basic : ROW_UNKNOWN);
    remember(cpu);
    if (reason & EXIT_REASON_ENTRY_FAILURE)
        exit_fatal(cpu, "VM entry failed: %s", exit_reason_name(reason));
    exit_fatal(cpu, "unhandled VM exit %u (%s)", basic, exit_reason_name(reason));
}

/* The last exit has been counted. Inline in both that count, so that neither asks which it is. */
static inline __attribute__((always_inline)) void handle(struct cpu *cpu)
{
    u32 reason = (u32)vmread_sure(VMCS_EXIT_REASON);
    cpu->injected = false;
    if (__builtin_expect(reason >= EXIT_REASON_LIMIT, 0))
        reason = odd_reason(cpu, reason);
    cpu->reason = reason;
    statistics_row(&cpu->statistics, reason);
    remember(cpu);
    if (during_delivery[reason])
        event_collect(cpu);

    exit_handler *handler = handlers[reason];
    if (__builtin_expect(!handler, 0))
        exit_fatal(cpu, "unhandled VM exit %u (%s)", reason, exit_reason_name(reason));
    handler(cpu);
    statistics_resolve(&cpu->statistics);
    prepare_entry(cpu);
}

void exit_handle_timed(struct cpu *cpu)
{
    statistics_exit(&cpu->statistics, cpu->entered, cpu->exited);
    handle(cpu);
}

void exit_handle_plain(struct cpu *cpu)
{
    statistics_exit_untimed(&cpu->statistics);
    handle(cpu);
}

void exit_left(struct cpu *cpu)
{
    exit_site_left(cpu);
    prepare_entry(cpu);
}

void exit_finish(struct cpu *cpu)
{
    cpu->vcpu.frame.side = 0;
    prepare_entry(cpu);
}

void exit_attend(struct cpu *cpu)
{
    u32 attention = __atomic_exchange_n(&cpu->attention, 0, __ATOMIC_SEQ_CST);
    translated_take_time(&cpu->vcpu);
    if (attention & ATTENTION_NMI) {
        counters.nmis_in_root++;
        cpu->chores |= CHORE_NMI;
    }
    if (attention & ATTENTION_MACHINE_CHECK) {
        counters.machine_checks++;
        cpu->chores |= CHORE_MACHINE_CHECK;
    }
    prepare_entry(cpu);
}

/* Outside 64-bit code RIP has 32 bits. Code segments are asked only where the difference shows. */
static u64 next_rip(struct cpu *cpu, u64 rip, u32 length)
{
    u64 next = rip + length;
    if (__builtin_expect((next ^ rip) >> 32, 0) && vcpu_code_size(&cpu->vcpu) != CODE_64)
        return (u32)next;
    return next;
}

void exit_advance_by(struct cpu *cpu, u32 length)
{
    struct vcpu *v = &cpu->vcpu;
    vcpu_need(v, RETIRE_PARTS);
    bool stepping = v->rflags & RFLAGS_TF;
    retire_to(v, next_rip(cpu, v->rip, length));
    retire_shadow(v, 0);
    if (__builtin_expect(stepping, 0))
        retire_step(v);
}

void exit_advance(struct cpu *cpu)
{
    exit_advance_by(cpu, (u32)vmread(VMCS_EXIT_INSTRUCTION_LENGTH));
}
