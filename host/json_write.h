/* SPDX-License-Identifier: BSD-2-Clause */
/* The pieces of a JSON document. Commas come by themselves; braces and brackets are the caller's. */
#ifndef HOST_JSON_WRITE_H
#define HOST_JSON_WRITE_H

#include "host/log.h"

/* A member's name and colon. */
void json_name(struct text *out, const char *name);
void json_string(struct text *out, const char *name, const char *string);
void json_number(struct text *out, const char *name, u64 value);
void json_bool(struct text *out, const char *name, bool value);

/* A member on a line of its own whose value is a list, and an element of it; `]` ends the list. */
void json_open_list(struct text *out, const char *name);
void json_element(struct text *out);

/* {"line":N,"log":{...}, still open: more may follow. */
void json_open_entry(struct text *out, const struct entry *entry);

/* A whole member on a line of its own; nothing for NULL. */
void json_entry(struct text *out, const char *name, const struct entry *entry);

/* The member "problems". */
void json_problems(struct text *out, const struct log *log);

#endif
