/* SPDX-License-Identifier: BSD-2-Clause */
/* What people call the ports, registers and leaves that exits are about, by the PC's and the SDM's tables. */
#ifndef HOST_NAMES_H
#define HOST_NAMES_H

#include "host/text.h"

/* "COM1 data", "EOI", "leaf 4, subleaf 0"; nothing where there is no name for it. */
void name_place(struct text *text, const char *exit, u64 where);

/* What a row of the exit table counts, or NULL. */
const char *name_row(const char *row);

/* The text of a guard or denial in the `counts` line, or its name. */
const char *name_counter(const char *name);

/* The figures of the `cache` line, in the order in which they are shown. */
struct cache_field {
    const char *name, *text;
};
extern const struct cache_field cache_fields[];
extern const u32 cache_field_count;

#endif
