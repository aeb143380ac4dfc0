/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul/maker.h"

#include "emul/quick_run.h"
#include "emul/site_make.h"
#include "lib/string.h"

static struct maker_world world_of(struct vcpu *v)
{
    struct maker_world world;
    memset(&world, 0, sizeof(world)); /* what is between the members is compared too */
    world.cr0 = v->cr0;
    world.cr3 = v->cr3;
    world.cr4 = vcpu_cr4(v);
    world.efer = v->efer;
    world.cs_base = site_linear_rip(v) - v->rip;
    world.cs_access = v->seg[SEG_CS].access;
    world.cs_limit = site_cs_limit(v);
    world.cpl = access_cpl(v);
    world.ports_free = site_ports_free(v);
    return world;
}

static bool is_same_world(struct vcpu *v, const struct maker *maker)
{
    struct maker_world world = world_of(v);
    return quick_runs(v) && !memcmp(&world, &maker->world, sizeof(world));
}

static void work_in_slices(void *context)
{
    struct sites *sites = context;
    struct maker *maker = &sites->maker;
    maker->work(maker->v, sites);
    maker->busy = false;
    coroutine_switch(&maker->slices.work); /* for good */
}

struct slices *maker_slices(struct sites *sites)
{
    return sites->maker.busy ? &sites->maker.slices : NULL;
}

void maker_begin(struct vcpu *v, struct sites *sites, u64 rip, maker_work *work)
{
    struct maker *maker = &sites->maker;
    u64 here = v->rip;
    if (!maker->ticks) {
        v->rip = rip;
        work(v, sites);
        v->rip = here;
        return;
    }
    maker->busy = true;
    maker->patience = MAKER_PATIENCE;
    maker->rip = rip;
    maker->world = world_of(v);
    maker->v = v;
    maker->work = work;
    maker->slices.time = v->vm->machine->time;
    coroutine_begin(&maker->slices.work, maker->stack, sizeof(maker->stack), work_in_slices, sites);
}

void maker_go_on(struct vcpu *v, struct sites *sites)
{
    struct maker *maker = &sites->maker;
    u64 here = v->rip;
    if (!maker->busy)
        return;
    if (!is_same_world(v, maker)) {
        if (!maker->patience--)
            site_give_up(sites);
        return;
    }
    walk_memo_begin(v, &v->vm->window);
    v->rip = maker->rip;
    maker->slices.until = maker->slices.time() + maker->ticks;
    coroutine_switch(&maker->slices.work);
    v->rip = here;
}
