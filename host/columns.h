/* SPDX-License-Identifier: BSD-2-Clause */
/* A table of text that fits a terminal: columns that say nothing ("-") are left out, and where it is too wide, those
 * that matter least. */
#ifndef HOST_COLUMNS_H
#define HOST_COLUMNS_H

#include "host/text.h"

#define COLUMNS_MAX 16

struct column {
    const char *title;
    bool left;    /* of the text in it; numbers stand right */
    u8 important; /* the columns with the least go first, together; 255: stays in any case */
};

struct columns {
    const struct column *column;
    u32 count;
    char **cells; /* count for each row */
    u32 rows;
};

void columns_begin(struct columns *table, const struct column *column, u32 count);

/* The cell's control characters are written out. */
void __attribute__((format(printf, 2, 3))) columns_cell(struct columns *table, const char *fmt, ...);

/* At most `width` characters per line (0: no limit), behind two blanks; frees the table. */
void columns_end(struct columns *table, struct text *text, u32 width);

#endif
