/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/outputs.h"

void html_write(struct text *out, const struct view *view)
{
    text_add(out, "<!doctype html><title>exeunt-report</title><p>Not there yet.");
}
