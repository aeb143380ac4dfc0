/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/code_cache.h"

#include "lib/cpu.h"
#include "lib/test_switch.h"
#include "vmx/insn.h"

#ifdef EXEUNT_TEST_SWITCHES
u32 test_switches;
#endif

/* One CPU runs the guest, and it is here: its own INVEPT is all that has to be acknowledged. */
static void flush(void *context)
{
    struct cpu *cpu = host_cpu();
    invept(cpu->invept_type, cpu->eptp);
    cpu->vm->ept.flush = false;
}

/* window.written: Exeunt stored for the guest into a page that is read-only. */
static void own_store(void *context, gpa_t page)
{
    struct vm *vm = context;
    if (!test_switch(TEST_NO_OWN))
        coherence_written(&vm->coherence, page);
}

void code_cache_init(struct vm *vm, enum coherence_mode mode)
{
    coherence_init(&vm->coherence, &vm->ept, mode);
    vm->coherence.flush = flush;
    vm->coherence.time = rdtsc;
    vm->window.written = own_store;
    vm->window.written_context = vm;
}

void code_cache_give(struct cpu *cpu)
{
    tc_init(&cpu->tcache, &cpu->vm->coherence);
    cpu->vcpu.tcache = &cpu->tcache;
}

struct cache_figures code_cache_figures(const struct cpu *cpu)
{
    u64 hits = 0;
    for (u32 row = 0; row < ROW_COUNT; row++)
        hits += cpu->statistics.hits[row];
    const struct coherence *c = &cpu->vm->coherence;
    return (struct cache_figures){
        .entries = cpu->tcache.counts.entries,
        .bytes = sizeof(cpu->tcache.entry),
        .hits = hits,
        .misses = cpu->tcache.counts.misses,
        .invalidations_write = c->counts.invalidations_write,
        .invalidations_remap = c->counts.invalidations_remap,
        .invalidations_eviction = c->counts.invalidations_eviction,
        .pages_demoted = c->counts.pages_demoted,
        .pages_trusted = c->counts.pages_trusted,
        .pages_compared = coherence_pages_compared(c),
        .differences = c->counts.differences,
        .unannounced = c->counts.unannounced,
    };
}
