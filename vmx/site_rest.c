/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/site_rest.h"

#include "emul/site.h"
#include "vmx/cpu.h"
#include "vmx/vmcs.h"

/* By way of vmx/entry.S; it changes too when they are handed on, which looks like a use. */
static u64 count_uses(const struct translations *t)
{
    u64 uses = 0;
    for (u32 i = 0; i < TRANSLATIONS; i++)
        uses += t->table[i].quick.count;
    return uses;
}

/* Whether a translation, or an answer, was used since the last time that this was asked, or earlier. */
static bool was_used(struct cpu *cpu)
{
    bool ran = cpu->vcpu.frame.running;
    cpu->vcpu.frame.running = NULL;
    if (ran)
        return true;
    u64 before = cpu->rest.uses;
    cpu->rest.uses = count_uses(&cpu->sites->tc);
    return cpu->rest.uses != before;
}

static void wake(struct cpu *cpu)
{
    cpu->rest.now = false;
    cpu->rest.left = 1;
    cpu->tcache.turn_mask = TC_REST_EACH - 1;
    vmcs_exit_to(cpu, true);
}

void site_rest_turn(struct cpu *cpu)
{
    struct site_rest *rest = &cpu->rest;
    if (rest->now) {
        wake(cpu);
        rest->vain = REST_AFTER - REST_LOOK;
    } else if (was_used(cpu)) {
        rest->vain = rest->last = 0;
    } else {
        rest->now = true;
        rest->last = rest->last ? (u32)min_u64(2 * rest->last, REST_MAX) : REST_FOR;
        rest->left = rest->last;
        rest->periods++;
        cpu->tcache.turn_mask = TC_REST_EACH_LONG - 1;
        vmcs_exit_to(cpu, false);
    }
}

void site_rest_end(struct cpu *cpu)
{
    cpu->rest.vain = cpu->rest.last = 0;
    if (cpu->rest.now)
        wake(cpu);
}
