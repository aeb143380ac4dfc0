/* SPDX-License-Identifier: BSD-2-Clause */
/* The LAPIC, as a page (xAPIC) and as MSRs (x2APIC), with the guard of its interrupt command register. */
#include "emul/device_apic.h"

#include "emul/device.h"
#include "lib/string.h"

/* Offsets in the page (SDM "Local APIC Register Address Map"); the x2APIC MSR is X2APIC_MSR(offset). */
#define APIC_ID 0x20u
#define APIC_LDR 0xd0u
#define APIC_DFR 0xe0u
#define APIC_ICR_LOW 0x300u
#define APIC_ICR_HIGH 0x310u
#define X2APIC_MSR(offset) (0x800u + (offset) / 16)

#define ICR_SHORTHAND BITS(19, 18)
#define ICR_LOGICAL BIT(11)
/* SDM "ICR Operation in x2APIC Mode": writing a reserved bit is #GP. */
#define X2APIC_ICR_RESERVED (BITS(31, 20) | BITS(17, 16) | BITS(13, 12))

static void count_swallowed(struct device_counts *counts, u64 icr)
{
    switch ((enum icr_mode)((icr >> 8) & 7)) {
    case ICR_INIT:
        counts->swallowed_init++;
        break;
    case ICR_SIPI:
        counts->swallowed_sipi++;
        break;
    case ICR_NMI:
        counts->swallowed_nmi++;
        break;
    case ICR_SMI:
        counts->swallowed_smi++;
        break;
    default:
        counts->swallowed_other_ipi++;
        break;
    }
}

/* The command again, to one APIC ID, physically. */
static u64 icr_to_self(u64 icr, bool x2apic, u32 own_id)
{
    u64 low = icr & 0xffffffff & ~(ICR_SHORTHAND | ICR_LOGICAL);
    return low | (u64)own_id << (x2apic ? 32 : 56);
}

static inline volatile u32 *apic_register(const struct vm *vm, u32 offset)
{
    return window_map(&vm->window, vm->policy.apic_base + offset);
}

static u32 apic_read(const struct vm *vm, u32 offset)
{
    return *apic_register(vm, offset);
}

static void apic_write(const struct vm *vm, u32 offset, u32 value)
{
    *apic_register(vm, offset) = value;
}

static struct icr_sender xapic_sender(struct vm *vm)
{
    return (struct icr_sender){
        .id = apic_read(vm, APIC_ID) >> 24,
        .logical = apic_read(vm, APIC_LDR) >> 24,
        .cluster = apic_read(vm, APIC_DFR) >> 28 != 0xf,
    };
}

/* A write of ICR_LOW, which sends. The guest's ICR_HIGH is in the LAPIC, and stays there as the guest wrote it. */
static void apic_send(struct vm *vm, u32 low)
{
    if (!vm->smp || icr_harmless(low)) {
        apic_write(vm, APIC_ICR_LOW, low);
        return;
    }
    struct icr_sender sender = xapic_sender(vm);
    u32 high = apic_read(vm, APIC_ICR_HIGH);
    u64 icr = (u64)high << 32 | low;

    switch (icr_guard(icr, false, &sender)) {
    case ICR_PERFORM:
        apic_write(vm, APIC_ICR_LOW, low);
        break;
    case ICR_SELF_ONLY: {
        u64 own = icr_to_self(icr, false, sender.id);
        count_swallowed(&vm->device_counts, icr);
        apic_write(vm, APIC_ICR_HIGH, (u32)(own >> 32));
        apic_write(vm, APIC_ICR_LOW, (u32)own);
        apic_write(vm, APIC_ICR_HIGH, high);
        break;
    }
    case ICR_SWALLOW:
        count_swallowed(&vm->device_counts, icr);
        break;
    }
}

/* What can be read at a register: all of it inside the low four bytes, or 8 or 16 bytes from its start. */
static bool readable(u32 offset, u32 size)
{
    u32 inside = offset & 15;
    return inside + size <= 4 || (inside == 0 && (size == 8 || size == 16));
}

static bool writable(u32 offset, u32 size)
{
    return (offset & 15) == 0 && (size == 4 || size == 8 || size == 16);
}

void device_apic_page_read(struct vm *vm, u32 offset, u32 size, void *value)
{
    if (!readable(offset, size)) {
        vm->device_counts.refused_apic_reads++;
        memset(value, 0xff, size);
        return;
    }
    u32 reg = apic_read(vm, offset & ~15u) >> (8 * (offset & 3));
    u32 length = size < 4 ? size : 4;
    memcpy(value, &reg, length);
    memset((u8 *)value + length, 0, size - length);
}

void device_apic_page_write(struct vm *vm, u32 offset, u32 size, const void *value)
{
    u32 low;

    if (!writable(offset, size)) {
        vm->device_counts.refused_apic_writes++;
        return;
    }
    memcpy(&low, value, sizeof(low));
    if (offset == APIC_ICR_LOW)
        apic_send(vm, low);
    else
        apic_write(vm, offset, low);
}

bool device_x2apic_read(struct vcpu *v, u32 msr, u64 *value)
{
    return v->vm->machine->msr_read(msr, value);
}

/* The ICR, for a command that could reach another CPU. */
static bool x2apic_send(struct vm *vm, u64 icr)
{
    const struct machine *machine = vm->machine;
    u64 id, logical;

    if (icr & X2APIC_ICR_RESERVED)
        return false;
    /* Outside x2APIC mode these do not exist, and neither does the ICR. */
    if (!machine->msr_read(X2APIC_MSR(APIC_ID), &id) || !machine->msr_read(X2APIC_MSR(APIC_LDR), &logical))
        return false;
    struct icr_sender sender = {.id = (u32)id, .logical = (u32)logical};

    switch (icr_guard(icr, true, &sender)) {
    case ICR_PERFORM:
        return machine->msr_write(X2APIC_MSR(APIC_ICR_LOW), icr);
    case ICR_SELF_ONLY:
        count_swallowed(&vm->device_counts, icr);
        return machine->msr_write(X2APIC_MSR(APIC_ICR_LOW), icr_to_self(icr, true, sender.id));
    case ICR_SWALLOW:
        break;
    }
    count_swallowed(&vm->device_counts, icr);
    return true;
}

bool device_x2apic_write(struct vcpu *v, u32 msr, u64 value)
{
    struct vm *vm = v->vm;

    if (msr == X2APIC_MSR(APIC_ICR_LOW) && vm->smp && !icr_harmless(value))
        return x2apic_send(vm, value);
    return vm->machine->msr_write(msr, value);
}
