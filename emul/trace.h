/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traces (SPEC 6.7, `flow=traces`): clusters that follow the path which the guest was seen to take from an exit on,
 * through calls, returns and computed jumps, over several pages. What was not seen is not followed; where the guest
 * goes another way, the cluster ends, right before the instruction that goes there.
 *
 * An instruction is in the cluster once for each place that it was called from: the copies of a function in two callers
 * have returns of their own. Pure, as emul/cluster.h.
 */
#ifndef EMUL_TRACE_H
#define EMUL_TRACE_H

#include "emul/cluster.h"

/*
 * Instructions in a row that do not exit: then the path is not worth following. Linux polls a UART every 65 to 96, also
 * with its mitigations; farther on, each costs as much to record as four exits, and few paths come to another exit.
 */
#define TRACE_GAP 96

#define PATH_MAX 1024

struct path_step {
    u64 rip;
    u16 port;    /* DX */
    bool begins; /* another path from the entry: the first step of each */
    bool tail;   /* from here to the end of this path nothing was seen to exit */
};

/* What the guest did, instruction by instruction, from an exit on; several times, one behind the other. */
struct path {
    u32 count;
    struct path_step step[PATH_MAX];
};

/* Pages of code that a trace is in, or would be. */
struct trace_pages {
    u32 count;
    u64 page[CLUSTER_TRACE_PAGES];
};

/* False: `page` is one more than a trace can be in. */
bool trace_note_page(struct trace_pages *pages, u64 page);

/*
 * Fills *cluster from request->path, with up to `max` instructions. Returns how many exits taking that path would have
 * been in it, 1 being the one that it begins with: then there is nothing to be gained.
 */
u32 trace_form(const struct cluster_request *request, u32 max, struct cluster *cluster);

/*
 * Whether *cluster is what trace_form() made last, for such a request; to its path something may have been added since,
 * but nothing else must have happened to it. What the exit was about is not looked at.
 */
bool trace_can_grow(const struct cluster_request *request, const struct cluster *cluster);

/* Such a cluster grows by what has been added, if the code is still the same. Returns what trace_form() does. */
u32 trace_grow(const struct cluster_request *request, struct cluster *cluster);

/* How many ways from one instruction to another it has. */
u32 trace_edges(const struct cluster *cluster);

/* How many exits taking that path would have been in another cluster, until the path first leaves it. */
u32 trace_exits_in(const struct path *path, const struct cluster *cluster);

/*
 * Adds the steps from the entry to instruction `to` of a cluster that trace_form() made, the shortest way. False: there
 * is no room, or no way; nothing was added.
 */
bool trace_path_to(const struct cluster *cluster, u32 to, struct path *path);

/* How many paths from the entry there are, one behind the other. */
u32 trace_paths(const struct path *path);

#endif
