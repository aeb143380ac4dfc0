/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events on their way to the guest: what an exit interrupted, what a handler raised, NMIs and machine checks that wait.
 */
#ifndef VMX_EVENT_H
#define VMX_EVENT_H

#include "lib/vcpu.h"

struct cpu;

enum event_outcome {
    EVENT_NONE,
    EVENT_DELIVER,
    EVENT_SHUTDOWN, /* a fault on the way to a double fault: triple fault */
};

/*
 * What is delivered when `raised` came up while `interrupted` was being delivered (either may be invalid). SDM
 * "Interrupt 8 - Double Fault Exception (#DF)", conditions for generating a double fault. Pure.
 */
enum event_outcome event_combine(const struct event *interrupted, const struct event *raised, struct event *deliver);

/* SDM "Format of the VM-Entry Interruption-Information Field"; the same layout describes vectoring information. Pure.
 */
u32 event_encode(const struct event *event);
struct event event_decode(u32 information, u32 error_code, u32 instruction_length);

/* Reads the IDT-vectoring information of the exit into cpu->vectoring (SDM "Information for VM Exits That Occur During
 * Event Delivery"). */
void event_collect(struct cpu *cpu);

/* Writes what is to be delivered next into the entry fields. To be called once before each entry, before the
 * write-back. */
void event_deliver(struct cpu *cpu);

#endif
