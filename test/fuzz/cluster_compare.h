/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the guests are the same, and the message where they are not.
 */
#ifndef TEST_FUZZ_CLUSTER_COMPARE_H
#define TEST_FUZZ_CLUSTER_COMPARE_H

#include "test/fuzz/cluster_ahead.h"
#include "test/fuzz/cluster_guests.h"

/* Outside 64-bit code the upper halves of registers are nobody's. */
static const char *differing_gpr(const struct vcpu *a, const struct vcpu *b)
{
    static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    u64 mask = cluster_mode == MODE_64 ? ~0ull : 0xffffffff;
    for (u32 i = 0; i < GPR_COUNT; i++)
        if ((a->gpr[i] ^ b->gpr[i]) & (i < 8 ? mask : ~0ull))
            return names[i];
    return NULL;
}

static const char *differing_state(const struct test_guest *a, const struct test_guest *b)
{
    const struct vcpu *v = &a->v, *w = &b->v;
    const struct cluster_machine *m = &cluster_machines[a - host_guests], *n = &cluster_machines[b - host_guests];
    if (v->rip != w->rip)
        return "rip";
    if (m->count != n->count || memcmp(m->log, n->log, min_u64(m->count, CLUSTER_LOG) * 8) != 0)
        return "what the machine saw";
    const char *gpr = differing_gpr(v, w);
    if (gpr)
        return gpr;
    const char *control = differing_control(v, w);
    if (control)
        return control;
    if (v->dr7 != w->dr7 || m->dr6 != n->dr6 || memcmp(a->dr, b->dr, sizeof(a->dr)) != 0)
        return "debug registers";
    if (memcmp(&m->console, &n->console, sizeof(m->console)) != 0 || m->dlab != n->dlab)
        return "the console";
    if (buses[0].no_lapic || buses[1].no_lapic)
        return "an access to the LAPIC that is none";
    if (a->port_value != b->port_value || a->now != b->now)
        return "machine";
    return NULL;
}

static const char *differing_memory(const struct test_guest *a, const struct test_guest *b)
{
    if (memcmp(&a->vm.device_counts, &b->vm.device_counts, sizeof(a->vm.device_counts)) != 0)
        return "counts of devices";
    if (memcmp(&a->vm.guards, &b->vm.guards, sizeof(a->vm.guards)) != 0)
        return "guards";
    if (memcmp(a->ram + BLOCK, b->ram + BLOCK, BLOCK_END - BLOCK) != 0) {
        ahead_forgive();
        if (memcmp(a->ram + BLOCK, b->ram + BLOCK, BLOCK_END - BLOCK) != 0)
            return "memory";
    }
    /* Without paging any address may be an operand's: of a loop with BTC, rounds may differ in nothing but this. */
    if (memcmp(a->nothing, b->nothing, PAGE_SIZE) != 0)
        return "memory where there is none";
    return memcmp(a->device, b->device, 2 * PAGE_SIZE) != 0 ? "device" : NULL;
}

static const char *differing(void)
{
    const struct test_guest *a = &host_guests[RUNS], *b = &host_guests[STEPS];
    const char *what = differing_state(a, b);
    return what ? what : differing_memory(a, b);
}

/* ---- the message ---- */

/* Where the guests' memory differs, for the message. */
static char cluster_memory_trouble[64];

static void where_memory(void)
{
    const u8 *a = host_guests[RUNS].ram, *b = host_guests[STEPS].ram;
    u64 at = BLOCK;
    while (at < BLOCK_END && memcmp(a + at, b + at, PAGE_SIZE) == 0)
        at += PAGE_SIZE;
    for (; at < BLOCK_END; at++)
        if (a[at] != b[at]) {
            snprintf(cluster_memory_trouble, sizeof(cluster_memory_trouble), " [%llx] %02x, should be %02x",
                     (unsigned long long)at, a[at], b[at]);
            return;
        }
}

/* Both states, for the message. */
static char cluster_states[1024];

static void note_states(void)
{
    size_t used = 0;
    cluster_states[0] = 0;
    for (u32 i = 0; i < HOST_GUESTS; i++) {
        const struct vcpu *v = &host_guests[i].v;
        used += (size_t)snprintf(cluster_states + used, sizeof(cluster_states) - used,
                                 "  %s rip %llx flags %llx cr2 %llx", i == RUNS ? "runs " : "steps",
                                 (unsigned long long)v->rip, (unsigned long long)v->rflags, (unsigned long long)v->cr2);
        for (u32 n = 0; n < GPR_COUNT && used < sizeof(cluster_states); n++)
            used += (size_t)snprintf(cluster_states + used, sizeof(cluster_states) - used, " %llx",
                                     (unsigned long long)v->gpr[n]);
        const struct cluster_machine *m = &cluster_machines[i];
        if (used < sizeof(cluster_states))
            used += (size_t)snprintf(cluster_states + used, sizeof(cluster_states) - used, " console %02x%s%s\n",
                                     m->console.last, m->console.plain ? " plain" : "", m->dlab ? " divisor" : "");
    }
}

/* What the machine saw: how much, and what is first not the same. */
static void note_log(char *text, size_t size)
{
    const struct cluster_machine *a = &cluster_machines[RUNS], *b = &cluster_machines[STEPS];
    u32 i = 0;
    while (i < min_u64(a->count, b->count) && i < CLUSTER_LOG && a->log[i] == b->log[i])
        i++;
    snprintf(text, size, "; saw %u (steps: %u), entry %u %llx (%llx)", a->count, b->count, i,
             (unsigned long long)a->log[i % CLUSTER_LOG], (unsigned long long)b->log[i % CLUSTER_LOG]);
}

#endif
