/* SPDX-License-Identifier: BSD-2-Clause */
/* Trapped port I/O: verdict, guard, and the real port. */
#include "emul/device.h"

static u32 ones(u32 size)
{
    return size == 4 ? 0xffffffff : (1u << (8 * size)) - 1;
}

/* Of the guarded ports only the console's data port is shown. */
static __attribute__((noinline)) void show_input(struct vm *vm, u16 port, u32 size, u32 value)
{
    if (vm->machine->port_read)
        vm->machine->port_read(port, size, value);
}

u32 device_port_read(struct vcpu *v, u16 port, u32 size)
{
    struct vm *vm = v->vm;
    enum verdict verdict = policy_port(&vm->policy, port, size);

    if (verdict == DENY) {
        vm->device_counts.denied_port_reads++;
        return ones(size);
    }
    u32 value = vm->machine->port_in(port, size) & ones(size);
    if (verdict != GUARD)
        return value;
    if ((u32)vm->policy.console_data - port < size)
        show_input(vm, port, size, value);
    return guard_port_read(&vm->guards, port, size, value);
}

/* False: the write is not performed. */
static bool pass_guard(struct vm *vm, u16 port, u32 size, u32 value)
{
    enum end_cause cause = END_NONE;

    switch (guard_port_write(&vm->guards, port, size, value, &cause)) {
    case GUARD_PERFORM:
        return true;
    case GUARD_SWALLOW:
        vm->device_counts.refused_sleeps++;
        return false;
    case GUARD_END:
        vm->machine->guest_ends(cause);
        return true;
    }
    return true;
}

void device_port_write(struct vcpu *v, u16 port, u32 size, u32 value)
{
    struct vm *vm = v->vm;
    enum verdict verdict = policy_port(&vm->policy, port, size);

    value &= ones(size);
    if (verdict == DENY) {
        vm->device_counts.denied_port_writes++;
        return;
    }
    if (verdict == GUARD) {
        u32 guest = value;
        value = guard_port_value(&vm->guards, port, size, value);
        if (!pass_guard(vm, port, size, guest))
            return;
    }
    vm->machine->port_out(port, size, value);
    if (vm->machine->port_written)
        vm->machine->port_written(port, size, value);
}
