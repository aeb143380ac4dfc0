/* SPDX-License-Identifier: BSD-2-Clause */
/* The privileged half of vmx/event.h. */
#include "lib/counters.h"
#include "lib/cpu.h"
#include "vmx/caps.h"
#include "vmx/cpu.h"
#include "vmx/event.h"
#include "vmx/exit.h"
#include "vmx/insn.h"
#include "vmx/state.h"
#include "vmx/vmcs_fields.h"

/* SDM "Pending Debug Exceptions": a breakpoint that is enabled, single step. */
#define PENDING_DEBUG_TRAP (BIT(12) | BIT(14))

static bool is_software(const struct event *event)
{
    return event->type >= EVENT_SOFTWARE_INTERRUPT;
}

void event_collect(struct cpu *cpu)
{
    u32 information = (u32)vmread_sure(VMCS_IDT_VECTORING_INFO);
    if (!(information & BIT(31)))
        return;
    u32 code = (u32)vmread(VMCS_IDT_VECTORING_ERROR_CODE);
    cpu->vectoring = event_decode(information, code, (u32)vmread(VMCS_EXIT_INSTRUCTION_LENGTH));
}

static void inject(struct cpu *cpu, struct event event)
{
    struct vcpu *v = &cpu->vcpu;
    if (event.type == EVENT_NMI) {
        /* SDM "Checks on Guest Non-Register State": an injected NMI is not blocked by the one that was interrupted. */
        vcpu_need(v, PART_INTERRUPTIBILITY);
        v->interruptibility &= ~(u32)BLOCKING_BY_NMI;
        vcpu_dirty(v, PART_INTERRUPTIBILITY);
    }
    /* SDM "Checks on VM-Entry Control Fields": real mode delivers no error codes, and entry fails with one. */
    if (event.has_error_code && !vcpu_protected(v))
        event.has_error_code = false;
    if (event.has_error_code)
        vmwrite(VMCS_ENTRY_EXCEPTION_ERROR_CODE, event.error_code);
    if (is_software(&event))
        vmwrite(VMCS_ENTRY_INSTRUCTION_LENGTH, event.instruction_length);
    vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, event_encode(&event));
    cpu->injected = true;
}

/* A fault pushes RFLAGS with RF set (SDM "Interrupt and Exception Behavior": debugging). */
static void inject_raised(struct cpu *cpu, const struct event *event)
{
    struct vcpu *v = &cpu->vcpu;
    if (event->type == EVENT_HARDWARE_EXCEPTION && event->vector != VECTOR_DB && event->vector != VECTOR_DF &&
        event->vector != VECTOR_MC) {
        v->rflags = vcpu_rflags(v) | RFLAGS_RF;
        vcpu_dirty(v, PART_RFLAGS);
    }
    inject(cpu, *event);
}

/*
 * SDM "Non-Maskable Interrupts (NMIs)": not while an NMI is handled, nor in the shadow of MOV SS or STI.
 *
 * The shadow of STI does not hold back the NMI-window exit on every CPU (SDM "Other Causes of VM Exits"), so waiting
 * for it could exit for ever on the same instruction. That of MOV SS does, and blocks what STI blocks.
 */
static bool nmi_blocked(struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    vcpu_need(v, PART_INTERRUPTIBILITY);
    if (!cpu->injected && v->interruptibility & BLOCKING_BY_STI) {
        v->interruptibility = (v->interruptibility & ~(u32)BLOCKING_BY_STI) | BLOCKING_BY_MOV_SS;
        vcpu_dirty(v, PART_INTERRUPTIBILITY);
    }
    if (cpu->injected || v->interruptibility & (BLOCKING_BY_NMI | BLOCKING_BY_MOV_SS))
        return true;
    /* Injection would drop a debug trap that is pending, which goes before NMIs (SDM "Delivery of Pending Debug
     * Exceptions after VM Entry"). */
    vcpu_need(v, PART_PENDING_DEBUG);
    return v->pending_debug & PENDING_DEBUG_TRAP;
}

static void deliver_machine_check(struct cpu *cpu)
{
    if (cpu->injected) { /* behind what is being delivered: leave again as soon as that is possible */
        state_set_primary(cpu, PRIMARY_NMI_WINDOW_EXITING);
        return;
    }
    cpu->chores &= ~(u32)CHORE_MACHINE_CHECK;
    struct event event = {.valid = true, .vector = VECTOR_MC, .type = EVENT_HARDWARE_EXCEPTION};
    inject(cpu, event);
}

static void deliver_nmi(struct cpu *cpu)
{
    if (nmi_blocked(cpu)) {
        state_set_primary(cpu, PRIMARY_NMI_WINDOW_EXITING);
        return;
    }
    cpu->chores &= ~(u32)CHORE_NMI;
    counters.nmis_injected++;
    state_clear_primary(cpu, PRIMARY_NMI_WINDOW_EXITING);
    struct event event = {.valid = true, .vector = VECTOR_NMI, .type = EVENT_NMI};
    inject(cpu, event);
}

void event_deliver(struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    if (v->event.valid | cpu->vectoring.valid) {
        struct event event;
        if (v->event.valid && v->event.vector == VECTOR_PF)
            write_cr2(v->cr2);
        if (event_combine(&cpu->vectoring, &v->event, &event) == EVENT_SHUTDOWN)
            exit_shutdown(cpu);
        else if (v->event.valid)
            inject_raised(cpu, &event);
        else
            inject(cpu, event);
        counters.events_reinjected += cpu->vectoring.valid && !v->event.valid;
        counters.events_injected += v->event.valid;
        v->event.valid = false;
        cpu->vectoring.valid = false;
    }
    if (cpu->chores & CHORE_MACHINE_CHECK)
        deliver_machine_check(cpu);
    if (cpu->chores & CHORE_NMI)
        deliver_nmi(cpu);
}
