/* SPDX-License-Identifier: BSD-2-Clause */
/* Exit sites (SPEC 8.2): the instructions whose exits took the most time, and what was made of them. */
#ifndef VMX_REPORT_SITES_H
#define VMX_REPORT_SITES_H

#include "vmx/printer.h"

#define SITE_FIGURES 10

struct site_list {
    u64 figure[SITE_FIGURES]; /* by their names in site_figures() */
    u32 count;
    const struct translation *site[REPORT_SITES]; /* the heaviest first */
    u64 weight[REPORT_SITES];
};

/* Of input->sites, which is not NULL. */
void list_sites(struct site_list *list, const struct report_input *input);

/* Members of `cache`. */
void site_figures(struct json *json, const struct site_list *list);

/* The list, and why others were refused; nothing without input->sites. */
void site_lines(struct printer *p, const struct report_input *input, const struct site_list *list, bool json);

#endif
