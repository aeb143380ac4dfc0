/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/spaces.h"

void spaces_forget(struct spaces *spaces)
{
    *spaces = (struct spaces){.now = {.cr3 = SPACE_NONE}};
    for (u32 i = 0; i < SPACES; i++)
        spaces->known[i] = (struct space){.cr3 = SPACE_NONE};
}

void spaces_note(struct spaces *spaces, u64 cr3, const void *table)
{
    struct space *at = spaces->known;
    while (at->table && at->cr3 != cr3)
        at++;
    if (at == &spaces->known[SPACES]) {
        at = &spaces->known[spaces->next];
        spaces->next = (spaces->next + 1) % SPACES;
    }
    spaces->now = *at = (struct space){cr3, table};
}
