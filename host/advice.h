/* SPDX-License-Identifier: BSD-2-Clause */
/* What a user could change so that a site exits less: by the words why its cluster is not longer, and by what it
 * accesses. */
#ifndef HOST_ADVICE_H
#define HOST_ADVICE_H

#include "host/report.h"

/* Sentences; nothing where there is nothing to say. */
void advise(struct text *text, const struct report *report, const struct site *site);

#endif
