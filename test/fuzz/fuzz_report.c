/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serial logs of any bytes through all of build/exeunt-report. The first byte chooses what is looked at. Nothing is
 * read beyond the log; what came from it does not get out of the text; the document is JSON; stacks add up to their
 * rows.
 */
#include "host/options.h"
#include "host/phases.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_controls(const struct text *out)
{
    for (size_t i = 0; i < out->used; i++)
        must(((u8)out->data[i] >= 0x20 && out->data[i] != 0x7f) || out->data[i] == '\n');
}

static u32 times(const char *text, const char *what)
{
    u32 count = 0;
    for (; (text = strstr(text, what)) != NULL; text++)
        count++;
    return count;
}

static void check_page(struct text *out)
{
    check_controls(out);
    must(times(out->data, "<script") == 1 && !times(out->data, "<img"));
    text_free(out);
}

static void check_document(struct text *out)
{
    struct arena arena = {0};
    struct json_end end;
    const struct json_value *document = json_read(&arena, out->data, out->used, &end);
    must(document ? end.at + 1 == out->used : !strcmp(end.what, "too many brackets"));
    arena_free(&arena);
    text_free(out);
}

/* The weights of the lines, all rows together. */
static void check_stacks(const struct text *out, const struct view *view)
{
    u128 weights = 0, rows = 0;
    for (const char *line = text_string(out); *line; line = strchr(line, '\n') + 1) {
        const char *end = strchr(line, '\n');
        while (end[-1] != ' ')
            end--;
        weights += strtoull(end, NULL, 10);
    }
    for (u32 i = 0; i < view->report->row_count; i++) {
        const struct row *row = &view->report->rows[i];
        if (strcmp(row->name, "TIMEINGUEST") != 0)
            rows += view->report->timed ? row->sum : row->count;
    }
    must(view->report->incomplete || weights == rows);
}

static void check_diff(const struct view *before, const struct view *after, const struct terminal *terminal)
{
    struct text out = {0};
    diff_write(&out, before, after, terminal);
    check_controls(&out);
    text_free(&out);
    diff_html(&out, before, after);
    check_page(&out);
    diff_json(&out, before, after);
    check_document(&out);
    diff_csv(&out, before, after);
    text_free(&out);
}

static void check_delays(const struct view *one, const struct view *other, const struct terminal *terminal)
{
    const struct view *views[] = {one, other};
    struct delays delays;
    struct text out = {0}, wrong = {0};
    if (delays_read(&delays, views, 2, &wrong)) {
        delays_write(&out, &delays, terminal);
        check_controls(&out);
        text_free(&out);
        delays_json(&out, &delays);
        check_document(&out);
    }
    delays_free(&delays);
    text_free(&wrong);
}

static void check_view(const struct view *view, u8 choice)
{
    struct terminal terminal = {.width = choice & 0x7f, .sort = choice & 1 ? "avg" : NULL};
    struct text out = {0};
    struct view first = *view;
    first.report = &view->all->reports[0];
    terminal_write(&out, view, &terminal);
    check_controls(&out);
    text_free(&out);
    check_diff(&first, view, &terminal);
    check_delays(&first, view, &terminal);
    html_write(&out, view);
    check_page(&out);
    json_document(&out, view);
    check_document(&out);
    csv_write(&out, view);
    text_free(&out);
    if (!view->filter) {
        collapsed_write(&out, view);
        check_stacks(&out, view);
        text_free(&out);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static const char *const filters[] = {NULL, "IO_*,CPUID", "?*", "["};
    struct log log;
    struct reports reports;
    u8 choice = size ? data[0] : 0;

    log_read(&log, "fuzz", (const char *)data + (size != 0), size - (size != 0));
    reports_read(&reports, &log);
    for (u32 number = 0; number <= reports.count && number < 4; number++) {
        struct view view = {.all = &reports,
                            .report = reports_choose(&reports, number),
                            .filter = filters[choice >> 6],
                            .top = choice >> 4 & 3};
        if (view.report)
            check_view(&view, choice);
    }
    reports_free(&reports);
    log_free(&log);
    return 0;
}
