/* SPDX-License-Identifier: BSD-2-Clause */
/* An attempt to make a translation, and what comes of instructions for which that was in vain. */
#include "emul/site_make.h"
#include "lib/string.h"

void site_in_vain(struct vcpu *v, struct sites *sites, u64 rip, const struct translation *tried, enum cluster_why why)
{
    struct site_skip *skip = site_skip_of(sites, v->rip);
    bool taken = skip->rip != v->rip && skip->left;
    u32 exits = tracker_vain(&sites->tracker, rip, !taken);
    sites->refused[why]++;
    if (taken) {
        skip->left /= 4; /* it may never exit again */
        return;
    }
    if (skip->rip != v->rip)
        skip->exits = 1;
    skip->rip = v->rip;
    skip->left = exits;
    skip->exits += skip->left;
    skip->site = *tried;
    skip->site.source_length = (u16)min_u64(tried->source_length, INSN_MAX);
    memcpy(skip->source, tried->source, skip->site.source_length);
    skip->site.source = skip->source;
    skip->site.rip = rip;
    skip->site.why = (u8)why;
}

bool site_try(struct vcpu *v, struct sites *sites, const struct site_exit *exit, const struct path *path)
{
    const struct translation *tried;
    enum cluster_why why;
    u64 rip = site_linear_rip(v);
    bool done = site_make(v, sites, exit, path, &tried, &why);
    if (done)
        tracker_done(&sites->tracker, rip);
    else
        site_in_vain(v, sites, rip, tried, why);
    return done;
}

void sites_settle(struct sites *sites)
{
    for (u32 i = 0; i < SITE_SKIPS; i++)
        sites->skip[i].site.hits = sites->skip[i].exits - sites->skip[i].left;
}
