/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/dump.h"

#include "cache/translations.h"
#include "emul/access.h"
#include "lib/cpu.h"
#include "lib/print.h"
#include "lib/string.h"
#include "vmx/exit_reasons.h"
#include "vmx/insn.h"
#include "vmx/vmcs_fields.h"

static void dump_exit(struct cpu *cpu)
{
    print("exit %u (%s), qualification %lx, instruction length %lu\n", cpu->reason, exit_reason_name(cpu->reason),
          vmread(VMCS_EXIT_QUALIFICATION), vmread(VMCS_EXIT_INSTRUCTION_LENGTH));
    print("guest-physical %lx, linear %lx, interruption %lx code %lx, vectoring %lx code %lx\n",
          vmread(VMCS_GUEST_PHYSICAL_ADDRESS), vmread(VMCS_GUEST_LINEAR_ADDRESS), vmread(VMCS_EXIT_INTERRUPTION_INFO),
          vmread(VMCS_EXIT_INTERRUPTION_ERROR_CODE), vmread(VMCS_IDT_VECTORING_INFO),
          vmread(VMCS_IDT_VECTORING_ERROR_CODE));
}

static void dump_registers(struct vcpu *v)
{
    const u64 *r = v->gpr;
    print("RIP %016lx RFLAGS %08lx\n", v->rip, v->rflags);
    print("RAX %016lx RBX %016lx RCX %016lx RDX %016lx\n", r[RAX], r[RBX], r[RCX], r[RDX]);
    print("RSI %016lx RDI %016lx RBP %016lx RSP %016lx\n", r[RSI], r[RDI], r[RBP], r[RSP]);
    print("R8  %016lx R9  %016lx R10 %016lx R11 %016lx\n", r[R8], r[R9], r[R10], r[R11]);
    print("R12 %016lx R13 %016lx R14 %016lx R15 %016lx\n", r[R12], r[R13], r[R14], r[R15]);
    print("CR0 %lx CR2 %lx CR3 %lx CR4 %lx EFER %lx DR7 %lx\n", v->cr0, read_cr2(), v->cr3, v->cr4, v->efer, v->dr7);
    print("interruptibility %x activity %lx pending debug %lx\n", v->interruptibility, vmread(VMCS_GUEST_ACTIVITY),
          v->pending_debug);
}

static void dump_segments(struct vcpu *v)
{
    static const char names[SEG_COUNT][5] = {"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"};
    for (u32 i = 0; i < SEG_COUNT; i++)
        print("%-4s %04x base %016lx limit %08x access %05x\n", names[i], v->seg[i].selector, v->seg[i].base,
              v->seg[i].limit, v->seg[i].access);
    print("GDTR base %016lx limit %04x, IDTR base %016lx limit %04x\n", v->gdtr.base, v->gdtr.limit, v->idtr.base,
          v->idtr.limit);
}

/* Through the guest's own paging; a fault there leaves no trace in the guest's state. */
static void dump_bytes(struct vcpu *v)
{
    u8 bytes[16];
    u32 count = 0;
    struct event event = v->event;
    u64 cr2 = v->cr2;
    char text[3 * sizeof(bytes) + 1] = " cannot be fetched";
    if (access_fetch(v, bytes, &count))
        for (u32 i = 0; i < count; i++)
            format(text + 3 * i, sizeof(text) - 3 * i, " %02x", bytes[i]);
    v->event = event;
    v->cr2 = cr2;
    print("bytes at RIP:%s\n", text);
}

static void dump_history(const struct history *history)
{
    u32 count = history->next < HISTORY_LENGTH ? history->next : HISTORY_LENGTH;
    print("last %u exits, newest last:\n", count);
    for (u32 i = history->next - count; i != history->next; i++) {
        const struct history_entry *e = &history->entry[i % HISTORY_LENGTH];
        print("  %-20s RIP %016lx qualification %08x\n", exit_reason_name(e->reason), e->rip, e->detail);
    }
}

/* Exits that vmx/entry.S has served by its quick way are not in the history. */
static void dump_running(const struct translation *running)
{
    if (running)
        print("  (and those that translated code served: last RIP %016lx)\n", running->rip_offset);
}

void dump_guest(struct cpu *cpu)
{
    struct vcpu *v = &cpu->vcpu;
    vcpu_need(v, PART_ALL & ~(u32)(PART_PKRU | PART_PDPTES));
    dump_exit(cpu);
    dump_registers(v);
    dump_segments(v);
    dump_bytes(v);
    dump_history(&cpu->history);
    dump_running(v->frame.running);
}
