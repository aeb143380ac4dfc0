/* SPDX-License-Identifier: BSD-2-Clause */
/* Trapped device memory: the LAPIC page, and pages of trap=mmio:. */
#include "emul/device.h"
#include "emul/device_apic.h"
#include "lib/string.h"

/* Device registers at any address: one machine access each, as wide as the guest's own. */
typedef volatile u8 __attribute__((may_alias)) reg8;
typedef volatile u16 __attribute__((may_alias, aligned(1))) reg16;
typedef volatile u32 __attribute__((may_alias, aligned(1))) reg32;
typedef volatile u64 __attribute__((may_alias, aligned(1))) reg64;

/* The largest access of the machine that fits in `size` bytes. */
static u32 piece(u32 size)
{
    return size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;
}

static u64 load(void *at, u32 size)
{
    switch (size) {
    case 1:
        return *(reg8 *)at;
    case 2:
        return *(reg16 *)at;
    case 4:
        return *(reg32 *)at;
    default:
        return *(reg64 *)at;
    }
}

static void store(void *at, u32 size, u64 value)
{
    switch (size) {
    case 1:
        *(reg8 *)at = (u8)value;
        break;
    case 2:
        *(reg16 *)at = (u16)value;
        break;
    case 4:
        *(reg32 *)at = (u32)value;
        break;
    default:
        *(reg64 *)at = value;
        break;
    }
}

void device_mmio_read(struct vcpu *v, gpa_t at, u32 size, void *value)
{
    struct vm *vm = v->vm;

    if (policy_is_apic(&vm->policy, at.at)) {
        device_apic_page_read(vm, at.at & ~PAGE_MASK, size, value);
        return;
    }
    char *device = vm->window.physmap.map(vm->window.physmap.context, hpa(at.at));
    for (u32 done = 0, length; done < size; done += length) {
        length = piece(size - done);
        u64 data = load(device + done, length);
        memcpy((char *)value + done, &data, length);
    }
}

void device_mmio_write(struct vcpu *v, gpa_t at, u32 size, const void *value)
{
    struct vm *vm = v->vm;

    if (policy_is_apic(&vm->policy, at.at)) {
        device_apic_page_write(vm, at.at & ~PAGE_MASK, size, value);
        return;
    }
    char *device = vm->window.physmap.map(vm->window.physmap.context, hpa(at.at));
    for (u32 done = 0, length; done < size; done += length) {
        u64 data = 0;
        length = piece(size - done);
        memcpy(&data, (const char *)value + done, length);
        store(device + done, length, data);
    }
}

static __attribute__((noinline)) u64 load_apic_part(struct vm *vm, u32 offset, u32 size)
{
    u64 value = 0;
    device_apic_page_read(vm, offset, size, &value);
    return value;
}

u64 device_mmio_load(struct vcpu *v, gpa_t at, u32 size)
{
    struct vm *vm = v->vm;

    if (!policy_is_apic(&vm->policy, at.at))
        return load(window_map(&vm->window, at.at), size);
    if (size == 4 && !(at.at & 15))
        return *(reg32 *)window_map(&vm->window, at.at);
    return load_apic_part(vm, at.at & ~PAGE_MASK, size);
}

void device_mmio_store(struct vcpu *v, gpa_t at, u32 size, u64 value)
{
    struct vm *vm = v->vm;

    if (!policy_is_apic(&vm->policy, at.at))
        store(window_map(&vm->window, at.at), size, value);
    else if (size == 4 && device_apic_is_plain(at.at & ~PAGE_MASK))
        *(reg32 *)window_map(&vm->window, at.at) = (u32)value;
    else
        device_apic_page_write(vm, at.at & ~PAGE_MASK, size, &value);
}
