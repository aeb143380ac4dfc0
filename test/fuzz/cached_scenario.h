/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Three guests that live the same life: CACHED steps with emul_step_cached(), PLAIN with emul_step(), LONG with
 * emul_step() and no short cut (no remembered walk, and an armed breakpoint that never matches). After each step they
 * must be the same to the last bit. Code is rewritten, mapped elsewhere, taken away and given back in between, by
 * whoever may do so.
 *
 *   cached_guests.h  the guests and their memory
 *   cached_change.h  what happens between two steps
 */
#ifndef TEST_FUZZ_CACHED_SCENARIO_H
#define TEST_FUZZ_CACHED_SCENARIO_H

#include "test/fuzz/cached_change.h"

static void set_registers(void)
{
    u32 flags = draw(64), shadow = draw(32), armed = draw(24), count = draw(40);
    u64 dr7 = 0, dr[4] = {0}, rip = scenario_sites[draw(SITES)];
    bool go_on = draw(12) == 0;
    if (armed == 0) {
        dr7 = (1u << draw(8)) | (u64)draw(65536) << 16;
        for (u32 i = 0; i < 4; i++) /* near what the instruction may reach */
            dr[i] = host_guests[PLAIN].v.gpr[draw(GPR_COUNT)] + draw(16);
    }
    u32 redrawn = draw(65536);
    u64 value[GPR_COUNT], stack = 0x20000 + draw(0x3000);
    for (u32 i = 0; i < GPR_COUNT; i++)
        value[i] = redrawn & (1u << i) ? draw_target() : 0;
    for (EACH_GUEST) {
        struct vcpu *v = &host_guest.v;
        u64 base = vcpu_code_size(v) == CODE_64 ? 0 : v->seg[SEG_CS].base;
        for (u32 i = 0; i < GPR_COUNT; i++)
            if (redrawn & (1u << i))
                v->gpr[i] = value[i];
        v->gpr[RSP] = stack - (scenario_mode == MODE_64 ? 0 : v->seg[SEG_SS].base);
        v->gpr[RCX] = count;
        if (!go_on || v->rip + base - CODE >= CODE_SIZE)
            v->rip = rip - base;
        v->rflags &= ~(u64)(RFLAGS_TF | RFLAGS_RF | RFLAGS_AC);
        v->rflags |= (flags == 0 ? RFLAGS_TF : 0) | (flags == 1 ? RFLAGS_RF : 0) | (flags >> 1 == 1 ? RFLAGS_AC : 0);
        v->interruptibility = shadow == 0 ? BLOCKING_BY_STI : shadow == 1 ? BLOCKING_BY_MOV_SS : 0;
        v->dr7 = dr7;
        memcpy(host_guest.dr, dr, sizeof(dr));
        v->pending_debug = 0;
        v->event = (struct event){0};
        v->dirty = 0;
        host_guest.record[0] = 0;
        host_guest.now = scenario_now;
    }
}

static struct emul_expect draw_expectation(const struct insn *known)
{
    static const u8 sizes[] = {1, 2, 4};
    switch (draw(16)) {
    case 0:
    case 1:
    case 2:
        return (struct emul_expect){.kind = EXPECT_ANY};
    case 3:
        return (struct emul_expect){.kind = EXPECT_OP, .op = draw(2) ? OP_MOV : known->op};
    case 4:
        return (struct emul_expect){.kind = EXPECT_IN + draw(4), .port = draw(256), .size = sizes[draw(3)]};
    default:
        return (struct emul_expect){.kind = EXPECT_MEMORY};
    }
}

static bool trouble(const char *what)
{
    snprintf(scenario_trouble, sizeof(scenario_trouble), "step %llu, mode %u, rip %llx: %s",
             (unsigned long long)scenario_seen.steps, scenario_mode, (unsigned long long)host_guests[PLAIN].v.rip,
             what);
    return false;
}

static const char *differing_register(const struct vcpu *a, const struct vcpu *b)
{
    if (memcmp(a->gpr, b->gpr, sizeof(a->gpr)) != 0)
        return "registers";
    if (a->rip != b->rip)
        return "rip";
    const char *control = differing_control(a, b);
    if (control)
        return control;
    return a->dirty != b->dirty ? "dirty parts" : NULL;
}

static const char *differing(const struct test_guest *a, const struct test_guest *b)
{
    const struct ept_counts *x = &a->vm.ept.counts, *y = &b->vm.ept.counts;
    const char *what = differing_register(&a->v, &b->v);
    if (what)
        return what;
    if (strcmp(a->record, b->record) != 0)
        return "what the machine saw";
    if (memcmp(a->vector, b->vector, sizeof(a->vector)) != 0 || memcmp(a->mmx, b->mmx, sizeof(a->mmx)) != 0)
        return "vector registers";
    if (memcmp(&a->vm.device_counts, &b->vm.device_counts, sizeof(a->vm.device_counts)) != 0)
        return "counts of devices";
    if (x->own_reads != y->own_reads || x->own_writes != y->own_writes)
        return "counts of accesses to Exeunt's region";
    if (memcmp(a->device, b->device, 2 * PAGE_SIZE) != 0)
        return "device";
    if (memcmp(a->ram + APIC_GPA, b->ram + APIC_GPA, 2 * PAGE_SIZE) != 0)
        return "LAPIC or trapped page";
    return NULL;
}

static const char *differing_memory(const struct test_guest *a, const struct test_guest *b)
{
    u32 low = scenario_seen.steps % 512 == 0 ? 2 * MIB : COMPARED_LOW;
    if (memcmp(a->ram, b->ram, low) != 0)
        return "memory";
    if (memcmp(a->ram + TABLES_AT, b->ram + TABLES_AT, RAM_SIZE - TABLES_AT) != 0)
        return "page tables";
    return memcmp(a->nothing, b->nothing, PAGE_SIZE) != 0 ? "nothing" : NULL;
}

static bool same_insn(const struct insn *a, const struct insn *b)
{
    return a->length == b->length && (a->length == 0 || (a->op == b->op && a->flags == b->flags &&
                                                         memcmp(a->operand, b->operand, sizeof(a->operand)) == 0 &&
                                                         a->immediate == b->immediate));
}

/* Read-only pages of the cache and of the EPT are the same ones. */
static bool coherence_holds(void)
{
    const struct vm *vm = &host_guests[CACHED].vm;
    u32 read_only = 0;
    for (u32 i = 0; i < CODE_PAGE_SLOTS; i++) {
        const struct code_page *page = &vm->coherence.pages[i];
        if (page->state != CODE_PAGE_READ_ONLY)
            continue;
        read_only++;
        if (!ept_write_protected(&vm->ept, gpa(page->page)))
            return false;
    }
    return read_only == vm->ept.counts.read_only_pages && vm->coherence.counts.unannounced == 0;
}

static enum emul_status step_long(struct vcpu *v, const struct emul_expect *expect, struct insn *insn)
{
    u64 dr7 = v->dr7;
    memset(v->walks, 0, sizeof(*v->walks));
    if (!(dr7 & WATCH_ENABLES))
        v->dr7 = 1; /* of kind "execute": no access matches it */
    enum emul_status status = emul_step(v, expect, insn);
    v->dr7 = dr7;
    return status;
}

static struct insn scenario_last; /* what PLAIN had last: for expectations that are right, and for messages */

/* What CACHED could not do. */
static enum emul_status cached_status;
static struct insn cached_insn;

static void cached_undone(struct vcpu *v, const struct insn *insn, enum emul_status status)
{
    cached_status = status;
    cached_insn = *insn;
}

/* Its state is fetched part by part. */
static enum emul_status step_cached(struct vcpu *v, const struct emul_expect *expect, struct insn *insn)
{
    cached_status = EMUL_DONE;
    guests_take_parts(v);
    access_need(v, EMUL_STEP_PARTS);
    emul_step_cached(v, expect, cached_undone, &scenario_seen.hits);
    guests_give_parts(v);
    if (cached_status != EMUL_DONE)
        *insn = cached_insn;
    return cached_status;
}

/* All guests step as they are. False: scenario_trouble says what is not the same after it. */
static bool scenario_perform(const struct emul_expect *expect)
{
    enum emul_status status[HOST_GUESTS];
    struct insn insn[HOST_GUESTS];
    u64 hits = scenario_seen.hits;
    use(PLAIN);
    u64 linear = host_guest.v.rip + (vcpu_code_size(&host_guest.v) == CODE_64 ? 0 : host_guest.v.seg[SEG_CS].base);
    u64 at = code_frame(linear);
    for (EACH_GUEST) {
        struct vcpu *v = &host_guest.v;
        memset(&insn[guest], 0, sizeof(insn[guest]));
        if (guest == CACHED)
            status[guest] = step_cached(v, expect, &insn[guest]);
        else
            status[guest] = (guest == LONG ? step_long : emul_step)(v, expect, &insn[guest]);
    }
    count_quick(at);
    scenario_seen.hits_of_two_pages += scenario_seen.hits != hits &&
                                       (linear & ~PAGE_MASK) + insn[PLAIN].length > PAGE_SIZE;
    scenario_last = insn[PLAIN];
    scenario_seen.steps++;
    scenario_seen.status[status[PLAIN]]++;
    for (u32 other = 0; other < HOST_GUESTS; other += 2) {
        if (status[other] != status[PLAIN])
            return trouble("status");
        const char *what = differing(&host_guests[other], &host_guests[PLAIN]);
        if (!what && scenario_seen.steps % 16 == 0)
            what = differing_memory(&host_guests[other], &host_guests[PLAIN]);
        if (!what && status[PLAIN] != EMUL_DONE && !same_insn(&insn[other], &insn[PLAIN]))
            what = "instruction";
        if (what)
            return trouble(what) || (strcat(scenario_trouble, other == CACHED ? " (cached)" : " (long)"), false);
    }
    return scenario_seen.steps % 16 != 0 || coherence_holds() || trouble("read-only pages");
}

__attribute__((unused)) static bool scenario_step(void)
{
    between();
    set_registers();
    struct emul_expect expect = draw_expectation(&scenario_last);
    return scenario_perform(&expect);
}

static void scenario_end(void)
{
    const struct coherence_counts *counts = &host_guests[CACHED].vm.coherence.counts;
    scenario_seen.written += counts->invalidations_write;
    scenario_seen.evicted += counts->invalidations_eviction;
    scenario_seen.differences += counts->differences;
    scenario_seen.demoted += counts->pages_demoted;
    scenario_seen.trusted += counts->pages_trusted;
}

#endif
