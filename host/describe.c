/* SPDX-License-Identifier: BSD-2-Clause */
/* Words and derived figures that several outputs share. */
#include "host/names.h"
#include "host/outputs.h"

#include <string.h>

void percent(struct text *text, u64 part, u64 whole)
{
    if (!whole) {
        text_add(text, "-");
        return;
    }
    u64 hundredths = (u64)(((u128)part * 20000 + whole) / ((u128)whole * 2));
    text_format(text, "%lu.%02lu", hundredths / 100, hundredths % 100);
}

static void add_word(struct text *text, const struct json_value *object, const char *name, const char *before)
{
    const char *value = json_member_string(object, name);
    if (value && *value)
        text_format(text, "%s%s%s", text->used ? ", " : "", before, value);
}

void describe_boot(struct text *text, const struct report *report)
{
    const struct json_value *boot = report->boot_entry ? report->boot_entry->object : NULL;
    add_word(text, boot, "version", "Exeunt ");
    add_word(text, boot, "guest", "guest ");
    add_word(text, report->summary->object, "engine", "engine=");
    add_word(text, boot, "flow", "flow=");
    add_word(text, report->summary->object, "trap", "trap=");
    add_word(text, boot, "options", "options given: ");
}

u64 exit_ticks(const struct report *report)
{
    u64 sum = 0;
    for (u32 i = 0; i < report->row_count; i++)
        sum += report->rows[i].is_exit ? report->rows[i].sum : 0;
    return sum;
}

void describe_later(struct text *text, const struct view *view)
{
    const struct report *last = &view->all->reports[view->all->count - 1];
    if (last != view->report && last->incomplete)
        text_format(text, "report %u, which came later, is not complete: %s (--report %u shows what can be read)",
                    last->number, last->incomplete, last->number);
}

static bool is_port(const char *row)
{
    return !strcmp(row, "IO_IN") || !strcmp(row, "IO_OUT");
}

/* Code that reaches several ports has 0 in its line, which is also a port, though one that hardly exits. */
bool site_has_where(const struct site *site)
{
    return !is_port(site->exit) || site->where;
}

void site_place(struct text *text, const struct site *site)
{
    if (!site_has_where(site))
        text_add(text, "several ports");
    else
        name_place(text, site->exit, site->where);
}

/* For a port this program knows the register too, for the others the log says it best. */
void detail_place(struct text *text, const struct detail *detail)
{
    if (detail->has_where && (is_port(detail->row) || !*detail->name))
        name_place(text, detail->row, detail->where);
    if (!text->used)
        text_add(text, detail->name);
}

bool has_percentiles(const struct report *report)
{
    for (u32 i = 0; i < report->row_count; i++)
        if (report->rows[i].p99)
            return true;
    return false;
}

u64 exits_of_sites(const struct report *report)
{
    u64 sum = 0;
    for (u32 i = 0; i < report->site_count; i++)
        sum += report->sites[i].count;
    return sum;
}

void wrapped(struct text *out, const char *first, int indent, u32 width, const char *words)
{
    size_t limit = width > (u32)indent + 20 ? width - (u32)indent : width ? 20 : SIZE_MAX;
    text_format(out, "%*s%s", indent - (int)strlen(first), "", first);
    for (size_t used = 0; *words;) {
        size_t size = strcspn(words, " ");
        if (used && used + 1 + size > limit) {
            text_format(out, "\n%*s", indent, "");
            used = 0;
        }
        if (used)
            text_add(out, " ");
        used += size + (used != 0);
        text_bytes(out, words, size);
        words += size + (words[size] == ' ');
    }
    text_add(out, "\n");
}
