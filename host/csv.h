/* SPDX-License-Identifier: BSD-2-Clause */
/* Cells as RFC 4180 has them. */
#ifndef HOST_CSV_H
#define HOST_CSV_H

#include "host/text.h"

#define CSV_LINE_END "\r\n"

/* The value, quoted where it has to be, then `after`: a comma or the line's end. */
void csv_cell(struct text *out, const char *value, const char *after);

#endif
