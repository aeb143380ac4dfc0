/* SPDX-License-Identifier: BSD-2-Clause */
/* SPEC 8.1: what the exits of a row were about, by place and with its name. */
#ifndef VMX_REPORT_DETAILS_H
#define VMX_REPORT_DETAILS_H

#include "vmx/printer.h"

/* So many of a row, and of all rows, are printed; the others of a row in one line, so that its lines add up. */
#define DETAILS_OF_ROW 8
#define DETAILS_PRINTED 64

struct details {
    const struct exit_statistics *statistics; /* settled */
    const struct guard_config *guards;        /* has ports of this machine */
    bool json;
    u32 printed;
};

/* Most time first, then most exits. Nothing where only the row is known. */
void details_of_row(struct printer *p, struct details *details, u32 row);

#endif
