/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/json_write.h"

/* A comma where something precedes. */
static void comma(struct text *out)
{
    char last = out->used ? out->data[out->used - 1] : '{';
    if (last != '{' && last != '[')
        text_add(out, ",");
}

void json_name(struct text *out, const char *name)
{
    comma(out);
    text_json_string(out, name);
    text_add(out, ":");
}

void json_string(struct text *out, const char *name, const char *string)
{
    json_name(out, name);
    text_json_string(out, string);
}

void json_number(struct text *out, const char *name, u64 value)
{
    json_name(out, name);
    text_format(out, "%lu", value);
}

void json_bool(struct text *out, const char *name, bool value)
{
    json_name(out, name);
    text_add(out, value ? "true" : "false");
}

static void name_on_own_line(struct text *out, const char *name)
{
    comma(out);
    text_add(out, "\n");
    text_json_string(out, name);
    text_add(out, ":");
}

void json_open_list(struct text *out, const char *name)
{
    name_on_own_line(out, name);
    text_add(out, "[");
}

void json_element(struct text *out)
{
    comma(out);
    text_add(out, "\n ");
}

void json_open_entry(struct text *out, const struct entry *entry)
{
    text_add(out, "{");
    json_number(out, "line", entry->line);
    json_name(out, "log");
    json_write(out, entry->object);
}

void json_entry(struct text *out, const char *name, const struct entry *entry)
{
    if (!entry)
        return;
    name_on_own_line(out, name);
    json_open_entry(out, entry);
    text_add(out, "}");
}

void json_problems(struct text *out, const struct log *log)
{
    json_open_list(out, "problems");
    for (u32 i = 0; i < log->problem_count; i++) {
        json_element(out);
        text_add(out, "{");
        json_number(out, "line", log->problems[i].line);
        json_string(out, "text", log->problems[i].text);
        text_add(out, "}");
    }
    text_add(out, "]");
}
