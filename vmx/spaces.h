/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces that vmx/entry.S may look in by itself: whose top paging table is in the guest's RAM. A guest goes to
 * and fro between a few. What the table says is read anew each time, so nothing of it can be stale.
 */
#ifndef VMX_SPACES_H
#define VMX_SPACES_H

#include "lib/types.h"

#define SPACES 8
#define SPACE_NONE (~0ull) /* no CR3 */

struct space {
    u64 cr3;
    const void *table; /* where that table is; NULL: the end of the list */
};

struct spaces {
    struct space now; /* of the last exit that entry.S served */
    u32 next;         /* which one gives way */
    struct space known[SPACES + 1];
};

/* Of none of them is anything known any more: the rules of paging, or where RAM is, have changed. */
void spaces_forget(struct spaces *spaces);

/* `cr3` is the guest's, and `table` is where it leads: that is the space to look in now. */
void spaces_note(struct spaces *spaces, u64 cr3, const void *table);

#endif
